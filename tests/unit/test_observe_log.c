#include <fcntl.h>
#include <unistd.h>

#include "observe/log.h"
#include "unit.h"

#define STAMP_LEN (sizeof("2026-01-31T23:59:59.123+00:00 ") - 1)

/* What standard error got since, without the time in front; "" if nothing. */
struct capture {
    int fds[2], saved;
    char buf[4096];
};

static void capture_start(struct capture *capture)
{
    assert_int_equal(pipe2(capture->fds, O_NONBLOCK), 0);
    capture->saved = dup(STDERR_FILENO);
    assert_true(dup2(capture->fds[1], STDERR_FILENO) >= 0);
}

static const char *capture_end(struct capture *capture)
{
    ssize_t n = read(capture->fds[0], capture->buf, sizeof(capture->buf) - 1);

    assert_true(dup2(capture->saved, STDERR_FILENO) >= 0);
    (void)close(capture->saved);
    (void)close(capture->fds[0]);
    (void)close(capture->fds[1]);
    if (n < 0)
        return "";
    assert_true((size_t)n > STAMP_LEN);
    capture->buf[n] = '\0';
    assert_int_equal(capture->buf[10], 'T');
    assert_int_equal(capture->buf[STAMP_LEN - 1], ' ');
    return capture->buf + STAMP_LEN;
}

static void message_is_one_line_with_its_level(void **state)
{
    struct capture capture;

    (void)state;
    capture_start(&capture);
    log_line(LOG_WARNING, "listener %s: port %d", "lsn-1", 80);
    assert_string_equal(capture_end(&capture), "warning listener lsn-1: port 80\n");
}

static void control_characters_cannot_forge_lines(void **state)
{
    struct capture capture;

    (void)state;
    capture_start(&capture);
    log_line(LOG_ERROR, "name %s", "a\r\n2026 error b\x1b[0m\x7f\t\xc3\xa9");
    assert_string_equal(capture_end(&capture), "error name a??2026 error b?[0m??\xc3\xa9\n");
}

static void long_message_is_cut(void **state)
{
    struct capture capture;
    char text[3000];
    const char *line;
    size_t len;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    capture_start(&capture);
    log_line(LOG_NOTICE, "%s", text);
    line = capture_end(&capture);
    len = strlen(line);
    assert_true(len < LOG_LINE_MAX && len > LOG_LINE_MAX - 100);
    assert_string_equal(line + len - 5, "x...\n");
}

static void level_leaves_out_what_is_beyond_it(void **state)
{
    struct capture capture;

    (void)state;
    capture_start(&capture);
    log_line(LOG_DEBUG, "not by default");
    assert_string_equal(capture_end(&capture), "");

    log_set_level(LOG_ERROR);
    capture_start(&capture);
    log_line(LOG_WARNING, "not now");
    log_line(LOG_ERROR, "this");
    assert_string_equal(capture_end(&capture), "error this\n");

    log_set_level(LOG_DEBUG);
    capture_start(&capture);
    log_line(LOG_DEBUG, "now");
    assert_string_equal(capture_end(&capture), "debug now\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_is_one_line_with_its_level),
        cmocka_unit_test(control_characters_cannot_forge_lines),
        cmocka_unit_test(long_message_is_cut),
        cmocka_unit_test(level_leaves_out_what_is_beyond_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
