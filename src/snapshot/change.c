/* How a change is prepared: read all of it, give slots, resolve references, build the snapshot, verify.
 * Each step goes on after problems, so that one answer tells all of them. */
#include <jansson.h>

#include "snapshot/builder.h"
#include "snapshot/unbuilt.h"
#include "snapshot/verify.h"

#define RESOURCE_JSON_MAX ((size_t)4 << 20) /* bounds the JSON tree in memory */
#define SCRATCH_BYTES     65536u

/* Where in the document: "upsert[3]", until kind and id are known. */
#define ELEMENT_LABEL_MAX RESOURCE_LABEL_MAX

static struct change *change_new(struct builder *builder, struct errors *errors, bool whole)
{
    struct change *change = base_zalloc(sizeof(*change));

    change->builder = builder;
    change->errors = errors;
    change->whole = whole;
    arena_init(&change->arena, NULL, 0, SIZE_MAX);
    arena_init(&change->scratch, NULL, 0, SIZE_MAX);
    arena_init(&change->refs.ids, NULL, 0, SIZE_MAX);
    change->candidate.snapshot = snapshot_new(builder, builder->current);
    return change;
}

/* --- reading ------------------------------------------------------------------------------- */

/* One element of an array of the document. */
struct element {
    char label[ELEMENT_LABEL_MAX];
    json_t *json; /* owned */
    uint32_t kind;
    struct span id; /* in json */
};

/* What the JSON library says may quote bytes of the input. */
static void clean_text(char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~')
            *text = '?';
    }
}

static bool element_parse(struct change *change, struct element *element, struct span text)
{
    json_error_t error;
    uint32_t line, column;
    size_t at;

    if (text.len > RESOURCE_JSON_MAX) {
        errors_add(change->errors, element->label, NULL, (struct span){0},
            "must be at most %zu bytes of JSON", RESOURCE_JSON_MAX);
        return false;
    }
    element->json =
        json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!element->json) {
        at = error.position > 0 ? MIN((size_t)error.position, text.len) : 0;
        document_where(&change->document, text.ptr + at, &line, &column);
        clean_text(error.text);
        /* The library's words are about its own settings. */
        if (json_error_code(&error) == json_error_null_character)
            (void)snprintf(error.text, sizeof(error.text), "\\u0000 is not allowed");
        errors_add(change->errors, element->label, NULL, (struct span){0},
            "is not valid JSON: line %u, column %u: %s", line, column, error.text);
        return false;
    }
    if (!json_is_object(element->json)) {
        char buf[DECODE_BRIEF_MAX];

        errors_add(change->errors, element->label, NULL, decode_brief(element->json, buf),
            "must be an object");
        return false;
    }
    return true;
}

static bool element_read_kind(struct change *change, struct element *element)
{
    const json_t *json = json_object_get(element->json, "kind");
    enum resource_kind kind = KIND_COUNT;
    char buf[DECODE_BRIEF_MAX];

    if (!json) {
        errors_add(change->errors, element->label, "kind", (struct span){0}, "is required");
        return false;
    }
    if (json_is_string(json))
        kind = model_kind_find(json_string_value(json));
    if (kind == KIND_COUNT) {
        errors_add(change->errors, element->label, "kind", decode_brief(json, buf),
            "is not a kind of resource");
        return false;
    }
    if (!model_kind(kind)->served) {
        errors_add(change->errors, element->label, "kind", decode_brief(json, buf), "%s",
            unbuilt_kind(kind));
        return false;
    }
    element->kind = kind;
    return true;
}

static bool element_read_id(struct change *change, struct element *element)
{
    const json_t *json = json_object_get(element->json, "id");
    char buf[DECODE_BRIEF_MAX];

    if (!json) {
        errors_add(change->errors, element->label, "id", (struct span){0}, "is required");
        return false;
    }
    if (json_is_string(json))
        element->id = (struct span){json_string_value(json), json_string_length(json)};
    if (!decode_id_is_valid(element->id)) {
        errors_add(
            change->errors, element->label, "id", decode_brief(json, buf), "%s", decode_id_rule);
        return false;
    }
    return true;
}

/* Both are read even if the first is wrong. On success the label names the resource. */
static bool element_read_head(struct change *change, struct element *element)
{
    bool kind_ok = element_read_kind(change, element);
    bool id_ok = element_read_id(change, element);

    if (!kind_ok || !id_ok)
        return false;
    (void)snprintf(element->label, sizeof(element->label), "%s/%.*s",
        model_kind((enum resource_kind)element->kind)->name, SPAN_ARG(element->id));
    return true;
}

