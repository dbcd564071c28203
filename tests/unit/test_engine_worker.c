#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "engine/worker.h"
#include "unit.h"

/* What a message found out on the worker's thread. */
struct survey {
    struct engine_msg msg;
    struct worker *worker;
    char name[16];
    bool signals_blocked;
    int n_cpus, cpu;
    struct chunk *chunk; /* given back by a deferred free */
};

static void give_back(void *arg, void *object)
{
    struct worker *worker = arg;

    (void)chunk_unref(&worker->env.pool, object);
}

static void on_survey(struct engine *engine, struct engine_msg *msg)
{
    struct survey *survey = container_of(msg, struct survey, msg);
    sigset_t mask;
    cpu_set_t cpus;

    survey->worker = worker_of(engine);
    assert_int_equal(pthread_getname_np(pthread_self(), survey->name, sizeof(survey->name)), 0);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    survey->signals_blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGPIPE) == 1;
    assert_int_equal(pthread_getaffinity_np(pthread_self(), sizeof(cpus), &cpus), 0);
    survey->n_cpus = CPU_COUNT(&cpus);
    survey->cpu = sched_getcpu();
    survey->chunk = chunk_get(&survey->worker->env.pool, 0);
    engine_defer_free(engine, survey->chunk, give_back, survey->worker);
}

static void worker_runs_pinned_and_named(void **state)
{
    struct worker_opts opts = {
        .index = 7, .memory_limit = 1u << 20, .n_pipes_max = 1, .cpu = worker_cpu(0)};
    struct worker *worker = worker_new(&opts);
    struct survey survey = {.msg.fn = on_survey};

    (void)state;
    assert_non_null(worker);
    assert_int_equal(worker->index, 7);
    assert_int_equal(worker_start(worker), 0);
    engine_post(worker->engine, &survey.msg);
    worker_stop(worker);
    worker_stop(worker);
    assert_false(worker->running);
    assert_null(worker_free(worker)); /* runs the message if the stop was first */
    assert_non_null(survey.worker);
}

static atomic_bool surveyed;

static void on_survey_tell(struct engine *engine, struct engine_msg *msg)
{
    on_survey(engine, msg);
    atomic_store(&surveyed, true);
}

static void worker_thread_is_set_up(void **state)
{
    struct worker_opts opts = {
        .index = 3, .memory_limit = 1u << 20, .cpu = worker_cpu(worker_cpus() - 1)};
    struct worker *worker = worker_new(&opts);
    struct survey survey = {.msg.fn = on_survey_tell};

    (void)state;
    assert_int_equal(worker_start(worker), 0);
    engine_post(worker->engine, &survey.msg);
    while (!atomic_load(&surveyed))
        (void)sched_yield();
    assert_ptr_equal(survey.worker, worker);
    assert_string_equal(survey.name, "slbd-w3");
    assert_true(survey.signals_blocked);
    assert_int_equal(survey.n_cpus, 1);
    assert_int_equal(survey.cpu, opts.cpu);
    assert_null(worker_free(worker));
}

static void unpinned_worker_may_roam(void **state)
{
    struct worker_opts opts = {.memory_limit = 1u << 20, .cpu = -1};
    struct worker *worker = worker_new(&opts);
    struct worker *other;

    (void)state;
    opts.index = 1;
    other = worker_new(&opts);
    assert_int_not_equal(rng_next(&worker->rng), rng_next(&other->rng));
    assert_int_equal(worker_start(worker), 0);
    assert_null(worker_free(worker));
    assert_null(worker_free(other)); /* never started */
    assert_null(worker_free(NULL));
}

static void cpu_that_is_not_ours_is_refused(void **state)
{
    static const int cpus[] = {CPU_SETSIZE - 1, CPU_SETSIZE, 1000000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cpus); i++) {
        struct worker_opts opts = {.memory_limit = 1u << 20, .cpu = cpus[i]};
        struct worker *worker = worker_new(&opts);

        assert_int_equal(worker_start(worker), -EINVAL);
        assert_false(worker->running);
        assert_null(worker_free(worker));
    }
}

static void cpus_are_listed_once(void **state)
{
    unsigned n = worker_cpus();
    int last = -1;

    (void)state;
    assert_true(n >= 1);
    for (unsigned i = 0; i < n; i++) {
        assert_true(worker_cpu(i) > last);
        last = worker_cpu(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worker_runs_pinned_and_named),
        cmocka_unit_test(worker_thread_is_set_up),
        cmocka_unit_test(unpinned_worker_may_roam),
        cmocka_unit_test(cpu_that_is_not_ours_is_refused),
        cmocka_unit_test(cpus_are_listed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
