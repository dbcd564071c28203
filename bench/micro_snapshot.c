/* How long a set of 10,000 listeners and 10,000 groups takes to build, and one change of it: best of several
 * rounds, CPU time of one core. Most of a build is the JSON library's. */
#include <malloc.h>
#include <time.h>

#include "snapshot/snapshot.h"

#define RESOURCES 10000u
#define ROUNDS    5u
#define CHANGES   2000u

static double now_us(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void add_group(struct text *out, uint32_t i, uint32_t weight)
{
    text_addf(out,
        "{\"kind\":\"server_group\",\"id\":\"sgp-%u\",\"protocol\":\"http\",\"servers\":["
        "{\"id\":\"a\",\"ip\":\"127.1.0.1\",\"port\":8080,\"weight\":%u},"
        "{\"id\":\"b\",\"ip\":\"127.1.0.2\",\"port\":8080}]}",
        i, weight);
}

static void add_listener(struct text *out, uint32_t i)
{
    text_addf(out,
        "{\"kind\":\"listener\",\"id\":\"lsn-%u\",\"instance\":\"i\",\"bind\":[\"127.0.%u.%u\"],"
        "\"port\":80,\"protocol\":\"http\",\"default_actions\":[{\"type\":\"forward\","
        "\"groups\":[{\"group\":\"sgp-%u\"}]}]}",
        i, i / 250, i % 250 + 1, i);
}

static void add_rule(struct text *out, uint32_t i, uint32_t priority)
{
    text_addf(out,
        "{\"kind\":\"rule\",\"id\":\"rule-%u\",\"listener\":\"lsn-0\",\"priority\":%u,"
        "\"conditions\":[{\"type\":\"host\",\"values\":[\"h%u.example\"]}],"
        "\"actions\":[{\"type\":\"forward\",\"groups\":[{\"group\":\"sgp-%u\"}]}]}",
        i, priority, i, i);
}

static struct text make_set(uint32_t n_rules)
{
    struct text out;

    text_init(&out, SNAPSHOT_JSON_MAX);
    text_addf(&out, "{\"version\":1,\"upsert\":[{\"kind\":\"instance\",\"id\":\"i\","
                    "\"product\":\"alb\"}");
    for (uint32_t i = 0; i < RESOURCES; i++) {
        text_add_char(&out, ',');
        add_group(&out, i, 100);
        text_add_char(&out, ',');
        add_listener(&out, i);
    }
    for (uint32_t i = 0; i < n_rules; i++) {
        text_add_char(&out, ',');
        add_rule(&out, i, i + 1);
    }
    text_add(&out, SPAN_LIT("]}"));
    return out;
}

static void apply(struct builder *builder, struct span json, bool whole)
{
    struct candidate *candidate;
    struct errors errors;

    errors_init(&errors, 3);
    if (builder_prepare(builder, json, whole, &errors, &candidate) < 0) {
        (void)printf(
            "%s %s %s\n", errors.items[0].resource, errors.items[0].field, errors.items[0].rule);
        abort();
    }
    errors_done(&errors);
    builder_commit(builder, candidate);
}

static void measure_build(const struct text *set)
{
    double best = 1e18;
    size_t bytes = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t before = mallinfo2().uordblks;
        double start = now_us();
        struct builder *builder = builder_new();

        apply(builder, text_span(set), true);
        best = MIN(best, now_us() - start);
        bytes = mallinfo2().uordblks - before;
        builder_free(builder);
    }
    (void)printf("build %u listeners and groups, %zu bytes of JSON: %.1f ms, %zu bytes each\n",
        RESOURCES, set->len, best / 1e3, bytes / RESOURCES / 2);
}

static void measure_same(struct builder *builder, const struct text *set)
{
    double best = 1e18;

    for (unsigned round = 0; round < ROUNDS; round++) {
        double start = now_us();

        apply(builder, text_span(set), true);
        best = MIN(best, now_us() - start);
    }
    (void)printf("the same set again: %.1f ms\n", best / 1e3);
}

/* Changes that make adds, each about one resource, and the JSON of each is ready before. */
static void measure_changes(
    struct builder *builder, const char *name, void (*add)(struct text *out, uint32_t i))
{
    double start, best = 1e18, total = 0;
    struct text change;

    text_init(&change, 1u << 16);
    for (uint32_t i = 0; i < CHANGES; i++) {
        double took;

        text_reset(&change);
        text_addf(&change, "{\"version\":%u,\"upsert\":[", i + 2);
        add(&change, i);
        text_add(&change, SPAN_LIT("]}"));
        start = now_us();
        apply(builder, text_span(&change), false);
        took = now_us() - start;
        best = MIN(best, took);
        total += took;
    }
    text_done(&change);
    (void)printf("%s: %.1f us, best %.1f us\n", name, total / CHANGES, best);
}

static void change_weight(struct text *out, uint32_t i)
{
    add_group(out, i * 7919 % RESOURCES, 1 + i % 90);
}

static void change_nothing(struct text *out, uint32_t i)
{
    (void)i;
    text_addf(out, "{\"kind\":\"instance\",\"id\":\"i\",\"product\":\"alb\"}");
}

static void change_listener(struct text *out, uint32_t i)
{
    add_listener(out, i * 7919 % RESOURCES);
    /* not what is there */
    out->len--;
    text_addf(out, ",\"version\":%u}", i + 1);
}

static void change_rule(struct text *out, uint32_t i)
{
    add_rule(out, 0, 10000 - i % 2);
}

int main(void)
{
    struct text set = make_set(0), rules = make_set(5000);
    struct builder *builder = builder_new();

    measure_build(&set);
    apply(builder, text_span(&set), true);
    measure_same(builder, &set);
    measure_changes(builder, "a change of nothing", change_nothing);
    measure_changes(builder, "one weight", change_weight);
    measure_changes(builder, "one listener", change_listener);
    apply(builder, text_span(&rules), true);
    measure_changes(builder, "one of a listener's 5000 rules", change_rule);
    builder_free(builder);
    text_done(&set);
    text_done(&rules);
    return 0;
}
