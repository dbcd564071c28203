#include "observe/access_record.h"

/* Every text of a record. */
#define ACCESS_TEXT_LIST(X) \
    X(instance)             \
    X(listener)             \
    X(rule)                 \
    X(host)                 \
    X(http_host)            \
    X(referer)              \
    X(user_agent)           \
    X(forwarded_for)        \
    X(real_ip)              \
    X(method)               \
    X(uri)                  \
    X(scheme)               \
    X(protocol)

enum access_text {
#define ACCESS_TEXT_ENUM(name) ACCESS_TEXT_##name,
    ACCESS_TEXT_LIST(ACCESS_TEXT_ENUM)
#undef ACCESS_TEXT_ENUM
        ACCESS_TEXT_COUNT
};

/* Followed by the tries, then the texts. */
struct access_packed {
    nsec wall_at, request_ns, read_request_ns, write_response_ns;
    uint64_t request_bytes, body_bytes_sent;
    struct addr client, vip;
    uint32_t rtt_us;
    uint16_t status, reason;
    uint16_t text_bytes[ACCESS_TEXT_COUNT];
    uint8_t product, n_tries;
};

_Static_assert(sizeof(struct access_packed) % _Alignof(struct log_try) == 0, "tries follow");
_Static_assert(LOG_TRIES_MAX <= UINT8_MAX && ACCESS_TEXT_MAX <= UINT16_MAX, "counts fit");

static inline uint16_t access_text_bytes(struct span text)
{
    return (uint16_t)MIN(text.len, (size_t)ACCESS_TEXT_MAX);
}

static inline uint8_t access_n_tries(const struct log_record *record)
{
    return (uint8_t)MIN(record->n_tries, LOG_TRIES_MAX);
}

size_t access_record_bytes(const struct log_record *record)
{
    size_t n = sizeof(struct access_packed) + access_n_tries(record) * sizeof(struct log_try);

#define ACCESS_TEXT_COUNT_BYTES(name) n += access_text_bytes(record->name);
    ACCESS_TEXT_LIST(ACCESS_TEXT_COUNT_BYTES)
#undef ACCESS_TEXT_COUNT_BYTES
    return n;
}

static inline char *access_put_text(char *at, struct span text, uint16_t *ret_bytes)
{
    uint16_t n = access_text_bytes(text);

    *ret_bytes = n;
    return span_put(at, (struct span){text.ptr, n});
}

void access_record_pack(const struct log_record *record, char *out)
{
    struct access_packed *packed = (struct access_packed *)(void *)out;
    size_t tries_bytes = access_n_tries(record) * sizeof(struct log_try);
    char *at = out + sizeof(*packed);

    packed->wall_at = record->wall_at;
    packed->request_ns = record->request_ns;
    packed->read_request_ns = record->read_request_ns;
    packed->write_response_ns = record->write_response_ns;
    packed->request_bytes = record->request_bytes;
    packed->body_bytes_sent = record->body_bytes_sent;
    packed->client = record->client;
    packed->vip = record->vip;
    packed->rtt_us = record->rtt_us;
    packed->status = record->status;
    packed->reason = record->reason;
    packed->product = record->product;
    packed->n_tries = access_n_tries(record);
    memcpy(at, record->tries, tries_bytes);
    at += tries_bytes;
#define ACCESS_TEXT_PUT(name) \
    at = access_put_text(at, record->name, &packed->text_bytes[ACCESS_TEXT_##name]);
    ACCESS_TEXT_LIST(ACCESS_TEXT_PUT)
#undef ACCESS_TEXT_PUT
}

void access_record_unpack(struct span record, struct log_record *ret_record)
{
    const struct access_packed *packed = (const struct access_packed *)(const void *)record.ptr;
    size_t tries_bytes = packed->n_tries * sizeof(struct log_try);
    const char *at = record.ptr + sizeof(*packed);

    assert(packed->n_tries <= LOG_TRIES_MAX);
    ret_record->wall_at = packed->wall_at;
    ret_record->request_ns = packed->request_ns;
    ret_record->read_request_ns = packed->read_request_ns;
    ret_record->write_response_ns = packed->write_response_ns;
    ret_record->request_bytes = packed->request_bytes;
    ret_record->body_bytes_sent = packed->body_bytes_sent;
    ret_record->client = packed->client;
    ret_record->vip = packed->vip;
    ret_record->rtt_us = packed->rtt_us;
    ret_record->status = packed->status;
    ret_record->reason = packed->reason;
    ret_record->product = packed->product;
    ret_record->n_tries = packed->n_tries;
    memcpy(ret_record->tries, at, tries_bytes);
    at += tries_bytes;
#define ACCESS_TEXT_GET(name)                                                     \
    ret_record->name = (struct span){at, packed->text_bytes[ACCESS_TEXT_##name]}; \
    at += packed->text_bytes[ACCESS_TEXT_##name];
    ACCESS_TEXT_LIST(ACCESS_TEXT_GET)
#undef ACCESS_TEXT_GET
    assert(at == record.ptr + record.len);
}
