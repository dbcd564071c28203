#include "rules_make.h"

#define RULES_MAX 16u

struct case_row {
    struct make_request request;
    const char *rule; /* "": the default; NULL: refused */
};

static void check_case(
    const struct ruleset *ruleset, const struct case_row *row, struct arena *arena)
{
    struct http_header headers[MAKE_VALUES];
    struct http_msg msg = make_msg(&row->request, headers);
    const struct rules_request request = {.msg = &msg, .port = 80};
    struct verdict verdict;

    print_message("%s %s\n", row->request.host, row->request.path);
    assert_int_equal(rules_decide(ruleset, &request, arena, &verdict), 0);
    if (!row->rule) {
        assert_int_equal(verdict.kind, VERDICT_REFUSE);
        assert_int_equal(verdict.status, 400);
        return;
    }
    assert_int_not_equal(verdict.kind, VERDICT_REFUSE);
    assert_string_equal(verdict.rule ? verdict.rule->res.id : "", row->rule);
}

static void check_cases(enum rule_order order, const struct make_rule *rules, uint32_t n_rules,
    const struct case_row *rows, size_t n_rows)
{
    struct listener_conf listener = {.rule_order = order};
    const struct rule_conf *confs[RULES_MAX];
    struct ruleset *ruleset;
    struct arena arena;

    arena_init(&arena, NULL, 0, SIZE_MAX);
    for (uint32_t i = 0; i < n_rules; i++)
        confs[i] = make_rule(&arena, &rules[i]);
    ruleset = ruleset_new(&listener, confs, n_rules);
    for (size_t i = 0; i < n_rows; i++)
        check_case(ruleset, &rows[i], &arena);
    ruleset_free(ruleset);
    arena_done(&arena);
}

#define CHECK_CASES(order, rules, rows) \
    check_cases((order), (rules), ARRAY_LEN(rules), (rows), ARRAY_LEN(rows))

static void first_by_priority_wins(void **state)
{
    static const struct make_rule rules[] = {
        {"last", 90, .prefixes = {"/"}},
        {"api", 20, .hosts = {"*.example.com"}, .paths = {"/api/*"}},
        {"wide", 10, .hosts = {"*.com"}, .paths = {"/api/v1/*"}},
        {"exact", 30, .hosts = {"www.example.com"}},
        {"odd", 5, .hosts = {"?.odd", "x*"}, .prefixes = {"/o"}},
    };
    static const struct case_row rows[] = {
        {{"www.example.com", "/api/x"}, "api"},
        {{"www.example.com", "/api/v1/x"}, "wide"},
        {{"a.b.example.com", "/api/x"}, "api"},
        {{"www.example.com", "/"}, "exact"},
        {{"example.com", "/api/x"}, "last"},
        {{"a.odd", "/ox"}, "odd"},
        {{"aa.odd", "/ox"}, "last"},
        {{"xyz", "/o"}, "odd"},
        {{"", "/api/x"}, "last"},
        {{"www.example.com", "*", .method = "OPTIONS"}, "exact"},
        {{"other", "*", .method = "OPTIONS"}, ""},
    };

    (void)state;
    CHECK_CASES(ORDER_PRIORITY, rules, rows);
}

static void conditions_are_and_values_are_or(void **state)
{
    static const struct make_rule rules[] = {
        {"all", 1, .hosts = {"a", "b"}, .prefixes = {"/x", "/y"}, .methods = {"GET", "HEAD"},
            .key = "X-Tenant", .headers = {"red", "blue*"}},
    };
    static const struct case_row rows[] = {
        {{"a", "/x", .key = "x-tenant", .headers = {"red"}}, "all"},
        {{"b", "/yz", .method = "HEAD", .key = "X-TENANT", .headers = {"blue7"}}, "all"},
        {{"c", "/x", .key = "x-tenant", .headers = {"red"}}, ""},
        {{"a", "/z", .key = "x-tenant", .headers = {"red"}}, ""},
        {{"a", "/x", .method = "POST", .key = "x-tenant", .headers = {"red"}}, ""},
        {{"a", "/x", .method = "get", .key = "x-tenant", .headers = {"red"}}, ""},
        {{"a", "/x", .key = "x-tenant", .headers = {"green"}}, ""},
        {{"a", "/x", .key = "x-tenants", .headers = {"red"}}, ""},
        {{"a", "/x"}, ""},
    };

    (void)state;
    CHECK_CASES(ORDER_PRIORITY, rules, rows);
}

