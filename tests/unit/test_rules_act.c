#include "rules_make.h"

/* One rule without conditions that carries out these actions. */
struct act_case {
    const char *name;
    struct make_request request;
    uint16_t port;
    bool tls;
    struct action actions[3];
    uint32_t n_actions;
};

struct act {
    struct arena arena;
    struct http_header headers[MAKE_VALUES];
    struct http_msg msg;
    struct verdict verdict;
    struct ruleset *ruleset;
    struct listener_conf listener;
    struct rule_conf rule;
};

static struct action full(const struct action *action)
{
    struct action result = *action;

    result.protocol = result.protocol ? result.protocol : "";
    result.host = result.host ? result.host : "";
    result.port = result.port ? result.port : "";
    result.path = result.path ? result.path : "";
    result.query = result.query ? result.query : "";
    return result;
}

static void act_start(struct act *act, const struct act_case *row, size_t limit_bytes, int result)
{
    struct action actions[3];
    struct rules_request request = {.msg = &act->msg, .port = row->port, .tls = row->tls};
    const struct rule_conf *rule = &act->rule;

    print_message("%s\n", row->name);
    *act = (struct act){.rule = {.res.id = "r", .actions = {actions, row->n_actions}}};
    for (uint32_t i = 0; i < row->n_actions; i++)
        actions[i] = full(&row->actions[i]);
    arena_init(&act->arena, NULL, 0, limit_bytes);
    act->msg = make_msg(&row->request, act->headers);
    act->ruleset = ruleset_new(&act->listener, &rule, 1);
    assert_int_equal(rules_decide(act->ruleset, &request, &act->arena, &act->verdict), result);
}

static void act_end(struct act *act)
{
    ruleset_free(act->ruleset);
    arena_done(&act->arena);
}

static const struct {
    struct act_case row;
    const char *location; /* NULL: refused */
} redirects[] = {
    {{"https, same port number given", {"a.com", "/p", "q=1"}, 80, false,
         {{ACTION_REDIRECT, .protocol = "https", .port = "443", .status = 301}}, 1},
        "https://a.com/p?q=1"},
    {{"everything kept", {"A.com:8080", "/p"}, 8080, false, {{ACTION_REDIRECT, .status = 302}}, 1},
        "http://a.com:8080/p"},
    {{"80 is left out of http", {"a.com", "/p"}, 80, false,
         {{ACTION_REDIRECT, .path = "/n", .status = 302}}, 1},
        "http://a.com/n"},
    {{"443 is not left out of http", {"a.com", "/p"}, 443, false,
         {{ACTION_REDIRECT, .status = 302}}, 1},
        "http://a.com:443/p"},
    {{"80 is not left out of https", {"a.com", "/p"}, 80, false,
         {{ACTION_REDIRECT, .protocol = "https", .port = "${port}", .status = 302}}, 1},
        "https://a.com:80/p"},
    {{"443 is left out of https", {"a.com", "/p"}, 443, true,
         {{ACTION_REDIRECT, .protocol = "${protocol}", .status = 302}}, 1},
        "https://a.com/p"},
    {{"all variables", {"a.com", "/p/q", "x=y"}, 8443, true,
         {{ACTION_REDIRECT, .host = "${host}", .port = "8080",
             .path = "/${protocol}/${host}/${port}${path}", .query = "from=${path}&${query}",
             .status = 308}},
         1},
        "https://a.com:8080/https/a.com/8443/p/q?from=/p/q&x=y"},
    {{"empty query leaves no mark", {"a.com", "/p", ""}, 80, false,
         {{ACTION_REDIRECT, .query = "${query}", .path = "/n", .status = 301}}, 1},
        "http://a.com/n"},
    {{"query in the path is escaped", {"a.com", "/p", "x?y=/"}, 80, false,
         {{ACTION_REDIRECT, .path = "/n/${query}", .query = "z", .status = 301}}, 1},
        "http://a.com/n/x%3Fy=/?z"},
    {{"odd bytes are escaped", {"a.com", "/p|{\"<>", "[a]=100%&b=%41"}, 80, false,
         {{ACTION_REDIRECT, .path = "/n${path}", .status = 301}}, 1},
        "http://a.com/n/p%7C%7B%22%3C%3E?%5Ba%5D=100%25&b=%41"},
    {{"no header can be forged", {"a.com", "/p"}, 80, false,
         {{ACTION_REDIRECT, .host = "b\r\nX: y", .path = "/a\r\nSet-Cookie: a=b", .query = "\n",
             .status = 301}},
         1},
        "http://b%0D%0AX:%20y/a%0D%0ASet-Cookie:%20a=b?%0A"},
    {{"an unknown variable is text", {"a.com", "/p"}, 80, false,
         {{ACTION_REDIRECT, .path = "/${x}$$${path", .status = 301}}, 1},
        "http://a.com/$%7Bx%7D$$$%7Bpath"},
    {{"the path is the normalised one", {"a.com", "/x/../%70"}, 80, false,
         {{ACTION_REDIRECT, .host = "b.com", .status = 301}}, 1},
        "http://b.com/p"},
    {{"address of version 6", {"[::1]:8080", "/"}, 80, false,
         {{ACTION_REDIRECT, .port = "81", .status = 301}}, 1},
        "http://[::1]:81/"},
    {{"no host to send to", {"", "/"}, 80, false, {{ACTION_REDIRECT, .path = "/n"}}, 1}, NULL},
    {{"a host of its own", {"", "/"}, 80, false,
         {{ACTION_REDIRECT, .host = "b.com", .path = "/n", .status = 301}}, 1},
        "http://b.com/n"},
    {{"no path to send to", {"a.com", "*"}, 80, false, {{ACTION_REDIRECT, .host = "b"}}, 1}, NULL},
    {{"path without slash", {"a.com", "/"}, 80, false, {{ACTION_REDIRECT, .path = "n"}}, 1}, NULL},
};

