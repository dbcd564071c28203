#include "observe/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

static const char *const log_words[] = {
    [LOG_ERROR] = "error",
    [LOG_WARNING] = "warning",
    [LOG_NOTICE] = "notice",
    [LOG_DEBUG] = "debug",
};

static _Atomic int log_limit = LOG_NOTICE;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&log_limit, (int)level, memory_order_relaxed);
}

/* len: what vsnprintf said of message, which ends in a zero. */
static void log_add_message(struct text *line, char *message, size_t cap, int len)
{
    if (len < 0)
        return;
    for (char *c = message; *c != '\0'; c++) {
        if ((uint8_t)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    text_add(line, span_of(message));
    if ((size_t)len >= cap)
        text_add(line, SPAN_LIT("..."));
}

void log_line(enum log_level level, const char *fmt, ...)
{
    char buf[LOG_LINE_MAX], message[LOG_LINE_MAX - 64], when[CLOCK_TEXT_MAX];
    struct text line;
    va_list args;
    int len;

    if ((int)level > atomic_load_explicit(&log_limit, memory_order_relaxed))
        return;
    va_start(args, fmt);
    len = vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    text_init_fixed(&line, buf, sizeof(buf));
    text_add(&line, (struct span){when, clock_format(clock_wall(), when)});
    text_add_char(&line, ' ');
    text_add(&line, span_of(log_words[level]));
    text_add_char(&line, ' ');
    log_add_message(&line, message, sizeof(message), len);
    text_add_char(&line, '\n');
    (void)!write(STDERR_FILENO, line.ptr, line.len);
}
