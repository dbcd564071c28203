#include "engine/sys.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/span.h"

/* The value of a call that gives -1 and errno, as a value or -errno; interrupted calls are made again. What happens
 * often goes straight to the kernel (syscall): the library's functions are cancellation points, which costs a
 * threaded program two atomic operations a call. */
#define SYS_RETRY(call)                                      \
    ({                                                       \
        __typeof__(call) result_;                            \
        do {                                                 \
            result_ = (call);                                \
        } while (result_ < 0 && errno == EINTR);             \
        result_ < 0 ? (__typeof__(result_))-errno : result_; \
    })

#define SYS_PIPE_MIN_BYTES 65536

enum sys_verdict {
    SYS_PASS = 0, /* negative verdicts are the -errno to return */
    SYS_SHORT = 1,
};

#ifdef SLB_FAULTS

#    define FAULT_RULES_MAX 16u

struct fault_rule {
    enum sys_call call;
    bool every;      /* every n-th call, not only the n-th */
    uint64_t n;      /* > 0 */
    uint64_t n_seen; /* calls so far; in the thread's copy */
    int verdict;     /* -errno or SYS_SHORT */
};

struct fault_plan {
    unsigned generation;
    unsigned n_rules;
    struct fault_rule rules[FAULT_RULES_MAX];
};

static const char *const fault_call_words[SYS_CALL_COUNT] = {
#    define FAULT_CALL_WORD(name, word) [SYS_##name] = (word),
    SYS_CALL_LIST(FAULT_CALL_WORD)
#    undef FAULT_CALL_WORD
};

static pthread_mutex_t fault_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fault_plan fault_shared; /* under fault_lock */
static atomic_uint fault_generation;   /* of fault_shared; threads compare before they lock */
static _Thread_local struct fault_plan fault_own; /* what this thread follows and has counted */
static _Thread_local bool fault_was_hit;

static void fault_refresh(void)
{
    if (atomic_load(&fault_generation) == fault_own.generation)
        return;
    (void)pthread_mutex_lock(&fault_lock);
    fault_own = fault_shared;
    (void)pthread_mutex_unlock(&fault_lock);
}

static int sys_verdict(enum sys_call call)
{
    int verdict = SYS_PASS;

    fault_refresh();
    for (unsigned i = 0; i < fault_own.n_rules; i++) {
        struct fault_rule *rule = &fault_own.rules[i];

        if (rule->call != call)
            continue;
        rule->n_seen++;
        if (verdict == SYS_PASS &&
            (rule->every ? rule->n_seen % rule->n == 0 : rule->n_seen == rule->n))
            verdict = rule->verdict;
    }
    fault_was_hit = verdict != SYS_PASS;
    return verdict;
}

bool sys_fault_hit(void)
{
    return fault_was_hit;
}

static int fault_parse_call(struct span word, enum sys_call *ret_call)
{
    for (unsigned i = 0; i < SYS_CALL_COUNT; i++) {
        if (span_eq(word, span_of(fault_call_words[i]))) {
            *ret_call = (enum sys_call)i;
            return 0;
        }
    }
    return -EINVAL;
}

static bool fault_call_moves(enum sys_call call)
{
    return call == SYS_RECV || call == SYS_SEND || call == SYS_SPLICE || call == SYS_RECVMMSG ||
           call == SYS_SENDMMSG || call == SYS_WRITE;
}

static int fault_parse_verdict(struct span word, enum sys_call call, int *ret_verdict)
{
    if (span_eq(word, SPAN_LIT("short"))) {
        if (!fault_call_moves(call))
            return -EINVAL;
        *ret_verdict = SYS_SHORT;
        return 0;
    }
    for (int e = 1; e < 256; e++) {
        const char *name = strerrorname_np(e);

        if (name && span_eq(word, span_of(name))) {
            *ret_verdict = -e;
            return 0;
        }
    }
    return -EINVAL;
}