static uint64_t element_read_version(struct change *change, const struct element *element)
{
    const json_t *json = json_object_get(element->json, "version");
    char buf[DECODE_BRIEF_MAX];

    if (!json)
        return 0;
    if (json_is_integer(json) && json_integer_value(json) >= 0)
        return (uint64_t)json_integer_value(json);
    errors_add(change->errors, element->label, "version", decode_brief(json, buf),
        "must be a whole number from 0 to %lld", (long long)INT64_MAX);
    return 0;
}

static bool change_is_gone(const struct change *change, uint32_t kind, uint32_t slot)
{
    return change->gone[kind] && change->gone[kind][slot] != 0;
}

static void change_remove(struct change *change, struct resource *before)
{
    uint32_t kind = before->kind;

    if (!change->gone[kind]) {
        change->gone[kind] = arena_zalloc(&change->arena, change->builder->slots[kind].n);
        assert(change->gone[kind]);
    }
    change->gone[kind][before->slot] = GONE;
    if (change->n_removals == change->removals_cap) {
        change->removals_cap = MAX(16u, 2 * change->removals_cap);
        change->removals =
            base_realloc(change->removals, change->removals_cap * sizeof(*change->removals));
    }
    change->removals[change->n_removals++] = (struct removal){kind, before};
}

static void read_removal(struct change *change, struct element *element)
{
    struct resource *before;

    if (!element_read_head(change, element))
        return;
    if (json_object_size(element->json) != 2)
        errors_add(change->errors, element->label, NULL, (struct span){0},
            "must have kind and id only to be removed");
    before = map_find(&change->builder->ids[element->kind], element->id);
    if (!before)
        errors_add(change->errors, element->label, NULL, (struct span){0},
            "cannot be removed: it does not exist");
    else if (change_is_gone(change, element->kind, before->slot))
        errors_add(change->errors, element->label, NULL, (struct span){0}, "is removed twice");
    else
        change_remove(change, before);
}

static struct upsert *change_add_upsert(
    struct change *change, const struct element *element, uint32_t index)
{
    struct upsert *upsert = arena_zalloc(&change->arena, sizeof(*upsert));

    assert(upsert);
    upsert->kind = element->kind;
    upsert->index = index;
    upsert->id = arena_copy(&change->arena, element->id);
    upsert->before = map_find(&change->builder->ids[element->kind], element->id);
    if (change->n_upserts == change->upserts_cap) {
        change->upserts_cap = MAX(16u, 2 * change->upserts_cap);
        change->upserts =
            base_realloc(change->upserts, change->upserts_cap * sizeof(struct upsert *));
    }
    change->upserts[change->n_upserts++] = upsert;
    (void)map_set(&change->upsert_ids[element->kind], upsert->id, upsert);
    return upsert;
}

static struct resource *read_resource(struct change *change, const struct element *element)
{
    const struct model_kind *kind = model_kind((enum resource_kind)element->kind);
    struct decode decode = {
        .arena = &change->scratch,
        .refs = &change->refs,
        .errors = change->errors,
        .resource = element->label,
        .kind = element->kind,
    };
    uint64_t n_errors = errors_count(change->errors);
    uint64_t version = element_read_version(change, element);
    void *conf = arena_zalloc(&change->scratch, kind->bytes);

    assert(conf);
    decode_fields(&decode, kind->fields, element->json, conf, NULL);
    if (errors_count(change->errors) != n_errors)
        return NULL;
    if (kind->finish)
        kind->finish(conf);
    return resource_new((enum resource_kind)element->kind, conf, element->id, version);
}

static void read_upsert(struct change *change, struct element *element, uint32_t index)
{
    struct upsert *upsert;
    const struct upsert *twin;

    if (!element_read_head(change, element))
        return;
    twin = map_find(&change->upsert_ids[element->kind], element->id);
    if (twin) {
        errors_add(change->errors, element->label, NULL, (struct span){0},
            "appears twice: as upsert[%u] and upsert[%u]", twin->index, index);
        return;
    }
    upsert = change_add_upsert(change, element, index);
    if (upsert->before && change_is_gone(change, element->kind, upsert->before->slot))
        errors_add(
            change->errors, element->label, NULL, (struct span){0}, "is both given and removed");
    upsert->resource = read_resource(change, element);
    arena_reset(&change->scratch);
}

