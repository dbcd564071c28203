#include "snapshot/table.h"
#include "unit.h"

/* Objects that count what a table does with them. */
struct object {
    int refs;
    int n_unrefs;
};

static void object_ref(void *object)
{
    ((struct object *)object)->refs++;
}

static void object_unref(void *arg, void *object)
{
    (void)arg;
    ((struct object *)object)->refs--;
    ((struct object *)object)->n_unrefs++;
}

static const struct table_owner owner = {.ref = object_ref, .unref = object_unref};

static void slots_hold_what_was_set(void **state)
{
    static const uint32_t slots[] = {0, 1, 255, 256, 1000, 100000};
    struct object objects[ARRAY_LEN(slots)];
    struct table table = {0};
    uint32_t slot = 0;

    (void)state;
    assert_null(table_get(&table, 0));
    assert_null(table_get(&table, REF_NONE));
    for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
        objects[i] = (struct object){.refs = 1};
        table_set(&table, slots[i], &objects[i], &owner);
    }
    for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
        assert_ptr_equal(table_get(&table, slots[i]), &objects[i]);
        assert_ptr_equal(table_next(&table, &slot), &objects[i]);
        assert_int_equal(slot++, slots[i]);
    }
    assert_null(table_next(&table, &slot));
    assert_null(table_get(&table, 2));
    assert_null(table_get(&table, 99999));
    assert_null(table_get(&table, REF_NONE));

    table_set(&table, 255, NULL, &owner);
    assert_null(table_get(&table, 255));
    assert_int_equal(objects[2].refs, 0);
    table_set(&table, 5000000, NULL, &owner);
    assert_true(table.n_pages < 1000);

    table_done(&table, &owner);
    for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
        assert_int_equal(objects[i].refs, 0);
        assert_int_equal(objects[i].n_unrefs, 1);
    }
}

static void pages_are_shared_until_one_differs(void **state)
{
    struct object a = {.refs = 1}, b = {.refs = 1}, c = {.refs = 1}, far = {.refs = 1};
    struct table old = {0}, new = {0};

    (void)state;
    table_set(&old, 3, &a, &owner);
    table_set(&old, 4, &b, &owner);
    table_set(&old, 1000, &far, &owner);
    table_share(&new, &old);
    assert_ptr_equal(new.pages[0], old.pages[0]);
    assert_int_equal(a.refs, 1);

    table_set(&new, 4, &c, &owner);
    assert_ptr_not_equal(new.pages[0], old.pages[0]);
    assert_ptr_equal(new.pages[3], old.pages[3]);
    assert_ptr_equal(table_get(&old, 4), &b);
    assert_ptr_equal(table_get(&new, 4), &c);
    assert_int_equal(a.refs, 2);
    assert_int_equal(b.refs, 1);
    assert_int_equal(c.refs, 1);
    assert_int_equal(far.refs, 1);

    table_done(&old, &owner);
    assert_int_equal(a.refs, 1);
    assert_int_equal(b.refs, 0);
    assert_int_equal(far.refs, 1);
    assert_ptr_equal(table_get(&new, 3), &a);
    table_done(&new, &owner);
    assert_int_equal(a.refs, 0);
    assert_int_equal(c.refs, 0);
    assert_int_equal(far.refs, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_hold_what_was_set),
        cmocka_unit_test(pages_are_shared_until_one_differs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
