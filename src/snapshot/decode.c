#include "snapshot/decode.h"

#include <jansson.h>
#include <stdarg.h>

#include "snapshot/snapshot.h"
#include "snapshot/unbuilt.h"

#define DECODE_NAMES_MAX 200u

const char *const decode_resource_keys[] = {"kind", "id", "version", NULL};
const char decode_id_rule[] =
    "must be 1 to 128 visible ASCII characters other than quote and backslash";

_Static_assert(SNAPSHOT_ID_MAX == 128, "decode_id_rule tells the limit");

void decode_refs_done(struct decode_refs *refs)
{
    arena_done(&refs->ids);
    free(refs->at);
    *refs = (struct decode_refs){0};
}

bool decode_id_is_valid(struct span id)
{
    if (id.len < 1 || id.len > SNAPSHOT_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        if (id.ptr[i] <= ' ' || id.ptr[i] > '~' || id.ptr[i] == '"' || id.ptr[i] == '\\')
            return false;
    }
    return true;
}

struct span decode_brief(const json_t *json, char buf[static DECODE_BRIEF_MAX])
{
    int n;

    switch (json_typeof(json)) {
    case JSON_STRING:
        return (struct span){json_string_value(json), json_string_length(json)};
    case JSON_INTEGER:
        n = snprintf(buf, DECODE_BRIEF_MAX, "%lld", (long long)json_integer_value(json));
        return (struct span){buf, (size_t)n};
    case JSON_REAL:
        n = snprintf(buf, DECODE_BRIEF_MAX, "%.15g", json_real_value(json));
        return (struct span){buf, (size_t)n};
    case JSON_TRUE:
        return SPAN_LIT("true");
    case JSON_FALSE:
        return SPAN_LIT("false");
    case JSON_NULL:
        return SPAN_LIT("null");
    case JSON_ARRAY:
        return SPAN_LIT("[...]");
    case JSON_OBJECT:
        return SPAN_LIT("{...}");
    }
    return (struct span){0};
}

/* One value of a row, and where it is. */
struct decode_value {
    struct decode *decode;
    const struct field *row;
    json_t *json;
    const struct field_path *path;
};

static void complain(const struct decode_value *value, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void complain(const struct decode_value *value, const char *fmt, ...)
{
    struct span given = {0};
    char path[FIELD_PATH_MAX];
    char buf[DECODE_BRIEF_MAX];
    char rule[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(rule, sizeof(rule), fmt, args);
    va_end(args);
    field_path_format(value->path, path);
    if (value->json && !(value->row->flags & FIELD_SECRET))
        given = decode_brief(value->json, buf);
    errors_add(value->decode->errors, value->decode->resource, path, given, "%s", rule);
}

static void decode_bool(const struct decode_value *value, void *at)
{
    if (!json_is_boolean(value->json))
        complain(value, "must be true or false");
    else
        *(bool *)at = json_is_true(value->json);
}

static bool decode_number(const struct decode_value *value, uint64_t *ret_number)
{
    const struct field *row = value->row;
    json_int_t number;

    if (json_is_integer(value->json)) {
        number = json_integer_value(value->json);
        if (number >= 0 && (uint64_t)number >= row->min && (uint64_t)number <= row->max) {
            *ret_number = (uint64_t)number;
            return true;
        }
    }
    complain(value, "must be a whole number from %llu to %llu", (unsigned long long)row->min,
        (unsigned long long)row->max);
    return false;
}

static void decode_uint(const struct decode_value *value, void *at)
{
    uint64_t number;

    if (decode_number(value, &number))
        *(uint32_t *)at = (uint32_t)number;
}

static void decode_uint64(const struct decode_value *value, void *at)
{
    uint64_t number;

    if (decode_number(value, &number))
        *(uint64_t *)at = number;
}

/* Index of a text among the row's names, or -1. */
static int find_name(const struct field *row, const json_t *json)
{
    struct span text;

    if (!json_is_string(json))
        return -1;
    text = (struct span){json_string_value(json), json_string_length(json)};
    for (int i = 0; row->names[i]; i++) {
        if (span_eq(text, span_of(row->names[i])))
            return i;
    }
    return -1;
}

/* Whether the value is known as something that is not built; then that is said, and nothing of what belongs to it. */
static bool complain_of_unbuilt(const struct decode_value *value)
{
    const json_t *json = value->json;
    const char *sentence = NULL;

    if (json_is_string(json))
        sentence = unbuilt_value((enum resource_kind)value->decode->kind, value->path,
            (struct span){json_string_value(json), json_string_length(json)});
    if (!sentence)
        return false;
    if (!value->decode->is_unbuilt)
        complain(value, "%s", sentence);
    value->decode->is_unbuilt = true;
    return true;
}

static void complain_of_name(const struct decode_value *value)
{
    char buf[DECODE_NAMES_MAX];
    struct text names;

    if (complain_of_unbuilt(value))
        return;
    text_init_fixed(&names, buf, sizeof(buf));
    for (uint32_t i = 0; value->row->names[i]; i++)
        text_addf(&names, "%s%s", i > 0 ? ", " : "", value->row->names[i]);
    complain(value, "must be one of %.*s", SPAN_ARG(text_span(&names)));
}

static void decode_enum(const struct decode_value *value, void *at)
{
    int name = find_name(value->row, value->json);

    if (name < 0)
        complain_of_name(value);
    else
        *(uint32_t *)at = (uint32_t)name;
}

static void decode_flags(const struct decode_value *value, void *at)
{
    uint32_t flags = 0;

    if (!json_is_array(value->json)) {
        complain(value, "must be an array of names");
        return;
    }
    for (size_t i = 0; i < json_array_size(value->json); i++) {
        struct field_path path = {.up = value->path, .index = (uint32_t)i};
        struct decode_value element = *value;
        int name;

        element.json = json_array_get(value->json, i);
        element.path = &path;
        name = find_name(value->row, element.json);
        if (name < 0)
            complain_of_name(&element);
        else if (flags & 1u << name)
            complain(&element, "is named twice");
        else
            flags |= 1u << name;
    }
    *(uint32_t *)at = flags;
}

/* Control characters of ASCII and of Unicode's first block beyond it. The JSON library has checked that
 * the text is UTF-8 and has no U+0000. */
static bool text_has_controls(struct span text, bool lines_allowed)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];

        if (lines_allowed && (c == '\n' || c == '\r' || c == '\t'))
            continue;
        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < text.len && (uint8_t)text.ptr[i + 1] < 0xa0)
            return true;
    }
    return false;
}