/* Reads one array. Returns false if the rest of the document makes no sense. */
static bool read_list(struct change *change, struct span array, const char *name)
{
    size_t pos = 0;
    struct span text;
    bool removes = name[0] == 'r';
    int r;

    for (uint32_t i = 0;; i++) {
        struct element element = {.json = NULL};

        r = document_next(&change->document, array, &pos, &text, change->errors);
        if (r <= 0)
            return r == 0;
        (void)snprintf(element.label, sizeof(element.label), "%s[%u]", name, i);
        if (i == SNAPSHOT_RESOURCES_MAX) {
            errors_add(change->errors, DOCUMENT_NAME, name, (struct span){0},
                "must have at most %u elements", SNAPSHOT_RESOURCES_MAX);
            return false;
        }
        if (element_parse(change, &element, text)) {
            if (removes)
                read_removal(change, &element);
            else
                read_upsert(change, &element, i);
        }
        json_decref(element.json);
    }
}

/* What a complete set lacks is removed. */
static void remove_missing(struct change *change)
{
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        const struct table *table = &change->builder->current->kinds[kind];
        struct resource *before;

        for (uint32_t slot = 0; (before = table_next(table, &slot)) != NULL; slot++) {
            if (!map_find(&change->upsert_ids[kind], span_of(before->id)))
                change_remove(change, before);
        }
    }
}

static bool change_read(struct change *change, struct span json)
{
    if (document_read(json, &change->document, change->errors) < 0)
        return false;
    change->candidate.snapshot->version = change->document.version;
    if (change->whole && change->document.remove.len > 2)
        errors_add(change->errors, DOCUMENT_NAME, "remove", (struct span){0},
            "must be absent from a complete set");
    else if (!read_list(change, change->document.remove, "remove"))
        return false;
    if (!read_list(change, change->document.upsert, "upsert"))
        return false;
    if (change->whole)
        remove_missing(change);
    return true;
}

/* --- building ------------------------------------------------------------------------------ */

struct resolving {
    struct change *change;
    const struct upsert *upsert;
};

static void resolve_ref(
    void *arg, const struct field *row, struct ref *ref, const struct field_path *path)
{
    const struct resolving *resolving = arg;
    struct change *change = resolving->change;
    const struct verify verify = {
        .errors = change->errors,
        .resource = resolving->upsert->resource,
    };
    const char *kind = model_kind((enum resource_kind)row->ref_kind)->name;
    const struct upsert *target;
    const struct resource *existing;
    struct span id;

    if (ref->slot == REF_NONE)
        return;
    id = span_of(change->refs.at[ref->slot]);
    ref->slot = REF_NONE;
    target = map_find(&change->upsert_ids[row->ref_kind], id);
    existing = map_find(&change->builder->ids[row->ref_kind], id);
    if (target && target->resource)
        ref->slot = target->resource->slot;
    else if (existing && !change_is_gone(change, row->ref_kind, existing->slot))
        ref->slot = existing->slot;
    else if (existing)
        verify_complain(&verify, path, id, "is a %s that this change removes", kind);
    else if (!target) /* else it is there, with errors of its own */
        verify_complain(&verify, path, id, "is not the id of a %s", kind);
}

static void give_slots(struct change *change)
{
    for (uint32_t i = 0; i < change->n_upserts; i++) {
        struct upsert *upsert = change->upserts[i];
        struct slots *slots = &change->builder->slots[upsert->kind];

        if (!upsert->resource)
            continue;
        resource_place(change->builder, upsert->resource,
            upsert->before ? upsert->before->slot : slots_take(slots));
    }
}

static void resolve_refs(struct change *change)
{
    for (uint32_t i = 0; i < change->n_upserts; i++) {
        struct resolving resolving = {change, change->upserts[i]};
        const struct upsert *upsert = change->upserts[i];

        if (upsert->resource)
            fields_walk_refs(model_kind((enum resource_kind)upsert->kind)->fields, upsert->resource,
                NULL, resolve_ref, &resolving);
    }
}

static void verify_fixed(struct change *change, const struct upsert *upsert)
{
    const struct model_kind *kind = model_kind((enum resource_kind)upsert->kind);
    const struct verify verify = {.errors = change->errors, .resource = upsert->resource};

    for (const struct field *row = kind->fields; row->type != FIELD_END; row++) {
        struct field_path path = {.name = row->name};

        /* a reference to nothing has been complained of */
        if (row->type == FIELD_REF && field_is_default(row, upsert->resource))
            continue;
        if ((row->flags & FIELD_FIXED) && !field_equal(row, upsert->before, upsert->resource))
            verify_complain(&verify, &path, (struct span){0}, "cannot be changed after creation");
    }
}

