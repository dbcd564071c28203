/* Members of JSON objects, as handlers read and write them. */
#include "control/call.h"

const char *json_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

int64_t json_int(const json_t *object, const char *name, int64_t fallback)
{
    const json_t *value = json_object_get(object, name);

    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool json_flag(const json_t *object, const char *name, bool fallback)
{
    const json_t *value = json_object_get(object, name);

    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

bool json_has(const json_t *object, const char *name)
{
    return json_object_get(object, name) != NULL;
}

bool json_text_is(const json_t *object, const char *name, const char *value)
{
    const char *text = json_text(object, name);

    return text && strcmp(text, value) == 0;
}

size_t json_len(const json_t *object, const char *name)
{
    return json_array_size(json_object_get(object, name));
}

bool json_array_has(const json_t *object, const char *name, const char *value, bool fallback)
{
    const json_t *array = json_object_get(object, name);
    const json_t *element;
    size_t i;

    if (json_array_size(array) == 0)
        return fallback;
    json_array_foreach (array, i, element) {
        if (json_is_string(element) && strcmp(json_string_value(element), value) == 0)
            return true;
    }
    return false;
}

void json_copy_members(json_t *to, const json_t *from, const char *const *names)
{
    for (; *names; names++) {
        json_t *value = json_object_get(from, *names);

        if (value)
            json_put(to, *names, json_deep_copy(value));
    }
}

/* What can fail here is memory, or a value that is not UTF-8; the latter never enters (params_decode_form). */
void json_put(json_t *object, const char *name, json_t *value)
{
    int r = json_object_set_new(object, name, value);

    assert(r == 0);
}

void json_put_text(json_t *object, const char *name, const char *value)
{
    if (value)
        json_put(object, name, json_string(value));
}

void json_put_int(json_t *object, const char *name, int64_t value)
{
    json_put(object, name, json_integer(value));
}

void json_put_flag(json_t *object, const char *name, bool value)
{
    json_put(object, name, json_boolean(value));
}