static const char *decode_copy(struct arena *arena, const json_t *json)
{
    struct span text = {json_string_value(json), json_string_length(json)};
    const char *copy = arena_copy(arena, text).ptr;

    assert(copy);
    return copy;
}

static void decode_text(const struct decode_value *value, void *at)
{
    const struct field *row = value->row;
    struct span text;

    if (!json_is_string(value->json)) {
        complain(value, "must be a text");
        return;
    }
    text = (struct span){json_string_value(value->json), json_string_length(value->json)};
    if (text.len < row->min || text.len > row->max) {
        complain(value, "must have %llu to %llu bytes", (unsigned long long)row->min,
            (unsigned long long)row->max);
        return;
    }
    if (text_has_controls(text, row->flags & FIELD_LINES)) {
        complain(value, "must not have control characters");
        return;
    }
    *(const char **)at = decode_copy(value->decode->arena, value->json);
}

static void decode_ip(const struct decode_value *value, void *at)
{
    const json_t *json = value->json;

    if (!json_is_string(json) ||
        addr_parse_ip((struct span){json_string_value(json), json_string_length(json)}, at) < 0)
        complain(value, "must be an IPv4 or IPv6 address");
}

static void decode_ref(const struct decode_value *value, void *at)
{
    const json_t *json = value->json;
    struct decode_refs *refs = value->decode->refs;

    if (!json_is_string(json) ||
        !decode_id_is_valid((struct span){json_string_value(json), json_string_length(json)})) {
        complain(value, "%s", decode_id_rule);
        return;
    }
    if (refs->n == refs->cap) {
        refs->cap = MAX(64u, 2 * refs->cap);
        refs->at = base_realloc(refs->at, refs->cap * sizeof(*refs->at));
    }
    refs->at[refs->n] = decode_copy(&refs->ids, json);
    ((struct ref *)at)->slot = refs->n++;
}

static void decode_item(const struct decode_value *element, void *at)
{
    switch (element->row->type) {
    case FIELD_LIST:
        if (json_is_object(element->json))
            decode_fields(element->decode, element->row->fields, element->json, at, element->path);
        else
            complain(element, "must be an object");
        break;
    case FIELD_TEXT_LIST:
        *(const char **)at = "";
        decode_text(element, at);
        break;
    default:
        decode_ip(element, at);
        break;
    }
}

