#include "http/msg.h"
#include "unit.h"

#define HEADERS 16u

static struct http_header scratch[HEADERS];

/* Headers from "Name: value" lines. */
static struct http_fields fields_of(const char *const *lines)
{
    struct http_fields fields = {.at = scratch, .cap = HEADERS};

    for (; *lines; lines++) {
        struct span line = span_of(*lines);
        size_t colon = span_find(line, ':');
        struct span name = {line.ptr, colon};

        assert_int_equal(
            http_add(&fields, http_name_find(name), name, span_from(line, colon + 2)), 0);
    }
    return fields;
}

/* known: whether the fields know which ids they have. */
static void check_found_and_dropped(bool known)
{
    static const char *const lines[] = {"A: 1", "Cookie: 2", "a: 3", "cookie: 4", "B: 5", NULL};
    struct http_fields fields = fields_of(lines);
    uint32_t pos = 0;

    if (!known)
        fields.ids = 0;
    assert_true(http_may_have(&fields, HTTP_BIT(COOKIE)));
    assert_int_equal(http_may_have(&fields, HTTP_BIT(HOST)), !known);
    assert_span_is(http_header_value(http_find(&fields, HTTP_NAME_COOKIE)), "2");
    assert_null(http_find(&fields, HTTP_NAME_HOST));
    assert_span_is(http_header_value(NULL), "");
    assert_span_is(http_header_value(http_find_from(&fields, HTTP_NAME_COOKIE, &pos)), "2");
    assert_span_is(http_header_value(http_find_from(&fields, HTTP_NAME_COOKIE, &pos)), "4");
    assert_null(http_find_from(&fields, HTTP_NAME_COOKIE, &pos));
    pos = 0;
    assert_span_is(http_header_value(http_find_name_from(&fields, SPAN_LIT("A"), &pos)), "1");
    assert_span_is(http_header_value(http_find_name_from(&fields, SPAN_LIT("A"), &pos)), "3");
    assert_null(http_find_name_from(&fields, SPAN_LIT("A"), &pos));
    pos = 0;
    assert_span_is(http_header_value(http_find_name_from(&fields, SPAN_LIT("COOKIE"), &pos)), "2");

    assert_int_equal(http_drop_name(&fields, SPAN_LIT("a")), 2);
    assert_int_equal(http_drop_name(&fields, SPAN_LIT("a")), 0);
    assert_int_equal(http_drop(&fields, HTTP_NAME_COOKIE), 2);
    assert_null(http_find(&fields, HTTP_NAME_COOKIE));
    pos = 0;
    assert_null(http_find_name_from(&fields, SPAN_LIT("a"), &pos));
    assert_int_equal(fields.n, 5);
}

static void headers_are_found_and_dropped(void **state)
{
    (void)state;
    check_found_and_dropped(true);
    check_found_and_dropped(false);
}

static void headers_are_added_up_to_the_capacity(void **state)
{
    struct http_header at[1];
    struct http_fields fields = {.at = at, .cap = 1};

    (void)state;
    assert_int_equal(http_add(&fields, HTTP_NAME_SLB_ID, SPAN_LIT("SLB-ID"), SPAN_LIT("lb-1")), 0);
    assert_int_equal(
        http_add(&fields, HTTP_NAME_SLB_ID, SPAN_LIT("SLB-ID"), SPAN_LIT("lb-1")), -ENOSPC);
    assert_int_equal(fields.n, 1);
    assert_span_is(http_header_name(&at[0]), "SLB-ID");
    assert_span_is(http_header_value(&at[0]), "lb-1");
}