/* "call:n:error" */
static int fault_parse_rule(struct span text, struct fault_rule *ret_rule)
{
    struct fault_rule rule = {0};
    struct span call, n, verdict, excess;

    if (!span_next(&text, ':', &call) || !span_next(&text, ':', &n) ||
        !span_next(&text, ':', &verdict) || span_next(&text, ':', &excess))
        return -EINVAL;
    if (fault_parse_call(call, &rule.call) < 0)
        return -EINVAL;
    rule.every = span_starts_with(n, SPAN_LIT("%"));
    if (span_parse_u64(span_from(n, rule.every ? 1 : 0), &rule.n) < 0 || rule.n == 0)
        return -EINVAL;
    if (fault_parse_verdict(verdict, rule.call, &rule.verdict) < 0)
        return -EINVAL;
    *ret_rule = rule;
    return 0;
}

int sys_fault_plan(const char *plan)
{
    struct span list = span_of(plan), text;
    struct fault_plan parsed = {0};

    if (list.len == 0)
        list.ptr = NULL; /* no rule, rather than one that is empty */
    while (span_next(&list, ',', &text)) {
        if (parsed.n_rules == FAULT_RULES_MAX)
            return -EINVAL;
        if (fault_parse_rule(text, &parsed.rules[parsed.n_rules++]) < 0)
            return -EINVAL;
    }
    (void)pthread_mutex_lock(&fault_lock);
    parsed.generation = fault_shared.generation + 1;
    fault_shared = parsed;
    atomic_store(&fault_generation, parsed.generation);
    (void)pthread_mutex_unlock(&fault_lock);
    return 0;
}

__attribute__((constructor)) static void fault_read_environment(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before main there is one thread */
    const char *plan = getenv("SLBD_FAULTS");

    if (plan && sys_fault_plan(plan) < 0) {
        (void)fprintf(stderr, "SLBD_FAULTS: \"%s\" is not a plan\n", plan);
        abort();
    }
}

#else

static inline int sys_verdict(enum sys_call call)
{
    (void)call;
    return SYS_PASS;
}

int sys_fault_plan(const char *plan)
{
    (void)plan;
    return -ENOTSUP;
}

#endif

static size_t sys_cut(size_t n, int verdict)
{
    return verdict == SYS_SHORT && n > 1 ? 1 : n;
}

