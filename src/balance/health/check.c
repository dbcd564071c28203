#include "balance/health/check.h"

#include "engine/net.h"

static void check_free(void *arg, void *object)
{
    struct check *check = object;

    (void)arg;
    free(check->buf);
    free(check);
}

static void check_close(struct check *check, bool reset)
{
    timer_stop(&check->timer);
    if (check->conn.io.fd < 0)
        return;
    if (reset)
        conn_reset(check->env, &check->conn);
    else
        conn_close(check->env, &check->conn);
}

void check_stop(struct check *check)
{
    check_close(check, true);
    engine_defer_free(check->env->engine, check, check_free, NULL);
}

void check_end(struct check *check, bool reset)
{
    check_close(check, reset);
    check->owner->on_end(check);
    engine_defer_free(check->env->engine, check, check_free, NULL);
}

void check_judge(struct check *check, bool ok, const char *why, unsigned status)
{
    const struct check_result result = {.ok = ok, .why = why, .status = status};

    assert(!check->judged);
    check->judged = true;
    check->owner->on_result(check, &result);
}

/* Whether the failure is this process's own: no descriptors, no memory, no port (EAGAIN). */
static bool check_is_ours(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS ||
           error == -EAGAIN;
}

static void check_connect_failed(struct check *check, int error)
{
    if (!check_is_ours(error))
        check_judge(check, false, "CONNECT_FAILED", 0);
    check_end(check, true);
}

static void check_on_time(struct engine *engine, struct timer *timer)
{
    struct check *check = container_of(timer, struct check, timer);
    const char *why = "CONNECT_TIMEOUT";

    (void)engine;
    if (check->error < 0) {
        check_connect_failed(check, check->error);
        return;
    }
    if (check->connected)
        why = check->conn.out_bytes > 0 ? "SEND_REQUEST_TIMEOUT" : "RECV_RESPONSE_TIMEOUT";
    if (check->connected && !check->judged && check->kind->on_time)
        check->kind->on_time(check);
    if (!check->judged)
        check_judge(check, false, why, 0);
    check_end(check, true);
}

static void check_on_ready(struct engine *engine, struct engine_io *io)
{
    struct check *check = container_of(io, struct check, conn.io);
    int r;

    (void)engine;
    if (check->connected) {
        check->kind->on_ready(check);
        return;
    }
    r = net_connect_result(io->fd);
    if (r < 0) {
        check_connect_failed(check, r);
        return;
    }
    check->connected = true;
    check->kind->on_connected(check);
}

/* 0, or -errno with nothing open. */
static int check_connect(struct check *check, const struct addr *addr)
{
    const struct addr *source = check->conf->source.family != 0 ? &check->conf->source : NULL;
    int fd;
    int r = check->kind->udp ? net_connect_udp(addr, source, &fd) : net_connect(addr, source, &fd);
    bool at_once = r == 0;

    if (r < 0)
        return r;
    r = conn_open(check->env, &check->conn, fd, &transport_plain, check_on_ready);
    if (r < 0)
        return r;
    /* Nothing can be tried before the handshake is over. */
    check->conn.io.readable = false;
    check->conn.io.writable = at_once;
    if (at_once)
        engine_again(check->env->engine, &check->conn.io);
    return 0;
}

struct check *check_start(struct conn_env *env, const struct check_owner *owner, void *arg,
    const struct health_check_conf *conf, const struct addr *server)
{
    static const struct check_kind *const kinds[] = {
        [CHECK_TCP] = &check_tcp,
        [CHECK_HTTP] = &check_http,
        [CHECK_UDP] = &check_udp,
    };
    struct check *check = base_zalloc(sizeof(*check));
    struct addr addr = *server;
    nsec now = engine_now(env->engine);

    check->env = env;
    check->owner = owner;
    check->arg = arg;
    check->conf = conf;
    check->kind = kinds[conf->protocol];
    check->server = *server;
    check->conn.io.fd = -1;
    if (conf->port != 0)
        addr.port = (uint16_t)conf->port;

    check->error = check_connect(check, &addr);
    /* Failures at once are told by the timer, in the next turn: owners are never called from
     * their own call. */
    timer_set(env->engine, &check->timer,
        check->error < 0 ? now : now + nsec_from_ms(conf->timeout_ms), check_on_time);
    return check;
}
