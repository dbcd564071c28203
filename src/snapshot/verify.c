#include "snapshot/verify.h"

#include <stdarg.h>

#include "base/map.h"
#include "snapshot/unbuilt.h"

void resource_label(const struct resource *resource, char buf[static RESOURCE_LABEL_MAX])
{
    (void)snprintf(buf, RESOURCE_LABEL_MAX, "%s/%s",
        model_kind((enum resource_kind)resource->kind)->name, resource->id);
}

void verify_complain(const struct verify *verify, const struct field_path *path, struct span value,
    const char *rule_fmt, ...)
{
    char label[RESOURCE_LABEL_MAX];
    char field[FIELD_PATH_MAX];
    char rule[256];
    va_list args;

    va_start(args, rule_fmt);
    (void)vsnprintf(rule, sizeof(rule), rule_fmt, args);
    va_end(args);
    resource_label(verify->resource, label);
    field_path_format(path, field);
    errors_add(verify->errors, label, field, value, "%s", rule);
}

static void verify_protocol(const struct verify *verify, uint32_t protocol)
{
    static const struct field_path path = {.name = "protocol"};
    struct span name = span_of(protocol_names[protocol]);
    const char *sentence = unbuilt_value((enum resource_kind)verify->resource->kind, &path, name);

    if (sentence)
        verify_complain(verify, &path, name, "%s", sentence);
}

static void verify_listener(const struct verify *verify, const struct listener_conf *listener)
{
    verify_protocol(verify, listener->protocol);
    verify_actions(verify, listener, listener->default_actions, "default_actions");
}

static void verify_rule(const struct verify *verify, const struct rule_conf *rule)
{
    const struct field_path listener_path = {.name = "listener"};
    const struct field_path priority_path = {.name = "priority"};
    const struct listener_conf *listener = snapshot_listener(verify->snapshot, rule->listener.slot);

    if (!listener)
        return;
    if (listener->protocol != PROTOCOL_HTTP && listener->protocol != PROTOCOL_HTTPS &&
        listener->protocol != PROTOCOL_QUIC) {
        verify_complain(verify, &listener_path, span_of(listener->res.id),
            "a listener of protocol %s has no rules", protocol_names[listener->protocol]);
        return;
    }
    if (listener->rule_order == ORDER_PRIORITY && rule->priority == 0)
        verify_complain(verify, &priority_path, (struct span){0},
            "is required in a listener of order priority");
    if (listener->rule_order == ORDER_SPECIFICITY && rule->priority != 0)
        verify_complain(verify, &priority_path, (struct span){0},
            "means nothing in a listener of order specificity");
    verify_conditions(verify, listener, rule);
    verify_actions(verify, listener, rule->actions, "actions");
}

/* The index of an earlier server with these bytes, or UINT32_MAX. */
static uint32_t find_twin(
    struct map *seen, struct server_conf *servers, uint32_t i, struct span key)
{
    const struct server_conf *twin = map_find(seen, key);

    if (twin)
        return (uint32_t)(twin - servers);
    (void)map_set(seen, key, &servers[i]);
    return UINT32_MAX;
}

static void verify_servers(const struct verify *verify, struct field_list list)
{
    struct server_conf *servers = list.at;
    const struct field_path path = {.name = "servers"};
    struct map ids = {0}, addrs = {0};

    for (uint32_t i = 0; i < list.n; i++) {
        const struct field_path element = {.up = &path, .index = i};
        const struct field_path id_path = {.up = &element, .name = "id"};
        struct span id = span_of(servers[i].id);
        struct span addr = {(const char *)&servers[i].addr, sizeof(servers[i].addr)};
        uint32_t twin = find_twin(&ids, servers, i, id);

        if (twin != UINT32_MAX)
            verify_complain(verify, &id_path, id, "is also the id of servers[%u]", twin);
        twin = find_twin(&addrs, servers, i, addr);
        if (twin != UINT32_MAX)
            verify_complain(verify, &element, id, "has the address and port of servers[%u]", twin);
    }
    map_done(&ids);
    map_done(&addrs);
}

static bool has_family(struct field_list list, uint8_t family)
{
    for (uint32_t i = 0; i < list.n; i++) {
        if (FIELD_ITEMS(list, struct addr)[i].family == family)
            return true;
    }
    return false;
}

static void verify_group(const struct verify *verify, const struct group_conf *group)
{
    const struct field_path servers_path = {.name = "servers"};

    verify_protocol(verify, group->protocol);
    verify_servers(verify, group->servers);
    for (uint32_t i = 0; group->source.n > 0 && i < group->servers.n; i++) {
        const struct server_conf *server = &FIELD_ITEMS(group->servers, struct server_conf)[i];
        const struct field_path element = {.up = &servers_path, .index = i};

        if (!has_family(group->source, server->ip.family))
            verify_complain(verify, &element, span_of(server->id),
                "has no address of its family (IPv%u) in source", server->ip.family);
    }
}

