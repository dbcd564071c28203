/* Whole files. */
#pragma once

#include "base/text.h"

/* Appends all that is in the file; text's limit is the limit. Returns 0, -EFBIG beyond the limit, or -errno. */
int file_read(const char *path, struct text *text) MUST_CHECK;

/* From the descriptor's position to its end. */
int file_read_fd(int fd, struct text *text) MUST_CHECK;

/* Makes the directory, and those above it that are missing, with that mode. It may be there already. 0 or -errno. */
int file_make_dirs(const char *path, unsigned mode) MUST_CHECK;

/* Writes the whole content beside its place, syncs and renames: whoever opens path finds the old file or this one.
 * path: at most 4000 bytes. 0 or -errno. */
int file_write(const char *path, struct span content, unsigned mode) MUST_CHECK;
