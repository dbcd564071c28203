/* The store in one SQLite file.
 *
 * docs holds what there is, graves the keys of what was deleted (so that store_changes can tell),
 * events the operation log, state one row of counters. Every commit is one SQLite transaction,
 * synced before it returns.
 */
#include "control/store/store_sqlite.h"

/* Deleted keys that are remembered: at GRAVES_MAX the older half goes. Looked at every so many
 * revisions. */
#define GRAVES_MAX        20000u
#define GRAVES_TRIM_EVERY 64u

static const char *const sql[STATEMENTS] = {
    [STMT_BEGIN] = "BEGIN IMMEDIATE",
    [STMT_COMMIT] = "COMMIT",
    [STMT_RELAX] = "PRAGMA synchronous = NORMAL",
    [STMT_STRICT] = "PRAGMA synchronous = FULL",
    [STMT_LIST_ALL] = "SELECT key, value, created, revision FROM docs ORDER BY number",
    /* No key has the last character of Unicode, so that this ends the range of a prefix. */
    [STMT_LIST] = "SELECT key, value, created, revision FROM docs"
                  " WHERE key >= ?1 AND key < ?1 || char(1114111) ORDER BY number",
    [STMT_GET] = "SELECT key, value, created, revision FROM docs WHERE key = ?1",
    [STMT_INSERT] = "INSERT INTO docs(key, value, created, revision) VALUES(?1, ?2, ?3, ?3)"
                    " ON CONFLICT(key) DO NOTHING",
    [STMT_UPDATE] = "UPDATE docs SET value = ?2, revision = ?3 WHERE key = ?1 AND revision = ?4",
    [STMT_DELETE] = "DELETE FROM docs WHERE key = ?1 AND revision = ?4",
    [STMT_BURY] = "INSERT OR REPLACE INTO graves(key, revision) VALUES(?1, ?2)",
    [STMT_UNBURY] = "DELETE FROM graves WHERE key = ?1",
    [STMT_REVISION] = "UPDATE state SET revision = ?1",
    [STMT_CHANGES] = "SELECT key, value, created, revision FROM docs WHERE revision > ?1 UNION ALL"
                     " SELECT key, NULL, 0, revision FROM graves WHERE revision > ?1 ORDER BY 4",
    [STMT_GRAVES] = "SELECT count(*) FROM graves",
    [STMT_GRAVE_AT] = "SELECT revision FROM graves ORDER BY revision LIMIT 1 OFFSET ?1",
    [STMT_TRIM_GRAVES] = "DELETE FROM graves WHERE revision <= ?1",
    [STMT_SET_TRIMMED] = "UPDATE state SET trimmed = ?1",
    [STMT_ADD_EVENT] = "INSERT INTO events(id, time_ms, name, resource, user, json)"
                       " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [STMT_TRIM_EVENTS] = "DELETE FROM events WHERE time_ms < ?1"
                         " OR number <= (SELECT max(number) FROM events) - ?2",
};

/* --- small things ---------------------------------------------------------------------------- */

sqlite3_stmt *sqlite_statement(struct store *store, enum statement which)
{
    sqlite3_stmt **stmt = &store->statements[which];

    if (!*stmt &&
        sqlite3_prepare_v3(store->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL))
        return NULL;
    return *stmt;
}

/* Why the write-ahead log could not be written. SQLite itself tells a full disk, but neither a
 * quota nor a limit on the size of files from broken hardware. */
static int log_errno(struct store *store)
{
    sqlite3_file *log = NULL;
    int cause = 0;

    (void)sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log && log->pMethods)
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &cause);
    return cause;
}

int sqlite_error(struct store *store)
{
    int code = sqlite3_errcode(store->db), cause;

    if (code == SQLITE_FULL)
        return -ENOSPC;
    if (code != SQLITE_IOERR)
        return -EIO;
    cause = log_errno(store);
    return cause == ENOSPC || cause == EDQUOT || cause == EFBIG ? -ENOSPC : -EIO;
}

int sqlite_run(struct store *store, sqlite3_stmt *stmt)
{
    int r = 0;

    if (!stmt)
        return sqlite_error(store);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        r = sqlite_error(store);
    (void)sqlite3_reset(stmt);
    return r;
}

