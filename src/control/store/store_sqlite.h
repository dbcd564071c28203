/* The open database, for the store_sqlite*.c files only. */
#pragma once

#include <sqlite3.h>

#include "control/store/store.h"

/* Statements that are kept prepared: one row each in store_sqlite.c. */
enum statement {
    STMT_BEGIN,
    STMT_COMMIT,
    STMT_RELAX,
    STMT_STRICT,
    STMT_LIST_ALL,
    STMT_LIST,
    STMT_GET,
    STMT_INSERT,
    STMT_UPDATE,
    STMT_DELETE,
    STMT_BURY,
    STMT_UNBURY,
    STMT_REVISION,
    STMT_CHANGES,
    STMT_GRAVES,
    STMT_GRAVE_AT,
    STMT_TRIM_GRAVES,
    STMT_SET_TRIMMED,
    STMT_ADD_EVENT,
    STMT_TRIM_EVENTS,
    STATEMENTS,
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS]; /* prepared at first use */
    uint64_t revision;
    bool relaxed;     /* wanted for the next commit */
    bool is_relaxed;  /* in force */
    uint64_t trimmed; /* what was deleted up to this revision is not all known any more */
};

/* A kept statement, ready to be bound. NULL: the database failed. */
sqlite3_stmt *sqlite_statement(struct store *store, enum statement which);
/* Runs a kept statement whose parameters are bound and which gives no rows. 0 or sqlite_error's. */
int sqlite_run(struct store *store, sqlite3_stmt *stmt) MUST_CHECK;
/* What the database's last failure is for callers: -ENOSPC or -EIO. */
int sqlite_error(struct store *store);
/* SQLite counts in int64_t. */
void sqlite_bind_u64(sqlite3_stmt *stmt, int at, uint64_t value);
/* The bytes are borrowed until the statement is reset. */
void sqlite_bind_span(sqlite3_stmt *stmt, int at, struct span text);
/* Borrowed until the next step. ptr NULL for NULL. */
struct span sqlite_column_span(sqlite3_stmt *stmt, int at);
