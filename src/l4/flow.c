#include "l4/flow.h"

#include "l4/quic_key.h"
#include "l4/udp.h"

/* Of flows_max: whatever UDP does, the other half is TCP's. */
#define FLOW_UDP_SHARE 2u

struct group *flow_group(const struct l4_listener *listener)
{
    const struct listener_conf *conf = listener->conf;
    const struct action *action = FIELD_ITEMS(conf->default_actions, struct action);

    if (conf->default_actions.n == 0 || action->type != ACTION_FORWARD || action->groups.n == 0)
        return NULL;
    return groups_get(
        listener->l4->groups, FIELD_ITEMS(action->groups, struct forward_group)->group.slot);
}

bool flow_find_room(const struct l4_listener *listener)
{
    struct l4 *l4 = listener->l4;
    bool full = l4->n_flows >= l4->flows_max;

    if (listener->udp && (l4->n_udp >= MAX(l4->flows_max / FLOW_UDP_SHARE, 1u) ||
                             l4->n_unassured >= l4->unassured_max))
        full = true;

    return !full || udp_evict(l4);
}

enum reason flow_admit(const struct l4_listener *listener, struct group **ret_group)
{
    const struct l4 *l4 = listener->l4;
    struct group *group;

    if (!listener->conf)
        return REASON_LISTENER_GONE;
    if (l4->draining)
        return REASON_DRAINING;
    group = flow_group(listener);
    if (!group)
        return REASON_NO_GROUP;
    if (!flow_find_room(listener))
        return REASON_LIMIT_CONNECTIONS;
    *ret_group = group;
    return REASON_NONE;
}

void flow_count(struct l4_listener *listener, enum reason reason)
{
    if (reason != REASON_NONE)
        counter_add(&listener->cell->reasons[reason], 1);
}

void flow_refused(struct l4_listener *listener, enum reason reason)
{
    counter_add(&listener->cell->refused, 1);
    flow_count(listener, reason);
}

uint64_t flow_key(const struct group *group, const struct addr *client, const struct addr *local,
    struct span datagram)
{
    struct span id;

    switch (group->conf->scheduler) {
    case SCHEDULER_SCH:
        return key_of_source(client);
    case SCHEDULER_TCH:
        return key_of_tuple(client, local);
    case SCHEDULER_QCH:
        return quic_key(datagram, &id) ? key_of_text(id) : key_of_source(client);
    default:
        return 0;
    }
}

const struct addr *flow_source(struct group *group, uint8_t family)
{
    uint32_t n = group->conf ? group->conf->source.n : 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct addr *source = group_source(group);

        if (source->family == family)
            return source;
    }
    return NULL;
}

void flow_begin(struct l4_listener *listener, struct list *link)
{
    list_add_back(&listener->flows, link);
    listener->n_flows++;
    listener->l4->n_flows++;
    listener->l4->n_udp += listener->udp;
    counter_add(&listener->cell->connections, 1);
    counter_add(&listener->cell->active, 1);
}

static void flow_free_listener(void *arg, void *object)
{
    struct l4_listener *listener = object;

    (void)arg;
    for (uint32_t i = 0; i < listener->n_sockets; i++)
        free(listener->sockets[i]);
    free((void *)listener->sockets);
    free(listener->table.slots);
    free(listener);
}

void flow_listener_left(struct l4_listener *listener)
{
    if (!listener->removed || listener->n_flows > 0)
        return;
    list_remove(&listener->link);
    engine_defer_free(listener->l4->engine, listener, flow_free_listener, NULL);
}

void flow_end(struct l4_listener *listener, struct list *link)
{
    list_remove(link);
    listener->n_flows--;
    listener->l4->n_flows--;
    listener->l4->n_udp -= listener->udp;
    counter_sub(&listener->cell->active, 1);
    flow_listener_left(listener);
}
