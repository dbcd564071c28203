#include "slbd/options.h"

#include <unistd.h>

enum option_type { OPTION_TEXT, OPTION_NUMBER, OPTION_BYTES, OPTION_ADDR, OPTION_FLAG };

/* Commands that take an option. */
#define DATA      (1u << SLBD_DATA)
#define CONTROL   (1u << SLBD_CONTROL)
#define SUPERVISE (1u << SLBD_SUPERVISE)
#define NODE_FILE (1u << SLBD_NODE_FILE)
#define PASSED    (DATA | SUPERVISE) /* the supervisor gives it on */
#define ALL       (DATA | CONTROL | SUPERVISE | NODE_FILE)

/* One row per option: the parser and --help read them. */
struct option_row {
    const char *name;
    unsigned commands;
    enum option_type type;
    uint64_t min, max;
    const char *value;
    const char *doc;
};

enum {
    OPT_NODE,
    OPT_SNAPSHOT,
    OPT_CHECK,
    OPT_STATE,
    OPT_RUN_DIR,
    OPT_ADMIN,
    OPT_WORKERS,
    OPT_NO_PIN,
    OPT_MEMORY,
    OPT_ACCESS_LOG,
    OPT_LOG_ROTATE,
    OPT_LOG_KEEP,
    OPT_DRAIN,
    OPT_WATCHDOG,
    OPT_VERBOSE,
    OPT_HELP,
    OPT_COUNT
};

static const struct option_row rows[OPT_COUNT] = {
    [OPT_NODE] = {"--node", CONTROL | SUPERVISE | NODE_FILE, OPTION_TEXT, 1, 4095, "FILE",
        "the node file; without it all settings have their defaults"},
    [OPT_SNAPSHOT] = {"--snapshot", DATA, OPTION_TEXT, 1, 4095, "FILE",
        "resource set to start with; read again on SIGHUP"},
    [OPT_CHECK] = {"--check", DATA, OPTION_FLAG, 0, 0, NULL, "validate the snapshot file and exit"},
    [OPT_STATE] = {"--state", DATA, OPTION_TEXT, 1, 4000, "FILE",
        "where the set in force is kept; preferred over --snapshot at the next start"},
    [OPT_RUN_DIR] = {"--run-dir", DATA, OPTION_TEXT, 1, 90, "DIR",
        "control.sock and handover.sock; a process that runs there is replaced"},
    [OPT_ADMIN] = {"--admin", DATA, OPTION_ADDR, 0, 0, "IP:PORT", "serves /metrics and /status"},
    [OPT_WORKERS] = {"--workers", DATA, OPTION_NUMBER, 1, WORKERS_MAX, "N",
        "threads that carry traffic (one per CPU)"},
    [OPT_NO_PIN] = {"--no-pin", PASSED, OPTION_FLAG, 0, 0, NULL, "do not pin workers to CPUs"},
    [OPT_MEMORY] = {"--memory", PASSED, OPTION_BYTES, 1 << 20, UINT64_MAX, "BYTES",
        "limit of all bytes held for peers (a quarter of the machine's memory)"},
    [OPT_ACCESS_LOG] = {"--access-log", DATA, OPTION_TEXT, 1, 4000, "FILE",
        "JSON lines of listeners with access_log; - is standard output"},
    [OPT_LOG_ROTATE] = {"--log-rotate", PASSED, OPTION_BYTES, 4096, UINT64_MAX, "BYTES",
        "rename the access log at this size (never)"},
    [OPT_LOG_KEEP] = {"--log-keep", PASSED, OPTION_NUMBER, 1, 1000, "N",
        "renamed access logs kept (5)"},
    [OPT_DRAIN] = {"--drain", PASSED, OPTION_NUMBER, 0, 86400, "SECONDS",
        "how long a stopping or replaced process waits for its connections (300)"},
    [OPT_WATCHDOG] = {"--watchdog", SUPERVISE, OPTION_NUMBER, 0, 86400, "SECONDS",
        "a process whose loops do not turn for so long is ended and started anew (30); 0: never"},
    [OPT_VERBOSE] = {"--verbose", PASSED | CONTROL, OPTION_FLAG, 0, 0, NULL,
        "log debugging messages"},
    [OPT_HELP] = {"--help", ALL, OPTION_FLAG, 0, 0, NULL, "print this"},
};

static int option_wrong(const char *name, const char *value, const char *rule)
{
    (void)fprintf(stderr, "slbd: %s%s%s: %s (see slbd --help)\n", name, value ? " " : "",
        value ? value : "", rule);
    return -EINVAL;
}

