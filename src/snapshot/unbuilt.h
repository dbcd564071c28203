/* What the schema knows by name and this data plane does not do yet.
 *
 * The control plane compiles what users ask for in full; what has its name here is refused with one sentence that
 * people understand, instead of as an unknown field, value or kind. A field of the table whose value asks for
 * nothing (false, 0, null, "", or a list or object of such) is as good as absent. Whoever builds one of these takes its
 * row away and gives it one in model.c. Inside of the snapshot folder.
 */
#pragma once

#include "snapshot/fields.h"
#include "snapshot/model.h"

struct json_t;

/* The sentence for a field that has no row in model.c, or NULL: nobody knows it. path: where the field is. */
const char *unbuilt_field(enum resource_kind kind, const struct field_path *path);
/* The sentence for a value that is not, or not usefully, among the names of an enum; NULL: nobody knows it. */
const char *unbuilt_value(
    enum resource_kind kind, const struct field_path *path, struct span value);
/* The sentence for a kind of resource; NULL: it is served. */
const char *unbuilt_kind(enum resource_kind kind);

/* Whether a value asks for something. */
bool unbuilt_asks(struct json_t *json);
