#include "http/msg.h"

/* Where s lies in the copy if it lies in head; spans of static text stay. */
static inline const char *move_ptr(const char *ptr, struct span head, struct span copy)
{
    uintptr_t offset = (uintptr_t)ptr - (uintptr_t)head.ptr;

    return ptr && offset <= head.len ? copy.ptr + offset : ptr;
}

int http_msg_copy(
    const struct http_msg *msg, struct span head, struct arena *arena, struct http_msg *ret_msg)
{
    struct span copy = arena_copy(arena, head);
    uint32_t cap = msg->fields.n + HTTP_EDIT_HEADERS;
    struct http_header *headers = arena_alloc(arena, cap * sizeof(*headers));
    struct span *spans[] = {&ret_msg->method_text, &ret_msg->target, &ret_msg->scheme,
        &ret_msg->authority, &ret_msg->path, &ret_msg->query, &ret_msg->upgrade, &ret_msg->phrase};

    if (!copy.ptr || !headers)
        return -ENOMEM;

    *ret_msg = *msg;
    for (size_t i = 0; i < ARRAY_LEN(spans); i++)
        spans[i]->ptr = move_ptr(spans[i]->ptr, head, copy);
    for (uint32_t i = 0; i < msg->fields.n; i++) {
        headers[i] = msg->fields.at[i];
        headers[i].name = move_ptr(headers[i].name, head, copy);
        headers[i].value = move_ptr(headers[i].value, head, copy);
    }
    ret_msg->fields.at = headers;
    ret_msg->fields.cap = cap;
    return 0;
}

const struct http_header *http_find_from(
    const struct http_fields *fields, enum http_name id, uint32_t *pos)
{
    uint32_t n = http_may_have(fields, http_name_bit(id)) ? fields->n : 0;

    for (uint32_t i = *pos; i < n; i++) {
        const struct http_header *h = &fields->at[i];

        if (h->id == id && !h->dropped) {
            *pos = i + 1;
            return h;
        }
    }
    *pos = fields->n;
    return NULL;
}

static bool header_is(const struct http_header *h, enum http_name id, struct span name)
{
    return h->id == id && (id != HTTP_NAME_OTHER || span_eq_nocase(http_header_name(h), name));
}

const struct http_header *http_find_name_from(
    const struct http_fields *fields, struct span name, uint32_t *pos)
{
    enum http_name id = http_name_find(name);

    for (uint32_t i = *pos; i < fields->n; i++) {
        const struct http_header *h = &fields->at[i];

        if (!h->dropped && header_is(h, id, name)) {
            *pos = i + 1;
            return h;
        }
    }
    *pos = fields->n;
    return NULL;
}

int http_add(struct http_fields *fields, enum http_name id, struct span name, struct span value)
{
    assert(name.len <= UINT32_MAX && value.len <= UINT32_MAX);
    if (fields->n >= fields->cap)
        return -ENOSPC;
    if (fields->n == 0 || fields->ids != 0)
        fields->ids |= http_name_bit(id);
    fields->at[fields->n++] = (struct http_header){
        .name = name.ptr,
        .value = value.ptr,
        .name_len = (uint32_t)name.len,
        .value_len = (uint32_t)value.len,
        .id = (uint16_t)id,
    };
    return 0;
}

static uint32_t drop(struct http_fields *fields, enum http_name id, struct span name)
{
    uint32_t n = 0;

    if (!http_may_have(fields, http_name_bit(id)))
        return 0;
    for (uint32_t i = 0; i < fields->n; i++) {
        struct http_header *h = &fields->at[i];

        if (!h->dropped && header_is(h, id, name)) {
            h->dropped = true;
            n++;
        }
    }
    return n;
}

uint32_t http_drop(struct http_fields *fields, enum http_name id)
{
    return drop(fields, id, http_name_text(id));
}

uint32_t http_drop_name(struct http_fields *fields, struct span name)
{
    return drop(fields, http_name_find(name), name);
}

static bool starts_nocase(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_eq_nocase((struct span){s.ptr, prefix.len}, prefix);
}

/* What no Connection header may remove. Connection itself goes last, when all that it names is
 * gone. */
static bool is_protected(struct span name)
{
    switch (http_name_find(name)) {
    case HTTP_NAME_HOST:
    case HTTP_NAME_CONNECTION:
    case HTTP_NAME_COOKIE:
    case HTTP_NAME_AUTHORIZATION:
    case HTTP_NAME_DATE:
    case HTTP_NAME_X_REAL_IP:
        return true;
    default:
        return starts_nocase(name, SPAN_LIT("content-")) ||
               starts_nocase(name, SPAN_LIT("x-forwarded-")) ||
               starts_nocase(name, SPAN_LIT("slb-"));
    }
}

#define HOP_BY_HOP                                                                             \
    (HTTP_BIT(CONNECTION) | HTTP_BIT(KEEP_ALIVE) | HTTP_BIT(PROXY_CONNECTION) | HTTP_BIT(TE) | \
        HTTP_BIT(TRAILER) | HTTP_BIT(UPGRADE) | HTTP_BIT(TRANSFER_ENCODING) |                  \
        HTTP_BIT(CONTENT_LENGTH))

/* What a Connection header names and what goes anyway need not be looked for. */
static bool names_hop_by_hop(struct span name)
{
    return (http_name_bit(http_name_find(name)) & HOP_BY_HOP) != 0;
}

static void drop_named(struct http_fields *fields, struct span list)
{
    struct span name;

    while (span_next(&list, ',', &name)) {
        if (name.len > 0 && !names_hop_by_hop(name) && !is_protected(name))
            (void)http_drop_name(fields, name);
    }
}

void http_drop_hop_by_hop(struct http_fields *fields)
{
    const struct http_header *connection;
    uint32_t pos = 0;

    if (!http_may_have(fields, HOP_BY_HOP))
        return;
    while ((connection = http_find_from(fields, HTTP_NAME_CONNECTION, &pos)))
        drop_named(fields, http_header_value(connection));
    for (uint32_t i = 0; i < fields->n; i++)
        fields->at[i].dropped |= (http_name_bit(fields->at[i].id) & HOP_BY_HOP) != 0;
}