void sqlite_bind_u64(sqlite3_stmt *stmt, int at, uint64_t value)
{
    (void)sqlite3_bind_int64(stmt, at, (sqlite3_int64)MIN(value, (uint64_t)INT64_MAX));
}

void sqlite_bind_span(sqlite3_stmt *stmt, int at, struct span text)
{
    (void)sqlite3_bind_text64(
        stmt, at, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

struct span sqlite_column_span(sqlite3_stmt *stmt, int at)
{
    const unsigned char *text = sqlite3_column_text(stmt, at);

    return (struct span){(const char *)text, text ? (size_t)sqlite3_column_bytes(stmt, at) : 0};
}

uint64_t store_revision(const struct store *store)
{
    return store->revision;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Gives each row of a bound statement to fn. 1 if there was none. */
static int store_walk(struct store *store, sqlite3_stmt *stmt, store_fn fn, void *arg)
{
    bool is_empty = true;
    int step = SQLITE_ROW, r = 0;

    while (r >= 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct store_entry entry = {
            .key = sqlite_column_span(stmt, 0),
            .value = sqlite_column_span(stmt, 1),
            .created = (uint64_t)sqlite3_column_int64(stmt, 2),
            .revision = (uint64_t)sqlite3_column_int64(stmt, 3),
        };

        is_empty = false;
        r = fn(arg, &entry);
    }
    if (r >= 0 && step != SQLITE_DONE)
        r = sqlite_error(store);
    (void)sqlite3_reset(stmt);
    if (r < 0)
        return r;
    return is_empty;
}

int store_list(struct store *store, struct span prefix, store_fn fn, void *arg)
{
    /* All of them come in their order without sorting. */
    sqlite3_stmt *stmt = sqlite_statement(store, prefix.len > 0 ? STMT_LIST : STMT_LIST_ALL);
    int r;

    if (!stmt)
        return sqlite_error(store);
    if (prefix.len > 0)
        sqlite_bind_span(stmt, 1, prefix);
    r = store_walk(store, stmt, fn, arg);
    return MIN(r, 0);
}

int store_get(struct store *store, struct span key, store_fn fn, void *arg)
{
    sqlite3_stmt *stmt = sqlite_statement(store, STMT_GET);
    int r;

    if (!stmt)
        return sqlite_error(store);
    sqlite_bind_span(stmt, 1, key);
    r = store_walk(store, stmt, fn, arg);
    return r > 0 ? -ENOENT : r;
}

int store_changes(struct store *store, uint64_t since, store_fn fn, void *arg)
{
    sqlite3_stmt *stmt = sqlite_statement(store, STMT_CHANGES);
    int r;

    if (since < store->trimmed)
        return -ERANGE;
    if (!stmt)
        return sqlite_error(store);
    sqlite_bind_u64(stmt, 1, since);
    r = store_walk(store, stmt, fn, arg);
    return MIN(r, 0);
}

/* --- writing --------------------------------------------------------------------------------- */

static int graves_change(
    struct store *store, enum statement which, struct span key, uint64_t revision)
{
    sqlite3_stmt *stmt = sqlite_statement(store, which);

    if (stmt) {
        sqlite_bind_span(stmt, 1, key);
        if (which == STMT_BURY)
            sqlite_bind_u64(stmt, 2, revision);
    }
    return sqlite_run(store, stmt);
}

static int store_write_one(struct store *store, const struct store_write *write, uint64_t revision)
{
    bool is_delete = !write->value.ptr;
    enum statement which = is_delete ? STMT_DELETE : write->expected ? STMT_UPDATE : STMT_INSERT;
    sqlite3_stmt *stmt = sqlite_statement(store, which);
    int r;

    if (!stmt)
        return sqlite_error(store);
    sqlite_bind_span(stmt, 1, write->key);
    if (!is_delete) {
        sqlite_bind_span(stmt, 2, write->value);
        sqlite_bind_u64(stmt, 3, revision);
    }
    if (which != STMT_INSERT)
        sqlite_bind_u64(stmt, 4, write->expected);
    r = sqlite_run(store, stmt);
    if (r < 0)
        return r;
    if (sqlite3_changes(store->db) != 1)
        return -ESTALE;
    if (which == STMT_UPDATE)
        return 0;
    return graves_change(store, is_delete ? STMT_BURY : STMT_UNBURY, write->key, revision);
}

static int store_event_add(struct store *store, const struct store_event *event)
{
    sqlite3_stmt *stmt = sqlite_statement(store, STMT_ADD_EVENT);

    if (!stmt)
        return sqlite_error(store);
    sqlite_bind_span(stmt, 1, event->id);
    sqlite_bind_u64(stmt, 2, event->time_ms);
    sqlite_bind_span(stmt, 3, event->name);
    sqlite_bind_span(stmt, 4, event->resource);
    sqlite_bind_span(stmt, 5, event->user);
    sqlite_bind_span(stmt, 6, event->json);
    return sqlite_run(store, stmt);
}

static int store_set(struct store *store, enum statement which, uint64_t value)
{
    sqlite3_stmt *stmt = sqlite_statement(store, which);

    if (stmt)
        sqlite_bind_u64(stmt, 1, value);
    return sqlite_run(store, stmt);
}

/* One number from a statement with one parameter or none. */
static int store_ask(
    struct store *store, enum statement which, uint64_t value, uint64_t *ret_answer)
{
    sqlite3_stmt *stmt = sqlite_statement(store, which);
    int r = 0;

    if (!stmt)
        return sqlite_error(store);
    if (sqlite3_bind_parameter_count(stmt) > 0)
        sqlite_bind_u64(stmt, 1, value);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        *ret_answer = (uint64_t)sqlite3_column_int64(stmt, 0);
    else
        r = sqlite_error(store);
    (void)sqlite3_reset(stmt);
    return r;
}

/* Now and then forgets the older half of the deleted keys, if there are too many. */
static int graves_trim(struct store *store, uint64_t revision, uint64_t *trimmed)
{
    uint64_t n = 0, upto = 0;
    int r;

    if (revision % GRAVES_TRIM_EVERY != 0)
        return 0;
    r = store_ask(store, STMT_GRAVES, 0, &n);
    if (r < 0 || n < GRAVES_MAX)
        return r;
    r = store_ask(store, STMT_GRAVE_AT, n / 2, &upto);
    if (r < 0)
        return r;
    r = store_set(store, STMT_TRIM_GRAVES, upto);
    if (r < 0)
        return r;
    *trimmed = upto;
    return store_set(store, STMT_SET_TRIMMED, upto);
}

static int store_write_all(struct store *store, const struct store_write *writes, uint32_t n_writes,
    uint64_t revision, uint64_t *trimmed)
{
    int r;

    for (uint32_t i = 0; i < n_writes; i++) {
        r = store_write_one(store, &writes[i], revision);
        if (r < 0)
            return r;
    }
    if (n_writes == 0)
        return 0;
    r = store_set(store, STMT_REVISION, revision);
    if (r < 0)
        return r;
    return graves_trim(store, revision, trimmed);
}

static int store_event_all(struct store *store, const struct store_event *events, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        int r = store_event_add(store, &events[i]);

        if (r < 0)
            return r;
    }
    return 0;
}

void store_relax(struct store *store)
{
    store->relaxed = true;
}

/* Begins, in the mode of syncing that this commit asks for. */
static int store_begin(struct store *store)
{
    bool relaxed = store->relaxed;
    int r = 0;

    store->relaxed = false;
    if (relaxed != store->is_relaxed)
        r = sqlite_run(store, sqlite_statement(store, relaxed ? STMT_RELAX : STMT_STRICT));
    if (r < 0)
        return r;
    store->is_relaxed = relaxed;
    return sqlite_run(store, sqlite_statement(store, STMT_BEGIN));
}

int store_commit(struct store *store, const struct store_write *writes, uint32_t n_writes,
    const struct store_event *events, uint32_t n_events, uint64_t *ret_revision)
{
    uint64_t revision = store->revision + (n_writes > 0), trimmed = store->trimmed;
    int r = store_begin(store);

    if (r == 0)
        r = store_write_all(store, writes, n_writes, revision, &trimmed);
    if (r == 0)
        r = store_event_all(store, events, n_events);
    if (r == 0)
        r = sqlite_run(store, sqlite_statement(store, STMT_COMMIT));
    if (r < 0) {
        /* Some failures have rolled back already; the next BEGIN would tell if this one failed
         * too. */
        if (!sqlite3_get_autocommit(store->db))
            (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return r;
    }
    store->revision = revision;
    store->trimmed = trimmed;
    if (ret_revision)
        *ret_revision = revision;
    return 0;
}
