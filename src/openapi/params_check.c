#include <stdarg.h>

#include "openapi/params_walk.h"

#define VALUE_SHOWN 80u

size_t walk_enter(struct walk *walk, const char *name)
{
    size_t mark = walk->path_len;
    int n =
        snprintf(walk->path + mark, sizeof(walk->path) - mark, "%s%s", mark > 0 ? "." : "", name);

    walk->path_len = MIN(mark + (size_t)MAX(n, 0), sizeof(walk->path) - 1);
    return mark;
}

void walk_leave(struct walk *walk, size_t mark)
{
    walk->path_len = mark;
    walk->path[mark] = '\0';
}

static void set_error(struct walk *walk, const char *code, struct span message)
{
    struct params_error *error = walk->error;

    (void)snprintf(error->code, sizeof(error->code), "%s", code);
    (void)snprintf(error->field, sizeof(error->field), "%s", walk->path);
    (void)snprintf(error->message, sizeof(error->message), "%.*s", SPAN_ARG(message));
}

/* Quoted, cut between characters; a secret only says that it is one. */
static void add_value(struct text *out, const struct openapi_field *field, struct span value)
{
    size_t len = MIN(value.len, VALUE_SHOWN);

    if (field->secret) {
        text_add(out, SPAN_LIT("not shown"));
        return;
    }
    while (len < value.len && len > 0 && ((uint8_t)value.ptr[len] & 0xc0) == 0x80)
        len--;
    text_add_json(out, (struct span){value.ptr, len});
    if (len < value.len)
        text_add(out, SPAN_LIT("..."));
}

int walk_fail(struct walk *walk, const struct openapi_field *field, struct span value,
    const char *rule_fmt, ...)
{
    char rule[256];
    struct text message;
    va_list args;

    va_start(args, rule_fmt);
    (void)vsnprintf(rule, sizeof(rule), rule_fmt, args);
    va_end(args);
    text_init(&message, SIZE_MAX);
    text_addf(&message, "The parameter %s ", walk->path);
    if (value.ptr) {
        text_add(&message, SPAN_LIT("is "));
        add_value(&message, field, value);
        text_add(&message, SPAN_LIT("; it "));
    }
    text_addf(&message, "%s.", rule);
    set_error(walk, "InvalidParameter", text_span(&message));
    text_done(&message);
    return -EINVAL;
}

static int fail_missing(struct walk *walk)
{
    struct text message;

    text_init(&message, SIZE_MAX);
    text_addf(&message, "The parameter %s is mandatory for %s and is not given.", walk->path,
        walk->op->name);
    set_error(walk, "MissingParameter", text_span(&message));
    text_done(&message);
    return -EINVAL;
}

static int fail_refused(struct walk *walk, const struct openapi_field *field, struct span value)
{
    struct text message;

    text_init(&message, SIZE_MAX);
    text_addf(&message, "The parameter %s ", walk->path);
    if (value.ptr) {
        text_add(&message, SPAN_LIT("with the value "));
        add_value(&message, field, value);
        text_add_char(&message, ' ');
    }
    text_addf(&message, "is not supported: %s", field->refused);
    set_error(walk, "UnsupportedParameter", text_span(&message));
    text_done(&message);
    return -EINVAL;
}

/* --- one value ----------------------------------------------------------------------------- */