/* "4096", "64K", "512M", "2G" */
static int parse_bytes(struct span s, uint64_t *ret_bytes)
{
    static const char units[] = "KMG";
    unsigned shift = 0;
    uint64_t n;

    for (unsigned i = 0; s.len > 1 && i < 3; i++) {
        if (s.ptr[s.len - 1] == units[i]) {
            shift = 10 * (i + 1);
            s.len--;
            break;
        }
    }
    if (span_parse_u64(s, &n) < 0 || n > UINT64_MAX >> shift)
        return -EINVAL;
    *ret_bytes = n << shift;
    return 0;
}

static int parse_value(
    const struct option_row *row, const char *text, uint64_t *ret_number, struct addr *ret_addr)
{
    struct span value = span_of(text);
    char rule[128];
    int r = 0;

    *ret_number = 0;
    if (row->type == OPTION_NUMBER)
        r = span_parse_u64(value, ret_number);
    else if (row->type == OPTION_BYTES)
        r = parse_bytes(value, ret_number);
    else if (row->type == OPTION_ADDR && (addr_parse(value, ret_addr) < 0 || ret_addr->port == 0))
        return option_wrong(row->name, text, "must be an address and a port, as 127.0.0.1:9090");
    else if (row->type == OPTION_TEXT)
        *ret_number = value.len;
    if (row->type == OPTION_ADDR || (r == 0 && *ret_number >= row->min && *ret_number <= row->max))
        return 0;
    (void)snprintf(rule, sizeof(rule), "%s must be %llu..%llu",
        row->type == OPTION_TEXT ? "its length" : "it", (unsigned long long)row->min,
        (unsigned long long)row->max);
    return option_wrong(row->name, text, rule);
}

static void option_set(struct slbd_options *options, unsigned i, const char *text, uint64_t number,
    const struct addr *addr)
{
    struct plane_opts *plane = &options->plane;

    switch (i) {
    case OPT_NODE:
        options->node_path = text;
        break;
    case OPT_SNAPSHOT:
        plane->snapshot_path = text;
        break;
    case OPT_CHECK:
        options->command = SLBD_CHECK;
        break;
    case OPT_STATE:
        plane->state_path = text;
        break;
    case OPT_RUN_DIR:
        plane->run_dir = text;
        break;
    case OPT_ADMIN:
        plane->admin = *addr;
        break;
    case OPT_WORKERS:
        plane->n_workers = (unsigned)number;
        break;
    case OPT_NO_PIN:
        plane->pin = false;
        break;
    case OPT_MEMORY:
        plane->memory_bytes = number;
        break;
    case OPT_ACCESS_LOG:
        plane->log_path = text;
        break;
    case OPT_LOG_ROTATE:
        plane->log_rotate_bytes = number;
        break;
    case OPT_LOG_KEEP:
        plane->log_keep = (unsigned)number;
        break;
    case OPT_DRAIN:
        plane->drain_for = (nsec)number * NSEC_PER_SEC;
        break;
    case OPT_WATCHDOG:
        options->watchdog_for = (nsec)number * NSEC_PER_SEC;
        break;
    case OPT_VERBOSE:
    default:
        options->log_level = LOG_DEBUG;
        break;
    }
}

static void options_default(struct slbd_options *options)
{
    uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);

    *options = (struct slbd_options){
        .command = SLBD_SUPERVISE,
        .help_of = SLBD_HELP,
        .log_level = LOG_NOTICE,
        .watchdog_for = 30 * NSEC_PER_SEC,
        .plane =
            {
                .n_workers = worker_cpus(),
                .pin = true,
                .memory_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE) / 4,
                .log_keep = 5,
                .drain_for = 300 * NSEC_PER_SEC,
            },
    };
}

static const struct option_row *option_find(const char *name, unsigned *ret_index)
{
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *ret_index = i;
            return &rows[i];
        }
    }
    return NULL;
}

static int pass_on(struct slbd_options *options, const char *name, const char *value)
{
    if (options->n_passed + 2 > OPTIONS_PASSED_MAX)
        return option_wrong(name, value, "there are too many options");
    options->passed[options->n_passed++] = name;
    if (value)
        options->passed[options->n_passed++] = value;
    return 0;
}

