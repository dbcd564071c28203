/* What every unit test includes first: cmocka with the headers it needs, in the order it needs. */
#pragma once

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <sanitizer/asan_interface.h>

#include "base/span.h"

/* A span holds exactly the bytes of a C string. */
#define assert_span_is(actual, expected) unit_compare(actual, expected, __FILE__, __LINE__)

static inline void unit_compare(
    struct span actual, const char *expected, const char *file, int line)
{
    if (span_eq(actual, span_of(expected)))
        return;
    print_error("\"%.*s\" is not \"%s\"\n", SPAN_ARG(actual), expected);
    _fail(file, line);
}

/* Whether AddressSanitizer would report an access; a test that asks skips itself without it. */
static inline bool unit_is_poisoned(const volatile void *ptr)
{
#if SLB_ASAN
    return __asan_address_is_poisoned(ptr);
#else
    (void)ptr;
    return false;
#endif
}
