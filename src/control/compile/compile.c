/* Units, what makes them dirty, and what differs since the last time. */
#include <stdarg.h>

#include "base/hash.h"
#include "base/text.h"
#include "control/compile/compile_inner.h"
#include "control/store/refs.h"

#define KEY_LEN      (COMPILE_ID_LEN + 32u)
#define SENTENCE_LEN 256u

/* Kinds of documents whose id names a unit, and how the unit is compiled. */
static const struct root {
    const char *kind;
    compile_fn fn;
    bool
        if_used; /* nothing comes of it while no document names it: most certificates are in store only */
} roots[] = {
    {"alb.acl", compile_acl, true},
    {"alb.load_balancer", compile_alb, false},
    {"alb.security_policy", compile_tls_policy, true},
    {"alb.server_group", compile_alb_group, false},
    {"cas.certificate", compile_certificate, true},
    {"clb.acl", compile_acl, true},
    {"clb.load_balancer", compile_clb, false},
    {"clb.tls_policy", compile_tls_policy, true},
    {"ecs.security_group", compile_security_group, true},
    {"nlb.load_balancer", compile_nlb, false},
    {"nlb.security_policy", compile_tls_policy, true},
    {"nlb.server_group", compile_nlb_group, false},
};

/* Kinds of documents that belong to the unit of the document that a member names. */
static const struct part {
    const char *kind, *root, *member;
} parts[] = {
    {"alb.listener", "alb.load_balancer", "LoadBalancerId"},
    {"alb.rule", "alb.load_balancer", "LoadBalancerId"},
    {"clb.access_log", "clb.load_balancer", "LoadBalancerId"},
    {"clb.domain_extension", "clb.load_balancer", "LoadBalancerId"},
    {"clb.listener", "clb.load_balancer", "LoadBalancerId"},
    {"clb.master_slave_group", "clb.load_balancer", "LoadBalancerId"},
    {"clb.rule", "clb.load_balancer", "LoadBalancerId"},
    {"clb.vserver_group", "clb.load_balancer", "LoadBalancerId"},
    {"nlb.listener", "nlb.load_balancer", "LoadBalancerId"},
};

/* Kinds of documents that have servers. */
static const char *const server_kinds[] = {"alb.server_group", "clb.load_balancer",
    "clb.master_slave_group", "clb.vserver_group", "nlb.server_group"};

/* What is referred to comes before what refers to it. */
static const char *const kind_order[] = {"certificate", "client_ca", "tls_policy", "access_list",
    "security_group", "health_check", "server_group", "instance", "listener", "rule"};

struct resource {
    struct compiled compiled; /* first; its id lies in key */
    char *key;                /* owned: "listener/lsn-1" */
    bool is_kept;             /* while two lists are compared */
};

/* With an index by key. */
struct resource_list {
    struct resource **at; /* owned array of owned */
    uint32_t n, cap;
    struct map keys;
};

struct problem {
    struct problem *next;    /* of the unit; owned */
    char *doc_id, *sentence; /* owned */
};

struct unit {
    const struct root *root;
    char *id; /* owned: of the document that it is named after */
    struct list in_all, in_dirty;
    struct resource_list list; /* as it was last compiled */
    struct resource_list made; /* as it is being compiled */
    struct problem *problems;  /* owned */
};

/* What a diff is made of, before it is put in order. */
struct picked {
    const struct compiled *compiled;
    uint32_t rank;   /* of its kind */
    uint32_t number; /* in the order of picking */
};
struct picks {
    struct picked *at; /* owned */
    uint32_t n, cap;
};

struct compile_state {
    struct resource_list gone; /* what removes of the last run point to */
    struct picks upserts, removes;
};

/* --- lists of resources ----------------------------------------------------------------------- */

static void list_add(struct resource_list *list, struct resource *resource)
{
    if (list->n == list->cap) {
        list->cap = MAX(8u, 2 * list->cap);
        list->at = base_realloc(list->at, list->cap * sizeof(struct resource *));
    }
    list->at[list->n++] = resource;
    (void)map_set(&list->keys, span_of(resource->key), resource);
}

static void resource_free(struct resource *resource)
{
    free(resource->key);
    free(resource->compiled.doc_id);
    json_decref(resource->compiled.json);
    free(resource);
}

