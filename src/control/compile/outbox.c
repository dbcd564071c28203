#include "control/compile/outbox.h"

#include <string.h>

#include "snapshot/model.h"

#define KEY_MAX    320u /* ids of resources have 255 bytes at most (compile_inner.h) */
#define REASON_MAX 512u

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){0};
    list_init(&outbox->pending);
    list_init(&outbox->in_flight);
    list_init(&outbox->held);
}

static void item_free(struct outbox_item *item)
{
    list_remove(&item->link);
    json_decref(item->json);
    free(item->reason);
    free(item->doc_id);
    free(item->key);
    free(item);
}

void outbox_done(struct outbox *outbox)
{
    struct outbox_item *item;
    struct span key;
    uint32_t pos = 0;

    while ((item = map_next(&outbox->items, &pos, &key)))
        item_free(item);
    map_done(&outbox->items);
}

static void item_move(struct outbox *outbox, struct outbox_item *item, enum outbox_state state)
{
    struct list *const lists[] = {
        [OUTBOX_PENDING] = &outbox->pending,
        [OUTBOX_IN_FLIGHT] = &outbox->in_flight,
        [OUTBOX_HELD] = &outbox->held,
    };

    /* Leaving the held ones is not yet being right. */
    item->doubtful = item->state == OUTBOX_HELD ||
                     (item->doubtful && state != OUTBOX_IDLE && state != OUTBOX_HELD);
    outbox->n_held_changes += item->state == OUTBOX_HELD || state == OUTBOX_HELD;
    outbox->n_pending -= item->state == OUTBOX_PENDING;
    outbox->n_held -= item->state == OUTBOX_HELD;
    list_remove(&item->link);
    item->state = state;
    outbox->n_pending += state == OUTBOX_PENDING;
    outbox->n_held += state == OUTBOX_HELD;
    if (state != OUTBOX_IDLE)
        list_add_back(lists[state], &item->link);
    if (state != OUTBOX_HELD) {
        free(item->reason);
        item->reason = NULL;
    }
}

static void item_drop(struct outbox *outbox, struct outbox_item *item)
{
    item_move(outbox, item, OUTBOX_IDLE);
    (void)map_remove(&outbox->items, span_of(item->key));
    item_free(item);
}

static struct outbox_item *item_get(struct outbox *outbox, struct span key)
{
    struct outbox_item *item = map_find(&outbox->items, key);

    if (item)
        return item;
    item = base_zalloc(sizeof(*item));
    list_init(&item->link);
    item->key = base_strndup(key.ptr, key.len);
    (void)map_set(&outbox->items, span_of(item->key), item);
    return item;
}

static struct span key_of(const struct compiled *compiled, char buf[static KEY_MAX])
{
    int n = snprintf(buf, KEY_MAX, "%s/%s", compiled->kind, compiled->id);

    assert(n > 0 && (unsigned)n < KEY_MAX);
    return (struct span){buf, (size_t)n};
}

/* What is wanted is another thing now. */
static void item_changed(struct outbox *outbox, struct outbox_item *item)
{
    if (item->state == OUTBOX_IN_FLIGHT)
        item->changed = true;
    else if (!item->json && !item->present)
        item_drop(outbox, item);
    else
        item_move(outbox, item, OUTBOX_PENDING);
}

void outbox_put(struct outbox *outbox, const struct compiled *compiled)
{
    char buf[KEY_MAX];
    struct outbox_item *item = item_get(outbox, key_of(compiled, buf));

    json_decref(item->json);
    item->json = json_incref(compiled->json);
    free(item->doc_id);
    item->doc_id = base_strdup(compiled->doc_id);
    item_changed(outbox, item);
}

void outbox_remove(struct outbox *outbox, const struct compiled *compiled)
{
    char buf[KEY_MAX];
    struct outbox_item *item = map_find(&outbox->items, key_of(compiled, buf));

    if (!item)
        return;
    json_decref(item->json);
    item->json = NULL;
    item_changed(outbox, item);
}

