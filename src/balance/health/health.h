/* Active health checks: who is asked, how, how often; results go into the servers' shared state.
 *
 * Runs on the main thread's engine, one small connection per check. One server of one group is one
 * target.
 */
#pragma once

#include "balance/group.h"
#include "engine/conn.h"

struct health;

/* on_change: a server's verdict changed (log it, tell the control plane and the workers:
 * group_health_changed). Only verdicts are told: up, down, and off after down, when the check
 * was removed or the server's weight became 0. */
struct health_event {
    const struct group_conf *group;
    const struct server_conf *server;
    enum server_health before, after;
    /* "CONNECT_TIMEOUT", "CONNECT_FAILED", "SEND_REQUEST_TIMEOUT", "SEND_REQUEST_FAILED",
     * "RECV_RESPONSE_TIMEOUT", "RECV_RESPONSE_FAILED", "RESPONSE_FORMAT_ERROR",
     * "RESPONSE_MISMATCH"; "" when it came up or is off. */
    const char *why;
    unsigned status; /* HTTP status received, or 0 */
};
/* on_change may be NULL; it must not call functions of this file. */
struct health *health_new(struct engine *engine, struct conn_env *env,
    void (*on_change)(void *arg, const struct health_event *event), void *arg);
struct health *health_free(struct health *health);
DEFINE_CLEANUP(struct health, health_free)

/* Follows a committed change: new targets start at a random phase of their interval (at most 1
 * s), changed ones keep their verdict, removed ones stop. A check ends by its result or
 * timeout_ms after it began, and the next one begins interval_ms after that end: a server that
 * does not answer is down after timeout * fall + interval * (fall - 1). The first answer brings
 * a server of unknown health up; fall failures take it down. Servers that are not checked (no
 * health check; weight 0 without check_weight_zero) are off. snapshot: borrowed until the next
 * call, which comes before it is given back. O(items), and O(groups) when a health check is
 * among them. */
void health_apply(struct health *health, const struct snapshot *snapshot,
    const struct change_item *items, uint32_t n_items);

/* Writes [{"group":..., "server":..., "state": "up|down|unknown|off", "since":..., "why":...,
 * "status": n, "checks": n}, ...], a row for every server of every group. since: when the
 * verdict was found, ISO 8601; null for off. */
void health_encode(const struct health *health, struct text *out);
