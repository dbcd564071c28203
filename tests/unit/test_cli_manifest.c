/* clang-format off */
#include "unit.h"
/* clang-format on */

#include "cli/manifest.h"

/* --- the text ------------------------------------------------------------------------------ */

static const struct {
    const char *text;
    const char *json; /* NULL: an error */
    const char *said;
} parse_cases[] = {
    {"{\"a\": 1}", "{\"a\":1}", NULL},
    {" \n{\"a\": [true, null]}", "{\"a\":[true,null]}", NULL},
    {"{\"a\": 1, \"a\": 2}", NULL, "line 1"},
    {"a: 1\nb: text\nc: [1, -2, 3.5, x]\n", "{\"a\":1,\"b\":\"text\",\"c\":[1,-2,3.5,\"x\"]}",
        NULL},
    {"a:\n  - b: true\n    c: null\n  - b: ~\n", "{\"a\":[{\"b\":true,\"c\":null},{\"b\":null}]}",
        NULL},
    {"a: '1'\nb: \"true\"\n", "{\"a\":\"1\",\"b\":\"true\"}", NULL},
    /* what other readers of YAML take for something else stays text */
    {"a: yes\nb: off\nc: 0x1f\nd: 1_000\ne: 1.2.3.4\nf: 010\n",
        "{\"a\":\"yes\",\"b\":\"off\",\"c\":\"0x1f\",\"d\":\"1_000\",\"e\":\"1.2.3.4\",\"f\":\"010\"}",
        NULL},
    {"a: |\n  x\n  y\n", "{\"a\":\"x\\ny\\n\"}", NULL},
    {"# only\na: 1 # two\n", "{\"a\":1}", NULL},
    {"a: 1\na: 2\n", NULL, "line 2: a is there twice"},
    {"a: &x 1\nb: *x\n", NULL, "anchors"},
    {"a: *x\n", NULL, "alias"},
    {"a: !!str 1\n", NULL, "tags"},
    {"a: 1\n---\nb: 2\n", NULL, "one document"},
    {"a: [1\n", NULL, "line"},
    {"? [1]\n: 2\n", NULL, "plain text"},
    {"", NULL, "document"},
};

static void manifests_are_parsed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parse_cases); i++) {
        char error[MANIFEST_ERROR_MAX] = "";
        json_t *json = NULL;
        char *text;
        int r = manifest_parse(span_of(parse_cases[i].text), &json, error);

        assert_int_equal(r, parse_cases[i].json ? 0 : -EINVAL);
        if (r < 0) {
            if (!strstr(error, parse_cases[i].said))
                print_error("%s: %s\n", parse_cases[i].text, error);
            assert_non_null(strstr(error, parse_cases[i].said));
            continue;
        }
        text = json_dumps(json, JSON_COMPACT);
        assert_string_equal(text, parse_cases[i].json);
        free(text);
        json_decref(json);
    }
}

static void depth_is_limited(void **state)
{
    char error[MANIFEST_ERROR_MAX];
    struct text text;
    json_t *json;

    (void)state;
    text_init(&text, SIZE_MAX);
    text_add(&text, SPAN_LIT("a: "));
    for (unsigned i = 0; i < 5000; i++)
        text_add_char(&text, '[');
    assert_int_equal(manifest_parse(text_span(&text), &json, error), -EINVAL);
    assert_non_null(strstr(error, "deeper"));
    text_done(&text);
}

/* --- items --------------------------------------------------------------------------------- */

static int read_items(const char *yaml, json_t **ret_items, char error[MANIFEST_ERROR_MAX])
{
    json_t *manifest = NULL;
    int r;

    assert_int_equal(manifest_parse(span_of(yaml), &manifest, error), 0);
    r = manifest_items(manifest, ret_items, error);
    json_decref(manifest);
    return r;
}

#define GROUP                                                                                      \
    "  server_groups:\n"                                                                           \
    "    - ServerGroupName: web\n"                                                                 \
    "      Scheduler: Wrr\n"                                                                       \
    "      HealthCheckConfig: {HealthCheckEnabled: false}\n"                                       \
    "      Servers:\n"                                                                             \
    "        - {ServerType: Ip, ServerId: 192.0.2.1, ServerIp: 192.0.2.1, Port: 80, Weight: 10}\n" \
    "        - {ServerType: Ip, ServerId: 192.0.2.2, ServerIp: 192.0.2.2, Port: 80}\n"
