#include "snapshot/fields.h"

/* Writes the part of path that ends at buf + end; returns its length before cutting. */
static size_t path_put(const struct field_path *path, char *buf, size_t cap)
{
    size_t len = path->up ? path_put(path->up, buf, cap) : 0;
    size_t left = len < cap ? cap - len : 0;
    char *at = buf + MIN(len, cap);
    int n;

    if (!path->name)
        n = snprintf(at, left, "[%u]", path->index);
    else
        n = snprintf(at, left, "%s%s", len > 0 ? "." : "", path->name);
    return len + (size_t)n;
}

void field_path_format(const struct field_path *path, char buf[static FIELD_PATH_MAX])
{
    buf[0] = '\0';
    if (path)
        (void)path_put(path, buf, FIELD_PATH_MAX);
}

size_t field_item_bytes(const struct field *row)
{
    switch (row->type) {
    case FIELD_LIST:
        return row->item_bytes;
    case FIELD_TEXT_LIST:
        return sizeof(const char *);
    default:
        assert(row->type == FIELD_IP_LIST);
        return sizeof(struct addr);
    }
}

static const char *field_default_text(const struct field *row)
{
    return row->dflt_text ? row->dflt_text : "";
}

void field_set_default(const struct field *row, void *conf)
{
    void *at = field_at(row, conf);

    switch (row->type) {
    case FIELD_BOOL:
        *(bool *)at = row->dflt != 0;
        break;
    case FIELD_UINT:
    case FIELD_ENUM:
    case FIELD_FLAGS:
        *(uint32_t *)at = (uint32_t)row->dflt;
        break;
    case FIELD_UINT64:
        *(uint64_t *)at = row->dflt;
        break;
    case FIELD_TEXT:
        *(const char **)at = field_default_text(row);
        break;
    case FIELD_IP:
        *(struct addr *)at = (struct addr){0};
        break;
    case FIELD_REF:
        *(struct ref *)at = (struct ref){REF_NONE};
        break;
    case FIELD_LIST:
    case FIELD_TEXT_LIST:
    case FIELD_IP_LIST:
        *(struct field_list *)at = (struct field_list){0};
        break;
    case FIELD_END:
        break;
    }
}

bool field_is_default(const struct field *row, const void *conf)
{
    const void *at = field_at_const(row, conf);

    switch (row->type) {
    case FIELD_BOOL:
        return *(const bool *)at == (row->dflt != 0);
    case FIELD_UINT:
    case FIELD_ENUM:
    case FIELD_FLAGS:
        return *(const uint32_t *)at == row->dflt;
    case FIELD_UINT64:
        return *(const uint64_t *)at == row->dflt;
    case FIELD_TEXT:
        return strcmp(*(const char *const *)at, field_default_text(row)) == 0;
    case FIELD_IP:
        return ((const struct addr *)at)->family == 0;
    case FIELD_REF:
        return ((const struct ref *)at)->slot == REF_NONE;
    default:
        return ((const struct field_list *)at)->n == 0;
    }
}

static bool field_list_equal(
    const struct field *row, const struct field_list *a, const struct field_list *b)
{
    size_t bytes = field_item_bytes(row);

    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        const char *item_a = (const char *)a->at + i * bytes;
        const char *item_b = (const char *)b->at + i * bytes;
        bool equal;

        if (row->type == FIELD_LIST)
            equal = fields_equal(row->fields, item_a, item_b);
        else if (row->type == FIELD_TEXT_LIST)
            equal = strcmp(*(const char *const *)item_a, *(const char *const *)item_b) == 0;
        else
            equal = memcmp(item_a, item_b, bytes) == 0;
        if (!equal)
            return false;
    }
    return true;
}

bool field_equal(const struct field *row, const void *a, const void *b)
{
    const void *at_a = field_at_const(row, a);
    const void *at_b = field_at_const(row, b);

    switch (row->type) {
    case FIELD_BOOL:
        return *(const bool *)at_a == *(const bool *)at_b;
    case FIELD_UINT:
    case FIELD_ENUM:
    case FIELD_FLAGS:
        return *(const uint32_t *)at_a == *(const uint32_t *)at_b;
    case FIELD_UINT64:
        return *(const uint64_t *)at_a == *(const uint64_t *)at_b;
    case FIELD_TEXT:
        return strcmp(*(const char *const *)at_a, *(const char *const *)at_b) == 0;
    case FIELD_IP:
        return addr_eq(at_a, at_b);
    case FIELD_REF:
        return ((const struct ref *)at_a)->slot == ((const struct ref *)at_b)->slot;
    default:
        return field_list_equal(row, at_a, at_b);
    }
}

