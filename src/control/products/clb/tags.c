/* Tags and resource groups: labels of documents. */
#include "control/products/clb/clb.h"
#include "control/products/clb/operations.h"

static const struct tag_kind taggable[] = {
    {"instance", "clb.load_balancer"},
    {"certificate", "cas.certificate"},
    {"acl", "clb.acl"},
    {"listener", "clb.listener"},
    {"vservergroup", "clb.vserver_group"},
    {"masterslaveservergroup", "clb.master_slave_group"},
    {NULL, NULL},
};

int clb_tag_resources(struct call *call)
{
    return call_tag_resources(call, taggable, "ResourceNotExist");
}

int clb_untag_resources(struct call *call)
{
    return call_untag_resources(call, taggable, "ResourceNotExist");
}

int clb_list_tag_resources(struct call *call)
{
    return call_list_tag_resources(call, taggable);
}

/* --- the older operations, of instances only -------------------------------------------------- */

/* Does what the newer operation does, with what the older one was given. */
static int as_newer(
    struct call *call, int (*fn)(struct call *, const struct tag_kind *, const char *))
{
    const json_t *given = call->in;
    json_t *ids, *in;
    int r;

    if (!clb_find_instance(call))
        return -EINVAL;
    ids = json_array();
    (void)json_array_append_new(ids, json_string(call_text(call, "LoadBalancerId")));
    in = json_deep_copy(given);
    json_put_text(in, "ResourceType", "instance");
    json_put(in, "ResourceId", ids);
    call->in = in;
    r = fn(call, taggable, "InvalidLoadBalancerId.NotFound");
    call->in = given;
    json_decref(in);
    return r;
}

int clb_add_tags(struct call *call)
{
    return as_newer(call, call_tag_resources);
}

int clb_remove_tags(struct call *call)
{
    return as_newer(call, call_untag_resources);
}

/* One row per distinct tag (or per distinct key) of instances, with how many have it. */
static void count_tag(json_t *rows, const json_t *tag, bool by_key)
{
    size_t i;
    json_t *row;

    json_array_foreach (rows, i, row)
        if (json_text_is(row, "TagKey", json_text(tag, "TagKey")) &&
            (by_key || json_text_is(row, "TagValue", json_text(tag, "TagValue")))) {
            json_put_int(row, "InstanceCount", json_int(row, "InstanceCount", 0) + 1);
            return;
        }
    row = json_object();
    json_put_text(row, "TagKey", json_text(tag, "TagKey"));
    json_put_text(row, "TagValue", by_key ? NULL : json_text(tag, "TagValue"));
    json_put_int(row, "InstanceCount", 1);
    (void)json_array_append_new(rows, row);
}

int clb_describe_tags(struct call *call)
{
    const char *id = call_text(call, "LoadBalancerId");
    bool by_key = json_flag(call->in, "DistinctKey", false);
    json_t *rows = json_array(), *tag;
    size_t i;
    CLB_LIST list = {0};

    json_put(call->out, "TagSets", rows);
    txn_list(call->txn, "clb.load_balancer", &list);
    for (uint32_t n = 0; n < list.n; n++) {
        if ((id && strcmp(id, list.docs[n]->id) != 0) || !call_tags_match(call, list.docs[n]->body))
            continue;
        json_array_foreach (json_object_get(list.docs[n]->body, "Tags"), i, tag)
            count_tag(rows, tag, by_key);
    }
    return call_page_array(call, rows);
}

/* --- resource groups -------------------------------------------------------------------------- */

int clb_move_resource_group(struct call *call)
{
    static const struct tag_kind movable[] = {{"loadbalancer", "clb.load_balancer"},
        {"certificate", "cas.certificate"}, {"acl", "clb.acl"}};
    const char *id = call_text(call, "ResourceId");
    json_t *body = NULL;

    for (size_t i = 0; i < ARRAY_LEN(movable); i++)
        if (json_text_is(call->in, "ResourceType", movable[i].type))
            body = txn_edit(call->txn, movable[i].kind, id);
    if (!body)
        return call_fail(
            call, "InvalidParameter", "The specified resource does not exist: %s.", id);
    call_resource(call, id);
    json_put_text(body, "ResourceGroupId", call_text(call, "NewResourceGroupId"));
    return 0;
}