/* Lets go of what equals what is there. */
static void drop_unchanged(struct change *change)
{
    for (uint32_t i = 0; i < change->n_upserts; i++) {
        struct upsert *upsert = change->upserts[i];
        const struct model_kind *kind = model_kind((enum resource_kind)upsert->kind);

        if (!upsert->resource || !upsert->before)
            continue;
        verify_fixed(change, upsert);
        if (upsert->before->version != upsert->resource->version ||
            !fields_equal(kind->fields, upsert->before, upsert->resource))
            continue;
        resource_unref(change->builder, upsert->resource);
        upsert->resource = NULL;
    }
}

static void change_add_item(struct change *change, struct change_item item)
{
    struct table_owner owner = resource_owner(change->builder);

    table_set(&change->candidate.snapshot->kinds[item.kind], item.slot, item.after, &owner);
    change->candidate.items[change->candidate.n_items++] = item;
}

static void clear_ruleset(struct change *change, uint32_t listener)
{
    candidate_set_ruleset(&change->candidate, listener, NULL, NULL);
}

static void build_removals(struct change *change, uint32_t kind)
{
    for (uint32_t i = 0; change->gone[kind] && i < change->n_removals; i++) {
        struct resource *before = change->removals[i].before;

        if (change->removals[i].kind != kind)
            continue;
        change_add_item(change, (struct change_item){kind, before->slot, before, NULL});
        if (kind == KIND_LISTENER)
            clear_ruleset(change, before->slot);
    }
}

static void build_upserts(struct change *change, uint32_t kind)
{
    for (uint32_t i = 0; change->upsert_ids[kind].n > 0 && i < change->n_upserts; i++) {
        struct upsert *upsert = change->upserts[i];
        struct resource *after = upsert->resource;

        if (upsert->kind != kind || !after)
            continue;
        upsert->resource = NULL;
        change_add_item(change, (struct change_item){kind, after->slot, upsert->before, after});
    }
}

/* Fills tables and items. */
static void change_build(struct change *change)
{
    size_t n = (size_t)change->n_removals + change->n_upserts;

    change->candidate.items = base_calloc(MAX(n, (size_t)1), sizeof(struct change_item));
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++)
        build_removals(change, kind);
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++)
        build_upserts(change, kind);
}

/* --- verifying ----------------------------------------------------------------------------- */

struct counting {
    struct builder *builder;
    int sign;
};

static void count_use(
    void *arg, const struct field *row, struct ref *ref, const struct field_path *path)
{
    const struct counting *counting = arg;

    (void)path;
    if (ref->slot != REF_NONE)
        counting->builder->slots[row->ref_kind].at[ref->slot].n_uses += (uint32_t)counting->sign;
}

void change_count_uses(struct change *change, int sign)
{
    const struct candidate *candidate = &change->candidate;

    for (uint32_t i = 0; i < candidate->n_items; i++) {
        const struct change_item *item = &candidate->items[i];
        const struct field *fields = model_kind((enum resource_kind)item->kind)->fields;
        struct counting plus = {change->builder, sign}, minus = {change->builder, -sign};

        /* item->before is const to others */
        if (item->before)
            fields_walk_refs(fields,
                table_get(&change->builder->current->kinds[item->kind], item->slot), NULL,
                count_use, &minus);
        if (item->after)
            fields_walk_refs(fields, item->after, NULL, count_use, &plus);
    }
    change->counted = sign > 0;
}

struct user {
    struct change *change;
    const struct resource *resource;
};

static void tell_use(
    void *arg, const struct field *row, struct ref *ref, const struct field_path *path)
{
    const struct user *user = arg;
    struct change *change = user->change;
    uint8_t *gone = change->gone[row->ref_kind]; /* of slots that there were before */
    struct verify verify = {.errors = change->errors};
    char label[RESOURCE_LABEL_MAX];
    char field[FIELD_PATH_MAX];

    if (ref->slot == REF_NONE || !gone ||
        table_get(&change->candidate.snapshot->kinds[row->ref_kind], ref->slot) ||
        gone[ref->slot] != GONE)
        return;
    gone[ref->slot] = GONE_TOLD;
    resource_label(user->resource, label);
    field_path_format(path, field);
    verify.resource = table_get(&change->builder->current->kinds[row->ref_kind], ref->slot);
    verify_complain(
        &verify, NULL, (struct span){0}, "cannot be removed: it is used by %s (%s)", label, field);
}

/* Looks through everything, but only when there is something to tell. */
static void tell_uses(struct change *change)
{
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        const struct table *table = &change->candidate.snapshot->kinds[kind];
        void *object;

        for (uint32_t slot = 0; (object = table_next(table, &slot)) != NULL; slot++) {
            struct user user = {change, object};

            fields_walk_refs(
                model_kind((enum resource_kind)kind)->fields, object, NULL, tell_use, &user);
        }
    }
}

