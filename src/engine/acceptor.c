#include "engine/acceptor.h"

#include "engine/net.h"
#include "engine/sys.h"

#define ACCEPTS_PER_TURN 64
#define ACCEPT_RETRY     (100 * NSEC_PER_MSEC)

static void acceptor_on_ready(struct engine *engine, struct engine_io *io);

static void acceptor_on_retry(struct engine *engine, struct timer *timer)
{
    struct acceptor *acceptor = container_of(timer, struct acceptor, retry);

    acceptor->paused = false;
    acceptor_on_ready(engine, &acceptor->io);
}

/* The socket stays readable while descriptors are short, but an edge comes only with the next client:
 * a timer has to look again. */
static void acceptor_pause(struct acceptor *acceptor)
{
    acceptor->n_failed++;
    acceptor->paused = true;
    timer_set(acceptor->engine, &acceptor->retry, engine_now(acceptor->engine) + ACCEPT_RETRY,
        acceptor_on_retry);
}

static void acceptor_on_ready(struct engine *engine, struct engine_io *io)
{
    struct acceptor *acceptor = container_of(io, struct acceptor, io);

    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct addr peer;
        int fd;

        if (acceptor->paused || !io->watched)
            return;
        fd = net_accept(io->fd, &peer);
        if (fd == -EAGAIN) {
            /* What comes later is an edge of its own, unless a test pretends. */
            if (sys_fault_hit())
                break;
            io->readable = false;
            return;
        }
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS) {
            acceptor_pause(acceptor);
            return;
        }
        if (fd < 0)
            continue; /* that client has gone again: ECONNABORTED and the like */
        acceptor->fn(acceptor->arg, acceptor, fd, &peer);
    }
    engine_again(engine, io);
}

int acceptor_start(
    struct acceptor *acceptor, struct engine *engine, int fd, acceptor_fn fn, void *arg)
{
    *acceptor = (struct acceptor){.engine = engine, .fn = fn, .arg = arg};
    acceptor->io.fd = fd;
    int r = net_local_addr(fd, &acceptor->local);

    if (r < 0)
        return r;
    r = engine_watch(engine, &acceptor->io, acceptor_on_ready);
    if (r < 0)
        return r;
    /* Connections may be queued since before this socket was watched (hand-over). */
    engine_again(engine, &acceptor->io);
    return 0;
}

void acceptor_stop(struct acceptor *acceptor)
{
    if (!acceptor->io.watched)
        return;
    timer_stop(&acceptor->retry);
    engine_unwatch(acceptor->engine, &acceptor->io);
}
