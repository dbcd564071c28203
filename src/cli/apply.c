/* slb apply and slb diff. */
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/labels.h"
#include "cli/manifest_state.h"
#include "cli/output.h"
#include "cli/view.h"

#define MANIFEST_MAX  (16u << 20)
#define TRIES_MAX     100u
#define PAUSE_MS      100
#define JOB_TIMEOUT_S 60u

static const char usage[] =
    "usage: slb apply -f MANIFEST [OPTION]...\n"
    "       slb diff -f MANIFEST [OPTION]...\n\n"
    "  -f FILE|-           the manifest, YAML or JSON: see docs/cli.md\n"
    "  --prune             also delete what is there and not in the manifest\n"
    "  --yes               do not ask\n"
    "  --dry-run           show the plan and do nothing, as diff does\n\n"
    "diff ends with 1 if there is something to change.\n\n";

struct request {
    const char *path;
    bool prune, yes, dry_run;
    struct common common;
};

static int read_manifest(const char *path, json_t **ret_items)
{
    char error[MANIFEST_ERROR_MAX];
    json_t *manifest = NULL;
    struct text text;
    int r;

    text_init(&text, MANIFEST_MAX);
    r = strcmp(path, "-") == 0 ? file_read_fd(STDIN_FILENO, &text) : file_read(path, &text);
    if (r < 0) {
        text_done(&text);
        return cli_fail(CLI_REFUSED, "cannot read %s: %s", path, strerrordesc_np(-r));
    }
    r = manifest_parse(text_span(&text), &manifest, error);
    text_done(&text);
    if (r == 0)
        r = manifest_items(manifest, ret_items, error);
    json_decref(manifest);
    return r < 0 ? cli_fail(CLI_REFUSED, "%s: %s", path, error) : CLI_OK;
}

/* --- the plan ------------------------------------------------------------------------------ */

static const char *text_of(const json_t *step, const char *name)
{
    const char *text = json_string_value(json_object_get(step, name));

    return text ? text : "";
}

static void show_step(const json_t *step)
{
    const json_t *change;
    size_t i;

    (void)printf(
        "%-8s %s %s\n", text_of(step, "verb"), text_of(step, "noun"), text_of(step, "path"));
    json_array_foreach (json_object_get(step, "changes"), i, change)
        (void)printf("         %s\n", json_string_value(change));
}

static void show_plan(const struct common *common, const json_t *steps)
{
    const json_t *step;
    struct text out;
    size_t i;

    if (common->output == OUTPUT_JSON) {
        text_init(&out, SIZE_MAX);
        answer_as_json(&out, steps);
        print_text(&out);
        text_done(&out);
        return;
    }
    json_array_foreach (steps, i, step)
        show_step(step);
    if (json_array_size(steps) == 0)
        (void)puts("Nothing to change.");
}

static int make_plan(const struct client *client, const struct request *request,
    const json_t *desired, json_t **ret_steps, json_t **ret_ids)
{
    char error[MANIFEST_ERROR_MAX];
    json_t *actual = NULL, *ids = NULL;
    int status;
    int r;

    status = manifest_state(client, desired, &actual, &ids);
    if (status != CLI_OK)
        return status;
    r = manifest_plan(desired, actual, ids, request->prune, ret_steps, error);
    json_decref(actual);
    if (r < 0) {
        json_decref(ids);
        return cli_fail(CLI_REFUSED, "%s", error);
    }
    *ret_ids = ids;
    return CLI_OK;
}

/* --- doing it ------------------------------------------------------------------------------ */

