/* The states of a reader, and which event each step gives. */
#include "http/chars.h"
#include "http/h1/h1_head.h"

/* RFC 9112 section 2.2: at least one empty line in front of a request is to be skipped. */
#define EMPTY_LINES_MAX 2u

#define TLS_HANDSHAKE 0x16

void h1_reader_init_request(struct h1_reader *reader, const struct h1_limits *limits)
{
    *reader = (struct h1_reader){.limits = limits};
}

void h1_reader_init_response(
    struct h1_reader *reader, const struct h1_limits *limits, enum http_method request_method)
{
    *reader = (struct h1_reader){
        .limits = limits,
        .response = true,
        .head_request = request_method == HTTP_METHOD_HEAD,
    };
}

COLD static uint16_t refusal_status(const struct h1_reader *reader, enum reason reason)
{
    if (reader->response)
        return 502;
    switch (reason) {
    case REASON_METHOD_REFUSED:
        return 405;
    case REASON_BODY_TOO_LARGE:
        return 413;
    case REASON_URI_TOO_LONG:
        return 414;
    case REASON_BAD_EXPECT:
        return 417;
    case REASON_BAD_VERSION:
        return 505;
    default:
        return 400;
    }
}

/* Whatever comes behind a refused message could be read in two ways: the reader stays here. */
COLD static void refuse(
    struct h1_reader *reader, enum reason reason, uint16_t status, struct h1_step *ret_step)
{
    _Static_assert(REASON_COUNT <= UINT8_MAX, "kept in chunk_digits");

    reader->state = H1_STATE_REFUSED;
    reader->chunk_digits = (uint8_t)reason;
    reader->left = status;
    *ret_step = (struct h1_step){.event = H1_REFUSE, .reason = reason, .status = status};
}

static void begin_next(struct h1_reader *reader)
{
    reader->state = H1_STATE_HEAD;
    reader->left = 0;
    reader->scanned = 0;
    reader->body_bytes = 0;
    reader->empty_lines = 0;
}

static void end_message(struct h1_reader *reader, struct h1_step *ret_step)
{
    begin_next(reader);
    ret_step->event = H1_END;
}

/* First bytes that no message begins with are refused before the rest comes; empty lines are skipped. */
static enum reason check_first(struct h1_reader *reader, struct span in, size_t *used)
{
    while (*used < in.len && in.ptr[*used] == '\r' && !reader->response) {
        reader->scanned = 1; /* not idle */
        if (in.len - *used < 2)
            return REASON_NONE;
        if (in.ptr[*used + 1] != '\n')
            return REASON_BAD_LINE_END;
        if (reader->empty_lines == EMPTY_LINES_MAX)
            return REASON_BAD_REQUEST_LINE;
        reader->empty_lines++;
        reader->scanned = 0;
        *used += 2;
    }
    if (*used == in.len || reader->scanned > 0)
        return REASON_NONE;
    if (reader->response)
        return in.ptr[*used] == 'H' ? REASON_NONE : REASON_BAD_STATUS_LINE;
    if (in.ptr[*used] == TLS_HANDSHAKE)
        return REASON_TLS_ON_PLAIN;
    if (in.ptr[*used] == '\n')
        return REASON_BAD_LINE_END;
    return chars_is(in.ptr[*used], CHARS_METHOD) ? REASON_NONE : REASON_BAD_METHOD;
}

/* Looks on for the end of a head or trailer block in in. While it is incomplete, the reader remembers how far
 * the search came: scanned, and in left the start of the line. */
static enum reason scan_block(struct h1_reader *reader, struct h1_scan *scan)
{
    bool resumed = reader->scanned > 0;
    enum reason reason;

    scan->limits = reader->limits;
    scan->response = reader->response;
    scan->at = reader->scanned;
    scan->line = reader->left;
    reason = h1_scan_lines(scan);
    if (reason != REASON_NONE)
        return reason;
    if (!scan->done) {
        reader->scanned = (uint32_t)scan->at;
        reader->left = scan->line;
        return REASON_NONE;
    }
    reader->scanned = 0;
    reader->left = 0;
    if (resumed) { /* once more, now that all line ends can be noted */
        scan->at = 0;
        scan->line = 0;
        scan->n_lines = 0;
        scan->done = false;
        reason = h1_scan_lines(scan);
    }
    return reason;
}

