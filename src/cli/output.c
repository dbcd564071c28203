#include "cli/output.h"

void print_text(struct text *out)
{
    (void)fwrite(out->ptr, 1, out->len, stdout);
    text_reset(out);
}

void grid_begin(struct grid *grid, const char *const *headings, unsigned n)
{
    assert(n > 0 && n <= TABLE_COLUMNS_MAX);
    *grid = (struct grid){.headings = headings, .n = n};
}

/* What could move the cursor does not reach the terminal. */
static char *clean_copy(const char *text)
{
    char *copy = base_strdup(text);

    for (char *c = copy; *c != '\0'; c++) {
        if ((uint8_t)*c < ' ' || *c == 0x7f)
            *c = ' ';
    }
    return copy;
}

void grid_add(struct grid *grid, const char *text)
{
    if (grid->n_cells % 64 == 0)
        grid->cells = base_realloc(grid->cells, (grid->n_cells + 64) * sizeof(char *));
    grid->cells[grid->n_cells++] = clean_copy(text && text[0] != '\0' ? text : "-");
}

void grid_add_int(struct grid *grid, int64_t value)
{
    char buf[CELL_MAX];

    (void)snprintf(buf, sizeof(buf), "%lld", (long long)value);
    grid_add(grid, buf);
}

static size_t count_characters(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((uint8_t)*text & 0xc0) != 0x80;
    return n;
}

static void add_line(
    struct text *out, const struct grid *grid, const char *const *cells, const size_t *widths)
{
    for (unsigned i = 0; i < grid->n; i++) {
        size_t n = count_characters(cells[i]);

        text_add(out, span_of(cells[i]));
        if (i + 1 == grid->n)
            break;
        for (; n < widths[i] + 2; n++)
            text_add_char(out, ' ');
    }
    text_add_char(out, '\n');
}

void grid_end(struct grid *grid, struct text *out, const char *empty)
{
    size_t widths[TABLE_COLUMNS_MAX];

    assert(grid->n_cells % grid->n == 0);
    for (unsigned i = 0; i < grid->n; i++)
        widths[i] = count_characters(grid->headings[i]);
    for (size_t i = 0; i < grid->n_cells; i++)
        widths[i % grid->n] = MAX(widths[i % grid->n], count_characters(grid->cells[i]));
    if (grid->n_cells == 0)
        text_addf(out, "%s\n", empty);
    else
        add_line(out, grid, grid->headings, widths);
    for (size_t i = 0; i < grid->n_cells; i += grid->n)
        add_line(out, grid, (const char *const *)&grid->cells[i], widths);
    for (size_t i = 0; i < grid->n_cells; i++)
        free(grid->cells[i]);
    free(grid->cells);
    *grid = (struct grid){0};
}

/* --- any answer ---------------------------------------------------------------------------- */

static const char *value_text(const json_t *value, char buf[CELL_MAX])
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        (void)snprintf(buf, CELL_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        (void)snprintf(buf, CELL_MAX, "%g", json_real_value(value));
    else if (json_is_boolean(value))
        (void)snprintf(buf, CELL_MAX, "%s", json_is_true(value) ? "true" : "false");
    else
        return "";
    return buf;
}

const char *cell_text(const json_t *object, const char *name, char buf[CELL_MAX])
{
    return value_text(json_object_get(object, name), buf);
}

static bool has_structures(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

/* {"Servers": {"Server": [...]}}: the list. */
static const json_t *unwrap(const json_t *value)
{
    const json_t *only;

    if (!json_is_object(value) || json_object_size(value) != 1)
        return value;
    only = json_object_iter_value(json_object_iter(json_loose(value)));
    return json_is_array(only) ? only : value;
}

/* Single values and lists of them, on one line. */
static void add_short(struct text *out, const json_t *value)
{
    char buf[CELL_MAX];
    const json_t *element;
    size_t i;

    value = unwrap(value);
    if (has_structures(value)) {
        text_addf(out, "%zu", json_array_size(value));
        return;
    }
    if (!json_is_array(value)) {
        text_add(out, span_of(value_text(value, buf)));
        return;
    }
    json_array_foreach (value, i, element)
        text_addf(out, "%s%s", i > 0 ? "," : "", value_text(element, buf));
}

/* Members of all elements that can be columns, ids and names first. */
struct columns {
    const char *names[TABLE_COLUMNS_MAX];
    unsigned n;
};

static void add_columns(struct columns *columns, const json_t *list, bool ids)
{
    const json_t *element;
    size_t i;

    json_array_foreach (list, i, element) {
        void *iter = json_object_iter(json_loose(element));

        for (; iter; iter = json_object_iter_next(json_loose(element), iter)) {
            const char *name = json_object_iter_key(iter);
            const json_t *value = unwrap(json_object_iter_value(iter));
            size_t len = strlen(name);
            bool is_id = len > 2 && (strcmp(name + len - 2, "Id") == 0 ||
                                        (len > 4 && strcmp(name + len - 4, "Name") == 0));
            unsigned k = 0;

            if (json_is_object(value) || is_id != ids)
                continue;
            while (k < columns->n && strcmp(columns->names[k], name) != 0)
                k++;
            if (k == columns->n && columns->n < TABLE_COLUMNS_MAX)
                columns->names[columns->n++] = name;
        }
    }
}

static void add_list(struct text *out, const char *title, const json_t *list)
{
    struct columns columns = {.n = 0};
    struct grid grid;
    const json_t *element;
    struct text cell;
    size_t i;

    add_columns(&columns, list, true);
    add_columns(&columns, list, false);
    if (columns.n == 0)
        return;
    text_addf(out, "\n%s\n", title);
    grid_begin(&grid, columns.names, columns.n);
    text_init(&cell, SIZE_MAX);
    json_array_foreach (list, i, element) {
        for (unsigned k = 0; k < columns.n; k++) {
            text_reset(&cell);
            add_short(&cell, json_object_get(element, columns.names[k]));
            text_add_char(&cell, '\0');
            grid_add(&grid, cell.ptr);
        }
    }
    text_done(&cell);
    grid_end(&grid, out, "");
}

/* Single values, "Name  value"; then lists. How deep is bounded by the parser of JSON. */
static void add_object(struct text *out, const json_t *object, const char *prefix, bool lists)
{
    void *iter = json_object_iter(json_loose(object));

    for (; iter; iter = json_object_iter_next(json_loose(object), iter)) {
        const json_t *value = unwrap(json_object_iter_value(iter));
        char name[160];

        (void)snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "",
            json_object_iter_key(iter));
        if (json_is_object(value))
            add_object(out, value, name, lists);
        else if (has_structures(value) && lists)
            add_list(out, name, value);
        else if (!has_structures(value) && !lists) {
            text_addf(out, "%-30s ", name);
            add_short(out, value);
            text_add_char(out, '\n');
        }
    }
}

void answer_as_table(struct text *out, const json_t *answer)
{
    add_object(out, answer, "", false);
    add_object(out, answer, "", true);
}

void answer_as_json(struct text *out, const json_t *answer)
{
    char *text = json_dumps(answer, JSON_INDENT(2));

    text_addf(out, "%s\n", text ? text : "null");
    free(text);
}
