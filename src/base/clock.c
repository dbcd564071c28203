#include "base/clock.h"

#include <time.h>

#define CLOCK_DAY_SECONDS 86400

/* A moment as people read it, UTC. Years 1677 to 2262: what int64 nanoseconds reach. */
struct clock_parts {
    unsigned year, month, day; /* month and day from 1 */
    unsigned weekday;          /* 0 is Sunday */
    unsigned hour, minute, second, millisecond;
};

static nsec clock_read(clockid_t id)
{
    struct timespec ts;
    int r = clock_gettime(id, &ts);

    assert(r == 0);
    (void)r;
    return (nsec)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

nsec clock_mono(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

nsec clock_wall(void)
{
    return clock_read(CLOCK_REALTIME);
}

/* Gregorian date of a day counted from 1970-01-01. Years are taken to begin on 1 March, so that the
 * leap day comes last; an era is 400 years, 146097 days, and day 0 of era 0 is 0000-03-01. */
static void clock_split_day(int64_t day, struct clock_parts *parts)
{
    unsigned from_march = (unsigned)(day + 719468); /* positive for every year an nsec reaches */
    unsigned era = from_march / 146097;
    unsigned day_of_era = from_march % 146097;
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * day_of_year + 2) / 153;

    parts->day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    parts->month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    parts->year = year_of_era + 400 * era + (parts->month <= 2 ? 1 : 0);
    parts->weekday = (from_march + 3) % 7; /* 0000-03-01 was a Wednesday */
}

static struct clock_parts clock_split(nsec wall)
{
    struct clock_parts parts = {0};
    int64_t seconds = wall / NSEC_PER_SEC;
    int64_t rest_ns = wall % NSEC_PER_SEC;
    int64_t day;
    unsigned second_of_day;

    if (rest_ns < 0) {
        rest_ns += NSEC_PER_SEC;
        seconds--;
    }
    day = seconds / CLOCK_DAY_SECONDS;
    if (seconds % CLOCK_DAY_SECONDS < 0)
        day--;
    second_of_day = (unsigned)(seconds - day * CLOCK_DAY_SECONDS);

    clock_split_day(day, &parts);
    parts.hour = second_of_day / 3600;
    parts.minute = second_of_day / 60 % 60;
    parts.second = second_of_day % 60;
    parts.millisecond = (unsigned)(rest_ns / NSEC_PER_MSEC);
    return parts;
}

/* Exactly n digits. Returns the byte behind them. */
static char *clock_put(char *at, unsigned value, unsigned n)
{
    for (unsigned i = n; i > 0; i--) {
        at[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + n;
}

/* n bytes of text. Returns the byte behind them. */
static char *clock_put_text(char *at, const char *text, size_t n)
{
    memcpy(at, text, n);
    return at + n;
}

static char *clock_put_time(char *at, const struct clock_parts *parts)
{
    at = clock_put(at, parts->hour, 2);
    *at++ = ':';
    at = clock_put(at, parts->minute, 2);
    *at++ = ':';
    return clock_put(at, parts->second, 2);
}

size_t clock_format(nsec wall, char buf[static CLOCK_TEXT_MAX])
{
    struct clock_parts parts = clock_split(wall);
    char *at = clock_put(buf, parts.year, 4);

    *at++ = '-';
    at = clock_put(at, parts.month, 2);
    *at++ = '-';
    at = clock_put(at, parts.day, 2);
    *at++ = 'T';
    at = clock_put_time(at, &parts);
    *at++ = '.';
    at = clock_put(at, parts.millisecond, 3);
    at = clock_put_text(at, "+00:00", 6);
    return (size_t)(at - buf);
}

void clock_format_http(nsec wall, char buf[static CLOCK_HTTP_LEN])
{
    static const char weekdays[7][6] = {
        "Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, "};
    static const char months[12][6] = {" Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ",
        " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec "};
    struct clock_parts parts = clock_split(wall);
    char *at = buf;

    at = clock_put_text(at, weekdays[parts.weekday], 5);
    at = clock_put(at, parts.day, 2);
    at = clock_put_text(at, months[parts.month - 1], 5);
    at = clock_put(at, parts.year, 4);
    *at++ = ' ';
    at = clock_put_time(at, &parts);
    (void)clock_put_text(at, " GMT", 4);
}