static void verify_removals(struct change *change)
{
    for (uint32_t i = 0; i < change->n_removals; i++) {
        const struct removal *removal = &change->removals[i];

        if (change->builder->slots[removal->kind].at[removal->before->slot].n_uses > 0) {
            tell_uses(change);
            return;
        }
    }
}

static int compare_slot(const void *a, const void *b)
{
    const uint32_t *slot_a = a, *slot_b = b;

    return (*slot_a > *slot_b) - (*slot_a < *slot_b);
}

/* Which listener's ruleset an item makes stale; REF_NONE if none's. */
static uint32_t stale_listener(const struct change_item *item)
{
    const struct rule_conf *rule = item->after ? item->after : item->before;

    if (item->kind == KIND_RULE)
        return rule->listener.slot;
    return item->kind == KIND_LISTENER && item->after ? item->slot : REF_NONE;
}

/* Each once, and only those that are in the new snapshot. Their rulesets point to resources that may be gone,
 * so they are cleared. */
static void collect_listeners(struct change *change)
{
    struct candidate *candidate = &change->candidate;
    uint32_t *slots = base_calloc(MAX(candidate->n_items, 1u), sizeof(*slots));
    uint32_t n = 0, n_unique = 0;

    for (uint32_t i = 0; i < candidate->n_items; i++) {
        uint32_t slot = stale_listener(&candidate->items[i]);

        if (snapshot_listener(candidate->snapshot, slot))
            slots[n++] = slot;
    }
    qsort(slots, n, sizeof(*slots), compare_slot);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0 && slots[i] == slots[i - 1])
            continue;
        slots[n_unique++] = slots[i];
        clear_ruleset(change, slots[i]);
    }
    candidate->listeners = slots;
    candidate->n_listeners = n_unique;
}

/* A listener that changed may not suit rules that did not. */
static void verify_rules_of(struct change *change, struct verify *verify, uint32_t slot)
{
    struct candidate *candidate = &change->candidate;
    const struct snapshot *current = change->builder->current;
    const struct listener_conf *listener = snapshot_listener(candidate->snapshot, slot);
    bool touched = snapshot_listener(current, slot) != listener;
    const struct rule_conf **rules;
    uint32_t n = candidate_rules(change->builder, candidate, slot, &rules);

    for (uint32_t i = 0; touched && i < n; i++) {
        if (table_get(&current->kinds[KIND_RULE], rules[i]->res.slot) == rules[i])
            verify_resource(verify, &rules[i]->res);
    }
    verify_rules_together(verify, listener, rules, n);
}

static void change_verify(struct change *change)
{
    struct candidate *candidate = &change->candidate;
    struct verify verify = {.snapshot = candidate->snapshot, .errors = change->errors};
    uint64_t n_resources = change->builder->n_resources;

    for (uint32_t i = 0; i < candidate->n_items; i++) {
        const struct change_item *item = &candidate->items[i];

        n_resources += !item->before;
        n_resources -= !item->after;
        if (item->after)
            verify_resource(&verify, item->after);
    }
    if (n_resources > SNAPSHOT_RESOURCES_MAX)
        errors_add(change->errors, DOCUMENT_NAME, NULL, (struct span){0},
            "makes %llu resources; there may be %u", (unsigned long long)n_resources,
            SNAPSHOT_RESOURCES_MAX);
    binds_verify(change);
    for (uint32_t i = 0; i < candidate->n_listeners; i++)
        verify_rules_of(change, &verify, candidate->listeners[i]);
    change_count_uses(change, 1);
    verify_removals(change);
}

static void change_make(struct change *change, struct span json)
{
    if (!change_read(change, json))
        return;
    give_slots(change);
    resolve_refs(change);
    drop_unchanged(change);
    change_build(change);
    collect_listeners(change);
    change_verify(change);
}

int builder_prepare(struct builder *builder, struct span json, bool whole, struct errors *errors,
    struct candidate **ret_candidate)
{
    uint64_t n_errors = errors_count(errors);
    struct change *change;
    bool refused;

    assert(!builder->change);
    builder->quiet = true;
    change = change_new(builder, errors, whole);
    change_make(change, json);
    refused = errors_count(errors) != n_errors;
    if (refused)
        (void)change_free(change);
    builder->quiet = false;
    if (refused)
        return -EINVAL;
    builder->change = change;
    *ret_candidate = &change->candidate;
    return 0;
}