/* A resource that is still being changed says so in many words; all of them pass. */
static bool is_busy(const char *code)
{
    static const char *const starts[] = {"IncorrectStatus.", "ResourceInConfiguring",
        "ResourceInCreating", "SystemBusy", "OperationBusy", "Conflict.Lock", "LockFailed",
        "ServiceIsConfiguring", "VServerGroupProcessing", "BackendServer.configuring",
        "ListenerProcessing"};

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        if (strncmp(code, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    return false;
}

static int call(const struct client *client, const struct openapi_operation *op,
    const struct params *params, json_t **ret_answer)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    struct client_error error = {0};
    int status = CLI_REFUSED;

    for (unsigned i = 0; i < TRIES_MAX; i++) {
        status = client_call(client, op, params, ret_answer, &error);
        if (status != CLI_REFUSED || !is_busy(error.code))
            break;
        (void)nanosleep(&pause, NULL);
    }
    if (status == CLI_REFUSED)
        client_show_error(op, &error);
    return status;
}

/* The id of what was made: a member of the answer, or of the first element of its only list. */
static json_t *id_in(const json_t *answer, const char *name)
{
    void *iter = json_object_iter(json_loose(answer));
    json_t *id = json_object_get(answer, name);

    for (; !id && iter; iter = json_object_iter_next(json_loose(answer), iter)) {
        const json_t *list = json_object_iter_value(iter);

        if (json_is_object(list))
            list = json_object_iter_value(json_object_iter(json_loose(list)));
        id = json_object_get(json_array_get(list, 0), name);
    }
    return id;
}

/* Nlb spells one of its own in another way. */
static json_t *made_id(const json_t *answer, const char *name)
{
    json_t *id = id_in(answer, name);

    return !id && strcmp(name, "LoadBalancerId") == 0 ? id_in(answer, "LoadbalancerId") : id;
}

static int finish_step(
    const struct client *client, const json_t *step, const json_t *answer, json_t *ids)
{
    const char *job = json_string_value(json_object_get(answer, "JobId"));
    const char *id_name = json_string_value(json_object_get(step, "id"));
    json_t *id = id_name ? made_id(answer, id_name) : NULL;

    if (id)
        (void)json_object_set(ids, text_of(step, "path"), id);
    if (!job || job[0] == '\0')
        return CLI_OK;
    return wait_for_job(client, text_of(step, "product"), job, JOB_TIMEOUT_S);
}

static int do_step(const struct client *client, const json_t *step, json_t *ids)
{
    const struct openapi_operation *op = openapi_operation_find(
        openapi_product_by_name(span_of(text_of(step, "product"))), span_of(text_of(step, "op")));
    const char *missing = "";
    json_t *in = manifest_resolve(json_object_get(step, "in"), ids, &missing);
    struct params_error wrong;
    struct params params = {0};
    json_t *answer = NULL;
    int status;

    if (!in)
        return cli_fail(
            CLI_REFUSED, "%s: nobody told the id of %s", text_of(step, "path"), missing);
    if (params_encode(op, in, &params, &wrong) < 0)
        status = cli_fail(CLI_REFUSED, "%s: %s", text_of(step, "path"), wrong.message);
    else
        status = call(client, op, &params, &answer);
    if (status == CLI_OK)
        status = finish_step(client, step, answer, ids);
    json_decref(answer);
    json_decref(in);
    params_done(&params);
    return status;
}

static int do_steps(const struct client *client, const json_t *steps, json_t *ids)
{
    const json_t *step;
    size_t i;

    json_array_foreach (steps, i, step) {
        int status = do_step(client, step, ids);

        if (status != CLI_OK)
            return cli_fail(status, "%zu of %zu steps were done; apply again goes on from there", i,
                json_array_size(steps));
    }
    return CLI_OK;
}

/* --- what became of it --------------------------------------------------------------------- */

/* Until the data plane has what is stored, or is not there. */
static int settle(const struct client *client)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    bool is_settled = false;
    int status = CLI_OK;

    for (unsigned i = 0; i < TRIES_MAX && status == CLI_OK && !is_settled; i++) {
        json_t *node = NULL;

        if (i > 0)
            (void)nanosleep(&pause, NULL);
        status = client_ask(client, "OpenSlb", "GetNodeStatus", NULL, &node);
        is_settled = json_integer_value(json_object_get(node, "AcknowledgedRevision")) >=
                     json_integer_value(json_object_get(node, "Revision"));
        json_decref(node);
    }
    if (status == CLI_OK && !is_settled)
        status =
            cli_fail(CLI_REFUSED, "stored, but the data plane does not have it yet: slb status");
    return status;
}

