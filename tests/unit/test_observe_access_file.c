/* With files in a directory of its own; no thread, and the time is given. */
#include <fcntl.h>
#include <unistd.h>

#include "engine/sys.h"
#include "observe/access_file.h"
#include "observe/log.h"
#include "unit.h"

static char dir[] = "/tmp/openslb-test-XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[4][64];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void check_file(const char *name, const char *expected)
{
    char buf[1024];
    FILE *file = fopen(path_of(name), "r");

    assert_non_null(file);
    assert_span_is(((struct span){buf, fread(buf, 1, sizeof(buf), file)}), expected);
    assert_int_equal(fclose(file), 0);
}

static void check_absent(const char *name)
{
    assert_int_equal(access(path_of(name), F_OK), -1);
}

static void check_write(struct access_file *file, const char *lines, nsec now, uint64_t n)
{
    assert_int_equal(access_file_write(file, span_of(lines), now), n);
}

static int remove_files(void **state)
{
    static const char *const names[] = {"log", "log.1", "log.2", "log.3", "moved", "fifo"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)unlink(path_of(names[i]));
    return 0;
}

static void lines_are_appended(void **state)
{
    struct access_file file;

    (void)state;
    write_file("log", "old\n");
    assert_int_equal(access_file_open(&file, path_of("log"), 0, 0), 0);
    check_write(&file, "a\nb\n", 0, 2);
    check_write(&file, "c\n", 0, 1);
    access_file_close(&file);
    check_file("log", "old\na\nb\nc\n");
}

static void torn_line_costs_only_itself(void **state)
{
    struct access_file file;

    (void)state;
    write_file("log", "whole\n{\"to");
    assert_int_equal(access_file_open(&file, path_of("log"), 0, 0), 0);
    check_write(&file, "a\n", 0, 1);
    access_file_close(&file);
    check_file("log", "whole\n{\"to\na\n");
}

static void full_file_is_rotated_between_lines(void **state)
{
    struct access_file file;

    (void)state;
    assert_int_equal(access_file_open(&file, path_of("log"), 6, 2), 0);
    check_write(&file, "11\n22\n33\n44\n55\n", 0, 5); /* two lines fit */
    check_file("log.2", "11\n22\n");
    check_file("log.1", "33\n44\n");
    check_file("log", "55\n");
    check_write(&file, "a line longer than that\n6\n", 0, 2);
    check_file("log.1", "a line longer than that\n");
    check_file("log.2", "55\n");
    check_file("log", "6\n");
    check_absent("log.3");
    assert_int_equal(file.n_rotations, 4);
    access_file_close(&file);
}

static void rotation_without_old_files_keeps_none(void **state)
{
    struct access_file file;

    (void)state;
    assert_int_equal(access_file_open(&file, path_of("log"), 3, 0), 0);
    check_write(&file, "11\n22\n", 0, 2);
    check_file("log", "22\n");
    check_absent("log.1");
    access_file_close(&file);
}

static void file_moved_by_others_is_not_rotated_again(void **state)
{
    struct access_file file;

    (void)state;
    assert_int_equal(access_file_open(&file, path_of("log"), 3, 2), 0);
    check_write(&file, "11\n", 0, 1);
    assert_int_equal(rename(path_of("log"), path_of("moved")), 0);
    write_file("log", "");
    check_write(&file, "22\n", 0, 1);
    check_file("moved", "11\n");
    check_file("log", "22\n");
    check_absent("log.1");
    access_file_close(&file);
}

static void reopen_follows_the_path(void **state)
{
    struct access_file file;

    (void)state;
    assert_int_equal(access_file_open(&file, path_of("log"), 0, 0), 0);
    check_write(&file, "11\n", 0, 1);
    assert_int_equal(rename(path_of("log"), path_of("moved")), 0);
    check_write(&file, "22\n", 0, 1);
    access_file_reopen(&file, 0);
    check_write(&file, "33\n", 0, 1);
    check_file("moved", "11\n22\n");
    check_file("log", "33\n");
    access_file_close(&file);
}