#define CLB                                                                \
    "clb:\n"                                                               \
    "  load_balancers:\n"                                                  \
    "    - LoadBalancerName: old\n"                                        \
    "      http_listeners:\n"                                              \
    "        - ListenerPort: 80\n"                                         \
    "          HealthCheck: \"off\"\n"                                     \
    "          StickySession: \"off\"\n"                                   \
    "          VServerGroupId: \"@g\"\n"                                   \
    "          rules: [{RuleName: r1, Url: /x, VServerGroupId: \"@g\"}]\n" \
    "      vserver_groups:\n"                                              \
    "        - {VServerGroupName: g, BackendServers: [{ServerId: 192.0.2.1, Port: 80}]}\n"

static const struct {
    const char *yaml, *said;
} wrong_cases[] = {
    {"a: 1\n", "nothing else"},
    {"alb: {}\n", "empty"},
    {"alb: {listeners: []}\n", "has no listeners"},
    {"alb: {server_groups: {}}\n", "must be a list"},
    {"alb: {server_groups: [1]}\n", "structure"},
    {"alb: {server_groups: [{Scheduler: Wrr}]}\n", "must have ServerGroupName"},
    {"alb: {server_groups: [{ServerGroupName: web, Scheduler: Fast, HealthCheckConfig: {HealthCheckEnabled: false}}]}\n",
        "alb/server_groups/web: The parameter Scheduler"},
    {"alb: {server_groups: [{ServerGroupName: web, Sheduler: Wrr, HealthCheckConfig: {HealthCheckEnabled: false}}]}\n",
        "Sheduler"},
    {"alb:\n" GROUP "        - {ServerType: Ip, ServerId: x, Port: 0}\n", "Servers.3.Port"},
    {CLB "    - LoadBalancerName: old\n", "twice"},
};

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong_cases); i++) {
        char error[MANIFEST_ERROR_MAX] = "";
        json_t *items;

        assert_int_equal(read_items(wrong_cases[i].yaml, &items, error), -EINVAL);
        if (!strstr(error, wrong_cases[i].said))
            print_error("%s\n", error);
        assert_non_null(strstr(error, wrong_cases[i].said));
    }
}

/* --- plans --------------------------------------------------------------------------------- */

/* One line for each step: "verb path", then its request in short. */
static void add_steps(struct text *out, const json_t *steps)
{
    const json_t *step;
    size_t i;

    json_array_foreach (steps, i, step)
        text_addf(out, "%s %s\n", json_string_value(json_object_get(step, "verb")),
            json_string_value(json_object_get(step, "path")));
}

