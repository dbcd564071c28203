#include <getopt.h>

#include "base/hash.h"
#include "base/reason.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/names.h"
#include "snapshot/describe.h"

#define COMMON_WORDS "--endpoint --ca --key-file -o --help"

const struct command commands[] = {
    {"status", cli_status, "what is wrong; the node, its data plane and its instances",
        COMMON_WORDS},
    {"instances", cli_instances, "load balancers with state and addresses", COMMON_WORDS},
    {"health", cli_health, "servers that are not healthy", "--all " COMMON_WORDS},
    {"events", cli_events, "who changed what, and when", "--since --all -n " COMMON_WORDS},
    {"top", cli_top, "traffic of listeners and servers, each second",
        "-n --interval " COMMON_WORDS},
    {"wait", cli_wait, "until a job of alb or nlb is done", "alb nlb --timeout " COMMON_WORDS},
    {"apply", cli_apply, "make the node be as a manifest says",
        "-f --prune --yes --dry-run " COMMON_WORDS},
    {"diff", cli_diff, "what apply would change", "-f --prune " COMMON_WORDS},
    {"completion", cli_completion, "a script that lets bash, zsh or fish complete commands",
        "bash zsh fish --help"},
    {"explain", cli_explain, "what happens to a request, and why",
        "--snapshot --listener --url --method --header --client --draw --help"},
    {"check", cli_check, "verify a snapshot file and show all of its errors", "--snapshot --help"},
    {"describe", cli_describe, "the fields of a snapshot file, in Markdown", ""},
    {"reasons", cli_reasons, "the reasons in logs and metrics, in Markdown", ""},
};
const size_t n_commands = ARRAY_LEN(commands);

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
    struct text products;

    (void)fputs("usage: slb COMMAND [OPTION]...\n"
                "       slb PRODUCT OPERATION [--Parameter VALUE]...\n\nCommands:\n",
        out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        (void)fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].summary);
    (void)fputs("  version     which version this is\n\nProducts:\n", out);
    text_init(&products, SIZE_MAX);
    help_products(&products);
    (void)fprintf(out, "%.*s", SPAN_ARG(text_span(&products)));
    text_done(&products);
    (void)fputs(
        "\nslb COMMAND --help shows the options of a command, slb PRODUCT help the operations of a\n"
        "product, slb PRODUCT OPERATION --help the parameters of an operation.\n"
        "Exit status: 0 done, 1 refused, 2 used wrongly, 3 no node answered.\n",
        out);
    return status;
}

static const char *get_word(const void *names, size_t i)
{
    (void)names;
    if (i < ARRAY_LEN(commands))
        return commands[i].name;
    i -= ARRAY_LEN(commands);
    return i < openapi_n_products ? openapi_products[i]->name : NULL;
}

static int fail_command(const char *name)
{
    const char *nearest = nearest_name(span_of(name), get_word, NULL);

    if (nearest)
        return cli_fail(CLI_USAGE, "there is no command %s; did you mean %c%s?", name,
            ascii_lower(nearest[0]), nearest + 1);
    return cli_fail(CLI_USAGE, "there is no command %s; slb --help lists them", name);
}

static int run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const struct openapi_product *product;

    if (name[0] == '\0')
        return help(stderr, CLI_USAGE);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return help(stdout, CLI_OK);
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0)
        return printf("slb " SLB_VERSION "\n") < 0 ? CLI_REFUSED : CLI_OK;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    product = find_product(span_of(name));
    if (product)
        return cli_operation(product, argc - 1, argv + 1);
    return fail_command(name);
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
