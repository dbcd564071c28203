/* From structs back to the JSON that decode reads: what equals its default is left out. */
#include "snapshot/builder.h"

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

/* One resource per line, so that files compare well. */
static const char *encode_kind(
    const struct encode *encode, const struct map *ids, const char *separator)
{
    const struct resource **sorted = base_calloc(MAX(ids->n, 1u), sizeof(const struct resource *));
    const struct resource *resource;
    struct span key;
    uint32_t pos = 0, n = 0;

    while ((resource = map_next(ids, &pos, &key)) != NULL)
        sorted[n++] = resource;
    qsort(sorted, n, sizeof(const struct resource *), compare_id);
    for (uint32_t i = 0; i < n; i++) {
        text_add(encode->out, span_of(separator));
        encode_resource(encode, sorted[i]);
        separator = ",\n";
    }
    free(sorted);
    return separator;
}

void builder_encode(const struct builder *builder, struct text *out)
{
    const struct encode encode = {builder->current, out};
    const char *separator = "\n";

    text_addf(out, "{\"version\":%llu,\"upsert\":[", (unsigned long long)builder->current->version);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        separator = encode_kind(&encode, &builder->ids[kind], separator);
    text_add(out, SPAN_LIT("\n]}\n"));
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
