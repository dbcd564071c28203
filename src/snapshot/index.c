/* Books over the current snapshot that make checking a change cost what the change costs. */
#include "snapshot/builder.h"
#include "snapshot/verify.h"

uint32_t slots_take(struct slots *slots)
{
    if (slots->n_free > 0)
        return slots->free[--slots->n_free];
    if (slots->n == slots->cap) {
        slots->cap = MAX(64u, 2 * slots->cap);
        slots->at = base_realloc(slots->at, slots->cap * sizeof(*slots->at));
    }
    slots->at[slots->n] = (struct slot_state){0};
    return slots->n++;
}

void slots_hold(struct slots *slots, uint32_t slot)
{
    slots->at[slot].n_living++;
}

void slots_release(struct slots *slots, uint32_t slot)
{
    assert(slots->at[slot].n_living > 0);
    if (--slots->at[slot].n_living > 0)
        return;
    if (slots->n_free == slots->free_cap) {
        slots->free_cap = MAX(64u, 2 * slots->free_cap);
        slots->free = base_realloc(slots->free, slots->free_cap * sizeof(*slots->free));
    }
    slots->free[slots->n_free++] = slot;
}

void slots_done(struct slots *slots)
{
    free(slots->at);
    free(slots->free);
    *slots = (struct slots){0};
}

struct addr bind_key(const struct listener_conf *listener, uint32_t i)
{
    struct addr key = FIELD_ITEMS(listener->bind, struct addr)[i];

    key.port = (uint16_t)listener->port;
    key.pad = listener->protocol == PROTOCOL_UDP || listener->protocol == PROTOCOL_QUIC;
    return key;
}

static struct span bind_span(const struct addr *key)
{
    return (struct span){(const char *)key, sizeof(*key)};
}

/* Who else has the address in the snapshot of the change, or NULL. */
static const struct listener_conf *bind_find_other(
    const struct change *change, const struct map *touched, const struct addr *key)
{
    const struct snapshot *after = change->candidate.snapshot;
    const struct bind_entry *entry = map_find(touched, bind_span(key));

    if (entry)
        return snapshot_listener(after, entry->listener);
    entry = map_find(&change->builder->binds, bind_span(key));
    if (!entry)
        return NULL;
    /* A listener that the change touches counts by what it will be. */
    if (snapshot_listener(change->builder->current, entry->listener) !=
        snapshot_listener(after, entry->listener))
        return NULL;
    return snapshot_listener(after, entry->listener);
}

static void bind_verify(
    struct change *change, struct map *touched, const struct listener_conf *listener, uint32_t i)
{
    const struct field_path path = {.name = "bind"};
    const struct field_path element = {.up = &path, .index = i};
    const struct verify verify = {.errors = change->errors, .resource = &listener->res};
    struct addr key = bind_key(listener, i);
    const struct listener_conf *other = bind_find_other(change, touched, &key);
    struct bind_entry *entry;
    char buf[ADDR_TEXT_MAX];

    if (other) {
        struct span value = {buf, addr_format(&key, buf)};

        if (other == listener)
            verify_complain(&verify, &element, value, "is named twice");
        else
            verify_complain(&verify, &element, value, "is also the %s address of listener/%s",
                key.pad ? "udp" : "tcp", other->res.id);
        return;
    }
    entry = arena_alloc(&change->arena, sizeof(*entry));
    assert(entry);
    *entry = (struct bind_entry){key, listener->res.slot};
    (void)map_set(touched, bind_span(&entry->key), entry);
}

void binds_verify(struct change *change)
{
    struct map touched = {0};

    for (uint32_t i = 0; i < change->candidate.n_items; i++) {
        const struct change_item *item = &change->candidate.items[i];
        const struct listener_conf *listener = item->after;

        if (item->kind != KIND_LISTENER || !listener)
            continue;
        for (uint32_t n = 0; n < listener->bind.n; n++)
            bind_verify(change, &touched, listener, n);
    }
    map_done(&touched);
}

static void binds_remove(struct builder *builder, const struct listener_conf *listener)
{
    for (uint32_t i = 0; i < listener->bind.n; i++) {
        struct addr key = bind_key(listener, i);

        free(map_remove(&builder->binds, bind_span(&key)));
    }
}

static void binds_add(struct builder *builder, const struct listener_conf *listener)
{
    for (uint32_t i = 0; i < listener->bind.n; i++) {
        struct bind_entry *entry = base_alloc(sizeof(*entry));
        const void *before;

        *entry = (struct bind_entry){bind_key(listener, i), listener->res.slot};
        before = map_set(&builder->binds, bind_span(&entry->key), entry);
        assert(!before);
    }
}

