/* The delivery against a data plane that this test plays, over a real Unix socket in a directory of its own. */
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "control/compile/deliver.h"
#include "control_make.h"

#define TURNS_MAX 2000

static struct store *store;
static struct catalog *catalog;
static struct node_conf node;
static struct engine *engine;
static struct compile *compile;
static struct deliver *deliver;
static int listener;
static int conns[2]; /* for changes, and the one that watches */

/* --- the data plane's end -------------------------------------------------------------------- */

static void listen_there(void)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const char *path = make_path("control.sock");

    assert_true(strlen(path) < sizeof(sa.sun_path));
    memcpy(sa.sun_path, path, strlen(path) + 1);
    (void)unlink(sa.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(listener, 8), 0);
}

static void turn(void)
{
    assert_int_equal(engine_turn(engine, NSEC_PER_MSEC), 0);
}

static int next_conn(void)
{
    for (unsigned i = 0; i < TURNS_MAX; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0)
            return fd;
        turn();
    }
    fail_msg("nobody connects");
    return -1;
}

/* One line of conn; the buffer is good until the next call. */
static const char *line_of(int conn)
{
    static char buf[65536];
    size_t n = 0;

    for (unsigned i = 0; i < TURNS_MAX && n < sizeof(buf) - 1; i++) {
        ssize_t got = recv(conn, buf + n, 1, 0);

        if (got == 1 && buf[n] == '\n') {
            buf[n] = '\0';
            return buf;
        }
        if (got == 1) {
            n++;
            i = 0;
        } else {
            turn();
        }
    }
    fail_msg("no line comes");
    return "";
}

static void say(int conn, const char *text)
{
    assert_int_equal(send(conn, text, strlen(text), 0), strlen(text));
    assert_int_equal(send(conn, "\n", 1, 0), 1);
}

/* Turns until nothing more is to be done. */
static void settle(void)
{
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(engine_turn(engine, 0), 0);
}

static uint64_t version_of(const char *line)
{
    json_t *json = json_loads(line, 0, NULL);
    json_int_t version = json_integer_value(json_object_get(json, "version"));

    json_decref(json);
    return (uint64_t)version;
}

static void say_done(uint64_t version)
{
    char text[80];

    (void)snprintf(
        text, sizeof(text), "{\"version\":%llu,\"ok\":true}", (unsigned long long)version);
    say(conns[0], text);
    settle();
}

/* Of server_group/sgp-1. */
static void say_refused(uint64_t version, uint64_t in_force, const char *why)
{
    char text[256];

    (void)snprintf(text, sizeof(text),
        "{\"version\":%llu,\"ok\":false,\"in_force\":%llu,\"errors\":["
        "{\"resource\":\"server_group/sgp-1\",%s}]}",
        (unsigned long long)version, (unsigned long long)in_force, why);
    say(conns[0], text);
}

/* Both connections; the first says its version, and what it has. */
static void meet(uint64_t version, const char *pid, const char *names)
{
    char text[128];

    for (unsigned i = 0; i < 2; i++)
        conns[i] = next_conn();
    /* Which one is which, their first lines tell. */
    if (strcmp(line_of(conns[0]), "get status") != 0) {
        int other = conns[0];

        conns[0] = conns[1];
        conns[1] = other;
        assert_string_equal(line_of(conns[0]), "get status");
    }
    (void)snprintf(
        text, sizeof(text), "{\"version\":%llu,\"pid\":%s}", (unsigned long long)version, pid);
    say(conns[0], text);
    if (!names)
        return;
    assert_string_equal(line_of(conns[0]), "get names");
    (void)snprintf(text, sizeof(text), "{\"version\":%llu,\"names\":[%s]}",
        (unsigned long long)version, names);
    say(conns[0], text);
}

static void part(void)
{
    (void)close(conns[0]);
    (void)close(conns[1]);
}

/* --- the control plane's end ----------------------------------------------------------------- */

