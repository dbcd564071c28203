/* The operation log of the SQLite store. */
#include "base/text.h"
#include "control/store/store_sqlite.h"

#define QUERY_BYTES    1024u
#define ROWS_MAX       50u
#define CONDITIONS_MAX 7u

struct condition {
    const char *sql;
    struct span text; /* len 0: the number is meant */
    uint64_t number;
};

/* Conditions that the query asks for; others are left out, so that SQLite can choose an index.
 * Returns how many. */
static uint32_t events_conditions(
    const struct store_event_query *query, struct condition *conditions)
{
    const struct condition all[] = {
        {"name = ?", query->name, 0},
        {"resource = ?", query->resource, 0},
        {"user = ?", query->user, 0},
        {"id = ?", query->id, 0},
        {"time_ms >= ?", {0}, query->from_ms},
        {"time_ms <= ?", {0}, query->to_ms},
        {query->oldest_first ? "number > ?" : "number < ?", {0}, query->after},
    };
    uint32_t n = 0;

    _Static_assert(ARRAY_LEN(all) == CONDITIONS_MAX, "one of each");
    for (uint32_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i].text.len > 0 || all[i].number > 0)
            conditions[n++] = all[i];
    return n;
}

static sqlite3_stmt *events_prepare(struct store *store, const struct store_event_query *query)
{
    struct condition conditions[CONDITIONS_MAX];
    uint32_t n = events_conditions(query, conditions);
    char buf[QUERY_BYTES];
    struct text sql;
    sqlite3_stmt *stmt = NULL;

    text_init_fixed(&sql, buf, sizeof(buf));
    text_add(&sql, SPAN_LIT("SELECT number, json FROM events"));
    for (uint32_t i = 0; i < n; i++)
        text_addf(&sql, "%s%s", i == 0 ? " WHERE " : " AND ", conditions[i].sql);
    text_addf(&sql, " ORDER BY number %s LIMIT %u", query->oldest_first ? "ASC" : "DESC",
        MIN(MAX(query->limit, 1u), ROWS_MAX));
    assert(!text_failed(&sql));
    if (sqlite3_prepare_v2(store->db, sql.ptr, (int)sql.len, &stmt, NULL))
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (conditions[i].text.len > 0)
            sqlite_bind_span(stmt, (int)i + 1, conditions[i].text);
        else
            sqlite_bind_u64(stmt, (int)i + 1, conditions[i].number);
    }
    return stmt;
}

int store_events(
    struct store *store, const struct store_event_query *query, store_event_fn fn, void *arg)
{
    sqlite3_stmt *stmt = events_prepare(store, query);
    int step = SQLITE_ROW, r = 0;

    if (!stmt)
        return sqlite_error(store);
    while (r >= 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW)
        r = fn(arg, (uint64_t)sqlite3_column_int64(stmt, 0), sqlite_column_span(stmt, 1));
    if (r >= 0 && step != SQLITE_DONE)
        r = sqlite_error(store);
    (void)sqlite3_finalize(stmt);
    return MIN(r, 0);
}

/* Whatever their age: a client that polls hard must not fill the disk. */
#define EVENTS_MAX 1000000u

int store_events_trim(struct store *store, uint64_t before_ms)
{
    sqlite3_stmt *stmt = sqlite_statement(store, STMT_TRIM_EVENTS);

    if (stmt) {
        sqlite_bind_u64(stmt, 1, before_ms);
        sqlite_bind_u64(stmt, 2, EVENTS_MAX);
    }
    return sqlite_run(store, stmt);
}
