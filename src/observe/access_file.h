/* The file that access log lines are appended to: rotation, opening anew, and outliving a full disk.
 *
 * Belongs to one thread. Blocks as long as writing to the file does; pipes and terminals are written in pieces
 * that they have room for, with a wait of at most wait_ms for each.
 */
#pragma once

#include <sys/stat.h>

#include "base/clock.h"
#include "base/span.h"

struct access_file {
    char *path;            /* owned; "-": standard output */
    uint64_t rotate_bytes; /* 0: never by size */
    unsigned keep_files;

    int fd;             /* -1: to be opened at retry_at */
    nsec retry_at;      /* monotonic */
    uint64_t bytes;     /* in the file */
    size_t piece_bytes; /* of one write */
    int wait_ms;        /* 1000 */
    bool waits;         /* a pipe, terminal or socket: ask for room before each write */
    bool torn;          /* the file ends in half a line */
    bool told;          /* its trouble was reported */
    uint64_t n_rotations;
};

/* Returns 0 or -errno; the file can be closed in either case. */
int access_file_open(struct access_file *file, const char *path, uint64_t rotate_bytes,
    unsigned keep_files) MUST_CHECK;
void access_file_close(struct access_file *file);

/* Appends whole lines, rotating between two of them where the size asks for it. now: monotonic. Returns how
 * many lines are in the file; the others are lost, because the file cannot be written now. */
uint64_t access_file_write(struct access_file *file, struct span lines, nsec now);

/* Opens the path anew. */
void access_file_reopen(struct access_file *file, nsec now);
