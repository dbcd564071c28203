/* Whether resources make sense together. Inside of the snapshot folder.
 *
 * Looks at what a change touched and at what that refers to, so the cost follows the change. All
 * problems go to errors.
 */
#pragma once

#include "base/error.h"
#include "snapshot/fields.h"
#include "snapshot/snapshot.h"

struct verify {
    const struct snapshot *snapshot; /* as it would be */
    struct errors *errors;
    const struct resource *resource; /* that is being looked at */
};

/* One problem of verify->resource. value may be empty. */
void verify_complain(const struct verify *verify, const struct field_path *path, struct span value,
    const char *rule_fmt, ...) PRINTF_LIKE(4, 5);

/* "kind/id". */
#define RESOURCE_LABEL_MAX 160u
void resource_label(const struct resource *resource, char buf[static RESOURCE_LABEL_MAX]);

/* All that can be said of one resource that was touched, with what it refers to. */
void verify_resource(struct verify *verify, const struct resource *resource);

/* What holds among the rules of one listener: limits, and that no two decide the same. rules: all of them. */
void verify_rules_together(struct verify *verify, const struct listener_conf *listener,
    const struct rule_conf *const *rules, uint32_t n_rules);

#define VERIFY_RULES_MAX 10000u /* of one listener */

/* verify_actions.c. listener: whose requests they decide. */
void verify_actions(const struct verify *verify, const struct listener_conf *listener,
    struct field_list actions, const char *name);

/* verify_conditions.c */
void verify_conditions(const struct verify *verify, const struct listener_conf *listener,
    const struct rule_conf *rule);
