#include "control/store/body.h"
#include "control/store/catalog_inner.h"
#include "control/store/refs.h"

const struct kind *kind_find(const char *name)
{
    uint32_t low = 0, high = n_kinds;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(name, kinds[middle].name);

        if (order == 0)
            return &kinds[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void doc_list_done(struct doc_list *list)
{
    free(list->docs);
    *list = (struct doc_list){0};
}

struct entry *catalog_entry(const struct catalog *catalog, const char *id)
{
    return map_find(&catalog->by_id, span_of(id));
}

const struct target *catalog_target(const struct catalog *catalog, const char *id)
{
    return map_find(&catalog->targets, span_of(id));
}

/* --- who names whom -------------------------------------------------------------------------- */

static struct target *target_get(struct catalog *catalog, const char *id)
{
    struct target *target = map_find(&catalog->targets, span_of(id));

    if (target)
        return target;
    target = base_zalloc(sizeof(*target));
    target->id = base_strdup(id);
    (void)map_set(&catalog->targets, span_of(target->id), target);
    return target;
}

static struct target *target_free(struct target *target)
{
    struct users *next;

    for (struct users *users = target->users; users; users = next) {
        next = users->next;
        free(users);
    }
    free(target->id);
    free(target);
    return NULL;
}

static struct users *target_users(struct target *target, const struct kind *kind)
{
    struct users *users = target->users;

    while (users && users->kind != kind)
        users = users->next;
    if (users)
        return users;
    users = base_zalloc(sizeof(*users));
    users->kind = kind;
    list_init(&users->refs);
    users->next = target->users;
    target->users = users;
    return users;
}

/* The distinct ids that a body names, in the order they are found. */
struct id_list {
    const char **ids; /* owned array of borrowed texts */
    uint32_t n, cap;
};

static bool id_list_add(void *arg, const char *id)
{
    struct id_list *list = arg;

    for (uint32_t i = 0; i < list->n; i++)
        if (strcmp(list->ids[i], id) == 0)
            return false;
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 8;
        list->ids = base_realloc(list->ids, list->cap * sizeof(*list->ids));
    }
    list->ids[list->n++] = id;
    return false;
}

static void entry_unlink(struct catalog *catalog, struct entry *entry)
{
    for (uint32_t i = 0; i < entry->n_refs; i++) {
        struct ref *ref = &entry->refs[i];

        list_remove(&ref->link);
        ref->users->n--;
        if (--ref->target->n > 0)
            continue;
        (void)map_remove(&catalog->targets, span_of(ref->target->id));
        ref->target = target_free(ref->target);
    }
    free(entry->refs);
    entry->refs = NULL;
    entry->n_refs = 0;
}

static bool entry_names_same(const struct entry *entry, const struct id_list *list)
{
    if (entry->n_refs != list->n)
        return false;
    for (uint32_t i = 0; i < list->n; i++)
        if (strcmp(entry->refs[i].target->id, list->ids[i]) != 0)
            return false;
    return true;
}

/* Brings the links of an entry in line with its body. */
static void entry_link(struct catalog *catalog, struct entry *entry)
{
    struct id_list list = {0};

    (void)refs_walk(entry->doc.kind, entry->doc.body, id_list_add, &list);
    if (entry_names_same(entry, &list)) {
        free(list.ids);
        return;
    }
    entry_unlink(catalog, entry);
    entry->refs = list.n > 0 ? base_calloc(list.n, sizeof(*entry->refs)) : NULL;
    entry->n_refs = list.n;
    for (uint32_t i = 0; i < list.n; i++) {
        struct ref *ref = &entry->refs[i];

        ref->entry = entry;
        ref->target = target_get(catalog, list.ids[i]);
        ref->users = target_users(ref->target, entry->doc.kind);
        list_add_back(&ref->users->refs, &ref->link);
        ref->users->n++;
        ref->target->n++;
    }
    free(list.ids);
}

/* --- entries --------------------------------------------------------------------------------- */

struct entry *entry_free(struct entry *entry)
{
    if (!entry)
        return NULL;
    free(entry->doc.id);
    json_decref(entry->doc.body);
    free(entry->refs);
    free(entry);
    return NULL;
}

struct entry *catalog_insert(struct catalog *catalog, const struct doc *doc)
{
    struct entry *entry = base_zalloc(sizeof(*entry));
    struct kind_set *set = catalog_kind(catalog, doc->kind);

    entry->doc = *doc;
    list_add_back(&set->entries, &entry->in_kind);
    set->n++;
    (void)map_set(&catalog->by_id, span_of(entry->doc.id), entry);
    entry_link(catalog, entry);
    return entry;
}

json_t *catalog_replace(
    struct catalog *catalog, struct entry *entry, json_t *body, uint64_t revision)
{
    json_t *old = entry->doc.body;

    entry->doc.body = body;
    entry->doc.revision = revision;
    entry_link(catalog, entry);
    return old;
}

void catalog_remove(struct catalog *catalog, struct entry *entry)
{
    entry_unlink(catalog, entry);
    list_remove(&entry->in_kind);
    catalog_kind(catalog, entry->doc.kind)->n--;
    (void)map_remove(&catalog->by_id, span_of(entry->doc.id));
}

/* --- the whole ------------------------------------------------------------------------------- */

/* A sentence for catalog_open; lives until the next. */
static char catalog_why[512];

struct catalog_load {
    struct catalog *catalog;
    bool refused; /* catalog_why says why */
};

static int load_refuse(struct catalog_load *load, struct span key, const char *what)
{
    load->refused = true;
    (void)snprintf(catalog_why, sizeof(catalog_why),
        "The store holds the document %.*s, which %s; nothing was changed.", SPAN_ARG(key), what);
    return -EIO;
}

static int load_entry(void *arg, const struct store_entry *stored)
{
    struct catalog_load *load = arg;
    size_t slash = span_find(stored->key, '/');
    char name[64];
    struct doc doc = {.created = stored->created, .revision = stored->revision};

    if (slash >= sizeof(name) || slash + 1 >= stored->key.len)
        return load_refuse(load, stored->key, "has no kind and id");
    memcpy(name, stored->key.ptr, slash);
    name[slash] = '\0';
    doc.kind = kind_find(name);
    if (!doc.kind)
        return load_refuse(load, stored->key, "is of a kind that this version does not know");
    doc.body = body_read(stored->value);
    if (!json_is_object(doc.body)) {
        json_decref(doc.body);
        return load_refuse(load, stored->key, "is not a JSON object");
    }
    doc.id = base_strndup(stored->key.ptr + slash + 1, stored->key.len - slash - 1);
    if (catalog_entry(load->catalog, doc.id)) {
        json_decref(doc.body);
        free(doc.id);
        return load_refuse(load, stored->key, "has the id of another document");
    }
    doc.order = load->catalog->next_order++;
    (void)catalog_insert(load->catalog, &doc);
    return 0;
}

struct catalog *catalog_open(struct store *store, const char **ret_why)
{
    struct catalog *catalog = base_zalloc(sizeof(*catalog));
    struct catalog_load load = {.catalog = catalog};

    catalog->store = store;
    catalog->next_order = 1;
    catalog->kinds = base_calloc(n_kinds, sizeof(*catalog->kinds));
    for (uint32_t i = 0; i < n_kinds; i++)
        list_init(&catalog->kinds[i].entries);
    if (store_list(store, SPAN_LIT(""), load_entry, &load) == 0)
        return catalog;
    if (!load.refused)
        (void)snprintf(catalog_why, sizeof(catalog_why),
            "The store cannot be read: its disk failed or its file is damaged; nothing was "
            "changed.");
    *ret_why = catalog_why;
    return catalog_free(catalog);
}

struct catalog *catalog_free(struct catalog *catalog)
{
    struct entry *entry;
    struct target *target;
    struct span key;
    uint32_t pos = 0;

    if (!catalog)
        return NULL;
    assert(!catalog->txn);
    while ((target = map_next(&catalog->targets, &pos, &key)))
        (void)target_free(target);
    map_done(&catalog->targets);
    pos = 0;
    while ((entry = map_next(&catalog->by_id, &pos, &key)))
        (void)entry_free(entry);
    map_done(&catalog->by_id);
    free(catalog->kinds);
    free(catalog->subscribers);
    free(catalog);
    return NULL;
}

struct store *catalog_store(struct catalog *catalog)
{
    return catalog->store;
}

void catalog_subscribe(struct catalog *catalog, catalog_fn fn, void *arg)
{
    uint32_t n = catalog->n_subscribers + 1;

    catalog->subscribers = base_realloc(catalog->subscribers, n * sizeof(*catalog->subscribers));
    catalog->subscribers[catalog->n_subscribers] = (struct subscriber){fn, arg};
    catalog->n_subscribers = n;
}
