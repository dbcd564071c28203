#include "rules_make.h"

static struct action no_action = {.type = ACTION_FORWARD};

static const struct make_rule rules[] = {
    {"r-admin", 10, .hosts = {"*.example.com", "a.test"}, .prefixes = {"/admin"}, .key = "X-Role",
        .headers = {"admin"}},
    {"r-post", 20, .methods = {"POST"}},
    {"r-all", 30, .paths = {"/adm*"}},
    {"r-later", 40},
    {"r-other", 5, .hosts = {"other.test"}},
};

static const struct {
    enum rule_order order;
    struct make_request request;
    const char *text;
} cases[] = {
    {ORDER_PRIORITY,
        {"WWW.example.com:80", "/x/../admin", .key = "X-Role", .headers = {"user", "a\"b"}},
        "host: \"www.example.com\", normalised from \"WWW.example.com:80\"\n"
        "path: \"/admin\", normalised from \"/x/../admin\"\n"
        "rules: 4 of 5 come into question by host and path; the first that matches wins, by "
        "priority\n"
        "rule r-admin (priority 10) does not match\n"
        "    host is \"*.example.com\" or \"a.test\": yes\n"
        "    path begins with \"/admin\": yes\n"
        "    header \"X-Role\" is \"admin\" (it has \"user\", \"a\\\"b\"): no\n"
        "rule r-post (priority 20) does not match\n"
        "    method is \"POST\": no\n"
        "rule r-all (priority 30) matches\n"
        "    path is \"/adm*\": yes\n"
        "action: fixed response with status 200, 5 bytes\n"},
    {ORDER_SPECIFICITY, {"b.example.com", "/admin"},
        "host: \"b.example.com\"\n"
        "path: \"/admin\"\n"
        "host rules: those of \"*.example.com\", the most specific that matches; no others count\n"
        "rules: 1 of 5 come into question by host and path; the longest path wins\n"
        "rule r-admin does not match\n"
        "    host is \"*.example.com\" or \"a.test\": yes\n"
        "    path begins with \"/admin\": yes\n"
        "    header \"X-Role\" is \"admin\" (it has none): no\n"
        "no rule matches: the listener's default action\n"
        "action: forward, but every server group has weight 0\n"},
    {ORDER_SPECIFICITY, {"", "/"},
        "host: none\n"
        "path: \"/\"\n"
        "host rules: none for this host, so rules without host count\n"
        "rules: 2 of 5 come into question by host and path; the longest path wins\n"
        "rule r-post does not match\n"
        "    method is \"POST\": no\n"
        "rule r-later matches\n"
        "    it has no conditions\n"
        "action: fixed response with status 200, 7 bytes\n"},
    {ORDER_PRIORITY, {"a.test", "/../x"},
        "host: \"a.test\"\n"
        "path: \"/../x\"\n"
        "refused with status 400: path cannot be normalised safely\n"},
};

static void explanation_names_every_step(void **state)
{
    struct http_header headers[MAKE_VALUES];
    struct listener_conf listener = {.default_actions = {&no_action, 1}};
    const struct rule_conf *confs[ARRAY_LEN(rules)];
    struct arena arena;
    struct text text;

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    text_init(&text, 65536);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        confs[i] = make_rule(&arena, &rules[i]);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_msg msg = make_msg(&cases[i].request, headers);
        const struct rules_request request = {.msg = &msg, .port = 80};
        struct ruleset *ruleset;
        struct verdict verdict;

        listener.rule_order = cases[i].order;
        ruleset = ruleset_new(&listener, confs, ARRAY_LEN(confs));
        text_reset(&text);
        assert_int_equal(rules_explain(ruleset, &request, &arena, &verdict, &text), 0);
        assert_span_is(text_span(&text), cases[i].text);
        ruleset_free(ruleset);
    }
    text_done(&text);
    arena_done(&arena);
}

static const struct {
    struct action actions[2];
    uint32_t n;
    const char *line; /* the last */
} actions[] = {
    {{{ACTION_REDIRECT, .protocol = "https", .host = "b", .port = "443", .path = "/",
         .status = 301}},
        1, "action: redirect with status 301 to \"https://b/?q\"\n"},
    {{{ACTION_REWRITE, .host = "b", .path = "/n", .query = ""}}, 1,
        "action: rewrite; the server gets host \"b\", path \"/n\", query \"q\"\n"},
};

static void explanation_names_the_action(void **state)
{
    static const struct make_request asked = {"a", "/", "q"};
    struct http_header headers[MAKE_VALUES];
    struct http_msg msg = make_msg(&asked, headers);
    const struct rules_request request = {.msg = &msg, .port = 80, .draw = 8};
    struct arena arena;
    struct text text;

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    text_init(&text, 65536);
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        struct listener_conf listener = {
            .default_actions = {(void *)(uintptr_t)actions[i].actions, actions[i].n}};
        struct ruleset *ruleset = ruleset_new(&listener, NULL, 0);
        struct verdict verdict;
        const char *line;

        text_reset(&text);
        assert_int_equal(rules_explain(ruleset, &request, &arena, &verdict, &text), 0);
        text_add_char(&text, '\0');
        line = strstr(text.ptr, "action: ");
        assert_non_null(line);
        assert_string_equal(line, actions[i].line);
        ruleset_free(ruleset);
    }
    text_done(&text);
    arena_done(&arena);
}

static void explanation_names_the_drawn_group(void **state)
{
    static const struct make_request asked = {"a", "/"};
    struct forward_group groups[] = {{{1}, 5}, {{2}, 10}};
    struct action forward = {.type = ACTION_FORWARD, .groups = {groups, 2}};
    struct listener_conf listener = {.default_actions = {&forward, 1}};
    struct ruleset *ruleset = ruleset_new(&listener, NULL, 0);
    struct http_header headers[MAKE_VALUES];
    struct http_msg msg = make_msg(&asked, headers);
    const struct rules_request request = {.msg = &msg, .port = 80, .draw = 8};
    struct verdict verdict;
    struct arena arena;
    struct text text;

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    text_init(&text, 65536);
    assert_int_equal(rules_explain(ruleset, &request, &arena, &verdict, &text), 0);
    assert_int_equal(verdict.group, 2);
    assert_span_is(text_span(&text),
        "host: \"a\"\n"
        "path: \"/\"\n"
        "rules: 0 of 0 come into question by host and path; the first that matches wins, by "
        "priority\n"
        "no rule matches: the listener's default action\n"
        "action: forward to server group 2 of 2, drawn with weight 10 of 15\n");
    text_done(&text);
    arena_done(&arena);
    ruleset_free(ruleset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explanation_names_every_step),
        cmocka_unit_test(explanation_names_the_action),
        cmocka_unit_test(explanation_names_the_drawn_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