static void redirects_have_a_location(void **state)
{
    struct act act;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(redirects); i++) {
        act_start(&act, &redirects[i].row, SIZE_MAX, 0);
        if (redirects[i].location) {
            assert_int_equal(act.verdict.kind, VERDICT_REDIRECT);
            assert_int_equal(act.verdict.status, redirects[i].row.actions[0].status);
            assert_int_equal(act.verdict.reason, REASON_RULE_REDIRECT);
            assert_span_is(act.verdict.location, redirects[i].location);
        } else {
            assert_int_equal(act.verdict.kind, VERDICT_REFUSE);
            assert_int_equal(act.verdict.status, 400);
        }
        act_end(&act);
    }
}

static void location_is_refused_over_the_limit(void **state)
{
    struct act act;

    (void)state;
    act_start(&act, &redirects[0].row, 8, -ENOMEM);
    act_end(&act);
}

static const struct action to_first = {ACTION_FORWARD};

static const struct {
    struct act_case row;
    const char *host, *path, *query; /* NULL query: none; NULL path: refused */
} rewrites[] = {
    {{"nothing", {"A.com:81", "/p", "q"}, 80, false, {{ACTION_FORWARD}}, 1}, "A.com:81", "/p", "q"},
    {{"all kept", {"A.com:81", "/p", "q"}, 80, false,
         {{ACTION_REWRITE, .host = "${host}", .path = "${path}", .query = "${query}"}}, 1},
        "A.com:81", "/p", "q"},
    {{"all replaced", {"a.com", "/p", "q"}, 80, false,
         {{ACTION_REWRITE, .host = "b.com", .path = "/n", .query = "m=1"}}, 1},
        "b.com", "/n", "m=1"},
    {{"variables", {"a.com", "/x/../p", "q=1"}, 80, false,
         {{ACTION_REWRITE, .host = "in-${host}", .path = "/v1${path}", .query = "${query}&p"}}, 1},
        "in-a.com", "/v1/p", "q=1&p"},
    {{"query that becomes empty", {"a.com", "/p", ""}, 80, false,
         {{ACTION_REWRITE, .query = "${query}${query}"}}, 1},
        "a.com", "/p", NULL},
    {{"query where none was", {"a.com", "/p"}, 80, false, {{ACTION_REWRITE, .query = "a=b"}}, 1},
        "a.com", "/p", "a=b"},
    {{"no header can be forged", {"a.com", "/p"}, 80, false,
         {{ACTION_REWRITE, .host = "b\r\n", .path = "/\r\n\r\n", .query = " "}}, 1},
        "b%0D%0A", "/%0D%0A%0D%0A", "%20"},
    {{"variables are the request's after two rewrites", {"a.com", "/p"}, 80, false,
         {{ACTION_REWRITE, .path = "/1${path}"}, {ACTION_REWRITE, .path = "/2${path}"}}, 2},
        "a.com", "/2/p", NULL},
    {{"the server as a whole", {"a.com", "*"}, 80, false, {{ACTION_REWRITE, .host = "b"}}, 1}, "b",
        "*", NULL},
    {{"path without slash", {"a.com", "/p"}, 80, false, {{ACTION_REWRITE, .path = "n"}}, 1}, NULL,
        NULL, NULL},
    {{"path of a request without one", {"a.com", "*"}, 80, false,
         {{ACTION_REWRITE, .path = "${path}x"}}, 1},
        NULL, NULL, NULL},
};

