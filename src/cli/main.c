#include <getopt.h>
#include <stdarg.h>

#include "base/hash.h"
#include "base/reason.h"
#include "cli/cli.h"
#include "snapshot/describe.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"explain", cli_explain, "what happens to a request, and why"},
    {"check", cli_check, "verify a snapshot file and show all of its errors"},
    {"describe", cli_describe, "the fields of a snapshot file, in Markdown"},
    {"reasons", cli_reasons, "the reasons in logs and metrics, in Markdown"},
};

int cli_fail(int status, const char *fmt, ...)
{
    va_list args;

    (void)fputs("slb: ", stderr);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    return status;
}

int cli_check(int argc, char **argv)
{
    static const struct option options[] = {
        {"snapshot", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    CLEANUP(builder_free) struct builder *builder = builder_new();
    struct candidate *candidate;
    const char *path = NULL;
    int option;
    int status;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h')
            return puts("usage: slb check --snapshot FILE") < 0 ? CLI_REFUSED : CLI_OK;
        if (option != 's')
            return CLI_USAGE;
        path = optarg;
    }
    if (optind < argc)
        return cli_fail(CLI_USAGE, "check: unexpected argument %s", argv[optind]);
    if (!path)
        return cli_fail(CLI_USAGE, "check: --snapshot is missing");
    status = cli_load_snapshot(builder, path, &candidate);
    if (status != CLI_OK)
        return status;
    (void)printf("%s is valid: %u resources\n", path, candidate->n_items);
    builder_abandon(builder, candidate);
    return CLI_OK;
}

int cli_describe(int argc, char **argv)
{
    struct text text;

    if (argc > 1)
        return cli_fail(CLI_USAGE, "describe: unexpected argument %s", argv[1]);
    text_init(&text, SIZE_MAX);
    model_describe(&text);
    (void)fwrite(text.ptr, 1, text.len, stdout);
    text_done(&text);
    return CLI_OK;
}

int cli_reasons(int argc, char **argv)
{
    if (argc > 1)
        return cli_fail(CLI_USAGE, "reasons: unexpected argument %s", argv[1]);
    (void)puts(
        "# Reasons\n\nWhy the balancer refused, retried, failed over or answered by itself. "
        "The words stand in the access\nlog, in metrics and in the API. Made by `slb reasons`.\n\n"
        "| reason | meaning |\n|---|---|");
    for (unsigned i = 0; i < REASON_COUNT; i++)
        (void)printf("| `%s` | %s |\n", reason_word((enum reason)i), reason_text((enum reason)i));
    return CLI_OK;
}

static int help(FILE *out, int status)
{
    (void)fputs("usage: slb COMMAND [OPTION]...\n\n", out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        (void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    (void)fputs("  version    which version this is\n\n"
                "slb COMMAND --help shows the options of a command.\n"
                "Exit status: 0 done, 1 refused, 2 used wrongly.\n",
        out);
    return status;
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (name[0] == '\0')
        return help(stderr, CLI_USAGE);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return help(stdout, CLI_OK);
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0)
        return printf("slb " SLB_VERSION "\n") < 0 ? CLI_REFUSED : CLI_OK;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        /* What getopt says names its argv[0]. */
        argv[1] = argv[0];
        return commands[i].run(argc - 1, argv + 1);
    }
    return cli_fail(CLI_USAGE, "there is no command %s; slb --help lists them", name);
}

int main(int argc, char **argv)
{
    int status;

    hash_init();
    status = run(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout))
        return cli_fail(CLI_REFUSED, "cannot write: %s", strerrordesc_np(errno));
    return status;
}
