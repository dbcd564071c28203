/* What can be done with any struct that has rows: walk, compare, copy.
 *
 * Inside of the snapshot folder. Knows rows only; no JSON, no resources. Nothing here logs or locks.
 */
#pragma once

#include "base/arena.h"
#include "snapshot/field.h"

/* A place in a resource such as servers[2].weight, kept on the stack of who walks there: each level names a
 * member or an element of the one above. NULL is the resource itself. */
struct field_path {
    const struct field_path *up;
    const char *name; /* NULL: element number index */
    uint32_t index;
};

#define FIELD_PATH_MAX 96u
/* Cut if too long; always with a final zero. */
void field_path_format(const struct field_path *path, char buf[static FIELD_PATH_MAX]);

static inline void *field_at(const struct field *row, void *conf)
{
    return (char *)conf + row->offset;
}
static inline const void *field_at_const(const struct field *row, const void *conf)
{
    return (const char *)conf + row->offset;
}

/* Bytes of one element of a list row. */
size_t field_item_bytes(const struct field *row);

static inline bool field_is_list(const struct field *row)
{
    return row->type == FIELD_LIST || row->type == FIELD_TEXT_LIST || row->type == FIELD_IP_LIST;
}

/* Sets what an absent field means; a list becomes empty. */
void field_set_default(const struct field *row, void *conf);
bool field_is_default(const struct field *row, const void *conf);
bool field_equal(const struct field *row, const void *a, const void *b);
bool fields_equal(const struct field *rows, const void *a, const void *b);

/* NULL if there is no row of that name. */
const struct field *fields_find(const struct field *rows, struct span name);

typedef void (*field_ref_fn)(
    void *arg, const struct field *row, struct ref *ref, const struct field_path *path);
/* Calls fn for every FIELD_REF in conf, also in lists. up: where conf is, NULL for a resource. */
void fields_walk_refs(
    const struct field *rows, void *conf, const struct field_path *up, field_ref_fn fn, void *arg);

/* Arena bytes that fields_copy takes, at most. */
size_t fields_bytes(const struct field *rows, const void *conf);
/* Replaces texts and lists that conf points to by copies in the arena. */
void fields_copy(const struct field *rows, void *conf, struct arena *arena);
