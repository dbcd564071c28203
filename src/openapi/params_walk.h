/* Checking given JSON against a table: what params_decode and params_check share. For this folder only. */
#pragma once

#include "openapi/params.h"

#define PARAMS_INDEX_MAX 10000u

struct walk {
    const struct openapi_operation *op;
    struct params_error *error; /* filled once */
    char path[160];             /* "Servers.1.Port", cut */
    size_t path_len;
    bool from_pairs; /* lists are objects whose keys are indices */
    bool in_json;    /* inside a JSON text: keys are matched without case */
    bool is_strict;  /* members that the table lacks are errors */
};

/* Fills walk->error for the current path; returns -EINVAL. value ptr NULL: the message has none. The message is
 * "The parameter PATH is VALUE; RULE." */
int walk_fail(struct walk *walk, const struct openapi_field *field, struct span value,
    const char *rule_fmt, ...) PRINTF_LIKE(4, 5) MUST_CHECK;
/* Appends to the path; returns what walk_leave takes. */
size_t walk_enter(struct walk *walk, const char *name);
void walk_leave(struct walk *walk, size_t mark);

/* Checks a whole object. 0 and a new reference, or -EINVAL. */
int walk_check(struct walk *walk, const json_t *given, json_t **ret_in) MUST_CHECK;

/* One text or number as the table's type. NULL: it is not of that type. */
json_t *walk_typed(enum openapi_type type, struct span text);

/* Whether an empty text is a value: of a string that may be anything, or of the elements of a list of such. */
static inline bool params_is_free_string(const struct openapi_field *field)
{
    return field->type == OPENAPI_STRING && !field->names && !field->is_json;
}
