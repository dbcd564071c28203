/* The builder's own books: slots, indexes over the current snapshot, and the change being made.
 *
 * Inside of the snapshot folder. Building thread only.
 */
#pragma once

#include "base/map.h"
#include "snapshot/decode.h"
#include "snapshot/document.h"
#include "snapshot/snapshot.h"
#include "snapshot/table.h"

/* A slot belongs to one id from its first version until no snapshot has any of its versions. */
struct slot_state {
    uint32_t n_living; /* versions in memory */
    uint32_t n_uses;   /* references to it in the current snapshot, or in the change's */
};

struct slots {
    struct slot_state *at; /* owned array */
    uint32_t n, cap;
    uint32_t *free; /* owned array: slots without living versions */
    uint32_t n_free, free_cap;
};

/* Slots of a listener's rules in the current snapshot. */
struct rule_list {
    uint32_t *slots; /* owned array */
    uint32_t n;
};

struct change;

struct builder {
    struct snapshot *current;
    struct change *change;      /* borrowed: the candidate that is out, or NULL */
    struct map ids[KIND_COUNT]; /* id -> struct resource of the current snapshot */
    struct slots slots[KIND_COUNT];
    struct map binds;        /* struct addr with transport -> struct bind_entry, owned */
    struct rule_list *rules; /* owned array, by listener slot */
    uint32_t n_rules;
    uint32_t n_snapshots;
    uint32_t n_resources; /* of the current snapshot */
    bool quiet;           /* what is freed was never shown to anybody */
    void (*on_free)(void *arg, void *conf);
    void *on_free_arg;
};

/* One resource that a change gives. */
struct upsert {
    uint32_t kind;
    uint32_t index; /* in the document */
    struct span id;
    struct resource
        *resource; /* owned until in a table; NULL if it has errors or equals what is there */
    struct resource *before; /* in the current snapshot, or NULL */
};

struct removal {
    uint32_t kind;
    struct resource *before;
};

struct new_rule {
    uint32_t listener, rule; /* slots */
};

enum { GONE = 1, GONE_TOLD = 2 };

struct change {
    struct candidate candidate; /* first */
    struct builder *builder;
    struct errors *errors;
    struct document document;
    bool whole;
    bool counted;         /* uses have been counted */
    struct arena arena;   /* what lives as long as the candidate */
    struct arena scratch; /* one resource at a time */
    struct decode_refs refs;
    struct upsert **upserts; /* owned array; elements are in arena */
    uint32_t n_upserts, upserts_cap;
    struct map upsert_ids[KIND_COUNT];
    struct removal *removals; /* owned array */
    uint32_t n_removals, removals_cap;
    uint8_t *gone[KIND_COUNT];  /* in arena: by slot, whether it is removed; NULL if none is */
    struct new_rule *new_rules; /* in arena: sorted by listener */
    uint32_t n_new_rules;
};

struct bind_entry {
    struct addr key;   /* pad tells the transport */
    uint32_t listener; /* slot */
};

/* --- index.c: what the builder knows about the current snapshot -------------------------- */

/* A slot that no living version has. */
uint32_t slots_take(struct slots *slots);
/* One more, one less version in the slot. */
void slots_hold(struct slots *slots, uint32_t slot);
void slots_release(struct slots *slots, uint32_t slot);
void slots_done(struct slots *slots);

/* The i-th address a listener is bound to, as a key. */
struct addr bind_key(const struct listener_conf *listener, uint32_t i);
/* Two touched listeners, or a touched and another one, must not have the same. */
void binds_verify(struct change *change);
void binds_commit(struct change *change);
void rules_commit(struct change *change);
void index_done(struct builder *builder);

/* --- builder.c ----------------------------------------------------------------------------- */

struct table_owner resource_owner(struct builder *builder);
extern const struct table_owner ruleset_owner;

/* Copies conf, which is of that kind and in some scratch arena, into memory of its own. refs is 1; it has no slot. */
struct resource *resource_new(
    enum resource_kind kind, const void *conf, struct span id, uint64_t version);
/* Gives it its slot. */
void resource_place(struct builder *builder, struct resource *resource, uint32_t slot);
void resource_unref(struct builder *builder, struct resource *resource);

/* A snapshot with the same pages. */
struct snapshot *snapshot_new(struct builder *builder, const struct snapshot *base);

/* Takes back what the change counted and frees it with its snapshot. */
struct change *change_free(struct change *change);

/* --- change.c ------------------------------------------------------------------------------ */

/* +1 or -1 for each reference of what the change touched. */
void change_count_uses(struct change *change, int sign);
