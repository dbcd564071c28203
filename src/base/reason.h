/* Why something was refused, retried, failed over or answered by the balancer itself.
 *
 * One list: it yields the enum, the word in the access log and the API, the metric label, and the
 * sentence in the documentation. REASON_NONE is a request that a server answered.
 */
#pragma once

#include "base/span.h"

/* X(NAME, "word", "sentence") */
#define REASON_LIST(X)                                                                            \
    X(NONE, "-", "nothing to explain")                                                            \
    /* the client's message */                                                                    \
    X(BAD_REQUEST_LINE, "bad_request_line", "request line is malformed")                          \
    X(BAD_METHOD, "bad_method", "method is not a token in upper case")                            \
    X(BAD_VERSION, "bad_version", "HTTP version is not 1.0 or 1.1")                               \
    X(BAD_TARGET, "bad_target", "request target is malformed or contains a fragment")             \
    X(BAD_HEADER_NAME, "bad_header_name", "header name is empty or has an illegal byte")          \
    X(BAD_HEADER_VALUE, "bad_header_value", "header value has an illegal byte")                   \
    X(BAD_LINE_END, "bad_line_end", "a line does not end in CRLF")                                \
    X(OBS_FOLD, "obs_fold", "folded header line")                                                 \
    X(BAD_CONTENT_LENGTH, "bad_content_length", "Content-Length is malformed or repeated")        \
    X(BAD_TRANSFER_ENCODING, "bad_transfer_encoding", "Transfer-Encoding is not chunked, once")   \
    X(LENGTH_AND_CHUNKED, "length_and_chunked", "Content-Length together with Transfer-Encoding") \
    X(BAD_CHUNK, "bad_chunk", "chunk size or chunk end is malformed")                             \
    X(BAD_TRAILER, "bad_trailer", "trailer field is malformed or not allowed")                    \
    X(BAD_HOST, "bad_host", "Host is missing, repeated or malformed")                             \
    X(BAD_PATH, "bad_path", "path cannot be normalised safely")                                   \
    X(BAD_EXPECT, "bad_expect", "Expect is not 100-continue")                                     \
    X(BAD_STATUS_LINE, "bad_status_line", "status line is malformed")                             \
    X(METHOD_REFUSED, "method_refused", "TRACE and CONNECT are not forwarded")                    \
    X(URI_TOO_LONG, "uri_too_long", "request target exceeds the listener's limit")                \
    X(HEADER_TOO_LONG, "header_too_long", "one header line exceeds the listener's limit")         \
    X(HEAD_TOO_LONG, "head_too_long", "the whole head exceeds the listener's limit")              \
    X(TOO_MANY_HEADERS, "too_many_headers", "more header lines than the listener allows")         \
    X(BODY_TOO_LARGE, "body_too_large", "body exceeds the listener's limit")                      \
    X(PLAIN_ON_TLS, "plain_on_tls", "plain HTTP sent to a TLS port")                              \
    X(TLS_ON_PLAIN, "tls_on_plain", "TLS sent to a plain port")                                   \
    /* the client's conduct */                                                                    \
    X(CLIENT_CLOSED, "client_closed", "client closed before the answer was complete")             \
    X(CLIENT_RESET, "client_reset", "client reset the connection")                                \
    X(HEADER_TIMEOUT, "header_timeout", "client did not finish its request head in time")         \
    X(BODY_TIMEOUT, "body_timeout", "client did not finish its request body in time")             \
    X(SEND_TIMEOUT, "send_timeout", "client did not read its response in time")                   \
    X(IDLE_TIMEOUT, "idle_timeout", "connection was idle for too long")                           \
    /* what the configuration decided */                                                          \
    X(RULE_REDIRECT, "rule_redirect", "a rule redirected the request")                            \
    X(RULE_FIXED, "rule_fixed", "a rule gave a fixed response")                                   \
    X(ACCESS_DENIED, "access_denied", "access control refused the connection")                    \
    X(LIMIT_CONNECTIONS, "limit_connections", "connection limit reached")                         \
    X(FLOW_EVICTED, "flow_evicted", "a UDP flow that was not assured made room for another flow") \
    X(LOOP_DETECTED, "loop_detected", "the request has passed here before")                       \
    X(LISTENER_GONE, "listener_gone", "the listener was removed")                                 \
    /* choosing a server */                                                                       \
    X(NO_GROUP, "no_group", "the action names no usable server group")                            \
    X(NO_SERVERS, "no_servers", "the group has no server with weight")                            \
    X(ALL_UNHEALTHY, "all_unhealthy", "all servers of the group are unhealthy")                   \
    X(FAIL_OPEN, "fail_open", "all servers are unhealthy; scheduled over all of them")            \
    /* the server's conduct */                                                                    \
    X(CONNECT_REFUSED, "connect_refused", "server refused the connection")                        \
    X(CONNECT_TIMEOUT, "connect_timeout", "server did not accept the connection in time")         \
    X(CONNECT_FAILED, "connect_failed", "connection to the server failed")                        \
    X(SERVER_CLOSED, "server_closed", "server closed before it answered")                         \
    X(SERVER_RESET, "server_reset", "server reset the connection")                                \
    X(SERVER_TIMEOUT, "server_timeout", "server did not answer in time")                          \
    X(SERVER_CUT, "server_cut", "server closed in the middle of its response")                    \
    X(BAD_RESPONSE, "bad_response", "server's response is malformed")                             \
    X(RESPONSE_TOO_LONG, "response_too_long", "server's response head exceeds the limit")         \
    X(STATUS_CONVERTED, "status_converted", "server's status was converted by configuration")     \
    X(STALE_RETRY, "stale_retry", "an idle server connection had been closed; retried")           \
    X(NEXT_SERVER, "next_server", "retried on the next server")                                   \
    /* our own trouble */                                                                         \
    X(OUT_OF_MEMORY, "out_of_memory", "the worker's memory limit is reached")                     \
    X(OUT_OF_FILES, "out_of_files", "the process has no file descriptors left")                   \
    X(DRAINING, "draining", "the process is being replaced")                                      \
    X(INTERNAL, "internal", "an internal error")

enum reason {
#define REASON_ENUM(name, word, text) REASON_##name,
    REASON_LIST(REASON_ENUM)
#undef REASON_ENUM
        REASON_COUNT
};

/* The word for logs, metrics and the API. */
const char *reason_word(enum reason reason);
/* The sentence for people. */
const char *reason_text(enum reason reason);
