/* A worker with one layer-4 listener, its group and its servers, all in the test's own thread. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balance/groups.h"
#include "engine/net.h"
#include "engine/sys.h"
#include "l4/l4.h"
#include "unit.h"

#define RIG_SERVERS  4u
#define RIG_BINDS    2u
#define RIG_PATIENCE (60 * NSEC_PER_SEC)
#define RIG_MEMORY   ((size_t)64 << 20)

struct rig {
    struct worker *worker;
    struct groups groups;
    struct snapshot snapshot;
    struct snapshot_view view;
    unsigned n_unused;
    struct l4 *l4;
    struct l4_listener *listener;
    struct listener_conf conf;
    struct group_conf group_conf[2]; /* versions, used in turn */
    unsigned group_version;
    struct server_conf server_confs[2][RIG_SERVERS];
    struct server_state *states[RIG_SERVERS];
    int server_fds[RIG_SERVERS]; /* bound; TCP ones listen */
    uint32_t n_servers;
    struct forward_group forward;
    struct action action;
    struct addr binds[RIG_BINDS];
    int fds[RIG_BINDS];
    struct addr at; /* where the first socket of the listener is */
};

static inline struct addr rig_addr(const char *text)
{
    struct addr addr = {0};

    assert_int_equal(addr_parse(span_of(text), &addr), 0);
    return addr;
}

static inline struct addr rig_local(int fd)
{
    struct addr addr;

    assert_int_equal(net_local_addr(fd, &addr), 0);
    return addr;
}

static inline int rig_bind(const char *text, bool udp)
{
    struct addr addr = rig_addr(text);
    struct net_listen_opts opts = {.udp = udp, .v6_only = true};
    int fd;

    assert_int_equal(net_listen(&addr, &opts, &fd), 0);
    return fd;
}

static inline void rig_on_unused(struct snapshot_view *view)
{
    struct rig *rig = view->owner;

    rig->n_unused++;
}

/* n servers on 127.0.0.1, weight 1 each; conf and group_conf can still be changed before rig_start. */
static inline void rig_init(struct rig *rig, bool udp, uint32_t n_servers, size_t memory)
{
    struct worker_opts opts = {.memory_limit = memory, .n_pipes_max = 4, .cpu = -1};

    memset(rig, 0, sizeof(*rig));
    hash_init();
    rig->worker = worker_new(&opts);
    assert_non_null(rig->worker);
    rig->view = (struct snapshot_view){&rig->snapshot, 1, rig_on_unused, rig};
    rig->n_servers = n_servers;
    for (uint32_t i = 0; i < n_servers; i++) {
        struct server_conf *conf = &rig->server_confs[0][i];
        static const char *const ids[] = {"a", "b", "c", "d"};

        rig->server_fds[i] = rig_bind("127.0.0.1:0", udp);
        rig->states[i] = server_state_new(ids[i], 1);
        *conf = (struct server_conf){
            .id = ids[i],
            .weight = 1,
            .addr = rig_local(rig->server_fds[i]),
            .state = rig->states[i],
        };
    }
    rig->group_conf[0] = (struct group_conf){
        .res = {.id = "group", .kind = KIND_SERVER_GROUP},
        .protocol = udp ? PROTOCOL_UDP : PROTOCOL_TCP,
        .scheduler = SCHEDULER_RR,
        .servers = {rig->server_confs[0], n_servers},
        .health_check = {REF_NONE},
        .connect_timeout_ms = 5000,
        .tries = 2,
    };
    rig->action = (struct action){.type = ACTION_FORWARD, .groups = {&rig->forward, 1}};
    rig->forward = (struct forward_group){.group = {0}, .weight = 100};
    rig->conf = (struct listener_conf){
        .res = {.id = "listener", .kind = KIND_LISTENER},
        .protocol = udp ? PROTOCOL_UDP : PROTOCOL_TCP,
        .bind = {rig->binds, 1},
        .default_actions = {&rig->action, 1},
        .idle_timeout_ms = 60000,
        .state = listener_state_new("listener", 1),
    };
}

static inline void rig_apply(struct rig *rig, const struct group_conf *conf)
{
    struct change_item item = {.kind = KIND_SERVER_GROUP, .after = (void *)(uintptr_t)conf};

    groups_apply(&rig->groups, &item, 1);
}