/* Frees the list, not what is in it. */
static void list_drop(struct resource_list *list)
{
    free(list->at);
    map_done(&list->keys);
    *list = (struct resource_list){0};
}

static void list_done(struct resource_list *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        resource_free(list->at[i]);
    list_drop(list);
}

static const char *make_key(const char *kind, const char *id, char buf[static KEY_LEN])
{
    (void)snprintf(buf, KEY_LEN, "%s/%s", kind, id);
    return buf;
}

/* --- units ------------------------------------------------------------------------------------ */

static const struct root *root_find(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        if (strcmp(roots[i].kind, kind) == 0)
            return &roots[i];
    }
    return NULL;
}

static const struct part *part_find(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (strcmp(parts[i].kind, kind) == 0)
            return &parts[i];
    }
    return NULL;
}

static void unit_forget_problems(struct compile *compile, struct unit *unit)
{
    while (unit->problems) {
        struct problem *problem = unit->problems;

        unit->problems = problem->next;
        (void)map_remove(&compile->problems, span_of(problem->doc_id));
        free(problem->doc_id);
        free(problem->sentence);
        free(problem);
    }
}

static void unit_free(struct compile *compile, struct unit *unit)
{
    unit_forget_problems(compile, unit);
    (void)map_remove(&compile->units, span_of(unit->id));
    list_remove(&unit->in_all);
    list_remove(&unit->in_dirty);
    list_done(&unit->list);
    free(unit->id);
    free(unit);
}

static void mark(struct compile *compile, const struct root *root, const char *id)
{
    struct unit *unit;

    if (!id)
        return;
    unit = map_find(&compile->units, span_of(id));
    if (!unit) {
        unit = base_zalloc(sizeof(*unit));
        unit->root = root;
        unit->id = base_strdup(id);
        (void)map_set(&compile->units, span_of(unit->id), unit);
        list_add_back(&compile->all, &unit->in_all);
    }
    if (!list_linked(&unit->in_dirty))
        list_add_back(&compile->dirty, &unit->in_dirty);
}

/* The unit of a document that has this body. */
static void mark_owner(
    struct compile *compile, const struct kind *kind, const char *id, const json_t *body)
{
    const struct root *root = root_find(kind->name);
    const struct part *part = part_find(kind->name);

    if (root)
        mark(compile, root, id);
    else if (part && body)
        mark(compile, root_find(part->root), json_text(body, part->member));
}

/* A document that begins or ceases to name another may decide whether anything comes of that one. */
static bool mark_named(void *arg, const char *id)
{
    struct compile *compile = arg;
    const struct unit *unit = map_find(&compile->units, span_of(id));

    if (unit && unit->root->if_used)
        mark(compile, unit->root, id);
    return false;
}

/* Which groups name it is looked up when there is a transaction. */
static void mark_moved(struct compile *compile, const char *id)
{
    char *key;

    if (!id || map_find(&compile->moved, span_of(id)))
        return;
    key = base_strdup(id);
    (void)map_set(&compile->moved, span_of(key), key);
}

void compile_changed(void *arg, const struct kind *kind, const char *id, json_t *old_body,
    const struct doc *doc, uint64_t revision)
{
    struct compile *compile = arg;

    (void)revision;
    if (!kind)
        return;
    mark_owner(compile, kind, id, old_body);
    if (old_body)
        (void)refs_walk(kind, old_body, mark_named, compile);
    if (doc) {
        mark_owner(compile, kind, id, doc->body);
        (void)refs_walk(kind, doc->body, mark_named, compile);
    }
    if (strcmp(kind->name, "ecs.server") == 0 || strcmp(kind->name, "ecs.network_interface") == 0)
        mark_moved(compile, id);
}

void compile_all_dirty(struct compile *compile)
{
    compile->is_all_dirty = true;
}

bool compile_is_dirty(const struct compile *compile)
{
    return compile->is_all_dirty || !list_empty(&compile->dirty) || compile->moved.n > 0;
}

/* All units there are, and all that documents say there should be. */
static void mark_all(struct compile *compile)
{
    list_foreach (it, &compile->all) {
        struct unit *unit = list_entry(it, struct unit, in_all);

        if (!list_linked(&unit->in_dirty))
            list_add_back(&compile->dirty, &unit->in_dirty);
    }
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        struct doc_list list;

        txn_list(compile->txn, roots[i].kind, &list);
        for (uint32_t j = 0; j < list.n; j++)
            mark(compile, &roots[i], list.docs[j]->id);
        doc_list_done(&list);
    }
}

