/* One check of one server: connects, asks, judges. For the files of this folder.
 *
 * A kind is one file with a struct check_kind. A check knows no thresholds and no intervals.
 */
#pragma once

#include "engine/conn.h"
#include "http/h1/h1.h"
#include "snapshot/model.h"

struct check;

struct check_result {
    bool ok;
    const char *why; /* static; "" when ok */
    unsigned status; /* HTTP status received, or 0 */
};

/* What a check tells whom, never from inside check_start or check_stop. */
struct check_owner {
    /* At most once. Not called when this process lacked the means to ask: that says nothing
     * about the server. */
    void (*on_result)(struct check *check, const struct check_result *result);
    /* Once, last: the check is over and frees itself. */
    void (*on_end)(struct check *check);
};

struct check_kind {
    bool udp;
    void (*on_connected)(struct check *check);
    void (*on_ready)(struct check *check); /* connected and something is new */
    void (*on_time)(struct check *check);  /* judges after timeout_ms; NULL: a failure */
};

extern const struct check_kind check_tcp, check_http, check_udp;

/* The longest answer that is looked at: its head; and how much of a body is taken in. */
#define CHECK_ANSWER_BYTES 8192u

struct check {
    struct conn conn; /* first; io.fd is -1 when there is none */
    struct conn_env *env;
    const struct check_kind *kind;
    const struct check_owner *owner;
    void *arg;                            /* the owner's */
    const struct health_check_conf *conf; /* borrowed until the end */
    struct addr server;                   /* without the port of conf */
    struct timer timer;
    int error; /* of the attempt to connect; 0 */
    bool connected;
    bool judged;

    /* check_http */
    struct h1_reader reader;
    char *buf; /* owned: the request, then the answer; CHECK_ANSWER_BYTES */
    uint32_t len, used;
    uint64_t body_left; /* of what is still taken in, once judged */
};

/* server: with its port, unless conf names one. owner and conf outlive the check. */
struct check *check_start(struct conn_env *env, const struct check_owner *owner, void *arg,
    const struct health_check_conf *conf, const struct addr *server);
/* Ends it without a word to its owner. */
void check_stop(struct check *check);

/* For kinds. */
void check_judge(struct check *check, bool ok, const char *why, unsigned status);
/* reset: by RST instead of FIN. */
void check_end(struct check *check, bool reset);
