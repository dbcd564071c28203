/* From JSON to structs, by rows. The only place, with change.c, that sees JSON values.
 *
 * References are left as numbers of ids that were read: slots are known only when all of a change is
 * read. Inside of the snapshot folder.
 */
#pragma once

#include "base/error.h"
#include "snapshot/fields.h"

struct json_t;

/* Ids that references name, in the order read. struct ref holds the index until it is resolved. */
struct decode_refs {
    struct arena ids; /* owned */
    const char **at;  /* owned array */
    uint32_t n, cap;
};

void decode_refs_done(struct decode_refs *refs);

struct decode {
    struct arena *arena; /* borrowed: for texts and lists */
    struct decode_refs *refs;
    struct errors *errors;
    const char *resource; /* for errors: "listener/lsn-1" */
    uint32_t kind;        /* of the resource: enum resource_kind */
    /* of the object being read: a name was refused as not built, and what belongs to it is not told again */
    bool is_unbuilt;
};

/* Keys that every resource has besides its rows. */
extern const char *const decode_resource_keys[];

/* Reads an object into conf, which is zeroed. What is absent gets its default. Every problem goes to
 * errors. up: NULL for a resource, whose object also has decode_resource_keys. */
void decode_fields(struct decode *decode, const struct field *rows, struct json_t *object,
    void *conf, const struct field_path *up);

/* 1..SNAPSHOT_ID_MAX visible ASCII characters but '"' and '\': an id goes into headers, logs and labels. */
bool decode_id_is_valid(struct span id);
extern const char decode_id_rule[];

/* What the user wrote, for an error: a text itself, a number, or "[...]". May point into buf or json. */
#define DECODE_BRIEF_MAX 32u
struct span decode_brief(const struct json_t *json, char buf[static DECODE_BRIEF_MAX]);

/* How many problems there were, told or only counted. */
static inline uint64_t errors_count(const struct errors *errors)
{
    return (uint64_t)errors->n + errors->n_dropped;
}
