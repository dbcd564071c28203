/* UDP check: one datagram to the server.
 *
 * With an expected response only a datagram that is exactly that is a success. Without one silence is a success: what fails
 * then is an ICMP error, which the kernel reports on a connected socket; any datagram ends the check early.
 */
#include "balance/health/check.h"
#include "engine/sys.h"

static void check_udp_on_connected(struct check *check)
{
    const char *request = check->conf->request;
    const struct iovec piece = sys_iovec(request, strlen(request));

    /* What could not be sent will not be answered: the time limit tells, or the next read does. */
    (void)sys_sendv(check->conn.io.fd, &piece, 1, 0);
    check->conn.io.readable = false;
}

static void check_udp_on_ready(struct check *check)
{
    const char *expected = check->conf->response;
    char *buf = check->env->scratch;
    ssize_t n = sys_recv(check->conn.io.fd, buf, CONN_SCRATCH_BYTES, 0);

    if (n == -EAGAIN) {
        check->conn.io.readable = false;
        return;
    }
    if (n < 0)
        check_judge(check, false, "CONNECT_FAILED", 0);
    else if (expected[0] == '\0' || span_eq(span_of(expected), (struct span){buf, (size_t)n}))
        check_judge(check, true, "", 0);
    else
        check_judge(check, false, "RESPONSE_MISMATCH", 0);
    check_end(check, false);
}

static void check_udp_on_time(struct check *check)
{
    if (check->conf->response[0] == '\0')
        check_judge(check, true, "", 0);
    else
        check_judge(check, false, "RECV_RESPONSE_TIMEOUT", 0);
}

const struct check_kind check_udp = {
    .udp = true,
    .on_connected = check_udp_on_connected,
    .on_ready = check_udp_on_ready,
    .on_time = check_udp_on_time,
};
