#include "json_check.h"
#include "observe/access_record.h"
#include "unit.h"

/* 2026-01-31T23:59:59.123Z */
#define WHEN (INT64_C(1769903999) * NSEC_PER_SEC + 123 * NSEC_PER_MSEC + 999)
#define V4(a, b, c, d, p)                            \
    {                                                \
        .ip = {a, b, c, d}, .port = (p), .family = 4 \
    }

static const struct log_record full = {
    .wall_at = WHEN,
    .client = V4(192, 0, 2, 7, 50123),
    .vip = V4(127, 8, 0, 1, 80),
    .instance = SPAN_LIT("lb-1"),
    .listener = SPAN_LIT("lsn-1"),
    .rule = SPAN_LIT("rule-7"),
    .host = SPAN_LIT("www.example.com"),
    .http_host = SPAN_LIT("www.example.com:80"),
    .referer = SPAN_LIT("http://a/"),
    .user_agent = SPAN_LIT("curl/8"),
    .forwarded_for = SPAN_LIT("198.51.100.1"),
    .real_ip = SPAN_LIT("198.51.100.2"),
    .method = SPAN_LIT("GET"),
    .uri = SPAN_LIT("/a?b=c"),
    .scheme = SPAN_LIT("http"),
    .protocol = SPAN_LIT("HTTP/1.1"),
    .request_bytes = 321,
    .body_bytes_sent = 5000000000,
    .request_ns = 1234 * NSEC_PER_MSEC,
    .read_request_ns = 3 * NSEC_PER_MSEC,
    .write_response_ns = 7 * NSEC_PER_MSEC,
    .rtt_us = 250,
    .status = 200,
    .reason = REASON_NONE,
    .product = LOG_PRODUCT_CLB,
    .n_tries = 1,
    .tries = {{.server = V4(10, 0, 0, 1, 8080), .time_ns = 12 * NSEC_PER_MSEC, .status = 200}},
};

static const char full_line[] =
    "{\"__topic__\":\"slb_layer7_access_log\",\"time\":\"2026-01-31T23:59:59.123+00:00\","
    "\"body_bytes_sent\":5000000000,\"client_ip\":\"192.0.2.7\",\"client_port\":50123,"
    "\"host\":\"www.example.com\",\"http_host\":\"www.example.com:80\",\"http_referer\":\"http://a/\","
    "\"http_user_agent\":\"curl/8\",\"http_x_forwarded_for\":\"198.51.100.1\","
    "\"http_x_real_ip\":\"198.51.100.2\",\"read_request_time\":3,\"request_length\":321,"
    "\"request_method\":\"GET\",\"request_time\":1.234,\"request_uri\":\"/a?b=c\",\"scheme\":\"http\","
    "\"server_protocol\":\"HTTP/1.1\",\"slb_vport\":80,\"slbid\":\"lb-1\",\"status\":200,"
    "\"tcpinfo_rtt\":250,\"upstream_addr\":\"10.0.0.1:8080\",\"upstream_response_time\":\"0.012\","
    "\"upstream_status\":\"200\",\"vip_addr\":\"127.8.0.1\",\"write_response_time\":7,"
    "\"hit_rule_id\":\"rule-7\",\"listener_id\":\"lsn-1\",\"reason\":\"-\",\"upstream_reason\":\"-\"}\n";

static const char empty_line[] =
    "{\"__topic__\":\"slb_layer7_access_log\",\"time\":\"1970-01-01T00:00:00.000+00:00\","
    "\"body_bytes_sent\":0,\"client_ip\":\"-\",\"client_port\":0,\"host\":\"-\",\"http_host\":\"-\","
    "\"http_referer\":\"-\",\"http_user_agent\":\"-\",\"http_x_forwarded_for\":\"-\","
    "\"http_x_real_ip\":\"-\",\"read_request_time\":0,\"request_length\":0,\"request_method\":\"-\","
    "\"request_time\":0.000,\"request_uri\":\"-\",\"scheme\":\"-\",\"server_protocol\":\"-\","
    "\"slb_vport\":0,\"slbid\":\"-\",\"status\":0,\"tcpinfo_rtt\":0,\"upstream_addr\":\"-\","
    "\"upstream_response_time\":\"-\",\"upstream_status\":\"-\",\"vip_addr\":\"-\","
    "\"write_response_time\":0,\"hit_rule_id\":\"-\",\"listener_id\":\"-\",\"reason\":\"-\","
    "\"upstream_reason\":\"-\"}\n";