/* Any line may match, but each is one value: a list in a line is not split. */
static void header_lines_match_whole(void **state)
{
    static const struct make_rule rules[] = {
        {"admin", 1, .key = "X-Role", .headers = {"admin"}},
        {"agent", 2, .key = "user-agent", .headers = {"*Firefox*"}},
    };
    static const struct case_row rows[] = {
        {{"a", "/", .key = "X-Role", .headers = {"admin"}}, "admin"},
        {{"a", "/", .key = "X-Role", .headers = {"user", "admin"}}, "admin"},
        {{"a", "/", .key = "X-Role", .headers = {"admin", "user"}}, "admin"},
        {{"a", "/", .key = "X-Role", .headers = {"user,admin"}}, ""},
        {{"a", "/", .key = "X-Role", .headers = {"admin, admin"}}, ""},
        {{"a", "/", .key = "X-Role", .headers = {"Admin"}}, ""},
        {{"a", "/", .key = "X-Role", .headers = {""}}, ""},
        {{"a", "/", .key = "X_Role", .headers = {"admin"}}, ""},
        {{"a", "/", .key = "User-Agent", .headers = {"a Firefox b"}}, "agent"},
    };

    (void)state;
    CHECK_CASES(ORDER_PRIORITY, rules, rows);
}

static void what_is_matched_is_normalised(void **state)
{
    static const struct make_rule rules[] = {
        {"admin", 1, .prefixes = {"/admin"}},
        {"escaped", 2, .paths = {"/A%2fb", "/%7euser", "/\xc3\xa4"}},
        {"host", 3, .hosts = {"WWW.Example.com"}},
    };
    static const struct case_row rows[] = {
        {{"h", "/admin"}, "admin"},
        {{"h", "/administrator"}, "admin"},
        {{"h", "/x/../admin"}, "admin"},
        {{"h", "/x/%2e%2E/%61dmin"}, "admin"},
        {{"h", "//admin"}, ""},
        {{"h", "/Admin"}, ""},
        {{"h", "/x%2fadmin"}, ""},
        {{"h", "/x/..%2fadmin"}, NULL},
        {{"h", "/../admin"}, NULL},
        {{"h", "/A%2Fb"}, "escaped"},
        {{"h", "/A%2fb"}, "escaped"},
        {{"h", "/a%2fb"}, ""},
        {{"h", "/A/b"}, ""},
        {{"h", "/~user"}, "escaped"},
        {{"h", "/%7Euser"}, "escaped"},
        {{"h", "/%c3%a4"}, "escaped"},
        {{"www.EXAMPLE.com.:8080", "/"}, "host"},
        {{"a@www.example.com", "/"}, NULL},
    };

    (void)state;
    CHECK_CASES(ORDER_PRIORITY, rules, rows);
}

