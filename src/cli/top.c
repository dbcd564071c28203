/* slb top: what the counters of the data plane say, each second. */
#include <time.h>
#include <unistd.h>

#include "cli/labels.h"
#include "cli/view.h"

static const char usage[] =
    "usage: slb top [OPTION]...\n\n"
    "  -n NUMBER           so many times, then end; default: until interrupted\n"
    "  --interval SECONDS  default 1\n"
    "The first picture, and the only one of -n 1, shows totals; the others are by the second.\n\n";

#define RETRIES_MAX 20u
#define RETRY_MS    250

struct rate {
    const char *heading, *member;
    bool is_level; /* shown as it is, not by the second */
};

static const struct rate listener_rates[] = {
    {"ACTIVE", "Active", true},
    {"CONN/s", "Connections", false},
    {"REQ/s", "Requests", false},
    {"2xx/s", "Status2xx", false},
    {"4xx/s", "Status4xx", false},
    {"5xx/s", "Status5xx", false},
    {"REFUSED/s", "Refused", false},
    {"IN B/s", "BytesIn", false},
    {"OUT B/s", "BytesOut", false},
};
static const struct rate server_rates[] = {
    {"INFLIGHT", "Inflight", true},
    {"USES/s", "Uses", false},
    {"CONNECTS/s", "Connects", false},
    {"FAILED/s", "ConnectFailures", false},
    {"2xx/s", "Status2xx", false},
    {"5xx/s", "Status5xx", false},
    {"IN B/s", "BytesIn", false},
    {"OUT B/s", "BytesOut", false},
};

/* A kind of thing that has counters. */
struct subject {
    const char *list;
    const char *keys[2]; /* members that name one; the second may be NULL */
    /* The columns that say which one: of the first key what people call it, then members. */
    const char *headings[3], *members[2];
    const struct rate *rates;
    unsigned n_rates;
    const char *empty;
};

static const struct subject subjects[] = {
    {"Listeners", {"Listener", NULL}, {"NAME", "LISTENER", NULL}, {"Listener", NULL},
        listener_rates, ARRAY_LEN(listener_rates), "There are no listeners."},
    {"Servers", {"Group", "Server"}, {"NAME", "GROUP", "SERVER"}, {"Group", "Address"},
        server_rates, ARRAY_LEN(server_rates), "There are no servers."},
};

static bool is_same(const struct subject *subject, const json_t *a, const json_t *b)
{
    for (size_t i = 0; i < ARRAY_LEN(subject->keys) && subject->keys[i]; i++) {
        if (!json_equal(json_object_get(a, subject->keys[i]), json_object_get(b, subject->keys[i])))
            return false;
    }
    return true;
}

/* The one of the last picture, or NULL. */
static const json_t *find_before(
    const struct subject *subject, const json_t *before, const json_t *row)
{
    const json_t *candidate;
    size_t i;

    json_array_foreach (json_object_get(before, subject->list), i, candidate) {
        if (is_same(subject, candidate, row))
            return candidate;
    }
    return NULL;
}

static int64_t rate_value(
    const struct rate *rate, const json_t *row, const json_t *before, double seconds)
{
    int64_t value = json_integer_value(json_object_get(row, rate->member));
    int64_t last = json_integer_value(json_object_get(before, rate->member));

    if (rate->is_level || !before)
        return value;
    /* counters begin anew with the data plane */
    return value < last ? value : (int64_t)((double)(value - last) / seconds + 0.5);
}

/* Two pictures, and the time between them. */
struct interval {
    const json_t *now, *before; /* before: NULL for the first */
    double seconds;
};

static void add_subject(struct text *out, const struct subject *subject, const json_t *labels,
    const struct interval *interval)
{
    const char *headings[TABLE_COLUMNS_MAX];
    unsigned n_names = subject->headings[2] ? 3 : 2;
    struct grid grid;
    const json_t *row;
    size_t i;

    for (unsigned k = 0; k < n_names; k++)
        headings[k] = subject->headings[k];
    for (unsigned k = 0; k < subject->n_rates; k++)
        headings[n_names + k] = subject->rates[k].heading;
    grid_begin(&grid, headings, n_names + subject->n_rates);
    json_array_foreach (json_object_get(interval->now, subject->list), i, row) {
        const json_t *last = find_before(subject, interval->before, row);
        char cell[CELL_MAX], label[LABEL_MAX];

        grid_add(&grid, label_of(labels, cell_text(row, subject->keys[0], cell), label));
        for (unsigned k = 0; k + 1 < n_names; k++)
            grid_add(&grid, cell_text(row, subject->members[k], cell));
        for (unsigned k = 0; k < subject->n_rates; k++)
            grid_add_int(&grid, rate_value(&subject->rates[k], row, last, interval->seconds));
    }
    grid_end(&grid, out, subject->empty);
}

