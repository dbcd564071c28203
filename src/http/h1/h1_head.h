/* The parts of the reader, in the order in which a message passes them. Internal to src/http/h1.
 *
 * All return REASON_NONE or why the message is refused. What the reason does not tell, the status, is 400
 * for requests unless h1_refuse() knows better.
 */
#pragma once

#include "http/h1/h1.h"

enum h1_state {
    H1_STATE_HEAD,     /* between messages, or in a head that is incomplete */
    H1_STATE_LENGTH,   /* body by Content-Length */
    H1_STATE_CLOSE,    /* body until the peer closes */
    H1_STATE_TUNNEL,   /* the same, unlimited */
    H1_STATE_END,      /* H1_END is due */
    H1_STATE_REFUSED,  /* left: status, chunk_digits: reason */
    H1_STATE_TRAILERS, /* behind the last chunk */
    H1_STATE_CHUNK_DATA,
    H1_STATE_CHUNK_CR, /* behind the data */
    H1_STATE_CHUNK_LF,
    H1_STATE_SIZE, /* digits of a chunk size */
    H1_STATE_SIZE_LF,
    H1_STATE_EXT_SPACE, /* in front of ';' */
    H1_STATE_EXT_BEGIN, /* behind ';' */
    H1_STATE_EXT_NAME,
    H1_STATE_EXT_NAMED, /* space behind the name */
    H1_STATE_EXT_EQUALS,
    H1_STATE_EXT_TOKEN,
    H1_STATE_EXT_QUOTED,
    H1_STATE_EXT_ESCAPE,
    H1_STATE_EXT_UNQUOTED,
    H1_STATE_COUNT
};

/* A search for the empty line that ends a head or trailer block. */
struct h1_scan {
    struct span in;
    const struct h1_limits *limits;
    struct http_fields
        *fields;      /* value_len of each header line, as long as there is room, gets the offset of
                                   its CR; only if the search began at 0 */
    size_t at;        /* next byte to look at */
    size_t line;      /* start of the line it is in */
    size_t start_end; /* offset of the CR of the start line */
    uint32_t n_lines; /* header lines seen */
    bool trailers;    /* no start line */
    bool response;
    bool done; /* at is behind the empty line */
};

/* Goes on with the search. Refuses, independently of how the input was cut: what exceeds a limit, control
 * characters, line ends other than CRLF. O(bytes not seen before). */
enum reason h1_scan_lines(struct h1_scan *scan);

/* What the header lines say about framing and connection. */
struct h1_facts {
    struct span host, coding, upgrade;
    uint64_t length;
    uint32_t n_hosts, n_lengths, n_codings, n_upgrades;
    uint32_t n_options; /* elements of Connection */
    bool close, keep_alive, asks_upgrade, expects;
};

/* line: without CRLF, but CR follows it. Fills all of msg that the request line says. */
enum reason h1_parse_request_line(struct span line, struct http_msg *msg);
enum reason h1_parse_status_line(struct span line, struct http_msg *msg);
/* The target's authority and Host become one. */
enum reason h1_check_host(const struct h1_facts *facts, struct http_msg *msg);

/* One complete head that h1_scan_lines has passed, from 0 on. */
enum reason h1_parse_head(const struct h1_reader *reader, const struct h1_scan *scan,
    struct http_msg *msg, bool *ret_unknown_coding);
enum reason h1_parse_trailers(
    const struct h1_scan *scan, const struct h1_limits *limits, struct http_fields *fields);

/* Consumes chunk framing from *used on, up to data, trailers or the end of in. Moves *used. */
enum reason h1_read_framing(struct h1_reader *reader, struct span in, size_t *used);
