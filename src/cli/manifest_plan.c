#include <stdarg.h>

#include "cli/manifest.h"

#define DEPTH_MAX 4u

struct planner {
    const json_t *ids;
    json_t *steps, *removals; /* removals: in the order of the manifest, done backwards */
    bool prune;
    char *error; /* MANIFEST_ERROR_MAX */
    const json_t *parents[DEPTH_MAX];
    unsigned n_parents;
};

static const struct manifest_kind *kind_of(const json_t *item)
{
    return &manifest_kinds[json_integer_value(json_object_get(item, "kind"))];
}

static const char *text_of(const json_t *item, const char *name)
{
    const char *text = json_string_value(json_object_get(item, name));

    return text ? text : "";
}

/* --- comparing ----------------------------------------------------------------------------- */

static const char *scalar_text(const json_t *value, char buf[32])
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        (void)snprintf(buf, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        (void)snprintf(buf, 32, "%g", json_real_value(value));
    else
        (void)snprintf(
            buf, 32, "%s", json_is_boolean(value) ? json_is_true(value) ? "true" : "false" : "");
    return buf;
}

static bool has_all(const json_t *actual, const json_t *desired);

/* Each desired element has one of its own among the actual, in whatever order. */
static bool array_has_all(const json_t *actual, const json_t *desired)
{
    json_t *left = json_copy(json_loose(actual));
    bool all = json_array_size(actual) == json_array_size(desired);
    const json_t *element;
    size_t i;

    json_array_foreach (desired, i, element) {
        size_t k = 0;

        while (all && k < json_array_size(left) && !has_all(json_array_get(left, k), element))
            k++;
        if (k == json_array_size(left))
            all = false;
        else if (all)
            (void)json_array_remove(left, k);
    }
    json_decref(left);
    return all;
}

/* Letter case of values does not matter: tables have their own. */
static bool has_all(const json_t *actual, const json_t *desired)
{
    char a[32], b[32];
    void *iter;

    if (json_is_array(desired))
        return json_is_array(actual) && array_has_all(actual, desired);
    if (!json_is_object(desired))
        return !json_is_array(actual) && !json_is_object(actual) && actual &&
               strcasecmp(scalar_text(actual, a), scalar_text(desired, b)) == 0;
    iter = json_object_iter(json_loose(desired));
    for (; iter; iter = json_object_iter_next(json_loose(desired), iter)) {
        if (!has_all(
                json_object_get(actual, json_object_iter_key(iter)), json_object_iter_value(iter)))
            return false;
    }
    return json_is_object(actual);
}

/* Same, where desired may have references; one that nothing is known of is a difference. */
static bool is_as_desired(
    const struct planner *planner, const json_t *actual, const json_t *desired)
{
    json_t *resolved = manifest_resolve(desired, planner->ids, NULL);
    bool same = resolved && has_all(actual, resolved);

    json_decref(resolved);
    return same;
}

/* What the answers about a kind can say. */
static const struct openapi_field *shown_fields(const struct manifest_kind *kind)
{
    const struct openapi_operation *op =
        manifest_operation(kind, kind->get ? kind->get : kind->list);
    const struct openapi_field *field = &op->out;

    if (kind->get)
        return field;
    field = openapi_field_find(field, span_of(kind->list_member));
    assert(field);
    return field->is_list ? field : &field->fields[0];
}

/* --- steps --------------------------------------------------------------------------------- */

static int fail(struct planner *planner, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int fail(struct planner *planner, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(planner->error, MANIFEST_ERROR_MAX, fmt, args);
    va_end(args);
    return -EINVAL;
}

/* A step about item; in and changes (may be NULL) are stolen. */
static json_t *add_step(json_t *steps, const char *verb, const json_t *item,
    const struct openapi_operation *op, json_t *in, json_t *changes)
{
    const struct manifest_kind *kind = kind_of(item);
    json_t *step =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "verb", verb, "path", text_of(item, "path"),
            "noun", kind->noun, "product", kind->product, "op", op->name, "in", in);

    (void)json_object_set_new(step, "changes", changes ? changes : json_array());
    (void)json_array_append_new(steps, step);
    return step;
}

