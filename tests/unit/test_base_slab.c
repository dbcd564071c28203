#include "base/slab.h"
#include "unit.h"

static void objects_are_aligned_and_apart(void **state)
{
    static const size_t sizes[] = {1, 8, 16, 20, 33, 1000, 65536, 100000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        unsigned char *objects[200];
        struct slab slab;

        slab_init(&slab, sizes[i]);
        for (unsigned k = 0; k < 200; k++) {
            objects[k] = slab_get(&slab);
            assert_int_equal((uintptr_t)objects[k] % 16, 0);
            memset(objects[k], (int)k, sizes[i]);
        }
        assert_int_equal(slab.n_used, 200);
        for (unsigned k = 0; k < 200; k++) {
            assert_int_equal(objects[k][0], k);
            assert_int_equal(objects[k][sizes[i] - 1], k);
            slab_put(&slab, objects[k]);
        }
        assert_int_equal(slab.n_used, 0);
        slab_done(&slab);
    }
}

static void last_in_is_first_out(void **state)
{
    struct slab slab;
    void *a, *b;

    (void)state;
    slab_init(&slab, 24);
    a = slab_get(&slab);
    b = slab_get(&slab);
    slab_put(&slab, a);
    slab_put(&slab, b);
    assert_ptr_equal(slab_get(&slab), b);
    assert_ptr_equal(slab_get(&slab), a);
    slab_put(&slab, a);
    slab_put(&slab, b);
    slab_done(&slab);
}

static void unused_slab_can_be_done(void **state)
{
    struct slab slab;

    (void)state;
    slab_init(&slab, 24);
    slab_done(&slab);
}

static void asan_guards_objects(void **state)
{
    struct slab slab;
    char *object, *next;

    (void)state;
    if (!SLB_ASAN)
        skip();
    slab_init(&slab, 20);
    object = slab_get(&slab);
    next = slab_get(&slab);
    assert_false(unit_is_poisoned(object + 19));
    assert_true(unit_is_poisoned(object + 20));
    assert_true(unit_is_poisoned(next - 1));
    slab_put(&slab, object);
    assert_true(unit_is_poisoned(object));
    assert_true(unit_is_poisoned(object + 19));
    slab_put(&slab, next);
    slab_done(&slab);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_aligned_and_apart),
        cmocka_unit_test(last_in_is_first_out),
        cmocka_unit_test(unused_slab_can_be_done),
        cmocka_unit_test(asan_guards_objects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
