/* Chunk framing (RFC 9112 section 7.1), byte by byte: there is little of it. */
#include "http/chars.h"
#include "http/h1/h1_head.h"

#define CHUNK_DIGITS_MAX    16u
#define CHUNK_EXT_BYTES_MAX 256u

enum chunk_class {
    CHUNK_CLASS_BAD,
    CHUNK_CLASS_CR,
    CHUNK_CLASS_SPACE,
    CHUNK_CLASS_SEMICOLON,
    CHUNK_CLASS_EQUALS,
    CHUNK_CLASS_QUOTE,
    CHUNK_CLASS_ESCAPE,
    CHUNK_CLASS_TOKEN,
    CHUNK_CLASS_TEXT, /* inside quotes only */
    CHUNK_CLASS_COUNT
};

static enum chunk_class chunk_class_of(char c)
{
    switch (c) {
    case '\r':
        return CHUNK_CLASS_CR;
    case ' ':
    case '\t':
        return CHUNK_CLASS_SPACE;
    case ';':
        return CHUNK_CLASS_SEMICOLON;
    case '=':
        return CHUNK_CLASS_EQUALS;
    case '"':
        return CHUNK_CLASS_QUOTE;
    case '\\':
        return CHUNK_CLASS_ESCAPE;
    default:
        if (chars_is(c, CHARS_TOKEN))
            return CHUNK_CLASS_TOKEN;
        return chars_is(c, CHARS_VALUE) ? CHUNK_CLASS_TEXT : CHUNK_CLASS_BAD;
    }
}

/* What follows a size: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) CR. Moves that are not
 * here are 0 and refused; space in front of the CR is one of them. */
static const uint8_t chunk_moves[H1_STATE_COUNT][CHUNK_CLASS_COUNT] = {
    [H1_STATE_SIZE] = {[CHUNK_CLASS_CR] = H1_STATE_SIZE_LF,
        [CHUNK_CLASS_SPACE] = H1_STATE_EXT_SPACE,
        [CHUNK_CLASS_SEMICOLON] = H1_STATE_EXT_BEGIN},
    [H1_STATE_EXT_SPACE] =
        {[CHUNK_CLASS_SPACE] = H1_STATE_EXT_SPACE, [CHUNK_CLASS_SEMICOLON] = H1_STATE_EXT_BEGIN},
    [H1_STATE_EXT_BEGIN] =
        {[CHUNK_CLASS_SPACE] = H1_STATE_EXT_BEGIN, [CHUNK_CLASS_TOKEN] = H1_STATE_EXT_NAME},
    [H1_STATE_EXT_NAME] = {[CHUNK_CLASS_CR] = H1_STATE_SIZE_LF,
        [CHUNK_CLASS_SPACE] = H1_STATE_EXT_NAMED,
        [CHUNK_CLASS_SEMICOLON] = H1_STATE_EXT_BEGIN,
        [CHUNK_CLASS_EQUALS] = H1_STATE_EXT_EQUALS,
        [CHUNK_CLASS_TOKEN] = H1_STATE_EXT_NAME},
    [H1_STATE_EXT_NAMED] = {[CHUNK_CLASS_SPACE] = H1_STATE_EXT_NAMED,
        [CHUNK_CLASS_SEMICOLON] = H1_STATE_EXT_BEGIN,
        [CHUNK_CLASS_EQUALS] = H1_STATE_EXT_EQUALS},
    [H1_STATE_EXT_EQUALS] = {[CHUNK_CLASS_SPACE] = H1_STATE_EXT_EQUALS,
        [CHUNK_CLASS_QUOTE] = H1_STATE_EXT_QUOTED,
        [CHUNK_CLASS_TOKEN] = H1_STATE_EXT_TOKEN},
    [H1_STATE_EXT_TOKEN] = {[CHUNK_CLASS_CR] = H1_STATE_SIZE_LF,
        [CHUNK_CLASS_SPACE] = H1_STATE_EXT_SPACE,
        [CHUNK_CLASS_SEMICOLON] = H1_STATE_EXT_BEGIN,
        [CHUNK_CLASS_TOKEN] = H1_STATE_EXT_TOKEN},
    [H1_STATE_EXT_QUOTED] = {[CHUNK_CLASS_SPACE... CHUNK_CLASS_EQUALS] = H1_STATE_EXT_QUOTED,
        [CHUNK_CLASS_QUOTE] = H1_STATE_EXT_UNQUOTED,
        [CHUNK_CLASS_ESCAPE] = H1_STATE_EXT_ESCAPE,
        [CHUNK_CLASS_TOKEN... CHUNK_CLASS_TEXT] = H1_STATE_EXT_QUOTED},
    [H1_STATE_EXT_ESCAPE] = {[CHUNK_CLASS_SPACE... CHUNK_CLASS_TEXT] = H1_STATE_EXT_QUOTED},
    [H1_STATE_EXT_UNQUOTED] = {[CHUNK_CLASS_CR] = H1_STATE_SIZE_LF,
        [CHUNK_CLASS_SPACE] = H1_STATE_EXT_SPACE,
        [CHUNK_CLASS_SEMICOLON] = H1_STATE_EXT_BEGIN},
};