static void most_specific_wins(void **state)
{
    static const struct make_rule rules[] = {
        {"exact-abc", 0, .hosts = {"a.market.x"}, .prefixes = {"/abc"}},
        {"exact-abcd", 0, .hosts = {"a.market.x"}, .prefixes = {"/abcd"}},
        {"narrow", 0, .hosts = {"*.market.x"}},
        {"narrow-p", 0, .hosts = {"*.market.x"}, .prefixes = {"/p"}},
        {"wide-abc", 0, .hosts = {"*.x"}, .prefixes = {"/abc"}},
        {"none", 0, .prefixes = {"/n"}},
        {"none-nn", 0, .prefixes = {"/nn"}},
        {"odd", 0, .hosts = {"?.market.y"}},
        {"odd-wide", 0, .hosts = {"*.y"}},
    };
    static const struct case_row rows[] = {
        {{"a.market.x", "/abcde"}, "exact-abcd"},
        {{"a.market.x", "/abcx"}, "exact-abc"},
        /* the host decides; its rules lack the path: no wider host, no rule without host */
        {{"a.market.x", "/n"}, ""},
        {{"a.market.x", "/p"}, ""},
        {{"A.Market.X:80", "/abc"}, "exact-abc"},
        {{"b.market.x", "/other"}, "narrow"},
        {{"b.market.x", "/p1"}, "narrow-p"},
        {{"c.b.market.x", "/p1"}, "narrow-p"},
        {{"market.x", "/abc"}, "wide-abc"},
        {{"market.x", "/n"}, ""},
        {{"x", "/n"}, "none"},
        {{"x", "/nnn"}, "none-nn"},
        {{"", "/n"}, "none"},
        {{"a.market.y", "/"}, "odd"},
        {{"aa.market.y", "/"}, "odd-wide"},
        {{"x", "*"}, ""},
        {{"b.market.x", "*"}, "narrow"},
    };

    (void)state;
    CHECK_CASES(ORDER_SPECIFICITY, rules, rows);
}

static void longest_path_is_the_one_that_matches(void **state)
{
    static const struct make_rule rules[] = {
        {"pattern", 0, .hosts = {"h"}, .paths = {"/a*zzzzzz", "/a"}},
        {"prefix", 0, .hosts = {"h"}, .prefixes = {"/ab"}},
        {"same-prefix", 0, .hosts = {"h"}, .prefixes = {"/same"}},
        {"same-exact", 0, .hosts = {"h"}, .paths = {"/same"}},
        {"second", 2, .hosts = {"h"}, .prefixes = {"/tie"}},
        {"first", 1, .hosts = {"h"}, .prefixes = {"/tie"}},
    };
    static const struct case_row rows[] = {
        {{"h", "/ab"}, "prefix"},
        {{"h", "/abzzzzzz"}, "pattern"},
        {{"h", "/a"}, "pattern"},
        {{"h", "/same"}, "same-exact"},
        {{"h", "/samex"}, "same-prefix"},
        {{"h", "/tie"}, "first"},
    };

    (void)state;
    CHECK_CASES(ORDER_SPECIFICITY, rules, rows);
}

/* More combinations of hosts and paths than are indexed one by one. */
static void rules_with_many_values_keep_their_order(void **state)
{
    const char *hosts[20], *paths[20];
    struct condition conditions[] = {
        {CONDITION_HOST, MATCH_PATTERN, "", {hosts, 20}},
        {CONDITION_PATH, MATCH_PREFIX, "", {paths, 20}},
    };
    static const struct make_rule row = {"middle", 0, .hosts = {"h"}, .prefixes = {"/p/bc"}};
    struct listener_conf listener = {.rule_order = ORDER_SPECIFICITY};
    struct rule_conf many = {.res.id = "many", .conditions = {conditions, 2}};
    const struct rule_conf *confs[2] = {&many};
    static const struct case_row rows[] = {
        {{"h", "/p/b"}, "many"},
        {{"h", "/p/bcd"}, "middle"},
        {{"h", "/p/bcde"}, "many"},
        {{"h", "/q"}, ""},
    };
    struct ruleset *ruleset;
    struct arena arena;

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        hosts[i] = "h";
        paths[i] = i % 2 == 0 ? "/p/b" : "/p/bcde";
    }
    arena_init(&arena, NULL, 0, SIZE_MAX);
    confs[1] = make_rule(&arena, &row);
    ruleset = ruleset_new(&listener, confs, 2);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_case(ruleset, &rows[i], &arena);
    ruleset_free(ruleset);
    arena_done(&arena);
}

