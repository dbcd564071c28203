#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "observe/metrics.h"
#include "unit.h"

#define PROMTOOL "/usr/bin/promtool"

static void check_has(const struct text *out, const char *expected)
{
    if (memmem(out->ptr, out->len, expected, strlen(expected)))
        return;
    print_error("no \"%s\" in:\n%.*s", expected, SPAN_ARG(text_span(out)));
    fail();
}

static void check_has_not(const struct text *out, const char *unwanted)
{
    if (!memmem(out->ptr, out->len, unwanted, strlen(unwanted)))
        return;
    print_error("\"%s\" is in:\n%.*s", unwanted, SPAN_ARG(text_span(out)));
    fail();
}

static void spans_fall_into_their_buckets(void **state)
{
    static const struct {
        nsec span;
        unsigned bucket;
    } cases[] = {
        {-5, 0},
        {0, 0},
        {1, 0},
        {NSEC_PER_MSEC, 0},
        {NSEC_PER_MSEC + 1, 1},
        {2 * NSEC_PER_MSEC, 1},
        {2 * NSEC_PER_MSEC + 1, 2},
        {4 * NSEC_PER_MSEC, 2},
        {5 * NSEC_PER_MSEC, 3},
        {1024 * NSEC_PER_MSEC, 10},
        {1025 * NSEC_PER_MSEC, 11},
        {131072 * NSEC_PER_MSEC, 17},
        {131072 * NSEC_PER_MSEC + 1, 18},
        {INT64_MAX, 18},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct histogram h = {0};

        histogram_add(&h, cases[i].span);
        for (unsigned k = 0; k < HISTOGRAM_BUCKETS; k++)
            assert_int_equal(counter_get(&h.buckets[k]), k == cases[i].bucket);
    }
}

static void cells_are_summed(void **state)
{
    struct listener_state *listener = listener_state_new("lsn-1", 3);
    struct listener_cell sum;

    (void)state;
    assert_string_equal(listener->id, "lsn-1");
    for (unsigned i = 0; i < 3; i++) {
        struct listener_cell *cell = &listener->cells[i];

        assert_int_equal((uintptr_t)cell % CACHE_LINE, 0);
        counter_add(&cell->connections, i + 1);
        counter_add(&cell->refused, 10);
        counter_add(&cell->reasons[REASON_INTERNAL], 100);
        histogram_add(&cell->request_time, 3 * NSEC_PER_MSEC);
    }
    counter_add(&listener->cells[0].active, 5);
    counter_sub(&listener->cells[0].active, 2);
    listener_state_sum(listener, &sum);
    assert_int_equal(counter_get(&sum.connections), 6);
    assert_int_equal(counter_get(&sum.active), 3);
    assert_int_equal(counter_get(&sum.requests), 0);
    assert_int_equal(counter_get(&sum.refused), 30);
    assert_int_equal(counter_get(&sum.reasons[REASON_INTERNAL]), 300);
    assert_int_equal(counter_get(&sum.request_time.buckets[2]), 3);
    assert_int_equal(counter_get(&sum.request_time.sum_us), 9000);
    assert_null(listener_state_free(listener));
    assert_null(listener_state_free(NULL));
}

