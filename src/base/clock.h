/* Time inside OpenSLB: nanoseconds. A moment ends in _at, a span in _ns or _for.
 *
 * The loop reads the clock once per turn and hands `now` down; codecs, schedulers and rules never ask.
 */
#pragma once

#include "base/base.h"

typedef int64_t nsec;

#define NSEC_PER_SEC  ((nsec)1000000000)
#define NSEC_PER_MSEC ((nsec)1000000)
#define NSEC_PER_USEC ((nsec)1000)
#define NSEC_NEVER    INT64_MAX

static inline nsec nsec_from_ms(uint64_t ms)
{
    return (nsec)ms * NSEC_PER_MSEC;
}

/* CLOCK_MONOTONIC; for deadlines and durations. */
nsec clock_mono(void);

/* CLOCK_REALTIME; only for what people read. */
nsec clock_wall(void);

/* Writes an ISO 8601 moment with offset, "2026-01-31T23:59:59.123+00:00" (UTC), without a final zero.
 * Returns bytes written, at most CLOCK_TEXT_MAX. */
#define CLOCK_TEXT_MAX 32u
size_t clock_format(nsec wall, char buf[static CLOCK_TEXT_MAX]);

/* Writes an HTTP date (RFC 9110 section 5.6.7), exactly CLOCK_HTTP_LEN bytes, no final zero. */
#define CLOCK_HTTP_LEN 29u
void clock_format_http(nsec wall, char buf[static CLOCK_HTTP_LEN]);
