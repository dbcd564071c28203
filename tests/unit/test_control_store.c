#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/text.h"
#include "control_make.h"

/* --- helpers --------------------------------------------------------------------------------- */

static struct store_write put(const char *key, const char *value, uint64_t expected)
{
    return (struct store_write){span_of(key), span_of(value), expected};
}

/* Commits one write; the revision, or the negative. */
static int64_t commit_one(
    struct store *store, const char *key, const char *value, uint64_t expected)
{
    const struct store_write write = put(key, value, expected);
    uint64_t revision;
    int r = store_commit(store, &write, 1, NULL, 0, &revision);

    return r < 0 ? r : (int64_t)revision;
}

/* Writes entries as "key=value@created/revision " into a text. */
static int entry_show(void *arg, const struct store_entry *entry)
{
    text_addf(arg, "%.*s=%.*s@%d/%d ", SPAN_ARG(entry->key),
        entry->value.ptr ? (int)entry->value.len : 4, entry->value.ptr ? entry->value.ptr : "gone",
        (int)entry->created, (int)entry->revision);
    return 0;
}

static void assert_lists(struct store *store, const char *prefix, const char *expected)
{
    char buf[1024];
    struct text text;

    text_init_fixed(&text, buf, sizeof(buf));
    assert_int_equal(store_list(store, span_of(prefix), entry_show, &text), 0);
    assert_span_is(text_span(&text), expected);
}

static void assert_changes(struct store *store, uint64_t since, const char *expected)
{
    char buf[1024];
    struct text text;

    text_init_fixed(&text, buf, sizeof(buf));
    assert_int_equal(store_changes(store, since, entry_show, &text), 0);
    assert_span_is(text_span(&text), expected);
}

/* Runs SQL on the file while no store has it open. */
static void sqlite_do(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(make_path("openslb.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_refused(const char *part)
{
    const char *why = NULL;

    assert_null(store_open(make_dir, true, &why));
    assert_non_null(why);
    if (!strstr(why, part))
        fail_msg("\"%s\" does not say \"%s\"", why, part);
}

/* --- documents ------------------------------------------------------------------------------- */

static void what_is_committed_is_read(void **state)
{
    struct store *store = make_store();
    const struct store_write two[] = {put("a/1", "x", 0), put("b/1", "y", 0)};
    char buf[128];
    struct text text;

    (void)state;
    assert_int_equal(store_revision(store), 0);
    assert_int_equal(store_commit(store, two, 2, NULL, 0, NULL), 0);
    assert_int_equal(commit_one(store, "a/0", "z", 0), 2);
    assert_int_equal(commit_one(store, "a/1", "xx", 1), 3);
    assert_int_equal(store_revision(store), 3);
    assert_lists(store, "", "a/1=xx@1/3 b/1=y@1/1 a/0=z@2/2 ");
    assert_lists(store, "a/", "a/1=xx@1/3 a/0=z@2/2 ");
    assert_lists(store, "c", "");

    text_init_fixed(&text, buf, sizeof(buf));
    assert_int_equal(store_get(store, SPAN_LIT("b/1"), entry_show, &text), 0);
    assert_span_is(text_span(&text), "b/1=y@1/1 ");
    assert_int_equal(store_get(store, SPAN_LIT("b/2"), entry_show, &text), -ENOENT);

    (void)store_close(store);
    store = make_store();
    assert_int_equal(store_revision(store), 3);
    assert_lists(store, "", "a/1=xx@1/3 b/1=y@1/1 a/0=z@2/2 ");
    (void)store_close(store);
}

static void who_was_slower_gets_nothing(void **state)
{
    static const struct {
        const char *name;
        struct store_write write; /* beside a good one; "k" has revision 2 */
    } cases[] = {
        {"update of an older revision", {SPAN_LIT("k"), SPAN_LIT("v"), 1}},
        {"update of what is not there", {SPAN_LIT("none"), SPAN_LIT("v"), 2}},
        {"creation of what is there", {SPAN_LIT("k"), SPAN_LIT("v"), 0}},
        {"deletion of an older revision", {SPAN_LIT("k"), {0}, 1}},
        {"deletion of what is not there", {SPAN_LIT("none"), {0}, 2}},
    };
    struct store *store = make_store();

    (void)state;
    assert_int_equal(commit_one(store, "k", "one", 0), 1);
    assert_int_equal(commit_one(store, "k", "two", 1), 2);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct store_write writes[] = {put("good", "v", 0), cases[i].write};
        const struct store_event event = {.id = SPAN_LIT("e"), .json = SPAN_LIT("{}")};

        print_message("%s\n", cases[i].name);
        assert_int_equal(store_commit(store, writes, 2, &event, 1, NULL), -ESTALE);
        assert_int_equal(store_revision(store), 2);
        assert_lists(store, "", "k=two@1/2 ");
    }
    assert_int_equal(commit_one(store, "k", "three", 2), 3);
    (void)store_close(store);
}

static void changes_tell_the_last_state(void **state)
{
    struct store *store = make_store();

    (void)state;
    assert_changes(store, 0, "");
    assert_int_equal(commit_one(store, "a", "1", 0), 1);
    assert_int_equal(commit_one(store, "b", "1", 0), 2);
    assert_int_equal(commit_one(store, "a", "2", 1), 3);
    assert_int_equal(commit_one(store, "b", NULL, 2), 4);
    assert_changes(store, 0, "a=2@1/3 b=gone@0/4 ");
    assert_changes(store, 3, "b=gone@0/4 ");
    assert_int_equal(commit_one(store, "b", "new", 0), 5);
    assert_changes(store, 3, "b=new@5/5 ");
    assert_changes(store, 5, "");
    (void)store_close(store);
}

/* 21,000 deletions: at revision 64 the older half of them is forgotten. */
static void old_deletions_are_forgotten(void **state)
{
    enum { KEYS = 21000 };
    struct store *store = make_store();
    struct store_write *writes = base_calloc(KEYS, sizeof(*writes));
    char(*keys)[16] = base_calloc(KEYS, sizeof(*keys));
    char buf[64];
    struct text text;

    (void)state;
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "k%d", i);
        writes[i] = put(keys[i], "v", 0);
    }
    assert_int_equal(store_commit(store, writes, KEYS, NULL, 0, NULL), 0);
    for (int i = 0; i < KEYS; i++)
        writes[i] = put(keys[i], NULL, 1);
    assert_int_equal(store_commit(store, writes, KEYS / 2 + 10, NULL, 0, NULL), 0);
    assert_int_equal(store_commit(store, writes + KEYS / 2 + 10, KEYS / 2 - 10, NULL, 0, NULL), 0);
    for (uint64_t i = 3; i < 64; i++)
        assert_int_equal(commit_one(store, "last", "v", i == 3 ? 0 : i), i + 1);

    text_init_fixed(&text, buf, sizeof(buf));
    assert_int_equal(store_changes(store, 1, entry_show, &text), -ERANGE);
    assert_int_equal(store_changes(store, 3, entry_show, &text), 0);
    assert_span_is(text_span(&text), "last=v@4/64 ");
    (void)store_close(store);
    store = make_store();
    assert_int_equal(store_changes(store, 1, entry_show, &text), -ERANGE);
    (void)store_close(store);
    free(writes);
    free(keys);
}

