/* What the data plane reports: health of servers, counters, status. A connection of its own, so that a long change does
 * not delay it. */
#pragma once

#include "control/call.h"
#include "control/compile/link.h"

#define WATCH_ASKED_MAX 8u

enum watch_question { WATCH_EVENTS, WATCH_HEALTH, WATCH_COUNTERS, WATCH_STATUS, WATCH_QUESTIONS };

struct watch {
    struct link link;
    struct map health;                /* "group/server" -> struct watch_server, owned */
    json_t *answers[WATCH_QUESTIONS]; /* owned: the last counters and status */
    nsec asked_at[WATCH_QUESTIONS];
    enum watch_question asked[WATCH_ASKED_MAX]; /* not answered yet, oldest first */
    unsigned n_asked;
    struct timer timer; /* the set has changed: health is asked for again soon */
};

/* env is borrowed. */
void watch_start(struct watch *watch, struct conn_env *env, const char *path);
void watch_stop(struct watch *watch);

/* The data plane has other servers now. */
void watch_changed(struct watch *watch);
/* *ret_reason: borrowed until the next turn; may be NULL. */
enum server_health watch_health(const struct watch *watch, const char *group_id,
    const char *server_id, const char **ret_reason);
/* The last answer, and a new one is asked for if that is old; NULL: none yet. WATCH_COUNTERS or WATCH_STATUS. */
const json_t *watch_ask(struct watch *watch, enum watch_question question);
