#include "openapi/openapi.h"

const struct openapi_product *openapi_product_by_version(struct span version)
{
    for (uint32_t i = 0; i < openapi_n_products; i++) {
        if (span_eq(span_of(openapi_products[i]->version), version))
            return openapi_products[i];
    }
    return NULL;
}

const struct openapi_product *openapi_product_by_name(struct span name)
{
    for (uint32_t i = 0; i < openapi_n_products; i++) {
        if (span_eq_nocase(span_of(openapi_products[i]->name), name))
            return openapi_products[i];
    }
    return NULL;
}

/* How the tables are sorted: by bytes, a prefix first. */
static int compare(const char *a, struct span b)
{
    size_t len = strlen(a);
    int order = b.len > 0 ? memcmp(a, b.ptr, MIN(len, b.len)) : 0;

    return order != 0 ? order : (len > b.len) - (len < b.len);
}

const struct openapi_operation *openapi_operation_find(
    const struct openapi_product *product, struct span name)
{
    uint32_t low = 0;
    uint32_t high = product->n_operations;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(product->operations[middle].name, name);

        if (order == 0)
            return &product->operations[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static const struct openapi_field *find_exact(const struct openapi_field *parent, struct span name)
{
    uint32_t low = 0;
    uint32_t high = parent->n_fields;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(parent->fields[middle].name, name);

        if (order == 0)
            return &parent->fields[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct openapi_field *openapi_field_find(const struct openapi_field *parent, struct span name)
{
    const struct openapi_field *field = find_exact(parent, name);

    if (field || name.len == 0)
        return field;
    for (uint32_t i = 0; i < parent->n_fields; i++) {
        const char *candidate = parent->fields[i].name;

        if (strlen(candidate) == name.len &&
            ascii_lower(candidate[0]) == ascii_lower(name.ptr[0]) &&
            memcmp(candidate + 1, name.ptr + 1, name.len - 1) == 0)
            return &parent->fields[i];
    }
    return NULL;
}

static unsigned documented_status(const struct openapi_operation *op, const char *code)
{
    for (uint32_t i = 0; op && i < op->n_errors; i++) {
        if (strcmp(op->errors[i].code, code) == 0)
            return op->errors[i].status;
    }
    return 0;
}

static bool has_secret(const struct openapi_field *field)
{
    for (uint32_t i = 0; i < field->n_fields; i++) {
        if (field->fields[i].secret || has_secret(&field->fields[i]))
            return true;
    }
    return false;
}

bool openapi_has_secrets(const struct openapi_operation *op)
{
    return has_secret(&op->in) || has_secret(&op->out);
}

unsigned openapi_error_status(const struct openapi_operation *op, const char *code)
{
    static const struct {
        const char *start;
        unsigned status;
    } forms[] = {
        {"Forbidden", 403},
        {"InternalError", 500},
        {"InvalidAccessKeyId.Inactive", 403},
        {"ServiceUnavailable", 503},
        {"UnsupportedHTTPMethod", 403},
    };
    unsigned status = documented_status(op, code);

    if (status != 0)
        return status;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (strncmp(code, forms[i].start, strlen(forms[i].start)) == 0)
            return forms[i].status;
    }
    return strstr(code, "NotFound") ? 404 : 400;
}