/* --- when the connection was lost ---------------------------------------------------------- */

void outbox_lost(struct outbox *outbox)
{
    outbox->round = 0;
    list_foreach_safe (it, &outbox->in_flight) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);

        item->changed = false;
        item_move(outbox, item, OUTBOX_PENDING);
    }
}

void outbox_restart(struct outbox *outbox, const json_t *names)
{
    struct outbox_item *item;
    struct span key;
    uint32_t pos = 0;
    size_t i;
    json_t *name;

    outbox_lost(outbox);
    while ((item = map_next(&outbox->items, &pos, &key))) {
        item->present = false;
        item_move(outbox, item, OUTBOX_PENDING);
    }
    json_array_foreach (names, i, name) {
        struct span text = {json_string_value(name), json_string_length(name)};

        if (!text.ptr || !memchr(text.ptr, '/', text.len))
            continue;
        item = item_get(outbox, text);
        item->present = true;
        item_move(outbox, item, OUTBOX_PENDING);
    }
    pos = 0;
    while ((item = map_next(&outbox->items, &pos, &key))) {
        if (!item->json && !item->present)
            item_drop(outbox, item);
    }
}

void outbox_retry(struct outbox *outbox)
{
    list_foreach_safe (it, &outbox->held)
        item_move(outbox, container_of(it, struct outbox_item, link), OUTBOX_PENDING);
}

void outbox_retry_doc(struct outbox *outbox, const char *doc_id)
{
    list_foreach_safe (it, &outbox->held) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);

        if (item->doc_id && strcmp(item->doc_id, doc_id) == 0)
            item_move(outbox, item, OUTBOX_PENDING);
    }
}

static bool list_has_doubtful(const struct list *list, const char *doc_id)
{
    list_foreach (it, list) {
        const struct outbox_item *item = container_of(it, struct outbox_item, link);

        if (item->doubtful && item->doc_id && strcmp(item->doc_id, doc_id) == 0)
            return true;
    }
    return false;
}

bool outbox_is_doubtful(const struct outbox *outbox, const char *doc_id)
{
    return list_has_doubtful(&outbox->pending, doc_id) ||
           list_has_doubtful(&outbox->in_flight, doc_id);
}

/* --- what names what ----------------------------------------------------------------------- */

static const char *id_of(const struct outbox_item *item)
{
    return strchr(item->key, '/') + 1;
}

/* Whether any text in json is a key of ids. Depth is that of resources. */
static bool names_any(json_t *json, const struct map *ids)
{
    const char *name;
    json_t *value;
    size_t i;

    if (json_is_string(json))
        return map_find(ids, (struct span){json_string_value(json), json_string_length(json)});
    json_array_foreach (json, i, value) {
        if (names_any(value, ids))
            return true;
    }
    json_object_foreach (json, name, value) {
        if (strcmp(name, "kind") != 0 && strcmp(name, "id") != 0 && names_any(value, ids))
            return true;
    }
    return false;
}

static void retry_named(struct outbox *outbox)
{
    struct map ids = {0};

    list_foreach (it, &outbox->pending) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);

        (void)map_set(&ids, span_of(id_of(item)), item);
    }
    list_foreach_safe (it, &outbox->held) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);

        if (!item->json || names_any(item->json, &ids))
            item_move(outbox, item, OUTBOX_PENDING);
    }
    map_done(&ids);
}

/* --- messages ------------------------------------------------------------------------------ */

static int add_bytes(const char *bytes, size_t n, void *arg)
{
    struct text *out = arg;

    text_add(out, (struct span){bytes, n});
    return text_failed(out) ? -1 : 0;
}

static void add_upserts(struct outbox *outbox, struct text *out)
{
    uint32_t n = 0;

    list_foreach (it, &outbox->in_flight) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);

        item->sent_removal = !item->json;
        if (!item->json)
            continue;
        item->index = n;
        if (n++ > 0)
            text_add_char(out, ',');
        (void)json_dump_callback(item->json, add_bytes, out, JSON_COMPACT);
    }
}