int sys_socket(int family, int type, int protocol)
{
    int verdict = sys_verdict(SYS_SOCKET);

    if (verdict < 0)
        return verdict;
    return SYS_RETRY(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int sys_accept(int fd, struct sockaddr_storage *ret_sa)
{
    socklen_t len = sizeof(*ret_sa);
    int verdict = sys_verdict(SYS_ACCEPT);

    if (verdict < 0)
        return verdict;
    return SYS_RETRY((int)syscall(SYS_accept4, fd, ret_sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int sys_connect(int fd, const struct sockaddr_storage *sa, socklen_t len)
{
    int verdict = sys_verdict(SYS_CONNECT);

    if (verdict < 0)
        return verdict;
    return SYS_RETRY((int)syscall(SYS_connect, fd, sa, len));
}

ssize_t sys_recv(int fd, void *buf, size_t n, int flags)
{
    int verdict = sys_verdict(SYS_RECV);

    if (verdict < 0)
        return verdict;
    return SYS_RETRY(syscall(SYS_recvfrom, fd, buf, sys_cut(n, verdict), flags, NULL, NULL));
}

/* One byte of the first piece that has any. */
COLD static ssize_t sys_sendv_short(int fd, const struct iovec *iov, int n, int flags)
{
    int i = 0;

    while (i < n && iov[i].iov_len == 0)
        i++;
    return i < n ? SYS_RETRY(send(fd, iov[i].iov_base, 1, flags | MSG_NOSIGNAL)) : 0;
}

ssize_t sys_sendv(int fd, const struct iovec *iov, int n, int flags)
{
    int verdict = sys_verdict(SYS_SEND);
    struct msghdr msg;

    if (verdict < 0)
        return verdict;
    if (verdict == SYS_SHORT)
        return sys_sendv_short(fd, iov, n, flags);
    if (n == 1)
        return SYS_RETRY(
            syscall(SYS_sendto, fd, iov->iov_base, iov->iov_len, flags | MSG_NOSIGNAL, NULL, 0));
    /* The kernel only reads through msg_iov; sys_iovec takes the const away. */
    msg = (struct msghdr){.msg_iov = sys_iovec(iov, 0).iov_base, .msg_iovlen = (size_t)n};
    return SYS_RETRY(syscall(SYS_sendmsg, fd, &msg, flags | MSG_NOSIGNAL));
}

ssize_t sys_splice(int from, int to, size_t n, bool more)
{
    unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0u);
    int verdict = sys_verdict(SYS_SPLICE);

    if (verdict < 0)
        return verdict;
    return SYS_RETRY(syscall(SYS_splice, from, NULL, to, NULL, sys_cut(n, verdict), flags));
}

int sys_pipe(int ret_fds[2], size_t bytes)
{
    int verdict = sys_verdict(SYS_PIPE);
    int r, size;

    if (verdict < 0)
        return verdict;
    if (pipe2(ret_fds, O_NONBLOCK | O_CLOEXEC) < 0)
        return -errno;
    for (size_t want = bytes; want >= SYS_PIPE_MIN_BYTES; want /= 2) {
        if (fcntl(ret_fds[1], F_SETPIPE_SZ, (int)want) >= 0)
            return 0;
    }
    /* A user with many pipes is given tiny ones, which move less per call than copying does. */
    size = fcntl(ret_fds[1], F_GETPIPE_SZ);
    r = size < 0 ? -errno : size < SYS_PIPE_MIN_BYTES ? -EMFILE : 0;
    if (r < 0) {
        (void)close(ret_fds[0]);
        (void)close(ret_fds[1]);
    }
    return r;
}

int sys_recvmmsg(int fd, struct mmsghdr *msgs, unsigned n)
{
    int verdict = sys_verdict(SYS_RECVMMSG);

    if (verdict < 0)
        return verdict;
    return SYS_RETRY(
        (int)syscall(SYS_recvmmsg, fd, msgs, (unsigned)sys_cut(n, verdict), MSG_DONTWAIT, NULL));
}

int sys_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n)
{
    int verdict = sys_verdict(SYS_SENDMMSG);

    if (verdict < 0)
        return verdict;
    return SYS_RETRY((int)syscall(
        SYS_sendmmsg, fd, msgs, (unsigned)sys_cut(n, verdict), MSG_DONTWAIT | MSG_NOSIGNAL));
}

ssize_t sys_recv_datagram(int fd, void *buf, size_t n)
{
    int verdict = sys_verdict(SYS_RECVMMSG);

    if (verdict < 0)
        return verdict;
    return SYS_RETRY(syscall(SYS_recvfrom, fd, buf, n, MSG_DONTWAIT, NULL, NULL));
}

ssize_t sys_send_datagram(
    int fd, const struct iovec *iov, const struct sockaddr_storage *sa, socklen_t len)
{
    int verdict = sys_verdict(SYS_SENDMMSG);

    if (verdict < 0)
        return verdict;
    return SYS_RETRY(
        syscall(SYS_sendto, fd, iov->iov_base, iov->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL, sa, len));
}

int sys_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
    int verdict = sys_verdict(SYS_EPOLL_CTL);

    if (verdict < 0)
        return verdict;
    return epoll_ctl(epoll_fd, op, fd, event) < 0 ? -errno : 0;
}

int sys_open(const char *path, int flags, unsigned mode)
{
    int verdict = sys_verdict(SYS_OPEN);

    if (verdict < 0)
        return verdict;
    return SYS_RETRY(open(path, flags | O_CLOEXEC, mode));
}

ssize_t sys_write(int fd, const void *buf, size_t n)
{
    int verdict = sys_verdict(SYS_WRITE);

    if (verdict < 0)
        return verdict;
    return SYS_RETRY(write(fd, buf, sys_cut(n, verdict)));
}
