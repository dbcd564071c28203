/* slbd: the server. Which of its processes this is, its command line says. */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/hash.h"
#include "control/api/certificate.h"
#include "control/node.h"
#include "engine/supervised.h"
#include "slbd/options.h"
#include "slbd/parts.h"

/* Before any thread starts, so that none of them is interrupted. */
static void signals_block(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGINT);
    sigaddset(ret_set, SIGHUP);
    sigaddset(ret_set, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, ret_set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    /* A file that may not grow is an error of its write, as a full disk is. */
    (void)signal(SIGXFSZ, SIG_IGN);
}

/* A balancer needs what it may have. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void print_errors(const struct errors *errors)
{
    for (uint32_t i = 0; i < errors->n; i++) {
        char buf[1024];
        struct text line;

        text_init_fixed(&line, buf, sizeof(buf));
        error_format(&errors->items[i], &line);
        (void)fprintf(stderr, "%.*s\n", SPAN_ARG(text_span(&line)));
    }
    if (errors->n_dropped > 0)
        (void)fprintf(stderr, "and %u more errors\n", errors->n_dropped);
}

static int print_help(enum slbd_command command)
{
    struct text text;

    text_init(&text, 65536);
    options_help(command, &text);
    (void)fwrite(text.ptr, 1, text.len, stdout);
    text_done(&text);
    return 0;
}

/* For the commands that need one. */
static int read_node(const char *path, struct node_conf *ret_node)
{
    struct errors errors;
    int r;

    errors_init(&errors, 100);
    r = node_read(path, geteuid() == 0, ret_node, &errors);
    print_errors(&errors);
    errors_done(&errors);
    return r;
}

/* And says what is wrong with the files that it names. */
static int print_node_file(const struct node_conf *node)
{
    CLEANUP(tls_context_unref) struct tls_context *tls = NULL;
    char why[API_CERTIFICATE_WHY_MAX];
    struct text text;

    text_init(&text, 65536);
    node_print(node, &text);
    (void)fwrite(text.ptr, 1, text.len, stdout);
    text_done(&text);
    if (api_certificate_read(node, clock_wall(), &tls, why) == 0)
        return 0;
    (void)fprintf(stderr, "[api] tls_certificate, tls_key: %s\n", why);
    return 2;
}

static int run(const struct slbd_options *options)
{
    struct node_conf node;
    sigset_t set;

    if (options->command == SLBD_CHECK)
        return data_check(options->plane.snapshot_path);
    if (options->command != SLBD_DATA && read_node(options->node_path, &node) < 0)
        return 2;
    if (options->command == SLBD_NODE_FILE)
        return print_node_file(&node);
    signals_block(&set);
    raise_file_limit();
    switch (options->command) {
    case SLBD_CONTROL:
        return control_main(&node, &set);
    case SLBD_SUPERVISE:
        return supervise(options, &node);
    default:
        return data_run(options, &set);
    }
}

int main(int argc, char **argv)
{
    struct slbd_options options;

    if (options_parse(argc, argv, &options) < 0)
        return 2;
    if (options.command == SLBD_HELP)
        return print_help(options.help_of);
    if (options.command == SLBD_VERSION) {
        (void)printf("slbd %s\n", SLB_VERSION);
        return 0;
    }
    hash_init();
    supervised_open();
    log_set_level((enum log_level)options.log_level);
    return run(&options);
}
