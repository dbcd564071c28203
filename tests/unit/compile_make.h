/* A catalog with a compiler that listens to it; documents and resources are written with single quotes so that they
 * can be read. */
#pragma once

#include "control/compile/compile.h"
#include "control_make.h"
#include "snapshot_make.h"

struct world {
    struct store *store;
    struct catalog *catalog;
    struct compile *compile;
    struct node_conf node;
};

static inline struct world *world_new(void)
{
    struct world *world = base_zalloc(sizeof(*world));
    const char *why = NULL;

    assert_int_equal(make_dir_setup(NULL), 0);
    world->store = make_store();
    world->catalog = catalog_open(world->store, &why);
    assert_non_null(world->catalog);
    world->compile = compile_new(world->catalog, &world->node);
    catalog_subscribe(world->catalog, compile_changed, world->compile);
    return world;
}

static inline void world_free(struct world *world)
{
    compile_free(world->compile);
    catalog_free(world->catalog);
    store_close(world->store);
    assert_int_equal(make_dir_teardown(NULL), 0);
    free(world);
}

/* Of a key that is there twice the last one counts, so that a case may change what a macro gives. */
static inline json_t *world_json(const char *quoted)
{
    char *text = make_json(quoted);
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);

    if (!json)
        print_error("%s\nis not JSON: %s\n", quoted, error.text);
    assert_non_null(json);
    free(text);
    return json;
}

/* Puts a document in the place of what was there; body NULL: removes it. */
static inline void world_put(
    struct world *world, const char *kind, const char *id, const char *body)
{
    struct txn *txn = txn_begin(world->catalog);

    if (!body) {
        assert_true(txn_remove(txn, kind, id));
    } else if (txn_get(txn, kind, id)) {
        json_t *edited = txn_edit(txn, kind, id), *json = world_json(body);

        json_object_clear(edited);
        json_object_update(edited, json);
        json_decref(json);
    } else {
        assert_int_equal(txn_add(txn, kind, id, world_json(body)), 0);
    }
    assert_int_equal(txn_commit(txn, NULL, 0, NULL), 0);
}

/* Changes one member of a document; value is JSON with single quotes. */
static inline void world_set(
    struct world *world, const char *kind, const char *id, const char *member, const char *value)
{
    struct txn *txn = txn_begin(world->catalog);
    json_t *body = txn_edit(txn, kind, id);
    char array[2048];
    json_t *json;

    assert_non_null(body);
    (void)snprintf(array, sizeof(array), "[%s]", value);
    json = world_json(array);
    json_object_set(body, member, json_array_get(json, 0));
    json_decref(json);
    assert_int_equal(txn_commit(txn, NULL, 0, NULL), 0);
}

static inline void world_fail(const char *what, const json_t *wanted, const json_t *given)
{
    char *wanted_text = wanted ? json_dumps(wanted, JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
    char *given_text = given ? json_dumps(given, JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;

    print_error("%s must be\n  %s\nand is\n  %s\n", what, wanted_text ? wanted_text : "none",
        given_text ? given_text : "none");
    free(wanted_text);
    free(given_text);
    fail();
}

/* The resources that a diff gives must be these, in this order. */
static inline void world_expect_upserts(const struct compile_diff *diff, const char *quoted)
{
    json_t *expected = world_json(quoted);

    for (uint32_t i = 0; i < diff->n_upserts || i < json_array_size(expected); i++) {
        json_t *wanted = json_array_get(expected, i);
        json_t *given = i < diff->n_upserts ? diff->upserts[i]->json : NULL;

        if (!wanted || !given || !json_equal(wanted, given))
            world_fail("upsert", wanted, given);
    }
    json_decref(expected);
}

/* One of the upserts has these members, besides others. */
static inline void world_expect_members(
    const struct compile_diff *diff, const char *kind, const char *id, const char *quoted)
{
    json_t *expected = world_json(quoted), *given = NULL, *wanted;
    const char *name;

    for (uint32_t i = 0; i < diff->n_upserts && !given; i++) {
        if (strcmp(diff->upserts[i]->kind, kind) == 0 && strcmp(diff->upserts[i]->id, id) == 0)
            given = diff->upserts[i]->json;
    }
    assert_non_null(given);
    json_object_foreach (expected, name, wanted) {
        const json_t *member = json_object_get(given, name);

        if (!member || !json_equal(wanted, member))
            world_fail(name, wanted, member);
    }
    json_decref(expected);
}

/* "kind/id" of what a diff changes and removes: "+listener/l -rule/r". The caller frees. */
static inline char *world_diff_text(const struct compile_diff *diff)
{
    struct text text;

    text_init(&text, 1u << 20);
    for (uint32_t i = 0; i < diff->n_upserts; i++)
        text_addf(
            &text, "%s+%s/%s", text.len ? " " : "", diff->upserts[i]->kind, diff->upserts[i]->id);
    for (uint32_t i = 0; i < diff->n_removes; i++)
        text_addf(
            &text, "%s-%s/%s", text.len ? " " : "", diff->removes[i]->kind, diff->removes[i]->id);
    text_add_char(&text, '\0');
    return text.ptr;
}

/* Runs the compiler; what changes must be this. */
static inline void world_expect_diff(struct world *world, const char *expected)
{
    struct compile_diff diff;
    char *text;

    compile_run(world->compile, &diff);
    text = world_diff_text(&diff);
    assert_string_equal(text, expected);
    free(text);
    compile_diff_done(&diff);
}

/* What the data plane says of everything that is compiled: its errors, one per line, or "". The caller frees. */
static inline char *world_verdict(struct world *world)
{
    struct builder *builder = builder_new();
    struct candidate *candidate = NULL;
    json_t *list = json_array(), *change;
    struct compile_diff diff;
    struct errors errors;
    struct text text;
    char *json;

    compile_whole(world->compile, &diff);
    for (uint32_t i = 0; i < diff.n_upserts; i++)
        json_array_append(list, diff.upserts[i]->json);
    compile_diff_done(&diff);
    change = json_pack("{s:i, s:o}", "version", 1, "upsert", list);
    json = json_dumps(change, JSON_COMPACT);
    errors_init(&errors, 100);
    if (builder_prepare(builder, span_of(json), true, &errors, &candidate) == 0)
        builder_abandon(builder, candidate);
    text = make_error_text(&errors);
    text_add_char(&text, '\0');
    errors_done(&errors);
    json_decref(change);
    free(json);
    builder_free(builder);
    return text.ptr;
}

static inline void world_expect_verdict(struct world *world, const char *expected)
{
    char *text = world_verdict(world);

    assert_string_equal(text, expected);
    free(text);
}
