/* The input is turned into rules and requests; the index must agree with a linear scan, and the explanation with
 * the decision. */
#include "../unit/rules_reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reference_run(data, size);
    return 0;
}
