#include "openapi/params_walk.h"

/* --- answers ------------------------------------------------------------------------------- */

static json_t *answer_value(const struct openapi_field *field, const json_t *given);

/* NULL: it cannot be had in that type. */
static json_t *answer_scalar(enum openapi_type type, const json_t *given)
{
    char buf[64];

    switch (json_typeof(given)) {
    case JSON_STRING:
        if (type == OPENAPI_STRING)
            return json_copy(json_loose(given));
        return walk_typed(type, (struct span){json_string_value(given), json_string_length(given)});
    case JSON_INTEGER:
        if (type == OPENAPI_DOUBLE)
            return json_real((double)json_integer_value(given));
        (void)snprintf(buf, sizeof(buf), "%" JSON_INTEGER_FORMAT, json_integer_value(given));
        break;
    case JSON_REAL:
        if (type == OPENAPI_DOUBLE)
            return json_copy(json_loose(given));
        (void)snprintf(buf, sizeof(buf), "%.15g", json_real_value(given));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        (void)snprintf(buf, sizeof(buf), "%s", json_is_true(given) ? "true" : "false");
        break;
    default:
        return NULL;
    }
    return walk_typed(type, span_of(buf));
}

static json_t *answer_struct(const struct openapi_field *field, const json_t *given)
{
    json_t *object;

    if (!json_is_object(given))
        return NULL;
    object = json_object();
    for (uint32_t i = 0; i < field->n_fields; i++) {
        const struct openapi_field *member = &field->fields[i];
        const json_t *value = json_object_get(given, member->name);
        json_t *answer = value && !json_is_null(value) ? answer_value(member, value) : NULL;

        if (answer)
            (void)json_object_set_new(object, member->name, answer);
    }
    return object;
}

static json_t *answer_list(const struct openapi_field *field, const json_t *given)
{
    const json_t *element;
    json_t *list;
    size_t i;

    if (!json_is_array(given))
        return NULL;
    list = json_array();
    json_array_foreach (given, i, element) {
        json_t *answer = field->type == OPENAPI_STRUCT ? answer_struct(field, element)
                                                       : answer_scalar(field->type, element);

        if (answer)
            (void)json_array_append_new(list, answer);
    }
    return list;
}

/* {"Tags": {"Tag": [...]}}: a struct that is there only to name the elements of its list. */
static bool is_wrapper(const struct openapi_field *field)
{
    return field->type == OPENAPI_STRUCT && !field->is_list && field->n_fields == 1 &&
           field->fields[0].is_list;
}

static json_t *answer_value(const struct openapi_field *field, const json_t *given)
{
    if (field->is_list)
        return answer_list(field, given);
    if (is_wrapper(field) && json_is_array(given)) {
        json_t *wrapper = json_object();

        (void)json_object_set_new(
            wrapper, field->fields[0].name, answer_list(&field->fields[0], given));
        return wrapper;
    }
    if (field->type == OPENAPI_STRUCT)
        return answer_struct(field, given);
    return answer_scalar(field->type, given);
}

json_t *params_answer(const struct openapi_operation *op, const json_t *given)
{
    return answer_struct(&op->out, given);
}

/* --- secrets ------------------------------------------------------------------------------- */

static void hide_secrets(const struct openapi_field *field, json_t *object);

static void hide_member(const struct openapi_field *member, json_t *value)
{
    json_t *element;
    size_t i;

    if (!json_is_array(value)) {
        hide_secrets(member, value);
        return;
    }
    json_array_foreach (value, i, element)
        hide_secrets(member, element);
}

static void hide_secrets(const struct openapi_field *field, json_t *object)
{
    for (uint32_t i = 0; i < field->n_fields; i++) {
        const struct openapi_field *member = &field->fields[i];
        json_t *value = json_object_get(object, member->name);

        if (!value)
            continue;
        if (member->secret)
            (void)json_object_set_new(object, member->name, json_string("***"));
        else
            hide_member(member, value);
    }
}

json_t *params_without_secrets(const struct openapi_operation *op, const json_t *in)
{
    json_t *copy = json_deep_copy(in);

    hide_secrets(&op->in, copy);
    return copy;
}
