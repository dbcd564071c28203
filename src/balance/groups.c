#include "balance/groups.h"

void groups_init(struct groups *groups, struct engine *engine, unsigned worker_index,
    void (*on_removed)(void *arg, struct server *server), void *arg)
{
    *groups = (struct groups){
        .engine = engine,
        .worker_index = worker_index,
        .on_removed = on_removed,
        .on_removed_arg = arg,
    };
}

void groups_done(struct groups *groups)
{
    for (uint32_t i = 0; i < groups->n; i++) {
        if (groups->at[i])
            group_remove(groups->at[i]);
    }
    free(groups->at);
    *groups = (struct groups){0};
}

static void groups_reach(struct groups *groups, uint32_t slot)
{
    uint32_t n = groups->n > 0 ? groups->n : 16;

    if (slot < groups->n)
        return;
    while (n <= slot)
        n *= 2;
    groups->at = (struct group **)base_realloc((void *)groups->at, n * sizeof(struct group *));
    memset((void *)(groups->at + groups->n), 0, (n - groups->n) * sizeof(struct group *));
    groups->n = n;
}

static void groups_apply_one(struct groups *groups, const struct change_item *item)
{
    const struct group_conf *conf = item->after;
    struct group **at;

    groups_reach(groups, item->slot);
    at = &groups->at[item->slot];
    if (!conf) {
        if (*at)
            group_remove(*at);
        *at = NULL;
    } else if (*at) {
        group_update(*at, conf);
    } else {
        *at = group_new(
            conf, groups->engine, groups->worker_index, groups->on_removed, groups->on_removed_arg);
    }
}

void groups_apply(struct groups *groups, const struct change_item *items, uint32_t n_items)
{
    for (uint32_t i = 0; i < n_items; i++) {
        if (items[i].kind == KIND_SERVER_GROUP)
            groups_apply_one(groups, &items[i]);
    }
}
