/* slb status, instances, events, wait. */
#include <time.h>

#include "cli/labels.h"
#include "cli/view.h"

static const struct column instance_columns[] = {
    {"PRODUCT", "Product"},
    {"ID", "Id"},
    {"NAME", "Name"},
    {"STATUS", "Status"},
    {"ADDRESSES", "Addresses"},
};

/* Help, or the client. CLI_OK: go on with *ret_client; *ret_done: the command is over. */
static int begin(const struct arguments *arguments, int status, const char *usage, bool *ret_done,
    struct client *ret_client)
{
    *ret_done = true;
    if (arguments->common.help) {
        (void)printf("%s%s", usage, common_help);
        return CLI_OK;
    }
    if (status == CLI_OK)
        status = client_open(&arguments->common, ret_client);
    *ret_done = status != CLI_OK;
    return status;
}

#define BEHIND_TRIES 20u
#define BEHIND_PAUSE (100 * 1000000L) /* ns */

/* --- status and instances ------------------------------------------------------------------ */

/* What status tells; each a reference of its own, or NULL where it could not be asked. */
struct picture {
    json_t *node, *instances, *refusals, *unhealthy;
    bool is_complete;
};

static void picture_done(struct picture *picture)
{
    json_decref(picture->node);
    json_decref(picture->instances);
    json_decref(picture->refusals);
    json_decref(picture->unhealthy);
}

static bool is_connected(const json_t *node)
{
    return json_is_true(json_object_get(json_object_get(node, "DataPlane"), "Connected"));
}

/* Whether the data plane lacks something that is stored. */
static bool is_behind(const json_t *node)
{
    return json_integer_value(json_object_get(node, "AcknowledgedRevision")) <
           json_integer_value(json_object_get(node, "Revision"));
}

/* The node; waits a while for a data plane that is just getting a change. */
static int ask_node(const struct client *client, json_t **ret_node)
{
    const struct timespec pause = {.tv_nsec = BEHIND_PAUSE};
    json_t *node = NULL;
    int status = CLI_OK;

    for (unsigned i = 0; i < BEHIND_TRIES && status == CLI_OK; i++) {
        if (i > 0)
            (void)nanosleep(&pause, NULL);
        json_decref(node);
        node = NULL;
        status = client_ask(client, "OpenSlb", "GetNodeStatus", NULL, &node);
        if (!is_connected(node) || !is_behind(node))
            break;
    }
    if (status == CLI_OK)
        *ret_node = node;
    return status;
}

static int ask_picture(const struct client *client, struct picture *picture)
{
    int worst = ask_node(client, &picture->node);

    if (worst != CLI_OK)
        return worst;
    picture->instances = json_array();
    picture->unhealthy = json_array();
    worst = client_list(client, "OpenSlb", "ListRefusals", "Refusals", NULL, &picture->refusals);
    if (worst == CLI_OK)
        labels_name_rows(client, picture->refusals, "ResourceId");
    if (worst != CLI_UNREACHABLE)
        worst = MAX(worst, collect_instances(client, picture->instances));
    if (worst != CLI_UNREACHABLE)
        worst = MAX(worst, collect_health(client, false, picture->unhealthy));
    picture->is_complete = worst == CLI_OK;
    return worst;
}

/* The two largest units of a time: "3 d 4 h". */
static void add_duration(struct text *out, int64_t seconds)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(units) && seconds < units[i].seconds)
        i++;
    text_addf(out, "%lld %s", (long long)(seconds / units[i].seconds), units[i].name);
    if (i + 1 < ARRAY_LEN(units))
        text_addf(out, " %lld %s", (long long)(seconds % units[i].seconds / units[i + 1].seconds),
            units[i + 1].name);
}

static void add_node(struct text *out, const json_t *node)
{
    const json_t *data = json_object_get(node, "DataPlane");
    char a[CELL_MAX], b[CELL_MAX];

    text_addf(out, "node         %s, version %s, up ", cell_text(node, "RegionId", a),
        json_string_value(json_object_get(node, "Version")) ?: "?");
    add_duration(out, json_integer_value(json_object_get(node, "UptimeSeconds")));
    if (!is_connected(node)) {
        text_add(
            out, SPAN_LIT("\ndata plane   NOT CONNECTED: changes wait until it is; the log of slbd "
                          "says why\n"));
        return;
    }
    text_add(out, SPAN_LIT("\ndata plane   connected"));
    if (json_object_get(data, "Pid"))
        text_addf(out, ", process %s, workers: %s", cell_text(data, "Pid", a),
            cell_text(data, "Workers", b));
    text_addf(out, "%s\n", json_is_true(json_object_get(data, "Draining")) ? ", draining" : "");
    text_addf(out, "revision     %s, of which the data plane has %s%s\n",
        cell_text(node, "Revision", a), cell_text(node, "AcknowledgedRevision", b),
        is_behind(node) ? ": IT DOES NOT ANSWER, changes wait" : "");
}

