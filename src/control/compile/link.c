#include "control/compile/link.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/sys.h"

#define LINK_PAUSE_FIRST (20 * NSEC_PER_MSEC)
#define LINK_PAUSE_MAX   (1 * NSEC_PER_SEC)
#define LINK_LINE_MAX    ((size_t)1 << 30) /* the longest that the data plane sends */

static void link_wait(struct link *link);

static void link_down(struct link *link)
{
    if (!link->up)
        return;
    link->up = false;
    conn_close(link->env, &link->conn);
    text_done(&link->in);
    link_wait(link);
    link->on_down(link->arg);
}

void link_again(struct link *link)
{
    link_down(link);
}

/* Lines are taken off the front; the functions may end the connection. */
static void link_lines(struct link *link)
{
    size_t at = 0;

    while (link->up) {
        struct span rest = {link->in.ptr + at, link->in.len - at};
        struct span unseen = span_from(rest, MIN(link->scanned, rest.len));
        size_t newline = rest.len - unseen.len + span_find(unseen, '\n');

        if (newline >= rest.len) {
            link->scanned = rest.len;
            break;
        }
        link->scanned = 0;
        at += newline + 1;
        link->on_line(link->arg, (struct span){rest.ptr, newline});
    }
    if (link->up && at > 0) {
        memmove(link->in.ptr, link->in.ptr + at, link->in.len - at);
        link->in.len -= at;
    }
}

static void link_read(struct link *link)
{
    while (link->up && link->conn.io.readable) {
        ssize_t n = conn_read(link->env, &link->conn, link->env->scratch, CONN_SCRATCH_BYTES);

        if (n == -EAGAIN)
            return;
        if (n > 0)
            text_add(&link->in, (struct span){link->env->scratch, (size_t)n});
        if (n <= 0 || text_failed(&link->in)) {
            link_down(link);
            return;
        }
        link->pause = 0;
        link_lines(link);
    }
}

static void link_on_ready(struct engine *engine, struct engine_io *io)
{
    struct link *link = container_of(io, struct link, conn.io);

    (void)engine;
    if (io->failed ||
        (io->writable && link->conn.out_bytes > 0 && conn_flush(link->env, &link->conn) < 0))
        link_down(link);
    else
        link_read(link);
}

static int link_connect(const struct link *link)
{
    struct sockaddr_storage sa = {0};
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&sa;
    int fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r;

    if (fd < 0)
        return fd;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, link->path, sizeof(link->path));
    r = sys_connect(fd, &sa, sizeof(*un));
    if (r >= 0)
        return fd;
    close(fd);
    return r;
}

static void link_on_timer(struct engine *engine, struct timer *timer)
{
    struct link *link = container_of(timer, struct link, timer);
    int fd = link_connect(link);

    (void)engine;
    if (fd < 0 || conn_open(link->env, &link->conn, fd, &transport_plain, link_on_ready) < 0) {
        link_wait(link);
        return;
    }
    link->conn.io.readable = false; /* its first line is an event */
    link->up = true;
    link->scanned = 0;
    text_init(&link->in, LINK_LINE_MAX);
    link->on_up(link->arg);
}

static void link_wait(struct link *link)
{
    timer_set(link->env->engine, &link->timer, engine_now(link->env->engine) + link->pause,
        link_on_timer);
    link->pause = MIN(MAX(link->pause * 2, LINK_PAUSE_FIRST), LINK_PAUSE_MAX);
}

void link_start(struct link *link)
{
    link->up = false;
    link->pause = 0;
    link_wait(link);
}

void link_stop(struct link *link)
{
    timer_stop(&link->timer);
    if (!link->up)
        return;
    link->up = false;
    conn_close(link->env, &link->conn);
    text_done(&link->in);
}

void link_send(struct link *link, struct span lines)
{
    if (!link->up)
        return;
    conn_gather(link->env, &link->conn, lines);
    if (conn_flush(link->env, &link->conn) < 0)
        link_down(link);
}
