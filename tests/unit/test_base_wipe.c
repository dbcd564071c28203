/* Looks at memory at the moment it is released: the linker lets every free() of ours go through this test. */
#include <malloc.h>

#include "base/arena.h"
#include "base/wipe.h"
#include "openapi/params.h"
#include "unit.h"

#define MARK "a-secret-that-must-not-stay"

/* NOLINTBEGIN(readability-identifier-naming): the linker's names */
void __real_free(void *ptr);
void __wrap_free(void *ptr);
/* NOLINTEND(readability-identifier-naming) */

static unsigned n_freed, n_seen; /* blocks; those that still had the mark */

void __wrap_free(void *ptr)
{
    size_t bytes = ptr ? malloc_usable_size(ptr) : 0;

    n_freed += ptr != NULL;
    ASAN_UNPOISON_MEMORY_REGION(ptr, bytes); /* gaps of an arena's blocks */
    if (bytes >= sizeof(MARK) - 1 && memmem(ptr, bytes, MARK, sizeof(MARK) - 1))
        n_seen++;
    __real_free(ptr);
}

static int setup(void **state)
{
    (void)state;
    n_freed = n_seen = 0;
    return 0;
}

static void what_is_freed_plainly_is_seen(void **state)
{
    char *ptr = base_strdup(MARK);

    (void)state;
    free(ptr);
    assert_int_equal(n_seen, 1);
}

static void a_wiped_block_has_nothing(void **state)
{
    char *ptr = base_strdup("0123456789" MARK);

    (void)state;
    wipe_free(ptr);
    wipe_free(NULL);
    assert_int_equal(n_freed, 1);
    assert_int_equal(n_seen, 0);
}

static void growing_keeps_the_bytes_and_leaves_none(void **state)
{
    char *ptr = base_strdup(MARK);

    (void)state;
    ptr = wipe_realloc(ptr, sizeof(MARK), 1000);
    assert_int_equal(n_freed, 1);
    assert_string_equal(ptr, MARK);
    ptr = wipe_realloc(ptr, sizeof(MARK), 9); /* shorter */
    assert_memory_equal(ptr, MARK, 9);
    wipe_free(ptr);
    assert_int_equal(n_freed, 3);
    assert_int_equal(n_seen, 0);
}

static void secret_text_leaves_nothing_where_it_grew(void **state)
{
    struct text text;

    (void)state;
    text_init_secret(&text, 1u << 20);
    for (unsigned i = 0; i < 1000; i++)
        text_add(&text, SPAN_LIT(MARK));
    assert_int_equal(text.len, 1000 * (sizeof(MARK) - 1));
    assert_memory_equal(text.ptr + 999 * (sizeof(MARK) - 1), MARK, sizeof(MARK) - 1);
    text_done(&text);
    assert_true(n_freed > 3);
    assert_int_equal(n_seen, 0);
    text_done(&text); /* as any other, twice is nothing */
}

static void an_arena_is_wiped_in_all_its_blocks(void **state)
{
    char first[64] = MARK;
    struct arena arena;

    (void)state;
    arena_init(&arena, first, sizeof(first), SIZE_MAX);
    for (unsigned i = 0; i < 2000; i++) /* of both sizes of blocks */
        (void)arena_copy(&arena, SPAN_LIT(MARK));
    memset(arena_alloc(&arena, 100000), 'x', 100000);
    arena_wipe(&arena);
    assert_true(n_freed > 3);
    assert_int_equal(n_seen, 0);
    assert_null(memmem(first, sizeof(first), MARK, sizeof(MARK) - 1));
    arena_wipe(&arena); /* zeroed */
}

static void parameters_are_wiped(void **state)
{
    struct params params = {0};

    (void)state;
    assert_int_equal(params_decode_form(&params, SPAN_LIT("Key=" MARK "&Name=x")), 0);
    assert_int_equal(params_add(&params, SPAN_LIT("Other"), SPAN_LIT(MARK)), 0);
    params_done(&params);
    /* What is refused half-way. */
    assert_int_equal(params_decode_form(&params, SPAN_LIT("Key=" MARK "%zz")), -EINVAL);
    params_done(&params);
    assert_int_equal(n_seen, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    static const struct CMUnitTest tests[] = {
        TEST(what_is_freed_plainly_is_seen),
        TEST(a_wiped_block_has_nothing),
        TEST(growing_keeps_the_bytes_and_leaves_none),
        TEST(secret_text_leaves_nothing_where_it_grew),
        TEST(an_arena_is_wiped_in_all_its_blocks),
        TEST(parameters_are_wiped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
