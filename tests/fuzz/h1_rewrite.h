/* What was accepted and is written again must read as the same message. */
#pragma once

#include "h1_events.h"

/* Wider than what the input is read with: writing may make lines longer. */
static const struct h1_limits h1_rewrite_limits = {
    .line_bytes = 4096,
    .header_bytes = 4096,
    .head_bytes = 65536,
    .n_headers = H1_EVENTS_HEADERS,
    .body_bytes = UINT64_MAX,
};

#define H1_CHECK(what)                                                       \
    do {                                                                     \
        if (!(what)) {                                                       \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
            abort();                                                         \
        }                                                                    \
    } while (0)

static inline enum h1_connection h1_rewrite_connection(const struct http_msg *msg)
{
    if (msg->upgrade.len > 0)
        return H1_CONNECTION_UPGRADE;
    if (!msg->keep_alive)
        return H1_CONNECTION_CLOSE;
    return msg->version == HTTP_VERSION_1_0 ? H1_CONNECTION_KEEP_ALIVE : H1_CONNECTION_DEFAULT;
}

static inline bool h1_rewrite_is_own(const struct http_header *h)
{
    return h->dropped || h->id == HTTP_NAME_HOST || h->id == HTTP_NAME_CONNECTION ||
           h->id == HTTP_NAME_UPGRADE || h->id == HTTP_NAME_TRANSFER_ENCODING ||
           h->id == HTTP_NAME_CONTENT_LENGTH;
}

/* The headers that end points see, in order. */
static inline void h1_rewrite_same_fields(const struct http_fields *a, const struct http_fields *b)
{
    uint32_t i = 0, k = 0;

    for (;;) {
        while (i < a->n && h1_rewrite_is_own(&a->at[i]))
            i++;
        while (k < b->n && h1_rewrite_is_own(&b->at[k]))
            k++;
        if (i == a->n || k == b->n)
            break;
        H1_CHECK(span_eq(http_header_name(&a->at[i]), http_header_name(&b->at[k])));
        H1_CHECK(span_eq(http_header_value(&a->at[i]), http_header_value(&b->at[k])));
        i++;
        k++;
    }
    H1_CHECK(i == a->n && k == b->n);
}

static inline void h1_rewrite_same(const struct http_msg *a, const struct http_msg *b)
{
    H1_CHECK(a->is_request == b->is_request && a->body == b->body && a->status == b->status);
    H1_CHECK(a->content_length == b->content_length && a->has_query == b->has_query);
    H1_CHECK(a->expect_continue == b->expect_continue);
    /* "Connection: close, upgrade" is written as an upgrade only */
    H1_CHECK(a->keep_alive == b->keep_alive || a->upgrade.len > 0);
    H1_CHECK(a->method == b->method && span_eq(a->method_text, b->method_text));
    H1_CHECK(span_eq(a->path, b->path) && span_eq(a->query, b->query));
    H1_CHECK(span_eq(a->authority, b->authority) && span_eq(a->upgrade, b->upgrade));
    H1_CHECK(a->phrase.len == 0 || span_eq(a->phrase, b->phrase));
    h1_rewrite_same_fields(&a->fields, &b->fields);
}

static inline void h1_rewrite_head(const struct http_msg *msg, struct span head, bool head_request)
{
    static char buf[65536];
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg copy, again = {.fields = {.at = headers, .cap = ARRAY_LEN(headers)}};
    enum h1_connection connection = h1_rewrite_connection(msg);
    bool is_old = msg->is_request && msg->version == HTTP_VERSION_1_0;
    struct h1_reader reader;
    struct h1_step step;
    struct arena arena;
    size_t n;

    arena_init(&arena, NULL, 0, SIZE_MAX);
    H1_CHECK(http_msg_copy(msg, head, &arena, &copy) == 0);
    http_drop_hop_by_hop(&copy.fields);
    if (msg->is_request) {
        n = h1_write_request(
            &copy, is_old ? HTTP_VERSION_1_0 : HTTP_VERSION_1_1, connection, buf, sizeof(buf));
        h1_reader_init_request(&reader, &h1_rewrite_limits);
    } else {
        n = h1_write_response(&copy, HTTP_VERSION_1_1, connection, buf, sizeof(buf));
        h1_reader_init_response(
            &reader, &h1_rewrite_limits, head_request ? HTTP_METHOD_HEAD : HTTP_METHOD_GET);
    }
    H1_CHECK(n > 0);
    h1_read(&reader, (struct span){buf, n}, &again, &step);
    H1_CHECK((step.event == H1_HEAD || step.event == H1_INTERIM) && step.used == n);
    h1_rewrite_same(&copy, &again);
    arena_done(&arena);
}

static inline void h1_rewrite_trailers(const struct http_msg *msg)
{
    static const char post[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    static char buf[65536];
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg again = {.fields = {.at = headers, .cap = ARRAY_LEN(headers)}};
    struct h1_reader reader;
    struct h1_step step;
    size_t n = h1_write_last_chunk(&msg->fields, buf, sizeof(buf));

    H1_CHECK(n > 0);
    h1_reader_init_request(&reader, &h1_rewrite_limits);
    h1_read(&reader, SPAN_LIT(post), &again, &step);
    H1_CHECK(step.event == H1_HEAD);
    h1_read(&reader, (struct span){buf, n}, &again, &step);
    H1_CHECK(step.event == H1_END && step.used == n);
    h1_rewrite_same_fields(&msg->fields, &again.fields);
}

/* For h1_events.on_message. context: whether it answers a HEAD, as a bool *. */
static inline void h1_rewrite(const struct http_msg *msg, struct span head, void *context)
{
    const bool *head_request = context;

    if (head.ptr)
        h1_rewrite_head(msg, head, *head_request);
    else
        h1_rewrite_trailers(msg);
}

/* Reads in whole, in single bytes and cut at random, and compares what is said. */
static inline void h1_rewrite_fuzz(const struct h1_reader *reader, struct span in)
{
    bool head_request = reader->head_request;
    struct h1_events whole = {.reader = *reader,
        .is_long = true,
        .eof = true,
        .on_message = h1_rewrite,
        .context = &head_request};
    struct rng rng;

    if (in.len > 8192)
        return;
    rng_init(&rng, hash_place(in, 0));
    h1_events_run(&whole, in, MAX(in.len, (size_t)1), NULL);
    for (unsigned i = 0; i < 3; i++) {
        struct h1_events cut = {.reader = *reader, .is_long = true, .eof = true};

        if (i > 0 || in.len < 2048)
            h1_events_run(&cut, in, 1, i > 0 ? &rng : NULL);
        else
            h1_events_run(&cut, in, 7, NULL);
        if (!span_eq(text_span(&whole.text), text_span(&cut.text))) {
            (void)fprintf(stderr, "whole: %.*s\ncut:   %.*s\n", SPAN_ARG(text_span(&whole.text)),
                SPAN_ARG(text_span(&cut.text)));
            abort();
        }
        text_done(&cut.text);
    }
    text_done(&whole.text);
}
