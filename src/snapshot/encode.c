/* From structs back to the JSON that decode reads: what equals its default is left out. */
#include "snapshot/builder.h"

#define ENCODE_PART ((size_t)64 << 10) /* what is written at once, and all that is held of it */

struct encode {
    const struct snapshot *snapshot;
    struct text *out;
};

static void encode_fields(const struct encode *encode, const struct field *rows, const void *conf);

static void encode_text(const struct encode *encode, const char *text)
{
    text_add_json(encode->out, span_of(text));
}

static void encode_ip(const struct encode *encode, const struct addr *addr)
{
    char buf[ADDR_TEXT_MAX];

    text_add_json(encode->out, (struct span){buf, addr_format_ip(addr, buf)});
}

static void encode_flags(const struct encode *encode, const struct field *row, uint32_t flags)
{
    const char *separator = "";

    text_add_char(encode->out, '[');
    for (uint32_t i = 0; row->names[i]; i++) {
        if (!(flags & 1u << i))
            continue;
        text_add(encode->out, span_of(separator));
        encode_text(encode, row->names[i]);
        separator = ",";
    }
    text_add_char(encode->out, ']');
}

static void encode_list(
    const struct encode *encode, const struct field *row, const struct field_list *list)
{
    size_t item_bytes = field_item_bytes(row);

    text_add_char(encode->out, '[');
    for (uint32_t i = 0; i < list->n; i++) {
        const void *item = (const char *)list->at + i * item_bytes;

        if (i > 0)
            text_add_char(encode->out, ',');
        if (row->type == FIELD_TEXT_LIST) {
            encode_text(encode, *(const char *const *)item);
        } else if (row->type == FIELD_IP_LIST) {
            encode_ip(encode, item);
        } else {
            text_add_char(encode->out, '{');
            encode_fields(encode, row->fields, item);
            text_add_char(encode->out, '}');
        }
    }
    text_add_char(encode->out, ']');
}

static void encode_ref(const struct encode *encode, const struct field *row, uint32_t slot)
{
    const struct resource *target = table_get(&encode->snapshot->kinds[row->ref_kind], slot);

    assert(target);
    encode_text(encode, target->id);
}

static void encode_value(const struct encode *encode, const struct field *row, const void *at)
{
    switch (row->type) {
    case FIELD_BOOL:
        text_add(encode->out, *(const bool *)at ? SPAN_LIT("true") : SPAN_LIT("false"));
        break;
    case FIELD_UINT:
        text_add_u64(encode->out, *(const uint32_t *)at);
        break;
    case FIELD_UINT64:
        text_add_u64(encode->out, *(const uint64_t *)at);
        break;
    case FIELD_ENUM:
        encode_text(encode, row->names[*(const uint32_t *)at]);
        break;
    case FIELD_FLAGS:
        encode_flags(encode, row, *(const uint32_t *)at);
        break;
    case FIELD_TEXT:
        encode_text(encode, *(const char *const *)at);
        break;
    case FIELD_IP:
        encode_ip(encode, at);
        break;
    case FIELD_REF:
        encode_ref(encode, row, ((const struct ref *)at)->slot);
        break;
    default:
        encode_list(encode, row, at);
        break;
    }
}

/* The members of an object, without its braces; the first has no comma only in an object without others. */
static void encode_fields(const struct encode *encode, const struct field *rows, const void *conf)
{
    for (const struct field *row = rows; row->type != FIELD_END; row++) {
        if (row->flags & FIELD_SECRET)
            continue;
        if (!(row->flags & FIELD_REQUIRED) && field_is_default(row, conf))
            continue;
        if (encode->out->len > 0 && encode->out->ptr[encode->out->len - 1] != '{')
            text_add_char(encode->out, ',');
        text_add_json(encode->out, span_of(row->name));
        text_add_char(encode->out, ':');
        encode_value(encode, row, field_at_const(row, conf));
    }
}

