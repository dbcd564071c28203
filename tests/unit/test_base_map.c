#include "base/hash.h"
#include "base/map.h"
#include "unit.h"

enum { N_KEYS = 5000 };

static struct span key_of(const uint32_t *number)
{
    return (struct span){(const char *)number, sizeof(*number)};
}

static void zeroed_map_is_empty(void **state)
{
    struct map map = {0};
    struct span key;
    uint32_t pos = 0;

    (void)state;
    assert_null(map_find(&map, SPAN_LIT("a")));
    assert_null(map_remove(&map, SPAN_LIT("a")));
    assert_null(map_next(&map, &pos, &key));
    map_done(&map);
}

static void values_are_set_found_and_removed(void **state)
{
    struct map map = {0};
    int one, two, three;

    (void)state;
    assert_null(map_set(&map, SPAN_LIT("a"), &one));
    assert_null(map_set(&map, SPAN_LIT("b"), &two));
    assert_null(map_set(&map, SPAN_LIT(""), &three));
    assert_ptr_equal(map_find(&map, SPAN_LIT("a")), &one);
    assert_ptr_equal(map_find(&map, SPAN_LIT("b")), &two);
    assert_ptr_equal(map_find(&map, (struct span){0}), &three);
    assert_null(map_find(&map, SPAN_LIT("c")));
    assert_null(map_find(&map, SPAN_LIT("a\0")));
    assert_int_equal(map.n, 3);

    assert_ptr_equal(map_set(&map, SPAN_LIT("a"), &two), &one);
    assert_ptr_equal(map_find(&map, SPAN_LIT("a")), &two);
    assert_int_equal(map.n, 3);

    assert_ptr_equal(map_remove(&map, SPAN_LIT("a")), &two);
    assert_null(map_remove(&map, SPAN_LIT("a")));
    assert_null(map_find(&map, SPAN_LIT("a")));
    assert_int_equal(map.n, 2);
    map_done(&map);
}

static void replacing_replaces_the_key_too(void **state)
{
    struct map map = {0};
    char old[] = "key", new[] = "key";
    struct span key;
    uint32_t pos = 0;
    int value;

    (void)state;
    (void)map_set(&map, span_of(old), &value);
    (void)map_set(&map, span_of(new), &value);
    assert_non_null(map_next(&map, &pos, &key));
    assert_ptr_equal(key.ptr, new);
    map_done(&map);
}

static void many_keys_are_kept(void **state)
{
    static uint32_t numbers[N_KEYS];
    struct map map = {0};

    (void)state;
    for (uint32_t i = 0; i < N_KEYS; i++) {
        numbers[i] = i;
        assert_null(map_set(&map, key_of(&numbers[i]), &numbers[i]));
    }
    for (uint32_t i = 0; i < N_KEYS; i += 2)
        assert_ptr_equal(map_remove(&map, key_of(&i)), &numbers[i]);
    assert_int_equal(map.n, N_KEYS / 2);
    for (uint32_t i = 0; i < N_KEYS; i++)
        assert_ptr_equal(map_find(&map, key_of(&i)), i % 2 == 0 ? NULL : &numbers[i]);
    map_done(&map);
}

/* What comes and goes must neither fill the table with dead slots nor make it grow. */
static void coming_and_going_does_not_grow_it(void **state)
{
    static uint32_t numbers[100000];
    struct map map = {0};

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LEN(numbers); i++) {
        numbers[i] = i;
        (void)map_set(&map, key_of(&numbers[i]), &numbers[i]);
        if (i >= 10)
            assert_ptr_equal(map_remove(&map, key_of(&numbers[i - 10])), &numbers[i - 10]);
        assert_true(4 * (map.n + map.n_dead) <= 3 * map.cap);
    }
    assert_int_equal(map.n, 10);
    assert_true(map.cap <= 64);
    map_done(&map);
}

static void walk_meets_each_once_and_may_remove(void **state)
{
    static uint32_t numbers[N_KEYS];
    static unsigned n_met[N_KEYS];
    struct map map = {0};
    uint32_t pos = 0;
    uint32_t *number;
    struct span key;

    (void)state;
    for (uint32_t i = 0; i < N_KEYS; i++) {
        numbers[i] = i;
        (void)map_set(&map, key_of(&numbers[i]), &numbers[i]);
    }
    while ((number = map_next(&map, &pos, &key))) {
        assert_ptr_equal(key.ptr, number);
        n_met[*number]++;
        if (*number % 3 != 0)
            (void)map_remove(&map, key);
    }
    for (uint32_t i = 0; i < N_KEYS; i++) {
        assert_int_equal(n_met[i], 1);
        assert_ptr_equal(map_find(&map, key_of(&i)), i % 3 == 0 ? &numbers[i] : NULL);
    }
    map_done(&map);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_map_is_empty),
        cmocka_unit_test(values_are_set_found_and_removed),
        cmocka_unit_test(replacing_replaces_the_key_too),
        cmocka_unit_test(many_keys_are_kept),
        cmocka_unit_test(coming_and_going_does_not_grow_it),
        cmocka_unit_test(walk_meets_each_once_and_may_remove),
    };

    hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
