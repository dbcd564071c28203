/* All server groups of one worker, by slot. */
#pragma once

#include "balance/group.h"

struct groups {
    struct group **at; /* owned array; NULL where there is none */
    uint32_t n;
    struct engine *engine;
    unsigned worker_index;
    void (*on_removed)(void *arg, struct server *server);
    void *on_removed_arg;
};

void groups_init(struct groups *groups, struct engine *engine, unsigned worker_index,
    void (*on_removed)(void *arg, struct server *server), void *arg);
/* Removes all groups. */
void groups_done(struct groups *groups);

/* Follows the server groups among the items of a committed change. */
void groups_apply(struct groups *groups, const struct change_item *items, uint32_t n_items);

static inline struct group *groups_get(const struct groups *groups, uint32_t slot)
{
    return slot < groups->n ? groups->at[slot] : NULL;
}
