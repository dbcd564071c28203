#include <sys/signalfd.h>
#include <unistd.h>

#include "slbd/parts.h"

static void on_signals(struct engine *engine, struct engine_io *io)
{
    struct signals *signals = container_of(io, struct signals, io);
    struct signalfd_siginfo info;

    (void)engine;
    while (read(io->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        signals->fn(signals->arg, info.ssi_signo);
    io->readable = false;
}

int signals_open(struct signals *signals, struct engine *engine, const sigset_t *set,
    void (*fn)(void *arg, uint32_t signal), void *arg)
{
    int r;

    *signals = (struct signals){.engine = engine, .fn = fn, .arg = arg};
    signals->io.fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->io.fd < 0)
        return -errno;
    r = engine_watch(engine, &signals->io, on_signals);
    signals->io.readable = false; /* a signal that waits already is an event */
    return r;
}

void signals_close(struct signals *signals)
{
    if (!signals->engine)
        return;
    if (signals->io.watched)
        engine_unwatch(signals->engine, &signals->io);
    if (signals->io.fd >= 0)
        close(signals->io.fd);
    *signals = (struct signals){0};
}
