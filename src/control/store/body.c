/* Reads the JSON that we wrote ourselves: no spaces, no fractions, no \u. Whatever else comes up
 * is left to jansson from the beginning, so that this needs no errors of its own. */
#include "control/store/body.h"

#include "base/text.h"

#define DEPTH_MAX 64u
#define NAME_MAX  128u

struct reader {
    const char *at, *end;
    struct text scratch; /* a string whose escapes are decoded */
    unsigned depth;
};

static json_t *read_value(struct reader *reader);

/* Steps over c, if it is next. */
static bool read_char(struct reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

/* Characters of a string up to its end, an escape, or what may not be in it. */
static struct span read_plain(struct reader *reader)
{
    const char *start = reader->at;

    while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\' &&
           (unsigned char)*reader->at >= ' ')
        reader->at++;
    return (struct span){start, (size_t)(reader->at - start)};
}

/* What a letter behind a backslash stands for; 0: none of the short ones. */
static char escaped(char letter)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *hit = letter ? strchr(letters, letter) : NULL;

    return hit ? meanings[hit - letters] : '\0';
}

/* The content of a string, in the input or in scratch. */
static bool read_string(struct reader *reader, struct span *ret_content)
{
    struct span plain;

    if (!read_char(reader, '"'))
        return false;
    plain = read_plain(reader);
    if (read_char(reader, '"')) {
        *ret_content = plain;
        return true;
    }
    text_reset(&reader->scratch);
    while (read_char(reader, '\\')) {
        char c = reader->at < reader->end ? escaped(*reader->at) : '\0';

        if (!c)
            return false;
        reader->at++;
        text_add(&reader->scratch, plain);
        text_add_char(&reader->scratch, c);
        plain = read_plain(reader);
    }
    text_add(&reader->scratch, plain);
    *ret_content = text_span(&reader->scratch);
    return read_char(reader, '"') && !text_failed(&reader->scratch);
}

static json_t *read_integer(struct reader *reader)
{
    bool is_negative = read_char(reader, '-');
    const char *start = reader->at;
    uint64_t value;

    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    if (span_parse_u64((struct span){start, (size_t)(reader->at - start)}, &value) < 0 ||
        value > INT64_MAX || (*start == '0' && reader->at - start > 1))
        return NULL;
    /* A fraction or an exponent, which would follow, is nothing that may stand behind a value. */
    return json_integer(is_negative ? -(json_int_t)value : (json_int_t)value);
}

static bool read_member(struct reader *reader, json_t *object)
{
    struct span name;
    char key[NAME_MAX];
    json_t *value;

    if (!read_string(reader, &name) || name.len >= sizeof(key) || memchr(name.ptr, '\0', name.len))
        return false;
    memcpy(key, name.ptr, name.len);
    key[name.len] = '\0';
    if (!read_char(reader, ':'))
        return false;
    value = read_value(reader);
    return value && json_object_set_new(object, key, value) == 0;
}

static bool read_element(struct reader *reader, json_t *array)
{
    json_t *value = read_value(reader);

    return value && json_array_append_new(array, value) == 0;
}

/* An object or an array: elements between commas, up to end. */
static json_t *read_many(
    struct reader *reader, json_t *whole, bool (*read_one)(struct reader *, json_t *), char end)
{
    bool is_good = ++reader->depth <= DEPTH_MAX;

    reader->at++;
    if (is_good && !read_char(reader, end)) {
        do
            is_good = read_one(reader, whole);
        while (is_good && read_char(reader, ','));
        is_good = is_good && read_char(reader, end);
    }
    reader->depth--;
    if (is_good)
        return whole;
    json_decref(whole);
    return NULL;
}

static json_t *read_word(struct reader *reader, struct span word, json_t *value)
{
    if (!span_starts_with((struct span){reader->at, (size_t)(reader->end - reader->at)}, word))
        return NULL;
    reader->at += word.len;
    return value;
}

static json_t *read_value(struct reader *reader)
{
    struct span content;

    switch (reader->at < reader->end ? *reader->at : '\0') {
    case '{':
        return read_many(reader, json_object(), read_member, '}');
    case '[':
        return read_many(reader, json_array(), read_element, ']');
    case '"':
        return read_string(reader, &content) ? json_stringn(content.ptr, content.len) : NULL;
    case 't':
        return read_word(reader, SPAN_LIT("true"), json_true());
    case 'f':
        return read_word(reader, SPAN_LIT("false"), json_false());
    case 'n':
        return read_word(reader, SPAN_LIT("null"), json_null());
    default:
        return read_integer(reader);
    }
}

json_t *body_read(struct span json)
{
    struct reader reader = {.at = json.ptr, .end = json.ptr + json.len};
    json_t *body;

    text_init(&reader.scratch, json.len + 1);
    body = json.len > 0 && (*json.ptr == '{' || *json.ptr == '[') ? read_value(&reader) : NULL;
    text_done(&reader.scratch);
    if (body && reader.at == reader.end)
        return body;
    json_decref(body);
    return json_loadb(json.ptr, json.len, 0, NULL);
}
