#include "snapshot/describe.h"

#include "snapshot/fields.h"
#include "snapshot/snapshot.h"

static void add_names(struct text *out, const char *const *names)
{
    for (uint32_t i = 0; names[i]; i++)
        text_addf(out, "%s`%s`", i > 0 ? " " : "", names[i]);
}

static void add_type(struct text *out, const struct field *row)
{
    static const char *const types[] = {
        [FIELD_BOOL] = "boolean",
        [FIELD_UINT] = "number",
        [FIELD_UINT64] = "number",
        [FIELD_ENUM] = "name",
        [FIELD_FLAGS] = "names",
        [FIELD_TEXT] = "text",
        [FIELD_IP] = "address",
        [FIELD_REF] = "id",
        [FIELD_LIST] = "objects",
        [FIELD_TEXT_LIST] = "texts",
        [FIELD_IP_LIST] = "addresses",
    };

    text_add(out, span_of(types[row->type]));
    if (row->type == FIELD_REF)
        text_addf(out, " of a `%s`", model_kind((enum resource_kind)row->ref_kind)->name);
}

static void add_range(struct text *out, const struct field *row)
{
    unsigned long long min = row->min, max = row->max;

    switch (row->type) {
    case FIELD_BOOL:
        text_add(out, SPAN_LIT("`true` `false`"));
        break;
    case FIELD_UINT:
    case FIELD_UINT64:
        text_addf(out, "%llu to %llu", min, max);
        break;
    case FIELD_ENUM:
    case FIELD_FLAGS:
        add_names(out, row->names);
        break;
    case FIELD_TEXT:
        text_addf(out, "%llu to %llu bytes", min, max);
        break;
    case FIELD_LIST:
    case FIELD_TEXT_LIST:
    case FIELD_IP_LIST:
        text_addf(out, "%llu to %llu elements", min, max);
        break;
    default:
        break;
    }
}

static void add_default_flags(struct text *out, const struct field *row)
{
    for (uint32_t i = 0; row->names[i]; i++) {
        if (row->dflt & 1u << i)
            text_addf(out, "`%s`", row->names[i]);
    }
}

static void add_default(struct text *out, const struct field *row)
{
    if ((row->flags & FIELD_REQUIRED) || (field_is_list(row) && row->min > 0)) {
        text_add(out, SPAN_LIT("required"));
        return;
    }
    switch (row->type) {
    case FIELD_BOOL:
        text_add(out, row->dflt ? SPAN_LIT("`true`") : SPAN_LIT("`false`"));
        break;
    case FIELD_UINT:
    case FIELD_UINT64:
        text_addf(out, "%llu", (unsigned long long)row->dflt);
        break;
    case FIELD_ENUM:
        text_addf(out, "`%s`", row->names[row->dflt]);
        break;
    case FIELD_FLAGS:
        add_default_flags(out, row);
        break;
    case FIELD_TEXT:
        if (row->dflt_text)
            text_addf(out, "`%s`", row->dflt_text);
        else
            text_add(out, SPAN_LIT("empty"));
        break;
    default:
        text_add(out, SPAN_LIT("none"));
        break;
    }
}

static void add_table(struct text *out, const struct field *rows)
{
    text_add(out, SPAN_LIT("| field | type | values | default | meaning |\n"
                           "|---|---|---|---|---|\n"));
    for (const struct field *row = rows; row->type != FIELD_END; row++) {
        text_addf(out, "| `%s` | ", row->name);
        add_type(out, row);
        text_add(out, SPAN_LIT(" | "));
        add_range(out, row);
        text_add(out, SPAN_LIT(" | "));
        add_default(out, row);
        text_addf(out, " | %s%s%s |\n", row->doc,
            row->flags & FIELD_FIXED ? "; cannot be changed after creation" : "",
            row->flags & FIELD_SECRET ? "; never shown" : "");
    }
    text_add_char(out, '\n');
}

/* Also of the lists within. up begins with the kind: listener.default_actions. */
static void add_lists(struct text *out, const struct field *rows, const struct field_path *up)
{
    for (const struct field *row = rows; row->type != FIELD_END; row++) {
        const struct field_path path = {.up = up, .name = row->name};
        char title[FIELD_PATH_MAX];

        if (row->type != FIELD_LIST)
            continue;
        field_path_format(&path, title);
        text_addf(out, "### Elements of `%s`\n\n", title);
        add_table(out, row->fields);
        add_lists(out, row->fields, &path);
    }
}

void model_describe(struct text *out)
{
    text_add(out,
        SPAN_LIT("# Resources\n\n"
                 "What the data plane is told. Made from the program itself.\n\n"
                 "A change is one JSON object, applied whole or not at all:\n\n"
                 "```json\n"
                 "{\"version\": 7,\n"
                 " \"upsert\": [{\"kind\": \"instance\", \"id\": \"i-1\", \"product\": \"alb\"}],\n"
                 " \"remove\": [{\"kind\": \"rule\", \"id\": \"r-9\"}]}\n"
                 "```\n\n"));
    text_addf(out,
        "Every resource has `kind`, `id` (1 to %u visible ASCII characters) and, if wanted, "
        "`version`, a whole number that is shown but means nothing. A field that is absent has its "
        "default. Unknown fields are refused.\n\n",
        SNAPSHOT_ID_MAX);
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        const struct model_kind *kind = model_kind((enum resource_kind)i);
        const struct field_path path = {.name = kind->name};

        if (!kind->served)
            continue;
        text_addf(out, "## `%s`\n\n", kind->name);
        add_table(out, kind->fields);
        add_lists(out, kind->fields, &path);
    }
}