static inline void rig_start(struct rig *rig, const char *bind)
{
    bool udp = rig->conf.protocol == PROTOCOL_UDP;

    rig->fds[0] = rig_bind(bind, udp);
    rig->at = rig_local(rig->fds[0]);
    rig->binds[0] = rig->at;
    rig->conf.port = rig->at.port;
    groups_init(&rig->groups, rig->worker->engine, 0, NULL, NULL);
    rig_apply(rig, &rig->group_conf[0]);
    rig->l4 = l4_new(rig->worker, &rig->groups);
    l4_set_view(rig->l4, &rig->view);
    rig->listener = l4_listen(rig->l4, &rig->conf, rig->fds);
}

/* The group's next version, a copy of the current one to be changed and given to rig_apply. */
static inline struct group_conf *rig_next(struct rig *rig)
{
    unsigned old = rig->group_version++ % 2, new = rig->group_version % 2;

    rig->group_conf[new] = rig->group_conf[old];
    memcpy(rig->server_confs[new], rig->server_confs[old], sizeof(rig->server_confs[0]));
    rig->group_conf[new].servers.at = rig->server_confs[new];
    return &rig->group_conf[new];
}

static inline void rig_turn(struct rig *rig)
{
    assert_int_equal(engine_turn(rig->worker->engine, NSEC_PER_MSEC), 0);
}

static inline void rig_turns(struct rig *rig, unsigned n)
{
    while (n-- > 0)
        rig_turn(rig);
}

/* Returns the moment at which it ended. */
static inline nsec rig_turn_for(struct rig *rig, nsec span)
{
    nsec begun_at = clock_mono();

    while (clock_mono() - begun_at < span)
        rig_turn(rig);
    return clock_mono();
}

/* attempt is false, with nothing shown, if this process stood still until a time limit of so many ms was over: then
 * again with twice the time. */
static inline void rig_until_in_time(bool (*attempt)(unsigned ms), unsigned ms)
{
    while (!attempt(ms))
        ms *= 2;
}

#define RIG_UNTIL(rig, condition)                       \
    do {                                                \
        nsec give_up_at_ = clock_mono() + RIG_PATIENCE; \
        while (!(condition)) {                          \
            rig_turn(rig);                              \
            assert_true(clock_mono() < give_up_at_);    \
        }                                               \
    } while (0)

static inline void rig_done(struct rig *rig)
{
    if (rig->listener)
        l4_unlisten(rig->listener);
    l4_cut(rig->l4);
    rig->l4 = l4_free(rig->l4);
    groups_done(&rig->groups);
    rig_turns(rig, 2);
    /* What began has ended: all holds on the view were given back. */
    assert_int_equal(rig->view.users, 1);
    assert_int_equal(counter_get(&rig->conf.state->cells[0].active), 0);
    for (uint32_t i = 0; i < rig->n_servers; i++) {
        assert_int_equal(counter_get(&rig->states[i]->cells[0].inflight), 0);
        (void)server_state_free(rig->states[i]);
        if (rig->server_fds[i] >= 0)
            (void)close(rig->server_fds[i]);
    }
    (void)listener_state_free(rig->conf.state);
    (void)close(rig->fds[0]);
    rig->worker = worker_free(rig->worker);
}

static inline const struct listener_cell *rig_cell(const struct rig *rig)
{
    return &rig->conf.state->cells[0];
}

static inline uint64_t rig_reason(const struct rig *rig, enum reason reason)
{
    return counter_get(&rig_cell(rig)->reasons[reason]);
}

static inline const struct server_cell *rig_server(const struct rig *rig, uint32_t i)
{
    return &rig->states[i]->cells[0];
}

/* Receives once, turning the loop meanwhile; -errno on failure. */
static inline ssize_t rig_recv(struct rig *rig, int fd, void *buf, size_t n)
{
    nsec give_up_at = clock_mono() + RIG_PATIENCE;

    for (;;) {
        ssize_t got = recv(fd, buf, n, MSG_DONTWAIT);

        if (got >= 0)
            return got;
        if (errno != EAGAIN)
            return -errno;
        assert_true(clock_mono() < give_up_at);
        rig_turn(rig);
    }
}
