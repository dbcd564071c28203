/* HTTP check: HEAD or GET; the class of the status decides. The body says nothing: at most 8 KiB
 * of it are taken in, so that servers do not see their answer refused. */
#include "balance/health/check.h"
#include "base/text.h"

#define CHECK_HEADERS_MAX 128u

static const struct h1_limits check_limits = {
    .line_bytes = 4096,
    .header_bytes = CHECK_ANSWER_BYTES,
    .head_bytes = CHECK_ANSWER_BYTES,
    .n_headers = CHECK_HEADERS_MAX,
    .body_bytes = UINT64_MAX,
};

static void check_http_add_host(const struct check *check, struct text *out)
{
    char ip[ADDR_TEXT_MAX];
    struct span host = span_of(check->conf->host);

    if (host.len > 0) {
        text_add(out, host);
        return;
    }
    host = (struct span){ip, addr_format_ip(&check->server, ip)};
    if (check->server.family == 6)
        text_addf(out, "[%.*s]", SPAN_ARG(host));
    else
        text_add(out, host);
}

/* False when it does not fit, which the ranges of the model exclude. */
static bool check_http_write_request(struct check *check, struct text *out)
{
    const struct health_check_conf *conf = check->conf;

    text_addf(out, "%s %s HTTP/1.%u\r\nHost: ", conf->method == CHECK_GET ? "GET" : "HEAD",
        conf->path, conf->http_minor);
    check_http_add_host(check, out);
    if (conf->user_agent[0] != '\0')
        text_addf(out, "\r\nUser-Agent: %s", conf->user_agent);
    text_add(out, SPAN_LIT("\r\nConnection: close\r\n\r\n"));
    return !text_failed(out);
}

static void check_http_fail(struct check *check, const char *why)
{
    check_judge(check, false, why, 0);
    check_end(check, true);
}

static void check_http_on_connected(struct check *check)
{
    struct text request;
    int r = -EMSGSIZE;

    check->buf = base_alloc(CHECK_ANSWER_BYTES);
    text_init_fixed(&request, check->buf, CHECK_ANSWER_BYTES);
    if (check_http_write_request(check, &request)) {
        conn_gather(check->env, &check->conn, text_span(&request));
        r = conn_flush(check->env, &check->conn);
    }
    h1_reader_init_response(&check->reader, &check_limits,
        check->conf->method == CHECK_GET ? HTTP_METHOD_GET : HTTP_METHOD_HEAD);
    if (r == -ENOMEM)
        check_end(check, true);
    else if (r < 0)
        check_http_fail(check, "SEND_REQUEST_FAILED");
}

static void check_http_on_head(struct check *check, const struct http_msg *msg)
{
    unsigned class = msg->status / 100u;
    bool ok = class >= 2 && class <= 5 && (check->conf->codes & (1u << (class - 2))) != 0;
    uint64_t body = msg->body == HTTP_BODY_NONE     ? 0
                    : msg->body == HTTP_BODY_LENGTH ? MIN(msg->content_length, CHECK_ANSWER_BYTES)
                                                    : CHECK_ANSWER_BYTES;
    uint64_t have = check->len - check->used;

    check->body_left = body > have ? body - have : 0;
    check_judge(check, ok, ok ? "" : "RESPONSE_MISMATCH", msg->status);
}

/* Judges when the head is complete. False when the check has ended. */
static bool check_http_parse(struct check *check)
{
    struct http_header headers[CHECK_HEADERS_MAX];
    struct http_msg msg = {.fields = {.at = headers, .cap = CHECK_HEADERS_MAX}};
    struct h1_step step;

    do {
        h1_read(&check->reader, (struct span){check->buf + check->used, check->len - check->used},
            &msg, &step);
        check->used += (uint32_t)step.used;
    } while (step.event == H1_INTERIM);

    if (step.event == H1_HEAD) {
        check_http_on_head(check, &msg);
        return true;
    }
    if (step.event == H1_MORE && check->len < CHECK_ANSWER_BYTES)
        return true;
    check_http_fail(check, "RESPONSE_FORMAT_ERROR");
    return false;
}

/* Takes in what of the body is wanted; ends the check when nothing more is. */
static void check_http_absorb(struct check *check)
{
    while (check->body_left > 0) {
        ssize_t n = conn_read(check->env, &check->conn, check->env->scratch,
            MIN(check->body_left, CONN_SCRATCH_BYTES));

        if (n == -EAGAIN)
            return;
        if (n <= 0)
            break;
        check->body_left -= (uint64_t)n;
    }
    check_end(check, false);
}

static void check_http_on_ready(struct check *check)
{
    if (check->conn.out_bytes > 0 && check->conn.io.writable &&
        conn_flush(check->env, &check->conn) < 0) {
        check_http_fail(check, "SEND_REQUEST_FAILED");
        return;
    }
    while (!check->judged) {
        ssize_t n;

        if (!check->conn.io.readable)
            return;
        n = conn_read(
            check->env, &check->conn, check->buf + check->len, CHECK_ANSWER_BYTES - check->len);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            check_http_fail(check, "RECV_RESPONSE_FAILED");
            return;
        }
        check->len += (uint32_t)n;
        if (!check_http_parse(check))
            return;
    }
    check_http_absorb(check);
}

const struct check_kind check_http = {
    .on_connected = check_http_on_connected,
    .on_ready = check_http_on_ready,
};
