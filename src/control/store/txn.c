/* The transaction: a few changes laid over the catalog.
 *
 * A change belongs to one id. Its entry is what is committed (or NULL), its doc what will be (or
 * none): edited, added, removed and replaced documents differ only in which of the two there are.
 * Reading goes through the entry's pointer to its change, so that it costs what the reader asks
 * for, not what was changed before.
 */
#include <sodium.h>

#include "base/text.h"
#include "control/store/catalog_inner.h"
#include "control/store/refs.h"

#define ID_RANDOM 20u
#define ID_BYTES  64u
#define KEY_LIMIT 512u
#define NOT_YET   UINT64_MAX /* revision of what is not committed */

struct change {
    struct list link;    /* in txn->changes */
    struct entry *entry; /* borrowed: the committed document, or NULL */
    bool is_there;       /* doc is the document from now on; else there is none */
    bool is_added;       /* in txn->added: there was no document of this kind and id before */
    struct list in_added;
    struct doc doc;     /* kind stays valid when the document is gone; id is owned */
    bool is_written;    /* the commit takes it to the store; what follows is for telling of it */
    struct entry *made; /* borrowed */
    struct entry *gone; /* owned */
    json_t *old_body;   /* owned */
};

struct txn {
    struct catalog *catalog;
    struct map by_id;    /* changes */
    struct list changes; /* in the order they were first made */
    struct list added;
    json_t *dropped; /* owned array: bodies that borrowers may still look at */
};

struct txn *txn_begin(struct catalog *catalog)
{
    struct txn *txn = base_zalloc(sizeof(*txn));

    assert(!catalog->txn);
    txn->catalog = catalog;
    list_init(&txn->changes);
    list_init(&txn->added);
    catalog->txn = txn;
    return txn;
}

struct txn *txn_abort(struct txn *txn)
{
    if (!txn)
        return NULL;
    list_foreach_safe (it, &txn->changes) {
        struct change *change = list_entry(it, struct change, link);

        if (change->entry)
            change->entry->change = NULL;
        free(change->doc.id);
        json_decref(change->doc.body);
        json_decref(change->old_body);
        (void)entry_free(change->gone);
        free(change);
    }
    map_done(&txn->by_id);
    json_decref(txn->dropped);
    txn->catalog->txn = NULL;
    free(txn);
    return NULL;
}

/* --- one document ---------------------------------------------------------------------------- */

/* What the transaction sees of an entry; NULL: it was removed. */
static const struct doc *entry_seen(const struct entry *entry)
{
    if (!entry->change)
        return &entry->doc;
    if (entry->change->is_there && entry->change->doc.kind == entry->doc.kind)
        return &entry->change->doc;
    return NULL;
}

/* The document of an id, whatever its kind. */
static const struct doc *txn_seen(struct txn *txn, const char *id)
{
    const struct change *change = map_find(&txn->by_id, span_of(id));
    const struct entry *entry;

    if (change)
        return change->is_there ? &change->doc : NULL;
    entry = catalog_entry(txn->catalog, id);
    return entry ? &entry->doc : NULL;
}

const struct doc *txn_get(struct txn *txn, const char *kind, const char *id)
{
    const struct doc *doc = txn_seen(txn, id);

    return doc && strcmp(doc->kind->name, kind) == 0 ? doc : NULL;
}

const json_t *txn_body(struct txn *txn, const char *kind, const char *id)
{
    const struct doc *doc = txn_get(txn, kind, id);

    return doc ? doc->body : NULL;
}

/* The change of an id; a new one says that its document is not there. */
static struct change *txn_change(struct txn *txn, const char *id)
{
    struct change *change = map_find(&txn->by_id, span_of(id));

