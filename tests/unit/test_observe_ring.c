#include "observe/ring.h"
#include "unit.h"

static bool put(struct ring *ring, size_t n, char fill)
{
    char *out = ring_reserve(ring, n);

    if (!out)
        return false;
    memset(out, fill, n);
    ring_commit(ring, n);
    return true;
}

/* Takes a record and checks every byte. */
static void take(struct ring *ring, size_t n, char fill)
{
    struct span record;

    assert_true(ring_next(ring, &record));
    assert_int_equal(record.len, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(record.ptr[i], fill);
    ring_release(ring);
}

static void records_come_out_as_they_went_in(void **state)
{
    struct ring ring;
    struct span record;
    uint64_t n_put = 0, n_taken = 0;

    (void)state;
    ring_init(&ring, 256);
    /* Sizes and the lead of the writer have no common factor with the ring: every offset is a start, and the
     * end is reached in every way. */
    while (n_taken < 10000) {
        while (n_put < n_taken + 1 + n_put % 3 && put(&ring, n_put * 7 % 61, (char)(n_put % 251)))
            n_put++;
        take(&ring, n_taken * 7 % 61, (char)(n_taken % 251));
        n_taken++;
    }
    while (n_taken < n_put) {
        take(&ring, n_taken * 7 % 61, (char)(n_taken % 251));
        n_taken++;
    }
    assert_false(ring_next(&ring, &record));
    ring_done(&ring);
}

static void full_ring_refuses_until_released(void **state)
{
    struct ring ring;
    struct span record;

    (void)state;
    ring_init(&ring, 64);
    assert_true(put(&ring, 24, 'a')); /* 32 bytes with the frame */
    assert_true(put(&ring, 24, 'b'));
    assert_false(put(&ring, 0, 'c'));
    assert_true(ring_next(&ring, &record));
    assert_false(put(&ring, 0, 'c')); /* passed, not given back */
    ring_release(&ring);
    assert_true(put(&ring, 24, 'c'));
    take(&ring, 24, 'b');
    take(&ring, 24, 'c');
    ring_done(&ring);
}

static void record_must_fit_in_one_piece(void **state)
{
    struct ring ring;

    (void)state;
    ring_init(&ring, 64);
    assert_false(put(&ring, 57, 'x'));
    assert_null(ring_reserve(&ring, SIZE_MAX - 3));
    assert_true(put(&ring, 56, 'a'));
    take(&ring, 56, 'a');
    assert_true(put(&ring, 8, 'b'));
    take(&ring, 8, 'b');
    /* 48 bytes are left before the end and 16 behind the start: 56 do not fit, 40 do, then 16 more do not. */
    assert_false(put(&ring, 56, 'c'));
    assert_true(put(&ring, 40, 'c'));
    take(&ring, 40, 'c');
    assert_true(put(&ring, 56, 'd'));
    take(&ring, 56, 'd');
    ring_done(&ring);
}

static void what_is_not_committed_is_not_read(void **state)
{
    struct ring ring;
    struct span record;

    (void)state;
    ring_init(&ring, 64);
    assert_non_null(ring_reserve(&ring, 10));
    assert_false(ring_next(&ring, &record));
    assert_true(put(&ring, 3, 'a'));
    take(&ring, 3, 'a');
    assert_false(ring_next(&ring, &record));
    ring_done(&ring);
}

static void past_half_is_seen_and_ends_with_the_release(void **state)
{
    struct ring ring;
    struct span record;

    (void)state;
    ring_init(&ring, 128);
    assert_false(ring_past_half(&ring));
    assert_true(put(&ring, 56, 'a'));
    assert_false(ring_past_half(&ring)); /* exactly half */
    assert_true(put(&ring, 8, 'b'));
    assert_true(ring_past_half(&ring));
    assert_true(ring_next(&ring, &record));
    ring_release(&ring);
    assert_false(ring_past_half(&ring));
    ring_done(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_out_as_they_went_in),
        cmocka_unit_test(full_ring_refuses_until_released),
        cmocka_unit_test(record_must_fit_in_one_piece),
        cmocka_unit_test(what_is_not_committed_is_not_read),
        cmocka_unit_test(past_half_is_seen_and_ends_with_the_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
