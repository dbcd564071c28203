/* Whole files. */
#pragma once

#include "base/text.h"

/* Appends all that is in the file; text's limit is the limit. Returns 0, -EFBIG beyond the limit, or -errno. */
int file_read(const char *path, struct text *text) MUST_CHECK;

/* From the descriptor's position to its end. */
int file_read_fd(int fd, struct text *text) MUST_CHECK;
