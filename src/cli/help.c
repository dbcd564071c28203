#include "cli/help.h"

#include "cli/names.h"
#include "cli/options.h"

static const char *const tier_texts[] = {
    [OPENAPI_P0] = "",
    [OPENAPI_P1] = "",
    [OPENAPI_P2] = "",
    [OPENAPI_NA] = "  (means nothing outside the cloud)",
};

static void add_product_word(struct text *out, const char *name)
{
    for (; *name != '\0'; name++)
        text_add_char(out, ascii_lower(*name));
}

void help_products(struct text *out)
{
    for (uint32_t i = 0; i < openapi_n_products; i++) {
        const struct openapi_product *product = openapi_products[i];
        size_t start = out->len + 2;

        text_add(out, SPAN_LIT("  "));
        add_product_word(out, product->name);
        while (out->len < start + 12)
            text_add_char(out, ' ');
        text_addf(out, "%u operations, version %s", product->n_operations, product->version);
        for (size_t k = 0; k < N_PRODUCT_ALIASES; k++) {
            if (find_product(span_of(product_aliases[k].alias)) == product)
                text_addf(out, "; also called %s", product_aliases[k].alias);
        }
        text_add_char(out, '\n');
    }
}

void help_product(struct text *out, const struct openapi_product *product)
{
    text_add(out, SPAN_LIT("usage: slb "));
    add_product_word(out, product->name);
    text_add(out, SPAN_LIT(" OPERATION [--Parameter VALUE]...\n\n"));
    for (uint32_t i = 0; i < product->n_operations; i++) {
        text_add(out, SPAN_LIT("  "));
        add_kebab(out, product->operations[i].name);
        text_addf(out, "%s\n", tier_texts[product->operations[i].tier]);
    }
    text_add(out, SPAN_LIT("\nslb "));
    add_product_word(out, product->name);
    text_add(out, SPAN_LIT(" OPERATION --help shows the parameters of an operation.\n"));
}

/* --- one operation ------------------------------------------------------------------------- */

static const char *type_word(const struct openapi_field *field)
{
    switch (field->type) {
    case OPENAPI_STRING:
        return field->names ? "one of" : "text";
    case OPENAPI_INTEGER:
    case OPENAPI_LONG:
        return "number";
    case OPENAPI_DOUBLE:
        return "decimal";
    case OPENAPI_BOOLEAN:
        return "true|false";
    case OPENAPI_STRUCT:
        break;
    }
    return field->is_list ? "structures" : "structure";
}

static void add_range(struct text *out, const struct openapi_field *field)
{
    if (field->has_min && field->has_max)
        text_addf(out, " %lld..%lld", (long long)field->min, (long long)field->max);
    else if (field->has_min)
        text_addf(out, " from %lld", (long long)field->min);
    else if (field->has_max)
        text_addf(out, " to %lld", (long long)field->max);
    if (field->len_max > 0)
        text_addf(out, " of %u..%u characters", field->len_min, field->len_max);
    if (field->is_list && field->items_max > 0)
        text_addf(out, ", %u..%u of them", field->items_min, field->items_max);
}

/* Some values of what is refused may be built, and the default always is. */
static void add_refused(struct text *out, const struct openapi_field *field)
{
    for (size_t i = 0; field->built && field->built[i]; i++)
        text_addf(out, "%s%s", i > 0 ? "|" : "; only ", field->built[i]);
    if (!field->built && field->default_text)
        text_addf(out, "; only %s", field->default_text);
    text_addf(out, "%s%s",
        field->built || field->default_text ? ": " : "; not supported: ", field->refused);
}

static void add_description(struct text *out, const struct openapi_field *field)
{
    if (field->is_list && field->type != OPENAPI_STRUCT)
        text_add(out, SPAN_LIT("list of "));
    text_add(out, span_of(type_word(field)));
    for (size_t i = 0; field->names && field->names[i]; i++)
        text_addf(out, "%s%s", i > 0 ? "|" : " ", field->names[i]);
    if (field->is_comma)
        text_add(out, SPAN_LIT(", several joined by commas"));
    add_range(out, field);
    if (field->is_json)
        text_add(out, field->is_list ? SPAN_LIT(", as a JSON list") : SPAN_LIT(", as JSON"));
    if (field->default_text)
        text_addf(out, ", default %s", field->default_text);
    if (field->required)
        text_add(out, SPAN_LIT(", required"));
    if (field->cloud)
        text_add(out, SPAN_LIT(", without effect here"));
    if (field->refused)
        add_refused(out, field);
}

/* The members of parent whose being required is `required`; all of what is below a structure. */
static void add_fields(struct text *out, const struct openapi_field *parent, struct span path)
{
    for (uint32_t i = 0; i < parent->n_fields; i++) {
        const struct openapi_field *field = &parent->fields[i];
        struct text name;
        size_t start = out->len;

        text_init(&name, SIZE_MAX);
        text_addf(&name, "%.*s%s%s", SPAN_ARG(path), path.len > 0 ? "." : "", field->name);
        if (field->is_list && !field->is_json)
            text_add(&name, SPAN_LIT(".N"));
        text_addf(out, "  %s%.*s ", path.len > 0 ? "  " : "--", SPAN_ARG(text_span(&name)));
        while (out->len < start + 34)
            text_add_char(out, ' ');
        text_add_char(out, ' ');
        add_description(out, field);
        text_add_char(out, '\n');
        add_fields(out, field, text_span(&name));
        text_done(&name);
    }
}

void help_operation(struct text *out, const struct openapi_operation *op)
{
    text_add(out, SPAN_LIT("usage: slb "));
    add_product_word(out, op->product->name);
    text_add_char(out, ' ');
    add_kebab(out, op->name);
    text_addf(out, " [--Parameter VALUE]...\n\n%s.%s, version %s%s\n\n", op->product->name,
        op->name, op->product->version, tier_texts[op->tier]);
    add_fields(out, &op->in, (struct span){NULL, 0});
    text_addf(out,
        "\nLists begin at 1 (--Servers.1.Port 80) or are JSON (--Servers '[{\"Port\": 80}]').\n"
        "  --json FILE|-       parameters as a JSON structure; those on the command line are added\n%s",
        common_help);
}
