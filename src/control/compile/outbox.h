/* What the data plane is to have, what it has, and what lies between.
 *
 * Resources are put in and taken out as the compiler gives them; messages come out, answers go in. Knows no socket
 * and no clock. A resource is
 *   idle      the data plane has what is wanted,
 *   pending   it goes with the next message,
 *   in flight it is in the message that is not answered yet (there is one at most), or
 *   held      the data plane refused it; what it had before goes on serving.
 * One thread.
 */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "control/compile/compile.h"

#define OUTBOX_MESSAGE_MAX ((size_t)256 << 20) /* what the data plane takes as one line */

enum outbox_state { OUTBOX_IDLE, OUTBOX_PENDING, OUTBOX_IN_FLIGHT, OUTBOX_HELD };

struct outbox_item {
    struct list link; /* in the list of its state; idle: in none */
    char *key;        /* owned: "listener/lsn-1" */
    char *doc_id;     /* owned: may be NULL if json is */
    json_t *json;     /* owned: as it is wanted; NULL: it is to go */
    char *reason;     /* owned: why it is held */
    unsigned round;   /* held: which try of its message told of it; lower is closer to the cause */
    uint32_t index;   /* in flight: its place in upsert or remove */
    enum outbox_state state;
    bool present;      /* the data plane has some version of it */
    bool sent_removal; /* in flight: as a removal */
    bool changed;      /* in flight: another change came meanwhile */
    bool
        doubtful; /* pending, in flight: an earlier version was refused, and this one is not answered yet */
};

struct outbox {
    struct map items; /* by key */
    struct list pending, in_flight, held;
    uint32_t n_pending, n_held;
    uint64_t n_held_changes; /* goes up whenever what is held, or why, may be another */
    unsigned round;          /* tries of the message that was refused; 0: none */
};

void outbox_init(struct outbox *outbox);
void outbox_done(struct outbox *outbox);

/* The resource is wanted as compiled says. */
void outbox_put(struct outbox *outbox, const struct compiled *compiled);
/* It is not wanted any more. */
void outbox_remove(struct outbox *outbox, const struct compiled *compiled);

/* A data plane that may have anything: names are the "kind/id" texts of what it has. All that is wanted becomes pending,
 * and the removal of what is not. */
void outbox_restart(struct outbox *outbox, const json_t *names);
/* The message that was in flight got lost before it was answered: it is pending again. */
void outbox_lost(struct outbox *outbox);
/* Everything held is tried again with the next message. */
void outbox_retry(struct outbox *outbox);
/* What is held of one document, which has changed: also if what was made of it is the same as before. */
void outbox_retry_doc(struct outbox *outbox, const char *doc_id);

/* Whether something of the document waits for another answer after it was refused. O(what is pending). */
bool outbox_is_doubtful(const struct outbox *outbox, const char *doc_id);

/* Writes the next message as one line and takes its resources in flight; nothing may be in flight. Held ones are tried
 * again in it if they name what is pending. Returns whether there is one; out fails if it is too long, and then
 * all of it is held. */
bool outbox_message(struct outbox *outbox, uint64_t version, struct text *out);

#define OUTBOX_REFUSED 1
#define OUTBOX_ENDING  2
/* The answer to it. 0: done. OUTBOX_REFUSED: what was complained of is held, the rest is pending again.
 * OUTBOX_ENDING: that process takes no changes any more; pending again. -EPROTO: not an answer; as it was. */
int outbox_answer(struct outbox *outbox, const json_t *answer) MUST_CHECK;
/* The same as a good answer. */
void outbox_acknowledge(struct outbox *outbox);
