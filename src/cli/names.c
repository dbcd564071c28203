#include "cli/names.h"

#define NAME_MAX_LEN 80u

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* A word begins where a capital follows a small letter or a digit, or ends a run of capitals. */
static bool begins_word(const char *name, size_t i)
{
    if (i == 0 || !is_upper(name[i]))
        return false;
    return !is_upper(name[i - 1]) || (name[i + 1] != '\0' && !is_upper(name[i + 1]));
}

void add_kebab(struct text *out, const char *name)
{
    for (size_t i = 0; name[i] != '\0'; i++) {
        if (begins_word(name, i))
            text_add_char(out, '-');
        text_add_char(out, ascii_lower(name[i]));
    }
}

/* Without dashes, in small letters; cut to size. */
static size_t simplify(struct span name, char *buf, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < name.len && n < size; i++) {
        if (name.ptr[i] != '-' && name.ptr[i] != '_')
            buf[n++] = ascii_lower(name.ptr[i]);
    }
    return n;
}

bool same_name(struct span a, struct span b)
{
    char left[NAME_MAX_LEN], right[NAME_MAX_LEN];
    size_t n = simplify(a, left, sizeof(left));

    return n == simplify(b, right, sizeof(right)) && n < sizeof(left) &&
           memcmp(left, right, n) == 0;
}

const struct product_alias product_aliases[N_PRODUCT_ALIASES] = {{"clb", "slb"}, {"dns", "alidns"}};

const struct openapi_product *find_product(struct span name)
{
    for (size_t i = 0; i < N_PRODUCT_ALIASES; i++) {
        if (same_name(name, span_of(product_aliases[i].alias)))
            name = span_of(product_aliases[i].name);
    }
    return openapi_product_by_name(name);
}

const struct openapi_operation *find_operation(
    const struct openapi_product *product, struct span name)
{
    const struct openapi_operation *op = openapi_operation_find(product, name);

    for (uint32_t i = 0; !op && i < product->n_operations; i++) {
        if (same_name(span_of(product->operations[i].name), name))
            op = &product->operations[i];
    }
    return op;
}

const struct openapi_field *find_field(const struct openapi_field *parent, struct span name)
{
    const struct openapi_field *field = openapi_field_find(parent, name);

    for (uint32_t i = 0; !field && i < parent->n_fields; i++) {
        if (same_name(span_of(parent->fields[i].name), name))
            field = &parent->fields[i];
    }
    return field;
}

/* Three rows of the table of distances between beginnings are enough. */
struct distances {
    const unsigned *two_before, *before; /* the rows of shorter beginnings of from */
    unsigned *row;
};

/* Optimal string alignment: the cell of the first i and the first k letters. */
static unsigned cell(
    const struct distances *rows, const char *from, size_t i, const char *to, size_t k)
{
    unsigned changed = rows->before[k - 1] + (from[i - 1] != to[k - 1]);
    unsigned shifted = MIN(rows->before[k], rows->row[k - 1]) + 1;

    if (i > 1 && k > 1 && from[i - 1] == to[k - 2] && from[i - 2] == to[k - 1])
        changed = MIN(changed, rows->two_before[k - 2] + 1);
    return MIN(shifted, changed);
}

unsigned name_distance(struct span a, struct span b)
{
    char from[NAME_MAX_LEN], to[NAME_MAX_LEN];
    unsigned rows[3][NAME_MAX_LEN + 1];
    size_t n_from = simplify(a, from, sizeof(from));
    size_t n_to = simplify(b, to, sizeof(to));

    for (unsigned k = 0; k <= n_to; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= n_from; i++) {
        struct distances at = {rows[(i + 1) % 3], rows[(i + 2) % 3], rows[i % 3]};

        at.row[0] = (unsigned)i;
        for (size_t k = 1; k <= n_to; k++)
            at.row[k] = cell(&at, from, i, to, k);
    }
    return rows[n_from % 3][n_to];
}

const char *nearest_name(
    struct span name, const char *(*get)(const void *names, size_t i), const void *names)
{
    unsigned best = (unsigned)MAX((size_t)2, name.len / 3) + 1;
    const char *nearest = NULL;
    const char *candidate;

    for (size_t i = 0; (candidate = get(names, i)); i++) {
        unsigned distance = name_distance(name, span_of(candidate));

        if (distance < best) {
            best = distance;
            nearest = candidate;
        }
    }
    return nearest;
}

static const char *get_operation(const void *names, size_t i)
{
    const struct openapi_product *product = names;

    return i < product->n_operations ? product->operations[i].name : NULL;
}

const char *nearest_operation(const struct openapi_product *product, struct span name)
{
    return nearest_name(name, get_operation, product);
}

static const char *get_field(const void *names, size_t i)
{
    const struct openapi_field *parent = names;

    return i < parent->n_fields ? parent->fields[i].name : NULL;
}

const char *nearest_field(const struct openapi_field *parent, struct span name)
{
    return nearest_name(name, get_field, parent);
}
