/* Accepts connections from one listening socket on one worker: at most 64 a turn, and never spinning
 * when the process is out of descriptors. */
#pragma once

#include "base/addr.h"
#include "engine/engine.h"

struct acceptor;

/* fd is the caller's now; peer is who connected, local the address the socket is bound to. */
typedef void (*acceptor_fn)(void *arg, struct acceptor *acceptor, int fd, const struct addr *peer);

struct acceptor {
    struct engine_io io;
    struct engine *engine;
    struct timer retry; /* out of descriptors: tried again when it fires */
    acceptor_fn fn;
    void *arg;
    struct addr local; /* bound address, with port */
    uint64_t
        n_failed; /* accepts that failed for want of descriptors or memory, or because of the socket itself */
    uint64_t asked_turn; /* turn in which the loop told of clients last */
    uint32_t share;      /* clients to accept in a turn */
    bool paused;
};

/* fd stays the caller's (it is shared with other processes during a hand-over). 0 or -errno. */
int acceptor_start(
    struct acceptor *acceptor, struct engine *engine, int fd, acceptor_fn fn, void *arg) MUST_CHECK;
/* Stops watching; does not close fd. */
void acceptor_stop(struct acceptor *acceptor);