static void add_removals(struct outbox *outbox, struct text *out)
{
    uint32_t n = 0;

    list_foreach (it, &outbox->in_flight) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);
        const char *id = id_of(item);

        if (item->json)
            continue;
        item->index = n;
        if (n++ > 0)
            text_add_char(out, ',');
        text_addf(out, "{\"kind\":\"%.*s\",\"id\":", (int)(id - 1 - item->key), item->key);
        text_add_json(out, span_of(id));
        text_add_char(out, '}');
    }
}

static void item_hold(struct outbox *outbox, struct outbox_item *item, const char *reason)
{
    if (item->changed) {
        item->changed = false;
        item_move(outbox, item, OUTBOX_PENDING);
        item->doubtful = true;
        return;
    }
    item_move(outbox, item, OUTBOX_HELD);
    free(item->reason);
    item->reason = base_strdup(reason);
    item->round = outbox->round;
    /* Nothing is left to be held of what is not there and not wanted. */
    if (!item->json && !item->present)
        item_drop(outbox, item);
}

static void hold_all(struct outbox *outbox, const char *reason)
{
    list_foreach_safe (it, &outbox->in_flight)
        item_hold(outbox, container_of(it, struct outbox_item, link), reason);
}

bool outbox_message(struct outbox *outbox, uint64_t version, struct text *out)
{
    assert(list_empty(&outbox->in_flight));
    if (outbox->n_pending == 0)
        return false;
    /* Not again within the tries of one message: what is held by it names what is pending again. */
    if (outbox->round == 0 && outbox->n_held > 0)
        retry_named(outbox);
    list_foreach_safe (it, &outbox->pending) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);

        item->changed = false;
        item_move(outbox, item, OUTBOX_IN_FLIGHT);
    }
    text_addf(out, "{\"version\":%llu,\"upsert\":[", (unsigned long long)version);
    add_upserts(outbox, out);
    text_add(out, SPAN_LIT("],\"remove\":["));
    add_removals(outbox, out);
    text_add(out, SPAN_LIT("]}\n"));
    if (!text_failed(out))
        return true;
    hold_all(outbox, "is part of a change that is too large for one message");
    return false;
}

/* --- answers ------------------------------------------------------------------------------- */

void outbox_acknowledge(struct outbox *outbox)
{
    outbox->round = 0;
    list_foreach_safe (it, &outbox->in_flight) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);
        bool changed = item->changed;

        item->changed = false;
        item->present = !item->sent_removal;
        item_move(outbox, item, OUTBOX_IDLE);
        if (!item->json && !item->present)
            item_drop(outbox, item);
        else if (changed)
            item_move(outbox, item, OUTBOX_PENDING);
    }
}

/* "bind 127.16.0.5:80: cannot be bound: Permission denied": what is wrong where, in the data plane's words. */
static void format_reason(const json_t *error, char buf[static REASON_MAX])
{
    const char *field = json_string_value(json_object_get(error, "field"));
    const char *value = json_string_value(json_object_get(error, "value"));
    const char *rule = json_string_value(json_object_get(error, "rule"));

    field = field ? field : "";
    value = value ? value : "";
    (void)snprintf(buf, REASON_MAX, "%s%s%s%s%s", field, value[0] != '\0' ? " " : "", value,
        field[0] != '\0' || value[0] != '\0' ? ": " : "", rule ? rule : "is refused");
}

/* "upsert[3]": an element of which not even kind and id could be taken. */
static struct outbox_item *item_by_place(struct outbox *outbox, const char *label)
{
    bool removal = strncmp(label, "remove[", 7) == 0;
    uint64_t index;
    struct span number;

    if (!removal && strncmp(label, "upsert[", 7) != 0)
        return NULL;
    number = (struct span){label + 7, strcspn(label + 7, "]")};
    if (span_parse_u64(number, &index) < 0)
        return NULL;
    list_foreach (it, &outbox->in_flight) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);

        if (item->sent_removal == removal && item->index == index)
            return item;
    }
    return NULL;
}

