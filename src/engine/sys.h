/* The system calls that move bytes, behind one thin layer so that tests can make them fail.
 *
 * All return >= 0 or -errno and retry EINTR. In a build with -Dfaults=true each one first asks the fault
 * plan; otherwise they are the plain calls.
 */
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include "base/base.h"

/* X(NAME, "word") */
#define SYS_CALL_LIST(X)      \
    X(SOCKET, "socket")       \
    X(ACCEPT, "accept")       \
    X(CONNECT, "connect")     \
    X(RECV, "recv")           \
    X(SEND, "send")           \
    X(SPLICE, "splice")       \
    X(PIPE, "pipe")           \
    X(RECVMMSG, "recvmmsg")   \
    X(SENDMMSG, "sendmmsg")   \
    X(EPOLL_CTL, "epoll_ctl") \
    X(OPEN, "open")           \
    X(WRITE, "write")

enum sys_call {
#define SYS_CALL_ENUM(name, word) SYS_##name,
    SYS_CALL_LIST(SYS_CALL_ENUM)
#undef SYS_CALL_ENUM
        SYS_CALL_COUNT
};

/* Bytes to send, for struct iovec, which knows no const. */
static inline struct iovec sys_iovec(const void *ptr, size_t len)
{
    union {
        const void *given;
        void *plain;
    } bytes = {.given = ptr};

    return (struct iovec){.iov_base = bytes.plain, .iov_len = len};
}

int sys_socket(int family, int type, int protocol);
int sys_accept(int fd, struct sockaddr_storage *ret_sa); /* non-blocking, close-on-exec */
int sys_connect(int fd, const struct sockaddr_storage *sa, socklen_t len);
ssize_t sys_recv(int fd, void *buf, size_t n, int flags);
ssize_t sys_sendv(int fd, const struct iovec *iov, int n, int flags); /* sendmsg, MSG_NOSIGNAL */
ssize_t sys_splice(int from, int to, size_t n, bool more);            /* non-blocking, move */
int sys_pipe(int ret_fds[2], size_t bytes);
int sys_recvmmsg(int fd, struct mmsghdr *msgs, unsigned n);
int sys_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n);
/* One datagram, without what a header costs. To the plan they are recvmmsg and sendmmsg too. sa: NULL when the socket is
 * connected. */
ssize_t sys_recv_datagram(int fd, void *buf, size_t n);
ssize_t sys_send_datagram(
    int fd, const struct iovec *iov, const struct sockaddr_storage *sa, socklen_t len);
struct epoll_event;
int sys_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int sys_open(const char *path, int flags, unsigned mode);
ssize_t sys_write(int fd, const void *buf, size_t n);

/* Sets the plan from text such as "recv:3:ECONNRESET,send:%50:EAGAIN,send:%7:short": call, then the n-th
 * call from now (n) or every n-th (%n), then the error's name or "short" (the call moves one byte).
 * The environment variable SLBD_FAULTS is read once at start. Returns 0, -EINVAL, or -ENOTSUP in a build
 * without faults. Any thread; counters are per thread. */
int sys_fault_plan(const char *plan) MUST_CHECK;

/* Whether the plan decided the outcome of this thread's last call. An invented -EAGAIN or short count has no edge
 * of epoll behind it: who would clear a readiness bit for it must ask for engine_again instead. */
#ifdef SLB_FAULTS
bool sys_fault_hit(void);
#else
static inline bool sys_fault_hit(void)
{
    return false;
}
#endif
