#include "cli/arguments.h"

#include <stdarg.h>

struct target {
    const struct openapi_operation *op;
    struct params *params;
    char *error; /* ARGUMENT_ERROR_MAX */
};

static int fail(const struct target *target, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int fail(const struct target *target, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(target->error, ARGUMENT_ERROR_MAX, fmt, args);
    va_end(args);
    return -EINVAL;
}

static int fail_unknown(const struct target *target, const struct openapi_field *parent,
    struct span name, struct span part)
{
    const char *nearest = nearest_field(parent, part);

    if (nearest)
        return fail(target, "%s has no parameter %.*s; did you mean %s?", target->op->name,
            SPAN_ARG(name), nearest);
    return fail(
        target, "%s has no parameter %.*s; --help lists them", target->op->name, SPAN_ARG(name));
}

/* The name in the table's spelling into path, and the field it leads to; *ret_is_element: of a list. */
static int resolve(const struct target *target, struct span name, struct text *path,
    const struct openapi_field **ret_field, bool *ret_is_element)
{
    const struct openapi_field *parent = &target->op->in;
    struct span rest = name;
    struct span part;
    bool wants_index = false;

    while (span_next(&rest, '.', &part)) {
        uint64_t index;

        if (wants_index) {
            if (span_parse_u64(part, &index) < 0 || index == 0)
                return fail(target, "%.*s: %s is a list; an index from 1 must follow it",
                    SPAN_ARG(name), parent->name);
            text_addf(path, ".%llu", (unsigned long long)index);
            wants_index = false;
            continue;
        }
        if (parent->type != OPENAPI_STRUCT)
            return fail(target, "%.*s: %s has no members", SPAN_ARG(name), parent->name);
        *ret_field = find_field(parent, part);
        if (!*ret_field)
            return fail_unknown(target, parent, name, part);
        parent = *ret_field;
        text_addf(path, "%s%s", path->len > 0 ? "." : "", parent->name);
        wants_index = parent->is_list;
    }
    *ret_is_element = parent->is_list && !wants_index;
    return 0;
}

static int add_pair(const struct target *target, struct span name, struct span value)
{
    if (params_add(target->params, name, value) < 0)
        return fail(target, "more than %u parameters", PARAMS_MAX);
    return 0;
}

/* How deep JSON may be is bounded by the table: what leads out of it is refused. */
static int add_value(const struct target *target, const struct openapi_field *field,
    bool is_element, struct span path, const json_t *value);

static int add_members(const struct target *target, const struct openapi_field *parent,
    struct span path, const json_t *object)
{
    void *iter = json_object_iter(json_loose(object));
    int r = 0;

    for (; r == 0 && iter; iter = json_object_iter_next(json_loose(object), iter)) {
        struct span key = span_of(json_object_iter_key(iter));
        const struct openapi_field *field = find_field(parent, key);
        struct text name;

        if (!field)
            return fail_unknown(target, parent, key, key);
        text_init(&name, SIZE_MAX);
        text_addf(&name, "%.*s%s%s", SPAN_ARG(path), path.len > 0 ? "." : "", field->name);
        r = add_value(target, field, false, text_span(&name), json_object_iter_value(iter));
        text_done(&name);
    }
    return r;
}

static int add_elements(const struct target *target, const struct openapi_field *field,
    struct span path, const json_t *array)
{
    const json_t *element;
    size_t i;

    json_array_foreach (array, i, element) {
        struct text name;
        int r;

        text_init(&name, SIZE_MAX);
        text_addf(&name, "%.*s.%zu", SPAN_ARG(path), i + 1);
        r = add_value(target, field, true, text_span(&name), element);
        text_done(&name);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_json_text(const struct target *target, struct span path, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    int r = text ? add_pair(target, path, span_of(text)) : fail(target, "not JSON");

    free(text);
    return r;
}

static int add_scalar(const struct target *target, struct span path, const json_t *value)
{
    char buf[64];

    if (json_is_string(value))
        return add_pair(
            target, path, (struct span){json_string_value(value), json_string_length(value)});
    if (json_is_integer(value))
        (void)snprintf(buf, sizeof(buf), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        (void)snprintf(buf, sizeof(buf), "%.17g", json_real_value(value));
    else
        (void)snprintf(buf, sizeof(buf), "%s", json_is_true(value) ? "true" : "false");
    return add_pair(target, path, span_of(buf));
}

static int add_value(const struct target *target, const struct openapi_field *field,
    bool is_element, struct span path, const json_t *value)
{
    bool is_list = field->is_list && !is_element;

    if (json_is_null(value))
        return 0;
    if (field->is_json && !is_element && (json_is_array(value) || json_is_object(value)))
        return add_json_text(target, path, value);
    if (json_is_array(value) && is_list)
        return add_elements(target, field, path, value);
    if (json_is_object(value) && !is_list && field->type == OPENAPI_STRUCT)
        return add_members(target, field, path, value);
    if (json_is_array(value) || json_is_object(value) ||
        (!field->is_json && (is_list || field->type == OPENAPI_STRUCT)))
        return fail(target, "%.*s must be %s", SPAN_ARG(path),
            is_list                         ? "a list"
            : field->type == OPENAPI_STRUCT ? "a structure"
                                            : "a single value");
    return add_scalar(target, path, value);
}

/* Lists and structures that do not travel as JSON are JSON on the command line all the same; a list of
 * texts may also be one text: --AclIds acl-1. */
static int add_compound(const struct target *target, const struct openapi_field *field,
    bool is_element, struct span path, struct span text)
{
    bool is_list = field->is_list && !is_element;
    json_error_t error;
    json_t *value;
    int r;

    if (is_list && field->type != OPENAPI_STRUCT && (text.len == 0 || text.ptr[0] != '[')) {
        struct text first;

        text_init(&first, SIZE_MAX);
        text_addf(&first, "%.*s.1", SPAN_ARG(path));
        r = add_pair(target, text_span(&first), text);
        text_done(&first);
        return r;
    }
    value = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        return fail(target, "%.*s must be a JSON %s: %s", SPAN_ARG(path),
            is_list ? "list" : "structure", error.text);
    r = add_value(target, field, is_element, path, value);
    json_decref(value);
    return r;
}

int argument_add(const struct openapi_operation *op, struct params *params, struct span name,
    struct span value, char error[ARGUMENT_ERROR_MAX])
{
    struct target target = {.op = op, .params = params};
    const struct openapi_field *field = NULL;
    bool is_element = false;
    struct text path;
    int r;

    target.error = error;
    text_init(&path, SIZE_MAX);
    r = resolve(&target, name, &path, &field, &is_element);
    assert(r < 0 || field);
    if (r == 0 && !field->is_json && (field->type == OPENAPI_STRUCT || field->is_list) &&
        !(is_element && field->type != OPENAPI_STRUCT))
        r = add_compound(&target, field, is_element, text_span(&path), value);
    else if (r == 0)
        r = add_pair(&target, text_span(&path), value);
    text_done(&path);
    return r;
}

int argument_add_json(const struct openapi_operation *op, struct params *params,
    const json_t *object, char error[ARGUMENT_ERROR_MAX])
{
    struct target target = {.op = op, .params = params};

    target.error = error;
    if (!json_is_object(object))
        return fail(&target, "the JSON must be a structure whose members are parameters");
    return add_members(&target, &op->in, (struct span){NULL, 0}, object);
}

bool argument_is_flag(const struct openapi_operation *op, struct span name)
{
    const struct openapi_field *field = find_field(&op->in, name);

    return field && field->type == OPENAPI_BOOLEAN && !field->is_list;
}
