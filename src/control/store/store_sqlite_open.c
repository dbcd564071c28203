/* Opening the SQLite store: who may, whether it is ours, and its schema.
 *
 * A file that is not what it should be is never written to: its owner gets a sentence and keeps the
 * bytes.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "control/store/store_sqlite.h"

#define STORE_FILE     "openslb.db"
#define STORE_PATH_MAX 4096u
#define STORE_MARK     0x4f534c42 /* "OSLB", the file's application_id */
#define STORE_SCHEMA   1          /* its user_version */
/* A process that is ending may still hold the file when its successor starts. */
#define STORE_BUSY_MS 2000

/* STRICT: a column holds what it says. number is the order of creation. */
static const char schema[] =
    "CREATE TABLE docs("
    " number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT NOT NULL,"
    " created INTEGER NOT NULL, revision INTEGER NOT NULL) STRICT;"
    "CREATE INDEX docs_revision ON docs(revision);"
    "CREATE TABLE graves(key TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX graves_revision ON graves(revision);"
    "CREATE TABLE state("
    " id INTEGER PRIMARY KEY CHECK(id = 1), revision INTEGER NOT NULL, trimmed INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO state VALUES(1, 0, 0);"
    "CREATE TABLE events("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, time_ms INTEGER NOT NULL,"
    " name TEXT NOT NULL, resource TEXT NOT NULL, user TEXT NOT NULL, json TEXT NOT NULL) STRICT;"
    "CREATE INDEX events_time ON events(time_ms);"
    "CREATE INDEX events_name ON events(name);"
    "CREATE INDEX events_resource ON events(resource);"
    "CREATE INDEX events_user ON events(user);"
    "PRAGMA application_id = 0x4f534c42;"
    "PRAGMA user_version = 1;";

/* The exclusive lock needs no shared memory and holds until the process ends, however it ends. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA journal_size_limit = 4194304;";

/* A sentence for store_open; lives until the next. */
static char open_why[STORE_PATH_MAX + 256];

static void PRINTF_LIKE(1, 2) open_refuse(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(open_why, sizeof(open_why), fmt, args);
    va_end(args);
}

/* Why SQLite could not do it, with what to do. */
static int open_failed(struct store *store, const char *path)
{
    switch (sqlite3_errcode(store->db)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        open_refuse("The store %s is in use by another process.", path);
        break;
    case SQLITE_OK: /* a row that must be there is not */
    case SQLITE_DONE:
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        open_refuse("The store %s is damaged (%s); it was left as it is: put a backup in its "
                    "place, or move it away to start anew.",
            path, sqlite3_errmsg(store->db));
        break;
    default:
        open_refuse("The store %s cannot be opened: %s.", path, sqlite3_errmsg(store->db));
    }
    return -EIO;
}

static int open_exec(struct store *store, const char *path, const char *statements)
{
    if (sqlite3_exec(store->db, statements, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return open_failed(store, path);
}

/* The first column of the first row. */
static int open_ask(
    struct store *store, const char *path, const char *question, int64_t *ret_answer)
{
    sqlite3_stmt *stmt = NULL;
    bool has_row = sqlite3_prepare_v2(store->db, question, -1, &stmt, NULL) == SQLITE_OK &&
                   sqlite3_step(stmt) == SQLITE_ROW;

    if (has_row)
        *ret_answer = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return has_row ? 0 : open_failed(store, path);
}

/* --- file ------------------------------------------------------------------------------------ */

/* So that SQLite finds the file with the mode that its companions inherit. */
static int make_file(const char *path, bool may_begin)
{
    int fd = open(path, O_RDWR | (may_begin ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = 0;

    if (fd < 0)
        return -errno;
    if (fchmod(fd, 0600) < 0)
        r = -errno;
    (void)close(fd);
    return r;
}

/* --- schema ---------------------------------------------------------------------------------- */

static void refuse_to_begin(const char *path)
{
    open_refuse(
        "The store %s is missing or empty, but its directory has been used: put the store back, "
        "or remove root-key.json and node-key to begin with an empty node.",
        path);
}

/* Inside a transaction: makes the tables of a new file, refuses what is not ours. */
static int open_schema(struct store *store, const char *path, bool may_begin)
{
    int64_t mark = 0, version = 0, n_tables = 0;
    int r;

    r = open_ask(store, path, "PRAGMA application_id", &mark);
    if (r < 0)
        return r;
    r = open_ask(store, path, "PRAGMA user_version", &version);
    if (r < 0)
        return r;
    r = open_ask(store, path, "SELECT count(*) FROM sqlite_schema", &n_tables);
    if (r < 0)
        return r;
    if (mark == 0 && version == 0 && n_tables == 0) {
        if (may_begin)
            return open_exec(store, path, schema);
        refuse_to_begin(path);
        return -ENOENT;
    }
    if (mark != STORE_MARK) {
        open_refuse("The file %s is a database of another program; it was left as it is.", path);
        return -EINVAL;
    }
    if (version != STORE_SCHEMA) {
        open_refuse("The store %s has version %lld, made by a newer program than this one, "
                    "which knows version %d; it was left as it is.",
            path, (long long)version, STORE_SCHEMA);
        return -EINVAL;
    }
    return 0;
}

/* Looks before it writes: the journal mode is a write too. */
static int open_check(struct store *store, const char *path, bool may_begin)
{
    int r;

    r = open_exec(store, path, "BEGIN IMMEDIATE");
    if (r < 0)
        return r;
    r = open_schema(store, path, may_begin);
    if (r < 0) {
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return r;
    }
    return open_exec(store, path, "COMMIT; PRAGMA journal_mode = WAL;");
}

static int open_state(struct store *store, const char *path)
{
    int64_t revision = 0, trimmed = 0;
    int r;

    r = open_ask(store, path, "SELECT revision FROM state", &revision);
    if (r < 0)
        return r;
    r = open_ask(store, path, "SELECT trimmed FROM state", &trimmed);
    if (r < 0)
        return r;
    store->revision = (uint64_t)revision;
    store->trimmed = (uint64_t)trimmed;
    return 0;
}

static int open_database(struct store *store, const char *path, bool may_begin)
{
    int r;

    if (sqlite3_open_v2(path, &store->db,
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
        return open_failed(store, path);
    (void)sqlite3_busy_timeout(store->db, STORE_BUSY_MS);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    r = open_exec(store, path, settings);
    if (r < 0)
        return r;
    r = open_check(store, path, may_begin);
    if (r < 0)
        return r;
    return open_state(store, path);
}

struct store *store_open(const char *dir, bool may_begin, const char **ret_why)
{
    struct store *store;
    char path[STORE_PATH_MAX];
    int n, r;

    *ret_why = open_why;
    n = snprintf(path, sizeof(path), "%s/" STORE_FILE, dir);
    r = n < (int)sizeof(path) ? file_make_dirs(dir, 0700) : -ENAMETOOLONG;
    if (r == 0)
        r = make_file(path, may_begin);
    if (r == -ENOENT) {
        refuse_to_begin(path);
        return NULL;
    }
    if (r < 0) {
        open_refuse("The store %s cannot be made or opened: %s.", path, strerrordesc_np(-r));
        return NULL;
    }
    store = base_zalloc(sizeof(*store));
    if (open_database(store, path, may_begin) < 0)
        return store_close(store);
    return store;
}

struct store *store_close(struct store *store)
{
    if (!store)
        return NULL;
    for (uint32_t i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(store->statements[i]);
    (void)sqlite3_close(store->db);
    free(store);
    return NULL;
}
