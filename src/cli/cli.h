/* Commands of slb. Each gets its own arguments (argv[0] is its name) and returns the exit status: 0 done,
 * 1 refused, with the reason on standard error, 2 used wrongly. Single threaded. */
#pragma once

#include "snapshot/snapshot.h"

enum {
    CLI_OK = 0,
    CLI_REFUSED = 1,
    CLI_USAGE = 2,
};

int cli_check(int argc, char **argv);
int cli_describe(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_reasons(int argc, char **argv);

/* Says on standard error what is wrong, behind "slb: ". Returns status. */
int cli_fail(int status, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Reads a snapshot file and verifies it as a whole set. On CLI_OK the candidate belongs to the caller, who commits
 * or abandons it; otherwise every problem has been printed. */
int cli_load_snapshot(
    struct builder *builder, const char *path, struct candidate **ret_candidate) MUST_CHECK;