static int parse_options(int argc, char **argv, struct slbd_options *options)
{
    enum slbd_command command = options->command;

    for (int at = 0; at < argc; at++) {
        struct addr addr = {0};
        uint64_t number = 0;
        unsigned i;
        const struct option_row *row = option_find(argv[at], &i);
        const char *value = NULL;

        if (!row || !(row->commands & 1u << command))
            return option_wrong(argv[at], NULL, "there is no such option of this command");
        if (i == OPT_HELP) {
            options->help_of = command;
            options->command = SLBD_HELP;
            return 0;
        }
        if (row->type != OPTION_FLAG) {
            value = ++at < argc ? argv[at] : NULL;
            if (!value)
                return option_wrong(row->name, NULL, "needs a value");
            if (parse_value(row, value, &number, &addr) < 0)
                return -EINVAL;
        }
        option_set(options, i, value, number, &addr);
        if (command == SLBD_SUPERVISE && (row->commands & DATA) &&
            pass_on(options, row->name, value) < 0)
            return -EINVAL;
    }
    return 0;
}

static int verify_data(const struct slbd_options *options)
{
    const struct plane_opts *plane = &options->plane;

    if (options->command == SLBD_CHECK && !plane->snapshot_path)
        return option_wrong("--check", NULL, "needs --snapshot FILE");
    if (!plane->snapshot_path && !plane->run_dir && !plane->state_path)
        return option_wrong("data", NULL, "needs --snapshot FILE or --run-dir DIR");
    return 0;
}

static const struct {
    const char *name, *alias;
    enum slbd_command command;
    const char *doc;
} commands[] = {
    {"supervise", NULL, SLBD_SUPERVISE,
        "runs the control plane and the data plane, and starts anew what dies"},
    {"control", NULL, SLBD_CONTROL, "runs the control plane: the API, and what users made by it"},
    {"data", NULL, SLBD_DATA, "runs the data plane: it carries the traffic"},
    {"node-file", NULL, SLBD_NODE_FILE, "prints the node file with every setting, and exits"},
    {"version", "--version", SLBD_VERSION, "prints the version"},
    {"help", "--help", SLBD_HELP, "prints this"},
};

/* Options alone belong to supervise. */
static int parse_command(const char *word, enum slbd_command *ret_command)
{
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(word, commands[i].name) == 0 ||
            (commands[i].alias && strcmp(word, commands[i].alias) == 0)) {
            *ret_command = commands[i].command;
            return 1;
        }
    }
    if (word[0] != '-')
        return option_wrong(word, NULL, "there is no such command");
    *ret_command = SLBD_SUPERVISE;
    return 0;
}

int options_parse(int argc, char **argv, struct slbd_options *ret_options)
{
    int used = 0;

    options_default(ret_options);
    if (argc > 1)
        used = parse_command(argv[1], &ret_options->command);
    if (used < 0 || parse_options(argc - 1 - used, argv + 1 + used, ret_options) < 0)
        return -EINVAL;
    if (ret_options->command == SLBD_DATA || ret_options->command == SLBD_CHECK)
        return verify_data(ret_options);
    return 0;
}

static const char *command_name(enum slbd_command command)
{
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
        if (commands[i].command == command)
            return commands[i].name;
    }
    return "";
}

static void help_options(struct text *out, enum slbd_command command)
{
    text_addf(out, "\nOptions of %s:\n", command_name(command));
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        char left[64];

        if (!(rows[i].commands & 1u << command))
            continue;
        (void)snprintf(left, sizeof(left), "%s%s%s", rows[i].name, rows[i].value ? " " : "",
            rows[i].value ? rows[i].value : "");
        text_addf(out, "  %-22s %s\n", left, rows[i].doc);
    }
}

static void help_all(struct text *out)
{
    text_add(out, SPAN_LIT("usage: slbd [COMMAND] [options]\n\n"));
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++)
        text_addf(out, "  %-12s %s\n", commands[i].name, commands[i].doc);
    text_add(out, SPAN_LIT("\nWithout a command: supervise.\n"));
    help_options(out, SLBD_SUPERVISE);
    help_options(out, SLBD_CONTROL);
    help_options(out, SLBD_DATA);
    help_options(out, SLBD_NODE_FILE);
    text_add(out, SPAN_LIT("\nSignals: TERM and INT stop after open requests have ended, and at "
                           "once when sent again;\nHUP: data reads the snapshot file again; USR1 "
                           "opens the access log anew.\n"));
}

void options_help(enum slbd_command command, struct text *out)
{
    if (command == SLBD_HELP) {
        help_all(out);
        return;
    }
    text_addf(out, "usage: slbd %s [options]\n\n", command_name(command));
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
        if (commands[i].command == command)
            text_addf(out, "  %-12s %s\n", commands[i].name, commands[i].doc);
    }
    help_options(out, command);
}