static void start(void)
{
    engine = engine_new(NULL);
    compile = compile_new(catalog, &node);
    catalog_subscribe(catalog, compile_changed, compile);
    compile_all_dirty(compile);
    deliver = deliver_new(engine, catalog, compile, make_dir);
}

static int setup(void **state)
{
    struct errors errors;
    const char *why = "";
    int r = make_dir_setup(state);

    if (r < 0)
        return r;
    store = make_store();
    catalog = catalog_open(store, &why);
    assert_non_null(catalog);
    errors_init(&errors, 10);
    assert_int_equal(node_read(NULL, true, &node, &errors), 0);
    errors_done(&errors);
    listen_there();
    start();
    return 0;
}

static int teardown(void **state)
{
    deliver = deliver_free(deliver);
    compile = compile_free(compile);
    catalog = catalog_free(catalog);
    store = store_close(store);
    engine = engine_free(engine);
    part();
    (void)close(listener);
    return make_dir_teardown(state);
}

/* A group with no servers, and a job that waits for it. */
static void add_group(const char *id, const char *job)
{
    struct txn *txn = txn_begin(catalog);
    json_t *body = json_pack("{s:s, s:s, s:s, s:[], s:{s:b}}", "ServerGroupName", "g", "Protocol",
        "HTTP", "Scheduler", "Wrr", "Servers", "HealthCheckConfig", "HealthCheckEnabled", 0);

    assert_int_equal(txn_add(txn, "alb.server_group", id, body), 0);
    body = json_pack("{s:s, s:s}", "Status", "Processing", "ResourceId", id);
    assert_int_equal(txn_add(txn, "system.job", job, body), 0);
    assert_int_equal(txn_commit(txn, NULL, 0, NULL), 0);
}

static void rename_group(const char *id, const char *scheduler)
{
    struct txn *txn = txn_begin(catalog);

    json_put_text(txn_edit(txn, "alb.server_group", id), "Scheduler", scheduler);
    assert_int_equal(txn_commit(txn, NULL, 0, NULL), 0);
}

static void assert_state(const char *id, enum delivery expected, const char *reason)
{
    struct txn *txn = txn_begin(catalog);
    const struct doc *doc = txn_get(txn, "alb.server_group", id);
    const char *why;

    assert_non_null(doc);
    assert_int_equal(deliver_state(deliver, txn, doc, &why), expected);
    assert_string_equal(why, reason);
    txn_abort(txn);
}

