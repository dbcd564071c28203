/* The index against a linear scan, over random rules and requests. */
#include "base/hash.h"
#include "rules_reference.h"
#include "unit.h"

#define ROUNDS 200u

static void index_agrees_with_linear_scan(void **state)
{
    uint8_t bytes[2048];
    struct rng rng;

    (void)state;
    rng_init(&rng, 7);
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t n = 1 + rng_below(&rng, sizeof(bytes));

        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)rng_next(&rng);
        reference_run(bytes, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_agrees_with_linear_scan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