    if (change)
        return change;
    change = base_zalloc(sizeof(*change));
    change->doc.id = base_strdup(id);
    change->entry = catalog_entry(txn->catalog, id);
    if (change->entry) {
        change->doc.kind = change->entry->doc.kind;
        change->entry->change = change;
    }
    list_add_back(&txn->changes, &change->link);
    (void)map_set(&txn->by_id, span_of(change->doc.id), change);
    return change;
}

/* Gives the change a document. Over a committed one of the same kind it is the next version of
 * that, even if that had been removed in between: it keeps its place in the order of creation. */
static void change_put(
    struct txn *txn, struct change *change, const struct kind *kind, json_t *body)
{
    const struct entry *entry = change->entry;

    assert(!change->is_there);
    change->is_there = true;
    change->doc.kind = kind;
    change->doc.body = body;
    change->doc.revision = NOT_YET;
    if (entry && entry->doc.kind == kind) {
        change->doc.order = entry->doc.order;
        change->doc.created = entry->doc.created;
        return;
    }
    change->doc.order = txn->catalog->next_order++;
    change->doc.created = NOT_YET;
    change->is_added = true;
    list_add_back(&txn->added, &change->in_added);
}

json_t *txn_edit(struct txn *txn, const char *kind, const char *id)
{
    const struct doc *doc = txn_get(txn, kind, id);
    struct change *change;

    if (!doc)
        return NULL;
    change = txn_change(txn, id);
    if (!change->is_there)
        change_put(txn, change, doc->kind, json_deep_copy(doc->body));
    return change->doc.body;
}

int txn_add(struct txn *txn, const char *kind, const char *id, json_t *body)
{
    const struct kind *row = kind_find(kind);

    assert(row && json_is_object(body));
    if (txn_seen(txn, id)) {
        json_decref(body);
        return -EEXIST;
    }
    change_put(txn, txn_change(txn, id), row, body);
    return 0;
}

bool txn_remove(struct txn *txn, const char *kind, const char *id)
{
    struct change *change;

    if (!txn_get(txn, kind, id))
        return false;
    change = txn_change(txn, id);
    if (!change->is_there)
        return true;
    change->is_there = false;
    if (change->is_added)
        list_remove(&change->in_added);
    change->is_added = false;
    if (!txn->dropped)
        txn->dropped = json_array();
    (void)json_array_append_new(txn->dropped, TAKE(change->doc.body));
    return true;
}

/* --- lists ----------------------------------------------------------------------------------- */

static void doc_list_add(struct doc_list *list, uint32_t *cap, const struct doc *doc)
{
    if (list->n == *cap) {
        *cap = *cap ? 2 * *cap : 16;
        list->docs = base_realloc(list->docs, *cap * sizeof(struct doc *));
    }
    list->docs[list->n++] = doc;
}

void txn_list(struct txn *txn, const char *kind, struct doc_list *ret_list)
{
    const struct kind *row = kind_find(kind);
    struct doc_list list = {0};
    uint32_t cap = 0;

    assert(row);
    list_foreach (it, &catalog_kind(txn->catalog, row)->entries) {
        const struct doc *doc = entry_seen(list_entry(it, struct entry, in_kind));

        if (doc)
            doc_list_add(&list, &cap, doc);
    }
    list_foreach (it, &txn->added) {
        const struct change *change = list_entry(it, struct change, in_added);

        if (change->doc.kind == row)
            doc_list_add(&list, &cap, &change->doc);
    }
    *ret_list = list;
}

uint32_t txn_count(struct txn *txn, const char *kind)
{
    const struct kind *row = kind_find(kind);
    uint32_t n;

    assert(row);
    n = catalog_kind(txn->catalog, row)->n;
    list_foreach (it, &txn->changes) {
        const struct change *change = list_entry(it, struct change, link);

        if (change->entry && change->entry->doc.kind == row)
            n--;
        if (change->is_there && change->doc.kind == row)
            n++;
    }
    return n;
}

/* Calls add for each user of target that is of that kind (NULL: any): committed ones that are as
 * they were, then the transaction's own. */
