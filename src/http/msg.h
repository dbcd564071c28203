/* The message that all HTTP versions share.
 *
 * A codec fills it with spans into its input; the proxy copies what must outlive the input
 * (http_msg_copy), rules read it, edits mark and append, another codec writes it out. No I/O here, no
 * clock. A message belongs to one thread.
 */
#pragma once

#include "base/arena.h"
#include "base/reason.h"
#include "base/span.h"

enum http_version { HTTP_VERSION_1_0, HTTP_VERSION_1_1, HTTP_VERSION_2, HTTP_VERSION_3 };

/* X(NAME, "TEXT", idempotent): RFC 9110 section 9, RFC 5789. */
#define HTTP_METHOD_LIST(X)      \
    X(OTHER, "", false)          \
    X(GET, "GET", true)          \
    X(HEAD, "HEAD", true)        \
    X(POST, "POST", false)       \
    X(PUT, "PUT", true)          \
    X(DELETE, "DELETE", true)    \
    X(OPTIONS, "OPTIONS", true)  \
    X(PATCH, "PATCH", false)     \
    X(CONNECT, "CONNECT", false) \
    X(TRACE, "TRACE", true)

enum http_method {
#define HTTP_METHOD_ENUM(name, text, idempotent) HTTP_METHOD_##name,
    HTTP_METHOD_LIST(HTTP_METHOD_ENUM)
#undef HTTP_METHOD_ENUM
        HTTP_METHOD_COUNT
};

/* Header names that the balancer itself looks at. X(NAME, "lower-case name") */
#define HTTP_NAME_LIST(X)                                       \
    X(OTHER, "")                                                \
    X(HOST, "host")                                             \
    X(CONNECTION, "connection")                                 \
    X(KEEP_ALIVE, "keep-alive")                                 \
    X(PROXY_CONNECTION, "proxy-connection")                     \
    X(TE, "te")                                                 \
    X(TRAILER, "trailer")                                       \
    X(UPGRADE, "upgrade")                                       \
    X(TRANSFER_ENCODING, "transfer-encoding")                   \
    X(CONTENT_LENGTH, "content-length")                         \
    X(CONTENT_TYPE, "content-type")                             \
    X(CONTENT_ENCODING, "content-encoding")                     \
    X(EXPECT, "expect")                                         \
    X(DATE, "date")                                             \
    X(SERVER, "server")                                         \
    X(LOCATION, "location")                                     \
    X(COOKIE, "cookie")                                         \
    X(SET_COOKIE, "set-cookie")                                 \
    X(REFERER, "referer")                                       \
    X(USER_AGENT, "user-agent")                                 \
    X(ACCEPT_ENCODING, "accept-encoding")                       \
    X(AUTHORIZATION, "authorization")                           \
    X(X_FORWARDED_FOR, "x-forwarded-for")                       \
    X(X_FORWARDED_PROTO, "x-forwarded-proto")                   \
    X(X_FORWARDED_HOST, "x-forwarded-host")                     \
    X(X_FORWARDED_PORT, "x-forwarded-port")                     \
    X(X_FORWARDED_CLIENT_SRCPORT, "x-forwarded-client-srcport") \
    X(X_REAL_IP, "x-real-ip")                                   \
    X(SLB_ID, "slb-id")                                         \
    X(SLB_IP, "slb-ip")

enum http_name {
#define HTTP_NAME_ENUM(name, text) HTTP_NAME_##name,
    HTTP_NAME_LIST(HTTP_NAME_ENUM)
#undef HTTP_NAME_ENUM
        HTTP_NAME_COUNT
};

/* Ids as sets. */
_Static_assert(HTTP_NAME_COUNT <= 64, "one bit for each");
#define HTTP_BIT(name) (UINT64_C(1) << HTTP_NAME_##name)
static inline uint64_t http_name_bit(unsigned id)
{
    return UINT64_C(1) << id;
}

struct http_header {
    const char *name;  /* borrowed; as received, any case */
    const char *value; /* borrowed; without white space around */
    uint32_t name_len, value_len;
    uint16_t id;  /* enum http_name */
    bool dropped; /* an edit removed it: kept for rules and logs, not written out */
};

struct http_fields {
    struct http_header *at; /* borrowed: codec's scratch, or an arena */
    uint32_t n, cap;
    uint64_t
        ids; /* http_name_bit() of every id in at, so that what is not there need not be searched. 0 if
                     that is not known */
};

/* content_length of a response without body whose head said no Content-Length. */
#define HTTP_LENGTH_UNKNOWN UINT64_MAX

/* How the length of the body is known. What is written out is decided anew from this, never copied. */
enum http_body {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,  /* content_length bytes */
    HTTP_BODY_CHUNKED, /* ends with the last chunk, may have trailers */
    HTTP_BODY_CLOSE,   /* response: ends when the connection does */
    HTTP_BODY_TUNNEL,  /* after 101: opaque bytes both ways */
};

