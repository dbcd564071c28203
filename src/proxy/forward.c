/* What changes in a message on its way: headers of one hop go, what the listener promises is added. */
#include "proxy/exchange.h"
#include "proxy/proxy.h"

#define SCHEME SPAN_LIT("http")

/* Servers that map '_' to '-' (CGI does) would take these for ours: they go like ours do. */
static bool is_alias(struct span name)
{
    static const enum http_name ours[] = {
        HTTP_NAME_X_FORWARDED_FOR,
        HTTP_NAME_X_FORWARDED_PROTO,
        HTTP_NAME_X_FORWARDED_HOST,
        HTTP_NAME_X_FORWARDED_PORT,
        HTTP_NAME_X_FORWARDED_CLIENT_SRCPORT,
        HTTP_NAME_X_REAL_IP,
        HTTP_NAME_SLB_ID,
        HTTP_NAME_SLB_IP,
    };
    /* What they have: 6, 9, 15 to 17, 26. */
    const uint32_t alias_lens = 1u << 6 | 1u << 9 | 7u << 15 | 1u << 26;

    if (name.len >= 32 || !(alias_lens >> name.len & 1) || span_find(name, '_') == name.len)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        struct span text = http_name_text(ours[i]);
        size_t at = 0;

        while (at < name.len && name.len == text.len &&
               (ascii_lower(name.ptr[at]) == text.ptr[at] ||
                   (name.ptr[at] == '_' && text.ptr[at] == '-')))
            at++;
        if (at == name.len && name.len == text.len)
            return true;
    }
    return false;
}

static void drop_aliases(struct http_fields *fields)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        struct http_header *h = &fields->at[i];

        if (h->id == HTTP_NAME_OTHER && is_alias(http_header_name(h)))
            h->dropped = true;
    }
}

/* Overwrites what the client said. */
static int set_header(struct exchange *x, enum http_name id, struct span value)
{
    http_drop(&x->request.fields, id);
    return http_add(&x->request.fields, id, http_name_text(id), value);
}

static int set_number(struct exchange *x, enum http_name id, uint32_t number)
{
    char *buf = arena_alloc(&x->arena, 16);
    struct text text;

    if (!buf)
        return -ENOMEM;
    text_init_fixed(&text, buf, 16);
    text_add_u64(&text, number);
    return set_header(x, id, text_span(&text));
}

static int set_ip(struct exchange *x, enum http_name id, const struct addr *addr)
{
    char *buf = arena_alloc(&x->arena, ADDR_TEXT_MAX);

    if (!buf)
        return -ENOMEM;
    return set_header(x, id, (struct span){buf, addr_format_ip(addr, buf)});
}

/* The received list, all its lines, with the peer behind. */
static int append_forwarded_for(struct exchange *x)
{
    struct http_fields *fields = &x->request.fields;
    const struct http_header *h;
    size_t bytes = ADDR_TEXT_MAX;
    uint32_t pos = 0;
    char ip[ADDR_TEXT_MAX];
    struct text list;
    char *buf;

    while ((h = http_find_from(fields, HTTP_NAME_X_FORWARDED_FOR, &pos)))
        bytes += h->value_len + 2;
    buf = arena_alloc(&x->arena, bytes);
    if (!buf)
        return -ENOMEM;
    text_init_fixed(&list, buf, bytes);
    for (pos = 0; (h = http_find_from(fields, HTTP_NAME_X_FORWARDED_FOR, &pos));) {
        if (h->value_len == 0)
            continue;
        text_add(&list, http_header_value(h));
        text_add(&list, SPAN_LIT(", "));
    }
    text_add(&list, (struct span){ip, addr_format_ip(&x->client, ip)});
    return set_header(x, HTTP_NAME_X_FORWARDED_FOR, text_span(&list));
}

static int add_forwarded(struct exchange *x)
{
    const struct listener_conf *conf = x->conf;
    int r = 0;

    if (conf->xff == XFF_APPEND)
        r = append_forwarded_for(x);
    else if (conf->xff == XFF_REMOVE)
        http_drop(&x->request.fields, HTTP_NAME_X_FORWARDED_FOR);
    if (r == 0 && conf->x_forwarded_proto)
        r = set_header(x, HTTP_NAME_X_FORWARDED_PROTO, SCHEME);
    if (r == 0 && conf->x_forwarded_port)
        r = set_number(x, HTTP_NAME_X_FORWARDED_PORT, conf->port);
    if (r == 0 && conf->x_forwarded_host && x->request.authority.len > 0)
        r = set_header(x, HTTP_NAME_X_FORWARDED_HOST, x->request.authority);
    if (r == 0 && conf->x_forwarded_client_srcport)
        r = set_number(x, HTTP_NAME_X_FORWARDED_CLIENT_SRCPORT, x->client.port);
    return r;
}

static int add_slb(struct exchange *x)
{
    const struct instance_conf *instance =
        snapshot_instance(x->view->snapshot, x->conf->instance.slot);
    int r = 0;

    if (x->conf->slb_id && instance)
        r = set_header(x, HTTP_NAME_SLB_ID, span_of(instance->res.id));
    if (r == 0 && x->conf->slb_ip)
        r = set_ip(x, HTTP_NAME_SLB_IP, &x->vip);
    return r;
}

int forward_edit_request(struct exchange *x)
{
    struct http_msg *msg = &x->request;
    int r;

    http_drop_hop_by_hop(&msg->fields);
    http_drop(&msg->fields, HTTP_NAME_EXPECT);
    drop_aliases(&msg->fields);
    r = add_forwarded(x);
    if (r == 0)
        r = add_slb(x);
    /* What was matched is what is forwarded; the access log keeps the target as received. */
    msg->authority = x->verdict.host;
    msg->path = x->verdict.path;
    msg->query = x->verdict.query;
    msg->has_query = x->verdict.has_query;
    return r;
}

void forward_edit_response(struct http_msg *msg)
{
    http_drop_hop_by_hop(&msg->fields);
}

/* The value of one parameter of a query; key 0 when it is not there. */
static uint64_t key_of_query(struct span query, struct span name)
{
    struct span pair;

    while (span_next(&query, '&', &pair)) {
        size_t eq = span_find(pair, '=');

        if (eq < pair.len && span_eq((struct span){pair.ptr, eq}, name))
            return key_of_text(span_from(pair, eq + 1));
    }
    return 0;
}

uint64_t forward_key(const struct exchange *x)
{
    switch (x->group_conf->scheduler) {
    case SCHEDULER_SCH:
        return key_of_source(&x->client);
    case SCHEDULER_TCH:
        return key_of_tuple(&x->client, &x->vip);
    case SCHEDULER_UCH:
        return key_of_query(x->request.query, span_of(x->group_conf->hash_query));
    default:
        return 0;
    }
}