static void encode_resource(const struct encode *encode, const struct resource *resource)
{
    const struct model_kind *kind = model_kind((enum resource_kind)resource->kind);

    text_addf(encode->out, "{\"kind\":\"%s\",\"id\":", kind->name);
    encode_text(encode, resource->id);
    if (resource->version != 0) {
        text_add(encode->out, SPAN_LIT(",\"version\":"));
        text_add_u64(encode->out, resource->version);
    }
    encode_fields(encode, kind->fields, resource);
    text_add_char(encode->out, '}');
}

static int compare_id(const void *a, const void *b)
{
    const struct resource *const *resource_a = a, *const *resource_b = b;

    return strcmp((*resource_a)->id, (*resource_b)->id);
}

/* All of a kind, by id, so that files compare well. *ret_sorted is the caller's. */
static uint32_t sort_kind(const struct table *table, const struct resource ***ret_sorted)
{
    const struct resource **sorted;
    const struct resource *resource;
    uint32_t n = 0;

    for (uint32_t slot = 0; table_next(table, &slot); slot++)
        n++;
    sorted = base_calloc(MAX(n, 1u), sizeof(const struct resource *));
    n = 0;
    for (uint32_t slot = 0; (resource = table_next(table, &slot)); slot++)
        sorted[n++] = resource;
    qsort(sorted, n, sizeof(const struct resource *), compare_id);
    *ret_sorted = sorted;
    return n;
}

/* Where what is encoded goes when there is enough of it; write NULL: it stays in the text. */
struct encode_sink {
    int (*write)(void *arg, struct span part);
    void *arg;
};

static int encode_flush(const struct encode *encode, const struct encode_sink *sink, size_t min)
{
    int r = 0;

    if (!sink->write || encode->out->len < min)
        return 0;
    r = sink->write(sink->arg, text_span(encode->out));
    text_reset(encode->out);
    return r;
}

/* One resource per line. */
static int encode_kind(const struct encode *encode, const struct encode_sink *sink, unsigned kind,
    const char **separator)
{
    const struct resource **sorted;
    uint32_t n = sort_kind(&encode->snapshot->kinds[kind], &sorted);
    int r = 0;

    for (uint32_t i = 0; i < n && r == 0; i++) {
        text_add(encode->out, span_of(*separator));
        encode_resource(encode, sorted[i]);
        *separator = ",\n";
        r = encode_flush(encode, sink, ENCODE_PART);
    }
    free(sorted);
    return r;
}

static int encode_snapshot(
    const struct snapshot *snapshot, struct text *out, const struct encode_sink *sink)
{
    const struct encode encode = {snapshot, out};
    const char *separator = "\n";
    int r = 0;

    text_addf(out, "{\"version\":%llu,\"upsert\":[", (unsigned long long)snapshot->version);
    for (unsigned kind = 0; kind < KIND_COUNT && r == 0; kind++)
        r = encode_kind(&encode, sink, kind, &separator);
    text_add(out, SPAN_LIT("\n]}\n"));
    return r < 0 ? r : encode_flush(&encode, sink, 0);
}

int snapshot_encode(
    const struct snapshot *snapshot, int (*write)(void *arg, struct span part), void *arg)
{
    const struct encode_sink sink = {write, arg};
    struct text part;
    int r;

    text_init(&part, SIZE_MAX);
    r = encode_snapshot(snapshot, &part, &sink);
    text_done(&part);
    return r;
}

void builder_encode(const struct builder *builder, struct text *out)
{
    const struct encode_sink nowhere = {0};

    (void)!encode_snapshot(builder->current, out, &nowhere);
}

void builder_encode_names(const struct builder *builder, struct text *out)
{
    const char *separator = "";

    text_addf(out, "{\"version\":%llu,\"names\":[", (unsigned long long)builder->current->version);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        struct span id;
        uint32_t pos = 0;

        while (map_next(&builder->ids[kind], &pos, &id) != NULL) {
            text_addf(out, "%s\"%s/", separator, model_kind((enum resource_kind)kind)->name);
            text_add(out, id); /* visible ASCII; what JSON escapes is not allowed in it */
            text_add_char(out, '"');
            separator = ",";
        }
    }
    text_add(out, SPAN_LIT("]}"));
}
