/* Snapshots: immutable sets of resources, built by one thread and read by all workers.
 *
 * A change is decoded and verified completely, then becomes a candidate; the data plane attaches what it
 * derives (rulesets, states, sockets), then commits or abandons it. Unchanged resources are shared
 * between snapshots: tables are two-level, so a change costs the pages it touches.
 *
 * The builder, candidates, and all refcounts belong to the building thread. Workers only read.
 */
#pragma once

#include "base/error.h"
#include "base/list.h"
#include "base/text.h"
#include "snapshot/model.h"

#define SNAPSHOT_ID_MAX        128u
#define SNAPSHOT_JSON_MAX      (256u << 20)
#define SNAPSHOT_RESOURCES_MAX 1000000u

/* Slot table of pointers; pages are shared between snapshots. */
#define TABLE_PAGE 256u
struct table_page {
    uint32_t refs;
    void *at[TABLE_PAGE];
};
struct table {
    struct table_page **pages; /* owned array; NULL page: all empty */
    uint32_t n_pages;
};

struct snapshot {
    uint64_t version;
    uint32_t refs;
    struct table kinds[KIND_COUNT];
    struct table rulesets;      /* by listener slot: what the rules folder derived */
    struct table ruleset_boxes; /* the builder's: counts the rulesets, slot by slot */
};

static inline void *table_get(const struct table *table, uint32_t slot)
{
    uint32_t page = slot / TABLE_PAGE;

    if (page >= table->n_pages || !table->pages[page])
        return NULL;
    return table->pages[page]->at[slot % TABLE_PAGE];
}

/* NULL for REF_NONE and for what is not there. */
static inline const struct listener_conf *snapshot_listener(const struct snapshot *s, uint32_t slot)
{
    return (const struct listener_conf *)table_get(&s->kinds[KIND_LISTENER], slot);
}
static inline const struct group_conf *snapshot_group(const struct snapshot *s, uint32_t slot)
{
    return (const struct group_conf *)table_get(&s->kinds[KIND_SERVER_GROUP], slot);
}
static inline const struct instance_conf *snapshot_instance(const struct snapshot *s, uint32_t slot)
{
    return (const struct instance_conf *)table_get(&s->kinds[KIND_INSTANCE], slot);
}
static inline const struct health_check_conf *snapshot_health_check(
    const struct snapshot *s, uint32_t slot)
{
    return (const struct health_check_conf *)table_get(&s->kinds[KIND_HEALTH_CHECK], slot);
}

/* One touched resource. */
struct change_item {
    uint32_t kind, slot;
    const void *before; /* NULL: new. Lives while the previous snapshot does */
    void *after;        /* NULL: removed */
};

/* A change that is decoded and verified but not yet in force. */
struct candidate {
    struct snapshot *snapshot; /* owned until committed */
    struct change_item *items; /* owned; removed first, then by kind in the order of the list */
    uint32_t n_items;
    /* owned, ascending: slots whose ruleset must be derived anew, because the listener or one of its
     * rules was touched (a group that appears or goes touches those that name it). They have no
     * ruleset until it is set. */
    uint32_t *listeners;
    uint32_t n_listeners;
};

struct builder;

struct builder *builder_new(void);
/* All snapshots must have been given back. */
struct builder *builder_free(struct builder *builder);
DEFINE_CLEANUP(struct builder, builder_free)

/* The snapshot in force; borrowed. Never NULL: version 0 is empty. */
struct snapshot *builder_current(const struct builder *builder);

/* Reads {"version": V, "upsert": [...], "remove": [{"kind":..., "id":...}]} (RFC 8259; duplicate keys, unknown keys and
 * trailing bytes are refused; at most SNAPSHOT_JSON_MAX). A resource is {"kind":..., "id":..., "version":..., fields}. An upsert
 * that equals what is there, version included, touches nothing. whole: the upserts are the complete set; what they lack is removed.
 * Returns 0 and the candidate, or -EINVAL with every problem found in errors and nothing changed:
 * unknown kinds and fields, types, ranges, references to what does not exist or has the wrong protocol, two listeners on
 * one address, port and transport, two rules of one priority, removal of what is still referenced,
 * FIELD_FIXED fields that differ. */
int builder_prepare(struct builder *builder, struct span json, bool whole, struct errors *errors,
    struct candidate **ret_candidate) MUST_CHECK;

/* The version that a change names, whatever else is wrong with it; 0 if none can be read. O(bytes). */
uint64_t snapshot_read_version(struct span json);

/* Rules of a listener as the candidate has them, unordered. *ret_rules is owned by the candidate. */
uint32_t candidate_rules(struct builder *builder, struct candidate *candidate,
    uint32_t listener_slot, const struct rule_conf ***ret_rules);

/* Attaches a derived object to a listener slot. It is freed by free_fn, on the building thread, with the
 * last snapshot that has it. One free_fn per process. */
void candidate_set_ruleset(struct candidate *candidate, uint32_t listener_slot, void *ruleset,
    void (*free_fn)(void *ruleset));

/* Makes it current. The previous snapshot lives on until its last reference is given back. Frees the candidate
 * but not the snapshot; items die with it. */
void builder_commit(struct builder *builder, struct candidate *candidate);
void builder_abandon(struct builder *builder, struct candidate *candidate);

/* Called with each resource that no snapshot has any more, before it is freed. */
void builder_on_free(struct builder *builder, void (*fn)(void *arg, void *conf), void *arg);

struct snapshot *snapshot_ref(struct snapshot *snapshot);
/* Building thread only. */
void builder_unref(struct builder *builder, struct snapshot *snapshot);

/* Looks up by id in the current snapshot; NULL if there is none. */
const void *builder_find(const struct builder *builder, enum resource_kind kind, const char *id);

/* Writes the current set as {"version": V, "upsert": [...]}, which builder_prepare(whole) reads back to the same. */
void builder_encode(const struct builder *builder, struct text *out);
/* The same of any snapshot, in parts of 64 KiB or one resource. Reads only what never changes: a thread that
 * was given a reference may do it. 0, or the first negative that write returned. */
int snapshot_encode(const struct snapshot *snapshot, int (*write)(void *arg, struct span part),
    void *arg) MUST_CHECK;
/* Writes {"version": V, "names": ["kind/id", ...]}, in no order. */
void builder_encode_names(const struct builder *builder, struct text *out);

/* A worker's hold on one snapshot. Users count without atomics; when a view is no longer the worker's current
 * one and its users are gone, on_unused hands it back to the building thread. */
struct snapshot_view {
    const struct snapshot *snapshot;
    uint32_t users; /* this worker's exchanges and flows, and 1 while current */
    void (*on_unused)(struct snapshot_view *view);
    void *owner; /* on_unused's */
};

static inline struct snapshot_view *view_ref(struct snapshot_view *view)
{
    view->users++;
    return view;
}
static inline void view_unref(struct snapshot_view *view)
{
    assert(view->users > 0);
    if (--view->users == 0)
        view->on_unused(view);
}
