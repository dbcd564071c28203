#include "snapshot/builder.h"

#include "base/hash.h"

/* A ruleset with the number of pages that have it. */
struct ruleset_box {
    uint32_t refs;
    void *ruleset;
    void (*free_fn)(void *ruleset);
};

static void box_ref(void *object)
{
    ((struct ruleset_box *)object)->refs++;
}

static void box_unref(void *arg, void *object)
{
    struct ruleset_box *box = object;

    (void)arg;
    if (--box->refs > 0)
        return;
    box->free_fn(box->ruleset);
    free(box);
}

const struct table_owner ruleset_owner = {.ref = box_ref, .unref = box_unref};

/* The table that workers read only points; the boxes beside it are what is counted. */
static const struct table_owner nobody;

static void owner_ref(void *object)
{
    ((struct resource *)object)->refs++;
}

static void owner_unref(void *arg, void *object)
{
    resource_unref(arg, object);
}

struct table_owner resource_owner(struct builder *builder)
{
    return (struct table_owner){owner_ref, owner_unref, builder};
}

static size_t arena_bytes(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

/* The struct, its id, texts and lists share one block that is as large as they need: most
 * resources are small and there are many. */
struct resource *resource_new(
    enum resource_kind kind, const void *conf, struct span id, uint64_t version)
{
    const struct model_kind *model = model_kind(kind);
    size_t bytes =
        arena_bytes(model->bytes) + arena_bytes(id.len + 1) + fields_bytes(model->fields, conf);
    struct resource *resource;
    struct arena arena;

    arena_init(&arena, base_alloc(bytes), bytes, SIZE_MAX);
    resource = arena_alloc(&arena, model->bytes);
    assert(resource);
    memcpy(resource, conf, model->bytes);
    *resource = (struct resource){
        .id = arena_copy(&arena, id).ptr,
        .version = version,
        .slot = REF_NONE,
        .refs = 1,
        .kind = kind,
    };
    fields_copy(model->fields, resource, &arena);
    resource->arena = arena;
    return resource;
}

void resource_place(struct builder *builder, struct resource *resource, uint32_t slot)
{
    resource->slot = slot;
    slots_hold(&builder->slots[resource->kind], slot);
}

void resource_unref(struct builder *builder, struct resource *resource)
{
    struct arena arena;
    void *block;

    if (!resource || --resource->refs > 0)
        return;
    if (builder->on_free && !builder->quiet)
        builder->on_free(builder->on_free_arg, resource);
    if (resource->slot != REF_NONE)
        slots_release(&builder->slots[resource->kind], resource->slot);
    arena = resource->arena; /* it holds the resource, so it cannot be freed in place */
    block = arena.first;
    arena_done(&arena);
    free(block);
}

struct snapshot *snapshot_new(struct builder *builder, const struct snapshot *base)
{
    struct snapshot *snapshot = base_zalloc(sizeof(*snapshot));

    snapshot->refs = 1;
    builder->n_snapshots++;
    if (!base)
        return snapshot;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        table_share(&snapshot->kinds[kind], &base->kinds[kind]);
    table_share(&snapshot->rulesets, &base->rulesets);
    table_share(&snapshot->ruleset_boxes, &base->ruleset_boxes);
    return snapshot;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    snapshot->refs++;
    return snapshot;
}

void builder_unref(struct builder *builder, struct snapshot *snapshot)
{
    struct table_owner owner = resource_owner(builder);

    if (!snapshot || --snapshot->refs > 0)
        return;
    /* Rulesets point to rules and listeners. */
    table_done(&snapshot->rulesets, &nobody);
    table_done(&snapshot->ruleset_boxes, &ruleset_owner);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        table_done(&snapshot->kinds[kind], &owner);
    free(snapshot);
    builder->n_snapshots--;
}

struct builder *builder_new(void)
{
    struct builder *builder = base_zalloc(sizeof(*builder));

    hash_init();
    builder->current = snapshot_new(builder, NULL);
    return builder;
}

struct builder *builder_free(struct builder *builder)
{
    if (!builder)
        return NULL;
    assert(!builder->change);
    builder_unref(builder, builder->current);
    assert(builder->n_snapshots == 0);
    index_done(builder);
    free(builder);
    return NULL;
}

struct snapshot *builder_current(const struct builder *builder)
{
    return builder->current;
}

void builder_on_free(struct builder *builder, void (*fn)(void *arg, void *conf), void *arg)
{
    builder->on_free = fn;
    builder->on_free_arg = arg;
}

const void *builder_find(const struct builder *builder, enum resource_kind kind, const char *id)
{
    assert(kind < KIND_COUNT);
    return map_find(&builder->ids[kind], span_of(id));
}

void candidate_set_ruleset(struct candidate *candidate, uint32_t listener_slot, void *ruleset,
    void (*free_fn)(void *ruleset))
{
    struct ruleset_box *box = NULL;

    if (ruleset) {
        box = base_alloc(sizeof(*box));
        *box = (struct ruleset_box){1, ruleset, free_fn};
    }
    table_set(&candidate->snapshot->rulesets, listener_slot, ruleset, &nobody);
    table_set(&candidate->snapshot->ruleset_boxes, listener_slot, box, &ruleset_owner);
}

struct change *change_free(struct change *change)
{
    if (!change)
        return NULL;
    if (change->counted)
        change_count_uses(change, -1);
    for (uint32_t i = 0; i < change->n_upserts; i++)
        resource_unref(change->builder, change->upserts[i]->resource);
    builder_unref(change->builder, change->candidate.snapshot);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        map_done(&change->upsert_ids[kind]);
    free(change->upserts);
    free(change->removals);
    free(change->candidate.items);
    free(change->candidate.listeners);
    decode_refs_done(&change->refs);
    arena_done(&change->scratch);
    arena_done(&change->arena);
    free(change);
    return NULL;
}

/* Keys lie in the resources: those of replaced ones are let go here, before those are freed. */
static void ids_commit(struct change *change)
{
    struct builder *builder = change->builder;

    for (uint32_t i = 0; i < change->candidate.n_items; i++) {
        const struct change_item *item = &change->candidate.items[i];
        struct resource *after = item->after;

        if (after) {
            (void)map_set(&builder->ids[item->kind], span_of(after->id), after);
            builder->n_resources += item->before == NULL;
        } else {
            const struct resource *before = item->before;

            (void)map_remove(&builder->ids[item->kind], span_of(before->id));
            builder->n_resources--;
        }
    }
}

void builder_commit(struct builder *builder, struct candidate *candidate)
{
    struct change *change = container_of(candidate, struct change, candidate);
    struct snapshot *previous = builder->current;

    assert(builder->change == change);
    ids_commit(change);
    binds_commit(change);
    rules_commit(change);
    builder->current = TAKE(candidate->snapshot);
    builder->change = NULL;
    change->counted = false;
    change_free(change);
    builder_unref(builder, previous);
}

void builder_abandon(struct builder *builder, struct candidate *candidate)
{
    struct change *change = container_of(candidate, struct change, candidate);

    assert(builder->change == change);
    builder->change = NULL;
    change_free(change);
}
