/* Actions of rules one by one. Each brings its configuration into the form of alb.h or fails the call.
 * n: the action's number in the request, from 1. */
#pragma once

#include "control/products/alb/rule_check.h"

/* How requests go to servers: rule_forward.c. */
int rule_forward(struct rule_check *check, json_t *config, size_t n) MUST_CHECK;
int rule_mirror(struct rule_check *check, json_t *config, size_t n) MUST_CHECK;
int rule_limit(struct rule_check *check, json_t *config, size_t n) MUST_CHECK;
/* Whether an action of a rule's body forwards to that group. */
bool rule_uses_group(const json_t *rule, const char *group_id);

/* Answers, and requests with other addresses: rule_redirect.c. */
int rule_redirect(struct rule_check *check, json_t *config, size_t n) MUST_CHECK;
int rule_rewrite(struct rule_check *check, json_t *config, size_t n) MUST_CHECK;
int rule_fixed(struct rule_check *check, json_t *config, size_t n) MUST_CHECK;
bool rule_is_host_byte(char c);

/* Headers: rule_headers.c. */
int rule_insert_header(struct rule_check *check, json_t *config, size_t n) MUST_CHECK;
int rule_remove_header(struct rule_check *check, json_t *config, size_t n) MUST_CHECK;
int rule_cors(struct rule_check *check, json_t *config, size_t n) MUST_CHECK;

/* call_fail for a value that breaks the rule `why`, or a member that is not there: rule_actions.c. */
int rule_refuse(struct rule_check *check, size_t n, const char *member, const char *value,
    const char *why) MUST_CHECK;
int rule_missing(struct rule_check *check, size_t n, const char *member) MUST_CHECK;
