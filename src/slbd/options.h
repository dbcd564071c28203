/* The command line of slbd. */
#pragma once

#include "plane/plane.h"

enum slbd_command { SLBD_DATA, SLBD_CHECK, SLBD_HELP, SLBD_VERSION };

struct slbd_options {
    enum slbd_command command;
    struct plane_opts plane;
    uint32_t log_level; /* enum log_level */
};

/* Reads argv. Texts stay argv's. Returns 0, or -EINVAL after writing one line to standard error that names the
 * option and the rule. */
int options_parse(int argc, char **argv, struct slbd_options *ret_options) MUST_CHECK;

/* What --help prints. */
void options_help(struct text *out);