static void assert_job(const char *id, const char *status, const char *message)
{
    struct txn *txn = txn_begin(catalog);
    const json_t *body = txn_body(txn, "system.job", id);
    const char *text = json_text(body, "ErrorMessage");

    assert_string_equal(json_text(body, "Status"), status);
    assert_string_equal(text ? text : "", message);
    txn_abort(txn);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void a_change_is_provisioning_until_it_is_acknowledged(void **state)
{
    const char *line;

    (void)state;
    meet(0, "7", "");
    settle();
    add_group("sgp-1", "job-1");
    assert_state("sgp-1", DELIVERY_NEW, "");
    line = line_of(conns[0]);
    assert_non_null(strstr(line, "\"id\":\"sgp-1\""));
    assert_int_equal(version_of(line), store_revision(store));
    assert_job("job-1", "Processing", "");
    say_done(version_of(line));
    assert_state("sgp-1", DELIVERY_ACTIVE, "");
    assert_job("job-1", "Succeeded", "");
    rename_group("sgp-1", "Wlc");
    assert_state("sgp-1", DELIVERY_CHANGED, "");
    say_done(version_of(line_of(conns[0])));
    assert_state("sgp-1", DELIVERY_ACTIVE, "");
    assert_int_equal(deliver_acknowledged(deliver), store_revision(store));
}

static void a_refusal_is_on_its_document_and_the_rest_is_sent(void **state)
{
    const char *line;

    (void)state;
    meet(0, "7", "");
    settle();
    add_group("sgp-1", "job-1");
    add_group("sgp-2", "job-2");
    line = line_of(conns[0]); /* both: one turn, one message */
    assert_non_null(strstr(line, "sgp-1"));
    assert_non_null(strstr(line, "sgp-2"));
    say_refused(
        version_of(line), 0, "\"field\":\"protocol\",\"value\":\"grpc\",\"rule\":\"is not built\"");
    line = line_of(conns[0]);
    assert_null(strstr(line, "sgp-1"));
    assert_non_null(strstr(line, "sgp-2"));
    say_done(version_of(line));
    assert_state("sgp-1", DELIVERY_REFUSED, "protocol grpc: is not built");
    assert_state("sgp-2", DELIVERY_ACTIVE, "");
    assert_job("job-1", "Failed", "protocol grpc: is not built");
    assert_job("job-2", "Succeeded", "");

    rename_group("sgp-1", "Wlc");
    assert_state("sgp-1", DELIVERY_CHANGED, "");
    say_done(version_of(line_of(conns[0])));
    assert_state("sgp-1", DELIVERY_ACTIVE, "");
}

static void a_job_waits_for_what_changed_after_its_refusal(void **state)
{
    const char *line;
    uint64_t version;

    (void)state;
    meet(0, "7", "");
    settle();
    add_group("sgp-1", "job-1");
    add_group("sgp-2", "job-2");
    (void)line_of(conns[0]);
    say(conns[0],
        "{\"ok\":false,\"errors\":[{\"resource\":\"server_group/sgp-1\",\"rule\":\"is odd\"}]}");
    version = version_of(line_of(conns[0])); /* the other one */
    rename_group("sgp-1", "Wlc");
    say_done(version);
    assert_job("job-1", "Processing", "");
    assert_job("job-2", "Succeeded", "");
    line = line_of(conns[0]);
    assert_non_null(strstr(line, "sgp-1"));
    say_done(version_of(line));
    assert_job("job-1", "Succeeded", "");
    assert_state("sgp-1", DELIVERY_ACTIVE, "");
}

static void a_refusal_outlives_the_process(void **state)
{
    (void)state;
    meet(0, "7", "");
    settle();
    add_group("sgp-1", "job-1");
    (void)line_of(conns[0]);
    say(conns[0],
        "{\"ok\":false,\"errors\":[{\"resource\":\"server_group/sgp-1\",\"rule\":\"is odd\"}]}");
    settle();
    assert_state("sgp-1", DELIVERY_REFUSED, "is odd");
    deliver = deliver_free(deliver);
    compile = compile_free(compile);
    catalog = catalog_free(catalog);
    engine = engine_free(engine);
    part();
    catalog = catalog_open(store, &(const char *){""});
    start();
    meet(0, "7", "");
    assert_non_null(strstr(line_of(conns[0]), "sgp-1")); /* tried again */
    say(conns[0],
        "{\"ok\":false,\"errors\":[{\"resource\":\"server_group/sgp-1\",\"rule\":\"is odd\"}]}");
    settle();
    assert_state("sgp-1", DELIVERY_REFUSED, "is odd");
}

static void a_lost_answer_is_known_by_the_version(void **state)
{
    uint64_t version;

    (void)state;
    meet(0, "7", "");
    settle();
    add_group("sgp-1", "job-1");
    version = version_of(line_of(conns[0]));
    part();
    meet(version, "7", NULL); /* it was applied: nothing is asked or sent */
    settle();
    assert_state("sgp-1", DELIVERY_ACTIVE, "");
    assert_job("job-1", "Succeeded", "");
}

static void a_data_plane_that_lacks_something_gets_everything(void **state)
{
    const char *line;

    (void)state;
    meet(0, "7", "");
    settle();
    add_group("sgp-1", "job-1");
    say_done(version_of(line_of(conns[0])));
    part();
    meet(3, "8", "\"rule/old\"");
    line = line_of(conns[0]);
    assert_non_null(strstr(line, "\"id\":\"sgp-1\""));
    assert_non_null(strstr(line, "\"remove\":[{\"kind\":\"rule\",\"id\":\"old\"}]"));
    say_done(version_of(line));
    assert_true(deliver_connected(deliver));
}

static void an_answer_to_something_else_is_none(void **state)
{
    uint64_t version;

    (void)state;
    meet(0, "7", "");
    settle();
    add_group("sgp-1", "job-1");
    version = version_of(line_of(conns[0]));
    say_refused(version + 1, 0, "\"rule\":\"is odd\"");
    settle();
    assert_state("sgp-1", DELIVERY_NEW, ""); /* what became of it is asked by another connection */
    part();
    meet(0, "7", "");
    say_done(version_of(line_of(conns[0])));
    assert_state("sgp-1", DELIVERY_ACTIVE, "");
}

static void a_data_plane_that_others_changed_gets_everything(void **state)
{
    const char *line;

    (void)state;
    meet(0, "7", "");
    settle();
    add_group("sgp-1", "job-1");
    say_done(version_of(line_of(conns[0])));
    add_group("sgp-2", "job-2");
    say_refused(version_of(line_of(conns[0])), 99, "\"rule\":\"is odd\"");
    settle();
    part();
    meet(99, "7", "\"server_group/sgp-1\",\"rule/theirs\"");
    line = line_of(conns[0]);
    assert_non_null(strstr(line, "sgp-1"));
    assert_non_null(strstr(line, "sgp-2"));
    assert_non_null(strstr(line, "\"remove\":[{\"kind\":\"rule\",\"id\":\"theirs\"}]"));
    say_done(version_of(line));
    assert_state("sgp-1", DELIVERY_ACTIVE, "");
    assert_state("sgp-2", DELIVERY_ACTIVE, "");
}

static void health_is_as_told(void **state)
{
    const char *why;

    (void)state;
    meet(0, "7", "");
    assert_string_equal(line_of(conns[1]), "watch health");
    say(conns[1], "{\"ok\":true}");
    assert_string_equal(line_of(conns[1]), "get health");
    say(conns[1], "[{\"group\":\"g\",\"server\":\"a\",\"state\":\"up\",\"why\":\"\"},"
                  "{\"group\":\"g\",\"server\":\"b\",\"state\":\"off\",\"why\":\"\"}]");
    settle();
    assert_int_equal(deliver_health(deliver, "g", "a", &why), SERVER_HEALTH_HEALTHY);
    assert_int_equal(deliver_health(deliver, "g", "b", &why), SERVER_HEALTH_UNCHECKED);
    assert_int_equal(deliver_health(deliver, "g", "c", &why), SERVER_HEALTH_INITIAL);
    say(conns[1], "{\"event\":\"health\",\"group\":\"g\",\"server\":\"a\",\"before\":\"up\","
                  "\"after\":\"down\",\"why\":\"CONNECT_FAILED\",\"status\":0}");
    settle();
    assert_int_equal(deliver_health(deliver, "g", "a", &why), SERVER_HEALTH_UNHEALTHY);
    assert_string_equal(why, "CONNECT_FAILED");
    assert_null(deliver_status(deliver));
    assert_string_equal(line_of(conns[1]), "get status");
    say(conns[1], "{\"version\":5}");
    settle();
    assert_int_equal(json_int(deliver_status(deliver), "version", 0), 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_provisioning_until_it_is_acknowledged),
        TEST(a_refusal_is_on_its_document_and_the_rest_is_sent),
        TEST(a_job_waits_for_what_changed_after_its_refusal),
        TEST(a_refusal_outlives_the_process),
        TEST(a_lost_answer_is_known_by_the_version),
        TEST(a_data_plane_that_lacks_something_gets_everything),
        TEST(an_answer_to_something_else_is_none),
        TEST(a_data_plane_that_others_changed_gets_everything),
        TEST(health_is_as_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
