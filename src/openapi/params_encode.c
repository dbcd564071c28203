#include "openapi/params_walk.h"

struct encoder {
    struct walk walk;
    struct params *params;
};

static int encode_value(
    struct encoder *encoder, const struct openapi_field *field, const json_t *value);

static int add(struct encoder *encoder, struct span value)
{
    const struct walk *walk = &encoder->walk;

    return params_add(encoder->params, (struct span){walk->path, walk->path_len}, value);
}

static int encode_scalar(
    struct encoder *encoder, const struct openapi_field *field, const json_t *value)
{
    char buf[64];

    switch (json_typeof(value)) {
    case JSON_STRING:
        return add(encoder, (struct span){json_string_value(value), json_string_length(value)});
    case JSON_INTEGER:
        (void)snprintf(buf, sizeof(buf), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        (void)snprintf(buf, sizeof(buf), "%.17g", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        (void)snprintf(buf, sizeof(buf), "%s", json_is_true(value) ? "true" : "false");
        break;
    default:
        return walk_fail(&encoder->walk, field, (struct span){NULL, 0}, "must be a single value");
    }
    return add(encoder, span_of(buf));
}

static int encode_struct(
    struct encoder *encoder, const struct openapi_field *field, const json_t *value)
{
    struct walk *walk = &encoder->walk;
    void *iter = json_object_iter(json_loose(value));

    if (!json_is_object(value))
        return walk_fail(walk, field, (struct span){NULL, 0}, "must be a structure");
    for (; iter; iter = json_object_iter_next(json_loose(value), iter)) {
        const char *key = json_object_iter_key(iter);
        const struct openapi_field *member = openapi_field_find(field, span_of(key));
        size_t mark = walk_enter(walk, member ? member->name : key);
        int r;

        if (!member)
            return walk_fail(
                walk, field, (struct span){NULL, 0}, "is not one that %s has", walk->op->name);
        if (walk->path_len == sizeof(walk->path) - 1)
            return -E2BIG;
        r = encode_value(encoder, member, json_object_iter_value(iter));
        if (r < 0)
            return r;
        walk_leave(walk, mark);
    }
    return 0;
}

static int encode_list(
    struct encoder *encoder, const struct openapi_field *field, const json_t *value)
{
    struct walk *walk = &encoder->walk;
    const json_t *element;
    size_t i;

    if (!json_is_array(value))
        return walk_fail(walk, field, (struct span){NULL, 0}, "must be a list");
    json_array_foreach (value, i, element) {
        char index[24];
        size_t mark;
        int r;

        (void)snprintf(index, sizeof(index), "%zu", i + 1);
        mark = walk_enter(walk, index);
        r = field->type == OPENAPI_STRUCT ? encode_struct(encoder, field, element)
                                          : encode_scalar(encoder, field, element);
        if (r < 0)
            return r;
        walk_leave(walk, mark);
    }
    return 0;
}

static int encode_json(struct encoder *encoder, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    int r;

    if (!text)
        return -EINVAL;
    r = add(encoder, span_of(text));
    free(text);
    return r;
}

static int encode_value(
    struct encoder *encoder, const struct openapi_field *field, const json_t *value)
{
    if (json_is_null(value))
        return 0;
    if (field->is_json && (json_is_array(value) || json_is_object(value)))
        return encode_json(encoder, value);
    if (field->is_json)
        return encode_scalar(encoder, field, value);
    if (field->is_list)
        return encode_list(encoder, field, value);
    if (field->type == OPENAPI_STRUCT)
        return encode_struct(encoder, field, value);
    return encode_scalar(encoder, field, value);
}

int params_encode(const struct openapi_operation *op, const json_t *in, struct params *params,
    struct params_error *ret_error)
{
    struct encoder encoder = {.walk = {.op = op, .error = ret_error}, .params = params};

    return encode_struct(&encoder, &op->in, in);
}
