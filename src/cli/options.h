/* Arguments of a command: --name VALUE, --name=VALUE, flags, and what is neither. Every command that talks to a
 * node also takes the common ones. */
#pragma once

#include "cli/cli.h"

enum output {
    OUTPUT_AUTO, /* a table on a terminal, else JSON */
    OUTPUT_TABLE,
    OUTPUT_JSON,
};

struct common {
    const char *endpoint; /* NULL: the environment's, or the default */
    const char *key_file; /* the same */
    const char *ca;       /* the same; the default is the system's CAs */
    enum output output;
    bool help;
};

/* One option; either value or flag is set when it is there. */
struct option_row {
    const char *name; /* "--since" */
    const char **value;
    bool *flag;
};

struct arguments {
    struct common common;
    const char *const *rest; /* what is not an option; borrowed from words */
    const char **words;      /* owned */
    unsigned n;
};

/* argv[0] is the command's name. CLI_OK, or CLI_USAGE after saying what is wrong. max_rest: of what is not an
 * option. free_arguments in any case. */
int read_arguments(int argc, char **argv, const struct option_row *rows, unsigned max_rest,
    struct arguments *ret_arguments) MUST_CHECK;
void free_arguments(struct arguments *arguments);

/* Takes argv[*at] if it is a common option, and moves *at past it. CLI_OK, CLI_USAGE after saying why, or
 * CLI_REFUSED if it is none. */
int read_common(int argc, char **argv, int *at, struct common *common) MUST_CHECK;

bool wants_table(const struct common *common);
/* The help lines of the common options. */
extern const char common_help[];
