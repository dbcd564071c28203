/* HTTP/1.0 and HTTP/1.1 (RFC 9112): bytes in, message events out; and back. No socket, no clock, no
 * allocation.
 *
 * Reading is strict: one reading of every input, or refusal. It is incremental: feeding the input
 * whole or cut at any byte gives the same events. A head must be contiguous: while it is incomplete
 * the reader consumes nothing and the caller offers the same bytes again, with more behind them;
 * the reader remembers how far it has searched, so that a head dribbled in costs O(n).
 * Bodies are not buffered: what came is handed on as spans of the input.
 */
#pragma once

#include "http/msg.h"

/* From the listener (client side) or the group (server side). Bytes include line ends. */
struct h1_limits {
    uint32_t line_bytes;   /* request line or status line; 414 beyond */
    uint32_t header_bytes; /* one header line; 400 beyond */
    uint32_t head_bytes;   /* start line and all headers; 400 beyond. Trailers: the same again */
    uint32_t n_headers;    /* 400 beyond */
    uint64_t body_bytes;   /* 413 beyond */
};

enum h1_event {
    H1_MORE,    /* nothing can be said before more bytes come */
    H1_HEAD,    /* msg is filled; its spans lie in the input */
    H1_INTERIM, /* response only: a 1xx head that is not 101; another head follows */
    H1_BODY, /* step.body is the next part of the body, as sent by the peer, without chunk framing */
    H1_END, /* message complete; msg->fields holds the trailers (n = 0 if none). The reader is ready
                  for the next message unless the message said HTTP_BODY_CLOSE or TUNNEL */
    H1_REFUSE, /* step.reason and step.status say why; the connection can only be closed */
};

struct h1_step {
    enum h1_event event;
    /* Bytes of the input that this event consumed, also with H1_MORE. With H1_HEAD up to 4 more than
     * msg->head_bytes: empty lines in front of a request. */
    size_t used;
    struct span body; /* H1_BODY */
    enum reason reason;
    uint16_t status; /* H1_REFUSE on requests: 400 408 413 414 501 505 ...; on responses 502 */
};

struct h1_reader {
    const struct h1_limits *limits; /* borrowed */
    uint64_t left;                  /* of the body, or of the current chunk */
    uint64_t body_bytes;            /* of this message so far */
    uint32_t scanned;               /* of an incomplete head or trailer block */
    uint8_t state;
    uint8_t body; /* enum http_body of the current message */
    uint8_t chunk_digits;
    bool response;
    bool head_request;   /* response: it answers a HEAD */
    uint8_t empty_lines; /* CRLF skipped before a request line, RFC 9112 section 2.2 */
    uint8_t reserved[2];
};

void h1_reader_init_request(struct h1_reader *reader, const struct h1_limits *limits);
/* Before every response: the method it answers decides whether a body follows (RFC 9112 section 6.3). */
void h1_reader_init_response(
    struct h1_reader *reader, const struct h1_limits *limits, enum http_method request_method);

/* Reads the next event out of in. msg: fields.at and fields.cap are set by the caller (its scratch);
 * the rest is written on H1_HEAD, H1_INTERIM and H1_END. Call again with the rest of the input until
 * H1_MORE. Zero-length input gives H1_MORE, except when a message without body is at its end.
 * O(bytes).
 *
 * Requests refused here: anything RFC 9112 calls invalid; bare LF or CR; folded lines; white space
 * before the colon; Content-Length that is repeated, empty, signed, a list, or beside
 * Transfer-Encoding; Transfer-Encoding other than one "chunked", or in HTTP/1.0; chunk sizes with
 * anything but 1 to 16 hex digits; HTTP/1.1 without exactly one valid Host; Host that differs from an
 * absolute target's authority; fragments and control or non-ASCII bytes in the target; methods with
 * lower case (400); CONNECT and TRACE (405); Expect other than 100-continue (417); more than
 * n_headers; versions other than 1.0 and 1.1 (505); unknown transfer codings (501).
 * Chunk extensions are accepted within 256 bytes, checked, and dropped. Forbidden trailer fields
 * (framing, routing, authentication: RFC 9110 section 6.5.1) are refused.
 * Responses: the same strictness; Content-Length may be repeated with one same value only; HTTP/1.0 with
 * chunked is accepted (CLBSG-46). */
void h1_read(
    struct h1_reader *reader, struct span in, struct http_msg *msg, struct h1_step *ret_step);

/* Whether H1_END is due without more input; it is taken then, as h1_read would. For heads without a body. */
bool h1_try_end(struct h1_reader *reader);

/* The peer closed its side. H1_END if that ends the message regularly (HTTP_BODY_CLOSE), H1_MORE if the reader
 * stands between messages, else H1_REFUSE. */
void h1_read_eof(struct h1_reader *reader, struct h1_step *ret_step);

/* Whether the reader stands between messages, with nothing of a next one seen. */
bool h1_reader_idle(const struct h1_reader *reader);

/* Bytes of the body that come next as they are on the wire, with no framing in between: what may be
 * spliced past the codec. UINT64_MAX for HTTP_BODY_CLOSE and TUNNEL; 0 when nothing may be. */
uint64_t h1_raw_left(const struct h1_reader *reader);
/* n of those went past the codec. n <= h1_raw_left(). After the last one the next h1_read (even with empty
 * input) gives H1_END. */
void h1_raw_skip(struct h1_reader *reader, uint64_t n);

/* How the head that is written continues its connection. */
enum h1_connection {
    H1_CONNECTION_DEFAULT,    /* persistent in 1.1: no header */
    H1_CONNECTION_KEEP_ALIVE, /* said explicitly: answers to HTTP/1.0 clients */
    H1_CONNECTION_CLOSE,
    H1_CONNECTION_UPGRADE, /* with msg->upgrade */
};

/* Write a head: start line, headers that are not dropped, then framing and Connection as msg->body
 * and connection say. Host is written first, from msg->authority. version: what is written in the start
 * line (HTTP_VERSION_1_0 or 1_1). path and query are written as they stand in msg.
 * Framing and connection fields of msg->fields are never copied: Host, Content-Length,
 * Transfer-Encoding, Connection, Keep-Alive, Proxy-Connection, TE, Upgrade. HTTP_BODY_CLOSE always says close.
 * Returns bytes written, or 0 if cap does not suffice (nothing usable was written) or the version cannot
 * express the body (chunked in 1.0, a request that ends by closing). O(bytes). */
size_t h1_write_request(const struct http_msg *msg, enum http_version version,
    enum h1_connection connection, char *buf, size_t cap);
size_t h1_write_response(const struct http_msg *msg, enum http_version version,
    enum h1_connection connection, char *buf, size_t cap);

/* bytes > 0. "1a2b\r\n"; the data and "\r\n" follow. Returns bytes written. */
#define H1_CHUNK_HEAD_MAX 18u
size_t h1_write_chunk_head(uint64_t bytes, char buf[static H1_CHUNK_HEAD_MAX]);
/* "0\r\n", trailers (may be NULL) that are not dropped, "\r\n". Returns bytes written, or 0 if cap does
 * not suffice. */
size_t h1_write_last_chunk(const struct http_fields *trailers, char *buf, size_t cap);
