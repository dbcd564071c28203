#include "base/text.h"
#include "control/compile/compile_inner.h"
#include "control/products/inventory/inventory.h"

void part_text(json_t *json, const char *name, const char *value)
{
    if (value && value[0] != '\0')
        json_put_text(json, name, value);
}

void part_int(json_t *json, const char *name, int64_t value)
{
    if (value != 0)
        json_put_int(json, name, value);
}

void part_flag(json_t *json, const char *name, bool value)
{
    if (value)
        json_put_flag(json, name, true);
}

void part_seconds(json_t *json, const char *name, int64_t seconds)
{
    json_put_int(json, name, seconds * 1000);
}

void part_ids(json_t *json, const char *name, const json_t *ids)
{
    if (json_array_size(ids) > 0)
        json_put(json, name, json_deep_copy(ids));
}

json_t *part_words(const char *words, char separator)
{
    json_t *list = json_array();
    struct span rest = span_of(words ? words : "");

    while (rest.len > 0) {
        size_t len = span_find(rest, separator);

        if (len > 0)
            (void)json_array_append_new(list, json_stringn(rest.ptr, len));
        rest = span_from(rest, MIN(len + 1, rest.len));
    }
    return list;
}

const char *part_lower(const char *text, char buf[static PART_NAME_LEN])
{
    size_t n = 0;

    for (; text && text[n] != '\0' && n < PART_NAME_LEN - 1; n++)
        buf[n] = ascii_lower(text[n]);
    buf[n] = '\0';
    return buf;
}

static void add_address(json_t *bind, const char *ip)
{
    size_t i;
    json_t *other;

    if (!ip || ip[0] == '\0')
        return;
    json_array_foreach (bind, i, other) {
        if (strcmp(json_string_value(other), ip) == 0)
            return;
    }
    (void)json_array_append_new(bind, json_string(ip));
}

json_t *part_bind(const json_t *body)
{
    static const char *const members[] = {
        "IntranetAddress", "PrivateIPv4Address", "Address", "PublicIPv4Address", "Ipv6Address"};
    json_t *bind = json_array(), *zone, *address;
    size_t i, j;

    json_array_foreach (json_object_get(body, "ZoneMappings"), i, zone) {
        json_array_foreach (json_object_get(zone, "LoadBalancerAddresses"), j, address) {
            for (size_t k = 0; k < ARRAY_LEN(members); k++)
                add_address(bind, json_text(address, members[k]));
        }
    }
    return bind;
}

void part_ipv6_clients(const struct compile *compile, json_t *json, const json_t *body)
{
    const struct cidr *range = &compile->node->vpc_range6;
    char ip[ADDR_TEXT_MAX];
    size_t n;

    if (!json_text_is(body, "Ipv6AddressType", "Intranet") || range->addr.family == 0)
        return;
    n = addr_format_ip(&range->addr, ip);
    json_put(json, "ipv6_clients", json_stringn(ip, n));
    json_put_int(json, "ipv6_clients_bits", range->prefix);
}

json_t *part_forward(const char *group_id)
{
    return json_pack("[{s:s, s:[{s:s}]}]", "type", "forward", "groups", "group", group_id);
}

void part_certificate(json_t *into, const char *id, const char *domain)
{
    json_t *one;

    if (!id || id[0] == '\0')
        return;
    one = json_pack("{s:s}", "certificate", id);
    if (domain)
        json_put(one, "domains", json_pack("[s]", domain));
    (void)json_array_append_new(into, one);
}

void part_certificates(json_t *into, const json_t *list)
{
    size_t i;
    json_t *one;

    json_array_foreach (list, i, one) {
        part_certificate(into,
            json_is_string(one) ? json_string_value(one) : json_text(one, "CertificateId"), NULL);
    }
}

/* An address that is no longer the server's is given up for the one it has now. */
static int resolve(struct compile *compile, const json_t *server, char *ret_ip)
{
    const char *id = json_text(server, "ServerId");
    const char *ip = json_text(server, "ServerIp");
    int r;

    if (!id)
        return -ENOENT;
    r = inventory_resolve(compile->txn, id, ip, ret_ip);
    if (r == -EINVAL && ip)
        r = inventory_resolve(compile->txn, id, NULL, ret_ip);
    return r;
}

static void put_zone(struct compile *compile, json_t *json, const char *server_id)
{
    const char *vpc, *zone;

    if (inventory_place(compile->txn, server_id, &vpc, &zone) == 0)
        part_text(json, "zone", zone);
}

static json_t *make_server(
    struct compile *compile, const struct part_servers *servers, const json_t *server)
{
    const char *server_id = json_text(server, "ServerId");
    char ip[INVENTORY_IP_LEN];
    json_t *json;

    if (resolve(compile, server, ip) < 0) {
        compile_complain(compile, servers->group_id,
            "The server %s has no address: it is not registered.", server_id ? server_id : "");
        return NULL;
    }
    json = json_object();
    json_put_text(json, "id", json_text(server, "ServerUid"));
    json_put_text(json, "ip", ip);
    json_put_int(json, "port", servers->port ? servers->port : json_int(server, "Port", 0));
    json_put_int(json, "weight", json_int(server, "Weight", 100));
    if (json_text_is(server, "ServerType", "Slave"))
        json_put_text(json, "role", "secondary");
    if (servers->has_zones)
        put_zone(compile, json, server_id);
    return json;
}

json_t *part_servers(struct compile *compile, const struct part_servers *servers)
{
    json_t *list = json_array(), *server;
    size_t i;

    json_array_foreach (servers->list, i, server) {
        json_t *json = make_server(compile, servers, server);

        if (json)
            (void)json_array_append_new(list, json);
    }
    return list;
}

void part_check(
    struct compile *compile, const char *group_id, const char *doc_id, json_t *group, json_t *check)
{
    char id[COMPILE_ID_LEN];

    (void)snprintf(id, sizeof(id), "%s:check", group_id);
    json_put_text(group, "health_check", id);
    compile_emit(compile, "health_check", id, doc_id, check);
}