struct http_msg {
    struct http_fields fields;
    /* HTTP_BODY_LENGTH: bytes of the body. HTTP_BODY_NONE in a response: what its Content-Length says
     * (answers to HEAD, 304; 0 in an answer of our own), or HTTP_LENGTH_UNKNOWN. */
    uint64_t content_length;

    /* request */
    struct span method_text;
    struct span target;    /* as received */
    struct span scheme;    /* absolute-form: "http" or "https", any case; else empty */
    struct span authority; /* the one canonical host[:port]: of an absolute target, else of Host;
                              empty only for HTTP/1.0 without Host */
    struct span path;      /* begins with '/', or is "*" */
    struct span query;     /* without '?' */
    struct span upgrade;   /* token of Upgrade when Connection asks for it; else empty */

    /* response */
    struct span phrase;
    uint16_t status;

    uint8_t version; /* enum http_version */
    uint8_t method;  /* enum http_method */
    uint8_t body;    /* enum http_body */
    bool is_request;
    bool has_query;       /* "?" was there, even if nothing follows */
    bool keep_alive;      /* the sender would go on with this connection */
    bool expect_continue; /* Expect: 100-continue */
    bool te_trailers;     /* TE: trailers */
    uint32_t head_bytes;  /* start line and headers as received, with the empty line */
};

/* Writable room that edits may need behind the fields of a copied message. */
#define HTTP_EDIT_HEADERS 16u

/* Copies a message whose spans all lie in head (contiguous, as the codec saw it) into the arena: one
 * copy of the bytes, one of the fields with HTTP_EDIT_HEADERS spare, pointers moved. Spans that do not
 * lie in head (static text: the path "/" of "http://a") stay as they are.
 * Returns 0 or -ENOMEM (arena's limit). */
int http_msg_copy(const struct http_msg *msg, struct span head, struct arena *arena,
    struct http_msg *ret_msg) MUST_CHECK;

/* Whether a header of one of those ids may be there. */
static inline bool http_may_have(const struct http_fields *fields, uint64_t ids)
{
    return fields->ids == 0 || (fields->ids & ids) != 0;
}

/* First header of that id that is not dropped, from index *pos on; *pos moves behind it. NULL if none. */
const struct http_header *http_find_from(
    const struct http_fields *fields, enum http_name id, uint32_t *pos);
static inline const struct http_header *http_find(
    const struct http_fields *fields, enum http_name id)
{
    uint32_t pos = 0;

    return http_find_from(fields, id, &pos);
}
/* By name in any case, for names that have no id; known ids work too. */
const struct http_header *http_find_name_from(
    const struct http_fields *fields, struct span name, uint32_t *pos);

static inline struct span http_header_value(const struct http_header *h)
{
    return h ? (struct span){h->value, h->value_len} : (struct span){0};
}
static inline struct span http_header_name(const struct http_header *h)
{
    return (struct span){h->name, h->name_len};
}

/* Appends a header; name and value are borrowed. Returns 0 or -ENOSPC when fields.cap is reached. */
int http_add(
    struct http_fields *fields, enum http_name id, struct span name, struct span value) MUST_CHECK;
/* Marks all headers of that id as dropped. Returns how many. */
uint32_t http_drop(struct http_fields *fields, enum http_name id);
uint32_t http_drop_name(struct http_fields *fields, struct span name);

/* Drops what belongs to one hop (RFC 9110 section 7.6.1): Connection and all that it names,
 * Keep-Alive, Proxy-Connection, TE, Trailer, Upgrade, and Transfer-Encoding and
 * Content-Length, which the next codec writes itself. A name in Connection never removes what end
 * points and the balancer rely on (Host, Cookie, Authorization, Content-*, Date, X-Forwarded-*,
 * X-Real-IP, SLB-*): a peer could strip identity that way. */
void http_drop_hop_by_hop(struct http_fields *fields);

/* Id of a known name in any case, or HTTP_NAME_OTHER. */
enum http_name http_name_find(struct span name);
struct span http_name_text(enum http_name id);
/* Case-sensitive; HTTP_METHOD_OTHER for what is not in the list. */
enum http_method http_method_find(struct span text);
struct span http_method_text(enum http_method method);
bool http_method_idempotent(enum http_method method);

/* "OK" for 200; "Unknown" for what has no name. */
struct span http_status_phrase(unsigned status);

/* Whether each byte is a tchar (RFC 9110 section 5.6.2) and there is at least one. */
bool http_is_token(struct span s);
/* Whether no byte is NUL, CR, LF or another control character but HTAB (RFC 9110 section 5.5). */
bool http_is_field_value(struct span s);

/* Splits host[:port] or [v6][:port]; port 0 if absent. Checks the syntax strictly: reg-name bytes without
 * percent, comma, userinfo or slash; port 1..65535 without leading zeros. A v6 address keeps its brackets.
 * Returns 0 or -EINVAL. */
int http_split_authority(
    struct span authority, struct span *ret_host, uint16_t *ret_port) MUST_CHECK;