static double now_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void show(const struct common *common, const json_t *labels, const struct interval *interval)
{
    struct text out;

    text_init(&out, SIZE_MAX);
    if (wants_table(common)) {
        if (interval->before && isatty(STDOUT_FILENO) == 1)
            text_add(&out, SPAN_LIT("\033[H\033[2J"));
        for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
            text_add(&out, i > 0 ? SPAN_LIT("\n") : SPAN_LIT(""));
            add_subject(&out, &subjects[i], labels, interval);
        }
    } else {
        answer_as_json(&out, interval->now);
    }
    print_text(&out);
    (void)fflush(stdout);
    text_done(&out);
}

/* The first question makes the node ask its data plane; until that has answered, it says so. */
static int ask_counters(const struct client *client, json_t **ret_counters)
{
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    const struct openapi_operation *op = openapi_operation_find(
        openapi_product_by_name(SPAN_LIT("OpenSlb")), SPAN_LIT("GetCounters"));
    const struct params none = {0};
    struct client_error error;
    int status = CLI_REFUSED;

    for (unsigned i = 0; i < RETRIES_MAX; i++) {
        status = client_call(client, op, &none, ret_counters, &error);
        if (status != CLI_REFUSED || strcmp(error.code, "ServiceUnavailable") != 0)
            break;
        (void)nanosleep(&pause, NULL);
    }
    if (status == CLI_REFUSED)
        client_show_error(op, &error);
    return status;
}

/* Names change seldom, and asking for them takes many calls. */
#define LABELS_PICTURES 30u

static int run(
    const struct client *client, const struct common *common, uint64_t n, uint64_t interval_s)
{
    const struct timespec pause = {.tv_sec = (time_t)interval_s};
    json_t *before = NULL, *labels = NULL;
    double before_at = 0;
    int status = CLI_OK;

    for (uint64_t i = 0; n == 0 || i < n; i++) {
        json_t *now = NULL;
        double now_at;

        if (i > 0)
            (void)nanosleep(&pause, NULL);
        if (wants_table(common) && i % LABELS_PICTURES == 0) {
            json_decref(labels);
            labels = labels_ask(client);
        }
        status = ask_counters(client, &now);
        if (status != CLI_OK)
            break;
        now_at = now_seconds();
        show(common, labels, &(struct interval){now, before, now_at - before_at});
        json_decref(before);
        before = now;
        before_at = now_at;
    }
    json_decref(labels);
    json_decref(before);
    return status;
}

int cli_top(int argc, char **argv)
{
    const char *n_text = "0", *interval_text = "1";
    const struct option_row rows[] = {
        {"-n", &n_text, NULL}, {"--interval", &interval_text, NULL}, {NULL, NULL, NULL}};
    struct arguments arguments;
    struct client client;
    uint64_t n = 0, interval_s = 1;
    int status;

    status = read_arguments(argc, argv, rows, 0, &arguments);
    if (arguments.common.help) {
        (void)printf("%s%s", usage, common_help);
        free_arguments(&arguments);
        return CLI_OK;
    }
    if (status == CLI_OK && (span_parse_u64(span_of(n_text), &n) < 0 ||
                                span_parse_u64(span_of(interval_text), &interval_s) < 0 ||
                                interval_s < 1 || interval_s > 3600))
        status = cli_fail(CLI_USAGE, "top: -n is a number, --interval seconds from 1 to 3600");
    if (status == CLI_OK)
        status = client_open(&arguments.common, &client);
    if (status == CLI_OK)
        status = run(&client, &arguments.common, n, interval_s);
    free_arguments(&arguments);
    return status;
}