bool fields_equal(const struct field *rows, const void *a, const void *b)
{
    for (const struct field *row = rows; row->type != FIELD_END; row++) {
        if (!field_equal(row, a, b))
            return false;
    }
    return true;
}

const struct field *fields_find(const struct field *rows, struct span name)
{
    for (const struct field *row = rows; row->type != FIELD_END; row++) {
        if (span_eq(span_of(row->name), name))
            return row;
    }
    return NULL;
}

static bool fields_have_refs(const struct field *rows)
{
    for (const struct field *row = rows; row->type != FIELD_END; row++) {
        if (row->type == FIELD_REF)
            return true;
        if (row->type == FIELD_LIST && fields_have_refs(row->fields))
            return true;
    }
    return false;
}

void fields_walk_refs(
    const struct field *rows, void *conf, const struct field_path *up, field_ref_fn fn, void *arg)
{
    for (const struct field *row = rows; row->type != FIELD_END; row++) {
        struct field_path path = {.up = up, .name = row->name};
        struct field_list *list = field_at(row, conf);

        if (row->type == FIELD_REF)
            fn(arg, row, field_at(row, conf), &path);
        if (row->type != FIELD_LIST || !fields_have_refs(row->fields))
            continue;
        for (uint32_t i = 0; i < list->n; i++) {
            struct field_path element = {.up = &path, .index = i};

            fields_walk_refs(
                row->fields, (char *)list->at + i * row->item_bytes, &element, fn, arg);
        }
    }
}

/* A text that need not be copied: it is empty or the row's own default. */
static bool text_is_static(const struct field *row, const char *text)
{
    return text[0] == '\0' || text == row->dflt_text;
}

static size_t padded(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

static size_t text_bytes(const struct field *row, const char *text)
{
    return text_is_static(row, text) ? 0 : padded(strlen(text) + 1);
}

static size_t list_bytes(const struct field *row, const struct field_list *list)
{
    size_t item_bytes = field_item_bytes(row);
    size_t bytes = padded(list->n * item_bytes);

    for (uint32_t i = 0; i < list->n; i++) {
        const char *item = (const char *)list->at + i * item_bytes;

        if (row->type == FIELD_LIST)
            bytes += fields_bytes(row->fields, item);
        else if (row->type == FIELD_TEXT_LIST)
            bytes += text_bytes(row, *(const char *const *)item);
    }
    return bytes;
}

size_t fields_bytes(const struct field *rows, const void *conf)
{
    size_t bytes = 0;

    for (const struct field *row = rows; row->type != FIELD_END; row++) {
        const void *at = field_at_const(row, conf);

        if (row->type == FIELD_TEXT)
            bytes += text_bytes(row, *(const char *const *)at);
        else if (field_is_list(row))
            bytes += list_bytes(row, at);
    }
    return bytes;
}

static void copy_text(const struct field *row, const char **text, struct arena *arena)
{
    if (**text == '\0')
        *text = "";
    if (text_is_static(row, *text))
        return;
    *text = arena_copy(arena, span_of(*text)).ptr;
    assert(*text);
}

static void copy_list(const struct field *row, struct field_list *list, struct arena *arena)
{
    size_t item_bytes = field_item_bytes(row);
    char *items;

    if (list->n == 0) {
        list->at = NULL;
        return;
    }
    items = arena_alloc(arena, list->n * item_bytes);
    assert(items);
    memcpy(items, list->at, list->n * item_bytes);
    list->at = items;
    for (uint32_t i = 0; i < list->n; i++) {
        if (row->type == FIELD_LIST)
            fields_copy(row->fields, items + i * item_bytes, arena);
        else if (row->type == FIELD_TEXT_LIST)
            copy_text(row, (const char **)(void *)(items + i * item_bytes), arena);
    }
}

void fields_copy(const struct field *rows, void *conf, struct arena *arena)
{
    for (const struct field *row = rows; row->type != FIELD_END; row++) {
        void *at = field_at(row, conf);

        if (row->type == FIELD_TEXT)
            copy_text(row, at, arena);
        else if (field_is_list(row))
            copy_list(row, at, arena);
    }
}
