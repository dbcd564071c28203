/* A connection to the data plane's control socket that comes back by itself: lines out, lines in. */
#pragma once

#include "base/text.h"
#include "engine/conn.h"

struct link {
    struct conn conn;
    struct conn_env *env; /* borrowed */
    char path[108];
    void (*on_up)(void *arg);
    /* Without the newline; borrowed for the call. */
    void (*on_line)(void *arg, struct span line);
    void (*on_down)(void *arg);
    void *arg;
    struct timer timer;
    nsec pause; /* before the next try */
    struct text in;
    size_t scanned; /* of in, without a newline */
    bool up;
};

/* Members path, env, the functions and arg are set by the caller. Begins to connect in the next turn. */
void link_start(struct link *link);
void link_stop(struct link *link);
/* Sends what ends in a newline. Without a connection it is dropped. */
void link_send(struct link *link, struct span lines);
/* Gives the connection up and makes a new one: what came makes no sense. */
void link_again(struct link *link);
