/* Known names, methods and phrases. */
#include "http/names.h"

#include "http/chars.h"

const struct http_name_known http_names_known[HTTP_NAME_COUNT] = {
#define NAME_KNOWN(name, text) [HTTP_NAME_##name] = {text},
    HTTP_NAME_LIST(NAME_KNOWN)
#undef NAME_KNOWN
};

static const uint8_t name_lens[HTTP_NAME_COUNT] = {
#define NAME_LEN(name, text) [HTTP_NAME_##name] = sizeof(text) - 1,
    HTTP_NAME_LIST(NAME_LEN)
#undef NAME_LEN
};

#define NAME_FITS(name, text) _Static_assert(sizeof(text) <= NAME_BYTES, "NAME_BYTES");
HTTP_NAME_LIST(NAME_FITS)
#undef NAME_FITS

uint16_t http_name_slots[NAME_SLOTS];
_Static_assert(HTTP_NAME_COUNT < NAME_SLOTS / 2, "http_name_slots must stay mostly free");

/* Runs before main, thus before any thread: a new name is one row in HTTP_NAME_LIST and nothing else. */
__attribute__((constructor)) static void names_init(void)
{
    for (uint32_t id = HTTP_NAME_OTHER + 1; id < HTTP_NAME_COUNT; id++) {
        uint32_t slot = http_name_slot(http_names_known[id].text, name_lens[id]);

        while (http_name_slots[slot] != 0)
            slot = (slot + 1) % NAME_SLOTS;
        http_name_slots[slot] = (uint16_t)(id | (uint32_t)name_lens[id] << 8);
    }
}

enum http_name http_name_find(struct span name)
{
    return http_name_look_up(name);
}

struct span http_name_text(enum http_name id)
{
    return (struct span){http_names_known[id].text, name_lens[id]};
}

static const struct {
    struct span text;
    bool idempotent;
} methods[HTTP_METHOD_COUNT] = {
#define METHOD_ROW(name, text, idempotent) \
    [HTTP_METHOD_##name] = {{text, sizeof(text) - 1}, idempotent},
    HTTP_METHOD_LIST(METHOD_ROW)
#undef METHOD_ROW
};

enum http_method http_method_find(struct span text)
{
    for (uint32_t i = HTTP_METHOD_OTHER + 1; i < HTTP_METHOD_COUNT; i++) {
        if (span_eq(methods[i].text, text))
            return (enum http_method)i;
    }
    return HTTP_METHOD_OTHER;
}

struct span http_method_text(enum http_method method)
{
    return methods[method].text;
}

bool http_method_idempotent(enum http_method method)
{
    return methods[method].idempotent;
}

/* RFC 9110 section 15 and the IANA registry; 4xx and 5xx of other products' making are not here. */
#define PHRASE_LIST(X)                        \
    X(100, "Continue")                        \
    X(101, "Switching Protocols")             \
    X(102, "Processing")                      \
    X(103, "Early Hints")                     \
    X(200, "OK")                              \
    X(201, "Created")                         \
    X(202, "Accepted")                        \
    X(203, "Non-Authoritative Information")   \
    X(204, "No Content")                      \
    X(205, "Reset Content")                   \
    X(206, "Partial Content")                 \
    X(207, "Multi-Status")                    \
    X(208, "Already Reported")                \
    X(226, "IM Used")                         \
    X(300, "Multiple Choices")                \
    X(301, "Moved Permanently")               \
    X(302, "Found")                           \
    X(303, "See Other")                       \
    X(304, "Not Modified")                    \
    X(305, "Use Proxy")                       \
    X(307, "Temporary Redirect")              \
    X(308, "Permanent Redirect")              \
    X(400, "Bad Request")                     \
    X(401, "Unauthorized")                    \
    X(402, "Payment Required")                \
    X(403, "Forbidden")                       \
    X(404, "Not Found")                       \
    X(405, "Method Not Allowed")              \
    X(406, "Not Acceptable")                  \
    X(407, "Proxy Authentication Required")   \
    X(408, "Request Timeout")                 \
    X(409, "Conflict")                        \
    X(410, "Gone")                            \
    X(411, "Length Required")                 \
    X(412, "Precondition Failed")             \
    X(413, "Content Too Large")               \
    X(414, "URI Too Long")                    \
    X(415, "Unsupported Media Type")          \
    X(416, "Range Not Satisfiable")           \
    X(417, "Expectation Failed")              \
    X(421, "Misdirected Request")             \
    X(422, "Unprocessable Content")           \
    X(423, "Locked")                          \
    X(424, "Failed Dependency")               \
    X(425, "Too Early")                       \
    X(426, "Upgrade Required")                \
    X(428, "Precondition Required")           \
    X(429, "Too Many Requests")               \
    X(431, "Request Header Fields Too Large") \
    X(451, "Unavailable For Legal Reasons")   \
    X(500, "Internal Server Error")           \
    X(501, "Not Implemented")                 \
    X(502, "Bad Gateway")                     \
    X(503, "Service Unavailable")             \
    X(504, "Gateway Timeout")                 \
    X(505, "HTTP Version Not Supported")      \
    X(506, "Variant Also Negotiates")         \
    X(507, "Insufficient Storage")            \
    X(508, "Loop Detected")                   \
    X(511, "Network Authentication Required")

/* NOLINTNEXTLINE(readability-function-size): a flat table */
struct span http_status_phrase(unsigned status)
{
    switch (status) {
#define PHRASE_CASE(number, text) \
    case number:                  \
        return SPAN_LIT(text);
        PHRASE_LIST(PHRASE_CASE)
#undef PHRASE_CASE
    default:
        return SPAN_LIT("Unknown");
    }
}

static bool all_in(struct span s, unsigned chars_class)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!chars_is(s.ptr[i], chars_class))
            return false;
    }
    return true;
}

bool http_is_token(struct span s)
{
    return s.len > 0 && all_in(s, CHARS_TOKEN);
}

bool http_is_field_value(struct span s)
{
    return all_in(s, CHARS_VALUE);
}
