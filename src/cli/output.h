/* Answers for people: tables on standard output. */
#pragma once

#include "base/text.h"
#include "openapi/json.h"

#define TABLE_COLUMNS_MAX 24u

/* Rows of cells under headings; cells are copied. */
struct grid {
    const char *const *headings; /* n of them */
    unsigned n;
    char **cells; /* owned, and each of them */
    size_t n_cells;
};
void grid_begin(struct grid *grid, const char *const *headings, unsigned n);
/* The next cell; NULL and "" are shown as a dash. Rows must be whole in the end. */
void grid_add(struct grid *grid, const char *text);
void grid_add_int(struct grid *grid, int64_t value);
/* Appends the table, or `empty` if it has no rows; frees it. */
void grid_end(struct grid *grid, struct text *out, const char *empty);

/* Any answer: its single values by dotted name, its lists of structures as tables. */
void answer_as_table(struct text *out, const json_t *answer);
void answer_as_json(struct text *out, const json_t *answer);
/* Writes out to standard output and empties it. */
void print_text(struct text *out);

/* A member as text: "" if it is absent. numbers and booleans in buf. */
#define CELL_MAX 32u
const char *cell_text(const json_t *object, const char *name, char buf[CELL_MAX]);
