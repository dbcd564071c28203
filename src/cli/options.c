#include "cli/options.h"

#include <stdarg.h>
#include <unistd.h>

const char common_help[] =
    "  --endpoint URL      where the API listens; also $OPENSLB_ENDPOINT; default http://127.0.0.1:9080\n"
    "  --ca FILE           https: the CA of the node's certificate, PEM; also $OPENSLB_CA; default: those of the system\n"
    "  --key-file FILE     the AccessKey pair; also $OPENSLB_KEY_FILE; default: that of this machine's node\n"
    "  -o table|json       for people, or whole answers for programs; default: a table on a terminal\n";

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

/* Whether word is the option called name; *ret_value is what stands behind =, or NULL. */
static bool is_option(const char *word, const char *name, const char **ret_value)
{
    size_t len = strlen(name);

    if (strncmp(word, name, len) != 0 || (word[len] != '\0' && word[len] != '='))
        return false;
    *ret_value = word[len] == '=' ? word + len + 1 : NULL;
    return true;
}

/* The value of the option at *at, which *value is if it stood behind =. NULL after saying that it is missing. */
static const char *take_value(int argc, char **argv, int *at, const char *value)
{
    if (value)
        return value;
    if (*at + 1 >= argc) {
        (void)cli_fail(CLI_USAGE, "%s needs a value", argv[*at]);
        return NULL;
    }
    (*at)++;
    return argv[*at];
}

static int set_output(const char *value, struct common *common)
{
    if (strcmp(value, "table") == 0)
        common->output = OUTPUT_TABLE;
    else if (strcmp(value, "json") == 0)
        common->output = OUTPUT_JSON;
    else
        return cli_fail(CLI_USAGE, "-o is table or json, not %s", value);
    return CLI_OK;
}

int read_common(int argc, char **argv, int *at, struct common *common)
{
    static const char *const names[] = {"--endpoint", "--key-file", "--ca", "--output", "-o"};
    const char *value = NULL;
    size_t i = 0;

    if (strcmp(argv[*at], "--help") == 0 || strcmp(argv[*at], "-h") == 0) {
        common->help = true;
        (*at)++;
        return CLI_OK;
    }
    while (i < ARRAY_LEN(names) && !is_option(argv[*at], names[i], &value))
        i++;
    if (i == ARRAY_LEN(names))
        return CLI_REFUSED;
    value = take_value(argc, argv, at, value);
    if (!value)
        return CLI_USAGE;
    (*at)++;
    if (i == 0)
        common->endpoint = value;
    else if (i == 1)
        common->key_file = value;
    else if (i == 2)
        common->ca = value;
    else
        return set_output(value, common);
    return CLI_OK;
}

/* Like read_common, for the command's own. */
static int read_own(int argc, char **argv, int *at, const struct option_row *rows)
{
    for (; rows && rows->name; rows++) {
        const char *value;

        if (!is_option(argv[*at], rows->name, &value))
            continue;
        if (rows->flag && value)
            return cli_fail(CLI_USAGE, "%s takes no value", rows->name);
        if (rows->flag) {
            *rows->flag = true;
        } else {
            value = take_value(argc, argv, at, value);
            if (!value)
                return CLI_USAGE;
            *rows->value = value;
        }
        (*at)++;
        return CLI_OK;
    }
    return CLI_REFUSED;
}

int read_arguments(int argc, char **argv, const struct option_row *rows, unsigned max_rest,
    struct arguments *ret_arguments)
{
    struct arguments arguments = {.words = base_calloc((size_t)argc + 1, sizeof(char *))};
    int at = 1;

    *ret_arguments = arguments;
    ret_arguments->rest = arguments.words;
    while (at < argc) {
        int status = read_common(argc, argv, &at, &ret_arguments->common);

        if (status == CLI_REFUSED)
            status = read_own(argc, argv, &at, rows);
        if (status == CLI_USAGE)
            return status;
        if (status == CLI_OK)
            continue;
        if (argv[at][0] == '-' && argv[at][1] != '\0')
            return cli_fail(
                CLI_USAGE, "%s: there is no option %s; --help lists them", argv[0], argv[at]);
        if (ret_arguments->n == max_rest)
            return cli_fail(CLI_USAGE, "%s: unexpected argument %s", argv[0], argv[at]);
        arguments.words[ret_arguments->n++] = argv[at++];
    }
    return CLI_OK;
}

void free_arguments(struct arguments *arguments)
{
    free(arguments->words);
    *arguments = (struct arguments){0};
}

bool wants_table(const struct common *common)
{
    if (common->output == OUTPUT_AUTO)
        return isatty(STDOUT_FILENO) == 1;
    return common->output == OUTPUT_TABLE;
}
