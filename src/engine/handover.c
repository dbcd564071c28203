#include "engine/handover.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/sys.h"

#define HANDOVER_PATH_MAX 100u
#define HANDOVER_BACKLOG  4

/* Room for HANDOVER_FDS_MAX descriptors, aligned as the kernel wants it. */
union handover_control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(HANDOVER_FDS_MAX * sizeof(int))];
};

static int handover_addr(const char *path, const char *suffix, struct sockaddr_un *ret_addr)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    _Static_assert(HANDOVER_PATH_MAX + sizeof(".new") <= sizeof(addr.sun_path), "suffix fits");
    if (len == 0)
        return -EINVAL;
    if (len > HANDOVER_PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(addr.sun_path, path, len);
    memcpy(addr.sun_path + len, suffix, strlen(suffix) + 1);
    *ret_addr = addr;
    return 0;
}

/* Binds beside path and moves it there, so that path always names a socket that listens. */
static int handover_bind(int fd, const char *path)
{
    struct sockaddr_un addr;
    int r = handover_addr(path, ".new", &addr);

    if (r < 0)
        return r;
    if (unlink(addr.sun_path) < 0 && errno != ENOENT)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        return -errno;
    /* Nobody can connect before listen: there is no moment in which others could. */
    if (chmod(addr.sun_path, S_IRUSR | S_IWUSR) < 0 || listen(fd, HANDOVER_BACKLOG) < 0 ||
        rename(addr.sun_path, path) < 0) {
        r = -errno;
        (void)unlink(addr.sun_path);
        return r;
    }
    return 0;
}

int handover_listen(const char *path, int *ret_fd)
{
    int fd = sys_socket(AF_UNIX, SOCK_SEQPACKET, 0);
    int r;

    if (fd < 0)
        return fd;
    r = handover_bind(fd, path);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int handover_connect(const char *path, int *ret_fd)
{
    struct sockaddr_storage sa = {0};
    struct sockaddr_un addr;
    int fd, r;

    r = handover_addr(path, "", &addr);
    if (r < 0)
        return r;
    fd = sys_socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (fd < 0)
        return fd;
    memcpy(&sa, &addr, sizeof(addr));
    r = sys_connect(fd, &sa, sizeof(addr));
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

static nsec handover_deadline(nsec timeout)
{
    nsec now = clock_mono();

    return timeout < NSEC_NEVER - now ? now + timeout : NSEC_NEVER;
}

/* Waits for events until deadline_at: 0, -ETIMEDOUT, other -errno. */
static int handover_wait(int sock, short events, nsec deadline_at)
{
    struct pollfd pfd = {.fd = sock, .events = events};

    for (;;) {
        nsec left = deadline_at == NSEC_NEVER ? NSEC_NEVER : deadline_at - clock_mono();
        struct timespec ts = {.tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC};
        int r;

        if (left <= 0)
            return -ETIMEDOUT;
        r = ppoll(&pfd, 1, left == NSEC_NEVER ? NULL : &ts, NULL);
        if (r > 0)
            return 0;
        if (r < 0 && errno != EINTR)
            return -errno;
    }
}

static void handover_put_fds(
    struct msghdr *msg, union handover_control *control, const int *fds, unsigned n_fds)
{
    struct cmsghdr *header;

    if (n_fds == 0)
        return;
    memset(control, 0, sizeof(*control));
    msg->msg_control = control;
    msg->msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
    header = CMSG_FIRSTHDR(msg);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
    memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
}

int handover_send(int sock, struct span text, const int *fds, unsigned n_fds, nsec timeout)
{
    nsec deadline_at = handover_deadline(timeout);
    struct iovec iov = sys_iovec(text.ptr, text.len);
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    union handover_control control;

    if (text.len == 0) /* would look like the end of the connection */
        return -EINVAL;
    if (text.len > HANDOVER_TEXT_MAX || n_fds > HANDOVER_FDS_MAX)
        return -EMSGSIZE;
    handover_put_fds(&msg, &control, fds, n_fds);
    for (;;) {
        int r;

        if (sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return 0;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        r = handover_wait(sock, POLLOUT, deadline_at);
        if (r < 0)
            return r;
    }
}

/* Adds the descriptors of one control message; returns those there are now. */
static unsigned handover_take_fds(const struct cmsghdr *header, int *fds, unsigned n_fds)
{
    const unsigned char *data = CMSG_DATA(header);
    size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < n; i++) {
        int fd;

        memcpy(&fd, data + i * sizeof(int), sizeof(int));
        if (n_fds < HANDOVER_FDS_MAX)
            fds[n_fds++] = fd;
        else
            (void)close(fd);
    }
    return n_fds;
}

static unsigned handover_get_fds(struct msghdr *msg, int fds[static HANDOVER_FDS_MAX])
{
    unsigned n_fds = 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(msg); header; header = CMSG_NXTHDR(msg, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
            n_fds = handover_take_fds(header, fds, n_fds);
    }
    return n_fds;
}

/* One message, waited for. Returns its length, 0 at the end, or -errno. */
static ssize_t handover_recv_msg(int sock, struct msghdr *msg, nsec deadline_at)
{
    for (;;) {
        ssize_t n = recvmsg(sock, msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        int r;

        if (n >= 0)
            return n;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        r = handover_wait(sock, POLLIN, deadline_at);
        if (r < 0)
            return r;
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the kernel writes to text through iov */
int handover_recv(int sock, char text[static HANDOVER_TEXT_MAX], size_t *ret_len,
    int fds[static HANDOVER_FDS_MAX], unsigned *ret_n_fds, nsec timeout)
{
    struct iovec iov = {.iov_base = text, .iov_len = HANDOVER_TEXT_MAX};
    union handover_control control;
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t n = handover_recv_msg(sock, &msg, handover_deadline(timeout));
    unsigned n_fds;
    int r = 0;

    if (n < 0)
        return (int)n;
    n_fds = handover_get_fds(&msg, fds);
    if (n == 0)
        r = -EPIPE;
    else if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        r = -EMSGSIZE;
    if (r < 0) {
        while (n_fds > 0)
            (void)close(fds[--n_fds]);
        return r;
    }
    *ret_len = (size_t)n;
    *ret_n_fds = n_fds;
    return 0;
}
