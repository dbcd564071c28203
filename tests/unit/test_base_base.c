#include "base/base.h"
#include "unit.h"

static unsigned n_closed;

/* NOLINTNEXTLINE(readability-non-const-parameter): the shape of every close */
static int *thing_close(int *thing)
{
    if (thing)
        n_closed++;
    return NULL;
}
DEFINE_CLEANUP(int, thing_close)

static int *make_thing(int *thing, bool keep)
{
    CLEANUP(thing_close) int *owned = thing;

    if (keep)
        return TAKE(owned);
    return NULL;
}

static void cleanup_runs_unless_taken(void **state)
{
    int thing = 0;

    (void)state;
    n_closed = 0;
    assert_ptr_equal(make_thing(&thing, true), &thing);
    assert_int_equal(n_closed, 0);
    assert_null(make_thing(&thing, false));
    assert_int_equal(n_closed, 1);
}

static void min_max_evaluate_once(void **state)
{
    int a = 1;

    (void)state;
    /* NOLINTBEGIN(bugprone-macro-repeated-side-effects): that they are not is tested */
    assert_int_equal(MIN(a++, 5), 1);
    assert_int_equal(a, 2);
    assert_int_equal(MAX(5, a++), 5);
    assert_int_equal(a, 3);
    /* NOLINTEND(bugprone-macro-repeated-side-effects) */
}

static void container_is_found(void **state)
{
    struct pair {
        int a, b;
    } pair;

    (void)state;
    assert_ptr_equal(container_of(&pair.b, struct pair, b), &pair);
}

static void zero_bytes_are_an_object(void **state)
{
    void *a = base_alloc(0), *b = base_zalloc(0), *c = base_calloc(0, 8),
         *d = base_realloc(NULL, 0);

    (void)state;
    assert_true(a && b && c && d);
    free(a);
    free(b);
    free(c);
    free(d);
}

static void zalloc_is_zeroed(void **state)
{
    static const char zeros[64];
    char *a = base_zalloc(64), *b = base_calloc(8, 8);

    (void)state;
    assert_memory_equal(a, zeros, 64);
    assert_memory_equal(b, zeros, 64);
    free(a);
    free(b);
}

static void strings_are_copied(void **state)
{
    static const char unterminated[3] = {'a', 'b', 'c'};
    char *whole = base_strdup("abc");
    char *cut = base_strndup("abcdef", 2);
    char *exact = base_strndup(unterminated, 3);
    char *shorter = base_strndup("ab", 100);

    (void)state;
    assert_string_equal(whole, "abc");
    assert_string_equal(cut, "ab");
    assert_string_equal(exact, "abc");
    assert_string_equal(shorter, "ab");
    free(whole);
    free(cut);
    free(exact);
    free(shorter);
}

static void realloc_keeps_content(void **state)
{
    char *text = base_strdup("abc");

    (void)state;
    text = base_realloc(text, 1000);
    assert_string_equal(text, "abc");
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleanup_runs_unless_taken),
        cmocka_unit_test(min_max_evaluate_once),
        cmocka_unit_test(container_is_found),
        cmocka_unit_test(zero_bytes_are_an_object),
        cmocka_unit_test(zalloc_is_zeroed),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(realloc_keeps_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
