#include "slbd/options.h"

#include <unistd.h>

enum option_type { OPTION_TEXT, OPTION_NUMBER, OPTION_BYTES, OPTION_ADDR, OPTION_FLAG };

/* One row per option: the parser and --help read them. */
struct option_row {
    const char *name;
    enum option_type type;
    uint64_t min, max;
    const char *value;
    const char *doc;
};

enum {
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
    OPT_VERBOSE,
    OPT_COUNT
};

static const struct option_row rows[OPT_COUNT] = {
    [OPT_SNAPSHOT] = {"--snapshot", OPTION_TEXT, 1, 4095, "FILE",
        "resource set to start with; read again on SIGHUP"},
    [OPT_CHECK] = {"--check", OPTION_FLAG, 0, 0, NULL, "validate the snapshot file and exit"},
    [OPT_STATE] = {"--state", OPTION_TEXT, 1, 4000, "FILE",
        "where the set in force is kept; preferred over --snapshot at the next start"},
    [OPT_RUN_DIR] = {"--run-dir", OPTION_TEXT, 1, 90, "DIR",
        "control.sock and handover.sock; a process that runs there is replaced"},
    [OPT_ADMIN] = {"--admin", OPTION_ADDR, 0, 0, "IP:PORT", "serves /metrics and /status"},
    [OPT_WORKERS] = {"--workers", OPTION_NUMBER, 1, WORKERS_MAX, "N",
        "threads that carry traffic (one per CPU)"},
    [OPT_NO_PIN] = {"--no-pin", OPTION_FLAG, 0, 0, NULL, "do not pin workers to CPUs"},
    [OPT_MEMORY] = {"--memory", OPTION_BYTES, 1 << 20, UINT64_MAX, "BYTES",
        "limit of all bytes held for peers (a quarter of the machine's memory)"},
    [OPT_ACCESS_LOG] = {"--access-log", OPTION_TEXT, 1, 4000, "FILE",
        "JSON lines of listeners with access_log; - is standard output"},
    [OPT_LOG_ROTATE] = {"--log-rotate", OPTION_BYTES, 4096, UINT64_MAX, "BYTES",
        "rename the access log at this size (never)"},
    [OPT_LOG_KEEP] = {"--log-keep", OPTION_NUMBER, 1, 1000, "N", "renamed access logs kept (5)"},
    [OPT_DRAIN] = {"--drain", OPTION_NUMBER, 0, 86400, "SECONDS",
        "how long a stopping or replaced process waits for its connections (300)"},
    [OPT_VERBOSE] = {"--verbose", OPTION_FLAG, 0, 0, NULL, "log debugging messages"},
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
    default:
        options->log_level = LOG_DEBUG;
        break;
    }
}

static void options_default(struct slbd_options *options)
{
    uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);

    *options = (struct slbd_options){
        .command = SLBD_DATA,
        .log_level = LOG_NOTICE,
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

static int parse_data(int argc, char **argv, struct slbd_options *options)
{
    for (int at = 0; at < argc; at++) {
        struct addr addr = {0};
        uint64_t number = 0;
        unsigned i;
        const struct option_row *row = option_find(argv[at], &i);
        const char *value = NULL;

        if (!row)
            return option_wrong(argv[at], NULL, "there is no such option");
        if (row->type != OPTION_FLAG) {
            value = ++at < argc ? argv[at] : NULL;
            if (!value)
                return option_wrong(row->name, NULL, "needs a value");
            if (parse_value(row, value, &number, &addr) < 0)
                return -EINVAL;
        }
        option_set(options, i, value, number, &addr);
    }
    if (options->command == SLBD_CHECK && !options->plane.snapshot_path)
        return option_wrong("--check", NULL, "needs --snapshot FILE");
    if (!options->plane.snapshot_path && !options->plane.run_dir && !options->plane.state_path)
        return option_wrong("data", NULL, "needs --snapshot FILE or --run-dir DIR");
    return 0;
}

int options_parse(int argc, char **argv, struct slbd_options *ret_options)
{
    options_default(ret_options);
    if (argc < 2) {
        (void)fprintf(stderr, "slbd: which part? the data plane is: slbd data (see slbd --help)\n");
        return -EINVAL;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        ret_options->command = SLBD_HELP;
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        ret_options->command = SLBD_VERSION;
        return 0;
    }
    if (strcmp(argv[1], "data") != 0)
        return option_wrong(argv[1], NULL, "this build has only: slbd data");
    return parse_data(argc - 2, argv + 2, ret_options);
}

void options_help(struct text *out)
{
    text_add(out, SPAN_LIT("usage: slbd data [options]\n\nRuns the data plane.\n\n"));
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        char left[64];

        (void)snprintf(left, sizeof(left), "%s%s%s", rows[i].name, rows[i].value ? " " : "",
            rows[i].value ? rows[i].value : "");
        text_addf(out, "  %-22s %s\n", left, rows[i].doc);
    }
    text_add(out, SPAN_LIT("\nSignals: TERM and INT stop after open requests have ended, and at "
                           "once when sent again;\nHUP reads the snapshot file again; USR1 opens "
                           "the access log anew.\n"));
}
