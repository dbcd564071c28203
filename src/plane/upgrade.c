/* Binary upgrade: sockets, the resource set and UDP flows go from this process to the next one.
 *
 *   new -> old   hello WORKERS
 *   old -> new   state                          one descriptor: a file with the resource set
 *                socket tcp|udp IP:PORT FIRST   descriptors of workers FIRST, FIRST+1, ...
 *                end
 *   new -> old   ready                          its listeners are in place; its workers do not run yet
 *   old          stops accepting; what arrives now waits in the sockets that both have
 *   old -> new   udp WORKER LOCAL CLIENT SERVER GROUP SERVER-ID ASSURED CUT    one descriptor: towards the server
 *                done
 *   new -> old   serving                        its workers run and its control socket is there
 *   old          closes its copies of the sockets, then this connection, and finishes what it has
 *
 * TCP connections stay with the old process until they end. Changes that come to the old one after "hello" wait: if
 * the new process goes away before "serving" they are applied here, and what was given up is taken up again (UDP
 * flows begin anew); else they end unanswered with the control socket, as the new process does not know them.
 *
 * SERVER, GROUP and SERVER-ID are "-" when the server was removed from its group: the new process does not know it. ASSURED is
 * 0 or 1; CUT is how many ns the server's drain has left, 0 if it does not drain. A process that does not know these two
 * ignores them; one that is not told takes the flow for assured.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/handover.h"
#include "engine/net.h"
#include "plane/plane.h"

#define STEP_TIME  (10 * NSEC_PER_SEC)
#define READY_TIME (120 * NSEC_PER_SEC)
#define HELLO_TIME (100 * NSEC_PER_MSEC)

enum upgrade_step {
    UPGRADE_HELLO,   /* the peer has said nothing yet */
    UPGRADE_ASKED,   /* a change is under way: the answer follows it */
    UPGRADE_WAITING, /* the peer prepares itself */
    UPGRADE_GIVING,  /* workers give up their sockets */
    UPGRADE_GIVEN,   /* the peer begins to serve */
};

struct upgrade {
    struct plane *plane;
    struct acceptor acceptor;
    struct engine_io peer; /* the process that is taking over; fd -1: none */
    struct timer timer;    /* a peer that hangs must not hold up changes for ever */
    enum upgrade_step step;
    int fd;
};

/* UDP flows that one worker gave up. */
struct flow_list {
    struct text lines; /* one line per descriptor */
    int *fds;          /* owned */
    uint32_t n, cap;
    unsigned worker;
};

/* ---- the old process ---- */

static void upgrade_drop_peer(struct upgrade *upgrade)
{
    if (upgrade->peer.fd < 0)
        return;
    timer_stop(&upgrade->timer);
    engine_unwatch(upgrade->plane->engine, &upgrade->peer);
    close(upgrade->peer.fd);
    upgrade->peer.fd = -1;
}

static void worker_take_up(struct plane_worker *w, void *arg)
{
    (void)arg;
    plane_worker_start_accepting(w);
}

/* The peer is gone or of no use: this process goes on as if it had never come. Clients that were accepted before have been
 * here all the time and notice nothing. */
static void upgrade_give_up(struct upgrade *upgrade, int r)
{
    struct plane *plane = upgrade->plane;
    bool given = upgrade->step == UPGRADE_GIVEN;

    log_line(LOG_WARNING, "hand-over: failed: %s; going on", strerrordesc_np(-r));
    upgrade_drop_peer(upgrade);
    plane->held = false;
    if (given) {
        plane_on_workers(plane, worker_take_up, NULL, NULL);
        if (plane->opts.state_path)
            plane->saver = saver_new(plane, plane->opts.state_path);
        plane_save(plane);
    }
    plane_apply_next(plane);
}

static int send_text(int sock, const char *line)
{
    return handover_send(sock, span_of(line), NULL, 0, STEP_TIME);
}

static int send_state(struct plane *plane, int sock)
{
    struct text text;
    int fd = memfd_create("openslb-state", MFD_CLOEXEC);
    int r = 0;

    if (fd < 0)
        return -errno;
    text_init(&text, SIZE_MAX);
    builder_encode(plane->builder, &text);
    for (size_t at = 0; at < text.len && r == 0;) {
        ssize_t n = write(fd, text.ptr + at, text.len - at);

        r = n < 0 ? -errno : 0;
        at += n > 0 ? (size_t)n : 0;
    }
    text_done(&text);
    if (r == 0)
        r = handover_send(sock, SPAN_LIT("state"), &fd, 1, STEP_TIME);
    close(fd);
    return r;
}

