/* Networks and the addresses that instances take from them.
 *
 * A taken address is a document of kind vpc.address, or vpc.address6, whose id is the address itself, so that it cannot be
 * taken twice and is looked up in O(1). */
#include "control/products/inventory/inventory.h"

#include "control/products/inventory/networks.h"
#include "observe/log.h"

#define RESERVED_FIRST 1u /* of a vSwitch's addresses */
#define RESERVED_LAST  3u
#define EIP_POOL       "eip-pool" /* documents of kind vpc.eip_pool */
#define EIP_POOL6      "eip-pool6"

/* Addresses that may be taken: n of them from first on; of a longer range the first 2^64. */
struct pool {
    struct addr first;
    uint64_t n;
};

static void put_range(json_t *body, const char *member, const struct cidr *cidr)
{
    char ip[ADDR_TEXT_MAX], text[ADDR_TEXT_MAX + 8];

    if (cidr->addr.family == 0)
        return;

    (void)snprintf(
        text, sizeof(text), "%.*s/%u", (int)addr_format_ip(&cidr->addr, ip), ip, cidr->prefix);
    json_put_text(body, member, text);
}

/* --- what the node file says --------------------------------------------------------------- */

static json_t *vpc_body(const struct node_conf *node)
{
    json_t *body = json_object();

    json_put_text(body, "VpcName", node->vpc_id);
    json_put_flag(body, "IsDefault", true);
    put_range(body, "CidrBlock", &node->vpc_range);
    put_range(body, "Ipv6CidrBlock", &node->vpc_range6);
    return body;
}

static json_t *vswitch_body(const struct node_conf *node, const struct node_zone *zone)
{
    json_t *body = json_object();

    json_put_text(body, "VpcId", node->vpc_id);
    json_put_text(body, "ZoneId", zone->id);
    json_put_text(body, "VSwitchName", zone->vswitch_id);
    json_put_flag(body, "IsDefault", true);
    put_range(body, "CidrBlock", &zone->range);
    put_range(body, "Ipv6CidrBlock", &zone->range6);
    return body;
}

/* What is used stays as it is: addresses that are taken would lie outside. kind: of the users; NULL: all. */
static int check_unused(struct txn *txn, const struct doc *doc, const char *kind, const char *why)
{
    const char *range = json_text(doc->body, kind ? "Ipv6CidrBlock" : "CidrBlock");
    uint32_t n = txn_count_users(txn, kind, doc->id);

    if (n == 0)
        return 0;
    log_line(LOG_ERROR, "%s, which was %s, %s in the node file, but %u resources use it", doc->id,
        range ? range : "", why, n);
    return -EBUSY;
}

/* Whether both have the member alike, or neither has it. */
static bool is_same(const json_t *a, const json_t *b, const char *member)
{
    const char *text = json_text(b, member);

    return text ? json_text_is(a, member, text) : !json_has(a, member);
}

/* Makes the document, or brings it to what it is to be. body is taken over. An IPv6 range may come any time. */
static int start_doc(struct txn *txn, const char *kind, const char *id, json_t *body)
{
    const struct doc *doc = txn_get(txn, kind, id);
    bool is_vpc = strcmp(kind, "vpc.vpc") == 0;
    bool has_moved, has_moved6;
    int r = 0;

    if (!doc)
        return txn_add(txn, kind, id, body);
    has_moved = !is_same(doc->body, body, "CidrBlock") || !is_same(doc->body, body, "ZoneId");
    has_moved6 = !is_same(doc->body, body, "Ipv6CidrBlock");
    if (has_moved && !is_vpc)
        r = check_unused(txn, doc, NULL, "has another range or zone");
    if (r == 0 && has_moved6 && !is_vpc)
        r = check_unused(txn, doc, "vpc.address6", "has another IPv6 range");
    if (r == 0 && (has_moved || has_moved6)) {
        json_t *edited = txn_edit(txn, kind, id);

        (void)json_object_del(edited, "Ipv6CidrBlock");
        (void)json_object_update(edited, body);
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
        r = check_unused(txn, doc, NULL, "is not there any more");
        if (r == 0)
            (void)txn_remove(txn, "vpc.vswitch", doc->id);
    }
    doc_list_done(&list);
    return r;
}

