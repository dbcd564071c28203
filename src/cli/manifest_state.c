/* What is on a node of the kinds that a manifest has. */
#include "cli/manifest_state.h"

#define DEPTH_MAX 4u

struct state {
    const struct client *client;
    json_t *ids;
    const json_t *parents[DEPTH_MAX];
    unsigned n_parents;
};

static const struct manifest_kind *kind_of(const json_t *item)
{
    return &manifest_kinds[json_integer_value(json_object_get(item, "kind"))];
}

static const char *path_of(const json_t *item)
{
    return json_string_value(json_object_get(item, "path"));
}

/* The parameters of op about item, its references resolved. */
static json_t *parameters(const struct state *state, const struct openapi_operation *op,
    const json_t *item, bool with_own)
{
    json_t *in = json_object();
    json_t *resolved;

    manifest_context(in, op, item, state->parents, state->n_parents, with_own);
    resolved = manifest_resolve(in, state->ids, NULL);
    json_decref(in);
    assert(resolved);
    return resolved;
}

/* Past the structure that wraps a list. */
static const json_t *unwrap(const json_t *value)
{
    return json_is_object(value) ? json_object_iter_value(json_object_iter(json_loose(value)))
                                 : value;
}

static int read_servers(const struct state *state, json_t *item)
{
    const struct manifest_kind *kind = kind_of(item);
    json_t *servers = NULL;
    json_t *in;
    int status;

    if (!kind->servers.list) {
        const json_t *shown =
            unwrap(json_object_get(json_object_get(item, "body"), kind->servers.member));

        if (json_is_array(shown))
            (void)json_object_set(item, "servers", json_loose(shown));
        return CLI_OK;
    }
    in = parameters(state, manifest_operation(kind, kind->servers.list), item, true);
    status = client_list(
        state->client, kind->product, kind->servers.list, kind->servers.list_member, in, &servers);
    json_decref(in);
    if (status == CLI_OK)
        (void)json_object_set_new(item, "servers", servers);
    return status;
}

static int read_body(const struct state *state, json_t *item)
{
    const struct manifest_kind *kind = kind_of(item);
    json_t *body = NULL;
    int status = CLI_OK;

    if (kind->get) {
        json_t *in = parameters(state, manifest_operation(kind, kind->get), item, true);

        status = client_ask(state->client, kind->product, kind->get, in, &body);
        json_decref(in);
        if (status == CLI_OK)
            (void)json_object_set_new(item, "body", body);
    }
    if (status == CLI_OK && kind->servers.member)
        status = read_servers(state, item);
    return status;
}

static int read_siblings(
    struct state *state, unsigned number, const json_t *desired, json_t *actual);

static const json_t *find_item(const json_t *items, const char *path)
{
    const json_t *item;
    size_t i;

    json_array_foreach (items, i, item) {
        if (strcmp(path_of(item), path) == 0)
            return item;
    }
    return NULL;
}

/* All that the manifest can say about one of the node's. */
static int read_whole(struct state *state, json_t *item, const json_t *desired)
{
    json_t *items = json_array();
    int status = read_body(state, item);

    (void)json_object_set_new(item, "items", items);
    state->parents[state->n_parents++] = item;
    for (unsigned i = 0; status == CLI_OK && i < n_manifest_kinds; i++) {
        if (manifest_kinds[i].parent == json_integer_value(json_object_get(item, "kind")))
            status = read_siblings(state, i, json_object_get(desired, "items"), items);
    }
    state->n_parents--;
    return status;
}

static int add_item(struct state *state, unsigned number, const json_t *shown,
    const json_t *desired, json_t *actual)
{
    const struct manifest_kind *kind = &manifest_kinds[number];
    const char *above =
        state->n_parents > 0 ? path_of(state->parents[state->n_parents - 1]) : kind->folder;
    char key[MANIFEST_KEY_MAX];
    const json_t *wanted;
    struct text path;
    json_t *item;
    int status = CLI_OK;

    manifest_key(kind, shown, key);
    text_init(&path, SIZE_MAX);
    text_addf(&path, "%s/%s/%s", above, kind->word, key);
    item = json_pack("{s:i, s:s, s:s#, s:O}", "kind", (int)number, "key", key, "path", path.ptr,
        (int)path.len, "body", shown);
    text_done(&path);
    wanted = find_item(desired, path_of(item));
    if (wanted && json_object_get(state->ids, path_of(item)))
        status = cli_fail(CLI_REFUSED, "there are two of %s; give one another name", path_of(item));
    (void)json_object_set(state->ids, path_of(item), json_object_get(shown, kind->id));
    (void)json_array_append_new(actual, item);
    if (status == CLI_OK && wanted)
        status = read_whole(state, item, wanted);
    return status;
}

/* Those of one kind, below the last of parents. */
static int read_siblings(
    struct state *state, unsigned number, const json_t *desired, json_t *actual)
{
    const struct manifest_kind *kind = &manifest_kinds[number];
    json_t *in = json_object();
    json_t *resolved, *list = NULL;
    const json_t *shown;
    size_t i;
    int status;

    if (state->n_parents > 0) {
        const struct openapi_operation *op = manifest_operation(kind, kind->list);

        if (kind->constant[0] && openapi_field_find(&op->in, span_of(kind->constant[0])))
            (void)json_object_set_new(in, kind->constant[0], json_string(kind->constant[1]));
        manifest_context(in, op, state->parents[state->n_parents - 1], state->parents,
            state->n_parents - 1, true);
    }
    resolved = manifest_resolve(in, state->ids, NULL);
    json_decref(in);
    status =
        client_list(state->client, kind->product, kind->list, kind->list_member, resolved, &list);
    json_decref(resolved);
    if (status != CLI_OK)
        return status;
    json_array_foreach (list, i, shown) {
        status = add_item(state, number, shown, desired, actual);
        if (status != CLI_OK)
            break;
    }
    json_decref(list);
    return status;
}

static bool has_kind(const json_t *items, unsigned number)
{
    const json_t *item;
    size_t i;

    json_array_foreach (items, i, item) {
        if (json_integer_value(json_object_get(item, "kind")) == (json_int_t)number)
            return true;
    }
    return false;
}

/* References may lead to groups that the manifest does not have. */
static bool is_needed(const json_t *desired, unsigned number)
{
    const struct manifest_kind *kind = &manifest_kinds[number];

    if (kind->parent >= 0)
        return false;
    for (unsigned i = 0; i < n_manifest_kinds; i++) {
        if (manifest_kinds[i].parent < 0 && strcmp(manifest_kinds[i].folder, kind->folder) == 0 &&
            has_kind(desired, i))
            return true;
    }
    return false;
}

int manifest_state(
    const struct client *client, const json_t *desired, json_t **ret_actual, json_t **ret_ids)
{
    struct state state = {.client = client, .ids = json_object()};
    json_t *actual = json_array();
    int status = CLI_OK;

    for (unsigned i = 0; status == CLI_OK && i < n_manifest_kinds; i++) {
        json_t *items = has_kind(desired, i) ? actual : json_array();

        if (is_needed(desired, i))
            status = read_siblings(&state, i, desired, items);
        if (items != actual)
            json_decref(items);
    }
    if (status != CLI_OK) {
        json_decref(actual);
        json_decref(state.ids);
        return status;
    }
    *ret_actual = actual;
    *ret_ids = state.ids;
    return CLI_OK;
}