static int send_socket(struct plane *plane, int sock, const struct plane_socket *socket)
{
    for (unsigned first = 0; first < plane->n_workers; first += HANDOVER_FDS_MAX) {
        unsigned n = MIN(plane->n_workers - first, HANDOVER_FDS_MAX);
        char line[128];
        int r;

        (void)snprintf(line, sizeof(line), "socket %s %u", socket->key, first);
        r = handover_send(sock, span_of(line), socket->fds + first, n, STEP_TIME);
        if (r < 0)
            return r;
    }
    return 0;
}

static int send_all(struct plane *plane, int sock)
{
    struct plane_socket *socket;
    struct span key;
    uint32_t pos = 0;
    int r = send_state(plane, sock);

    while (r == 0 && (socket = map_next(&plane->sockets, &pos, &key)))
        r = send_socket(plane, sock, socket);
    return r < 0 ? r : send_text(sock, "end");
}

static void flow_add(void *arg, const struct l4_udp_flow_state *flow)
{
    struct flow_list *list = arg;
    char local[ADDR_TEXT_MAX], client[ADDR_TEXT_MAX], server[ADDR_TEXT_MAX];

    if (list->n == list->cap) {
        list->cap = list->cap > 0 ? list->cap * 2 : 64;
        list->fds = base_realloc(list->fds, list->cap * sizeof(int));
    }
    text_addf(&list->lines, "udp %u %.*s %.*s ", list->worker,
        (int)addr_format(&flow->local, local), local, (int)addr_format(&flow->client, client),
        client);
    if (flow->server_id)
        text_addf(&list->lines, "%.*s %s %s", (int)addr_format(&flow->server, server), server,
            flow->group_id, flow->server_id);
    else
        text_add(&list->lines, SPAN_LIT("- - -"));
    text_addf(&list->lines, " %d %lld\n", flow->assured, (long long)flow->cut_for);
    list->fds[list->n++] = flow->upstream_fd;
}

static void worker_give_up(struct plane_worker *w, void *arg)
{
    struct flow_list *list = (struct flow_list *)arg + w->worker->index;

    list->worker = w->worker->index;
    plane_worker_stop_accepting(w);
    for (uint32_t i = 0; i < w->n_listeners; i++) {
        struct l4_listener *listener = w->listeners[i].l4;

        if (listener && listener->conf && listener->conf->protocol == PROTOCOL_UDP)
            l4_export_udp(listener, flow_add, list);
    }
}

/* sock: -1 when nobody takes them. */
static int send_flows(int sock, struct flow_list *list)
{
    struct span lines = text_span(&list->lines);
    struct span line;
    int r = sock < 0 ? -EPIPE : 0;

    for (uint32_t i = 0; i < list->n; i++) {
        if (r == 0 && span_next(&lines, '\n', &line))
            r = handover_send(sock, line, &list->fds[i], 1, STEP_TIME);
        close(list->fds[i]);
    }
    text_done(&list->lines);
    free(list->fds);
    return r;
}

static void upgrade_given_up(struct plane *plane, void *arg)
{
    struct upgrade *upgrade = plane->upgrade;
    struct flow_list *lists = arg;
    int r = 0;

    for (unsigned i = 0; i < plane->n_workers; i++) {
        int sent = send_flows(r < 0 || !upgrade ? -1 : upgrade->peer.fd, &lists[i]);

        r = r < 0 ? r : sent;
    }
    free(lists);
    if (!upgrade) /* we are told to stop, and were faster */
        return;
    upgrade->step = UPGRADE_GIVEN;
    /* From now on the state file is the next process's. */
    plane_save_pending(plane);
    plane->saver = saver_free(plane->saver);
    if (r == 0)
        r = send_text(upgrade->peer.fd, "done");
    if (r < 0)
        upgrade_give_up(upgrade, r);
}

static void upgrade_give(struct upgrade *upgrade)
{
    struct plane *plane = upgrade->plane;
    struct flow_list *lists = base_calloc(plane->n_workers, sizeof(*lists));

    for (unsigned i = 0; i < plane->n_workers; i++)
        text_init(&lists[i].lines, SIZE_MAX);
    upgrade->step = UPGRADE_GIVING;
    plane_on_workers(plane, worker_give_up, upgrade_given_up, lists);
}