static const struct {
    const char *lines[10];
    const char *left; /* names that are not dropped */
} hop_cases[] = {
    {{"Host: a", "Connection: close", "Keep-Alive: 5", "Proxy-Connection: x", "TE: trailers",
         "Trailer: x", "Upgrade: y", "Transfer-Encoding: chunked", "Content-Length: 5"},
        "Host"},
    {{"X-A: 1", "connection: x-a, X-B", "X-B: 2", "x-a: 3", "X-C: 4"}, "X-C"},
    {{"Connection: a", "Connection: ,b,,", "A: 1", "B: 2", "C: 3"}, "C"},
    /* a Connection that names Connection must not hide the next one */
    {{"Connection: connection, a", "Connection: b", "A: 1", "B: 2"}, ""},
    /* what nobody may take away from end points or from us */
    {{"Connection: host, cookie, authorization, date, content-type, content-md5", "Host: a",
         "Cookie: b", "Authorization: c", "Date: d", "Content-Type: e", "Content-MD5: f"},
        "Host Cookie Authorization Date Content-Type Content-MD5"},
    {{"X-Forwarded-For: 1", "X-Forwarded-Proto: 2", "X-Forwarded-Tlsversion: 3", "X-Real-IP: 4",
         "SLB-ID: 5", "Slb-Ip: 6",
         "Connection: x-forwarded-for, X-Forwarded-Proto, x-forwarded-tlsversion",
         "Connection: x-real-ip, SLB-ID, slb-ip"},
        "X-Forwarded-For X-Forwarded-Proto X-Forwarded-Tlsversion X-Real-IP SLB-ID Slb-Ip"},
    /* a prefix that only looks like it */
    {{"Connection: x-forwarded, slb", "X-Forwarded: 1", "SLB: 2"}, ""},
};

static void hop_by_hop_headers_are_dropped(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hop_cases); i++) {
        struct http_fields fields = fields_of(hop_cases[i].lines);
        char left[200] = "";
        size_t at = 0;

        if (i % 2 > 0)
            fields.ids = 0; /* not known: the same comes of it */
        http_drop_hop_by_hop(&fields);
        for (uint32_t k = 0; k < fields.n; k++) {
            if (!fields.at[k].dropped)
                at += (size_t)snprintf(left + at, sizeof(left) - at, "%s%.*s", at > 0 ? " " : "",
                    SPAN_ARG(http_header_name(&fields.at[k])));
        }
        assert_string_equal(left, hop_cases[i].left);
    }
}

static void a_copy_outlives_its_input(void **state)
{
    static const char text[] = "GET /p?q HTTP/1.1\r\nHost: a\r\nB: \r\n\r\n";
    char *head = base_strndup(text, sizeof(text) - 1);
    struct http_header headers[2] = {
        {.name = head + 19,
            .name_len = 4,
            .value = head + 25,
            .value_len = 1,
            .id = HTTP_NAME_HOST},
        {.name = head + 28, .name_len = 1, .value = head + 31},
    };
    const struct http_msg msg = {
        .fields = {.at = headers, .n = 2, .cap = 2},
        .method_text = {head, 3},
        .target = {head + 4, 4},
        .path = SPAN_LIT("/"), /* static text stays */
        .query = {head + 7, 1},
        .authority = {head + 25, 1},
        .method = HTTP_METHOD_GET,
    };
    struct http_msg copy;
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    assert_int_equal(http_msg_copy(&msg, (struct span){head, sizeof(text) - 1}, &arena, &copy), 0);
    memset(head, 'x', sizeof(text) - 1);
    free(head);
    memset(headers, 0, sizeof(headers));
    assert_span_is(copy.method_text, "GET");
    assert_span_is(copy.target, "/p?q");
    assert_ptr_equal(copy.path.ptr, msg.path.ptr);
    assert_span_is(copy.query, "q");
    assert_span_is(copy.authority, "a");
    assert_null(copy.upgrade.ptr);
    assert_int_equal(copy.method, HTTP_METHOD_GET);
    assert_int_equal(copy.fields.n, 2);
    assert_int_equal(copy.fields.cap, 2 + HTTP_EDIT_HEADERS);
    assert_span_is(http_header_name(&copy.fields.at[0]), "Host");
    assert_span_is(http_header_value(&copy.fields.at[0]), "a");
    assert_span_is(http_header_name(&copy.fields.at[1]), "B");
    assert_span_is(http_header_value(&copy.fields.at[1]), "");
    arena_done(&arena);
}

static void a_copy_needs_memory(void **state)
{
    struct http_msg msg = {.is_request = true}, copy = {.status = 7};
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0, 0);
    assert_int_equal(
        http_msg_copy(&msg, SPAN_LIT("GET / HTTP/1.0\r\n\r\n"), &arena, &copy), -ENOMEM);
    assert_int_equal(copy.status, 7);
    arena_done(&arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_found_and_dropped),
        cmocka_unit_test(headers_are_added_up_to_the_capacity),
        cmocka_unit_test(hop_by_hop_headers_are_dropped),
        cmocka_unit_test(a_copy_outlives_its_input),
        cmocka_unit_test(a_copy_needs_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