typedef void (*user_fn)(void *arg, const struct doc *doc);

static void txn_each_user(
    struct txn *txn, const struct kind *kind, const char *target_id, user_fn add, void *arg)
{
    const struct target *target = catalog_target(txn->catalog, target_id);

    for (const struct users *users = target ? target->users : NULL; users; users = users->next) {
        if (kind && users->kind != kind)
            continue;
        list_foreach (it, &users->refs) {
            const struct entry *entry = list_entry(it, struct ref, link)->entry;

            if (!entry->change)
                add(arg, &entry->doc);
        }
    }
    list_foreach (it, &txn->changes) {
        const struct change *change = list_entry(it, struct change, link);

        if (!change->is_there || (kind && change->doc.kind != kind))
            continue;
        if (refs_name(change->doc.kind, change->doc.body, target_id))
            add(arg, &change->doc);
    }
}

struct user_list {
    struct doc_list list;
    uint32_t cap;
};

static void user_list_add(void *arg, const struct doc *doc)
{
    struct user_list *users = arg;

    doc_list_add(&users->list, &users->cap, doc);
}

static int doc_order(const void *a, const void *b)
{
    const struct doc *const *left = a;
    const struct doc *const *right = b;

    return (*left)->order < (*right)->order ? -1 : (*left)->order > (*right)->order;
}

void txn_users(struct txn *txn, const char *kind, const char *target, struct doc_list *ret_list)
{
    const struct kind *row = kind_find(kind);
    struct user_list users = {0};
    bool is_sorted = true;

    assert(row);
    txn_each_user(txn, row, target, user_list_add, &users);
    for (uint32_t i = 1; i < users.list.n; i++)
        is_sorted = is_sorted && users.list.docs[i - 1]->order < users.list.docs[i]->order;
    if (!is_sorted)
        qsort(users.list.docs, users.list.n, sizeof(struct doc *), doc_order);
    *ret_list = users.list;
}

static void user_count(void *arg, const struct doc *doc)
{
    uint32_t *n = arg;

    (void)doc;
    ++*n;
}

uint32_t txn_count_users(struct txn *txn, const char *kind, const char *target)
{
    const struct kind *row = kind ? kind_find(kind) : NULL;
    uint32_t n = 0;

    assert(row || !kind);
    txn_each_user(txn, row, target, user_count, &n);
    return n;
}

void txn_new_id(struct txn *txn, const char *prefix, char *buf)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    size_t at = strlen(prefix);

    assert(at + ID_RANDOM < ID_BYTES);
    memcpy(buf, prefix, at);
    do {
        for (size_t i = 0; i < ID_RANDOM; i++)
            buf[at + i] = letters[randombytes_uniform(sizeof(letters) - 1)];
        buf[at + ID_RANDOM] = '\0';
    } while (txn_seen(txn, buf));
}

/* --- commit ---------------------------------------------------------------------------------- */

/* What the store is told. */
struct writes {
    struct store_write *items; /* owned; keys and values point into texts */
    char **texts;              /* owned, as are the texts: two for each write */
    size_t n, cap;
};

static void writes_done(struct writes *writes)
{
    for (size_t i = 0; i < 2 * writes->n; i++)
        free(writes->texts[i]);
    free(writes->texts);
    free(writes->items);
}

/* body NULL: deletes. */
static void writes_add(
    struct writes *writes, const struct doc *doc, const json_t *body, uint64_t expected)
{
    struct text key;
    char *value = NULL;

    if (writes->n == writes->cap) {
        writes->cap = writes->cap ? 2 * writes->cap : 8;
        writes->items = base_realloc(writes->items, writes->cap * sizeof(*writes->items));
        writes->texts = base_realloc(writes->texts, 2 * writes->cap * sizeof(*writes->texts));
    }
    text_init(&key, KEY_LIMIT);
    text_addf(&key, "%s/%s", doc->kind->name, doc->id);
    assert(!text_failed(&key));
    if (body) {
        value = json_dumps(body, JSON_COMPACT);
        assert(value);
    }
    writes->texts[2 * writes->n] = key.ptr;
    writes->texts[2 * writes->n + 1] = value;
    writes->items[writes->n++] =
        (struct store_write){.key = text_span(&key), .value = span_of(value), .expected = expected};
}

