/* Servers of NLB's groups. */
#include "control/products/common/common.h"
#include "control/products/inventory/inventory.h"
#include "control/products/nlb/nlb.h"

#define SERVERS_PER_GROUP 400u

static const struct server_shape shape = {
    .kind = NLB_SERVER_GROUP,
    .codes =
        {
            [SERVER_DUPLICATE] = "DuplicatedParam.Server",
            [SERVER_CONFLICT] = "DuplicatedParam.Server",
            [SERVER_NOT_IN_GROUP] = "ResourceNotFound.BackendServer",
            [SERVER_TYPE] = "Mismatch.ServerType",
            [SERVER_NO_ECS] = "ResourceNotFound.Ecs",
            [SERVER_NO_ENI] = "ResourceNotFound.Eni",
            [SERVER_NO_ECI] = "ResourceNotFound.Eci",
            [SERVER_NO_IPV6] = "OperationDenied.ServerGroupNotSupportIpv6",
            [SERVER_BAD_IP] = "IllegalParam.IP",
            [SERVER_VPC] = "Mismatch.VpcId",
            [SERVER_BAD_PORT] = "IllegalParam",
            [SERVER_GROUP_QUOTA] = "QuotaExceeded.QuotaInsufficient",
            [SERVER_SERVER_QUOTA] = "QuotaExceeded.QuotaInsufficient",
        },
};

typedef int (*servers_fn)(
    struct call *call, const struct server_shape *shape, json_t *group, const json_t *given);

static int change_servers(struct call *call, servers_fn change)
{
    const char *id = call_text(call, "ServerGroupId");
    json_t *body;
    int r;

    if (!nlb_find_group(call))
        return -EINVAL;
    body = txn_edit(call->txn, NLB_SERVER_GROUP, id);
    r = change(call, &shape, body, json_object_get(call->in, "Servers"));
    if (r < 0)
        return r;
    if (json_len(body, "Servers") > SERVERS_PER_GROUP)
        return call_fail(call, "QuotaExceeded.QuotaInsufficient",
            "A server group has at most %u servers.", SERVERS_PER_GROUP);
    call_resource(call, id);
    json_put_text(call->out, "ServerGroupId", id);
    call_job(call, "servergroup");
    return 0;
}

int nlb_add_servers_to_server_group(struct call *call)
{
    return change_servers(call, servers_add);
}

int nlb_update_server_group_servers_attribute(struct call *call)
{
    return change_servers(call, servers_update);
}

int nlb_remove_servers_from_server_group(struct call *call)
{
    return change_servers(call, servers_remove);
}

/* --- list -------------------------------------------------------------------------------------- */

static void list_servers(struct call *call, const struct doc *group, json_t *rows)
{
    const char *status =
        call_state(call, group, NULL) == DELIVERY_ACTIVE ? "Available" : "Configuring";
    const char *vpc, *zone;
    json_t *server;
    size_t i;

    json_array_foreach (json_object_get(group->body, "Servers"), i, server) {
        json_t *row;

        if (!json_array_has(call->in, "ServerIds", json_text(server, "ServerId"), true) ||
            !json_array_has(call->in, "ServerIps", json_text(server, "ServerIp"), true))
            continue;
        row = json_copy(server);
        json_put_text(row, "ServerGroupId", group->id);
        json_put_text(row, "Status", status);
        if (inventory_place(call->txn, json_text(server, "ServerId"), &vpc, &zone) == 0 && zone[0])
            json_put_text(row, "ZoneId", zone);
        (void)json_array_append_new(rows, row);
    }
}

int nlb_list_server_group_servers(struct call *call)
{
    json_t *rows = json_array();
    struct doc_list groups;

    json_put(call->out, "Servers", rows);
    if (json_has(call->in, "ServerGroupId")) {
        const struct doc *group = nlb_find_group(call);

        if (!group)
            return -EINVAL;
        list_servers(call, group, rows);
        return call_page_array(call, rows);
    }
    txn_list(call->txn, NLB_SERVER_GROUP, &groups);
    for (uint32_t i = 0; i < groups.n; i++)
        list_servers(call, groups.docs[i], rows);
    doc_list_done(&groups);
    return call_page_array(call, rows);
}
