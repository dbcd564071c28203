/* What the group does with its servers; for the files of this folder. */
#pragma once

#include "balance/group.h"

/* Any thread, which must know that the state is held by somebody while it takes its own hold. */
struct server_state *server_state_hold(struct server_state *state);
void server_state_drop(struct server_state *state);

/* Takes a ref on the group; has one ref, the group's. */
struct server *server_new(struct group *group, const struct server_conf *conf);

/* Looks at the health that the checker wrote: begins and ends drain and slow start. */
void server_see_health(struct server *server, nsec now);

/* The group, whose conf is that of after the removal, lets go: on_removed, drain, unref. */
void server_leave(struct server *server);

/* 1..100, or 0 when the server is not in slow start. slow_start_ms: of the group, > 0. */
uint32_t server_slow_pct(const struct server *server, uint32_t slow_start_ms, nsec now);
