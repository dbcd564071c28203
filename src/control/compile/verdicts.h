/* What the data plane said of documents, as documents: refusals, and the ends of jobs.
 *
 * A refusal is a document "refusal:<id>" of kind system.refusal beside the one that was refused, so that it outlives this
 * process. Members: DocId, Reason, TimeMs.
 */
#pragma once

#include "control/compile/outbox.h"
#include "control/store/catalog.h"

struct verdicts {
    struct catalog *catalog;       /* borrowed */
    const struct compile *compile; /* borrowed: knows what was wrong before anything was sent */
    struct map refusals;           /* doc id -> struct refusal, owned: what the store has */
    uint64_t
        settled_changes; /* the outbox's n_held_changes when refusals were last brought in line */
    struct list jobs;    /* struct job, oldest first: those that have not ended */
};

/* Reads what the store has. */
void verdicts_init(
    struct verdicts *verdicts, struct catalog *catalog, const struct compile *compile);
void verdicts_done(struct verdicts *verdicts);

/* A new job is followed, a removed one forgotten. For the catalog's subscriber. */
void verdicts_changed(struct verdicts *verdicts, const struct kind *kind, const char *id,
    const struct doc *doc, uint64_t revision);

/* The data plane has answered for everything up to that revision; what it refused is held in the outbox. Writes refusals that
 * are new, removes those that are over, ends jobs; one transaction, or none if nothing changed. now_ms: since 1970.
 * 0, or a negative of txn_commit, after which it is to be called again. */
int verdicts_settle(struct verdicts *verdicts, const struct outbox *outbox, uint64_t revision,
    uint64_t now_ms) MUST_CHECK;

/* Why the document was refused, or what is wrong with it; NULL: nothing. Borrowed as txn_get's. */
const char *verdicts_reason(const struct verdicts *verdicts, struct txn *txn, const char *doc_id);