/* --- events ---------------------------------------------------------------------------------- */

static int event_show(void *arg, uint64_t number, struct span json)
{
    text_addf(arg, "%d%.*s ", (int)number, SPAN_ARG(json));
    return 0;
}

static struct store_event event(
    const char *id, uint64_t time_ms, const char *name, const char *resource, const char *user)
{
    return (struct store_event){
        span_of(id), time_ms, span_of(name), span_of(resource), span_of(user), span_of(id)};
}

static void events_are_found(void **state)
{
    static const struct {
        const char *name;
        struct store_event_query query;
        const char *expected;
    } cases[] = {
        {"newest first", {.limit = 50}, "4d 3c 2b 1a "},
        {"oldest first", {.limit = 50, .oldest_first = true}, "1a 2b 3c 4d "},
        {"a page", {.limit = 2}, "4d 3c "},
        {"the next page", {.limit = 2, .after = 3}, "2b 1a "},
        {"the next page, oldest first", {.limit = 2, .after = 2, .oldest_first = true}, "3c 4d "},
        {"no limit is one", {.limit = 0}, "4d "},
        {"by name", {.limit = 50, .name = SPAN_LIT("Create")}, "3c 1a "},
        {"by resource", {.limit = 50, .resource = SPAN_LIT("lb-1")}, "2b 1a "},
        {"by user", {.limit = 50, .user = SPAN_LIT("bob")}, "4d "},
        {"by id", {.limit = 50, .id = SPAN_LIT("b")}, "2b "},
        {"by both", {.limit = 50, .name = SPAN_LIT("Create"), .resource = SPAN_LIT("lb-1")}, "1a "},
        {"by time", {.limit = 50, .from_ms = 20, .to_ms = 30}, "3c 2b "},
        {"nothing", {.limit = 50, .from_ms = 50}, ""},
    };
    struct store *store = make_store();
    const struct store_event events[] = {
        event("a", 10, "Create", "lb-1", "ann"),
        event("b", 20, "Delete", "lb-1", "ann"),
        event("c", 30, "Create", "lb-2", "ann"),
        event("d", 40, "Delete", "", "bob"),
    };

    (void)state;
    assert_int_equal(store_commit(store, NULL, 0, events, 4, NULL), 0);
    assert_int_equal(store_revision(store), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char buf[256];
        struct text text;

        print_message("%s\n", cases[i].name);
        text_init_fixed(&text, buf, sizeof(buf));
        assert_int_equal(store_events(store, &cases[i].query, event_show, &text), 0);
        assert_span_is(text_span(&text), cases[i].expected);
    }
    assert_int_equal(store_events_trim(store, 30), 0);
    {
        const struct store_event_query all = {.limit = 50};
        char buf[256];
        struct text text;

        text_init_fixed(&text, buf, sizeof(buf));
        assert_int_equal(store_events(store, &all, event_show, &text), 0);
        assert_span_is(text_span(&text), "4d 3c ");
    }
    (void)store_close(store);
}

