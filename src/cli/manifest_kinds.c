#include "cli/manifest.h"

enum {
    ALB_GROUP,
    ALB_INSTANCE,
    ALB_LISTENER,
    ALB_RULE,
    NLB_GROUP,
    NLB_INSTANCE,
    NLB_LISTENER,
    CLB_INSTANCE,
    CLB_GROUP,
    CLB_TCP,
    CLB_UDP,
    CLB_HTTP,
    CLB_HTTPS,
    CLB_HTTP_RULE,
    CLB_HTTPS_RULE,
};

#define ZONED_GROUP(product_, folder_)                                                            \
    {                                                                                             \
        .product = product_, .folder = folder_, .word = "server_groups", .noun = "server group",  \
        .parent = -1, .keys = {"ServerGroupName"}, .id = "ServerGroupId",                         \
        .create = "CreateServerGroup", .list = "ListServerGroups", .list_member = "ServerGroups", \
        .update = "UpdateServerGroupAttribute", .remove = "DeleteServerGroup",                    \
        .servers = {"Servers", "ListServerGroupServers", "Servers", "AddServersToServerGroup",    \
            "UpdateServerGroupServersAttribute", "RemoveServersFromServerGroup"},                 \
    }
#define ZONED_INSTANCE(product_, folder_)                                                          \
    {                                                                                              \
        .product = product_, .folder = folder_, .word = "load_balancers", .noun = "load balancer", \
        .parent = -1, .keys = {"LoadBalancerName"}, .id = "LoadBalancerId",                        \
        .create = "CreateLoadBalancer", .list = "ListLoadBalancers",                               \
        .list_member = "LoadBalancers", .get = "GetLoadBalancerAttribute",                         \
        .update = "UpdateLoadBalancerAttribute", .remove = "DeleteLoadBalancer",                   \
    }
#define ZONED_LISTENER(product_, folder_, parent_)                                             \
    {                                                                                          \
        .product = product_, .folder = folder_, .word = "listeners", .noun = "listener",       \
        .parent = (parent_), .keys = {"ListenerPort", "ListenerProtocol"}, .id = "ListenerId", \
        .create = "CreateListener", .list = "ListListeners", .list_member = "Listeners",       \
        .get = "GetListenerAttribute", .update = "UpdateListenerAttribute",                    \
        .remove = "DeleteListener",                                                            \
    }
#define CLB_LISTENER(word_, protocol, upper)                                                       \
    {                                                                                              \
        .product = "Slb", .folder = "clb", .word = word_, .noun = protocol " listener",            \
        .parent = CLB_INSTANCE, .keys = {"ListenerPort"}, .id = "ListenerPort", .id_is_key = true, \
        .constant = {"ListenerProtocol", protocol},                                                \
        .create = "CreateLoadBalancer" upper "Listener", .start = "StartLoadBalancerListener",     \
        .list = "DescribeLoadBalancerListeners", .list_member = "Listeners",                       \
        .get = "DescribeLoadBalancer" upper "ListenerAttribute",                                   \
        .update = "SetLoadBalancer" upper "ListenerAttribute",                                     \
        .remove = "DeleteLoadBalancerListener",                                                    \
    }
#define CLB_RULE(parent_)                                                                        \
    {                                                                                            \
        .product = "Slb", .folder = "clb", .word = "rules", .noun = "rule", .parent = (parent_), \
        .keys = {"RuleName"}, .id = "RuleId", .create = "CreateRules", .wrap = "RuleList",       \
        .list = "DescribeRules", .list_member = "Rules", .update = "SetRule",                    \
        .remove = "DeleteRules",                                                                 \
    }

const struct manifest_kind manifest_kinds[] = {
    [ALB_GROUP] = ZONED_GROUP("Alb", "alb"),
    [ALB_INSTANCE] = ZONED_INSTANCE("Alb", "alb"),
    [ALB_LISTENER] = ZONED_LISTENER("Alb", "alb", ALB_INSTANCE),
    [ALB_RULE] = {.product = "Alb",
        .folder = "alb",
        .word = "rules",
        .noun = "rule",
        .parent = ALB_LISTENER,
        .keys = {"RuleName"},
        .id = "RuleId",
        .create = "CreateRule",
        .list = "ListRules",
        .list_member = "Rules",
        .update = "UpdateRuleAttribute",
        .remove = "DeleteRule"},
    [NLB_GROUP] = ZONED_GROUP("Nlb", "nlb"),
    [NLB_INSTANCE] = ZONED_INSTANCE("Nlb", "nlb"),
    [NLB_LISTENER] = ZONED_LISTENER("Nlb", "nlb", NLB_INSTANCE),
    [CLB_INSTANCE] = {.product = "Slb",
        .folder = "clb",
        .word = "load_balancers",
        .noun = "load balancer",
        .parent = -1,
        .keys = {"LoadBalancerName"},
        .id = "LoadBalancerId",
        .create = "CreateLoadBalancer",
        .list = "DescribeLoadBalancers",
        .list_member = "LoadBalancers",
        .get = "DescribeLoadBalancerAttribute",
        .remove = "DeleteLoadBalancer"},
    [CLB_GROUP] = {.product = "Slb",
        .folder = "clb",
        .word = "vserver_groups",
        .noun = "vServer group",
        .parent = CLB_INSTANCE,
        .keys = {"VServerGroupName"},
        .id = "VServerGroupId",
        .create = "CreateVServerGroup",
        .list = "DescribeVServerGroups",
        .list_member = "VServerGroups",
        .get = "DescribeVServerGroupAttribute",
        .remove = "DeleteVServerGroup",
        .servers = {"BackendServers", NULL, NULL, "AddVServerGroupBackendServers",
            "SetVServerGroupAttribute", "RemoveVServerGroupBackendServers"}},
    [CLB_TCP] = CLB_LISTENER("tcp_listeners", "tcp", "TCP"),
    [CLB_UDP] = CLB_LISTENER("udp_listeners", "udp", "UDP"),
    [CLB_HTTP] = CLB_LISTENER("http_listeners", "http", "HTTP"),
    [CLB_HTTPS] = CLB_LISTENER("https_listeners", "https", "HTTPS"),
    [CLB_HTTP_RULE] = CLB_RULE(CLB_HTTP),
    [CLB_HTTPS_RULE] = CLB_RULE(CLB_HTTPS),
};
const unsigned n_manifest_kinds = ARRAY_LEN(manifest_kinds);