static void full_disk_loses_lines_and_is_tried_each_second(void **state)
{
    struct access_file file;
    nsec now = 100 * NSEC_PER_SEC;

    (void)state;
    assert_int_equal(access_file_open(&file, "/dev/full", 0, 0), 0);
    check_write(&file, "11\n22\n", now, 0);
    assert_int_equal(file.fd, -1);
    free(file.path);
    file.path = base_strdup(path_of("log")); /* as if there were room again */
    check_write(&file, "33\n", now + NSEC_PER_SEC - 1, 0);
    check_absent("log");
    check_write(&file, "44\n", now + NSEC_PER_SEC, 1);
    check_file("log", "44\n");
    access_file_close(&file);
}

static void what_cannot_be_opened_says_why(void **state)
{
    struct access_file file;

    (void)state;
    assert_int_equal(access_file_open(&file, path_of("no/such"), 0, 0), -ENOENT);
    access_file_close(&file);
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    assert_int_equal(access_file_open(&file, path_of("fifo"), 0, 0), -ENXIO); /* no reader */
    access_file_close(&file);
}

static void full_pipe_does_not_block(void **state)
{
    struct access_file file;
    char line[4096];
    int fd;

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    fd = open(path_of("fifo"), O_RDWR | O_NONBLOCK);
    assert_true(fd >= 0);
    while (write(fd, line, sizeof(line)) > 0) {
    }
    assert_int_equal(access_file_open(&file, path_of("fifo"), 0, 0), 0);
    file.wait_ms = 0;
    check_write(&file, "a\n", 0, 0);
    access_file_close(&file);
    (void)close(fd);
}

static void short_writes_are_finished(void **state)
{
    struct access_file file;

    (void)state;
    if (sys_fault_plan("write:%2:short") == -ENOTSUP)
        skip();
    assert_int_equal(access_file_open(&file, path_of("log"), 0, 0), 0);
    check_write(&file, "11\n", 0, 1);
    check_write(&file, "22\n33\n", 0, 2);
    assert_int_equal(sys_fault_plan(""), 0);
    check_file("log", "11\n22\n33\n");
    access_file_close(&file);
}

/* Half a line stays behind; the next one begins on a line of its own, also when that took two tries. */
static void line_that_cannot_be_finished_stays_alone(void **state)
{
    struct access_file file;

    (void)state;
    if (sys_fault_plan("write:1:short,write:2:ENOSPC,write:3:ENOSPC") == -ENOTSUP)
        skip();
    assert_int_equal(access_file_open(&file, path_of("log"), 0, 0), 0);
    check_write(&file, "11\n", 0, 0);
    assert_true(file.torn);
    check_write(&file, "22\n", NSEC_PER_SEC, 0);
    check_write(&file, "33\n", 2 * NSEC_PER_SEC, 1);
    assert_int_equal(sys_fault_plan(""), 0);
    check_file("log", "1\n33\n");
    access_file_close(&file);
}

static void lines_before_the_torn_one_count(void **state)
{
    struct access_file file;

    (void)state;
    /* One byte a write: "a\nb\nc" gets through. */
    if (sys_fault_plan("write:6:EIO,write:%1:short") == -ENOTSUP)
        skip();
    assert_int_equal(access_file_open(&file, path_of("log"), 0, 0), 0);
    check_write(&file, "a\nb\ncc\ndd\n", 0, 2);
    assert_int_equal(sys_fault_plan(""), 0);
    check_write(&file, "ee\n", NSEC_PER_SEC, 1);
    check_file("log", "a\nb\nc\nee\n");
    access_file_close(&file);
}

static int make_dir(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(lines_are_appended, remove_files),
        cmocka_unit_test_teardown(torn_line_costs_only_itself, remove_files),
        cmocka_unit_test_teardown(full_file_is_rotated_between_lines, remove_files),
        cmocka_unit_test_teardown(rotation_without_old_files_keeps_none, remove_files),
        cmocka_unit_test_teardown(file_moved_by_others_is_not_rotated_again, remove_files),
        cmocka_unit_test_teardown(reopen_follows_the_path, remove_files),
        cmocka_unit_test_teardown(full_disk_loses_lines_and_is_tried_each_second, remove_files),
        cmocka_unit_test_teardown(what_cannot_be_opened_says_why, remove_files),
        cmocka_unit_test_teardown(full_pipe_does_not_block, remove_files),
        cmocka_unit_test_teardown(short_writes_are_finished, remove_files),
        cmocka_unit_test_teardown(line_that_cannot_be_finished_stays_alone, remove_files),
        cmocka_unit_test_teardown(lines_before_the_torn_one_count, remove_files),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
