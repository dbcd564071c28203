/* Header lines, and what they say about framing and connection (RFC 9112 sections 5 to 9). */
#include "http/h1/h1_head.h"

#include "http/chars.h"
#include "http/h1/h1_simd.h"
#include "http/names.h"

/* A list in Connection longer than this serves only to make hop-by-hop removal expensive. */
#define CONNECTION_OPTIONS_MAX 64u

/* The end of the token at at. limit: up to where may be read; the token ends before it. */
static inline const char *skip_token(const char *at, const char *limit)
{
    if (LIKELY(limit - at >= 16))
        at += h1_letters16(at);
    while (chars_is(*at, CHARS_TOKEN)) /* ends at CR at the latest */
        at++;
    return at;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* One header line; its CR is at end, the block ends at limit. Control characters have been refused
 * before. */
static inline enum reason parse_field(
    const char *line, const char *end, const char *limit, struct http_header *ret_header)
{
    const char *at = skip_token(line, limit);
    struct span name = {line, (size_t)(at - line)};

    if (UNLIKELY(name.len == 0 || *at != ':'))
        return is_blank(*line) ? REASON_OBS_FOLD : REASON_BAD_HEADER_NAME;
    at++;
    if (LIKELY(*at == ' '))
        at++;
    while (UNLIKELY(is_blank(*at))) /* ends at CR */
        at++;
    while (UNLIKELY(is_blank(end[-1])) && end > at)
        end--;
    *ret_header = (struct http_header){
        .name = name.ptr,
        .value = at,
        .name_len = (uint32_t)name.len,
        .value_len = (uint32_t)(end - at),
        .id = (uint16_t)http_name_look_up(name),
    };
    return REASON_NONE;
}

static void note_option(struct h1_facts *facts, struct span option)
{
    switch (option.len) {
    case 5:
        facts->close |= span_eq_nocase(option, SPAN_LIT("close"));
        break;
    case 7:
        facts->asks_upgrade |= span_eq_nocase(option, SPAN_LIT("upgrade"));
        break;
    case 10:
        facts->keep_alive |= span_eq_nocase(option, SPAN_LIT("keep-alive"));
        break;
    default:
        break;
    }
}

static enum reason note_connection(struct h1_facts *facts, struct span list)
{
    struct span option;

    while (span_next(&list, ',', &option)) {
        if (++facts->n_options > CONNECTION_OPTIONS_MAX)
            return REASON_BAD_HEADER_VALUE;
        note_option(facts, option);
    }
    return REASON_NONE;
}

/* A response may say one same length several times (RFC 9112 section 6.3); nothing else may be said twice. */
static enum reason note_length(struct h1_facts *facts, struct span value, bool response)
{
    uint64_t length;

    if (span_parse_u64(value, &length) < 0)
        return REASON_BAD_CONTENT_LENGTH;
    if (facts->n_lengths++ > 0 && (!response || facts->length != length))
        return REASON_BAD_CONTENT_LENGTH;
    facts->length = length;
    return REASON_NONE;
}

static void note_te(struct http_msg *msg, struct span list)
{
    struct span element;

    while (span_next(&list, ',', &element)) {
        if (span_eq_nocase(element, SPAN_LIT("trailers")))
            msg->te_trailers = true;
    }
}

/* What note_field looks at. */
#define NOTED                                                                   \
    (HTTP_BIT(HOST) | HTTP_BIT(CONNECTION) | HTTP_BIT(TE) | HTTP_BIT(UPGRADE) | \
        HTTP_BIT(TRANSFER_ENCODING) | HTTP_BIT(CONTENT_LENGTH) | HTTP_BIT(EXPECT))

static enum reason note_field(
    struct h1_facts *facts, const struct http_header *header, struct http_msg *msg)
{
    struct span value = http_header_value(header);

    switch (header->id) {
    case HTTP_NAME_HOST:
        facts->n_hosts++;
        facts->host = value;
        break;
    case HTTP_NAME_CONNECTION:
        return note_connection(facts, value);
    case HTTP_NAME_TE:
        note_te(msg, value);
        break;
    case HTTP_NAME_UPGRADE:
        facts->n_upgrades++;
        facts->upgrade = value;
        break;
    case HTTP_NAME_TRANSFER_ENCODING:
        facts->n_codings++;
        facts->coding = value;
        break;
    case HTTP_NAME_CONTENT_LENGTH:
        return note_length(facts, value, !msg->is_request);
    case HTTP_NAME_EXPECT:
        if (msg->is_request && !span_eq_nocase(value, SPAN_LIT("100-continue")))
            return REASON_BAD_EXPECT;
        facts->expects = true;
        break;
    default:
        break;
    }
    return REASON_NONE;
}

/* Turns the offsets that the scan left in the fields into headers. */
static enum reason parse_fields(const struct h1_scan *scan, const struct h1_limits *limits,
    struct h1_facts *facts, struct http_msg *msg)
{
    const char *base = scan->in.ptr;
    const char *line = scan->trailers ? base : base + scan->start_end + 2;
    const char *limit = base + scan->at;
    struct http_header *header = scan->fields->at;
    struct http_header *end_header = header + scan->n_lines;
    uint64_t ids = 0;

    if (scan->n_lines > MIN(limits->n_headers, scan->fields->cap))
        return scan->response ? REASON_RESPONSE_TOO_LONG : REASON_TOO_MANY_HEADERS;
    for (; header < end_header; header++) {
        const char *end = base + header->value_len;
        enum reason reason = parse_field(line, end, limit, header);

        if (UNLIKELY(reason != REASON_NONE))
            return reason;
        ids |= http_name_bit(header->id);
        if (facts && (http_name_bit(header->id) & NOTED)) {
            reason = note_field(facts, header, msg);
            if (UNLIKELY(reason != REASON_NONE))
                return reason;
        }
        line = end + 2;
    }
    scan->fields->n = scan->n_lines;
    scan->fields->ids = ids;
    return REASON_NONE;
}

/* Exactly "chunked". Other codings that are at least well-formed are told apart: they are unknown, not wrong
 * (RFC 9112 section 6.1). */
COLD static enum reason check_coding(struct span list, bool *ret_unknown)
{
    bool chunked = false;
    struct span coding;

    if (LIKELY(span_eq_nocase(list, SPAN_LIT("chunked"))))
        return REASON_NONE;
    *ret_unknown = list.len > 0;
    while (span_next(&list, ',', &coding)) {
        if (chunked || !http_is_token(coding))
            *ret_unknown = false;
        chunked |= span_eq_nocase(coding, SPAN_LIT("chunked"));
    }
    return REASON_BAD_TRANSFER_ENCODING;
}

static enum reason check_framing(
    const struct h1_facts *facts, const struct http_msg *msg, bool *ret_unknown_coding)
{
    if (LIKELY(facts->n_codings == 0))
        return REASON_NONE;
    if (facts->n_lengths > 0)
        return REASON_LENGTH_AND_CHUNKED;
    if (facts->n_codings > 1 || (msg->is_request && msg->version == HTTP_VERSION_1_0))
        return REASON_BAD_TRANSFER_ENCODING;
    return check_coding(facts->coding, ret_unknown_coding);
}

/* One protocol, "name" or "name/version". Not h2c: it was withdrawn (RFC 9113 section 3.1), and behind
 * it a server would take requests that nobody has looked at. */
static bool is_protocol(struct span s)
{
    size_t slash = span_find(s, '/');

    if (!http_is_token((struct span){s.ptr, slash}) || span_eq_nocase(s, SPAN_LIT("h2c")))
        return false;
    return slash == s.len || http_is_token(span_from(s, slash + 1));
}

static bool wants_upgrade(const struct h1_facts *facts, const struct http_msg *msg)
{
    return facts->asks_upgrade && facts->n_upgrades == 1 && msg->version == HTTP_VERSION_1_1 &&
           is_protocol(facts->upgrade);
}

static enum reason finish_request(const struct h1_facts *facts, struct http_msg *msg)
{
    bool empty;

    if (facts->n_codings > 0) {
        msg->body = HTTP_BODY_CHUNKED;
    } else if (facts->n_lengths > 0) {
        msg->body = HTTP_BODY_LENGTH;
        msg->content_length = facts->length;
    }
    empty =
        msg->body == HTTP_BODY_NONE || (msg->body == HTTP_BODY_LENGTH && msg->content_length == 0);
    /* RFC 9110 section 10.1.1: nothing to wait for without a body or in 1.0 */
    msg->expect_continue = facts->expects && !empty && msg->version == HTTP_VERSION_1_1;
    if (empty && wants_upgrade(facts, msg))
        msg->upgrade = facts->upgrade;
    return h1_check_host(facts, msg);
}

/* RFC 9112 section 6.3, in its order. */
static enum reason finish_response(
    const struct h1_facts *facts, bool head_request, struct http_msg *msg)
{
    if (msg->status == 101) {
        if (!wants_upgrade(facts, msg))
            return REASON_BAD_RESPONSE;
        msg->body = HTTP_BODY_TUNNEL;
        msg->upgrade = facts->upgrade;
        msg->keep_alive = false;
    } else if (msg->status < 200 || msg->status == 204) {
        msg->content_length = HTTP_LENGTH_UNKNOWN;
    } else if (head_request || msg->status == 304) {
        msg->content_length = facts->n_lengths > 0 ? facts->length : HTTP_LENGTH_UNKNOWN;
    } else if (facts->n_codings > 0) {
        msg->body = HTTP_BODY_CHUNKED;
        /* RFC 9112 section 6.1: chunked in 1.0 may come from a hop that does not understand it */
        msg->keep_alive &= msg->version == HTTP_VERSION_1_1;
    } else if (facts->n_lengths > 0) {
        msg->body = HTTP_BODY_LENGTH;
        msg->content_length = facts->length;
    } else {
        msg->body = HTTP_BODY_CLOSE;
        msg->keep_alive = false;
    }
    return REASON_NONE;
}

enum reason h1_parse_head(const struct h1_reader *reader, const struct h1_scan *scan,
    struct http_msg *msg, bool *ret_unknown_coding)
{
    struct span line = {scan->in.ptr, scan->start_end};
    struct h1_facts facts = {0};
    enum reason reason;

    *msg = (struct http_msg){
        .fields = msg->fields,
        .is_request = !reader->response,
        .head_bytes = (uint32_t)scan->at,
    };
    reason = reader->response ? h1_parse_status_line(line, msg) : h1_parse_request_line(line, msg);
    if (reason != REASON_NONE)
        return reason;
    reason = parse_fields(scan, reader->limits, &facts, msg);
    if (reason != REASON_NONE)
        return reason;
    reason = check_framing(&facts, msg, ret_unknown_coding);
    if (reason != REASON_NONE)
        return reason;
    msg->keep_alive = !facts.close && (msg->version == HTTP_VERSION_1_1 || facts.keep_alive);
    reason = reader->response ? finish_response(&facts, reader->head_request, msg)
                              : finish_request(&facts, msg);
    if (reason != REASON_NONE)
        return reason;
    /* beyond 63 bits is a number that nobody means, and that others would take for negative */
    if (msg->body == HTTP_BODY_LENGTH &&
        msg->content_length > MIN(reader->limits->body_bytes, (uint64_t)INT64_MAX))
        return REASON_BODY_TOO_LARGE;
    return REASON_NONE;
}

/* RFC 9110 section 6.5.1: what decides framing, routing, authentication, or how content is read comes too late
 * in a trailer. */
static bool may_be_trailer(const struct http_header *header)
{
    static const char *const late[] = {"authentication-info", "cache-control", "content-range",
        "forwarded", "if-match", "if-modified-since", "if-none-match", "if-range",
        "if-unmodified-since", "max-forwards", "pragma", "proxy-authenticate",
        "proxy-authentication-info", "proxy-authorization", "range", "www-authenticate"};

    switch (header->id) {
    case HTTP_NAME_OTHER:
        break;
    case HTTP_NAME_DATE:
    case HTTP_NAME_SERVER:
    case HTTP_NAME_REFERER:
    case HTTP_NAME_USER_AGENT:
    case HTTP_NAME_ACCEPT_ENCODING:
        return true;
    default:
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(late); i++) {
        if (span_eq_nocase(http_header_name(header), span_of(late[i])))
            return false;
    }
    return true;
}

enum reason h1_parse_trailers(
    const struct h1_scan *scan, const struct h1_limits *limits, struct http_fields *fields)
{
    enum reason reason = parse_fields(scan, limits, NULL, NULL);

    if (reason != REASON_NONE)
        return reason;
    for (uint32_t i = 0; i < fields->n; i++) {
        if (!may_be_trailer(&fields->at[i]))
            return REASON_BAD_TRAILER;
    }
    return REASON_NONE;
}
