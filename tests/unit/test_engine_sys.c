/* The fault plan; linked with the engine that is built for it. */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "engine/sys.h"
#include "unit.h"

static void plan_is_parsed_or_refused(void **state)
{
    static const struct {
        const char *plan;
        int r;
    } cases[] = {
        {"", 0},
        {"recv:3:ECONNRESET", 0},
        {"recv:3:ECONNRESET,send:%50:EAGAIN,send:%7:short", 0},
        {"epoll_ctl:1:ENOMEM", 0},
        {"recv", -EINVAL},
        {"recv:3", -EINVAL},
        {"recv:3:ECONNRESET:x", -EINVAL},
        {"recv:0:ECONNRESET", -EINVAL},
        {"recv:%0:ECONNRESET", -EINVAL},
        {"recv:-1:ECONNRESET", -EINVAL},
        {"recv:3:EWHATEVER", -EINVAL},
        {"receive:3:EIO", -EINVAL},
        {"socket:1:short", -EINVAL},
        {"recv:3:EIO,", -EINVAL},
        {",recv:3:EIO", -EINVAL},
        {"recv:1:EIO,recv:2:EIO,recv:3:EIO,recv:4:EIO,recv:5:EIO,recv:6:EIO,recv:7:EIO,recv:8:EIO,"
         "recv:9:EIO,recv:10:EIO,recv:11:EIO,recv:12:EIO,recv:13:EIO,recv:14:EIO,recv:15:EIO,"
         "recv:16:EIO,recv:17:EIO",
            -EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (sys_fault_plan(cases[i].plan) != cases[i].r)
            fail_msg("\"%s\"", cases[i].plan);
    }
    assert_int_equal(sys_fault_plan(""), 0);
}

/* One letter per write of two bytes to /dev/null: a digit is what it returned, e is EIO, g is EAGAIN. */
static void write_some(int fd, char out[static 9])
{
    for (int i = 0; i < 8; i++) {
        ssize_t n = sys_write(fd, "xy", 2);

        out[i] = n == -EIO ? 'e' : n == -EAGAIN ? 'g' : (char)('0' + n);
        assert_int_equal(sys_fault_hit(), n != 2);
    }
    out[8] = '\0';
}

static void calls_fail_as_planned(void **state)
{
    static const struct {
        const char *plan, *outcome;
    } cases[] = {
        {"write:1:EIO", "e2222222"},
        {"write:3:EIO", "22e22222"},
        {"write:%3:EIO", "22e22e22"},
        {"write:%2:short", "21212121"},
        {"write:%1:EAGAIN", "gggggggg"},
        {"write:2:EIO,write:%2:EAGAIN", "2e2g2g2g"}, /* the first rule that matches */
        {"recv:%1:EIO", "22222222"},
        {"", "22222222"},
    };
    int fd = sys_open("/dev/null", O_WRONLY, 0);

    (void)state;
    assert_true(fd >= 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char outcome[9];

        assert_int_equal(sys_fault_plan(cases[i].plan), 0);
        write_some(fd, outcome);
        assert_string_equal(outcome, cases[i].outcome);
    }
    assert_int_equal(sys_fault_plan(""), 0);
    (void)close(fd);
}

static void *write_on_thread(void *arg)
{
    char *out = arg;
    int fd = sys_open("/dev/null", O_WRONLY, 0);

    write_some(fd, out);
    (void)close(fd);
    return NULL;
}

static void threads_count_for_themselves(void **state)
{
    char outcomes[2][9];
    pthread_t threads[2];

    (void)state;
    assert_int_equal(sys_fault_plan("write:3:EIO"), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_on_thread, outcomes[i]), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_string_equal(outcomes[i], "22e22222");
    }
    assert_int_equal(sys_fault_plan(""), 0);
}

static void pipe_has_the_size_or_less(void **state)
{
    int fds[2];
    int size;

    (void)state;
    assert_int_equal(sys_pipe(fds, 262144), 0);
    size = fcntl(fds[0], F_GETPIPE_SZ);
    assert_true(size >= 65536 && size <= 262144);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_is_parsed_or_refused),
        cmocka_unit_test(calls_fail_as_planned),
        cmocka_unit_test(threads_count_for_themselves),
        cmocka_unit_test(pipe_has_the_size_or_less),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
