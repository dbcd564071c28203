#include "cli/cli.h"

#define ERRORS_MAX 1000u
#define READ_BYTES 65536u

/* Returns 0, or -errno. */
static int read_file(const char *path, struct text *out)
{
    FILE *file = fopen(path, "re");
    int r = 0;

    if (!file)
        return -errno;
    while (!feof(file) && !ferror(file) && text_make_room(out, READ_BYTES))
        out->len += fread(out->ptr + out->len, 1, READ_BYTES, file);
    if (ferror(file))
        r = errno != 0 ? -errno : -EIO;
    else if (text_failed(out))
        r = -EFBIG;
    (void)fclose(file);
    return r;
}

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

    text_init(&json, (size_t)SNAPSHOT_JSON_MAX + READ_BYTES);
    r = read_file(path, &json);
    if (r < 0)
        status = cli_fail(CLI_REFUSED, "cannot read %s: %s", path, strerrordesc_np(-r));
    else
        status = prepare(builder, path, text_span(&json), ret_candidate);
    text_done(&json);
    return status;
}
