/* The ids that a document holds of others, found by the paths of its kind. Pure. */
#pragma once

#include "control/store/catalog.h"

/* Called with each id found; the text is borrowed from body and may come more than once. True
 * ends the walk. */
typedef bool (*refs_fn)(void *arg, const char *target);

/* Follows each path of kind through body: members are separated by dots, "[]" behind a name
 * steps into every element of an array. What is absent, of another type or empty names nothing.
 * Returns whether fn ended the walk. */
bool refs_walk(const struct kind *kind, const json_t *body, refs_fn fn, void *arg);
/* Whether one of the ids is target. */
bool refs_name(const struct kind *kind, const json_t *body, const char *target);