static void check_line(const struct log_record *record, const char *expected)
{
    struct text out;

    text_init(&out, 65536);
    access_log_format(record, &out);
    assert_span_is(text_span(&out), expected);
    assert_true(json_check((struct span){out.ptr, out.len - 1}));
    text_done(&out);
}

/* Whether the line has a member written exactly so. */
static void check_member(const struct log_record *record, const char *expected)
{
    struct text out;

    text_init(&out, 1 << 20);
    access_log_format(record, &out);
    assert_true(json_check((struct span){out.ptr, out.len - 1}));
    if (!memmem(out.ptr, out.len, expected, strlen(expected))) {
        print_error("no %s in %.*s", expected, SPAN_ARG(text_span(&out)));
        fail();
    }
    text_done(&out);
}

static void exchange_is_one_line(void **state)
{
    (void)state;
    check_line(&full, full_line);
}

static void absent_fields_are_dashes_and_zeros(void **state)
{
    static const struct log_record empty = {0};

    (void)state;
    check_line(&empty, empty_line);
}

static void tries_are_listed_in_order(void **state)
{
    struct log_record record = {
        .status = 502,
        .reason = REASON_SERVER_TIMEOUT,
        .n_tries = 3,
        .tries =
            {
                {.server = V4(10, 0, 0, 1, 80), .reason = REASON_CONNECT_REFUSED},
                {.server = {.ip = {0xfd, 1, [15] = 2}, .port = 8080, .family = 6},
                    .time_ns = 5000 * NSEC_PER_MSEC,
                    .reason = REASON_CONNECT_TIMEOUT},
                {.server = V4(10, 0, 0, 3, 80), .time_ns = 60 * NSEC_PER_SEC, .status = 504},
            },
    };

    (void)state;
    check_member(&record, "\"upstream_addr\":\"10.0.0.1:80, [fd01::2]:8080, 10.0.0.3:80\"");
    check_member(&record, "\"upstream_response_time\":\"0.000, 5.000, 60.000\"");
    check_member(&record, "\"upstream_status\":\"-, -, 504\"");
    check_member(&record, "\"reason\":\"server_timeout\"");
    check_member(&record, "\"upstream_reason\":\"connect_refused, connect_timeout, -\"");
    record.n_tries = 0;
    check_member(&record, "\"upstream_addr\":\"-\"");
}

static void products_differ_in_topic_and_id(void **state)
{
    struct log_record record = full;

    (void)state;
    record.product = LOG_PRODUCT_CLB + 1;
    record.instance = SPAN_LIT("alb-1");
    check_member(&record, "{\"__topic__\":\"alb_layer7_access_log\",");
    check_member(&record, ",\"app_lb_id\":\"alb-1\",");
}

static void time_keeps_its_second_apart(void **state)
{
    static const struct {
        nsec wall;
        const char *member;
    } cases[] = {
        {WHEN, "\"time\":\"2026-01-31T23:59:59.123+00:00\""},
        {WHEN + 876 * NSEC_PER_MSEC, "\"time\":\"2026-01-31T23:59:59.999+00:00\""},
        {WHEN + 877 * NSEC_PER_MSEC, "\"time\":\"2026-02-01T00:00:00.000+00:00\""},
        {WHEN, "\"time\":\"2026-01-31T23:59:59.123+00:00\""},
        {0, "\"time\":\"1970-01-01T00:00:00.000+00:00\""},
        {-1, "\"time\":\"1969-12-31T23:59:59.999+00:00\""},
    };
    struct log_record record = full;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        record.wall_at = cases[i].wall;
        check_member(&record, cases[i].member);
    }
}

static void time_never_runs_backwards(void **state)
{
    struct log_record record = full;

    (void)state;
    record.request_ns = -NSEC_PER_SEC;
    record.read_request_ns = INT64_MIN;
    record.tries[0].time_ns = -1;
    check_member(&record, "\"request_time\":0.000");
    check_member(&record, "\"read_request_time\":0");
    check_member(&record, "\"upstream_response_time\":\"0.000\"");
}