static void begin_body(struct h1_reader *reader, const struct http_msg *msg)
{
    static const uint8_t states[] = {
        [HTTP_BODY_NONE] = H1_STATE_END,
        [HTTP_BODY_LENGTH] = H1_STATE_LENGTH,
        [HTTP_BODY_CHUNKED] = H1_STATE_SIZE,
        [HTTP_BODY_CLOSE] = H1_STATE_CLOSE,
        [HTTP_BODY_TUNNEL] = H1_STATE_TUNNEL,
    };

    reader->body = msg->body;
    reader->state = states[msg->body];
    if (msg->body == HTTP_BODY_LENGTH) {
        reader->left = msg->content_length;
        if (reader->left == 0)
            reader->state = H1_STATE_END;
    }
}

static void read_head(
    struct h1_reader *reader, struct span in, struct http_msg *msg, struct h1_step *ret_step)
{
    struct h1_scan scan = {.fields = &msg->fields};
    bool unknown_coding = false;
    size_t skipped = 0;
    enum reason reason = check_first(reader, in, &skipped);

    ret_step->used = skipped;
    if (reason == REASON_NONE && skipped < in.len && in.ptr[skipped] != '\r') {
        scan.in = span_from(in, skipped);
        reason = scan_block(reader, &scan);
    }
    if (reason == REASON_NONE && scan.done)
        reason = h1_parse_head(reader, &scan, msg, &unknown_coding);
    if (reason != REASON_NONE) {
        refuse(reader, reason,
            unknown_coding && !reader->response ? 501 : refusal_status(reader, reason), ret_step);
        return;
    }
    if (!scan.done)
        return;
    ret_step->used += scan.at;
    if (reader->response && msg->status < 200 && msg->status != 101) {
        ret_step->event = H1_INTERIM;
        return;
    }
    begin_body(reader, msg);
    ret_step->event = H1_HEAD;
}

static void give_body(
    struct h1_reader *reader, struct span in, uint64_t max, struct h1_step *ret_step)
{
    size_t n = in.len - ret_step->used;

    if (n > max)
        n = (size_t)max;
    if (n == 0)
        return;
    ret_step->event = H1_BODY;
    ret_step->body = (struct span){in.ptr + ret_step->used, n};
    ret_step->used += n;
    reader->body_bytes += n;
}

static void read_until_close(struct h1_reader *reader, struct span in, struct h1_step *ret_step)
{
    uint64_t limit = reader->limits->body_bytes;
    uint64_t room = limit > reader->body_bytes ? limit - reader->body_bytes : 0;

    if (reader->state == H1_STATE_TUNNEL)
        room = UINT64_MAX;
    if (in.len > 0 && room == 0)
        refuse(
            reader, REASON_BODY_TOO_LARGE, refusal_status(reader, REASON_BODY_TOO_LARGE), ret_step);
    else
        give_body(reader, in, room, ret_step);
}

/* n bytes of the body have gone by, whichever way. */
static void count_body(struct h1_reader *reader, uint64_t n)
{
    reader->left -= n;
    if (reader->left > 0)
        return;
    reader->state = reader->state == H1_STATE_LENGTH ? H1_STATE_END : H1_STATE_CHUNK_CR;
}

static void read_length(struct h1_reader *reader, struct span in, struct h1_step *ret_step)
{
    give_body(reader, in, reader->left, ret_step);
    count_body(reader, ret_step->body.len);
}

static enum reason read_trailers(
    struct h1_reader *reader, struct span in, struct http_msg *msg, struct h1_step *ret_step)
{
    struct h1_scan scan = {
        .in = span_from(in, ret_step->used), .fields = &msg->fields, .trailers = true};
    enum reason reason = scan_block(reader, &scan);

