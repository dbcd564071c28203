/* From the text of a manifest to items whose references are paths. */
#include <stdarg.h>

#include "cli/manifest.h"
#include "cli/names.h"

#define PATH_MAX_LEN 1000u
#define DEPTH_MAX    4u

struct loader {
    char *error; /* MANIFEST_ERROR_MAX */
    const json_t *parents[DEPTH_MAX];
    unsigned n_parents;
};

static int fail(struct loader *loader, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int fail(struct loader *loader, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(loader->error, MANIFEST_ERROR_MAX, fmt, args);
    va_end(args);
    return -EINVAL;
}

static const char *path_of(const json_t *item)
{
    return json_string_value(json_object_get(item, "path"));
}

/* --- references ---------------------------------------------------------------------------- */

/* "@web" as the path of the server group called web. */
static json_t *make_reference(const struct manifest_kind *kind, const char *path, const char *name)
{
    const char *rest = path;
    char text[PATH_MAX_LEN + MANIFEST_KEY_MAX];

    if (strcmp(kind->folder, "clb") != 0) {
        (void)snprintf(text, sizeof(text), "@/%s/server_groups/%s", kind->folder, name);
        return json_string(text);
    }
    /* clb/load_balancers/NAME */
    for (unsigned i = 0; rest && i < 2; i++)
        rest = strchr(rest, '/') ? strchr(rest, '/') + 1 : NULL;
    (void)snprintf(text, sizeof(text), "@/%.*s/vserver_groups/%s",
        rest ? (int)(rest - path + (ptrdiff_t)strcspn(rest, "/")) : 0, path, name);
    return json_string(text);
}

static json_t *with_references(
    const struct manifest_kind *kind, const char *path, const json_t *value);

static json_t *object_with_references(
    const struct manifest_kind *kind, const char *path, const json_t *value)
{
    void *iter = json_object_iter(json_loose(value));
    json_t *copy = json_object();

    for (; iter; iter = json_object_iter_next(json_loose(value), iter))
        (void)json_object_set_new(copy, json_object_iter_key(iter),
            with_references(kind, path, json_object_iter_value(iter)));
    return copy;
}

static json_t *with_references(
    const struct manifest_kind *kind, const char *path, const json_t *value)
{
    const char *text = json_string_value(value);
    const json_t *element;
    json_t *copy;
    size_t i;

    if (text && text[0] == '@')
        return text[1] == '@' ? json_string(text + 1) : make_reference(kind, path, text + 1);
    if (json_is_object(value))
        return object_with_references(kind, path, value);
    if (!json_is_array(value))
        return json_deep_copy(value);
    copy = json_array();
    json_array_foreach (value, i, element)
        (void)json_array_append_new(copy, with_references(kind, path, element));
    return copy;
}

/* --- checks -------------------------------------------------------------------------------- */

/* What create would be given, against its table. */
static int check_item(struct loader *loader, const struct manifest_kind *kind, const json_t *item)
{
    const struct openapi_operation *op = manifest_operation(kind, kind->create);
    const json_t *servers = json_object_get(item, "servers");
    json_t *body = json_deep_copy(json_object_get(item, "body"));
    struct params_error error;
    json_t *in, *checked = NULL;
    int r;

    if (servers && openapi_field_find(&op->in, span_of(kind->servers.member)))
        (void)json_object_set(body, kind->servers.member, json_loose(servers));
    in = kind->wrap ? json_pack("{s:[o]}", kind->wrap, body) : body;
    manifest_context(in, op, item, loader->parents, loader->n_parents, false);
    r = params_check(op, in, &checked, &error);
    if (r < 0)
        r = fail(loader, "%s: %s", path_of(item), error.message);
    json_decref(in);
    json_decref(checked);
    if (r < 0 || !servers)
        return r;
    op = manifest_operation(kind, kind->servers.add);
    in = json_object();
    (void)json_object_set(in, kind->servers.member, json_loose(servers));
    manifest_context(in, op, item, loader->parents, loader->n_parents, true);
    if (json_array_size(servers) > 0 && params_check(op, in, &checked, &error) < 0)
        r = fail(loader, "%s: %s", path_of(item), error.message);
    else if (json_array_size(servers) > 0)
        json_decref(checked);
    json_decref(in);
    return r;
}

/* --- items --------------------------------------------------------------------------------- */

static int load_children(struct loader *loader, int parent, const json_t *given, json_t *items);

static bool is_child_word(int kind, const char *word)
{
    for (unsigned i = 0; i < n_manifest_kinds; i++) {
        if (manifest_kinds[i].parent == kind && strcmp(manifest_kinds[i].word, word) == 0)
            return true;
    }
    return false;
}

/* The parameters, without the kinds that belong to it and without its servers. */
static json_t *take_body(int number, const char *path, const json_t *given, json_t *item)
{
    const struct manifest_kind *kind = &manifest_kinds[number];
    void *iter = json_object_iter(json_loose(given));
    json_t *body = json_object();

    for (; iter; iter = json_object_iter_next(json_loose(given), iter)) {
        const char *name = json_object_iter_key(iter);
        json_t *value;

        if (is_child_word(number, name))
            continue;
        value = with_references(kind, path, json_object_iter_value(iter));
        if (kind->servers.member && strcmp(name, kind->servers.member) == 0)
            (void)json_object_set_new(item, "servers", value);
        else
            (void)json_object_set_new(body, name, value);
    }
    return body;
}

static int load_item(struct loader *loader, int number, const json_t *given, json_t *items)
{
    const struct manifest_kind *kind = &manifest_kinds[number];
    const char *above =
        loader->n_parents > 0 ? path_of(loader->parents[loader->n_parents - 1]) : kind->folder;
    char path[PATH_MAX_LEN], key[MANIFEST_KEY_MAX];
    const json_t *sibling;
    json_t *item, *children;
    size_t i;
    int r;

    if (!json_is_object(given))
        return fail(loader, "%s/%s: each must be a structure with parameters", above, kind->word);
    for (i = 0; i < ARRAY_LEN(kind->keys) && kind->keys[i]; i++) {
        if (!json_object_get(given, kind->keys[i]))
            return fail(loader, "%s/%s: each must have %s, which names it", above, kind->word,
                kind->keys[i]);
    }
    manifest_key(kind, given, key);
    if (snprintf(path, sizeof(path), "%s/%s/%s", above, kind->word, key) >= (int)sizeof(path))
        return fail(loader, "%s/%s: the name is too long", above, kind->word);
    json_array_foreach (items, i, sibling) {
        if (strcmp(path_of(sibling), path) == 0)
            return fail(loader, "%s is there twice", path);
    }
    item = json_pack("{s:i, s:s, s:s}", "kind", number, "key", key, "path", path);
    if (!item)
        return fail(loader, "%s/%s: a name that is not text", above, kind->word);
    (void)json_array_append_new(items, item);
    (void)json_object_set_new(item, "body", take_body(number, path, given, item));
    children = json_array();
    (void)json_object_set_new(item, "items", children);
    if (json_object_get(item, "servers") && !json_is_array(json_object_get(item, "servers")))
        return fail(loader, "%s: %s must be a list", path, kind->servers.member);
    r = check_item(loader, kind, item);
    if (r < 0)
        return r;
    loader->parents[loader->n_parents++] = item;
    r = load_children(loader, number, given, children);
    loader->n_parents--;
    return r;
}

/* The kinds below parent that given has, in the order of the table. */
static int load_children(struct loader *loader, int parent, const json_t *given, json_t *items)
{
    for (unsigned i = 0; i < n_manifest_kinds; i++) {
        const json_t *list = json_object_get(given, manifest_kinds[i].word);
        const json_t *element;
        size_t k;

        if (manifest_kinds[i].parent != parent || !list || json_is_null(list))
            continue;
        if (!json_is_array(list))
            return fail(loader, "%s must be a list", manifest_kinds[i].word);
        json_array_foreach (list, k, element) {
            int r = load_item(loader, (int)i, element, items);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* The kinds of one product, at the top. */
static int load_folder(
    struct loader *loader, const char *folder, const json_t *given, json_t *items)
{
    void *iter = json_object_iter(json_loose(given));
    bool is_product = false;

    if (!json_is_object(given))
        return fail(loader, "%s must have kinds of resources", folder);
    for (; iter; iter = json_object_iter_next(json_loose(given), iter)) {
        const json_t *list = json_object_iter_value(iter);
        const json_t *element;
        unsigned kind = 0;
        size_t i;

        while (
            kind < n_manifest_kinds &&
            (manifest_kinds[kind].parent >= 0 || strcmp(manifest_kinds[kind].folder, folder) != 0 ||
                strcmp(manifest_kinds[kind].word, json_object_iter_key(iter)) != 0))
            kind++;
        if (kind == n_manifest_kinds)
            return fail(loader,
                "%s has no %s; a manifest has server_groups and load_balancers in alb and "
                "nlb, load_balancers in clb",
                folder, json_object_iter_key(iter));
        is_product = true;
        if (!json_is_array(list))
            return fail(loader, "%s/%s must be a list", folder, json_object_iter_key(iter));
        json_array_foreach (list, i, element) {
            int r = load_item(loader, (int)kind, element, items);

            if (r < 0)
                return r;
        }
    }
    return is_product ? 0 : fail(loader, "%s is empty", folder);
}

int manifest_items(const json_t *manifest, json_t **ret_items, char error[MANIFEST_ERROR_MAX])
{
    static const char *const folders[] = {"alb", "nlb", "clb"};
    struct loader loader = {.n_parents = 0};
    json_t *items = json_array();
    size_t n_found = 0;
    int r = 0;

    loader.error = error;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(folders); i++) {
        const json_t *folder = json_object_get(manifest, folders[i]);

        if (!folder)
            continue;
        n_found++;
        r = load_folder(&loader, folders[i], folder, items);
    }
    if (r == 0 && (n_found == 0 || n_found != json_object_size(manifest)))
        r = fail(&loader, "a manifest is a structure with alb, nlb or clb in it, and nothing else");
    if (r < 0) {
        json_decref(items);
        return r;
    }
    *ret_items = items;
    return 0;
}