const struct openapi_operation *manifest_operation(
    const struct manifest_kind *kind, const char *name)
{
    const struct openapi_product *product = openapi_product_by_name(span_of(kind->product));
    const struct openapi_operation *op =
        product ? openapi_operation_find(product, span_of(name)) : NULL;

    assert(op);
    return op;
}

static void add_key(struct text *out, const json_t *value)
{
    if (json_is_integer(value))
        text_add_i64(out, json_integer_value(value));
    else if (json_is_string(value))
        text_add(out, span_of(json_string_value(value)));
}

void manifest_key(const struct manifest_kind *kind, const json_t *body, char buf[MANIFEST_KEY_MAX])
{
    struct text text;

    text_init_fixed(&text, buf, MANIFEST_KEY_MAX - 1);
    add_key(&text, json_object_get(body, kind->keys[0]));
    if (kind->keys[1]) {
        text_add_char(&text, ' ');
        add_key(&text, json_object_get(body, kind->keys[1]));
    }
    buf[text.len] = '\0';
}

/* --- references ---------------------------------------------------------------------------- */

static bool is_reference(const json_t *value)
{
    return json_is_string(value) && strncmp(json_string_value(value), "@/", 2) == 0;
}

static json_t *resolve_array(const json_t *value, const json_t *ids, const char **ret_missing)
{
    json_t *copy = json_array();
    const json_t *element;
    size_t i;

    json_array_foreach (value, i, element) {
        json_t *resolved = manifest_resolve(element, ids, ret_missing);

        if (!resolved) {
            json_decref(copy);
            return NULL;
        }
        (void)json_array_append_new(copy, resolved);
    }
    return copy;
}

json_t *manifest_resolve(const json_t *value, const json_t *ids, const char **ret_missing)
{
    json_t *copy;
    void *iter;

    if (is_reference(value)) {
        json_t *id = json_object_get(ids, json_string_value(value) + 2);

        if (!id && ret_missing)
            *ret_missing = json_string_value(value) + 2;
        return id ? json_incref(id) : NULL;
    }
    if (json_is_array(value))
        return resolve_array(value, ids, ret_missing);
    if (!json_is_object(value))
        return json_deep_copy(value);
    copy = json_object();
    iter = json_object_iter(json_loose(value));
    for (; iter; iter = json_object_iter_next(json_loose(value), iter)) {
        json_t *resolved = manifest_resolve(json_object_iter_value(iter), ids, ret_missing);

        if (!resolved) {
            json_decref(copy);
            return NULL;
        }
        (void)json_object_set_new(copy, json_object_iter_key(iter), resolved);
    }
    return copy;
}

/* --- what requests need besides the body --------------------------------------------------- */

static void put_parameter(
    json_t *in, const struct openapi_operation *op, const char *name, json_t *value)
{
    const struct openapi_field *field = openapi_field_find(&op->in, span_of(name));
    char plural[64];

    if (!field) {
        (void)snprintf(plural, sizeof(plural), "%ss", name);
        field = openapi_field_find(&op->in, span_of(plural));
        if (field && !field->is_list)
            field = NULL;
    }
    if (field && !json_object_get(in, field->name))
        (void)json_object_set_new(
            in, field->name, field->is_list ? json_pack("[O]", value) : json_incref(value));
    json_decref(value);
}

static json_t *own_id(const struct manifest_kind *kind, const json_t *item)
{
    char text[2 + 4 * MANIFEST_KEY_MAX];

    if (kind->id_is_key)
        return json_incref(json_object_get(json_object_get(item, "body"), kind->id));
    (void)snprintf(text, sizeof(text), "@/%s", json_string_value(json_object_get(item, "path")));
    return json_string(text);
}

static const struct manifest_kind *kind_of(const json_t *item)
{
    return &manifest_kinds[json_integer_value(json_object_get(item, "kind"))];
}

void manifest_context(json_t *in, const struct openapi_operation *op, const json_t *item,
    const json_t *const *parents, unsigned n_parents, bool with_own)
{
    for (unsigned i = 0; i <= n_parents; i++) {
        const json_t *at = i < n_parents ? parents[i] : item;
        const struct manifest_kind *kind = kind_of(at);

        if (kind->constant[0])
            put_parameter(in, op, kind->constant[0], json_string(kind->constant[1]));
        if (i < n_parents || with_own)
            put_parameter(in, op, kind->id, own_id(kind, at));
    }
}