/* Our workers let go of the sockets when they gave them up: closing them is all that is left. */
static void upgrade_finish(struct upgrade *upgrade)
{
    struct plane *plane = upgrade->plane;

    log_line(LOG_NOTICE, "hand-over: done; finishing what is open");
    plane_sockets_close(plane);
    upgrade_drop_peer(upgrade);
    plane_replaced(plane);
}

/* "hello N": 0 when N workers can take over what ours have. */
static int check_hello(const struct plane *plane, int sock, struct span line)
{
    uint64_t n_workers;

    if (!span_starts_with(line, SPAN_LIT("hello ")) ||
        span_parse_u64(span_from(line, 6), &n_workers) < 0)
        return -EPROTO;
    if (n_workers >= plane->n_workers)
        return 0;
    /* Connections that wait in the sockets of the workers that are too many would be lost. */
    (void)!send_text(sock, "refused: the old process has more workers");
    return -EINVAL;
}

void upgrade_settled(struct upgrade *upgrade)
{
    int r;

    if (upgrade->step != UPGRADE_ASKED || upgrade->peer.fd < 0)
        return;
    upgrade->step = UPGRADE_WAITING;
    r = send_all(upgrade->plane, upgrade->peer.fd);
    if (r < 0)
        upgrade_give_up(upgrade, r);
}

static int upgrade_on_line(struct upgrade *upgrade, struct span line)
{
    struct plane *plane = upgrade->plane;
    int r;

    switch (upgrade->step) {
    case UPGRADE_HELLO:
        r = check_hello(plane, upgrade->peer.fd, line);
        if (r < 0)
            return r;
        upgrade->step = UPGRADE_ASKED;
        plane->held = true;
        if (!plane->changing)
            upgrade_settled(upgrade);
        return 0;
    case UPGRADE_WAITING:
        if (!span_eq(line, SPAN_LIT("ready")))
            return -EPROTO;
        upgrade_give(upgrade);
        return 0;
    case UPGRADE_GIVEN:
        if (!span_eq(line, SPAN_LIT("serving")))
            return -EPROTO;
        upgrade_finish(upgrade);
        return 0;
    default:
        return -EPROTO;
    }
}

static void upgrade_on_peer(struct engine *engine, struct engine_io *io)
{
    struct upgrade *upgrade = container_of(io, struct upgrade, peer);
    char text[HANDOVER_TEXT_MAX];
    int fds[HANDOVER_FDS_MAX];
    unsigned n_fds;
    size_t len;
    int r;

    (void)engine;
    /* While workers give up, what the peer says or whether it is gone is seen when they have. */
    if (!io->readable || upgrade->step == UPGRADE_GIVING)
        return;
    io->readable = false;
    r = handover_recv(io->fd, text, &len, fds, &n_fds, 0);
    if (r == -ETIMEDOUT || r == -EAGAIN)
        return;
    if (r == 0) {
        for (unsigned i = 0; i < n_fds; i++)
            close(fds[i]);
        r = upgrade_on_line(upgrade, (struct span){text, len});
    }
    if (r < 0)
        upgrade_give_up(upgrade, r);
}

static void upgrade_on_time(struct engine *engine, struct timer *timer)
{
    struct upgrade *upgrade = container_of(timer, struct upgrade, timer);

    if (upgrade->step == UPGRADE_GIVING)
        timer_set(engine, timer, engine_now(engine) + STEP_TIME, upgrade_on_time);
    else
        upgrade_give_up(upgrade, -ETIMEDOUT);
}

/* Its hello is read first: closing with something unread would take the answer away from it. */
static void upgrade_turn_away(int fd)
{
    char text[HANDOVER_TEXT_MAX];
    int fds[HANDOVER_FDS_MAX];
    unsigned n_fds = 0;
    size_t len;

    (void)!send_text(fd, "refused: another process is taking over");
    if (handover_recv(fd, text, &len, fds, &n_fds, HELLO_TIME) == 0) {
        for (unsigned i = 0; i < n_fds; i++)
            close(fds[i]);
    }
    close(fd);
}

