/* The access log: one JSON line per exchange, written by a thread of its own.
 *
 * A worker copies what it knows into its ring (one memcpy per text, no formatting, no lock, no wait); the log
 * thread formats in batches and appends to the file. A full ring or a full disk drops lines and counts
 * them; it never blocks a worker. Rotation: by size, and on demand (SIGUSR1) the file is opened anew.
 */
#pragma once

#include "base/addr.h"
#include "base/clock.h"
#include "base/reason.h"
#include "base/span.h"
#include "observe/log.h"
#include "observe/metrics.h"

#define LOG_TRIES_MAX 16u

/* PRODUCT_CLB of snapshot/model.h, which this folder does not know. */
#define LOG_PRODUCT_CLB 0u

struct log_try {
    struct addr server;
    int64_t time_ns; /* connect start to last byte or failure */
    uint16_t status; /* 0: "-" */
    uint16_t reason; /* why it ended, REASON_NONE if it answered */
};

/* Filled by the proxy on its stack; texts are borrowed for the call. Zeroed members are written as "-" or 0. */
struct log_record {
    nsec wall_at; /* when the exchange ended */
    struct addr client, vip;
    struct span instance, listener, rule; /* ids */
    struct span host, http_host, referer, user_agent, forwarded_for, real_ip;
    struct span method, uri, scheme, protocol; /* protocol: "HTTP/1.1" */
    uint64_t request_bytes;                    /* request_length: line, headers, body */
    uint64_t body_bytes_sent;
    nsec request_ns;      /* first byte of the request to the end of the response */
    nsec read_request_ns; /* to read the request */
    nsec write_response_ns;
    uint32_t rtt_us;
    uint16_t status;
    uint16_t reason;
    uint8_t product; /* enum product: topic and names of id fields */
    uint8_t n_tries;
    struct log_try tries[LOG_TRIES_MAX];
};

struct access_log;

struct access_log_opts {
    const char *path; /* "-": standard output */
    uint64_t
        rotate_bytes; /* 0: never by size; else the file is renamed to path.1 (path.1 to path.2 ...) */
    unsigned keep_files; /* renamed files kept */
    unsigned n_workers;
    size_t ring_bytes; /* per worker; a power of two */
};

/* Opens the file and starts the thread. Returns NULL with errno. A file that cannot be written later is
 * retried every second, with drops counted. */
struct access_log *access_log_open(const struct access_log_opts *opts);
/* Writes what the rings hold, ends the thread. */
struct access_log *access_log_close(struct access_log *log);

/* Worker `index` only. Never blocks; drops when its ring has no room. Texts longer than 8 KiB are cut. */
void access_log_add(struct access_log *log, unsigned index, const struct log_record *record);

/* Opens the file anew (after logrotate moved it). Any thread, also from a signal's handler loop. */
void access_log_reopen(struct access_log *log);

struct access_log_stats {
    uint64_t written, dropped_full, dropped_error, rotations;
};
void access_log_stats(struct access_log *log, struct access_log_stats *ret_stats);

/* Formats one record as a JSON line with newline. For the thread and for tests. Fields, by product (the topic is
 * slb_layer7_access_log with slbid for clb, alb_layer7_access_log with app_lb_id else): __topic__ time body_bytes_sent client_ip client_port
 * host http_host http_referer http_user_agent http_x_forwarded_for http_x_real_ip read_request_time request_length
 * request_method request_time request_uri scheme server_protocol slb_vport slbid|app_lb_id status tcpinfo_rtt
 * upstream_addr upstream_response_time upstream_status vip_addr write_response_time hit_rule_id listener_id reason upstream_reason.
 * Those that begin with upstream_ are texts with one value per try, joined by ", "; sizes, ports, times and status are numbers.
 * request_time and upstream_response_time in seconds with 3 digits, read_ and write_ times in ms. If out
 * fails, nothing of the line is left in it. */
void access_log_format(const struct log_record *record, struct text *out);
