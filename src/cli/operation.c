/* slb PRODUCT OPERATION: any operation of the tables. */
#include "base/file.h"
#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/help.h"
#include "cli/output.h"

#define JSON_MAX (16u << 20)

static int show(void (*write)(struct text *out, const void *what), const void *what)
{
    struct text text;

    text_init(&text, SIZE_MAX);
    write(&text, what);
    print_text(&text);
    text_done(&text);
    return CLI_OK;
}

static void write_product(struct text *out, const void *what)
{
    help_product(out, what);
}

static void write_operation(struct text *out, const void *what)
{
    help_operation(out, what);
}

static int add_json_file(
    const struct openapi_operation *op, struct params *params, const char *path)
{
    char error[ARGUMENT_ERROR_MAX];
    json_error_t why;
    struct text text;
    json_t *object;
    int r;

    text_init(&text, JSON_MAX);
    r = strcmp(path, "-") == 0 ? file_read_fd(0, &text) : file_read(path, &text);
    if (r < 0) {
        text_done(&text);
        return cli_fail(CLI_REFUSED, "cannot read %s: %s", path, strerrordesc_np(-r));
    }
    object = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &why);
    text_done(&text);
    if (!object)
        return cli_fail(CLI_REFUSED, "%s, line %d: %s", path, why.line, why.text);
    r = argument_add_json(op, params, object, error);
    json_decref(object);
    return r < 0 ? cli_fail(CLI_REFUSED, "%s: %s", path, error) : CLI_OK;
}

/* The value behind the parameter at *at: behind =, or the next word; booleans may have none. */
static int take_parameter(
    const struct openapi_operation *op, struct params *params, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    size_t equals = span_find(span_of(word), '=');
    struct span name = {word + 2, equals - MIN((size_t)2, equals)};
    char error[ARGUMENT_ERROR_MAX];
    struct span value;

    if (word[0] != '-' || word[1] != '-' || name.len == 0)
        return cli_fail(CLI_USAGE, "%s: unexpected argument %s", op->name, word);
    (*at)++;
    if (word[equals] == '=') {
        value = span_of(word + equals + 1);
    } else if (*at < argc && (strncmp(argv[*at], "--", 2) != 0 || !argument_is_flag(op, name))) {
        value = span_of(argv[(*at)++]);
    } else if (argument_is_flag(op, name)) {
        value = SPAN_LIT("true");
    } else {
        return cli_fail(CLI_USAGE, "%s needs a value", word);
    }
    if (argument_add(op, params, name, value, error) < 0)
        return cli_fail(CLI_USAGE, "%s", error);
    return CLI_OK;
}

static int read_parameters(const struct openapi_operation *op, struct params *params, int argc,
    char **argv, struct common *common)
{
    int at = 1;

    while (at < argc) {
        int status = read_common(argc, argv, &at, common);

        if (status == CLI_USAGE)
            return status;
        if (status == CLI_OK)
            continue;
        if (strcmp(argv[at], "--json") == 0) {
            if (at + 1 == argc)
                return cli_fail(CLI_USAGE, "--json needs a file");
            status = add_json_file(op, params, argv[at + 1]);
            at += 2;
        } else {
            status = take_parameter(op, params, argc, argv, &at);
        }
        if (status != CLI_OK)
            return status;
    }
    return CLI_OK;
}

static int call(
    const struct openapi_operation *op, const struct params *params, const struct common *common)
{
    struct client_error error;
    struct client client;
    struct text text;
    json_t *answer;
    int status;

    status = client_open(common, &client);
    if (status != CLI_OK)
        return status;
    status = client_call(&client, op, params, &answer, &error);
    if (status == CLI_REFUSED)
        client_show_error(op, &error);
    if (status != CLI_OK)
        return status;
    text_init(&text, SIZE_MAX);
    if (wants_table(common))
        answer_as_table(&text, answer);
    else
        answer_as_json(&text, answer);
    print_text(&text);
    text_done(&text);
    json_decref(answer);
    return CLI_OK;
}

static int fail_operation(const struct openapi_product *product, const char *name)
{
    const char *nearest = nearest_operation(product, span_of(name));
    struct text text;

    text_init(&text, SIZE_MAX);
    if (nearest)
        add_kebab(&text, nearest);
    (void)cli_fail(CLI_USAGE, "%s has no operation %s%s%.*s%s", product->name, name,
        nearest ? "; did you mean " : "", SPAN_ARG(text_span(&text)), nearest ? "?" : "");
    text_done(&text);
    return CLI_USAGE;
}

int cli_operation(const struct openapi_product *product, int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    const struct openapi_operation *op;
    struct common common = {0};
    struct params params = {0};
    int status;

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        (void)show(write_product, product);
        return argc > 1 ? CLI_OK : CLI_USAGE;
    }
    op = find_operation(product, span_of(name));
    if (!op)
        return fail_operation(product, name);
    status = read_parameters(op, &params, argc - 1, argv + 1, &common);
    if (common.help)
        status = show(write_operation, op);
    else if (status == CLI_OK)
        status = call(op, &params, &common);
    params_done(&params);
    return status;
}