static void upgrade_accept(void *arg, struct acceptor *acceptor, int fd, const struct addr *peer)
{
    struct upgrade *upgrade = arg;
    struct engine *engine = upgrade->plane->engine;
    int r;

    (void)acceptor;
    (void)peer;
    if (upgrade->peer.fd >= 0) {
        upgrade_turn_away(fd);
        return;
    }
    upgrade->peer = (struct engine_io){.fd = fd};
    upgrade->step = UPGRADE_HELLO;
    r = engine_watch(engine, &upgrade->peer, upgrade_on_peer);
    if (r < 0) {
        log_line(LOG_WARNING, "hand-over: failed: %s", strerrordesc_np(-r));
        upgrade->peer.fd = -1;
        close(fd);
        return;
    }
    upgrade->peer.readable = false; /* what it says is an event */
    timer_set(engine, &upgrade->timer, engine_now(engine) + READY_TIME, upgrade_on_time);
}

struct upgrade *upgrade_new(struct plane *plane, const char *path)
{
    struct upgrade *upgrade = base_zalloc(sizeof(*upgrade));
    int r = handover_listen(path, &upgrade->fd);

    upgrade->plane = plane;
    upgrade->peer.fd = -1;
    if (r == 0) {
        r = acceptor_start(&upgrade->acceptor, plane->engine, upgrade->fd, upgrade_accept, upgrade);
        if (r < 0)
            close(upgrade->fd);
    }
    if (r < 0) {
        free(upgrade);
        errno = -r;
        return NULL;
    }
    return upgrade;
}

static void upgrade_destroy(void *arg, void *object)
{
    (void)arg;
    free(object);
}

struct upgrade *upgrade_free(struct upgrade *upgrade)
{
    if (!upgrade)
        return NULL;
    upgrade_drop_peer(upgrade);
    acceptor_stop(&upgrade->acceptor);
    close(upgrade->fd);
    /* Its own event may be what ends it. */
    engine_defer_free(upgrade->plane->engine, upgrade, upgrade_destroy, NULL);
    return NULL;
}

/* ---- the new process ---- */

static int read_state(int fd, struct text *ret_state)
{
    return lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read_fd(fd, ret_state);
}

/* "socket tcp IP:PORT FIRST" */
static int adopt_sockets(struct plane *plane, struct span line, const int *fds, unsigned n_fds)
{
    struct span protocol, text, number;
    struct addr addr;
    uint64_t first;
    bool udp;

    if (!span_next(&line, ' ', &protocol) || !span_next(&line, ' ', &text) ||
        !span_next(&line, ' ', &number) || addr_parse(text, &addr) < 0 ||
        span_parse_u64(number, &first) < 0)
        return -EPROTO;
    udp = span_eq(protocol, SPAN_LIT("udp"));
    for (unsigned i = 0; i < n_fds; i++)
        plane_socket_adopt(plane, &addr, udp, (unsigned)first + i, fds[i]);
    return 0;
}

static int take_message(
    struct plane *plane, struct span line, const int *fds, unsigned n_fds, struct text *state)
{
    int r;

    if (span_starts_with(line, SPAN_LIT("socket ")))
        return adopt_sockets(plane, span_from(line, 7), fds, n_fds);
    if (span_eq(line, SPAN_LIT("state")) && n_fds == 1) {
        r = read_state(fds[0], state);
        close(fds[0]);
        return r;
    }
    for (unsigned i = 0; i < n_fds; i++)
        close(fds[i]);
    log_line(LOG_ERROR, "hand-over: %.*s", SPAN_ARG(line));
    return -EPROTO;
}

int upgrade_ask(struct plane *plane, const char *path, struct text *ret_state, int *ret_sock)
{
    char text[HANDOVER_TEXT_MAX], hello[32];
    int fds[HANDOVER_FDS_MAX];
    unsigned n_fds;
    size_t len;
    int sock;
    int r = handover_connect(path, &sock);

    if (r == -ECONNREFUSED)
        return -ENOENT;
    if (r < 0)
        return r;
    (void)snprintf(hello, sizeof(hello), "hello %u", plane->n_workers);
    r = send_text(sock, hello);
    while (r == 0) {
        /* It may be busy with a change that must be finished first. */
        r = handover_recv(sock, text, &len, fds, &n_fds, READY_TIME);
        if (r == 0 && span_eq((struct span){text, len}, SPAN_LIT("end"))) {
            *ret_sock = sock;
            return 0;
        }
        if (r == 0)
            r = take_message(plane, (struct span){text, len}, fds, n_fds, ret_state);
    }
    close(sock);
    return r;
}

