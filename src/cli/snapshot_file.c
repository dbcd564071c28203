#include "base/file.h"
#include "cli/cli.h"

#define ERRORS_MAX 1000u

static void print_errors(const struct errors *errors)
{
    struct text line;

    text_init(&line, 4096);
    for (uint32_t i = 0; i < errors->n; i++) {
        text_reset(&line);
        error_format(&errors->items[i], &line);
        (void)fprintf(stderr, "%.*s\n", SPAN_ARG(text_span(&line)));
    }
    if (errors->n_dropped > 0)
        (void)fprintf(stderr, "and %u more\n", errors->n_dropped);
    text_done(&line);
}

static int prepare(
    struct builder *builder, const char *path, struct span json, struct candidate **ret_candidate)
{
    struct errors errors;
    int status = CLI_OK;

    errors_init(&errors, ERRORS_MAX);
    if (builder_prepare(builder, json, true, &errors, ret_candidate) < 0) {
        print_errors(&errors);
        status = cli_fail(CLI_REFUSED, "%s is not valid", path);
    }
    errors_done(&errors);
    return status;
}

int cli_load_snapshot(struct builder *builder, const char *path, struct candidate **ret_candidate)
{
    struct text json;
    int status;
    int r;

    text_init(&json, SNAPSHOT_JSON_MAX);
    r = file_read(path, &json);
    if (r < 0)
        status = cli_fail(CLI_REFUSED, "cannot read %s: %s", path, strerrordesc_np(-r));
    else
        status = prepare(builder, path, text_span(&json), ret_candidate);
    text_done(&json);
    return status;
}