/* Upper-case Host among many hosts, where another balancer's fast path looked at raw bytes. */
static void host_is_found_among_many(void **state)
{
    static const struct case_row cases[] = {
        {{"HOST100.Test:80", "/"}, "host100.test"},
        {{"host0.TEST", "/"}, "host0.test"},
        {{"host101.test", "/"}, ""},
    };
    struct make_rule rows[101] = {0};
    const struct rule_conf *confs[101];
    char names[101][16];
    struct listener_conf listener = {0};
    struct ruleset *ruleset;
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    for (uint32_t i = 0; i < 101; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "host%u.test", i);
        rows[i] = (struct make_rule){.id = names[i], .priority = i + 1, .hosts = {names[i]}};
        confs[i] = make_rule(&arena, &rows[i]);
    }
    ruleset = ruleset_new(&listener, confs, 101);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_case(ruleset, &cases[i], &arena);
    ruleset_free(ruleset);
    arena_done(&arena);
}

static void long_hosts_are_matched(void **state)
{
    char host[400], wildcard[400];
    const struct make_rule rules[] = {
        {"exact", 1, .hosts = {host}},
        {"wildcard", 2, .hosts = {wildcard}},
        {"short", 3, .hosts = {"*.y"}},
    };
    const struct case_row rows[] = {
        {{.host = host, .path = "/"}, "exact"},
        {{.host = host + 1, .path = "/"}, "wildcard"},
        {{.host = host + 11, .path = "/"}, "short"},
    };

    (void)state;
    memset(host, 'a', sizeof(host));
    memcpy(host + 397, ".y", 3);
    host[3] = '.';
    (void)snprintf(wildcard, sizeof(wildcard), "*%s", host + 3);
    CHECK_CASES(ORDER_PRIORITY, rules, rows);
    CHECK_CASES(ORDER_SPECIFICITY, rules, rows);
}

static void deciding_takes_no_memory(void **state)
{
    static const struct make_rule row = {"r", 1, .hosts = {"*.x"}, .prefixes = {"/a"}};
    static const struct make_request asked = {.host = "w.x:80", .path = "/a/b", .query = "q=1"};
    struct listener_conf listener = {0};
    struct http_header headers[MAKE_VALUES];
    struct http_msg msg = make_msg(&asked, headers);
    const struct rules_request request = {.msg = &msg};
    const struct rule_conf *conf;
    struct verdict verdict;
    struct ruleset *ruleset;
    struct arena arena, none;

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    arena_init(&none, NULL, 0, 0);
    conf = make_rule(&arena, &row);
    ruleset = ruleset_new(&listener, &conf, 1);
    assert_int_equal(rules_decide(ruleset, &request, &none, &verdict), 0);
    assert_ptr_equal(verdict.rule, conf);
    assert_ptr_equal(verdict.host.ptr, asked.host);
    assert_ptr_equal(verdict.path.ptr, asked.path);
    assert_ptr_equal(verdict.query.ptr, asked.query);
    msg.path = SPAN_LIT("/%61");
    assert_int_equal(rules_decide(ruleset, &request, &none, &verdict), -ENOMEM);
    ruleset_free(ruleset);
    arena_done(&none);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_by_priority_wins),
        cmocka_unit_test(conditions_are_and_values_are_or),
        cmocka_unit_test(header_lines_match_whole),
        cmocka_unit_test(what_is_matched_is_normalised),
        cmocka_unit_test(most_specific_wins),
        cmocka_unit_test(longest_path_is_the_one_that_matches),
        cmocka_unit_test(rules_with_many_values_keep_their_order),
        cmocka_unit_test(host_is_found_among_many),
        cmocka_unit_test(long_hosts_are_matched),
        cmocka_unit_test(deciding_takes_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