static void mark_users(struct compile *compile, const char *server_id)
{
    for (size_t i = 0; i < ARRAY_LEN(server_kinds); i++) {
        struct doc_list list;

        txn_users(compile->txn, server_kinds[i], server_id, &list);
        for (uint32_t j = 0; j < list.n; j++)
            mark_owner(compile, list.docs[j]->kind, list.docs[j]->id, list.docs[j]->body);
        doc_list_done(&list);
    }
}

static void moved_forget(struct compile *compile)
{
    struct span key;
    uint32_t pos = 0;
    char *id;

    while ((id = map_next(&compile->moved, &pos, &key)) != NULL)
        free(id);
    map_done(&compile->moved);
    compile->moved = (struct map){0};
}

static void mark_users_of_moved(struct compile *compile)
{
    struct span key;
    uint32_t pos = 0;
    const char *id;

    while ((id = map_next(&compile->moved, &pos, &key)) != NULL)
        mark_users(compile, id);
    moved_forget(compile);
}

/* --- what a unit emits ------------------------------------------------------------------------ */

bool compile_has(const struct compile *compile, const char *kind, const char *id)
{
    char key[KEY_LEN];

    return map_find(&compile->unit->made.keys, span_of(make_key(kind, id, key))) != NULL;
}

void compile_emit(
    struct compile *compile, const char *kind, const char *id, const char *doc_id, json_t *json)
{
    struct resource *resource = base_zalloc(sizeof(*resource));
    char key[KEY_LEN];

    assert(json && !compile_has(compile, kind, id));
    json_put_text(json, "kind", kind);
    json_put_text(json, "id", id);
    resource->key = base_strdup(make_key(kind, id, key));
    resource->compiled = (struct compiled){
        .kind = kind,
        .id = resource->key + strlen(kind) + 1,
        .doc_id = base_strdup(doc_id),
        .json = json,
    };
    list_add(&compile->unit->made, resource);
}

void compile_complain(struct compile *compile, const char *doc_id, const char *fmt, ...)
{
    struct problem *problem;
    char sentence[SENTENCE_LEN];
    va_list args;

    if (compile_problem(compile, doc_id))
        return;
    va_start(args, fmt);
    (void)vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    problem = base_alloc(sizeof(*problem));
    *problem = (struct problem){
        .next = compile->unit->problems,
        .doc_id = base_strdup(doc_id),
        .sentence = base_strdup(sentence),
    };
    compile->unit->problems = problem;
    (void)map_set(&compile->problems, span_of(problem->doc_id), problem);
}

const char *compile_problem(const struct compile *compile, const char *doc_id)
{
    const struct problem *problem = map_find(&compile->problems, span_of(doc_id));

    return problem ? problem->sentence : NULL;
}

/* --- differences ------------------------------------------------------------------------------ */

static void pick(struct picks *picks, const struct compiled *compiled)
{
    uint32_t rank = 0;

    while (rank < ARRAY_LEN(kind_order) && strcmp(kind_order[rank], compiled->kind) != 0)
        rank++;
    if (picks->n == picks->cap) {
        picks->cap = MAX(8u, 2 * picks->cap);
        picks->at = base_realloc(picks->at, picks->cap * sizeof(*picks->at));
    }
    picks->at[picks->n] = (struct picked){compiled, rank, picks->n};
    picks->n++;
}

static int compare_picked(const void *a, const void *b)
{
    const struct picked *one = a, *other = b;

    if (one->rank != other->rank)
        return one->rank < other->rank ? -1 : 1;
    return one->number < other->number ? -1 : one->number > other->number;
}

/* Ends the picks: their order becomes that of the kinds, or its reverse. */
static const struct compiled **picks_end(struct picks *picks, bool is_reverse, uint32_t *ret_n)
{
    const struct compiled **list = NULL;

    *ret_n = picks->n;
    if (picks->n > 0) {
        list = base_calloc(picks->n, sizeof(const struct compiled *));
        qsort(picks->at, picks->n, sizeof(*picks->at), compare_picked);
    }
    for (uint32_t i = 0; i < picks->n; i++)
        list[is_reverse ? picks->n - 1 - i : i] = picks->at[i].compiled;
    free(picks->at);
    *picks = (struct picks){0};
    return list;
}