static void label_values_are_escaped(void **state)
{
    static const struct {
        struct span in;
        const char *out;
    } cases[] = {
        {SPAN_LIT("lsn-1"), "id=\"lsn-1\""},
        {{NULL, 0}, "id=\"\""},
        {SPAN_LIT("a\"b\\c\nd"), "id=\"a\\\"b\\\\c\\nd\""},
        {SPAN_LIT("a\tb\rc\0d"), "id=\"a b c d\""},
        {SPAN_LIT("\xe4\xb8\xad \xff"), "id=\"\xe4\xb8\xad \xef\xbf\xbd\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text out;

        text_init(&out, 4096);
        metrics_add_label(&out, "id", cases[i].in);
        assert_span_is(text_span(&out), cases[i].out);
        text_done(&out);
    }
}

static void labels_are_separated(void **state)
{
    struct text out;

    (void)state;
    text_init(&out, 4096);
    metrics_add_label(&out, "listener", SPAN_LIT("a"));
    metrics_add_label(&out, "instance", SPAN_LIT("b"));
    assert_span_is(text_span(&out), "listener=\"a\",instance=\"b\"");
    text_done(&out);
}

static void value_has_help_and_type(void **state)
{
    struct text out;

    (void)state;
    text_init(&out, 4096);
    metrics_write_value(&out, "snapshot_version", "gauge", "version in use", 42);
    assert_span_is(text_span(&out), "# HELP openslb_snapshot_version version in use\n"
                                    "# TYPE openslb_snapshot_version gauge\n"
                                    "openslb_snapshot_version 42\n");
    text_done(&out);
}

/* Two listeners and two servers, one of them without labels, written to out. */
static void write_some(struct text *out)
{
    struct listener_state *one = listener_state_new("one", 2);
    struct listener_state *two = listener_state_new("two", 2);
    struct server_cell server = {0};
    const struct metrics_listener listeners[] = {
        {.state = one, .labels = "listener=\"one\""}, {.state = two, .labels = ""}};
    const struct metrics_server servers[] = {
        {.sum = &server, .labels = "server=\"a\\\"b\"", .up = 1, .weight = 100},
        {.sum = &server, .labels = "server=\"c\"", .up = 0, .weight = 0},
    };

    counter_add(&one->cells[0].requests, 7);
    counter_add(&one->cells[1].requests, 8);
    counter_add(&one->cells[1].reasons[REASON_CONNECT_REFUSED], 2);
    histogram_add(&one->cells[0].request_time, 1500 * NSEC_PER_USEC);
    histogram_add(&one->cells[1].request_time, 200 * NSEC_PER_SEC);
    counter_add(&server.uses, 3);
    metrics_write_listeners(out, listeners, ARRAY_LEN(listeners));
    metrics_write_servers(out, servers, ARRAY_LEN(servers));
    (void)listener_state_free(one);
    (void)listener_state_free(two);
}

static void families_are_whole(void **state)
{
    struct text out;

    (void)state;
    text_init(&out, 1 << 20);
    write_some(&out);
    check_has(&out, "# HELP openslb_listener_requests_total requests read\n"
                    "# TYPE openslb_listener_requests_total counter\n"
                    "openslb_listener_requests_total{listener=\"one\"} 15\n"
                    "openslb_listener_requests_total 0\n"
                    "# HELP ");
    check_has(&out,
        "# TYPE openslb_listener_reasons_total counter\n"
        "openslb_listener_reasons_total{listener=\"one\",reason=\"connect_refused\"} 2\n"
        "# HELP ");
    check_has(&out,
        "_seconds_bucket{listener=\"one\",le=\"0.001\"} 0\n"
        "openslb_listener_request_duration_seconds_bucket{listener=\"one\",le=\"0.002\"} 1\n");
    check_has(&out,
        "openslb_listener_request_duration_seconds_bucket{listener=\"one\",le=\"131.072\"} 1\n"
        "openslb_listener_request_duration_seconds_bucket{listener=\"one\",le=\"+Inf\"} 2\n"
        "openslb_listener_request_duration_seconds_sum{listener=\"one\"} 200.001500\n"
        "openslb_listener_request_duration_seconds_count{listener=\"one\"} 2\n"
        "openslb_listener_request_duration_seconds_bucket{le=\"0.001\"} 0\n");
    check_has(&out, "openslb_server_up{server=\"a\\\"b\"} 1\n"
                    "openslb_server_up{server=\"c\"} 0\n");
    check_has(&out, "openslb_server_weight{server=\"a\\\"b\"} 100\n");
    check_has(&out, "openslb_server_requests_total{server=\"c\"} 3\n");
    check_has_not(&out, "reason=\"-\"");
    text_done(&out);
}

static void empty_families_are_complete(void **state)
{
    struct text out;

    (void)state;
    text_init(&out, 1 << 20);
    metrics_write_listeners(&out, NULL, 0);
    metrics_write_servers(&out, NULL, 0);
    check_has(&out, "# TYPE openslb_server_up gauge\n# HELP openslb_server_weight");
    text_done(&out);
}

/* Returns the exit status of `promtool check metrics` fed with text. */
static int run_promtool(struct span text)
{
    char path[] = "/tmp/openslb-test-XXXXXX", *argv[] = {PROMTOOL, "check", "metrics", NULL};
    int fd = mkstemp(path), status = -1;
    posix_spawn_file_actions_t actions;
    pid_t pid;

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, text.ptr, text.len), text.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO), 0);
    assert_int_equal(posix_spawn(&pid, PROMTOOL, &actions, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(fd);
    return status;
}

static void promtool_accepts_it(void **state)
{
    struct text out;

    (void)state;
    if (access(PROMTOOL, X_OK) < 0)
        skip();
    text_init(&out, 1 << 20);
    write_some(&out);
    metrics_write_value(&out, "snapshot_version", "gauge", "version in use", 42);
    assert_int_equal(run_promtool(text_span(&out)), 0);
    text_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_fall_into_their_buckets),
        cmocka_unit_test(cells_are_summed),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(labels_are_separated),
        cmocka_unit_test(value_has_help_and_type),
        cmocka_unit_test(families_are_whole),
        cmocka_unit_test(empty_families_are_complete),
        cmocka_unit_test(promtool_accepts_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