/* Decimal digits with an optional minus. */
static bool parse_integer(struct span s, int64_t *ret_value)
{
    bool is_negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t size;

    if (span_parse_u64(is_negative ? span_from(s, 1) : s, &size) < 0)
        return false;
    if (size > (uint64_t)INT64_MAX + is_negative)
        return false;
    *ret_value = is_negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

static json_t *typed_double(struct span text)
{
    char copy[64];
    char *end;
    double value;

    if (text.len == 0 || text.len >= sizeof(copy) || strspn(text.ptr, "+-.0123456789eE") < text.len)
        return NULL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    value = strtod(copy, &end);
    /* json_real gives NULL for what overflowed to infinity */
    return *end == '\0' ? json_real(value) : NULL;
}

json_t *walk_typed(enum openapi_type type, struct span text)
{
    int64_t value;

    switch (type) {
    case OPENAPI_STRING:
        return json_stringn(text.ptr ? text.ptr : "", text.len);
    case OPENAPI_INTEGER:
    case OPENAPI_LONG:
        if (!parse_integer(text, &value))
            return NULL;
        if (type == OPENAPI_INTEGER && (value < INT32_MIN || value > INT32_MAX))
            return NULL;
        return json_integer(value);
    case OPENAPI_DOUBLE:
        return typed_double(text);
    case OPENAPI_BOOLEAN:
        if (span_eq_nocase(text, SPAN_LIT("true")))
            return json_true();
        return span_eq_nocase(text, SPAN_LIT("false")) ? json_false() : NULL;
    case OPENAPI_STRUCT:
        break;
    }
    return NULL;
}

static const char *find_name(const char *const *names, struct span value)
{
    for (; names && *names; names++) {
        if (span_eq_nocase(span_of(*names), value))
            return *names;
    }
    return NULL;
}

static size_t count_characters(struct span s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += ((uint8_t)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

static void add_names(struct text *out, const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        text_addf(out, "%s%s", i > 0 ? ", " : "", names[i]);
}

static int fail_enum(struct walk *walk, const struct openapi_field *field, struct span value)
{
    char names[200];
    struct text text;

    text_init_fixed(&text, names, sizeof(names));
    add_names(&text, field->names);
    return walk_fail(walk, field, value, "must be %s %.*s%s",
        field->is_comma ? "a list, joined by commas, of" : "one of", SPAN_ARG(text_span(&text)),
        text_failed(&text) ? " ..." : "");
}

/* Values of the enum in the table's spelling; several where commas join them. */
static int check_enum(
    struct walk *walk, const struct openapi_field *field, struct span value, json_t **ret_value)
{
    struct span rest = value;
    struct span part;
    struct text text;
    int r = 0;

    if (!field->is_comma) {
        const char *name = find_name(field->names, value);

        if (!name)
            return fail_enum(walk, field, value);
        *ret_value = walk_typed(field->type, span_of(name));
        return 0;
    }
    text_init(&text, SIZE_MAX);
    while (r == 0 && span_next(&rest, ',', &part)) {
        const char *name = find_name(field->names, part);

        if (!name)
            r = fail_enum(walk, field, value);
        else
            text_addf(&text, "%s%s", text.len > 0 ? "," : "", name);
    }
    if (r == 0)
        *ret_value = walk_typed(OPENAPI_STRING, text_span(&text));
    text_done(&text);
    return r;
}

static const char *type_rule(enum openapi_type type)
{
    switch (type) {
    case OPENAPI_STRING:
        return "must be UTF-8 text";
    case OPENAPI_INTEGER:
        return "must be a whole number of 32 bits";
    case OPENAPI_LONG:
        return "must be a whole number";
    case OPENAPI_DOUBLE:
        return "must be a number";
    case OPENAPI_BOOLEAN:
        return "must be true or false";
    case OPENAPI_STRUCT:
        break;
    }
    return "must be a structure";
}

static int fail_range(struct walk *walk, const struct openapi_field *field, struct span value)
{
    if (!field->has_max)
        return walk_fail(walk, field, value, "must be at least %lld", (long long)field->min);
    if (!field->has_min)
        return walk_fail(walk, field, value, "must be at most %lld", (long long)field->max);
    return walk_fail(walk, field, value, "must be from %lld to %lld", (long long)field->min,
        (long long)field->max);
}

static int check_limits(
    struct walk *walk, const struct openapi_field *field, struct span value, const json_t *typed)
{
    double number = json_number_value(typed);
    size_t n;

    if (json_is_integer(typed)) {
        int64_t integer = json_integer_value(typed);

        if ((field->has_min && integer < field->min) || (field->has_max && integer > field->max))
            return fail_range(walk, field, value);
    } else if (json_is_real(typed) && ((field->has_min && number < (double)field->min) ||
                                          (field->has_max && number > (double)field->max))) {
        return fail_range(walk, field, value);
    }
    if (!json_is_string(typed) || (field->len_min == 0 && field->len_max == 0))
        return 0;
    n = count_characters(value);
    if (field->len_max == 0 && n < field->len_min)
        return walk_fail(walk, field, value, "must have at least %u characters", field->len_min);
    if (n < field->len_min || (field->len_max > 0 && n > field->len_max))
        return walk_fail(walk, field, value, "must have %u to %u characters, and has %zu",
            field->len_min, field->len_max, n);
    return 0;
}

static bool is_default(const struct openapi_field *field, struct span value)
{
    return field->default_text && span_eq_nocase(span_of(field->default_text), value);
}

/* A given text, which is not empty unless the type is a free string. */
static int check_text(
    struct walk *walk, const struct openapi_field *field, struct span value, json_t **ret_value)
{
    json_t *typed;
    int r;

    if (is_default(field, value)) {
        *ret_value = walk_typed(field->type, span_of(field->default_text));
        return 0;
    }
    if (field->refused && !find_name(field->built, value))
        return fail_refused(walk, field, value);
    if (field->names)
        return check_enum(walk, field, value, ret_value);
    typed = walk_typed(field->type, value);
    if (!typed)
        return walk_fail(walk, field, value, "%s", type_rule(field->type));
    r = check_limits(walk, field, value, typed);
    if (r < 0) {
        json_decref(typed);
        return r;
    }
    *ret_value = typed;
    return 0;
}

static int check_scalar(
    struct walk *walk, const struct openapi_field *field, const json_t *given, json_t **ret_value)
{
    char buf[64];

    switch (json_typeof(given)) {
    case JSON_STRING:
        return check_text(walk, field,
            (struct span){json_string_value(given), json_string_length(given)}, ret_value);
    case JSON_INTEGER:
        (void)snprintf(buf, sizeof(buf), "%" JSON_INTEGER_FORMAT, json_integer_value(given));
        break;
    case JSON_REAL:
        (void)snprintf(buf, sizeof(buf), "%.17g", json_real_value(given));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        (void)snprintf(buf, sizeof(buf), "%s", json_is_true(given) ? "true" : "false");
        break;
    default:
        return walk_fail(walk, field, (struct span){NULL, 0}, "must be a single value");
    }
    return check_text(walk, field, span_of(buf), ret_value);
}

/* --- lists --------------------------------------------------------------------------------- */

static int check_given(
    struct walk *walk, const struct openapi_field *field, const json_t *given, json_t **ret_value);
static int check_struct(
    struct walk *walk, const struct openapi_field *field, const json_t *given, json_t **ret_value);

static int check_element(
    struct walk *walk, const struct openapi_field *field, const json_t *given, json_t *list)
{
    json_t *value = NULL;
    int r;

    r = field->type == OPENAPI_STRUCT ? check_struct(walk, field, given, &value)
                                      : check_scalar(walk, field, given, &value);
    if (r < 0)
        return r;
    return json_array_append_new(list, value);
}

struct element {
    uint32_t index; /* from 1 */
    const json_t *given;
};

static int compare_elements(const void *left, const void *right)
{
    const struct element *a = left;
    const struct element *b = right;

    return (a->index > b->index) - (a->index < b->index);
}

static size_t array_elements(const json_t *given, struct element *elements)
{
    size_t n = json_array_size(given);

    for (size_t i = 0; i < n; i++)
        elements[i] = (struct element){(uint32_t)i + 1, json_array_get(given, i)};
    return n;
}

static size_t indexed_elements(const json_t *given, struct element *elements)
{
    void *iter = json_object_iter(json_loose(given));
    size_t n = 0;

    for (; iter; iter = json_object_iter_next(json_loose(given), iter)) {
        uint64_t index;
        int r = span_parse_u64(span_of(json_object_iter_key(iter)), &index);

        assert(r == 0 && index <= PARAMS_INDEX_MAX);
        elements[n++] = (struct element){(uint32_t)index, json_object_iter_value(iter)};
    }
    qsort(elements, n, sizeof(*elements), compare_elements);
    return n;
}

static int check_list_size(struct walk *walk, const struct openapi_field *field, size_t n)
{
    struct span none = {NULL, 0};

    if (n < field->items_min && field->items_max == 0)
        return walk_fail(
            walk, field, none, "must have at least %u elements, and has %zu", field->items_min, n);
    if (n < field->items_min || (field->items_max > 0 && n > field->items_max))
        return walk_fail(walk, field, none, "must have %u to %u elements, and has %zu",
            field->items_min, field->items_max, n);
    return 0;
}

static int check_list(
    struct walk *walk, const struct openapi_field *field, const json_t *given, json_t **ret_value)
{
    bool is_indexed = walk->from_pairs && !walk->in_json && json_is_object(given);
    struct element *elements;
    json_t *list;
    size_t n;
    int r;

    if (!json_is_array(given) && !is_indexed)
        return walk_fail(walk, field, (struct span){NULL, 0}, "must be a list");
    if (field->refused && !field->built)
        return fail_refused(walk, field, (struct span){NULL, 0});
    elements = base_calloc(json_array_size(given) + json_object_size(given) + 1, sizeof(*elements));
    n = is_indexed ? indexed_elements(given, elements) : array_elements(given, elements);
    list = json_array();
    r = check_list_size(walk, field, n);
    for (size_t i = 0; r == 0 && i < n; i++) {
        char index[16];
        size_t mark;

        (void)snprintf(index, sizeof(index), "%u", elements[i].index);
        mark = walk_enter(walk, index);
        r = check_element(walk, field, elements[i].given, list);
        walk_leave(walk, mark);
    }
    free(elements);
    if (r < 0) {
        json_decref(list);
        return r;
    }
    *ret_value = list;
    return 0;
}

/* --- structs ------------------------------------------------------------------------------- */

/* What counts as not given. */
static bool is_absent(const struct openapi_field *field, const json_t *given)
{
    if (!given || json_is_null(given))
        return true;
    if (!json_is_string(given) || json_string_length(given) > 0)
        return false;
    if (field->is_list || !params_is_free_string(field))
        return true;
    /* "len=0.." says that empty is a value */
    return field->required && !(field->len_min == 0 && field->len_max > 0);
}

static int check_member(
    struct walk *walk, const struct openapi_field *field, const json_t *given, json_t *object)
{
    json_t *value = NULL;
    int r;

    if (!is_absent(field, given)) {
        r = check_given(walk, field, given, &value);
        if (r < 0)
            return r;
        return json_object_set_new(object, field->name, value);
    }
    if (field->cloud || (field->refused && !field->built && !field->default_text))
        return 0;
    if (field->default_text)
        return json_object_set_new(
            object, field->name, walk_typed(field->type, span_of(field->default_text)));
    return field->required ? fail_missing(walk) : 0;
}

static const struct openapi_field *find_member(
    const struct walk *walk, const struct openapi_field *parent, struct span key)
{
    const struct openapi_field *field = openapi_field_find(parent, key);

    for (uint32_t i = 0; !field && walk->in_json && i < parent->n_fields; i++) {
        if (span_eq_nocase(span_of(parent->fields[i].name), key))
            field = &parent->fields[i];
    }
    return field;
}

/* Puts what was given into values, by the member's place in the table. */
static int sort_members(struct walk *walk, const struct openapi_field *field, const json_t *given,
    const json_t **values)
{
    void *iter = json_object_iter(json_loose(given));

    for (; iter; iter = json_object_iter_next(json_loose(given), iter)) {
        const char *key = json_object_iter_key(iter);
        const struct openapi_field *member = find_member(walk, field, span_of(key));
        const json_t **place;

        if (!member && !walk->is_strict)
            continue;
        if (!member || values[member - field->fields]) {
            (void)walk_enter(walk, key);
            return walk_fail(walk, field, (struct span){NULL, 0}, "%s",
                member ? "is there twice, in different letter case"
                       : "is not one that this operation has");
        }
        place = &values[member - field->fields];
        *place = json_object_iter_value(iter);
    }
    return 0;
}

static int check_struct(
    struct walk *walk, const struct openapi_field *field, const json_t *given, json_t **ret_value)
{
    const json_t **values;
    json_t *object;
    int r;

    if (!json_is_object(given))
        return walk_fail(walk, field, (struct span){NULL, 0}, "must be a structure");
    if (field->refused)
        return fail_refused(walk, field, (struct span){NULL, 0});
    values = base_calloc(field->n_fields + 1, sizeof(const json_t *));
    object = json_object();
    r = sort_members(walk, field, given, values);
    for (uint32_t i = 0; r == 0 && i < field->n_fields; i++) {
        size_t mark = walk_enter(walk, field->fields[i].name);

        r = check_member(walk, &field->fields[i], values[i], object);
        walk_leave(walk, mark);
    }
    free(values);
    if (r < 0) {
        json_decref(object);
        return r;
    }
    *ret_value = object;
    return 0;
}

/* --- JSON texts ---------------------------------------------------------------------------- */

static int fail_json(struct walk *walk, const struct openapi_field *field, struct span text,
    const json_error_t *error)
{
    size_t i = 0;

    while (i < text.len && strchr("[{ \t\r\n", text.ptr[i]))
        i++;
    if (i < text.len && text.ptr[i] == '\'')
        return walk_fail(walk, field, text,
            "must be JSON, which has double quotes around names and texts, not single ones");
    return walk_fail(walk, field, text, "must be a JSON %s, and at byte %d it is not: %s",
        field->is_list ? "list" : "structure", error->position, error->text);
}

static int check_json_text(
    struct walk *walk, const struct openapi_field *field, const json_t *given, json_t **ret_value)
{
    struct span text = {json_string_value(given), json_string_length(given)};
    json_error_t error;
    json_t *parsed;
    int r;

    if (field->refused && !field->built)
        return fail_refused(walk, field, text);
    parsed = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!parsed)
        return fail_json(walk, field, text, &error);
    walk->in_json = true;
    r = field->is_list ? check_list(walk, field, parsed, ret_value)
                       : check_struct(walk, field, parsed, ret_value);
    walk->in_json = false;
    json_decref(parsed);
    return r;
}

static int check_given(
    struct walk *walk, const struct openapi_field *field, const json_t *given, json_t **ret_value)
{
    if (field->is_json && json_is_string(given))
        return check_json_text(walk, field, given, ret_value);
    if (field->is_list)
        return check_list(walk, field, given, ret_value);
    if (field->type == OPENAPI_STRUCT)
        return check_struct(walk, field, given, ret_value);
    return check_scalar(walk, field, given, ret_value);
}

int walk_check(struct walk *walk, const json_t *given, json_t **ret_in)
{
    return check_struct(walk, &walk->op->in, given, ret_in);
}

int params_check(const struct openapi_operation *op, const json_t *given, json_t **ret_in,
    struct params_error *ret_error)
{
    struct walk walk = {.op = op, .error = ret_error, .is_strict = true};

    return walk_check(&walk, given, ret_in);
}
