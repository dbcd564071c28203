/* Records of the operation log: who asked for what, from where, and what came of it.
 *
 * Changes write theirs in their own transaction; those of reads and refusals are gathered and written by a timer.
 * Secrets are left out by the tables of the operation.
 */
#pragma once

#include "control/api/uuid.h"
#include "control/store/store.h"
#include "openapi/params.h"

struct event {
    char id[UUID_LEN + 1];
    char resource[64], user[64];
    const char *name; /* borrowed: the table's */
    uint64_t time_ms;
    char *json; /* owned */
};

/* All borrowed; in and answer may be NULL. An empty code is success. */
struct event_facts {
    const struct openapi_operation *op;
    const json_t *in, *answer;
    const char *who, *request_id, *source_ip, *user_agent, *host, *region;
    const char *resource, *code, *message;
    uint64_t now_ms;
};

struct event event_make(const struct event_facts *facts);
void event_done(struct event *event);
/* For the store; borrows from event. */
struct store_event event_row(const struct event *event);

struct events {
    struct store *store; /* borrowed */
    struct event *items; /* owned */
    uint32_t n;
    size_t bytes;
};

/* Takes event over. Writes when many have gathered. */
void events_add(struct events *events, struct event *event);
/* Writes what has gathered. Failing is logged, and the records are lost: the log must not stop the API. */
void events_flush(struct events *events);
void events_done(struct events *events);