static struct l4_listener *find_udp_listener(const struct plane_worker *w, const struct addr *local)
{
    static const uint8_t any[16];

    for (uint32_t i = 0; i < w->n_listeners; i++) {
        struct l4_listener *listener = w->listeners[i].l4;

        if (!listener || listener->conf->protocol != PROTOCOL_UDP ||
            listener->conf->port != local->port)
            continue;
        for (uint32_t b = 0; b < listener->conf->bind.n; b++) {
            const struct addr *bind = &FIELD_ITEMS(listener->conf->bind, struct addr)[b];

            if (bind->family == local->family &&
                (memcmp(bind->ip, local->ip, 16) == 0 || memcmp(bind->ip, any, 16) == 0))
                return listener;
        }
    }
    return NULL;
}

/* What may follow in the line: " ASSURED CUT". */
static void parse_flow_end(struct span rest, struct l4_udp_flow_state *ret_flow)
{
    struct span assured, cut;
    uint64_t cut_for;

    ret_flow->assured = !span_next(&rest, ' ', &assured) || !span_eq(assured, SPAN_LIT("0"));
    if (span_next(&rest, ' ', &cut) && span_parse_u64(cut, &cut_for) == 0)
        ret_flow->cut_for = (nsec)cut_for;
}

/* "udp WORKER LOCAL CLIENT SERVER GROUP SERVER-ID ASSURED CUT"; ids have no spaces. */
static void adopt_flow(struct plane *plane, struct span line, int fd)
{
    struct span worker, local, client, server, group, id;
    struct l4_udp_flow_state flow = {.upstream_fd = fd};
    struct l4_listener *listener = NULL;
    char group_id[SNAPSHOT_ID_MAX + 1], server_id[SNAPSHOT_ID_MAX + 1];
    bool removed = false;
    uint64_t index;

    if (span_next(&line, ' ', &worker) && span_next(&line, ' ', &local) &&
        span_next(&line, ' ', &client) && span_next(&line, ' ', &server) &&
        span_next(&line, ' ', &group) && span_next(&line, ' ', &id) &&
        span_parse_u64(worker, &index) == 0 && index < plane->n_workers &&
        addr_parse(local, &flow.local) == 0 && addr_parse(client, &flow.client) == 0 &&
        group.len <= SNAPSHOT_ID_MAX && id.len <= SNAPSHOT_ID_MAX) {
        removed = span_eq(server, SPAN_LIT("-"));
        if (removed || addr_parse(server, &flow.server) == 0)
            listener = find_udp_listener(&plane->workers[index], &flow.local);
    }
    if (!listener) {
        close(fd);
        return;
    }
    (void)snprintf(group_id, sizeof(group_id), "%.*s", SPAN_ARG(group));
    (void)snprintf(server_id, sizeof(server_id), "%.*s", SPAN_ARG(id));
    flow.group_id = removed ? NULL : group_id;
    flow.server_id = removed ? NULL : server_id;
    parse_flow_end(line, &flow);
    /* A flow that cannot be adopted begins anew with its next datagram. */
    (void)!l4_import_udp(listener, &flow);
}

int upgrade_ready(struct plane *plane, int sock)
{
    char text[HANDOVER_TEXT_MAX];
    int fds[HANDOVER_FDS_MAX];
    unsigned n_fds;
    size_t len;
    int r = send_text(sock, "ready");

    while (r == 0) {
        struct span line;

        r = handover_recv(sock, text, &len, fds, &n_fds, READY_TIME);
        if (r < 0)
            break;
        line = (struct span){text, len};
        if (span_eq(line, SPAN_LIT("done")))
            break;
        if (n_fds == 1 && span_starts_with(line, SPAN_LIT("udp ")))
            adopt_flow(plane, span_from(line, 4), fds[0]);
        else
            r = -EPROTO;
    }
    return r;
}

void upgrade_serving(int sock)
{
    char text[HANDOVER_TEXT_MAX];
    int fds[HANDOVER_FDS_MAX];
    unsigned n_fds;
    size_t len;

    /* Its end of the connection closes after its copies of the sockets, which would take connections to
     * a listener that is removed and made anew. */
    if (send_text(sock, "serving") == 0)
        (void)!handover_recv(sock, text, &len, fds, &n_fds, STEP_TIME);
}
