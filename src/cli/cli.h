/* Commands of slb. Each gets its own arguments (argv[0] is its name) and returns the exit status: 0 done,
 * 1 refused, with the reason on standard error, 2 used wrongly, 3 no node answered. Single threaded. */
#pragma once

#include "snapshot/snapshot.h"

enum {
    CLI_OK = 0,
    CLI_REFUSED = 1,
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3,
};

int cli_check(int argc, char **argv);
int cli_describe(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_reasons(int argc, char **argv);

/* Commands that talk to a node. */
int cli_apply(int argc, char **argv);
int cli_completion(int argc, char **argv);
int cli_diff(int argc, char **argv);
int cli_events(int argc, char **argv);
int cli_health(int argc, char **argv);
int cli_instances(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_top(int argc, char **argv);
int cli_wait(int argc, char **argv);

/* slb PRODUCT OPERATION ...: argv[0] is the product. */
struct openapi_product;
int cli_operation(const struct openapi_product *product, int argc, char **argv);

/* A command of slb itself. */
struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
    const char *words; /* what completion offers behind it */
};
extern const struct command commands[];
extern const size_t n_commands;

/* Says on standard error what is wrong, behind "slb: ". Returns status. */
int cli_fail(int status, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Reads a snapshot file and verifies it as a whole set. On CLI_OK the candidate belongs to the caller, who commits
 * or abandons it; otherwise every problem has been printed. */
int cli_load_snapshot(
    struct builder *builder, const char *path, struct candidate **ret_candidate) MUST_CHECK;
