#include "base/arena.h"
#include "unit.h"

static void objects_are_aligned_and_apart(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 8, 9, 100, 4000, 5000, 70000, 3};
    struct arena arena;
    char *objects[ARRAY_LEN(sizes)];

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        objects[i] = arena_alloc(&arena, sizes[i]);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % 8, 0);
        memset(objects[i], (int)('a' + i), sizes[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(objects[i][k], 'a' + i);
    }
    arena_done(&arena);
}

static void many_small_objects_keep_their_bytes(void **state)
{
    enum { N = 20000 };
    uint32_t **objects = base_calloc(N, sizeof(*objects));
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    for (uint32_t i = 0; i < N; i++) {
        objects[i] = arena_alloc(&arena, sizeof(uint32_t));
        *objects[i] = i;
    }
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(*objects[i], i);
    arena_done(&arena);
    free(objects);
}

static void first_block_is_used_before_malloc(void **state)
{
    _Alignas(8) char first[64];
    struct arena arena;

    (void)state;
    arena_init(&arena, first, sizeof(first), 0);
    for (unsigned i = 0; i < 8; i++)
        assert_non_null(arena_alloc(&arena, 8));
    assert_int_equal(arena.used_bytes, 0);
    assert_null(arena_alloc(&arena, 1));
    arena_reset(&arena);
    assert_non_null(arena_alloc(&arena, 64));
    assert_null(arena_alloc(&arena, 1));
    arena_done(&arena);
}

static void crooked_first_block_is_aligned(void **state)
{
    _Alignas(8) char first[64];
    struct arena arena;

    (void)state;
    arena_init(&arena, first + 3, 30, 0); /* bytes 8 to 31 can be used */
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal((uintptr_t)arena_alloc(&arena, 5) % 8, 0);
    assert_null(arena_alloc(&arena, 1));
    arena_done(&arena);

    arena_init(&arena, first + 1, 7, 0);
    assert_null(arena_alloc(&arena, 1));
    arena_done(&arena);
}

static void limit_is_kept(void **state)
{
    struct arena arena;
    size_t n_bytes = 0;

    (void)state;
    arena_init(&arena, NULL, 0, 10000);
    while (arena_alloc(&arena, 104))
        n_bytes += 104;
    assert_in_range(n_bytes, 9500, 10000);
    assert_in_range(arena.used_bytes, 9500, 10000);
    assert_null(arena_zalloc(&arena, 5000));
    assert_null(
        arena_copy(&arena, span_of("a text that is too long to find room in what is left, as it "
                                   "has more than the hundred and four bytes of the others"))
            .ptr);

    arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    assert_non_null(arena_alloc(&arena, 9000));
    assert_null(arena_alloc(&arena, 9000));
    arena_done(&arena);
}

static void absurd_sizes_are_refused(void **state)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 6, SIZE_MAX - 7, SIZE_MAX / 2 + 1};
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_non_null(arena_alloc(&arena, 8));
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        assert_null(arena_alloc(&arena, sizes[i]));
    arena_done(&arena);
}

static void zalloc_is_zeroed(void **state)
{
    static const char zeros[100];
    char first[256];
    struct arena arena;

    (void)state;
    memset(first, 'x', sizeof(first));
    arena_init(&arena, first, sizeof(first), SIZE_MAX);
    assert_memory_equal(arena_zalloc(&arena, 100), zeros, 100);
    arena_done(&arena);
}

static void copy_ends_in_zero(void **state)
{
    struct arena arena;
    struct span copy;

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    copy = arena_copy(&arena, (struct span){"abcdef", 3});
    assert_span_is(copy, "abc");
    assert_int_equal(copy.ptr[3], '\0');
    copy = arena_copy(&arena, (struct span){0});
    assert_non_null(copy.ptr);
    assert_span_is(copy, "");
    arena_done(&arena);
}

static void zeroed_arena_can_be_done(void **state)
{
    struct arena arena = {0};

    (void)state;
    arena_done(&arena);
}

static void large_object_leaves_the_current_block(void **state)
{
    struct arena arena;
    char *before, *after;

    (void)state;
    if (SLB_ASAN)
        skip(); /* there every object has its own block */
    arena_init(&arena, NULL, 0, SIZE_MAX);
    before = arena_alloc(&arena, 8);
    assert_int_equal(arena.used_bytes, 4096);
    (void)arena_alloc(&arena, 100000);
    assert_in_range(arena.used_bytes, 104096, 104200);
    after = arena_alloc(&arena, 8);
    assert_ptr_equal(after, before + 8);
    arena_done(&arena);
}

static void blocks_double_up_to_64_kib(void **state)
{
    static const size_t used[] = {4096, 12288, 28672, 61440, 126976, 192512, 258048};
    struct arena arena;
    size_t n_blocks = 0;
    size_t used_before = 0;

    (void)state;
    if (SLB_ASAN)
        skip(); /* there every object has its own block */
    arena_init(&arena, NULL, 0, SIZE_MAX);
    while (n_blocks < ARRAY_LEN(used)) {
        (void)arena_alloc(&arena, 8);
        if (arena.used_bytes == used_before)
            continue;
        used_before = arena.used_bytes;
        assert_int_equal(used_before, used[n_blocks++]);
    }
    arena_done(&arena);
}

static void asan_guards_each_object(void **state)
{
    struct arena arena;
    char first[256];
    char *object;

    (void)state;
    if (!SLB_ASAN)
        skip();
    arena_init(&arena, first, sizeof(first), SIZE_MAX);
    object = arena_alloc(&arena, 13);
    (void)arena_alloc(&arena, 13);
    assert_false(unit_is_poisoned(object));
    assert_false(unit_is_poisoned(object + 12));
    assert_true(unit_is_poisoned(object + 13));
    assert_true(unit_is_poisoned(object - 1));
    arena_reset(&arena);
    assert_true(unit_is_poisoned(object));
    arena_done(&arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_aligned_and_apart),
        cmocka_unit_test(many_small_objects_keep_their_bytes),
        cmocka_unit_test(first_block_is_used_before_malloc),
        cmocka_unit_test(crooked_first_block_is_aligned),
        cmocka_unit_test(limit_is_kept),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(zalloc_is_zeroed),
        cmocka_unit_test(copy_ends_in_zero),
        cmocka_unit_test(zeroed_arena_can_be_done),
        cmocka_unit_test(large_object_leaves_the_current_block),
        cmocka_unit_test(blocks_double_up_to_64_kib),
        cmocka_unit_test(asan_guards_each_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