/* Processes that had to be started anew. */
static void add_restarts(struct text *out, const json_t *node)
{
    const json_t *row;
    size_t i;

    json_array_foreach (json_object_get(node, "Processes"), i, row) {
        char name[CELL_MAX], n[CELL_MAX], why[CELL_MAX], when[CELL_MAX];

        if (json_integer_value(json_object_get(row, "Restarts")) == 0)
            continue;
        text_addf(out, "restarts     %s: %s, the last one %s (%s)\n", cell_text(row, "Name", name),
            cell_text(row, "Restarts", n), cell_text(row, "LastRestartTime", when),
            cell_text(row, "LastRestartReason", why));
    }
}

/* Rows are by listener; a server is counted once. */
static size_t count_servers(const json_t *rows)
{
    json_t *seen = json_object();
    const json_t *row;
    size_t i, n;

    json_array_foreach (rows, i, row) {
        char ip[CELL_MAX], port[CELL_MAX], key[128];

        (void)snprintf(
            key, sizeof(key), "%s %s", cell_text(row, "Ip", ip), cell_text(row, "Port", port));
        (void)json_object_set_new(seen, key, json_true());
    }
    n = json_object_size(seen);
    json_decref(seen);
    return n;
}

static void add_troubles(struct text *out, const struct picture *picture)
{
    size_t n_refused = json_array_size(picture->refusals);
    size_t n_unhealthy = count_servers(picture->unhealthy);

    if (n_refused > 0)
        text_addf(out, "refused      %zu: see below\n", n_refused);
    if (n_unhealthy > 0)
        text_addf(out, "servers      not healthy: %zu; slb health shows them\n", n_unhealthy);
    else if (picture->is_complete)
        text_add(out, SPAN_LIT("servers      all that are checked are healthy\n"));
}

static void show_picture(const struct common *common, const struct picture *picture)
{
    static const struct column refusal_columns[] = {
        {"NAME", "Name"}, {"RESOURCE", "ResourceId"}, {"SINCE", "Time"}, {"REASON", "Reason"}};
    struct text out;

    text_init(&out, SIZE_MAX);
    if (wants_table(common)) {
        add_node(&out, picture->node);
        add_restarts(&out, picture->node);
        add_troubles(&out, picture);
        text_add_char(&out, '\n');
        print_text(&out);
        show_rows(common, picture->instances, instance_columns, ARRAY_LEN(instance_columns),
            picture->is_complete ? "There are no instances." : incomplete_text);
        if (json_array_size(picture->refusals) > 0) {
            (void)puts(
                "\nThe data plane refuses these; it goes on with what it had of them, and they are tried "
                "again\nwhen they change and every 30 s:\n");
            show_rows(common, picture->refusals, refusal_columns, ARRAY_LEN(refusal_columns), "");
        }
    } else {
        (void)json_object_set(picture->node, "Instances", picture->instances);
        (void)json_object_set(picture->node, "Refusals", picture->refusals);
        (void)json_object_set(picture->node, "UnhealthyServers", picture->unhealthy);
        answer_as_json(&out, picture->node);
        print_text(&out);
    }
    text_done(&out);
}

static const char status_usage[] =
    "usage: slb status [OPTION]...\n\n"
    "Exit status 1 if something is wrong: the data plane is not connected, does not answer or refuses a\n"
    "resource, or a server is not healthy.\n\n";

int cli_status(int argc, char **argv)
{
    struct picture picture = {0};
    struct arguments arguments;
    struct client client;
    bool is_done;
    int status;

    status = begin(&arguments, read_arguments(argc, argv, NULL, 0, &arguments), status_usage,
        &is_done, &client);
    if (!is_done)
        status = ask_picture(&client, &picture);
    if (picture.node && status != CLI_UNREACHABLE)
        show_picture(&arguments.common, &picture);
    if (!is_done && status == CLI_OK &&
        (!is_connected(picture.node) || is_behind(picture.node) ||
            json_array_size(picture.refusals) > 0 || json_array_size(picture.unhealthy) > 0))
        status = CLI_REFUSED;
    picture_done(&picture);
    free_arguments(&arguments);
    return status;
}