static void rewrites_change_what_the_server_gets(void **state)
{
    struct act act;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rewrites); i++) {
        act_start(&act, &rewrites[i].row, SIZE_MAX, 0);
        if (rewrites[i].path) {
            assert_int_equal(act.verdict.kind, VERDICT_FORWARD);
            assert_span_is(act.verdict.host, rewrites[i].host);
            assert_span_is(act.verdict.path, rewrites[i].path);
            assert_int_equal(act.verdict.has_query, rewrites[i].query != NULL);
            if (rewrites[i].query)
                assert_span_is(act.verdict.query, rewrites[i].query);
        } else {
            assert_int_equal(act.verdict.kind, VERDICT_REFUSE);
            assert_int_equal(act.verdict.reason, REASON_BAD_PATH);
        }
        act_end(&act);
    }
}

static const struct {
    struct forward_group groups[3];
    uint32_t n;
    const char *slots; /* of draws 0, 1, 2 ...; '-' is REF_NONE */
} draws[] = {
    {{{{4}, 100}}, 1, "444"},
    {{{{1}, 2}, {{2}, 1}}, 2, "112112"},
    {{{{1}, 0}, {{2}, 1}, {{3}, 0}}, 3, "222"},
    {{{{1}, 1}, {{2}, 0}, {{3}, 2}}, 3, "133133"},
    {{{{1}, 0}, {{2}, 0}}, 2, "---"},
    {{{{1}, 0}}, 1, "-"},
};

static void groups_are_drawn_by_weight(void **state)
{
    static const struct make_request asked = {"a", "/"};
    struct http_header headers[MAKE_VALUES];
    struct http_msg msg = make_msg(&asked, headers);
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(draws); i++) {
        struct action action = to_first;
        struct listener_conf listener = {.default_actions = {&action, 1}};
        struct ruleset *ruleset;

        action.groups = (struct field_list){(void *)(uintptr_t)draws[i].groups, draws[i].n};
        ruleset = ruleset_new(&listener, NULL, 0);
        for (size_t k = 0; draws[i].slots[k] != '\0'; k++) {
            const struct rules_request request = {.msg = &msg, .draw = k};
            struct verdict verdict;
            char slot = draws[i].slots[k];

            assert_int_equal(rules_decide(ruleset, &request, &arena, &verdict), 0);
            assert_int_equal(verdict.kind, VERDICT_FORWARD);
            assert_int_equal(verdict.group, slot == '-' ? REF_NONE : (uint32_t)(slot - '0'));
            assert_int_equal(verdict.reason, slot == '-' ? REASON_NO_GROUP : REASON_NONE);
        }
        ruleset_free(ruleset);
    }
    arena_done(&arena);
}

static void fixed_response_is_given(void **state)
{
    static const struct act_case row = {"fixed", {"a", "/"}, 80, false,
        {{ACTION_FIXED_RESPONSE, .status = 503, .content_type = "text/plain", .content = "later"}},
        1};
    struct act act;

    (void)state;
    act_start(&act, &row, 0, 0);
    assert_int_equal(act.verdict.kind, VERDICT_FIXED);
    assert_int_equal(act.verdict.status, 503);
    assert_int_equal(act.verdict.reason, REASON_RULE_FIXED);
    assert_span_is(act.verdict.content_type, "text/plain");
    assert_span_is(act.verdict.content, "later");
    act_end(&act);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redirects_have_a_location),
        cmocka_unit_test(location_is_refused_over_the_limit),
        cmocka_unit_test(rewrites_change_what_the_server_gets),
        cmocka_unit_test(groups_are_drawn_by_weight),
        cmocka_unit_test(fixed_response_is_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