static const struct {
    const char *name, *yaml, *actual, *ids;
    bool prune;
    const char *steps; /* NULL: an error */
    const char *said;
} plan_cases[] = {
    {"all is new", "alb:\n" GROUP CLB, "[]", "{}", false,
        "create alb/server_groups/web\n"
        "add servers to alb/server_groups/web\n"
        "create clb/load_balancers/old\n"
        "create clb/load_balancers/old/vserver_groups/g\n"
        "add servers to clb/load_balancers/old/vserver_groups/g\n"
        "create clb/load_balancers/old/http_listeners/80\n"
        "start clb/load_balancers/old/http_listeners/80\n"
        "create clb/load_balancers/old/http_listeners/80/rules/r1\n",
        NULL},
    {"all is there", "alb:\n" GROUP,
        "[{\"kind\":0,\"key\":\"web\",\"path\":\"alb/server_groups/web\",\"items\":[],"
        "\"body\":{\"ServerGroupName\":\"web\",\"Scheduler\":\"wrr\",\"VpcId\":\"vpc\","
        "\"HealthCheckConfig\":{\"HealthCheckEnabled\":false,\"HealthCheckPort\":80}},"
        "\"servers\":[{\"ServerId\":\"192.0.2.2\",\"ServerIp\":\"192.0.2.2\",\"ServerType\":\"Ip\",\"Port\":80,\"Weight\":100},"
        "{\"ServerId\":\"192.0.2.1\",\"ServerIp\":\"192.0.2.1\",\"ServerType\":\"Ip\",\"Port\":80,\"Weight\":10}]}]",
        "{\"alb/server_groups/web\":\"sgp-1\"}", true, "", NULL},
    {"what differs is changed, what is more stays", "alb:\n" GROUP,
        "[{\"kind\":0,\"key\":\"web\",\"path\":\"alb/server_groups/web\",\"items\":[],"
        "\"body\":{\"Scheduler\":\"Wlc\",\"HealthCheckConfig\":{\"HealthCheckEnabled\":false}},"
        "\"servers\":[{\"ServerId\":\"192.0.2.1\",\"ServerIp\":\"192.0.2.1\",\"ServerType\":\"Ip\",\"Port\":80,\"Weight\":11},"
        "{\"ServerId\":\"192.0.2.9\",\"Port\":80}]},"
        "{\"kind\":0,\"key\":\"more\",\"path\":\"alb/server_groups/more\",\"body\":{}}]",
        "{\"alb/server_groups/web\":\"sgp-1\",\"alb/server_groups/more\":\"sgp-2\"}", false,
        "update alb/server_groups/web\n"
        "add servers to alb/server_groups/web\n"
        "change servers of alb/server_groups/web\n",
        NULL},
    {"and goes if that is asked for", "alb:\n" GROUP,
        "[{\"kind\":0,\"key\":\"web\",\"path\":\"alb/server_groups/web\",\"items\":[],"
        "\"body\":{\"Scheduler\":\"Wrr\",\"HealthCheckConfig\":{\"HealthCheckEnabled\":false}},"
        "\"servers\":[{\"ServerId\":\"192.0.2.1\",\"ServerIp\":\"192.0.2.1\",\"ServerType\":\"Ip\",\"Port\":80,\"Weight\":10},"
        "{\"ServerId\":\"192.0.2.2\",\"ServerIp\":\"192.0.2.2\",\"ServerType\":\"Ip\",\"Port\":80},"
        "{\"ServerId\":\"192.0.2.9\",\"Port\":80}]},"
        "{\"kind\":0,\"key\":\"more\",\"path\":\"alb/server_groups/more\",\"body\":{}}]",
        "{\"alb/server_groups/web\":\"sgp-1\",\"alb/server_groups/more\":\"sgp-2\"}", true,
        "remove servers from alb/server_groups/web\n"
        "delete alb/server_groups/more\n",
        NULL},
    {"what cannot be changed is told",
        "clb:\n  load_balancers:\n    - {LoadBalancerName: old, AddressType: internet}\n",
        "[{\"kind\":7,\"key\":\"old\",\"path\":\"clb/load_balancers/old\",\"items\":[],"
        "\"body\":{\"AddressType\":\"intranet\"}}]",
        "{\"clb/load_balancers/old\":\"lb-1\"}", false, NULL, "AddressType cannot be changed"},
    {"references must lead somewhere",
        "clb:\n  load_balancers:\n    - LoadBalancerName: old\n      tcp_listeners: [{ListenerPort: 1, Bandwidth: -1, VServerGroupId: \"@no\"}]\n",
        "[]", "{}", false, NULL, "refers to clb/load_balancers/old/vserver_groups/no"},
};

static void plans_lead_from_what_is_to_what_shall_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plan_cases); i++) {
        json_t *actual = json_loads(plan_cases[i].actual, 0, NULL);
        json_t *ids = json_loads(plan_cases[i].ids, 0, NULL);
        char error[MANIFEST_ERROR_MAX] = "";
        json_t *desired = NULL, *steps = NULL;
        struct text text;
        int r;

        assert_non_null(actual);
        assert_non_null(ids);
        r = read_items(plan_cases[i].yaml, &desired, error);
        if (r < 0)
            print_error("%s: %s\n", plan_cases[i].name, error);
        assert_int_equal(r, 0);
        r = manifest_plan(desired, actual, ids, plan_cases[i].prune, &steps, error);
        if (r < 0 && plan_cases[i].steps)
            print_error("%s: %s\n", plan_cases[i].name, error);
        assert_int_equal(r, plan_cases[i].steps ? 0 : -EINVAL);
        text_init(&text, SIZE_MAX);
        if (r == 0)
            add_steps(&text, steps);
        else
            assert_non_null(strstr(error, plan_cases[i].said));
        if (r == 0)
            assert_span_is(text_span(&text), plan_cases[i].steps);
        text_done(&text);
        json_decref(desired);
        json_decref(actual);
        json_decref(ids);
        json_decref(steps);
    }
}