static void decode_list(const struct decode_value *value, void *at)
{
    const struct field *row = value->row;
    struct field_list *list = at;
    struct decode_value element = *value;
    size_t n, item_bytes = field_item_bytes(row);
    /* min and max of the row count the elements; those of a text are lengths. */
    struct field item_row = *row;

    if (!json_is_array(value->json)) {
        complain(value, "must be an array");
        return;
    }
    n = json_array_size(value->json);
    if (n < row->min || n > row->max) {
        complain(value, "must have %llu to %llu elements", (unsigned long long)row->min,
            (unsigned long long)row->max);
        return;
    }
    if (n == 0)
        return;
    item_row.min = 1;
    item_row.max = FIELD_ITEM_TEXT_MAX;
    element.row = &item_row;
    list->n = (uint32_t)n;
    list->at = arena_zalloc(value->decode->arena, n * item_bytes);
    assert(list->at);
    for (uint32_t i = 0; i < list->n; i++) {
        struct field_path path = {.up = value->path, .index = i};

        element.path = &path;
        element.json = json_array_get(value->json, i);
        decode_item(&element, (char *)list->at + i * item_bytes);
    }
}

static void (*const decode_types[])(const struct decode_value *value, void *at) = {
    [FIELD_BOOL] = decode_bool,
    [FIELD_UINT] = decode_uint,
    [FIELD_UINT64] = decode_uint64,
    [FIELD_ENUM] = decode_enum,
    [FIELD_FLAGS] = decode_flags,
    [FIELD_TEXT] = decode_text,
    [FIELD_IP] = decode_ip,
    [FIELD_REF] = decode_ref,
    [FIELD_LIST] = decode_list,
    [FIELD_TEXT_LIST] = decode_list,
    [FIELD_IP_LIST] = decode_list,
};

static bool is_resource_key(struct span key)
{
    for (const char *const *name = decode_resource_keys; *name; name++) {
        if (span_eq(key, span_of(*name)))
            return true;
    }
    return false;
}

/* A field without a row. An unknown key is told as the value, which is escaped when it is shown; a path is not. */
static void complain_of_key(
    struct decode *decode, const char *name, json_t *json, const struct field_path *up)
{
    const struct field_path key_path = {.up = up, .name = name};
    const char *sentence = unbuilt_field((enum resource_kind)decode->kind, &key_path);
    char buf[DECODE_BRIEF_MAX];
    char path[FIELD_PATH_MAX];

    if (sentence) {
        field_path_format(&key_path, path);
        if (!decode->is_unbuilt && unbuilt_asks(json))
            errors_add(
                decode->errors, decode->resource, path, decode_brief(json, buf), "%s", sentence);
        return;
    }
    field_path_format(up, path);
    errors_add(decode->errors, decode->resource, path, span_of(name), "is not the name of a field");
}

static void complain_of_keys(
    struct decode *decode, const struct field *rows, json_t *object, const struct field_path *up)
{
    const char *name;
    json_t *json;

    json_object_foreach (object, name, json) {
        struct span key = span_of(name);

        if (!fields_find(rows, key) && (up || !is_resource_key(key)))
            complain_of_key(decode, name, json, up);
    }
}

void decode_fields(struct decode *decode, const struct field *rows, struct json_t *object,
    void *conf, const struct field_path *up)
{
    bool outer_is_unbuilt = decode->is_unbuilt;
    size_t n_known = 0;

    decode->is_unbuilt = false;
    for (const struct field *row = rows; row->type != FIELD_END; row++) {
        struct field_path path = {.up = up, .name = row->name};
        struct decode_value value = {
            .decode = decode,
            .row = row,
            .json = json_object_get(object, row->name),
            .path = &path,
        };

        field_set_default(row, conf);
        if (value.json) {
            n_known++;
            decode_types[row->type](&value, field_at(row, conf));
        } else if ((row->flags & FIELD_REQUIRED) || (field_is_list(row) && row->min > 0)) {
            complain(&value, "is required");
        }
    }
    for (const char *const *name = decode_resource_keys; !up && *name; name++)
        n_known += json_object_get(object, *name) != NULL;
    if (json_object_size(object) != n_known)
        complain_of_keys(decode, rows, object, up);
    decode->is_unbuilt = outer_is_unbuilt;
}
