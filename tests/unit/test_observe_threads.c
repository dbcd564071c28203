/* Two workers add while the log thread writes: for ThreadSanitizer, and for what holds whatever the timing. */
#include <pthread.h>
#include <unistd.h>

#include "json_check.h"
#include "observe/access_log.h"
#include "unit.h"

#define N_WORKERS 2u
#define N_LINES   UINT64_C(20000)

struct job {
    struct access_log *log;
    unsigned index;
};

static void *add_lines(void *arg)
{
    const struct job *job = arg;
    char uri[256];

    for (unsigned i = 0; i < N_LINES; i++) {
        struct log_record record = {
            .wall_at = (nsec)i * NSEC_PER_MSEC,
            .method = SPAN_LIT("GET"),
            .status = (uint16_t)(200 + job->index),
            .request_bytes = i,
        };
        int len = snprintf(uri, sizeof(uri), "/%u/%0*u", job->index, (int)(i % 200), i);

        record.uri = (struct span){uri, (size_t)len};
        access_log_add(job->log, job->index, &record);
    }
    return NULL;
}

static void add_from_all(struct access_log *log)
{
    struct job jobs[N_WORKERS];
    pthread_t threads[N_WORKERS];

    for (unsigned i = 0; i < N_WORKERS; i++) {
        jobs[i] = (struct job){log, i};
        assert_int_equal(pthread_create(&threads[i], NULL, add_lines, &jobs[i]), 0);
    }
    for (unsigned i = 0; i < 20; i++) {
        struct access_log_stats stats;

        access_log_reopen(log);
        access_log_stats(log, &stats);
        assert_true(stats.written + stats.dropped_full <= N_WORKERS * N_LINES);
    }
    for (unsigned i = 0; i < N_WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* Every line whole, each worker's in its order. Returns how many. */
static uint64_t check_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    uint64_t n = 0, next[N_WORKERS] = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    assert_non_null(file);
    while ((len = getline(&line, &cap, file)) > 0) {
        const char *number, *status;
        unsigned worker;
        uint64_t i;

        assert_true(json_check((struct span){line, (size_t)len - 1}));
        number = strstr(line, "\"request_length\":");
        status = strstr(line, "\"status\":20");
        assert_true(number && status);
        i = strtoull(number + strlen("\"request_length\":"), NULL, 10);
        worker = (unsigned)(status[strlen("\"status\":20")] - '0');
        assert_true(worker < N_WORKERS && i >= next[worker]);
        next[worker] = i + 1;
        n++;
    }
    free(line);
    assert_int_equal(fclose(file), 0);
    return n;
}

static void run(size_t ring_bytes, uint64_t *ret_lines, uint64_t *ret_dropped)
{
    char path[] = "/tmp/openslb-test-XXXXXX";
    struct access_log_opts opts = {.path = path, .n_workers = N_WORKERS, .ring_bytes = ring_bytes};
    int fd = mkstemp(path);
    struct access_log_stats stats;
    struct access_log *log;

    assert_true(fd >= 0);
    (void)close(fd);
    log = access_log_open(&opts);
    assert_non_null(log);
    add_from_all(log);
    access_log_stats(log, &stats);
    assert_int_equal(stats.dropped_error, 0);
    assert_null(access_log_close(log));
    *ret_lines = check_lines(path);
    *ret_dropped = stats.dropped_full;
    assert_int_equal(unlink(path), 0);
}

static void small_rings_drop_and_count(void **state)
{
    uint64_t n_lines, n_dropped;

    (void)state;
    run(4096, &n_lines, &n_dropped);
    assert_int_equal(n_lines + n_dropped, N_WORKERS * N_LINES);
}

static void large_rings_lose_nothing(void **state)
{
    uint64_t n_lines, n_dropped;

    (void)state;
    run((size_t)1 << 24, &n_lines, &n_dropped);
    assert_int_equal(n_lines, N_WORKERS * N_LINES);
    assert_int_equal(n_dropped, 0);
}

static void path_that_cannot_be_opened_is_an_error(void **state)
{
    struct access_log_opts opts = {.path = "/tmp/no/such/dir", .n_workers = 1, .ring_bytes = 4096};

    (void)state;
    errno = 0;
    assert_null(access_log_open(&opts));
    assert_int_equal(errno, ENOENT);
    assert_null(access_log_close(NULL));
}

/* A record that can never fit is dropped and counted as any other. */
static void record_larger_than_the_ring_is_dropped(void **state)
{
    struct access_log_opts opts = {.path = "/dev/null", .n_workers = 1, .ring_bytes = 4096};
    char uri[5000];
    struct log_record record = {.uri = {uri, sizeof(uri)}};
    struct access_log *log = access_log_open(&opts);
    struct access_log_stats stats;

    (void)state;
    assert_non_null(log);
    memset(uri, 'x', sizeof(uri));
    access_log_add(log, 0, &record);
    access_log_stats(log, &stats);
    assert_int_equal(stats.dropped_full, 1);
    assert_null(access_log_close(log));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_rings_drop_and_count),
        cmocka_unit_test(large_rings_lose_nothing),
        cmocka_unit_test(path_that_cannot_be_opened_is_an_error),
        cmocka_unit_test(record_larger_than_the_ring_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