/* The data plane complains of a resource that was not sent: those that were and that it names, or that name it, do not fit
 * to it. Returns how many were held. */
static unsigned hold_related(
    struct outbox *outbox, const struct outbox_item *other, const char *reason)
{
    struct map id = {0};
    unsigned n = 0;

    (void)map_set(&id, span_of(id_of(other)), outbox);
    list_foreach_safe (it, &outbox->in_flight) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);
        struct map own = {0};
        char text[REASON_MAX + KEY_MAX];

        (void)map_set(&own, span_of(id_of(item)), outbox);
        if ((other->json && names_any(other->json, &own)) ||
            (item->json && names_any(item->json, &id))) {
            (void)snprintf(text, sizeof(text), "does not fit to %s: %s", other->key, reason);
            item_hold(outbox, item, text);
            n++;
        }
        map_done(&own);
    }
    map_done(&id);
    return n;
}

/* A resource that the error's value names and that is refused itself: it is not there, and that is the cause. */
static const struct outbox_item *held_cause(const struct outbox *outbox, const json_t *error)
{
    const char *value = json_string_value(json_object_get(error, "value"));

    for (unsigned kind = 0; value && kind < KIND_COUNT; kind++) {
        char key[KEY_MAX];
        const struct outbox_item *item;

        (void)snprintf(
            key, sizeof(key), "%s/%s", model_kind((enum resource_kind)kind)->name, value);
        item = map_find(&outbox->items, span_of(key));
        if (item && item->state == OUTBOX_HELD && !item->present)
            return item;
    }
    return NULL;
}

static unsigned hold_by_error(struct outbox *outbox, const json_t *error)
{
    const char *label = json_string_value(json_object_get(error, "resource"));
    const struct outbox_item *cause = held_cause(outbox, error);
    struct outbox_item *item;
    char reason[REASON_MAX];

    if (!label)
        return 0;
    if (cause)
        (void)snprintf(reason, sizeof(reason), "needs %s, which is refused", cause->key);
    else
        format_reason(error, reason);
    item = map_find(&outbox->items, span_of(label));
    if (!item)
        item = item_by_place(outbox, label);
    if (!item)
        return 0;
    if (item->state == OUTBOX_IN_FLIGHT) {
        item_hold(outbox, item, reason);
        return 1;
    }
    /* Held by an earlier error of this answer, which is told; or not what was complained of any more. */
    if (item->state == OUTBOX_PENDING ||
        (item->state == OUTBOX_HELD && item->round == outbox->round))
        return 1;
    return hold_related(outbox, item, reason);
}

int outbox_answer(struct outbox *outbox, const json_t *answer)
{
    const json_t *ok = json_object_get(answer, "ok");
    const json_t *errors = json_object_get(answer, "errors");
    const json_t *first = json_array_get(errors, 0);
    const char *label = json_string_value(json_object_get(first, "resource"));
    char reason[REASON_MAX];
    unsigned n = 0;
    size_t i;
    json_t *error;

    if (json_is_true(ok)) {
        outbox_acknowledge(outbox);
        return 0;
    }
    if (!json_is_false(ok) || !first)
        return -EPROTO;
    if (label && strcmp(label, "change") == 0) {
        outbox_lost(outbox);
        return OUTBOX_ENDING;
    }
    outbox->round++;
    json_array_foreach (errors, i, error)
        n += hold_by_error(outbox, error);
    if (n == 0) {
        format_reason(first, reason);
        hold_all(outbox, reason);
    }
    list_foreach_safe (it, &outbox->in_flight) {
        struct outbox_item *item = container_of(it, struct outbox_item, link);

        item->changed = false;
        item_move(outbox, item, OUTBOX_PENDING);
    }
    if (outbox->n_pending == 0)
        outbox->round = 0;
    return OUTBOX_REFUSED;
}
