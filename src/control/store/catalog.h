/* All documents in memory, as the store has them: what operations read and the compiler compiles.
 *
 * A document is a JSON object of a kind with an id. Its body is never changed in place: a transaction puts a new
 * one, so that whoever holds the old one may compare. A transaction sees its own writes; nothing is
 * visible to others, and nothing is on disk, before txn_commit. Documents that name others (a rule its
 * listener, a listener its group) are found from the other end by catalog_users: the kinds table says which
 * members hold ids. One thread.
 */
#pragma once

#include <jansson.h>

#include "base/map.h"
#include "control/store/store.h"

/* "alb.listener": prefix of the product, a dot, the thing in singular. One array for all products: kinds.c. */
struct kind {
    const char *name;
    /* Members that hold the ids of other documents, NULL-terminated: "LoadBalancerId",
     * "DefaultActions[].ForwardGroupConfig.ServerGroupTuples[].ServerGroupId". */
    const char *const *refs;
};
extern const struct kind kinds[];
extern const uint32_t n_kinds;
/* NULL if there is none. */
const struct kind *kind_find(const char *name);

struct doc {
    const struct kind *kind;
    char *id;         /* owned; unique among all kinds */
    uint64_t order;   /* grows with each new document: the order of creation */
    uint64_t created; /* revision that made it */
    uint64_t
        revision; /* of the last change; a document that a transaction has put and not committed has UINT64_MAX */
    json_t *body; /* owned; never changed after it was put */
};

struct doc_list {
    const struct doc **docs; /* owned array of borrowed documents, in the order of creation */
    uint32_t n;
};
void doc_list_done(struct doc_list *list);

struct catalog;

/* Reads everything. NULL with *ret_why, one sentence. The store is borrowed. */
struct catalog *catalog_open(struct store *store, const char **ret_why);
struct catalog *catalog_free(struct catalog *catalog);
struct store *catalog_store(struct catalog *catalog);

/* Told of each document that a commit changed, after it is durable. old_body or doc is NULL for a new or a removed
 * one; both are borrowed for the call. Calls of one commit share a revision and end with one where all are NULL.
 * Must not begin a transaction. */
typedef void (*catalog_fn)(void *arg, const struct kind *kind, const char *id, json_t *old_body,
    const struct doc *doc, uint64_t revision);
void catalog_subscribe(struct catalog *catalog, catalog_fn fn, void *arg);

/* --- transactions: one at a time --------------------------------------------------------------- */

struct txn;
struct txn *txn_begin(struct catalog *catalog);
/* Reads without the intent to write: commit is not needed. Same functions. */

/* Borrowed until the transaction ends or puts that document. NULL: there is none of that kind and id. */
const struct doc *txn_get(struct txn *txn, const char *kind, const char *id);
/* Shorthand: its body, or NULL. */
const json_t *txn_body(struct txn *txn, const char *kind, const char *id);
/* A copy of the body that the caller may change until the transaction ends: it becomes the document's next
 * version. Again for the same document: the same copy. NULL: there is none. */
json_t *txn_edit(struct txn *txn, const char *kind, const char *id);
/* A new document; body is taken over. -EEXIST if the id is in use, whatever its kind. Returns 0. */
int txn_add(struct txn *txn, const char *kind, const char *id, json_t *body) MUST_CHECK;
/* Whether there was one. Who checks for users: the caller. */
bool txn_remove(struct txn *txn, const char *kind, const char *id);

/* Documents of a kind: all of them, or those that name target in one of their refs. */
void txn_list(struct txn *txn, const char *kind, struct doc_list *ret_list);
void txn_users(struct txn *txn, const char *kind, const char *target, struct doc_list *ret_list);
/* Their number, without a list. kind NULL: of any kind. */
uint32_t txn_count_users(struct txn *txn, const char *kind, const char *target);
uint32_t txn_count(struct txn *txn, const char *kind);

/* An id that no document has: prefix and 20 characters of 0-9 a-z ("alb-", "lsn-" ...). buf: 64 bytes. */
void txn_new_id(struct txn *txn, const char *prefix, char *buf);

/* Ends the transaction: all or nothing, with events (may be NULL, 0). Returns 0; or a negative of store_commit,
 * after which nothing has changed. *ret_revision may be NULL. */
int txn_commit(struct txn *txn, const struct store_event *events, uint32_t n_events,
    uint64_t *ret_revision) MUST_CHECK;
/* Ends it without a trace. NULL accepted. Returns NULL. */
struct txn *txn_abort(struct txn *txn);
