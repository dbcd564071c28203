/* What one decision costs with few and with many rules: ns, best of several rounds, on one core.
 *
 * Requests go to all rules in random order, so that with many rules the tables do not fit the first-level
 * cache: that is part of the cost. */
#include <time.h>

#include "base/hash.h"
#include "rules/rules.h"

#define ROUNDS   100u
#define REQUESTS 4096u

/* "%u" is the number of the rule. */
struct shape {
    const char *name;
    enum rule_order order;
    const char *host, *path; /* conditions; NULL: none */
    enum match_mode match;
    const char *request_host, *request_path;
};

static const struct shape shapes[] = {
    {"priority: exact hosts", ORDER_PRIORITY, "svc%u.example.com", "/api/*", MATCH_PATTERN,
        "svc%u.example.com", "/api/v1/users/42"},
    {"priority: wildcard hosts", ORDER_PRIORITY, "*.svc%u.example.com", "/api/*", MATCH_PATTERN,
        "www.svc%u.example.com", "/api/v1/users/42"},
    {"priority: one host, many paths", ORDER_PRIORITY, "www.example.com", "/app%u/*", MATCH_PATTERN,
        "www.example.com", "/app%u/v1/users/42"},
    {"priority: no host, many paths", ORDER_PRIORITY, NULL, "/app%u", MATCH_PREFIX,
        "www.example.com", "/app%u/v1/users/42"},
    {"specificity: hosts and paths", ORDER_SPECIFICITY, "svc%u.example.com", "/api", MATCH_PREFIX,
        "svc%u.example.com", "/api/v1/users/42"},
};

static struct arena arena;

static double now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* The text with the number put in for %u. */
static const char *numbered(const char *text, uint32_t number)
{
    const char *place = strstr(text, "%u");
    char buf[128];

    if (!place)
        return text;
    (void)snprintf(buf, sizeof(buf), "%.*s%u%s", (int)(place - text), text, number, place + 2);
    return arena_copy(&arena, span_of(buf)).ptr;
}

static void add_condition(
    struct rule_conf *rule, enum condition_type type, enum match_mode match, const char *value)
{
    struct condition *conditions = rule->conditions.at;
    const char **values = arena_alloc(&arena, sizeof(*values));

    *values = value;
    conditions[rule->conditions.n++] = (struct condition){type, match, "", {(void *)values, 1}};
}

static struct ruleset *make_ruleset(const struct shape *shape, uint32_t n)
{
    static struct forward_group group = {.weight = 100};
    static struct action forward = {.type = ACTION_FORWARD, .groups = {&group, 1}};
    static struct listener_conf listener = {.default_actions = {&forward, 1}};
    const struct rule_conf **rules = arena_alloc(&arena, n * sizeof(*rules));

    listener.rule_order = shape->order;
    for (uint32_t i = 0; i < n; i++) {
        struct rule_conf *rule = arena_zalloc(&arena, sizeof(*rule));

        rule->res.id = numbered("rule-%u", i);
        rule->priority = i + 1;
        rule->conditions.at = arena_alloc(&arena, 2 * sizeof(struct condition));
        rule->actions = (struct field_list){&forward, 1};
        if (shape->host)
            add_condition(rule, CONDITION_HOST, MATCH_PATTERN, numbered(shape->host, i));
        add_condition(rule, CONDITION_PATH, shape->match, numbered(shape->path, i));
        rules[i] = rule;
    }
    return ruleset_new(&listener, rules, n);
}

/* What differs between requests; the message itself is in the cache when rules see it, as it was just read. */
struct request {
    struct span authority, path;
};

static void make_requests(const struct shape *shape, uint32_t n, struct request *requests)
{
    struct rng rng;

    rng_init(&rng, 1);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        uint32_t rule = rng_below(&rng, n);

        requests[i].authority = span_of(numbered(shape->request_host, rule));
        requests[i].path = span_of(numbered(shape->request_path, rule));
    }
}

/* One ruleset with its requests. */
struct subject {
    struct ruleset *ruleset;
    struct request *requests;
    double best_ns;
};

static void subject_init(struct subject *subject, const struct shape *shape, uint32_t n)
{
    subject->ruleset = make_ruleset(shape, n);
    subject->requests = arena_alloc(&arena, REQUESTS * sizeof(*subject->requests));
    subject->best_ns = 1e18;
    make_requests(shape, n, subject->requests);
}

static void run_round(struct subject *subject)
{
    struct http_msg msg = {.is_request = true, .method_text = SPAN_LIT("GET")};
    struct arena none;
    double start = now_ns();
    double took;

    arena_init(&none, NULL, 0, 0);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        const struct rules_request request = {.msg = &msg, .draw = i};
        struct verdict verdict;
        int r;

        msg.authority = subject->requests[i].authority;
        msg.path = subject->requests[i].path;
        r = rules_decide(subject->ruleset, &request, &none, &verdict);
        assert(r == 0 && verdict.rule != NULL);
    }
    took = (now_ns() - start) / REQUESTS;
    subject->best_ns = MIN(subject->best_ns, took);
}

int main(void)
{
    printf("%-34s %10s %10s %6s\n", "", "10 rules", "10000", "ratio");
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct subject few, many;

        arena_init(&arena, NULL, 0, SIZE_MAX);
        subject_init(&few, &shapes[i], 10);
        subject_init(&many, &shapes[i], 10000);
        /* in turn, so that what else the machine does meets both */
        for (unsigned round = 0; round < ROUNDS; round++) {
            run_round(&few);
            run_round(&many);
        }
        printf("%-34s %7.0f ns %7.0f ns %6.2f\n", shapes[i].name, few.best_ns, many.best_ns,
            many.best_ns / few.best_ns);
        (void)ruleset_free(few.ruleset);
        (void)ruleset_free(many.ruleset);
        arena_done(&arena);
    }
    return 0;
}