void verify_resource(struct verify *verify, const struct resource *resource)
{
    const struct model_kind *kind = model_kind((enum resource_kind)resource->kind);
    struct field_path path = {0};
    const char *rule;

    verify->resource = resource;
    rule = kind->verify ? kind->verify(resource, &path.name) : NULL;
    if (rule)
        verify_complain(verify, path.name ? &path : NULL, (struct span){0}, "%s", rule);
    if (resource->kind == KIND_LISTENER)
        verify_listener(verify, (const struct listener_conf *)resource);
    else if (resource->kind == KIND_RULE)
        verify_rule(verify, (const struct rule_conf *)resource);
    else if (resource->kind == KIND_SERVER_GROUP)
        verify_group(verify, (const struct group_conf *)resource);
}

/* By priority, then by id, so that the same mistake is told in the same words. */
static int compare_priority(const void *a, const void *b)
{
    const struct rule_conf *const *rule_a = a, *const *rule_b = b;

    if ((*rule_a)->priority != (*rule_b)->priority)
        return (*rule_a)->priority < (*rule_b)->priority ? -1 : 1;
    return strcmp((*rule_a)->res.id, (*rule_b)->res.id);
}

static void verify_priorities(
    struct verify *verify, const struct rule_conf *const *rules, uint32_t n_rules)
{
    const struct field_path path = {.name = "priority"};
    const struct rule_conf **sorted = base_calloc(n_rules, sizeof(const struct rule_conf *));

    memcpy(sorted, rules, n_rules * sizeof(const struct rule_conf *));
    qsort(sorted, n_rules, sizeof(const struct rule_conf *), compare_priority);
    for (uint32_t i = 1; i < n_rules; i++) {
        char value[16];

        /* 0 is complained of elsewhere */
        if (sorted[i]->priority != sorted[i - 1]->priority || sorted[i]->priority == 0)
            continue;
        (void)snprintf(value, sizeof(value), "%u", sorted[i]->priority);
        verify->resource = &sorted[i]->res;
        verify_complain(verify, &path, span_of(value), "is also the priority of rule/%s",
            sorted[i - 1]->res.id);
    }
    free(sorted);
}

/* Host and path of a rule as one key: host in lower case, line end, path. */
static struct span specific_key(const struct rule_conf *rule, struct arena *arena)
{
    const char *values[] = {"", ""};
    size_t host_len, path_len;
    char *key;

    for (uint32_t i = 0; i < rule->conditions.n; i++) {
        const struct condition *condition = &FIELD_ITEMS(rule->conditions, struct condition)[i];

        if (condition->type == CONDITION_HOST || condition->type == CONDITION_PATH)
            values[condition->type == CONDITION_PATH] =
                FIELD_ITEMS(condition->values, const char *)[0];
    }
    host_len = strlen(values[0]);
    path_len = strlen(values[1]);
    key = arena_alloc(arena, host_len + 1 + path_len);
    assert(key);
    for (size_t i = 0; i < host_len; i++)
        key[i] = ascii_lower(values[0][i]);
    key[host_len] = '\n';
    memcpy(key + host_len + 1, values[1], path_len);
    return (struct span){key, host_len + 1 + path_len};
}

/* The rule that had the key before, or NULL. */
static const struct rule_conf *find_rule_twin(
    struct map *seen, struct span key, const struct rule_conf *rule, struct arena *arena)
{
    const struct rule_conf **entry = map_find(seen, key);

    if (entry)
        return *entry;
    entry = arena_alloc(arena, sizeof(const struct rule_conf *));
    assert(entry);
    *entry = rule;
    (void)map_set(seen, key, entry);
    return NULL;
}

static void verify_pairs(
    struct verify *verify, const struct rule_conf *const *rules, uint32_t n_rules)
{
    const struct field_path path = {.name = "conditions"};
    struct map seen = {0};
    struct arena arena;

    arena_init(&arena, NULL, 0, SIZE_MAX);
    for (uint32_t i = 0; i < n_rules; i++) {
        struct span key = specific_key(rules[i], &arena);
        const struct rule_conf *twin = find_rule_twin(&seen, key, rules[i], &arena);

        verify->resource = &rules[i]->res;
        if (twin)
            verify_complain(verify, &path, (struct span){0},
                "have the host and the path of rule/%s", twin->res.id);
    }
    map_done(&seen);
    arena_done(&arena);
}

void verify_rules_together(struct verify *verify, const struct listener_conf *listener,
    const struct rule_conf *const *rules, uint32_t n_rules)
{
    if (n_rules == 0)
        return;
    if (n_rules > VERIFY_RULES_MAX) {
        verify->resource = &listener->res;
        verify_complain(verify, NULL, (struct span){0}, "must have at most %u rules, not %u",
            VERIFY_RULES_MAX, n_rules);
        return;
    }
    if (listener->rule_order == ORDER_PRIORITY)
        verify_priorities(verify, rules, n_rules);
    else
        verify_pairs(verify, rules, n_rules);
}
