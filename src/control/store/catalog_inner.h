/* How the catalog holds documents: for catalog.c and txn.c only.
 *
 * An entry is a committed document. It is in the map by id, in the list of its kind, and by one
 * link for each document it names in that target's list of users. The open transaction hangs its
 * change on it.
 */
#pragma once

#include "base/list.h"
#include "control/store/catalog.h"

struct change;

/* Users of one target that are of one kind. */
struct users {
    struct users *next; /* owned */
    const struct kind *kind;
    struct list refs;
    uint32_t n;
};

/* An id that documents name, whether or not there is a document of that id. */
struct target {
    char *id;            /* owned */
    struct users *users; /* owned */
    uint32_t n;          /* refs in all of them; at 0 the target goes */
};

struct ref {
    struct list link; /* in users->refs */
    struct entry *entry;
    struct target *target;
    struct users *users;
};

struct entry {
    struct doc doc;
    struct list in_kind;
    struct ref *refs; /* owned array, each target once */
    uint32_t n_refs;
    struct change *change; /* borrowed: of the open transaction, or NULL */
};

struct kind_set {
    struct list entries; /* in the order of creation */
    uint32_t n;
};

struct subscriber {
    catalog_fn fn;
    void *arg;
};

struct catalog {
    struct store *store;    /* borrowed */
    struct map by_id;       /* entries */
    struct map targets;     /* by id */
    struct kind_set *kinds; /* owned, one per row of the kinds table */
    struct subscriber *subscribers;
    uint32_t n_subscribers;
    uint64_t next_order;
    struct txn *txn; /* the open one, or NULL */
};

static inline struct kind_set *catalog_kind(const struct catalog *catalog, const struct kind *kind)
{
    return &catalog->kinds[kind - kinds];
}

/* NULL if there is none. */
struct entry *catalog_entry(const struct catalog *catalog, const char *id);
const struct target *catalog_target(const struct catalog *catalog, const char *id);
/* Puts a document in; id and body are taken over, order must be higher than any before. */
struct entry *catalog_insert(struct catalog *catalog, const struct doc *doc);
/* A new version: body is taken over, the old one is returned to the caller. */
json_t *catalog_replace(
    struct catalog *catalog, struct entry *entry, json_t *body, uint64_t revision);
/* Takes a document out of all sets; entry_free it afterwards. */
void catalog_remove(struct catalog *catalog, struct entry *entry);
struct entry *entry_free(struct entry *entry);
