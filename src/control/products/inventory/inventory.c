/* Networks and the addresses that instances take from them.
 *
 * A taken address is a document of kind vpc.address whose id is the address itself, so that it cannot be taken twice
 * and is looked up in O(1). */
#include "control/products/inventory/inventory.h"

#include <arpa/inet.h>

#include "control/products/inventory/networks.h"
#include "observe/log.h"

#define RESERVED_FIRST 1u /* of a vSwitch's addresses */
#define RESERVED_LAST  3u
#define EIP_POOL       "eip-pool" /* the one document of kind vpc.eip_pool */

/* Addresses that may be taken: n of them from first on. */
struct pool {
    uint32_t first, n;
};

static void put_range(json_t *body, const struct cidr *cidr)
{
    char ip[ADDR_TEXT_MAX], text[ADDR_TEXT_MAX + 8];

    (void)snprintf(
        text, sizeof(text), "%.*s/%u", (int)addr_format_ip(&cidr->addr, ip), ip, cidr->prefix);
    json_put_text(body, "CidrBlock", text);
}

/* --- what the node file says --------------------------------------------------------------- */

static json_t *vpc_body(const struct node_conf *node)
{
    json_t *body = json_object();

    json_put_text(body, "VpcName", node->vpc_id);
    json_put_flag(body, "IsDefault", true);
    put_range(body, &node->vpc_range);
    return body;
}

static json_t *vswitch_body(const struct node_conf *node, const struct node_zone *zone)
{
    json_t *body = json_object();

    json_put_text(body, "VpcId", node->vpc_id);
    json_put_text(body, "ZoneId", zone->id);
    json_put_text(body, "VSwitchName", zone->vswitch_id);
    json_put_flag(body, "IsDefault", true);
    put_range(body, &zone->range);
    return body;
}

/* What is used stays as it is: addresses that are taken would lie outside. */
static int check_unused(struct txn *txn, const struct doc *doc, const char *why)
{
    uint32_t n = txn_count_users(txn, NULL, doc->id);

    if (n == 0)
        return 0;
    log_line(LOG_ERROR, "%s, which was %s, %s in the node file, but %u resources use it", doc->id,
        json_text(doc->body, "CidrBlock"), why, n);
    return -EBUSY;
}

/* Makes the document, or brings it to what it is to be. body is taken over. */
static int start_doc(struct txn *txn, const char *kind, const char *id, json_t *body)
{
    const struct doc *doc = txn_get(txn, kind, id);
    const char *zone = json_text(body, "ZoneId");
    int r = 0;

    if (!doc)
        return txn_add(txn, kind, id, body);
    if (!json_text_is(doc->body, "CidrBlock", json_text(body, "CidrBlock")) ||
        (zone && !json_text_is(doc->body, "ZoneId", zone))) {
        r = strcmp(kind, "vpc.vpc") == 0 ? 0 : check_unused(txn, doc, "has another range or zone");
        if (r == 0)
            (void)json_object_update(txn_edit(txn, kind, id), body);
    }
    json_decref(body);
    return r;
}

static bool node_has(const struct node_conf *node, const char *vswitch_id)
{
    for (unsigned i = 0; i < node->n_zones; i++) {
        if (strcmp(node->zones[i].vswitch_id, vswitch_id) == 0)
            return true;
    }
    return false;
}

/* vSwitches that came from an earlier node file. */
static int remove_others(struct txn *txn, const struct node_conf *node)
{
    struct doc_list list;
    int r = 0;

    txn_list(txn, "vpc.vswitch", &list);
    for (uint32_t i = 0; i < list.n && r == 0; i++) {
        const struct doc *doc = list.docs[i];

        if (!json_flag(doc->body, "IsDefault", false) || node_has(node, doc->id))
            continue;
        r = check_unused(txn, doc, "is not there any more");
        if (r == 0)
            (void)txn_remove(txn, "vpc.vswitch", doc->id);
    }
    doc_list_done(&list);
    return r;
}

int inventory_start(struct txn *txn, const struct node_conf *node)
{
    int r = start_doc(txn, "vpc.vpc", node->vpc_id, vpc_body(node));

    if (r == 0)
        r = remove_others(txn, node);
    for (unsigned i = 0; i < node->n_zones && r == 0; i++)
        r = start_doc(
            txn, "vpc.vswitch", node->zones[i].vswitch_id, vswitch_body(node, &node->zones[i]));
    if (r == 0) {
        json_t *pool = json_object();

        put_range(pool, &node->eip_range);
        r = start_doc(txn, "vpc.eip_pool", EIP_POOL, pool);
    }
    if (r < 0)
        log_line(
            LOG_ERROR, "the networks of the node file cannot be made: %s", strerrordesc_np(-r));
    return r;
}

/* --- addresses ----------------------------------------------------------------------------- */

const struct doc *inventory_vswitch(struct txn *txn, const char *vswitch_id)
{
    return txn_get(txn, "vpc.vswitch", vswitch_id);
}