    if (reason == REASON_NONE && scan.done)
        reason = h1_parse_trailers(&scan, reader->limits, &msg->fields);
    switch (reason) {
    case REASON_NONE:
        break;
    case REASON_BAD_HEADER_NAME:
    case REASON_BAD_HEADER_VALUE:
    case REASON_BAD_LINE_END:
    case REASON_OBS_FOLD:
        return REASON_BAD_TRAILER;
    default:
        return reason;
    }
    if (scan.done) {
        ret_step->used += scan.at;
        end_message(reader, ret_step);
    }
    return REASON_NONE;
}

static void read_chunked(
    struct h1_reader *reader, struct span in, struct http_msg *msg, struct h1_step *ret_step)
{
    enum reason reason = h1_read_framing(reader, in, &ret_step->used);

    if (reason == REASON_NONE && ret_step->used < in.len) {
        if (reader->state == H1_STATE_CHUNK_DATA)
            read_length(reader, in, ret_step);
        else
            reason = read_trailers(reader, in, msg, ret_step);
    }
    if (reason != REASON_NONE)
        refuse(reader, reason, refusal_status(reader, reason), ret_step);
}

void h1_read(
    struct h1_reader *reader, struct span in, struct http_msg *msg, struct h1_step *ret_step)
{
    *ret_step = (struct h1_step){.event = H1_MORE};
    switch (reader->state) {
    case H1_STATE_HEAD:
        read_head(reader, in, msg, ret_step);
        break;
    case H1_STATE_LENGTH:
        read_length(reader, in, ret_step);
        break;
    case H1_STATE_CLOSE:
    case H1_STATE_TUNNEL:
        read_until_close(reader, in, ret_step);
        break;
    case H1_STATE_END:
        msg->fields.n = 0;
        end_message(reader, ret_step);
        break;
    case H1_STATE_REFUSED:
        refuse(reader, (enum reason)reader->chunk_digits, (uint16_t)reader->left, ret_step);
        break;
    default:
        read_chunked(reader, in, msg, ret_step);
        break;
    }
}

bool h1_try_end(struct h1_reader *reader)
{
    if (reader->state != H1_STATE_END)
        return false;
    begin_next(reader);
    return true;
}

void h1_read_eof(struct h1_reader *reader, struct h1_step *ret_step)
{
    *ret_step = (struct h1_step){.event = H1_MORE};
    switch (reader->state) {
    case H1_STATE_HEAD:
        if (reader->scanned == 0)
            return;
        break;
    case H1_STATE_END:
        end_message(reader, ret_step);
        return;
    case H1_STATE_CLOSE:
    case H1_STATE_TUNNEL:
        /* nothing can follow */
        refuse(reader, REASON_SERVER_CLOSED, 502, ret_step);
        *ret_step = (struct h1_step){.event = H1_END};
        return;
    case H1_STATE_REFUSED:
        refuse(reader, (enum reason)reader->chunk_digits, (uint16_t)reader->left, ret_step);
        return;
    default:
        break;
    }
    if (reader->response)
        refuse(reader, REASON_SERVER_CUT, 502, ret_step);
    else
        refuse(reader, REASON_CLIENT_CLOSED, 400, ret_step);
}

bool h1_reader_idle(const struct h1_reader *reader)
{
    return reader->state == H1_STATE_HEAD && reader->scanned == 0;
}

uint64_t h1_raw_left(const struct h1_reader *reader)
{
    switch (reader->state) {
    case H1_STATE_LENGTH:
    case H1_STATE_CHUNK_DATA:
        return reader->left;
    case H1_STATE_CLOSE:
    case H1_STATE_TUNNEL:
        return UINT64_MAX;
    default:
        return 0;
    }
}

void h1_raw_skip(struct h1_reader *reader, uint64_t n)
{
    assert(n <= h1_raw_left(reader));
    if (n == 0)
        return;
    reader->body_bytes += n;
    if (reader->state == H1_STATE_LENGTH || reader->state == H1_STATE_CHUNK_DATA)
        count_body(reader, n);
}