static enum reason read_digit(struct h1_reader *reader, unsigned digit)
{
    if (reader->chunk_digits == CHUNK_DIGITS_MAX)
        return REASON_BAD_CHUNK;
    reader->chunk_digits++;
    reader->left = reader->left << 4 | digit;
    return REASON_NONE;
}

static enum reason read_extension(struct h1_reader *reader, char c)
{
    uint8_t next = chunk_moves[reader->state][chunk_class_of(c)];

    if (next == 0 || reader->chunk_digits == 0)
        return REASON_BAD_CHUNK;
    /* extensions are charged to no other limit */
    if (next != H1_STATE_SIZE_LF && ++reader->scanned > CHUNK_EXT_BYTES_MAX)
        return REASON_BAD_CHUNK;
    reader->state = next;
    return REASON_NONE;
}

static enum reason end_size(struct h1_reader *reader)
{
    /* more than 63 bits nobody means, and others would take for negative */
    uint64_t room = MIN(reader->limits->body_bytes, (uint64_t)INT64_MAX) - reader->body_bytes;

    if (reader->left > room)
        return REASON_BODY_TOO_LARGE;
    reader->state = reader->left > 0 ? H1_STATE_CHUNK_DATA : H1_STATE_TRAILERS;
    reader->chunk_digits = 0;
    reader->scanned = 0;
    return REASON_NONE;
}

static enum reason read_framing_byte(struct h1_reader *reader, char c)
{
    unsigned digit;

    switch (reader->state) {
    case H1_STATE_CHUNK_CR:
        reader->state = H1_STATE_CHUNK_LF;
        return c == '\r' ? REASON_NONE : REASON_BAD_CHUNK;
    case H1_STATE_CHUNK_LF:
        reader->state = H1_STATE_SIZE;
        return c == '\n' ? REASON_NONE : REASON_BAD_CHUNK;
    case H1_STATE_SIZE_LF:
        return c == '\n' ? end_size(reader) : REASON_BAD_CHUNK;
    case H1_STATE_SIZE:
        digit = chars_hex(c);
        return digit < 16 ? read_digit(reader, digit) : read_extension(reader, c);
    default:
        return read_extension(reader, c);
    }
}

enum reason h1_read_framing(struct h1_reader *reader, struct span in, size_t *used)
{
    enum reason reason = REASON_NONE;

    while (reason == REASON_NONE && *used < in.len && reader->state > H1_STATE_CHUNK_DATA) {
        reason = read_framing_byte(reader, in.ptr[*used]);
        ++*used;
    }
    return reason;
}