/* A resource that is as it was stays the same object. */
static struct resource *settle(struct unit *unit, struct resource *made)
{
    struct resource *old = map_find(&unit->list.keys, span_of(made->key));
    char *doc_id;

    if (!old || !json_equal(old->compiled.json, made->compiled.json))
        return made;
    doc_id = old->compiled.doc_id;
    old->compiled.doc_id = made->compiled.doc_id;
    made->compiled.doc_id = doc_id;
    resource_free(made);
    old->is_kept = true;
    return old;
}

/* What was emitted takes the place of what was emitted before. */
static void unit_settle(struct compile *compile, struct unit *unit)
{
    struct compile_state *state = compile->state;
    struct resource_list list = {0};

    for (uint32_t i = 0; i < unit->made.n; i++) {
        struct resource *resource = settle(unit, unit->made.at[i]);

        if (!resource->is_kept)
            pick(&state->upserts, &resource->compiled);
        list_add(&list, resource);
    }
    for (uint32_t i = 0; i < unit->list.n; i++) {
        struct resource *old = unit->list.at[i];

        if (old->is_kept) {
            old->is_kept = false;
        } else if (map_find(&list.keys, span_of(old->key))) {
            resource_free(old);
        } else {
            pick(&state->removes, &old->compiled);
            list_add(&state->gone, old);
        }
    }
    list_drop(&unit->made);
    list_drop(&unit->list);
    unit->list = list;
}

static void unit_run(struct compile *compile, struct unit *unit)
{
    const struct doc *doc = txn_get(compile->txn, unit->root->kind, unit->id);

    list_remove(&unit->in_dirty);
    unit_forget_problems(compile, unit);
    compile->unit = unit;
    if (doc && (!unit->root->if_used || txn_count_users(compile->txn, NULL, doc->id) > 0))
        unit->root->fn(compile, doc);
    compile->unit = NULL;
    unit_settle(compile, unit);
    if (!doc)
        unit_free(compile, unit);
}

void compile_run(struct compile *compile, struct compile_diff *ret_diff)
{
    struct compile_state *state = compile->state;

    list_done(&state->gone);
    compile->txn = txn_begin(compile->catalog);
    if (compile->is_all_dirty)
        mark_all(compile);
    compile->is_all_dirty = false;
    mark_users_of_moved(compile);
    while (!list_empty(&compile->dirty))
        unit_run(compile, list_entry(compile->dirty.next, struct unit, in_dirty));
    compile->txn = txn_abort(compile->txn);
    ret_diff->upserts = picks_end(&state->upserts, false, &ret_diff->n_upserts);
    ret_diff->removes = picks_end(&state->removes, true, &ret_diff->n_removes);
}

void compile_whole(struct compile *compile, struct compile_diff *ret_diff)
{
    struct picks picks = {0};

    list_foreach (it, &compile->all) {
        const struct unit *unit = list_entry(it, struct unit, in_all);

        for (uint32_t i = 0; i < unit->list.n; i++)
            pick(&picks, &unit->list.at[i]->compiled);
    }
    *ret_diff = (struct compile_diff){0};
    ret_diff->upserts = picks_end(&picks, false, &ret_diff->n_upserts);
}

void compile_diff_done(struct compile_diff *diff)
{
    free(diff->upserts);
    free(diff->removes);
    *diff = (struct compile_diff){0};
}

struct compile *compile_new(struct catalog *catalog, const struct node_conf *node)
{
    struct compile *compile = base_zalloc(sizeof(*compile));

    hash_init();
    compile->catalog = catalog;
    compile->node = node;
    compile->state = base_zalloc(sizeof(*compile->state));
    list_init(&compile->all);
    list_init(&compile->dirty);
    return compile;
}

struct compile *compile_free(struct compile *compile)
{
    if (!compile)
        return NULL;
    while (!list_empty(&compile->all))
        unit_free(compile, list_entry(compile->all.next, struct unit, in_all));
    moved_forget(compile);
    map_done(&compile->units);
    map_done(&compile->problems);
    list_done(&compile->state->gone);
    free(compile->state);
    free(compile);
    return NULL;
}