/* The range without its first `head` and last `tail` addresses. */
static int pool_of(const json_t *body, uint32_t head, uint32_t tail, struct pool *ret_pool)
{
    struct cidr cidr;
    uint32_t first, n;
    int r = cidr_parse(span_of(json_text(body, "CidrBlock")), &cidr);

    if (r < 0 || cidr.addr.family != 4)
        return -EINVAL;
    memcpy(&first, cidr.addr.ip, sizeof(first));
    n = cidr.prefix == 0 ? UINT32_MAX : (uint32_t)1 << (32 - cidr.prefix);
    ret_pool->first = ntohl(first) + head;
    ret_pool->n = n > head + tail ? n - head - tail : 0;
    return 0;
}

static int vswitch_pool(const struct doc *vswitch, struct pool *ret_pool)
{
    return pool_of(vswitch->body, RESERVED_FIRST, RESERVED_LAST, ret_pool);
}

static void address_text(uint32_t ip, char buf[static INVENTORY_IP_LEN])
{
    struct in_addr addr = {htonl(ip)};

    (void)inet_ntop(AF_INET, &addr, buf, INVENTORY_IP_LEN);
}

static bool is_free(struct txn *txn, uint32_t ip, char buf[static INVENTORY_IP_LEN])
{
    address_text(ip, buf);
    return !txn_get(txn, "vpc.address", buf);
}

/* Addresses are given in order, so that behind those taken the next one is free unless some were given back; then it
 * is looked for from there on. n_taken < pool->n. */
static int find_free(
    struct txn *txn, const struct pool *pool, uint32_t n_taken, char buf[static INVENTORY_IP_LEN])
{
    for (uint32_t i = 0; i < pool->n; i++) {
        if (is_free(txn, pool->first + (n_taken + i) % pool->n, buf))
            return 0;
    }
    return -ENOSPC;
}

static int add_address(struct txn *txn, const char *ip, const char *vswitch_id, const char *owner)
{
    json_t *body = json_object();

    json_put_text(body, "Owner", owner);
    json_put_text(body, "VSwitchId", vswitch_id);
    return txn_add(txn, "vpc.address", ip, body);
}

static int check_wanted(
    struct txn *txn, const struct pool *pool, const char *wanted, char buf[static INVENTORY_IP_LEN])
{
    struct in_addr addr;
    uint32_t ip;

    if (inet_pton(AF_INET, wanted, &addr) != 1)
        return -EINVAL;
    ip = ntohl(addr.s_addr);
    if (ip < pool->first || ip - pool->first >= pool->n)
        return -EINVAL;
    return is_free(txn, ip, buf) ? 0 : -EADDRINUSE;
}

int inventory_take(
    struct txn *txn, const struct inventory_wish *wish, char (*ret_ips)[INVENTORY_IP_LEN])
{
    const struct doc *vswitch = inventory_vswitch(txn, wish->vswitch_id);
    uint32_t n_taken = txn_count_users(txn, "vpc.address", wish->vswitch_id);
    struct pool pool;
    int r = vswitch ? vswitch_pool(vswitch, &pool) : -EINVAL;

    if (r == 0 && (n_taken > pool.n || pool.n - n_taken < MAX(wish->n, wish->n_free)))
        r = -ENOSPC;
    for (unsigned i = 0; i < wish->n && r == 0; i++) {
        if (i == 0 && wish->wanted)
            r = check_wanted(txn, &pool, wish->wanted, ret_ips[i]);
        else
            r = find_free(txn, &pool, n_taken + i, ret_ips[i]);
        if (r == 0)
            r = add_address(txn, ret_ips[i], wish->vswitch_id, wish->owner);
    }
    return r;
}

uint32_t inventory_n_free(struct txn *txn, const struct doc *vswitch)
{
    uint32_t n_taken = txn_count_users(txn, "vpc.address", vswitch->id);
    struct pool pool;

    return vswitch_pool(vswitch, &pool) == 0 && pool.n > n_taken ? pool.n - n_taken : 0;
}

/* --- elastic addresses --------------------------------------------------------------------- */

int inventory_new_eip(struct txn *txn, const char *owner, const char *wanted, json_t *body,
    char *ret_id, char *ret_ip)
{
    const json_t *range = txn_body(txn, "vpc.eip_pool", EIP_POOL);
    struct pool pool;
    uint32_t n_taken = txn_count(txn, "vpc.eip");
    char ip[INVENTORY_IP_LEN];
    int r = range ? pool_of(range, 1, 1, &pool) : -ENOSPC;

    if (r == 0 && n_taken >= pool.n)
        r = -ENOSPC;
    if (r == 0)
        r = wanted ? check_wanted(txn, &pool, wanted, ip) : find_free(txn, &pool, n_taken, ip);
    if (r < 0) {
        json_decref(body);
        return r;
    }
    txn_new_id(txn, "eip-", ret_id);
    json_put_text(body, "IpAddress", ip);
    json_put_text(body, "PoolId", EIP_POOL);
    json_put_text(body, "Owner", owner);
    r = txn_add(txn, "vpc.eip", ret_id, body);
    if (r == 0)
        r = add_address(txn, ip, NULL, ret_id);
    if (r == 0)
        (void)snprintf(ret_ip, INVENTORY_IP_LEN, "%s", ip);
    return r;
}