int cli_instances(int argc, char **argv)
{
    struct arguments arguments;
    struct client client;
    bool is_done;
    int status;

    status = begin(&arguments, read_arguments(argc, argv, NULL, 0, &arguments),
        "usage: slb instances [OPTION]...\n\n", &is_done, &client);
    if (!is_done) {
        json_t *rows = json_array();

        status = collect_instances(&client, rows);
        if (status != CLI_UNREACHABLE)
            show_rows(&arguments.common, rows, instance_columns, ARRAY_LEN(instance_columns),
                status == CLI_OK ? "There are no instances." : incomplete_text);
        json_decref(rows);
    }
    free_arguments(&arguments);
    return status;
}

/* --- events -------------------------------------------------------------------------------- */

static const char events_usage[] =
    "usage: slb events [OPTION]...\n\n"
    "  --since TIME        90s, 15m, 2h, 7d ago, or like 2026-01-02T03:04:05Z; default 24h\n"
    "  --all               also calls that only read\n"
    "  -n NUMBER           at most so many, the latest; default 50\n";

#define EVENTS_MAX 10000u

static json_t *event_row(const json_t *event)
{
    static const char *const members[][2] = {
        {"Time", "eventTime"},
        {"Service", "serviceName"},
        {"Event", "eventName"},
        {"Resource", "resourceName"},
        {"Error", "errorCode"},
        {"Message", "errorMessage"},
        {"Parameters", "requestParameterJson"},
        {"Source", "sourceIpAddress"},
        {"RequestId", "requestId"},
    };
    json_t *row = json_object();
    const json_t *who = json_object_get(json_object_get(event, "userIdentity"), "accessKeyId");

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *text = json_string_value(json_object_get(event, members[i][1]));

        (void)json_object_set_new(row, members[i][0], json_string(text ? text : ""));
    }
    (void)json_object_set_new(
        row, "AccessKey", json_string(json_string_value(who) ? json_string_value(who) : ""));
    return row;
}

static int collect_events(const struct client *client, json_t *in, uint64_t n_max, json_t *rows)
{
    const char *token = "";
    json_t *answer = NULL;

    while (token && json_array_size(rows) < n_max) {
        const json_t *event;
        size_t i;
        int status;

        if (token[0] != '\0')
            (void)json_object_set_new(in, "NextToken", json_string(token));
        json_decref(answer);
        answer = NULL;
        status = client_ask(client, "ActionTrail", "LookupEvents", in, &answer);
        if (status != CLI_OK)
            return status;
        json_array_foreach (json_object_get(answer, "Events"), i, event) {
            if (json_array_size(rows) < n_max)
                (void)json_array_append_new(rows, event_row(event));
        }
        token = json_string_value(json_object_get(answer, "NextToken"));
        if (token && token[0] == '\0')
            token = NULL;
    }
    json_decref(answer);
    return CLI_OK;
}

static int events(
    const struct client *client, const struct common *common, json_t *in, uint64_t n_max)
{
    static const struct column columns[] = {
        {"TIME", "Time"},
        {"SERVICE", "Service"},
        {"EVENT", "Event"},
        {"RESOURCE", "Resource"},
        {"ERROR", "Error"},
        {"KEY", "AccessKey"},
        {"FROM", "Source"},
    };
    json_t *rows = json_array();
    int status = collect_events(client, in, n_max, rows);

    if (status == CLI_OK)
        show_rows(common, rows, columns, ARRAY_LEN(columns), "There are no events.");
    json_decref(rows);
    return status;
}

static json_t *events_in(const char *since, bool writes)
{
    json_t *in = json_pack("{s:i, s:s}", "MaxResults", 50, "StartTime", since);

    if (writes)
        (void)json_object_set_new(
            in, "LookupAttribute", json_pack("[{s:s, s:s}]", "Key", "EventRW", "Value", "Write"));
    return in;
}

