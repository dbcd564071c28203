#include "base/hash.h"
#include "unit.h"

/* Frozen: servers are chosen by these on all nodes. */
static const struct {
    struct span bytes;
    uint64_t seed, hash;
} place_cases[] = {
    {{NULL, 0}, 0, 0x2d06800538d394c2},
    {SPAN_LIT("a"), 0, 0xe6c632b61e964e1f},
    {SPAN_LIT("abc"), 0, 0x78af5f94892f3950},
};

static void place_is_frozen(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(place_cases); i++)
        assert_true(hash_place(place_cases[i].bytes, place_cases[i].seed) == place_cases[i].hash);
    assert_true(hash_place(SPAN_LIT("abc"), 1) != hash_place(SPAN_LIT("abc"), 2));
}

static void keyed_is_stable_within_a_process(void **state)
{
    uint64_t hash;

    (void)state;
    hash_init();
    hash = hash_keyed(SPAN_LIT("abc"));
    hash_init();
    assert_true(hash_keyed(SPAN_LIT("abc")) == hash);
    assert_true(hash_keyed(SPAN_LIT("abd")) != hash);
    assert_true(hash_keyed((struct span){0}) == hash_keyed(SPAN_LIT("")));
}

/* From the reference implementations by Blackman and Vigna. */
static void generator_is_xoshiro(void **state)
{
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    static const uint64_t seeded[] = {
        6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u};
    struct rng rng = {{1, 2, 3, 4}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_true(rng_next(&rng) == expected[i]);
    rng_init(&rng, 1234567);
    for (size_t i = 0; i < ARRAY_LEN(seeded); i++)
        assert_true(rng.s[i] == seeded[i]);
}

static void below_is_even(void **state)
{
    unsigned n_hits[7] = {0};
    struct rng rng;

    (void)state;
    rng_init(&rng, 0);
    for (unsigned i = 0; i < 70000; i++)
        n_hits[rng_below(&rng, 7)]++;
    for (unsigned i = 0; i < 7; i++)
        assert_in_range(n_hits[i], 9600, 10400);
}

static void below_keeps_its_bound(void **state)
{
    static const uint32_t bounds[] = {1, 2, 3, 0x80000000, 0x80000001, UINT32_MAX};
    struct rng rng;

    (void)state;
    rng_init(&rng, 42);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        for (unsigned k = 0; k < 1000; k++)
            assert_true(rng_below(&rng, bounds[i]) < bounds[i]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(place_is_frozen),
        cmocka_unit_test(keyed_is_stable_within_a_process),
        cmocka_unit_test(generator_is_xoshiro),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(below_keeps_its_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
