/* slbd: the server. Today it has one part, the data plane. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "slbd/options.h"

struct signals {
    struct engine_io io;
    struct plane *plane;
};

static void on_signal(struct plane *plane, uint32_t signal)
{
    switch (signal) {
    case SIGHUP:
        plane_reload(plane);
        break;
    case SIGUSR1:
        if (plane->log)
            access_log_reopen(plane->log);
        break;
    default:
        plane_stop(plane);
        break;
    }
}

static void on_signals(struct engine *engine, struct engine_io *io)
{
    struct signals *signals = container_of(io, struct signals, io);
    struct signalfd_siginfo info;

    (void)engine;
    while (read(io->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        on_signal(signals->plane, info.ssi_signo);
    io->readable = false;
}

static int signals_open(struct signals *signals, struct plane *plane, const sigset_t *set)
{
    int r;

    signals->plane = plane;
    signals->io.fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->io.fd < 0)
        return -errno;
    r = engine_watch(plane->engine, &signals->io, on_signals);
    signals->io.readable = false; /* a signal that waits already is an event */
    return r;
}

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

static int run_plane(const struct slbd_options *options, const sigset_t *set)
{
    struct signals signals = {0};
    struct plane *plane = plane_new(&options->plane);
    int r;

    if (!plane) {
        log_line(LOG_ERROR, "the data plane cannot be set up: %s", strerrordesc_np(errno));
        return 1;
    }
    r = signals_open(&signals, plane, set);
    if (r == 0)
        r = plane_start(plane);
    if (r == 0) {
        log_line(LOG_NOTICE, "slbd %s: %u workers", SLB_VERSION, plane->n_workers);
        r = plane_run(plane);
    }
    if (signals.io.watched)
        engine_unwatch(plane->engine, &signals.io);
    plane_free(plane);
    if (signals.io.fd >= 0)
        close(signals.io.fd);
    return r < 0 ? 1 : 0;
}

static void print_errors(const struct errors *errors)
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

/* Everything that can be known without binding a socket. */
static int check_snapshot(const char *path)
{
    CLEANUP(builder_free) struct builder *builder = builder_new();
    struct candidate *candidate;
    struct errors errors;
    struct text text;
    int r;

    text_init(&text, SNAPSHOT_JSON_MAX);
    r = file_read(path, &text);
    if (r < 0) {
        (void)fprintf(stderr, "slbd: %s cannot be read: %s\n", path, strerrordesc_np(-r));
        text_done(&text);
        return 1;
    }
    errors_init(&errors, 1000);
    r = builder_prepare(builder, text_span(&text), true, &errors, &candidate);
    if (r == 0) {
        (void)printf("%s: version %llu, %u resources, valid\n", path,
            (unsigned long long)candidate->snapshot->version, candidate->n_items);
        builder_abandon(builder, candidate);
    }
    print_errors(&errors);
    errors_done(&errors);
    text_done(&text);
    return r < 0 ? 1 : 0;
}

static int print_help(void)
{
    struct text text;

    text_init(&text, 65536);
    options_help(&text);
    (void)fwrite(text.ptr, 1, text.len, stdout);
    text_done(&text);
    return 0;
}

int main(int argc, char **argv)
{
    struct slbd_options options;
    sigset_t set;

    if (options_parse(argc, argv, &options) < 0)
        return 2;
    if (options.command == SLBD_HELP)
        return print_help();
    if (options.command == SLBD_VERSION) {
        (void)printf("slbd %s\n", SLB_VERSION);
        return 0;
    }
    hash_init();
    log_set_level((enum log_level)options.log_level);
    if (options.command == SLBD_CHECK)
        return check_snapshot(options.plane.snapshot_path);
    signals_block(&set);
    raise_file_limit();
    return run_plane(&options, &set);
}