static void hostile_bytes_stay_inside_their_string(void **state)
{
    static const struct {
        struct span in;
        const char *member;
    } cases[] = {
        {SPAN_LIT("\",\"status\":\"200"), "\"http_user_agent\":\"\\\",\\\"status\\\":\\\"200\""},
        {SPAN_LIT("a\r\n{\"x\":1}"), "\"http_user_agent\":\"a\\r\\n{\\\"x\\\":1}\""},
        {SPAN_LIT("\0\x1b[31m"), "\"http_user_agent\":\"\\u0000\\u001b[31m\""},
        {SPAN_LIT("\xff\xc0\xaf"), "\"http_user_agent\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {SPAN_LIT("\xe4\xb8\xad\\"), "\"http_user_agent\":\"\xe4\xb8\xad\\\\\""},
    };
    struct log_record record = full;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        record.user_agent = cases[i].in;
        check_member(&record, cases[i].member);
    }
}

static void line_is_whole_or_absent(void **state)
{
    char buf[sizeof(full_line) - 1];
    struct text out;

    (void)state;
    for (size_t cap = 0; cap < sizeof(buf); cap++) {
        text_init_fixed(&out, buf, cap);
        access_log_format(&full, &out);
        assert_true(text_failed(&out));
        assert_int_equal(out.len, 0);
    }
    text_init_fixed(&out, buf, sizeof(buf));
    access_log_format(&full, &out);
    assert_span_is(text_span(&out), full_line);
}

/* Room for the longest line: every text is six times as long as it came. */
static void line_is_written_in_place_where_there_is_room(void **state)
{
    char *controls = base_alloc(ACCESS_TEXT_MAX);
    struct span text = {controls, ACCESS_TEXT_MAX};
    struct log_record longest = full;
    struct text out;

    (void)state;
    memset(controls, 1, ACCESS_TEXT_MAX);
    longest.instance = longest.listener = longest.rule = text;
    longest.host = longest.http_host = longest.referer = text;
    longest.user_agent = longest.forwarded_for = longest.real_ip = text;
    longest.method = longest.uri = longest.scheme = longest.protocol = text;
    text_init(&out, 1 << 20);
    assert_true(text_make_room(&out, 1 << 20));
    access_log_format(&full, &out);
    assert_span_is(text_span(&out), full_line);
    access_log_format(&longest, &out);
    assert_true(out.len > (size_t)13 * 6 * ACCESS_TEXT_MAX);
    assert_int_equal(out.ptr[out.len - 1], '\n');
    text_done(&out);
    free(controls);
}

static void packing_loses_nothing(void **state)
{
    static const struct log_record empty = {0};
    const struct log_record *records[] = {&full, &empty};
    const char *lines[] = {full_line, empty_line};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        size_t n = access_record_bytes(records[i]);
        char *packed = base_alloc(n);
        struct log_record unpacked;

        access_record_pack(records[i], packed);
        access_record_unpack((struct span){packed, n}, &unpacked);
        check_line(&unpacked, lines[i]);
        free(packed);
    }
}

static void long_texts_are_cut(void **state)
{
    struct log_record record = full, unpacked;
    char uri[ACCESS_TEXT_MAX + 100];
    char *packed;
    size_t n;

    (void)state;
    memset(uri, 'u', sizeof(uri));
    record.uri = (struct span){uri, sizeof(uri)};
    record.n_tries = LOG_TRIES_MAX + 1;
    n = access_record_bytes(&record);
    packed = base_alloc(n);
    access_record_pack(&record, packed);
    access_record_unpack((struct span){packed, n}, &unpacked);
    assert_int_equal(unpacked.uri.len, ACCESS_TEXT_MAX);
    assert_int_equal(unpacked.n_tries, LOG_TRIES_MAX);
    assert_span_is(unpacked.scheme, "http");
    assert_span_is(unpacked.protocol, "HTTP/1.1");
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchange_is_one_line),
        cmocka_unit_test(absent_fields_are_dashes_and_zeros),
        cmocka_unit_test(tries_are_listed_in_order),
        cmocka_unit_test(products_differ_in_topic_and_id),
        cmocka_unit_test(time_keeps_its_second_apart),
        cmocka_unit_test(time_never_runs_backwards),
        cmocka_unit_test(hostile_bytes_stay_inside_their_string),
        cmocka_unit_test(line_is_whole_or_absent),
        cmocka_unit_test(line_is_written_in_place_where_there_is_room),
        cmocka_unit_test(packing_loses_nothing),
        cmocka_unit_test(long_texts_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
