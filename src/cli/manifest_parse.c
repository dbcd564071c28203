/* Manifests as JSON or as YAML, of which only what JSON can say is taken. */
#include <stdarg.h>
#include <yaml.h>

#include "cli/manifest.h"

#define DEPTH_MAX 32u

struct reader {
    yaml_parser_t parser;
    char *error; /* MANIFEST_ERROR_MAX */
    unsigned depth;
};

static int fail(struct reader *reader, yaml_mark_t mark, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int fail(struct reader *reader, yaml_mark_t mark, const char *fmt, ...)
{
    char what[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    (void)snprintf(reader->error, MANIFEST_ERROR_MAX, "line %zu: %s", mark.line + 1, what);
    return -EINVAL;
}

static int next_event(struct reader *reader, yaml_event_t *event)
{
    if (yaml_parser_parse(&reader->parser, event))
        return 0;
    return fail(reader, reader->parser.problem_mark, "%s",
        reader->parser.problem ? reader->parser.problem : "not YAML");
}

/* Plain scalars as JSON has them: what looks like a number of JSON is one. */
static json_t *plain_value(const char *text, size_t len)
{
    static const char *const nulls[] = {"", "~", "null"};
    json_t *number;

    for (size_t i = 0; i < ARRAY_LEN(nulls); i++) {
        if (strcmp(text, nulls[i]) == 0)
            return json_null();
    }
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return json_boolean(text[0] == 't');
    number = strspn(text, "-0123456789.eE+") == len ? json_loadb(text, len, JSON_DECODE_ANY, NULL)
                                                    : NULL;
    return number ? number : json_stringn(text, len);
}

static int read_scalar(struct reader *reader, const yaml_event_t *event, json_t **ret_value)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;

    if (event->data.scalar.tag || event->data.scalar.anchor)
        return fail(reader, event->start_mark, "tags and anchors are not taken");
    if (memchr(text, 0, len))
        return fail(reader, event->start_mark, "a text with a zero byte");
    *ret_value = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain_value(text, len)
                                                                     : json_stringn(text, len);
    return *ret_value ? 0 : fail(reader, event->start_mark, "a text that is not UTF-8");
}

static int read_node(struct reader *reader, const yaml_event_t *event, json_t **ret_value);

static int read_sequence(struct reader *reader, json_t *array)
{
    for (;;) {
        json_t *value = NULL;
        yaml_event_t event;
        bool is_end;
        int r;

        r = next_event(reader, &event);
        if (r < 0)
            return r;
        is_end = event.type == YAML_SEQUENCE_END_EVENT;
        r = is_end ? 0 : read_node(reader, &event, &value);
        yaml_event_delete(&event);
        if (is_end || r < 0)
            return r;
        (void)json_array_append_new(array, value);
    }
}

/* One key and its value. 1: the mapping ended. */
static int read_pair(struct reader *reader, json_t *object)
{
    json_t *value = NULL;
    yaml_event_t key, event;
    const char *name;
    int r;

    r = next_event(reader, &key);
    if (r < 0)
        return r;
    name = key.type == YAML_SCALAR_EVENT ? (const char *)key.data.scalar.value : "";
    if (key.type == YAML_MAPPING_END_EVENT)
        r = 1;
    else if (key.type != YAML_SCALAR_EVENT || strlen(name) != key.data.scalar.length)
        r = fail(reader, key.start_mark, "a key must be a plain text");
    else if (json_object_get(object, name))
        r = fail(reader, key.start_mark, "%s is there twice", name);
    if (r == 0)
        r = next_event(reader, &event);
    if (r == 0) {
        r = read_node(reader, &event, &value);
        yaml_event_delete(&event);
    }
    if (r == 0 && json_object_set_new(object, name, value) < 0)
        r = fail(reader, key.start_mark, "a key that is not UTF-8");
    yaml_event_delete(&key);
    return r;
}

static int read_mapping(struct reader *reader, json_t *object)
{
    int r;

    do
        r = read_pair(reader, object);
    while (r == 0);
    return MIN(r, 0);
}

static int read_node(struct reader *reader, const yaml_event_t *event, json_t **ret_value)
{
    bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
    json_t *value;
    int r;

    if (event->type == YAML_SCALAR_EVENT)
        return read_scalar(reader, event, ret_value);
    if (event->type == YAML_ALIAS_EVENT)
        return fail(reader, event->start_mark, "aliases are not taken");
    if (!is_list && event->type != YAML_MAPPING_START_EVENT)
        return fail(reader, event->start_mark, "a value is missing");
    if (is_list ? event->data.sequence_start.tag || event->data.sequence_start.anchor
                : event->data.mapping_start.tag || event->data.mapping_start.anchor)
        return fail(reader, event->start_mark, "tags and anchors are not taken");
    if (reader->depth == DEPTH_MAX)
        return fail(reader, event->start_mark, "deeper than %u levels", DEPTH_MAX);
    reader->depth++;
    value = is_list ? json_array() : json_object();
    r = is_list ? read_sequence(reader, value) : read_mapping(reader, value);
    reader->depth--;
    if (r < 0) {
        json_decref(value);
        return r;
    }
    *ret_value = value;
    return 0;
}

/* The events around the one document. */
static int read_stream(struct reader *reader, json_t **ret_json)
{
    static const yaml_event_type_t expected[] = {YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT,
        YAML_NO_EVENT, YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT};
    json_t *json = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(expected); i++) {
        yaml_event_t event;

        r = next_event(reader, &event);
        if (r < 0)
            break;
        if (expected[i] == YAML_NO_EVENT)
            r = read_node(reader, &event, &json);
        else if (event.type != expected[i])
            r = fail(reader, event.start_mark, "it must be one document");
        yaml_event_delete(&event);
    }
    if (r < 0) {
        json_decref(json);
        return r;
    }
    *ret_json = json;
    return 0;
}

static int parse_yaml(struct span text, json_t **ret_json, char error[MANIFEST_ERROR_MAX])
{
    struct reader reader = {.depth = 0};
    int r;

    reader.error = error;
    if (!yaml_parser_initialize(&reader.parser))
        return -ENOMEM;
    yaml_parser_set_input_string(
        &reader.parser, (const unsigned char *)(text.len > 0 ? text.ptr : ""), text.len);
    r = read_stream(&reader, ret_json);
    yaml_parser_delete(&reader.parser);
    return r;
}

int manifest_parse(struct span text, json_t **ret_json, char error[MANIFEST_ERROR_MAX])
{
    json_error_t why;
    size_t start = 0;

    while (start < text.len && strchr(" \t\r\n", text.ptr[start]))
        start++;
    if (start == text.len || text.ptr[start] != '{')
        return parse_yaml(text, ret_json, error);
    *ret_json = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &why);
    if (*ret_json)
        return 0;
    (void)snprintf(error, MANIFEST_ERROR_MAX, "line %d: %s", why.line, why.text);
    return -EINVAL;
}