/* A range that elastic addresses are taken from; none of family 0. */
static int start_pool(struct txn *txn, const char *id, const struct cidr *range)
{
    const struct doc *doc = txn_get(txn, "vpc.eip_pool", id);
    json_t *body;
    int r;

    if (range->addr.family != 0) {
        body = json_object();
        put_range(body, "CidrBlock", range);
        return start_doc(txn, "vpc.eip_pool", id, body);
    }
    r = doc ? check_unused(txn, doc, NULL, "is not there any more") : 0;
    if (doc && r == 0)
        (void)txn_remove(txn, "vpc.eip_pool", id);
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
    if (r == 0)
        r = start_pool(txn, EIP_POOL, &node->eip_range);
    if (r == 0)
        r = start_pool(txn, EIP_POOL6, &node->eip_range6);
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

static unsigned ip_bytes(const struct addr *addr)
{
    return addr->family == 4 ? 4 : 16;
}

static struct addr addr_plus(const struct addr *addr, uint64_t n)
{
    struct addr sum = *addr;

    for (unsigned i = ip_bytes(addr); i-- > 0 && n > 0;) {
        n += sum.ip[i];
        sum.ip[i] = (uint8_t)n;
        n >>= 8;
    }
    return sum;
}

/* How far addr lies behind first: false if it lies before, or 2^64 and more behind. */
static bool addr_minus(const struct addr *addr, const struct addr *first, uint64_t *ret_n)
{
    uint64_t n = 0, high = 0;
    int borrow = 0;

    for (unsigned i = ip_bytes(addr); i-- > 0;) {
        unsigned shift = 8 * (ip_bytes(addr) - 1 - i);
        int digit = addr->ip[i] - first->ip[i] - borrow;

        borrow = digit < 0;
        if (shift < 64)
            n |= (uint64_t)(uint8_t)digit << shift;
        else
            high |= (uint8_t)digit;
    }
    *ret_n = n;
    return borrow == 0 && high == 0;
}

/* The range that a member says, without its first `head` and last `tail` addresses. */
static int pool_of(
    const json_t *body, const char *member, uint32_t head, uint32_t tail, struct pool *ret_pool)
{
    const char *text = json_text(body, member);
    struct cidr cidr;
    unsigned bits;
    uint64_t n;
    int r = text ? cidr_parse(span_of(text), &cidr) : -EAFNOSUPPORT;

    if (r < 0)
        return r;
    bits = 8 * ip_bytes(&cidr.addr) - cidr.prefix;
    n = bits >= 64 ? UINT64_MAX : (uint64_t)1 << bits;
    ret_pool->first = addr_plus(&cidr.addr, head);
    ret_pool->n = n > head + tail ? n - head - tail : 0;
    return 0;
}

static int vswitch_pool(const struct doc *vswitch, bool is_ipv6, struct pool *ret_pool)
{
    return pool_of(vswitch->body, is_ipv6 ? "Ipv6CidrBlock" : "CidrBlock", RESERVED_FIRST,
        RESERVED_LAST, ret_pool);
}

static const char *kind_of(uint8_t family)
{
    return family == 6 ? "vpc.address6" : "vpc.address";
}

static void address_text(const struct addr *addr, char buf[static INVENTORY_IP_LEN])
{
    char text[ADDR_TEXT_MAX];

    (void)snprintf(buf, INVENTORY_IP_LEN, "%.*s", (int)addr_format_ip(addr, text), text);
}

static bool is_free(struct txn *txn, const struct addr *addr, char buf[static INVENTORY_IP_LEN])
{
    address_text(addr, buf);
    return !txn_get(txn, kind_of(addr->family), buf);
}

/* Addresses are given in order, so that behind those taken the next one is free unless some were given back; then it
 * is looked for from there on. n_taken < pool->n. */
static int find_free(
    struct txn *txn, const struct pool *pool, uint64_t n_taken, char buf[static INVENTORY_IP_LEN])
{
    for (uint64_t i = 0; i < pool->n; i++) {
        struct addr addr = addr_plus(&pool->first, (n_taken + i) % pool->n);

        if (is_free(txn, &addr, buf))
            return 0;
    }
    return -ENOSPC;
}

static int add_address(struct txn *txn, const char *ip, const char *vswitch_id, const char *owner)
{
    json_t *body = json_object();

    json_put_text(body, "Owner", owner);
    json_put_text(body, "VSwitchId", vswitch_id);
    return txn_add(txn, kind_of(strchr(ip, ':') ? 6 : 4), ip, body);
}

static int check_wanted(
    struct txn *txn, const struct pool *pool, const char *wanted, char buf[static INVENTORY_IP_LEN])
{
    struct addr addr;
    uint64_t at;

    if (addr_parse_ip(span_of(wanted), &addr) < 0 || addr.family != pool->first.family ||
        !addr_minus(&addr, &pool->first, &at) || at >= pool->n)
        return -EINVAL;
    return is_free(txn, &addr, buf) ? 0 : -EADDRINUSE;
}

int inventory_take(
    struct txn *txn, const struct inventory_wish *wish, char (*ret_ips)[INVENTORY_IP_LEN])
{
    const struct doc *vswitch = inventory_vswitch(txn, wish->vswitch_id);
    uint32_t n_taken = txn_count_users(txn, kind_of(wish->is_ipv6 ? 6 : 4), wish->vswitch_id);
    struct pool pool;
    int r = vswitch ? vswitch_pool(vswitch, wish->is_ipv6, &pool) : -EINVAL;

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

    return vswitch_pool(vswitch, false, &pool) == 0 && pool.n > n_taken
               ? (uint32_t)(pool.n - n_taken)
               : 0;
}

int inventory_take_public6(struct txn *txn, const char *owner, char (*ret_ip)[INVENTORY_IP_LEN])
{
    const json_t *range = txn_body(txn, "vpc.eip_pool", EIP_POOL6);
    uint32_t n_taken = txn_count_users(txn, "vpc.address6", EIP_POOL6);
    struct pool pool;
    int r = range ? pool_of(range, "CidrBlock", 1, 1, &pool) : -EAFNOSUPPORT;

    if (r == 0 && n_taken >= pool.n)
        r = -ENOSPC;
    if (r == 0)
        r = find_free(txn, &pool, n_taken, *ret_ip);
    return r < 0 ? r : add_address(txn, *ret_ip, EIP_POOL6, owner);
}

/* --- elastic addresses --------------------------------------------------------------------- */

int inventory_new_eip(struct txn *txn, const char *owner, const char *wanted, json_t *body,
    char *ret_id, char *ret_ip)
{
    const json_t *range = txn_body(txn, "vpc.eip_pool", EIP_POOL);
    struct pool pool;
    uint32_t n_taken = txn_count(txn, "vpc.eip");
    char ip[INVENTORY_IP_LEN];
    int r = range ? pool_of(range, "CidrBlock", 1, 1, &pool) : -ENOSPC;

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

static void release_addresses(struct txn *txn, const char *kind, const char *owner)
{
    struct doc_list list;

    txn_users(txn, kind, owner, &list);
    for (uint32_t i = 0; i < list.n; i++)
        (void)txn_remove(txn, kind, list.docs[i]->id);
    doc_list_done(&list);
}

void inventory_release(struct txn *txn, const char *owner)
{
    struct doc_list list;

    txn_users(txn, "vpc.eip", owner, &list);
    for (uint32_t i = 0; i < list.n; i++)
        release_eip(txn, list.docs[i]);
    doc_list_done(&list);
    release_addresses(txn, "vpc.address", owner);
    release_addresses(txn, "vpc.address6", owner);
}

void inventory_release_one(struct txn *txn, const char *owner, const char *ip_or_eip)
{
    const char *kind = kind_of(ip_or_eip && strchr(ip_or_eip, ':') ? 6 : 4);
    const struct doc *eip = ip_or_eip ? txn_get(txn, "vpc.eip", ip_or_eip) : NULL;
    const struct doc *address = ip_or_eip ? txn_get(txn, kind, ip_or_eip) : NULL;

    if (eip && json_text_is(eip->body, "Owner", owner))
        release_eip(txn, eip);
    else if (address && json_text_is(address->body, "Owner", owner))
        (void)txn_remove(txn, kind, ip_or_eip);
}

/* --- servers ------------------------------------------------------------------------------- */

/* A registered server or interface, or NULL. */
static const struct doc *find_server(struct txn *txn, const char *id)
{
    const struct doc *doc = txn_get(txn, "ecs.server", id);

    return doc ? doc : txn_get(txn, "ecs.network_interface", id);
}

/* The one that counts where none is named. */
static const char *primary_address(const json_t *ips)
{
    const json_t *ip;
    size_t i;

    json_array_foreach (ips, i, ip) {
        if (!strchr(json_string_value(ip), ':'))
            return json_string_value(ip);
    }
    return json_string_value(json_array_get(ips, 0));
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
        if (ip && strcmp(ip, server_id) != 0)
            return -EINVAL;
        address_text(&addr, ret_ip);
        return 0;
    }
    if (ip)
        text = json_array_has(doc->body, "PrivateIpAddresses", ip, false) ? ip : NULL;
    else
        text = primary_address(ips);
    if (!text)
        return -EINVAL;
    (void)snprintf(ret_ip, INVENTORY_IP_LEN, "%s", text);
    return 0;
}

const struct doc *inventory_vswitch_of_ip(struct txn *txn, const struct addr *addr)
{
    const char *member = addr->family == 6 ? "Ipv6CidrBlock" : "CidrBlock";
    const struct doc *hit = NULL;
    struct doc_list list;
    struct cidr cidr;

    txn_list(txn, "vpc.vswitch", &list);
    for (uint32_t i = 0; i < list.n && !hit; i++) {
        const char *range = json_text(list.docs[i]->body, member);

        if (range && cidr_parse(span_of(range), &cidr) == 0 && cidr_has(&cidr, addr))
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
