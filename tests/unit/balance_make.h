/* What the tests of groups share. */
#pragma once

#include "balance/group.h"
#include "base/hash.h"
#include "unit.h"

#define N_WORKERS 2u

static struct engine *engine;
static struct server_state *states[128]; /* by the letter of the server */
static char removed[256];                /* letters of servers that left, in order */

static inline int setup(void **unused)
{
    (void)unused;
    hash_init();
    engine = engine_new(NULL);
    assert_non_null(engine);
    memset(removed, 0, sizeof(removed));
    for (char c = 'a'; c <= 'z'; c++) {
        char key[] = {'g', '/', c, '\0'};

        states[(int)c] = server_state_new(key, N_WORKERS);
    }
    return 0;
}

static inline int teardown(void **unused)
{
    (void)unused;
    engine = engine_free(engine);
    for (char c = 'a'; c <= 'z'; c++)
        states[(int)c] = server_state_free(states[(int)c]);
    return 0;
}

static inline void turn(void)
{
    assert_int_equal(engine_turn(engine, 0), 0);
}

/* Turns until the moment has passed. */
static inline void turn_for(unsigned ms)
{
    nsec until = clock_mono() + nsec_from_ms(ms);

    do {
        assert_int_equal(engine_turn(engine, NSEC_PER_MSEC), 0);
    } while (clock_mono() < until);
    turn();
}

/* "a=100 b=50": servers with weights. All in one piece, so that freeing it shows who still points into it. */
static inline struct group_conf *conf_new(const char *text, enum scheduler scheduler)
{
    struct group_conf *conf = base_zalloc(sizeof(*conf) + 64 * sizeof(struct server_conf) + 256);
    struct server_conf *servers = (struct server_conf *)(void *)(conf + 1);
    char *ids = (char *)(servers + 64);
    struct span list = span_of(text);
    struct span item;

    conf->res.id = "g";
    conf->scheduler = scheduler;
    conf->health_check.slot = REF_NONE;
    conf->servers.at = servers;
    while (list.len > 0 && span_next(&list, ' ', &item)) {
        struct server_conf *server = &servers[conf->servers.n++];
        uint64_t weight;

        assert_int_equal(span_parse_u64(span_from(item, 2), &weight), 0);
        ids[0] = item.ptr[0];
        server->id = ids;
        server->weight = (uint32_t)weight;
        server->addr =
            (struct addr){.ip = {10, 0, 0, (uint8_t)item.ptr[0]}, .port = 80, .family = 4};
        server->state = states[(int)item.ptr[0]];
        ids += 2;
    }
    return conf;
}

static inline char letter_of(const struct server *server)
{
    return server->state->key[2];
}

static inline void on_removed(void *arg, struct server *server)
{
    char *letters = arg;

    assert_null(server->conf);
    if (strlen(letters) + 1 < sizeof(removed))
        letters[strlen(letters)] = letter_of(server);
}

static inline struct group *group_of(struct group_conf *conf)
{
    return group_new(conf, engine, 0, on_removed, removed);
}

/* Takes over conf and frees the one before, as a worker's last hold on an old snapshot would. */
static inline void update(struct group *group, struct group_conf *conf)
{
    const struct group_conf *old = group->conf;

    group_update(group, conf);
    free((void *)(uintptr_t)old);
}

static inline void drop(struct group *group)
{
    const struct group_conf *conf = group->conf;

    group_remove(group);
    turn();
    free((void *)(uintptr_t)conf);
}

static inline char pick_at(struct group *group, const struct pick *pick, nsec now)
{
    struct server *server;
    enum reason reason;

    if (group_pick(group, pick, now, &server, &reason) < 0)
        return reason == REASON_NO_SERVERS ? '0' : reason == REASON_ALL_UNHEALTHY ? '!' : '-';
    return letter_of(server);
}

static inline char pick_one(struct group *group)
{
    return pick_at(group, &(struct pick){0}, engine_now(engine));
}

/* Each letter's number of picks among n. */
static inline void count_picks(
    struct group *group, unsigned n, nsec now, unsigned picks[static 128])
{
    memset(picks, 0, 128 * sizeof(picks[0]));
    for (unsigned i = 0; i < n; i++)
        picks[(int)pick_at(group, &(struct pick){0}, now)]++;
}

static inline void set_health(char letter, enum server_health health)
{
    server_state_set_health(states[(int)letter], health, 0);
}

static unsigned n_cut;

static inline void on_cut(struct server_use *use, enum reason reason)
{
    assert_int_equal(reason, REASON_DRAINING);
    n_cut++;
    server_use_end(use);
}

#define GROUP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
