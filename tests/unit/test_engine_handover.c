#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/handover.h"
#include "engine/sys.h"
#include "unit.h"

#define LONG (10 * NSEC_PER_SEC)

static char text[HANDOVER_TEXT_MAX];
static int fds[HANDOVER_FDS_MAX];

static int setup(void **state)
{
    static int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    *state = pair;
    return 0;
}

static int teardown(void **state)
{
    const int *pair = *state;

    (void)close(pair[0]);
    (void)close(pair[1]);
    return 0;
}

/* Highest descriptor number plus one that the next open would give: equal before and after if none leaked. */
static int next_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)close(fd);
    return fd;
}

static void descriptors_cross(void **state)
{
    const int *pair = *state;
    size_t len = 0;
    unsigned n_fds = 0;
    int pipe_fds[2];
    char c = 0;

    assert_int_equal(pipe2(pipe_fds, 0), 0);
    assert_int_equal(handover_send(pair[0], SPAN_LIT("tcp 127.0.0.1:80"), pipe_fds, 2, LONG), 0);
    assert_int_equal(handover_recv(pair[1], text, &len, fds, &n_fds, LONG), 0);
    assert_span_is(((struct span){text, len}), "tcp 127.0.0.1:80");
    assert_int_equal(n_fds, 2);
    assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(read(pipe_fds[0], &c, 1), 1);
    for (int i = 0; i < 2; i++) {
        (void)close(fds[i]);
        (void)close(pipe_fds[i]);
    }
}

static void limits_can_be_reached(void **state)
{
    const int *pair = *state;
    int zeros[HANDOVER_FDS_MAX + 1] = {0};
    static char big[HANDOVER_TEXT_MAX + 1];
    size_t len = 0;
    unsigned n_fds = 0;
    int before = next_fd();

    memset(big, 'x', sizeof(big));
    assert_int_equal(handover_send(pair[0], (struct span){big, HANDOVER_TEXT_MAX}, zeros,
                         HANDOVER_FDS_MAX, LONG),
        0);
    assert_int_equal(handover_recv(pair[1], text, &len, fds, &n_fds, LONG), 0);
    assert_int_equal(len, HANDOVER_TEXT_MAX);
    assert_int_equal(n_fds, HANDOVER_FDS_MAX);
    while (n_fds > 0)
        (void)close(fds[--n_fds]);
    assert_int_equal(next_fd(), before);

    assert_int_equal(
        handover_send(pair[0], (struct span){big, sizeof(big)}, NULL, 0, LONG), -EMSGSIZE);
    assert_int_equal(
        handover_send(pair[0], SPAN_LIT("x"), zeros, HANDOVER_FDS_MAX + 1, LONG), -EMSGSIZE);
    assert_int_equal(handover_send(pair[0], SPAN_LIT(""), zeros, 1, LONG), -EINVAL);
}

/* A sender that keeps no limits. */
static void send_raw(int sock, const char *bytes, size_t n, unsigned n_fds)
{
    static char control[CMSG_SPACE(128 * sizeof(int))] __attribute__((aligned(8)));
    struct iovec iov = sys_iovec(bytes, n);
    struct msghdr msg = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

    memset(control, 0, sizeof(control)); /* descriptor 0, many times */
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
    assert_int_equal(sendmsg(sock, &msg, 0), (ssize_t)n);
}

static void too_much_is_refused_and_closed(void **state)
{
    const int *pair = *state;
    static char big[HANDOVER_TEXT_MAX + 1];
    size_t len = 77;
    unsigned n_fds = 77;
    int before = next_fd();

    send_raw(pair[0], "x", 1, HANDOVER_FDS_MAX + 1);
    assert_int_equal(handover_recv(pair[1], text, &len, fds, &n_fds, LONG), -EMSGSIZE);
    assert_int_equal(next_fd(), before);
    send_raw(pair[0], big, sizeof(big), 3);
    assert_int_equal(handover_recv(pair[1], text, &len, fds, &n_fds, LONG), -EMSGSIZE);
    assert_int_equal(next_fd(), before);
    assert_int_equal(len, 77);
    assert_int_equal(n_fds, 77);
}

static void silence_is_a_timeout(void **state)
{
    const int *pair = *state;
    size_t len;
    unsigned n_fds;

    assert_int_equal(
        handover_recv(pair[1], text, &len, fds, &n_fds, 5 * NSEC_PER_MSEC), -ETIMEDOUT);
    assert_int_equal(handover_recv(pair[1], text, &len, fds, &n_fds, 0), -ETIMEDOUT);
}

static void full_socket_is_a_timeout(void **state)
{
    const int *pair = *state;
    int r = 0;

    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 1000 && r == 0; i++)
        r = handover_send(pair[0], (struct span){text, sizeof(text)}, NULL, 0, 5 * NSEC_PER_MSEC);
    assert_int_equal(r, -ETIMEDOUT);
}

static void end_of_the_peer_is_told(void **state)
{
    const int *pair = *state;
    size_t len;
    unsigned n_fds;

    assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
    assert_int_equal(handover_recv(pair[1], text, &len, fds, &n_fds, LONG), -EPIPE);
    assert_int_equal(shutdown(pair[1], SHUT_RDWR), 0);
    assert_int_equal(handover_send(pair[0], SPAN_LIT("x"), NULL, 0, LONG), -EPIPE);
}

static void listener_replaces_an_old_socket_file(void **state)
{
    char dir[] = "/tmp/test_handover_XXXXXX", path[64], temporary[80], too_long[102];
    struct sockaddr_storage sa;
    struct stat st;
    int old = -1, listener = -1, client = -1, server;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    (void)snprintf(temporary, sizeof(temporary), "%s.new", path);
    assert_int_equal(handover_connect(path, &client), -ENOENT);
    assert_int_equal(handover_listen(path, &old), 0);
    (void)close(old);
    assert_int_equal(handover_connect(path, &client), -ECONNREFUSED);
    assert_int_equal(handover_listen(path, &listener), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(temporary, &st), -1);
    assert_int_equal(handover_connect(path, &client), 0);
    server = sys_accept(listener, &sa);
    assert_true(server >= 0);
    assert_int_equal(handover_send(client, SPAN_LIT("hello"), NULL, 0, LONG), 0);
    (void)close(server);
    (void)close(client);
    (void)close(listener);
    (void)unlink(path);
    (void)rmdir(dir);

    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    assert_int_equal(handover_listen(too_long, &listener), -ENAMETOOLONG);
    assert_int_equal(handover_connect(too_long, &client), -ENAMETOOLONG);
    assert_int_equal(handover_listen("", &listener), -EINVAL);
    assert_int_equal(handover_listen("/nowhere/at/all", &listener), -ENOENT);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(descriptors_cross),
        WITH_PAIR(limits_can_be_reached),
        WITH_PAIR(too_much_is_refused_and_closed),
        WITH_PAIR(silence_is_a_timeout),
        WITH_PAIR(full_socket_is_a_timeout),
        WITH_PAIR(end_of_the_peer_is_told),
        cmocka_unit_test(listener_replaces_an_old_socket_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
