/* What TCP and UDP flows share: bound sockets, who may begin, where to, and the counting. For the files of this
 * folder. */
#pragma once

#include "l4/l4.h"

/* One bound address of a listener. */
struct l4_socket {
    struct l4_listener *listener;
    struct acceptor acceptor; /* TCP */
    struct engine_io io;      /* UDP; fd stays valid for sending while the listener lives */
    int fd;                   /* the plane's */
    struct addr local;        /* with port */
    bool wildcard;            /* bound to all addresses: each datagram says which one it came to */
};

/* The group of the default action, or NULL. The listener is not removed. */
struct group *flow_group(const struct l4_listener *listener);

/* Whether there is room for one flow more; made, if need be, by the eviction of another. */
bool flow_find_room(const struct l4_listener *listener);

/* Whether a new flow may begin: REASON_NONE and *ret_group, else why not. */
enum reason flow_admit(const struct l4_listener *listener, struct group **ret_group);

/* A flow that could not begin: counted, nothing else. */
void flow_refused(struct l4_listener *listener, enum reason reason);

/* Counts a reason unless it is NONE. */
void flow_count(struct l4_listener *listener, enum reason reason);

/* The key for the group's scheduler; 0 for those that use none. datagram: the first one, for qch; empty for TCP. */
uint64_t flow_key(const struct group *group, const struct addr *client, const struct addr *local,
    struct span datagram);

/* The group's next source address of that family, or NULL: the kernel chooses. */
const struct addr *flow_source(struct group *group, uint8_t family);

/* Frees a removed listener that has no flows, at the turn's end. */
void flow_listener_left(struct l4_listener *listener);

/* The flow is in the listener's list from begin to end. flow_end may free the listener at the turn's end. */
void flow_begin(struct l4_listener *listener, struct list *link);
void flow_end(struct l4_listener *listener, struct list *link);