static json_t *context_of(const struct planner *planner, const struct openapi_operation *op,
    const json_t *item, bool with_own)
{
    json_t *in = json_object();

    manifest_context(in, op, item, planner->parents, planner->n_parents, with_own);
    return in;
}

static void add_change(json_t *changes, const char *name, const json_t *from, const json_t *to)
{
    char *before = from ? json_dumps(from, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    char *after = json_dumps(to, JSON_COMPACT | JSON_ENCODE_ANY);
    struct text text;

    text_init(&text, SIZE_MAX);
    text_addf(&text, "%s: %s -> %s", name, before ? before : "(none)", after ? after : "");
    (void)json_array_append_new(changes, json_stringn(text.ptr, text.len));
    text_done(&text);
    free(before);
    free(after);
}

/* --- servers ------------------------------------------------------------------------------- */

static bool is_same_server(const json_t *a, const json_t *b)
{
    char left[32], right[32];

    return strcmp(text_of(a, "ServerId"), text_of(b, "ServerId")) == 0 &&
           strcmp(scalar_text(json_object_get(a, "Port"), left),
               scalar_text(json_object_get(b, "Port"), right)) == 0;
}

static const json_t *find_server(const json_t *servers, const json_t *server)
{
    const json_t *candidate;
    size_t i;

    json_array_foreach (servers, i, candidate) {
        if (is_same_server(candidate, server))
            return candidate;
    }
    return NULL;
}

/* The members of server that op can take. */
static json_t *server_for(
    const struct openapi_operation *op, const char *member, const json_t *server)
{
    const struct openapi_field *field = openapi_field_find(&op->in, span_of(member));
    json_t *copy = json_object();

    for (uint32_t i = 0; field && i < field->n_fields; i++) {
        json_t *value = json_object_get(server, field->fields[i].name);

        if (value && !(json_is_string(value) && json_string_length(value) == 0))
            (void)json_object_set(copy, field->fields[i].name, value);
    }
    return copy;
}

/* Servers go in groups of this size: what one request may have differs, and this always fits. */
#define SERVERS_PER_STEP 20u

static void add_server_steps(struct planner *planner, json_t *steps, const char *verb,
    const json_t *item, const char *operation, const json_t *servers)
{
    const struct manifest_kind *kind = kind_of(item);
    const struct openapi_operation *op = manifest_operation(kind, operation);

    for (size_t at = 0; at < json_array_size(servers); at += SERVERS_PER_STEP) {
        json_t *in = context_of(planner, op, item, true);
        json_t *changes = json_array();
        json_t *list = json_array();

        for (size_t i = at; i < MIN(at + SERVERS_PER_STEP, json_array_size(servers)); i++) {
            const json_t *server = json_array_get(servers, i);
            char port[32];
            struct text text;

            (void)json_array_append_new(list, server_for(op, kind->servers.member, server));
            text_init(&text, SIZE_MAX);
            text_addf(&text, "%s:%s", text_of(server, "ServerId"),
                scalar_text(json_object_get(server, "Port"), port));
            (void)json_array_append_new(changes, json_stringn(text.ptr, text.len));
            text_done(&text);
        }
        (void)json_object_set_new(in, kind->servers.member, list);
        (void)add_step(steps, verb, item, op, in, changes);
    }
}

static void plan_servers(struct planner *planner, const json_t *item, const json_t *actual)
{
    const struct manifest_kind *kind = kind_of(item);
    const json_t *desired = json_object_get(item, "servers");
    const json_t *there = json_object_get(actual, "servers");
    json_t *to_add = json_array(), *to_update = json_array(), *to_remove = json_array();
    const json_t *server;
    size_t i;

    json_array_foreach (desired, i, server) {
        const json_t *before = find_server(there, server);

        if (!before)
            (void)json_array_append(to_add, json_loose(server));
        else if (!is_as_desired(planner, before, server))
            (void)json_array_append(to_update, json_loose(server));
    }
    json_array_foreach (there, i, server) {
        if (desired && planner->prune && !find_server(desired, server))
            (void)json_array_append(to_remove, json_loose(server));
    }
    add_server_steps(planner, planner->steps, "add servers to", item, kind->servers.add, to_add);
    add_server_steps(
        planner, planner->steps, "change servers of", item, kind->servers.update, to_update);
    add_server_steps(
        planner, planner->steps, "remove servers from", item, kind->servers.remove, to_remove);
    json_decref(to_add);
    json_decref(to_update);
    json_decref(to_remove);
}

/* --- one resource -------------------------------------------------------------------------- */

static void plan_create(struct planner *planner, const json_t *item)
{
    const struct manifest_kind *kind = kind_of(item);
    const struct openapi_operation *op = manifest_operation(kind, kind->create);
    json_t *body = json_deep_copy(json_object_get(item, "body"));
    json_t *in = kind->wrap ? json_pack("{s:[o]}", kind->wrap, body) : body;
    json_t *step;

    manifest_context(in, op, item, planner->parents, planner->n_parents, false);
    step = add_step(planner->steps, "create", item, op, in, NULL);
    (void)json_object_set_new(step, "id", json_string(kind->id));
    if (!kind->start)
        return;
    op = manifest_operation(kind, kind->start);
    (void)add_step(planner->steps, "start", item, op, context_of(planner, op, item, true), NULL);
}

static bool is_key(const struct manifest_kind *kind, const char *name)
{
    return strcmp(kind->keys[0], name) == 0 || (kind->keys[1] && strcmp(kind->keys[1], name) == 0);
}

/* What differs, of what answers show. */
static json_t *find_changes(const struct planner *planner, const json_t *item, const json_t *actual)
{
    const struct manifest_kind *kind = kind_of(item);
    const struct openapi_field *shown = shown_fields(kind);
    const json_t *before = json_object_get(actual, "body");
    const json_t *body = json_object_get(item, "body");
    void *iter = json_object_iter(json_loose(body));
    json_t *changes = json_object();

    for (; iter; iter = json_object_iter_next(json_loose(body), iter)) {
        const char *name = json_object_iter_key(iter);
        json_t *desired = json_object_iter_value(iter);

        if (is_key(kind, name) || json_is_null(desired) ||
            !openapi_field_find(shown, span_of(name)))
            continue;
        if (!is_as_desired(planner, json_object_get(before, name), desired))
            (void)json_object_set(changes, name, desired);
    }
    return changes;
}

/* All that update takes, not only what differs: some values only go together. */
static json_t *update_parameters(
    struct planner *planner, const json_t *item, const struct openapi_operation *op)
{
    const json_t *body = json_object_get(item, "body");
    void *iter = json_object_iter(json_loose(body));
    json_t *in = context_of(planner, op, item, true);

    for (; iter; iter = json_object_iter_next(json_loose(body), iter)) {
        if (openapi_field_find(&op->in, span_of(json_object_iter_key(iter))))
            (void)json_object_set(in, json_object_iter_key(iter), json_object_iter_value(iter));
    }
    return in;
}

static int plan_update(struct planner *planner, const json_t *item, const json_t *actual)
{
    const struct manifest_kind *kind = kind_of(item);
    const struct openapi_operation *op =
        kind->update ? manifest_operation(kind, kind->update) : NULL;
    json_t *changes = find_changes(planner, item, actual);
    void *iter = json_object_iter(changes);
    json_t *texts = json_array();
    int r = 0;

    for (; r == 0 && iter; iter = json_object_iter_next(changes, iter)) {
        const char *name = json_object_iter_key(iter);

        if (!op || !openapi_field_find(&op->in, span_of(name)))
            r = fail(planner,
                "%s: %s cannot be changed by apply once the %s is there; delete it first, or use another name",
                text_of(item, "path"), name, kind->noun);
        else
            add_change(texts, name, json_object_get(json_object_get(actual, "body"), name),
                json_object_iter_value(iter));
    }
    if (r == 0 && json_array_size(texts) > 0)
        (void)add_step(planner->steps, "update", item, op, update_parameters(planner, item, op),
            json_incref(texts));
    json_decref(texts);
    json_decref(changes);
    return r;
}

static void plan_remove(struct planner *planner, const json_t *actual)
{
    const struct manifest_kind *kind = kind_of(actual);
    const struct openapi_operation *op = manifest_operation(kind, kind->remove);

    (void)add_step(
        planner->removals, "delete", actual, op, context_of(planner, op, actual, true), NULL);
}

/* --- all ----------------------------------------------------------------------------------- */

/* Of the same path. */
static const json_t *find_item(const json_t *among, const json_t *wanted)
{
    const json_t *item;
    size_t i;

    json_array_foreach (among, i, item) {
        if (strcmp(text_of(item, "path"), text_of(wanted, "path")) == 0)
            return item;
    }
    return NULL;
}

static int plan_items(struct planner *planner, const json_t *desired, const json_t *actual);

static int plan_item(struct planner *planner, const json_t *item, const json_t *actual)
{
    int r = 0;

    if (actual)
        r = plan_update(planner, item, actual);
    else
        plan_create(planner, item);
    if (r < 0)
        return r;
    if (kind_of(item)->servers.member)
        plan_servers(planner, item, actual);
    planner->parents[planner->n_parents++] = item;
    r = plan_items(planner, json_object_get(item, "items"), json_object_get(actual, "items"));
    planner->n_parents--;
    return r;
}

/* Siblings, by kind: what others refer to comes first in the table. */
static int plan_items(struct planner *planner, const json_t *desired, const json_t *actual)
{
    const json_t *item;
    size_t i;

    for (unsigned kind = 0; kind < n_manifest_kinds; kind++) {
        json_array_foreach (desired, i, item) {
            int r;

            if (json_integer_value(json_object_get(item, "kind")) != (json_int_t)kind)
                continue;
            r = plan_item(planner, item, find_item(actual, item));
            if (r < 0)
                return r;
        }
        json_array_foreach (actual, i, item) {
            if (planner->prune &&
                json_integer_value(json_object_get(item, "kind")) == (json_int_t)kind &&
                !find_item(desired, item))
                plan_remove(planner, item);
        }
    }
    return 0;
}

/* References lead to what is there or what the steps make. */
static int check_references(struct planner *planner)
{
    json_t *known = json_copy(json_loose(planner->ids));
    const char *missing = NULL;
    const json_t *step;
    size_t i;
    int r = 0;

    json_array_foreach (planner->steps, i, step) {
        json_t *resolved = manifest_resolve(json_object_get(step, "in"), known, &missing);

        if (!resolved) {
            r = fail(planner, "%s refers to %s, which is neither in the manifest nor there",
                text_of(step, "path"), missing);
            break;
        }
        json_decref(resolved);
        if (json_object_get(step, "id"))
            (void)json_object_set_new(known, text_of(step, "path"), json_string("new"));
    }
    json_decref(known);
    return r;
}

int manifest_plan(const json_t *desired, const json_t *actual, const json_t *ids, bool prune,
    json_t **ret_steps, char error[MANIFEST_ERROR_MAX])
{
    struct planner planner = {
        .ids = ids, .steps = json_array(), .removals = json_array(), .prune = prune};
    int r;

    planner.error = error;
    r = plan_items(&planner, desired, actual);
    if (r == 0)
        r = check_references(&planner);
    for (size_t i = json_array_size(planner.removals); i > 0; i--)
        (void)json_array_append(planner.steps, json_array_get(planner.removals, i - 1));
    json_decref(planner.removals);
    if (r < 0) {
        json_decref(planner.steps);
        return r;
    }
    *ret_steps = planner.steps;
    return 0;
}