int cli_events(int argc, char **argv)
{
    const char *since = "24h", *n_text = "50";
    bool all = false;
    const struct option_row rows[] = {{"--since", &since, NULL}, {"--all", NULL, &all},
        {"-n", &n_text, NULL}, {NULL, NULL, NULL}};
    struct arguments arguments;
    struct client client;
    char start[32];
    bool is_done;
    uint64_t n;
    int status;

    status = read_arguments(argc, argv, rows, 0, &arguments);
    if (status == CLI_OK && !view_since(since, (int64_t)time(NULL), start))
        status = cli_fail(CLI_USAGE,
            "events: --since is like 15m, 2h, 7d or 2026-01-02T03:04:05Z, not %s", since);
    if (status == CLI_OK && (span_parse_u64(span_of(n_text), &n) < 0 || n < 1 || n > EVENTS_MAX))
        status = cli_fail(CLI_USAGE, "events: -n is a number from 1 to %u", EVENTS_MAX);
    status = begin(&arguments, status, events_usage, &is_done, &client);
    if (!is_done) {
        json_t *in = events_in(start, !all);

        status = events(&client, &arguments.common, in, n);
        json_decref(in);
    }
    free_arguments(&arguments);
    return status;
}

/* --- wait ---------------------------------------------------------------------------------- */

static const char wait_usage[] = "usage: slb wait alb|nlb JOB [OPTION]...\n\n"
                                 "  --timeout SECONDS   default 60\n";

#define WAIT_POLL_MS 200

/* The job's state into buf, and why it failed into why. */
static int ask_job(const struct client *client, const char *product, const char *job, char buf[32],
    struct text *why)
{
    bool is_alb = strcasecmp(product, "alb") == 0;
    const json_t *found;
    json_t *answer;
    json_t *in;
    int status;

    in = is_alb ? json_pack("{s:[s]}", "JobIds", job) : ask_for("JobId", job);
    status = client_ask(client, product, is_alb ? "ListAsynJobs" : "GetJobStatus", in, &answer);
    json_decref(in);
    if (status != CLI_OK)
        return status;
    found = is_alb ? json_array_get(json_object_get(answer, "Jobs"), 0) : answer;
    if (!found) {
        json_decref(answer);
        return cli_fail(CLI_REFUSED, "there is no job %s", job);
    }
    (void)snprintf(buf, 32, "%s", json_string_value(json_object_get(found, "Status")) ?: "");
    text_reset(why);
    text_addf(why, "%s", json_string_value(json_object_get(found, "ErrorMessage")) ?: "");
    json_decref(answer);
    return CLI_OK;
}

int wait_for_job(
    const struct client *client, const char *product, const char *job, uint64_t timeout_s)
{
    const struct timespec pause = {.tv_nsec = WAIT_POLL_MS * 1000000L};
    time_t end = time(NULL) + (time_t)timeout_s;
    struct text why;
    char state[32] = "";
    int status;

    text_init(&why, SIZE_MAX);
    for (;;) {
        status = ask_job(client, product, job, state, &why);
        if (status != CLI_OK || strcasecmp(state, "Processing") != 0)
            break;
        if (time(NULL) >= end) {
            status = cli_fail(
                CLI_REFUSED, "job %s is not done after %llu s", job, (unsigned long long)timeout_s);
            break;
        }
        (void)nanosleep(&pause, NULL);
    }
    if (status == CLI_OK && strcasecmp(state, "Succeeded") != 0)
        status =
            why.len > 0
                ? cli_fail(CLI_REFUSED, "job %s: %s: %.*s", job, state, SPAN_ARG(text_span(&why)))
                : cli_fail(CLI_REFUSED, "job %s: %s; slb status tells why", job, state);
    text_done(&why);
    return status;
}

int cli_wait(int argc, char **argv)
{
    const char *timeout = "60";
    const struct option_row rows[] = {{"--timeout", &timeout, NULL}, {NULL, NULL, NULL}};
    struct arguments arguments;
    struct client client;
    uint64_t timeout_s = 0;
    bool is_done;
    int status;

    status = read_arguments(argc, argv, rows, 2, &arguments);
    if (status == CLI_OK && !arguments.common.help &&
        (arguments.n != 2 ||
            (strcmp(arguments.rest[0], "alb") != 0 && strcmp(arguments.rest[0], "nlb") != 0)))
        status = cli_fail(CLI_USAGE, "wait takes alb or nlb, and the id of a job");
    if (status == CLI_OK && (span_parse_u64(span_of(timeout), &timeout_s) < 0 || timeout_s > 86400))
        status = cli_fail(CLI_USAGE, "wait: --timeout is a number of seconds up to 86400");
    status = begin(&arguments, status, wait_usage, &is_done, &client);
    if (!is_done)
        status = wait_for_job(&client, arguments.rest[0], arguments.rest[1], timeout_s);
    free_arguments(&arguments);
    return status;
}