/* An edit that changed nothing is none. */
static bool change_is_idle(const struct change *change)
{
    const struct entry *entry = change->entry;

    if (!change->is_there)
        return !entry;
    return entry && entry->doc.kind == change->doc.kind &&
           json_equal(entry->doc.body, change->doc.body);
}

static bool change_is_version(const struct change *change)
{
    return change->entry && change->is_there && change->entry->doc.kind == change->doc.kind;
}

static void txn_collect(struct txn *txn, struct writes *writes)
{
    list_foreach (it, &txn->changes) {
        struct change *change = list_entry(it, struct change, link);
        const struct entry *entry = change->entry;

        if (change_is_idle(change))
            continue;
        change->is_written = true;
        if (change_is_version(change)) {
            writes_add(writes, &entry->doc, change->doc.body, entry->doc.revision);
            continue;
        }
        if (entry)
            writes_add(writes, &entry->doc, NULL, entry->doc.revision);
        if (change->is_there)
            writes_add(writes, &change->doc, change->doc.body, 0);
    }
}

/* Makes a change that is on disk the catalog's. */
static void change_apply(struct catalog *catalog, struct change *change, uint64_t revision)
{
    struct entry *entry = change->entry;

    if (change_is_version(change)) {
        change->old_body = catalog_replace(catalog, entry, TAKE(change->doc.body), revision);
        change->made = entry;
        return;
    }
    if (entry) {
        catalog_remove(catalog, entry);
        change->entry = NULL;
        change->gone = entry;
    }
    if (change->is_there) {
        struct doc doc = change->doc;

        doc.id = base_strdup(change->doc.id);
        doc.body = TAKE(change->doc.body);
        doc.created = revision;
        doc.revision = revision;
        change->made = catalog_insert(catalog, &doc);
    }
}

static void txn_tell(const struct txn *txn, const struct subscriber *told, uint64_t revision)
{
    list_foreach (it, &txn->changes) {
        const struct change *change = list_entry(it, struct change, link);
        const struct entry *gone = change->gone, *made = change->made;

        if (gone)
            told->fn(told->arg, gone->doc.kind, gone->doc.id, gone->doc.body, NULL, revision);
        if (made)
            told->fn(
                told->arg, made->doc.kind, made->doc.id, change->old_body, &made->doc, revision);
    }
    told->fn(told->arg, NULL, NULL, NULL, NULL, revision);
}

static void txn_apply(struct txn *txn, uint64_t revision)
{
    const struct catalog *catalog = txn->catalog;

    list_foreach (it, &txn->changes) {
        struct change *change = list_entry(it, struct change, link);

        if (change->is_written)
            change_apply(txn->catalog, change, revision);
    }
    for (uint32_t i = 0; i < catalog->n_subscribers; i++)
        txn_tell(txn, &catalog->subscribers[i], revision);
}

int txn_commit(
    struct txn *txn, const struct store_event *events, uint32_t n_events, uint64_t *ret_revision)
{
    struct store *store = txn->catalog->store;
    struct writes writes = {0};
    uint64_t revision = store_revision(store);
    int r = 0;

    txn_collect(txn, &writes);
    if (writes.n > 0 || n_events > 0)
        r = store_commit(store, writes.items, (uint32_t)writes.n, events, n_events, &revision);
    if (r == 0 && writes.n > 0)
        txn_apply(txn, revision);
    writes_done(&writes);
    (void)txn_abort(txn);
    if (r < 0)
        return r;
    if (ret_revision)
        *ret_revision = revision;
    return 0;
}
