#include "base/clock.h"
#include "unit.h"

/* Expected by `date -u -d @SECONDS`. */
static const struct {
    nsec wall;
    const char *iso, *http;
} cases[] = {
    {0, "1970-01-01T00:00:00.000+00:00", "Thu, 01 Jan 1970 00:00:00 GMT"},
    {784111777 * NSEC_PER_SEC, "1994-11-06T08:49:37.000+00:00", "Sun, 06 Nov 1994 08:49:37 GMT"},
    {951782399 * NSEC_PER_SEC + 999999999, "2000-02-28T23:59:59.999+00:00",
        "Mon, 28 Feb 2000 23:59:59 GMT"},
    {951782400 * NSEC_PER_SEC, "2000-02-29T00:00:00.000+00:00", "Tue, 29 Feb 2000 00:00:00 GMT"},
    {951868800 * NSEC_PER_SEC, "2000-03-01T00:00:00.000+00:00", "Wed, 01 Mar 2000 00:00:00 GMT"},
    {1769903999 * NSEC_PER_SEC + 123456789, "2026-01-31T23:59:59.123+00:00",
        "Sat, 31 Jan 2026 23:59:59 GMT"},
    {1735689599 * NSEC_PER_SEC, "2024-12-31T23:59:59.000+00:00", "Tue, 31 Dec 2024 23:59:59 GMT"},
    {4107542400 * NSEC_PER_SEC, "2100-03-01T00:00:00.000+00:00", "Mon, 01 Mar 2100 00:00:00 GMT"},
    {4107542399 * NSEC_PER_SEC, "2100-02-28T23:59:59.000+00:00", "Sun, 28 Feb 2100 23:59:59 GMT"},
    {-1, "1969-12-31T23:59:59.999+00:00", "Wed, 31 Dec 1969 23:59:59 GMT"},
    {-86400 * NSEC_PER_SEC, "1969-12-31T00:00:00.000+00:00", "Wed, 31 Dec 1969 00:00:00 GMT"},
    {INT64_MIN, "1677-09-21T00:12:43.145+00:00", "Tue, 21 Sep 1677 00:12:43 GMT"},
    {INT64_MAX, "2262-04-11T23:47:16.854+00:00", "Fri, 11 Apr 2262 23:47:16 GMT"},
};

static void moments_are_formatted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char iso[CLOCK_TEXT_MAX], http[CLOCK_HTTP_LEN];

        assert_span_is(((struct span){iso, clock_format(cases[i].wall, iso)}), cases[i].iso);
        clock_format_http(cases[i].wall, http);
        assert_span_is(((struct span){http, CLOCK_HTTP_LEN}), cases[i].http);
    }
}

static void units_convert(void **state)
{
    (void)state;
    assert_int_equal(nsec_from_ms(1500), 1500000000);
    assert_int_equal(NSEC_PER_SEC, 1000 * NSEC_PER_MSEC);
    assert_int_equal(NSEC_PER_MSEC, 1000 * NSEC_PER_USEC);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_formatted),
        cmocka_unit_test(units_convert),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
