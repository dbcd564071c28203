/* Where documents are kept: text by key, changed in transactions, each of which has a revision.
 *
 * Shaped so that one machine's SQLite and a cluster's etcd both fit behind it: get, list by prefix, a
 * transaction that is written whole or not at all and only if nobody was faster, and a watch of what came
 * after a revision. Knows no kinds and no JSON. The control process's main thread only; calls may wait for the disk.
 */
#pragma once

#include "base/span.h"

struct store;

struct store_entry {
    struct span key;   /* "alb.listener/lsn-1" */
    struct span value; /* ptr NULL: deleted */
    uint64_t created;  /* revision that made it */
    uint64_t revision; /* that last wrote it */
};

/* Borrowed for the call. A negative result ends the walk and is passed up. */
typedef int (*store_fn)(void *arg, const struct store_entry *entry);

/* Opens dir/openslb.db (0600, dir 0700). Fails if another process has it open. may_begin: a file that is missing or
 * empty becomes a new store; else it is refused and stays so, also if it was emptied only a moment ago (a backup may be on its
 * way into it). NULL with *ret_why set to one sentence (constant or in a static buffer). */
struct store *store_open(const char *dir, bool may_begin, const char **ret_why);
struct store *store_close(struct store *store); /* NULL accepted. Returns NULL. */

/* That of the last transaction. */
uint64_t store_revision(const struct store *store);

/* All entries whose key begins with prefix, in the order of their creation. 0, fn's result, or -EIO. */
int store_list(struct store *store, struct span prefix, store_fn fn, void *arg) MUST_CHECK;
/* 0 and fn called once, or -ENOENT, or -EIO. */
int store_get(struct store *store, struct span key, store_fn fn, void *arg) MUST_CHECK;

struct store_write {
    struct span key;
    struct span value; /* ptr NULL: delete */
    uint64_t
        expected; /* revision it must have now; 0: must not exist. Else -ESTALE for the whole */
};

/* One record of the operation log, written in the same transaction as what it tells of. */
struct store_event {
    struct span id;       /* unique */
    uint64_t time_ms;     /* since 1970, UTC */
    struct span name;     /* operation: CreateListener */
    struct span resource; /* id of what was changed; may be empty */
    struct span user;     /* AccessKey id */
    struct span json;     /* the whole record */
};

/* Writes all or nothing, durable when it returns 0. *ret_revision: the new one (one per transaction; events
 * alone leave it as it was). -ESTALE, -ENOSPC, -EIO; after a negative nothing has changed. */
int store_commit(struct store *store, const struct store_write *writes, uint32_t n_writes,
    const struct store_event *events, uint32_t n_events, uint64_t *ret_revision) MUST_CHECK;

/* Entries written after revision since, oldest first, one per key (its last state). -ERANGE: history so old is
 * gone; list again. */
int store_changes(struct store *store, uint64_t since, store_fn fn, void *arg) MUST_CHECK;

/* The next commit may return before it is on disk: no crash of this process loses it, but a power cut may. For what
 * nobody has been told of yet and would be found out again: a sync takes milliseconds. */
void store_relax(struct store *store);

struct store_event_query {
    uint64_t from_ms, to_ms;              /* to_ms 0: now */
    struct span name, resource, user, id; /* len 0: any */
    uint64_t after; /* cursor: records older than this one's number; 0: the newest */
    uint32_t limit; /* 1..50 */
    bool oldest_first;
};
/* number goes up by one with each record and is the cursor for the next page. */
typedef int (*store_event_fn)(void *arg, uint64_t number, struct span json);
int store_events(struct store *store, const struct store_event_query *query, store_event_fn fn,
    void *arg) MUST_CHECK;
/* Forgets records older than that, and all but the last million; called now and then. */
int store_events_trim(struct store *store, uint64_t before_ms) MUST_CHECK;
