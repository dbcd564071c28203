/* Whether a rule is one that can be: its conditions, its actions, and both together. */
#pragma once

#include "control/products/alb/alb.h"

/* The listener and the direction that a rule is for, and what is found on the way. */
struct rule_check {
    struct call *call;
    const json_t *instance, *listener; /* bodies */
    const json_t *old;                 /* body of the rule before; NULL: it is new */
    bool is_response;

    /* Set by rule_check_conditions. */
    bool has_regex;      /* a path is a regular expression */
    unsigned n_captures; /* parts that each such expression catches, the least of them */
};

/* Each checks what body says under RuleConditions or RuleActions and brings it into the form of alb.h. Conditions
 * first: actions use what they catch. */
int rule_check_conditions(struct rule_check *check, json_t *body) MUST_CHECK;
int rule_check_actions(struct rule_check *check, json_t *body) MUST_CHECK;

/* Refuses members of element that end in "Config" but the one of its Type. list: "RuleActions"; n: from 1. config NULL: the
 * type has none. */
int rule_check_configs(
    struct call *call, json_t *element, const char *config, const char *list, size_t n) MUST_CHECK;
