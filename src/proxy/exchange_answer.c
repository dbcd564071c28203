/* Responses of our own: redirects, fixed responses, and what to say when things fail. */
#include "proxy/exchange.h"
#include "proxy/proxy.h"

/* Room for the page of any status, and for the headers of any answer. */
#define ANSWER_PAGE_MAX    512u
#define ANSWER_HEADERS_MAX 8u

static struct span answer_page(struct exchange *x)
{
    char *buf = arena_alloc(&x->arena, ANSWER_PAGE_MAX);
    struct span phrase = http_status_phrase(x->answer_status);
    struct text page;

    if (!buf)
        return (struct span){0};
    text_init_fixed(&page, buf, ANSWER_PAGE_MAX);
    text_addf(&page,
        "<html>\r\n<head><title>%u %.*s</title></head>\r\n<body>\r\n"
        "<center><h1>%u %.*s</h1></center>\r\n</body>\r\n</html>\r\n",
        x->answer_status, SPAN_ARG(phrase), x->answer_status, SPAN_ARG(phrase));
    return text_span(&page);
}

static bool status_has_body(uint16_t status)
{
    return status >= 200 && status != 204 && status != 304;
}

static struct span answer_date(struct proxy *proxy)
{
    nsec wall = engine_wall(proxy->engine);

    if (wall / NSEC_PER_SEC != proxy->date_at / NSEC_PER_SEC) {
        clock_format_http(wall, proxy->date);
        proxy->date_at = wall;
    }
    return (struct span){proxy->date, CLOCK_HTTP_LEN};
}

int exchange_make_answer(struct exchange *x, struct http_msg *ret_msg, struct span *ret_body)
{
    const struct verdict *verdict = &x->verdict;
    struct span body = {0}, type = SPAN_LIT("text/html");
    struct http_msg msg = {.version = HTTP_VERSION_1_1, .status = x->answer_status};
    int r;

    msg.fields.at = arena_alloc(&x->arena, ANSWER_HEADERS_MAX * sizeof(struct http_header));
    msg.fields.cap = ANSWER_HEADERS_MAX;
    if (!msg.fields.at)
        return -ENOMEM;
    if (x->reason == REASON_RULE_FIXED) {
        body = verdict->content;
        type = verdict->content_type;
    } else if (status_has_body(msg.status)) {
        body = answer_page(x);
    }
    msg.phrase = http_status_phrase(msg.status);
    msg.body = status_has_body(msg.status) ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
    msg.content_length = body.len;
    r = http_add(&msg.fields, HTTP_NAME_DATE, SPAN_LIT("date"), answer_date(x->proxy));
    if (r == 0 && body.len > 0)
        r = http_add(&msg.fields, HTTP_NAME_CONTENT_TYPE, SPAN_LIT("content-type"), type);
    if (r == 0 && x->reason == REASON_RULE_REDIRECT)
        r = http_add(&msg.fields, HTTP_NAME_LOCATION, SPAN_LIT("location"), verdict->location);
    *ret_msg = msg;
    *ret_body = body;
    return r;
}
