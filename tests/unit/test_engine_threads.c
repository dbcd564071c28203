/* Messages between threads. Runs under ThreadSanitizer as well. */
#include <pthread.h>

#include "engine/engine.h"
#include "unit.h"

enum { SENDERS = 4, MESSAGES = 5000, ROUNDS = 2000 };

struct numbered {
    struct engine_msg msg;
    unsigned sender, number;
};

struct sender {
    struct engine *engine;
    pthread_t thread;
    struct numbered *messages; /* MESSAGES */
};

/* Belongs to the loop's thread. */
static unsigned next_number[SENDERS];
static unsigned n_received;

static void on_numbered(struct engine *engine, struct engine_msg *msg)
{
    struct numbered *numbered = container_of(msg, struct numbered, msg);

    assert_int_equal(numbered->number, next_number[numbered->sender]);
    next_number[numbered->sender]++;
    if (++n_received == SENDERS * MESSAGES)
        engine_stop(engine);
}

static void *send_all(void *arg)
{
    struct sender *sender = arg;

    for (unsigned i = 0; i < MESSAGES; i++)
        engine_post(sender->engine, &sender->messages[i].msg);
    return NULL;
}

static void messages_of_one_sender_stay_in_order(void **state)
{
    struct engine *engine = engine_new(NULL);
    struct sender senders[SENDERS];
    struct engine_stats stats;

    (void)state;
    for (unsigned s = 0; s < SENDERS; s++) {
        senders[s].engine = engine;
        senders[s].messages = base_calloc(MESSAGES, sizeof(struct numbered));
        for (unsigned i = 0; i < MESSAGES; i++)
            senders[s].messages[i] =
                (struct numbered){.msg.fn = on_numbered, .sender = s, .number = i};
        assert_int_equal(pthread_create(&senders[s].thread, NULL, send_all, &senders[s]), 0);
    }
    assert_int_equal(engine_run(engine), 0);
    for (unsigned s = 0; s < SENDERS; s++) {
        assert_int_equal(pthread_join(senders[s].thread, NULL), 0);
        assert_int_equal(next_number[s], MESSAGES);
        free(senders[s].messages);
    }
    engine_stats(engine, &stats);
    assert_int_equal(stats.messages, SENDERS * MESSAGES);
    assert_null(engine_free(engine));
}

/* One message goes to and fro between two loops that sleep in between: a lost wake-up would hang. */
struct ball {
    struct engine_msg msg;
    struct engine *sides[2];
    unsigned n_hits;
};

static void on_ball(struct engine *engine, struct engine_msg *msg)
{
    struct ball *ball = container_of(msg, struct ball, msg);

    ball->n_hits++;
    if (ball->n_hits == 2 * ROUNDS) {
        engine_stop(ball->sides[0]);
        engine_stop(ball->sides[1]);
        return;
    }
    engine_post(ball->sides[engine == ball->sides[0]], msg);
}

static void *run(void *arg)
{
    int r = engine_run(arg);

    assert(r == 0);
    return NULL;
}

static void no_wake_up_is_lost(void **state)
{
    struct ball ball = {.msg.fn = on_ball};
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        ball.sides[i] = engine_new(NULL);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, ball.sides[i]), 0);
    engine_post(ball.sides[0], &ball.msg);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(ball.n_hits, 2 * ROUNDS);
    for (int i = 0; i < 2; i++)
        ball.sides[i] = engine_free(ball.sides[i]);
}

static void stop_reaches_a_sleeping_loop(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct engine *engine = engine_new(NULL);
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, run, engine), 0);
        engine_stop(engine);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_null(engine_free(engine));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_one_sender_stay_in_order),
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(stop_reaches_a_sleeping_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