static void an_event_that_fails_takes_its_change_along(void **state)
{
    struct store *store = make_store();
    const struct store_event one = event("same", 1, "n", "r", "u");
    const struct store_write write = put("k", "v", 0);

    (void)state;
    assert_int_equal(store_commit(store, NULL, 0, &one, 1, NULL), 0);
    assert_int_equal(store_commit(store, &write, 1, &one, 1, NULL), -EIO);
    assert_lists(store, "", "");
    assert_int_equal(commit_one(store, "k", "v", 0), 1);
    (void)store_close(store);
}

/* --- the file -------------------------------------------------------------------------------- */

static void only_the_owner_may_read(void **state)
{
    char dir[128];
    const char *why;
    struct store *store;
    struct stat st;

    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s/deep/er", make_dir);
    store = store_open(dir, true, &why);
    assert_non_null(store);
    assert_int_equal(commit_one(store, "k", "v", 0), 1);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(make_path("deep/er/openslb.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(make_path("deep/er/openslb.db-wal"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    (void)store_close(store);
    assert_int_equal(unlink(make_path("deep/er/openslb.db")), 0);
    assert_int_equal(rmdir(make_path("deep/er")), 0);
    assert_int_equal(rmdir(make_path("deep")), 0);
}

static void a_second_process_is_told(void **state)
{
    struct store *store = make_store();
    int status;
    pid_t child;

    (void)state;
    child = fork();
    if (child == 0) {
        const char *why = "";
        bool is_refused =
            !store_open(make_dir, true, &why) && strstr(why, "in use by another process");

        _exit(is_refused ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(commit_one(store, "k", "v", 0), 1);
    (void)store_close(store);
}

static void what_is_not_ours_is_left_alone(void **state)
{
    static const struct {
        const char *name, *sql, *part;
    } cases[] = {
        {"newer schema", "PRAGMA user_version = 7", "version 7, made by a newer program"},
        {"another program", "PRAGMA application_id = 5", "another program"},
        {"no state",
            "PRAGMA application_id = 0x4f534c42; PRAGMA user_version = 1; DELETE FROM state",
            "damaged"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store *store = make_store();

        print_message("%s\n", cases[i].name);
        (void)store_close(store);
        sqlite_do(cases[i].sql);
        assert_refused(cases[i].part);
        sqlite_do("PRAGMA application_id = 0x4f534c42; PRAGMA user_version = 1;"
                  "INSERT OR IGNORE INTO state VALUES(1, 0, 0)");
    }
}

/* Overwrites bytes of the closed file. */
static void file_damage(off_t at, const char *bytes, size_t n)
{
    int fd = open(make_path("openslb.db"), O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    assert_int_equal(close(fd), 0);
}

static void what_was_used_does_not_begin_anew(void **state)
{
    const char *why = "";
    struct store *store;
    struct stat st;

    (void)state;
    assert_null(store_open(make_dir, false, &why));
    assert_non_null(strstr(why, "put the store back"));
    assert_int_equal(stat(make_path("openslb.db"), &st), -1);
    (void)store_close(make_store());
    store = store_open(make_dir, false, &why);
    assert_non_null(store);
    (void)store_close(store);
    /* A file that a backup is copied to is empty at first. */
    assert_int_equal(truncate(make_path("openslb.db"), 0), 0);
    why = "";
    assert_null(store_open(make_dir, false, &why));
    assert_non_null(strstr(why, "put the store back"));
    assert_int_equal(stat(make_path("openslb.db"), &st), 0);
    assert_int_equal(st.st_size, 0);
}

static void a_damaged_file_is_left_alone(void **state)
{
    struct store *store = make_store();
    struct stat before, after;

    (void)state;
    assert_int_equal(commit_one(store, "k", "v", 0), 1);
    (void)store_close(store);
    file_damage(0, "no database here", 16);
    assert_int_equal(stat(make_path("openslb.db"), &before), 0);
    assert_refused("damaged");
    assert_int_equal(stat(make_path("openslb.db"), &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);

    file_damage(0, "SQLite format 3", 16);
    store = make_store();
    assert_lists(store, "", "k=v@1/1 ");
    (void)store_close(store);
}

static void a_full_disk_changes_nothing(void **state)
{
    struct store *store = make_store();
    char big[200000];
    struct rlimit none, small = {100000, 100000};

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_int_equal(commit_one(store, "k", "v", 0), 1);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &none), 0);
    small.rlim_max = none.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(commit_one(store, "big", big, 0), -ENOSPC);
    assert_int_equal(store_revision(store), 1);
    assert_lists(store, "", "k=v@1/1 ");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_equal(commit_one(store, "big", "fits", 0), 2);
    (void)store_close(store);
    store = make_store();
    assert_lists(store, "", "k=v@1/1 big=fits@2/2 ");
    (void)store_close(store);
}

/* --- death ----------------------------------------------------------------------------------- */

struct survivors {
    uint64_t value; /* of the first key: all must be alike */
    uint32_t n;
    bool is_whole;
};

static int survivor_count(void *arg, const struct store_entry *entry)
{
    struct survivors *all = arg;
    uint64_t value = 0;

    assert_int_equal(span_parse_u64(entry->value, &value), 0);
    all->is_whole = all->is_whole && (all->n == 0 || value == all->value);
    all->value = value;
    all->n++;
    return 0;
}

/* Sets ten keys to 1, 2, 3 ... and says each number through the pipe after its commit. */
static void writer(int out)
{
    struct store *store = make_store();
    char keys[10][8], value[24];
    struct store_write writes[10];
    uint64_t revision = store_revision(store);

    for (uint64_t round = revision + 1;; round++) {
        (void)snprintf(value, sizeof(value), "%llu", (unsigned long long)round);
        for (int i = 0; i < 10; i++) {
            (void)snprintf(keys[i], sizeof(keys[i]), "k%d", i);
            writes[i] = put(keys[i], value, revision);
        }
        if (store_commit(store, writes, 10, NULL, 0, &revision) < 0)
            _exit(1);
        if (write(out, &round, sizeof(round)) != sizeof(round))
            _exit(1);
    }
}

static void a_killed_writer_loses_nothing(void **state)
{
    uint64_t said = 0;

    (void)state;
    for (uint64_t round = 1; round <= 6; round++) {
        struct survivors all = {.is_whole = true};
        struct store *store;
        int fds[2];
        pid_t child;

        assert_int_equal(pipe(fds), 0);
        child = fork();
        if (child == 0)
            writer(fds[1]);
        assert_int_equal(close(fds[1]), 0);
        for (uint64_t i = 0; i < 7 * round; i++)
            assert_int_equal(read(fds[0], &said, sizeof(said)), sizeof(said));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(fds[0], &said, sizeof(said)) == sizeof(said))
            continue;
        assert_int_equal(close(fds[0]), 0);

        store = make_store();
        assert_int_equal(store_list(store, SPAN_LIT("k"), survivor_count, &all), 0);
        assert_int_equal(all.n, 10);
        assert_true(all.is_whole);
        assert_in_range(all.value, said, said + 1);
        assert_int_equal(store_revision(store), all.value);
        (void)store_close(store);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir_setup, make_dir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_committed_is_read),
        TEST(who_was_slower_gets_nothing),
        TEST(changes_tell_the_last_state),
        TEST(old_deletions_are_forgotten),
        TEST(events_are_found),
        TEST(an_event_that_fails_takes_its_change_along),
        TEST(only_the_owner_may_read),
        TEST(a_second_process_is_told),
        TEST(what_is_not_ours_is_left_alone),
        TEST(what_was_used_does_not_begin_anew),
        TEST(a_damaged_file_is_left_alone),
        TEST(a_full_disk_changes_nothing),
        TEST(a_killed_writer_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