static bool is_among(const json_t *refusals, const json_t *refusal)
{
    const json_t *other;
    size_t i;

    json_array_foreach (refusals, i, other) {
        if (json_equal(
                json_object_get(other, "ResourceId"), json_object_get(refusal, "ResourceId")) &&
            json_equal(json_object_get(other, "Reason"), json_object_get(refusal, "Reason")))
            return true;
    }
    return false;
}

/* What the data plane refuses and did not before: not every step has a job that would have told. */
static int check_refusals(const struct client *client, const json_t *before)
{
    json_t *after = NULL, *labels = NULL;
    const json_t *refusal;
    size_t i;
    int status = settle(client);

    if (status == CLI_OK)
        status = client_list(client, "OpenSlb", "ListRefusals", "Refusals", NULL, &after);
    json_array_foreach (after, i, refusal) {
        const char *id = text_of(refusal, "ResourceId");
        char label[LABEL_MAX];

        if (is_among(before, refusal))
            continue;
        if (!labels)
            labels = labels_ask(client);
        status = cli_fail(CLI_REFUSED, "the data plane refuses %s (%s): %s", id,
            label_of(labels, id, label), text_of(refusal, "Reason"));
    }
    json_decref(labels);
    json_decref(after);
    return status;
}

static int apply(const struct client *client, const json_t *steps, json_t *ids)
{
    json_t *before = NULL;
    int status;

    status = client_list(client, "OpenSlb", "ListRefusals", "Refusals", NULL, &before);
    if (status == CLI_OK)
        status = do_steps(client, steps, ids);
    if (status == CLI_OK)
        status = check_refusals(client, before);
    json_decref(before);
    return status;
}

static int ask(size_t n)
{
    char answer[16];

    if (isatty(STDIN_FILENO) != 1)
        return cli_fail(
            CLI_USAGE, "apply asks before it changes something; give --yes where nobody answers");
    (void)printf("\nDo these %zu steps? [y/N] ", n);
    (void)fflush(stdout);
    if (!fgets(answer, sizeof(answer), stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
        return cli_fail(CLI_REFUSED, "nothing was changed");
    return CLI_OK;
}

static int run(const struct client *client, const struct request *request, bool is_diff)
{
    json_t *desired = NULL, *steps = NULL, *ids = NULL;
    int status;

    assert(request->path);
    status = read_manifest(request->path, &desired);
    if (status != CLI_OK)
        return status;
    status = make_plan(client, request, desired, &steps, &ids);
    json_decref(desired);
    if (status != CLI_OK)
        return status;
    show_plan(&request->common, steps);
    if (is_diff)
        status = json_array_size(steps) > 0 ? CLI_REFUSED : CLI_OK;
    else if (!request->dry_run && json_array_size(steps) > 0) {
        status = request->yes ? CLI_OK : ask(json_array_size(steps));
        if (status == CLI_OK)
            status = apply(client, steps, ids);
        if (status == CLI_OK && request->common.output != OUTPUT_JSON)
            (void)printf("%zu steps done.\n", json_array_size(steps));
    }
    json_decref(steps);
    json_decref(ids);
    return status;
}

static int command(int argc, char **argv, bool is_diff)
{
    struct request request = {0};
    const struct option_row rows[] = {
        {"-f", &request.path, NULL},
        {"--prune", NULL, &request.prune},
        {"--yes", NULL, &request.yes},
        {"--dry-run", NULL, &request.dry_run},
        {NULL, NULL, NULL},
    };
    struct arguments arguments;
    struct client client;
    int status;

    status = read_arguments(argc, argv, rows, 0, &arguments);
    request.common = arguments.common;
    free_arguments(&arguments);
    if (request.common.help)
        return printf("%s%s", usage, common_help) < 0 ? CLI_REFUSED : CLI_OK;
    if (status == CLI_OK && !request.path)
        status = cli_fail(CLI_USAGE, "%s: -f MANIFEST is missing", argv[0]);
    if (status == CLI_OK)
        status = client_open(&request.common, &client);
    if (status == CLI_OK)
        status = run(&client, &request, is_diff);
    return status;
}

int cli_apply(int argc, char **argv)
{
    return command(argc, argv, false);
}

int cli_diff(int argc, char **argv)
{
    return command(argc, argv, true);
}
