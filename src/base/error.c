#include "base/error.h"

#include <stdarg.h>

#include "base/text.h"

void errors_init(struct errors *errors, uint32_t n_max)
{
    *errors = (struct errors){.n_max = n_max};
}

void errors_done(struct errors *errors)
{
    free(errors->items);
    *errors = (struct errors){0};
}

/* Room doubles whenever the count is a power of two, so that no capacity need be kept. */
static struct error_item *errors_new_item(struct errors *errors)
{
    struct error_item *item;

    if ((errors->n & (errors->n - 1)) == 0)
        errors->items = base_realloc(errors->items, MAX(2 * errors->n, 1u) * sizeof(*item));
    item = &errors->items[errors->n++];
    *item = (struct error_item){0};
    return item;
}

/* Copies what fits; what does not is cut between two characters and ends in "...". A zero byte
 * would end the text and becomes "?". */
static void error_copy(char *out, size_t cap, struct span s)
{
    size_t len = s.len;

    if (len >= cap) {
        len = cap - sizeof("...");
        while (len > 0 && ((uint8_t)s.ptr[len] & 0xc0) == 0x80)
            len--;
        memcpy(out + len, "...", sizeof("..."));
    }
    for (size_t i = 0; i < len; i++)
        out[i] = s.ptr[i] != '\0' ? s.ptr[i] : '?';
}

void errors_add(struct errors *errors, const char *resource, const char *field, struct span value,
    const char *rule_fmt, ...)
{
    struct error_item *item;
    va_list args;

    if (errors->n >= errors->n_max) {
        errors->n_dropped++;
        return;
    }
    item = errors_new_item(errors);
    error_copy(item->resource, sizeof(item->resource), span_of(resource));
    error_copy(item->field, sizeof(item->field), span_of(field));
    error_copy(item->value, sizeof(item->value), value);
    va_start(args, rule_fmt);
    (void)vsnprintf(item->rule, sizeof(item->rule), rule_fmt, args);
    va_end(args);
}

void error_format(const struct error_item *item, struct text *out)
{
    text_add(out, span_of(item->resource));
    if (item->field[0] != '\0') {
        text_add(out, SPAN_LIT(": "));
        text_add(out, span_of(item->field));
    }
    if (item->value[0] != '\0') {
        text_add(out, SPAN_LIT(": "));
        text_add_json(out, span_of(item->value));
    }
    text_add(out, SPAN_LIT(": "));
    text_add(out, span_of(item->rule));
}
