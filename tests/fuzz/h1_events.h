/* What a reader of HTTP/1 says about an input, as one line of text, whatever way the input is cut.
 *
 * Short: "HEAD BODY:hello END", "REFUSE:bad_chunk:400"; a long line also tells what is in the messages.
 * Adjacent parts of a body are joined. Every input is handed over in memory of exactly its size, so that
 * AddressSanitizer sees any read beyond it.
 */
#pragma once

#include "base/hash.h"
#include "base/text.h"
#include "http/h1/h1.h"

#define H1_EVENTS_HEADERS 32u

struct h1_events {
    struct h1_reader reader;
    bool is_long;
    bool eof; /* the peer closes at the end */
    void (*on_message)(
        const struct http_msg *msg, struct span head, void *context); /* may be NULL */
    void *context;

    struct text text;
    bool in_body;
};

static inline void h1_events_span(struct h1_events *events, const char *name, struct span s)
{
    if (!s.ptr)
        return;
    text_addf(&events->text, " %s=[", name);
    text_add(&events->text, s);
    text_add_char(&events->text, ']');
}

static inline void h1_events_fields(struct h1_events *events, const struct http_fields *fields)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        const struct http_header *h = &fields->at[i];

        text_addf(&events->text, "{%u:", h->id);
        text_add(&events->text, http_header_name(h));
        text_add_char(&events->text, '=');
        text_add(&events->text, http_header_value(h));
        text_add_char(&events->text, '}');
    }
}

static inline void h1_events_msg(struct h1_events *events, const struct http_msg *msg)
{
    text_addf(&events->text, "(v%u m%u s%u b%u len=%llu head=%u %d%d%d%d%d", msg->version,
        msg->method, msg->status, msg->body, (unsigned long long)msg->content_length,
        msg->head_bytes, msg->is_request, msg->has_query, msg->keep_alive, msg->expect_continue,
        msg->te_trailers);
    h1_events_span(events, "method", msg->method_text);
    h1_events_span(events, "target", msg->target);
    h1_events_span(events, "scheme", msg->scheme);
    h1_events_span(events, "authority", msg->authority);
    h1_events_span(events, "path", msg->path);
    h1_events_span(events, "query", msg->query);
    h1_events_span(events, "upgrade", msg->upgrade);
    h1_events_span(events, "phrase", msg->phrase);
    h1_events_fields(events, &msg->fields);
    text_add_char(&events->text, ')');
}

static inline void h1_events_word(struct h1_events *events, const char *word)
{
    if (events->text.len > 0)
        text_add_char(&events->text, ' ');
    text_add(&events->text, span_of(word));
    events->in_body = false;
}

static inline void h1_events_refuse(struct h1_events *events, const struct h1_step *step)
{
    h1_events_word(events, "REFUSE");
    text_addf(&events->text, ":%s:%u", reason_word(step->reason), step->status);
}

static inline void h1_events_step(struct h1_events *events, const struct h1_step *step,
    const struct http_msg *msg, const char *input)
{
    switch (step->event) {
    case H1_MORE:
        break;
    case H1_HEAD:
    case H1_INTERIM:
        h1_events_word(events, step->event == H1_HEAD ? "HEAD" : "INTERIM");
        if (events->is_long)
            h1_events_msg(events, msg);
        if (events->on_message)
            events->on_message(msg, (struct span){input, step->used}, events->context);
        break;
    case H1_BODY:
        assert(step->body.len > 0 && step->body.len <= step->used);
        if (!events->in_body)
            h1_events_word(events, "BODY:");
        text_add(&events->text, step->body);
        events->in_body = true;
        break;
    case H1_END:
        h1_events_word(events, "END");
        h1_events_fields(events, &msg->fields);
        if (events->on_message)
            events->on_message(msg, (struct span){0}, events->context);
        break;
    case H1_REFUSE:
        h1_events_refuse(events, step);
        break;
    }
}

/* Reads all events of the bytes at hand. Returns how many were consumed; *ret_refused if that is all. */
static inline size_t h1_events_feed(struct h1_events *events, struct span in, bool *ret_refused)
{
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg msg = {.fields = {.at = headers, .cap = ARRAY_LEN(headers)}};
    char *exact = base_alloc(MAX(in.len, (size_t)1));
    size_t used = 0;
    struct h1_step step;

    if (in.len > 0)
        memcpy(exact, in.ptr, in.len);
    do {
        h1_read(&events->reader, (struct span){exact + used, in.len - used}, &msg, &step);
        assert(step.used <= in.len - used);
        h1_events_step(events, &step, &msg, exact + used);
        used += step.used;
    } while (step.event != H1_MORE && step.event != H1_REFUSE);
    free(exact);
    *ret_refused = step.event == H1_REFUSE;
    return used;
}

static inline void h1_events_eof(struct h1_events *events)
{
    struct h1_step step;

    h1_read_eof(&events->reader, &step);
    if (step.event == H1_END)
        h1_events_word(events, "END");
    else if (step.event == H1_REFUSE)
        h1_events_refuse(events, &step);
}

/* rng: cuts the input at random; NULL: hands it over in parts of part bytes. The result is in events->text,
 * which the caller frees. */
static inline void h1_events_run(
    struct h1_events *events, struct span in, size_t part, struct rng *rng)
{
    size_t start = 0, end = 0;
    bool refused = false;

    text_init(&events->text, (size_t)1 << 24);
    while (!refused && end < in.len) {
        size_t more = rng ? 1 + rng_below(rng, 40) : part;

        end = MIN(in.len, end + more);
        start += h1_events_feed(events, (struct span){in.ptr + start, end - start}, &refused);
    }
    if (!refused && events->eof)
        h1_events_eof(events);
}
