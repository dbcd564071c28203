/* Messages for people, on standard error. Any thread. */
#pragma once

#include "base/base.h"

/* From this length on a message is cut. */
#define LOG_LINE_MAX 2048u

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_DEBUG };

/* "2026-01-31T23:59:59.123+00:00 warning text", one write per line. Control characters, which may come from
 * a peer, are written as '?'. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Messages beyond this level are left out; LOG_NOTICE is where it starts. */
void log_set_level(enum log_level level);
