/* Log records of any content, with any of their fields absent: the line must be one JSON object and a newline,
 * whether it is formatted at once or after a way through a ring.
 *
 * Input: numbers in the order of the record's members, then texts, each behind its length; what is
 * not there any more is zero or absent. */
#include "../unit/json_check.h"
#include "base/text.h"
#include "observe/access_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(struct span *in, void *out, size_t n)
{
    size_t here = MIN(n, in->len);

    memset(out, 0, n);
    if (here > 0)
        memcpy(out, in->ptr, here);
    *in = (struct span){in->ptr + here, in->len - here};
}

static uint16_t take_u16(struct span *in)
{
    uint16_t value;

    take(in, &value, sizeof(value));
    return value;
}

static struct span take_text(struct span *in)
{
    size_t len = MIN((size_t)take_u16(in), in->len);
    struct span text = {len > 0 ? in->ptr : NULL, len};

    *in = (struct span){in->ptr + len, in->len - len};
    return text;
}

static void take_addr(struct span *in, struct addr *addr)
{
    static const uint8_t families[] = {0, 4, 6};
    uint8_t family;

    take(in, &family, 1);
    *addr = (struct addr){.family = families[family % 3]};
    take(in, addr->ip, addr->family == 4 ? 4 : 16);
    addr->port = take_u16(in);
}

static void take_record(struct span *in, struct log_record *record)
{
    struct span *texts[] = {&record->instance, &record->listener, &record->rule, &record->host,
        &record->http_host, &record->referer, &record->user_agent, &record->forwarded_for,
        &record->real_ip, &record->method, &record->uri, &record->scheme, &record->protocol};

    *record = (struct log_record){0};
    take(in, &record->product, 1);
    take(in, &record->n_tries, 1);
    record->status = take_u16(in);
    record->reason = take_u16(in) % REASON_COUNT;
    take(in, &record->rtt_us, 4);
    take(in, &record->wall_at, 8);
    take(in, &record->request_bytes, 8);
    take(in, &record->body_bytes_sent, 8);
    take(in, &record->request_ns, 8);
    take(in, &record->read_request_ns, 8);
    take(in, &record->write_response_ns, 8);
    take_addr(in, &record->client);
    take_addr(in, &record->vip);
    for (unsigned i = 0; i < MIN(record->n_tries, LOG_TRIES_MAX); i++) {
        take_addr(in, &record->tries[i].server);
        take(in, &record->tries[i].time_ns, 8);
        record->tries[i].status = take_u16(in);
        record->tries[i].reason = take_u16(in) % REASON_COUNT;
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = take_text(in);
}

/* Returns the line, which the caller frees. */
static struct text format(const struct log_record *record)
{
    struct text out;

    text_init(&out, (size_t)8 << 20);
    access_log_format(record, &out);
    assert(!text_failed(&out) && out.len > 1 && out.ptr[out.len - 1] == '\n');
    assert(!memchr(out.ptr, '\n', out.len - 1));
    assert(json_check((struct span){out.ptr, out.len - 1}));
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};
    struct log_record record, unpacked;
    struct text direct, packed_line;
    size_t n;
    char *packed;

    take_record(&in, &record);
    direct = format(&record);
    n = access_record_bytes(&record);
    packed = base_alloc(n);
    access_record_pack(&record, packed);
    access_record_unpack((struct span){packed, n}, &unpacked);
    packed_line = format(&unpacked);
    if (size < ACCESS_TEXT_MAX) /* nothing was cut */
        assert(span_eq(text_span(&direct), text_span(&packed_line)));
    text_done(&direct);
    text_done(&packed_line);
    free(packed);
    return 0;
}
