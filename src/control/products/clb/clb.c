/* What the operations of CLB share: finding documents, checking texts. */
#include "control/products/clb/clb.h"

#include <time.h>

#include "base/addr.h"
#include "control/products/clb/operations.h"

#define NAME_EXTRA   "-/._"
#define PATH_EXTRA   "-/.%?#&_="
#define DOMAIN_EXTRA "-."
#define DOMAIN_MAX   253u
#define PATH_MAX_LEN 80u

static const struct clb_spec specs[] = {
    {"slb.s1.small", 5000, 3000, 1000},
    {"slb.s2.medium", 100000, 10000, 10000},
    {"slb.s2.small", 50000, 5000, 5000},
    {"slb.s3.large", 1000000, 100000, 50000},
    {"slb.s3.medium", 500000, 50000, 30000},
    {"slb.s3.small", 200000, 20000, 20000},
};

const struct clb_spec *clb_spec_find(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(specs); i++)
        if (strcmp(specs[i].name, name) == 0)
            return &specs[i];
    return NULL;
}

const char *clb_listener_id(const char *instance, const char *protocol, int64_t port, char *buf)
{
    (void)snprintf(buf, CLB_LISTENER_LEN, "%.60s:%.8s:%d", instance, protocol, (int)port);
    return buf;
}

const struct doc *clb_find_instance(struct call *call)
{
    const char *id = call_text(call, "LoadBalancerId");
    const struct doc *doc = id ? txn_get(call->txn, "clb.load_balancer", id) : NULL;

    if (!doc)
        return CLB_NONE(call, "InvalidLoadBalancerId.NotFound",
            "The specified LoadBalancerId %s does not exist.", id ? id : "(none)");
    return doc;
}

static const struct doc *listener_missing(struct call *call, const char *protocol)
{
    /* Clients look for the beginning of this sentence. */
    return CLB_NONE(call, "InvalidParameter",
        "The specified resource does not exist: load balancer %s has no %s%slistener of port %d.",
        call_text(call, "LoadBalancerId"), protocol ? protocol : "", protocol ? " " : "",
        (int)json_int(call->in, "ListenerPort", 0));
}

const struct doc *clb_find_listener(struct call *call, const char *protocol)
{
    static const char *const protocols[] = {"tcp", "udp", "http", "https"};
    const char *asked = protocol ? protocol : call_text(call, "ListenerProtocol");
    const struct doc *instance = clb_find_instance(call), *found = NULL;

    if (!instance)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        char id[CLB_LISTENER_LEN];
        const struct doc *doc;

        if (asked && !span_eq_nocase(span_of(asked), span_of(protocols[i])))
            continue;
        doc = txn_get(call->txn, "clb.listener",
            clb_listener_id(instance->id, protocols[i], json_int(call->in, "ListenerPort", 0), id));
        if (doc && found)
            return CLB_NONE(call, "TooManyListeners",
                "Several listeners have port %d: ListenerProtocol must say which one is meant.",
                (int)json_int(call->in, "ListenerPort", 0));
        if (doc)
            found = doc;
    }
    return found ? found : listener_missing(call, asked);
}

const struct doc *clb_find_group(struct call *call, const char *kind, const char *param)
{
    const char *id = call_text(call, param);
    const struct doc *doc = id ? txn_get(call->txn, kind, id) : NULL;
    bool is_pair = strcmp(param, "MasterSlaveServerGroupId") == 0;

    /* Clients look for the beginning of this sentence; of the pair's parameter it has always
     * left out a word. */
    if (!doc)
        return CLB_NONE(call, "InvalidParameter", "The specified %s does not exist: %s.",
            is_pair ? "MasterSlaveGroupId" : param, id ? id : "(none)");
    return doc;
}

void clb_filter(const struct call *call, struct doc_list *list, clb_keep_fn keep)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < list->n; i++)
        if (keep(call, list->docs[i]))
            list->docs[n++] = list->docs[i];
    list->n = n;
}

void clb_put_times(const struct call *call, json_t *body)
{
    char buf[32];

    json_put_text(body, "CreateTime", call_time(call, buf));
    json_put_int(body, "CreateTimeStamp", (int64_t)call->now_ms);
}

const char *clb_time(uint64_t ms, char *buf)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    (void)gmtime_r(&seconds, &tm);
    (void)strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return buf;
}

void clb_put_tags(json_t *out, const json_t *body)
{
    json_t *tags = json_object_get(body, "Tags");

    json_put(out, "Tags", tags ? json_incref(tags) : json_array());
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
           (unsigned char)c >= 0x80;
}

bool clb_text_is(const char *text, const char *more)
{
    for (const char *c = text; *c; c++)
        if (!is_letter_or_digit(*c) && !strchr(more, *c))
            return false;
    return true;
}

int clb_check_name(struct call *call, const char *code, const char *param)
{
    const char *name = call_text(call, param);

    if (name && !clb_text_is(name, NAME_EXTRA))
        return call_fail(call, code,
            "%s \"%s\" may have only letters, digits and the characters - / . _", param, name);
    return 0;
}

bool clb_domain(const char *text, char *buf)
{
    size_t len = strlen(text);
    const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;

    if (len > DOMAIN_MAX || !is_letter_or_digit(*name) || !clb_text_is(name, DOMAIN_EXTRA))
        return false;
    for (size_t i = 0; i <= len; i++) {
        if ((unsigned char)text[i] >= 0x80)
            return false;
        buf[i] = ascii_lower(text[i]);
    }
    return true;
}

bool clb_path_is(const char *path)
{
    if (path[0] != '/' || strlen(path) > PATH_MAX_LEN)
        return false;
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c >= 0x80)
            return false;
    return clb_text_is(path, PATH_EXTRA);
}

int clb_cidr(const char *text, char *buf)
{
    struct addr addr;
    struct cidr cidr;
    char ip[ADDR_TEXT_MAX];

    if (addr_parse_ip(span_of(text), &addr) == 0) {
        cidr = (struct cidr){.addr = addr, .prefix = addr.family == 4 ? 32 : 128};
    } else if (cidr_parse(span_of(text), &cidr) < 0) {
        return 0;
    }
    (void)snprintf(buf, 64, "%.*s/%u", (int)addr_format_ip(&cidr.addr, ip), ip, cidr.prefix);
    return cidr.addr.family;
}

/* --- the product ------------------------------------------------------------------------------ */

#define CLB_ROW(name, fn) {#name, fn},
static const struct call_operation operations[] = {CLB_OPERATIONS(CLB_ROW)};
#undef CLB_ROW

extern const struct product product_clb;
const struct product product_clb = {"Slb", operations, ARRAY_LEN(operations)};