int inventory_take_eip(
    struct txn *txn, const char *allocation_id, const char *owner, char *ret_id, char *ret_ip)
{
    json_t *body;

    if (!allocation_id) {
        body = json_object();
        json_put_flag(body, "GoesWithOwner", true);
        return inventory_new_eip(txn, owner, NULL, body, ret_id, ret_ip);
    }
    body = txn_edit(txn, "vpc.eip", allocation_id);
    if (!body)
        return -ENOENT;
    /* Also if it is owner's: one zone of it would release what another one has. */
    if (json_text(body, "Owner"))
        return -EBUSY;
    json_put_text(body, "Owner", owner);
    (void)snprintf(ret_id, 64, "%s", allocation_id);
    (void)snprintf(ret_ip, INVENTORY_IP_LEN, "%s", json_text(body, "IpAddress"));
    return 0;
}

void inventory_remove_eip(struct txn *txn, const struct doc *eip)
{
    char ip[INVENTORY_IP_LEN];

    (void)snprintf(ip, sizeof(ip), "%s", json_text(eip->body, "IpAddress"));
    (void)txn_remove(txn, "vpc.address", ip);
    (void)txn_remove(txn, "vpc.eip", eip->id);
}

static void release_eip(struct txn *txn, const struct doc *eip)
{
    if (json_flag(eip->body, "GoesWithOwner", false))
        inventory_remove_eip(txn, eip);
    else
        (void)json_object_del(txn_edit(txn, "vpc.eip", eip->id), "Owner");
}

void inventory_release(struct txn *txn, const char *owner)
{
    struct doc_list list;

    txn_users(txn, "vpc.eip", owner, &list);
    for (uint32_t i = 0; i < list.n; i++)
        release_eip(txn, list.docs[i]);
    doc_list_done(&list);
    txn_users(txn, "vpc.address", owner, &list);
    for (uint32_t i = 0; i < list.n; i++)
        (void)txn_remove(txn, "vpc.address", list.docs[i]->id);
    doc_list_done(&list);
}

void inventory_release_one(struct txn *txn, const char *owner, const char *ip_or_eip)
{
    const struct doc *eip = ip_or_eip ? txn_get(txn, "vpc.eip", ip_or_eip) : NULL;
    const struct doc *address = ip_or_eip ? txn_get(txn, "vpc.address", ip_or_eip) : NULL;

    if (eip && json_text_is(eip->body, "Owner", owner))
        release_eip(txn, eip);
    else if (address && json_text_is(address->body, "Owner", owner))
        (void)txn_remove(txn, "vpc.address", ip_or_eip);
}

/* --- servers ------------------------------------------------------------------------------- */

/* A registered server or interface, or NULL. */
static const struct doc *find_server(struct txn *txn, const char *id)
{
    const struct doc *doc = txn_get(txn, "ecs.server", id);

    return doc ? doc : txn_get(txn, "ecs.network_interface", id);
}

int inventory_resolve(struct txn *txn, const char *server_id, const char *ip, char *ret_ip)
{
    const struct doc *doc = server_id ? find_server(txn, server_id) : NULL;
    const json_t *ips = doc ? json_object_get(doc->body, "PrivateIpAddresses") : NULL;
    struct addr addr;
    const char *text;

    if (!doc) {
        if (!server_id || addr_parse_ip(span_of(server_id), &addr) < 0)
            return -ENOENT;
        text = ip ? ip : server_id;
        if (strcmp(text, server_id) != 0)
            return -EINVAL;
    } else if (ip) {
        text = json_array_has(doc->body, "PrivateIpAddresses", ip, false) ? ip : NULL;
    } else {
        text = json_string_value(json_array_get(ips, 0));
    }
    if (!text)
        return -EINVAL;
    (void)snprintf(ret_ip, INVENTORY_IP_LEN, "%s", text);
    return 0;
}

const struct doc *inventory_vswitch_of_ip(struct txn *txn, const struct addr *addr)
{
    const struct doc *hit = NULL;
    struct doc_list list;
    struct cidr cidr;

    txn_list(txn, "vpc.vswitch", &list);
    for (uint32_t i = 0; i < list.n && !hit; i++) {
        if (cidr_parse(span_of(json_text(list.docs[i]->body, "CidrBlock")), &cidr) == 0 &&
            cidr_has(&cidr, addr))
            hit = list.docs[i];
    }
    doc_list_done(&list);
    return hit;
}

int inventory_place(
    struct txn *txn, const char *server_id, const char **ret_vpc, const char **ret_zone)
{
    const struct doc *doc = server_id ? find_server(txn, server_id) : NULL;
    const char *vpc, *zone;
    struct addr addr;

    if (!doc) {
        if (!server_id || addr_parse_ip(span_of(server_id), &addr) < 0)
            return -ENOENT;
        doc = inventory_vswitch_of_ip(txn, &addr);
    }
    vpc = doc ? json_text(doc->body, "VpcId") : NULL;
    zone = doc ? json_text(doc->body, "ZoneId") : NULL;
    *ret_vpc = vpc ? vpc : "";
    *ret_zone = zone ? zone : "";
    return 0;
}
