/* What is wrong with something a person gave us, told so that they can mend it. Errors of one operation
 * collect in a list; each names the resource, the field, the value and the rule. */
#pragma once

#include "base/span.h"

struct error_item {
    char resource[160]; /* "listener/lsn-1", or the file */
    char field[96];     /* "servers[2].weight", empty if the whole resource is meant */
    char value[80];     /* as given, cut; empty if absent or secret */
    char rule[256];     /* one sentence: what must hold */
};

struct errors {
    struct error_item *items; /* owned */
    uint32_t n;
    uint32_t n_max; /* further ones are only counted */
    uint32_t n_dropped;
};

void errors_init(struct errors *errors, uint32_t n_max);
void errors_done(struct errors *errors);
void errors_add(struct errors *errors, const char *resource, const char *field, struct span value,
    const char *rule_fmt, ...) PRINTF_LIKE(5, 6);

struct text;
/* One line a person can read: `listener/lsn-1: port: "70000": must be 1..65535` */
void error_format(const struct error_item *item, struct text *out);