/* All old ones first: two listeners may have swapped addresses. */
void binds_commit(struct change *change)
{
    const struct candidate *candidate = &change->candidate;

    for (uint32_t i = 0; i < candidate->n_items; i++) {
        if (candidate->items[i].kind == KIND_LISTENER && candidate->items[i].before)
            binds_remove(change->builder, candidate->items[i].before);
    }
    for (uint32_t i = 0; i < candidate->n_items; i++) {
        if (candidate->items[i].kind == KIND_LISTENER && candidate->items[i].after)
            binds_add(change->builder, candidate->items[i].after);
    }
}

static int compare_new_rule(const void *a, const void *b)
{
    const struct new_rule *rule_a = a, *rule_b = b;

    return (rule_a->listener > rule_b->listener) - (rule_a->listener < rule_b->listener);
}

/* Of the listener's new rules, the first in change->new_rules. */
static uint32_t find_new_rules(const struct change *change, uint32_t listener)
{
    uint32_t low = 0, high = change->n_new_rules;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (change->new_rules[middle].listener < listener)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Rules that had no slot before; made when first asked for. */
static void collect_new_rules(struct change *change)
{
    const struct candidate *candidate = &change->candidate;

    if (change->new_rules)
        return;
    change->new_rules = arena_alloc(&change->arena, candidate->n_items * sizeof(struct new_rule));
    assert(change->new_rules);
    for (uint32_t i = 0; i < candidate->n_items; i++) {
        const struct change_item *item = &candidate->items[i];
        const struct rule_conf *rule = item->after;

        if (item->kind == KIND_RULE && rule && !item->before)
            change->new_rules[change->n_new_rules++] =
                (struct new_rule){rule->listener.slot, item->slot};
    }
    qsort(change->new_rules, change->n_new_rules, sizeof(struct new_rule), compare_new_rule);
}

uint32_t candidate_rules(struct builder *builder, struct candidate *candidate,
    uint32_t listener_slot, const struct rule_conf ***ret_rules)
{
    struct change *change = container_of(candidate, struct change, candidate);
    const struct table *table = &candidate->snapshot->kinds[KIND_RULE];
    struct rule_list old = {0};
    const struct rule_conf **rules;
    uint32_t first, end, n = 0;

    collect_new_rules(change);
    if (listener_slot < builder->n_rules)
        old = builder->rules[listener_slot];
    first = find_new_rules(change, listener_slot);
    end = find_new_rules(change, listener_slot + 1);
    rules = arena_alloc(
        &change->arena, ((size_t)old.n + end - first) * sizeof(const struct rule_conf *));
    assert(rules);

    for (uint32_t i = 0; i < old.n; i++) {
        const struct rule_conf *rule = table_get(table, old.slots[i]);

        if (rule && rule->listener.slot == listener_slot)
            rules[n++] = rule;
    }
    for (uint32_t i = first; i < end; i++)
        rules[n++] = table_get(table, change->new_rules[i].rule);
    *ret_rules = rules;
    return n;
}

static void rules_set(
    struct builder *builder, uint32_t listener, const struct rule_conf **rules, uint32_t n)
{
    struct rule_list *list;

    if (listener >= builder->n_rules) {
        uint32_t n_rules = MAX(listener + 1, 2 * builder->n_rules);

        builder->rules = base_realloc(builder->rules, n_rules * sizeof(*builder->rules));
        for (uint32_t i = builder->n_rules; i < n_rules; i++)
            builder->rules[i] = (struct rule_list){0};
        builder->n_rules = n_rules;
    }
    list = &builder->rules[listener];
    free(list->slots);
    *list = (struct rule_list){0};
    if (n == 0)
        return;
    list->slots = base_alloc(n * sizeof(*list->slots));
    list->n = n;
    for (uint32_t i = 0; i < n; i++)
        list->slots[i] = rules[i]->res.slot;
}

void rules_commit(struct change *change)
{
    struct candidate *candidate = &change->candidate;

    for (uint32_t i = 0; i < candidate->n_listeners; i++) {
        const struct rule_conf **rules;
        uint32_t n = candidate_rules(change->builder, candidate, candidate->listeners[i], &rules);

        rules_set(change->builder, candidate->listeners[i], rules, n);
    }
    for (uint32_t i = 0; i < candidate->n_items; i++) {
        if (candidate->items[i].kind == KIND_LISTENER && !candidate->items[i].after)
            rules_set(change->builder, candidate->items[i].slot, NULL, 0);
    }
}

void index_done(struct builder *builder)
{
    struct bind_entry *entry;
    struct span key;
    uint32_t pos = 0;

    while ((entry = map_next(&builder->binds, &pos, &key)) != NULL) {
        (void)map_remove(&builder->binds, key);
        free(entry);
    }
    map_done(&builder->binds);
    for (uint32_t i = 0; i < builder->n_rules; i++)
        free(builder->rules[i].slots);
    free(builder->rules);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        map_done(&builder->ids[kind]);
        slots_done(&builder->slots[kind]);
    }
}
