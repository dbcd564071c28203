#include "engine/acceptor.h"

#include "engine/net.h"

#define ACCEPTS_PER_TURN 64u
#define ACCEPT_RETRY     (100 * NSEC_PER_MSEC)

static void acceptor_on_retry(struct engine *engine, struct timer *timer)
{
    struct acceptor *acceptor = container_of(timer, struct acceptor, retry);

    acceptor->paused = false;
    engine_mute(engine, &acceptor->io, false);
}

/* The socket stays readable while descriptors are short: not told of it, the loop can sleep. */
static void acceptor_pause(struct acceptor *acceptor)
{
    acceptor->n_failed++;
    acceptor->paused = true;
    engine_mute(acceptor->engine, &acceptor->io, true);
    timer_set(acceptor->engine, &acceptor->retry, engine_now(acceptor->engine) + ACCEPT_RETRY,
        acceptor_on_retry);
}

/* Whether a failure is that of one connection, which has gone with it: accept(2) lists them. */
static bool acceptor_lost_one(int r)
{
    switch (r) {
    case -ECONNABORTED:
    case -ENETDOWN:
    case -EPROTO:
    case -ENOPROTOOPT:
    case -EHOSTDOWN:
    case -ENONET:
    case -EHOSTUNREACH:
    case -EOPNOTSUPP:
    case -ENETUNREACH:
    case -EPERM:
        return true;
    default:
        return false;
    }
}

/* Accepts one. Returns false when no more can be accepted now. */
static bool acceptor_accept(struct acceptor *acceptor)
{
    struct addr peer;
    int fd = net_accept(acceptor->io.fd, &peer);

    if (fd >= 0)
        acceptor->fn(acceptor->arg, acceptor, fd, &peer);
    else if (fd == -EAGAIN)
        return false;
    else if (!acceptor_lost_one(fd))
        acceptor_pause(acceptor);
    return !acceptor->paused && acceptor->io.watched;
}

/* To accept in vain costs as much as half a connection, because the kernel makes the descriptor first. So no more are
 * tried than may well be there: clients that are left make the loop tell again in the next turn, and that they did
 * makes the share grow. */
static void acceptor_on_ready(struct engine *engine, struct engine_io *io)
{
    struct acceptor *acceptor = container_of(io, struct acceptor, io);
    uint64_t turn = engine_turns(engine);
    uint32_t n = 0;

    io->readable = false;
    if (acceptor->paused)
        return;
    if (turn == acceptor->asked_turn + 1)
        acceptor->share = MIN(2 * acceptor->share, ACCEPTS_PER_TURN);
    acceptor->asked_turn = turn;
    while (n < acceptor->share && acceptor_accept(acceptor))
        n++;
    if (n < acceptor->share)
        acceptor->share = MAX(n, 1u);
}

int acceptor_start(
    struct acceptor *acceptor, struct engine *engine, int fd, acceptor_fn fn, void *arg)
{
    int r;

    *acceptor = (struct acceptor){.engine = engine, .fn = fn, .arg = arg, .share = 1};
    acceptor->io.fd = fd;
    r = net_local_addr(fd, &acceptor->local);
    if (r < 0)
        return r;
    /* The loop also tells of connections that were queued before, as after a hand-over. */
    r = engine_watch_level(engine, &acceptor->io, acceptor_on_ready);
    acceptor->io.readable = false;
    return r;
}

void acceptor_stop(struct acceptor *acceptor)
{
    if (!acceptor->io.watched)
        return;
    timer_stop(&acceptor->retry);
    engine_unwatch(acceptor->engine, &acceptor->io);
}
