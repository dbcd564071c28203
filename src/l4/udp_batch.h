/* Many datagrams per system call: what is received lies in slots, what is to be sent is put together as trains.
 *
 * A slot holds the longest datagram there is, so nothing is ever cut; only pages that were written to are
 * memory. A train is one or more datagrams to one place, all of one size but the last, which may be shorter: the
 * kernel takes them in one piece and parts them as late as it can (UDP_SEGMENT), or hands them over so
 * (UDP_GRO). Knows no flows. Belongs to one worker.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "engine/engine.h"

#define UDP_SLOTS     64u
#define UDP_NEXT_NONE UINT8_MAX
/* 64 KiB, and an odd number of cache lines over: slots must not all begin in the same set of the cache. */
#define UDP_SLOT_BYTES (65536u + 4096u + 2u * CACHE_LINE)

/* One datagram, or several of seg bytes (the last may be shorter) that came as one. */
struct udp_piece {
    char *ptr; /* borrowed */
    uint32_t len;
    uint32_t seg; /* 0: one datagram */
};

union udp_control {
    char buf[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

struct udp_train {
    const void *tag; /* whose it is: only one's datagrams are joined */
    uint32_t seg;    /* size of all but the last */
    uint32_t bytes;
    uint32_t n;         /* datagrams */
    bool closed;        /* the last one is shorter */
    struct addr source; /* to leave from; family 0: the socket's own */
};

/* Trains on their way to one socket. */
struct udp_out {
    int fd;
    uint32_t n, n_iov;
    bool plain; /* the kernel or a device cannot segment: one datagram at a time */
    struct mmsghdr msgs[UDP_SLOTS];
    struct udp_train trains[UDP_SLOTS];
    struct iovec iov[UDP_SLOTS];
    struct sockaddr_storage names[UDP_SLOTS];
    union udp_control controls[UDP_SLOTS];
    /* since udp_out_begin */
    uint64_t sent, sent_bytes; /* datagrams */
    int error;                 /* of the last send that failed */
};

struct udp_batch {
    char *slots; /* owned: UDP_SLOTS of UDP_SLOT_BYTES */
    struct mmsghdr msgs[UDP_SLOTS];
    struct iovec iov[UDP_SLOTS];
    struct sockaddr_storage names[UDP_SLOTS];
    union udp_control controls[UDP_SLOTS];
    uint64_t used;           /* slots whose headers the kernel has written to, as bits */
    uint8_t next[UDP_SLOTS]; /* the user's: the flow's next datagram, or UDP_NEXT_NONE */
    uint32_t serial;         /* the user's: number of this batch */
    uint32_t n_held;         /* slots [0, n_held) wait in replies */
    struct udp_out up;       /* to servers; sent within a call */
    struct udp_out replies;  /* to clients; gathered over a turn */
    const void *replies_of;  /* socket they go out by */
    struct engine_job job;   /* sends them at the turn's end */
};

struct udp_batch *udp_batch_new(void);
struct udp_batch *udp_batch_free(struct udp_batch *batch);

/* Receives into the slots [first, first + max). Returns how many came, or -errno. */
int udp_batch_recv(struct udp_batch *batch, int fd, uint32_t first, uint32_t max) MUST_CHECK;
/* The same, one datagram a call, which is the fastest way to few of them, for a socket that is connected and gives no
 * trains. *ret_error: 0, or the -errno that came behind the n > 0. */
int udp_batch_recv_plain(
    struct udp_batch *batch, int fd, uint32_t first, uint32_t max, int *ret_error) MUST_CHECK;
/* What the slot holds. False if it was cut, which cannot be forwarded. */
bool udp_batch_piece(const struct udp_batch *batch, uint32_t slot, struct udp_piece *ret_piece);
/* Who sent it. */
void udp_batch_peer(const struct udp_batch *batch, uint32_t slot, struct addr *ret_addr);
/* Which address it was sent to, without port; false if the socket was not asked to tell. */
bool udp_batch_local(struct udp_batch *batch, uint32_t slot, struct addr *ret_addr);

/* Datagrams in a piece: 1 for an empty one. */
uint32_t udp_piece_count(const struct udp_piece *piece);

/* Nothing may wait in out. */
void udp_out_begin(struct udp_out *out, int fd);
/* Adds a piece, which must stay where it is until it is sent: that happens by itself when out is full. peer: NULL
 * when the socket is connected. source: to leave from; NULL: the socket's own address. */
void udp_out_add(struct udp_out *out, const struct udp_piece *piece, const void *tag,
    const struct addr *peer, const struct addr *source);
/* Sends all. What the socket does not take now is lost. */
void udp_out_send(struct udp_out *out);
