/* The command line of slbd. */
#pragma once

#include "plane/plane.h"

enum slbd_command {
    SLBD_SUPERVISE,
    SLBD_CONTROL,
    SLBD_DATA,
    SLBD_CHECK, /* data --check */
    SLBD_NODE_FILE,
    SLBD_HELP,
    SLBD_VERSION,
};

#define OPTIONS_PASSED_MAX 32u

struct slbd_options {
    enum slbd_command command;
    enum slbd_command help_of; /* SLBD_HELP: which command is asked about; SLBD_HELP: all */
    const char *node_path;     /* NULL: defaults */
    struct plane_opts plane;
    uint32_t log_level; /* enum log_level */
    nsec watchdog_for;  /* supervise; 0: off */
    /* supervise: what is given on to the data process; argv's texts */
    const char *passed[OPTIONS_PASSED_MAX];
    unsigned n_passed;
};

/* Reads argv. Texts stay argv's. Returns 0, or -EINVAL after writing one line to standard error that names the
 * option and the rule. */
int options_parse(int argc, char **argv, struct slbd_options *ret_options) MUST_CHECK;

/* What --help prints: of that command, or, with SLBD_HELP, of all. */
void options_help(enum slbd_command command, struct text *out);