/* The step of that verb and path; its request is compared with keys in order. */
static void assert_request(
    const json_t *steps, const char *verb, const char *path, const char *expected)
{
    const json_t *step;
    size_t i;

    json_array_foreach (steps, i, step) {
        char *text;

        if (strcmp(json_string_value(json_object_get(step, "verb")), verb) != 0 ||
            strcmp(json_string_value(json_object_get(step, "path")), path) != 0)
            continue;
        text = json_dumps(json_object_get(step, "in"), JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal(text, expected);
        free(text);
        return;
    }
    fail();
}

static void requests_say_what_they_are_about(void **state)
{
    char error[MANIFEST_ERROR_MAX];
    json_t *none = json_array();
    json_t *ids = json_object();
    json_t *desired, *steps;

    (void)state;
    assert_int_equal(read_items(CLB, &desired, error), 0);
    assert_int_equal(manifest_plan(desired, none, ids, false, &steps, error), 0);
    assert_request(steps, "create", "clb/load_balancers/old/http_listeners/80",
        "{\"HealthCheck\":\"off\",\"ListenerPort\":80,\"LoadBalancerId\":\"@/clb/load_balancers/old\","
        "\"StickySession\":\"off\",\"VServerGroupId\":\"@/clb/load_balancers/old/vserver_groups/g\"}");
    assert_request(steps, "start", "clb/load_balancers/old/http_listeners/80",
        "{\"ListenerPort\":80,\"ListenerProtocol\":\"http\",\"LoadBalancerId\":\"@/clb/load_balancers/old\"}");
    assert_request(steps, "create", "clb/load_balancers/old/http_listeners/80/rules/r1",
        "{\"ListenerPort\":80,\"ListenerProtocol\":\"http\",\"LoadBalancerId\":\"@/clb/load_balancers/old\","
        "\"RuleList\":[{\"RuleName\":\"r1\",\"Url\":\"/x\",\"VServerGroupId\":"
        "\"@/clb/load_balancers/old/vserver_groups/g\"}]}");
    assert_request(steps, "add servers to", "clb/load_balancers/old/vserver_groups/g",
        "{\"BackendServers\":[{\"Port\":80,\"ServerId\":\"192.0.2.1\"}],\"VServerGroupId\":"
        "\"@/clb/load_balancers/old/vserver_groups/g\"}");
    json_decref(desired);
    json_decref(steps);
    json_decref(none);
    json_decref(ids);
}

static void references_are_resolved(void **state)
{
    json_t *value = json_loads("{\"a\":[\"@/x\",\"@y\",1],\"b\":{\"c\":\"@/x\"}}", 0, NULL);
    json_t *ids = json_loads("{\"x\":\"id\"}", 0, NULL);
    json_t *expected = json_loads("{\"a\":[\"id\",\"@y\",1],\"b\":{\"c\":\"id\"}}", 0, NULL);
    const char *missing = NULL;
    json_t *resolved;

    (void)state;
    resolved = manifest_resolve(value, ids, &missing);
    assert_true(json_equal(resolved, expected));
    assert_null(missing);
    json_decref(resolved);
    (void)json_object_del(ids, "x");
    assert_null(manifest_resolve(value, ids, &missing));
    assert_string_equal(missing, "x");
    json_decref(value);
    json_decref(ids);
    json_decref(expected);
}

/* Every operation that a kind names is in the tables. */
static void kinds_name_operations(void **state)
{
    (void)state;
    for (unsigned i = 0; i < n_manifest_kinds; i++) {
        const struct manifest_kind *kind = &manifest_kinds[i];
        const char *const names[] = {kind->create, kind->start, kind->list, kind->get, kind->update,
            kind->remove, kind->servers.list, kind->servers.add, kind->servers.update,
            kind->servers.remove};

        assert_true(kind->parent < (int)i);
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            if (names[k])
                assert_non_null(manifest_operation(kind, names[k]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifests_are_parsed),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(plans_lead_from_what_is_to_what_shall_be),
        cmocka_unit_test(requests_say_what_they_are_about),
        cmocka_unit_test(references_are_resolved),
        cmocka_unit_test(kinds_name_operations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
