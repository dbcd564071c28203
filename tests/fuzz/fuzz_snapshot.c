/* Changes of any content: each is taken whole or refused with an error, and what is in force always reads back to
 * the same.
 *
 * Input: changes separated by zero bytes; one that begins with '!' is a complete set. Old snapshots are held for a
 * while, as workers do. */
#include "snapshot/snapshot.h"

#define HELD 3u

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(const struct builder *builder, struct text *out)
{
    text_init(out, SNAPSHOT_JSON_MAX);
    builder_encode(builder, out);
    assert(!text_failed(out));
}

/* What is in force, read into an empty builder, gives the same text and, into itself, changes nothing. */
static void check_encoding(struct builder *builder)
{
    struct builder *other = builder_new();
    struct candidate *candidate = NULL;
    struct errors errors;
    struct text text, again;
    int r;

    errors_init(&errors, 5);
    encode(builder, &text);
    r = builder_prepare(builder, text_span(&text), true, &errors, &candidate);
    assert(r == 0 && candidate->n_items == 0 && candidate->n_listeners == 0);
    builder_abandon(builder, candidate);

    r = builder_prepare(other, text_span(&text), true, &errors, &candidate);
    assert(r == 0);
    builder_commit(other, candidate);
    encode(other, &again);
    assert(span_eq(text_span(&text), text_span(&again)));

    text_done(&text);
    text_done(&again);
    errors_done(&errors);
    builder_free(other);
}

static void apply(struct builder *builder, struct span json)
{
    const struct snapshot *before = builder_current(builder);
    bool whole = json.len > 0 && json.ptr[0] == '!';
    struct candidate *candidate = NULL;
    struct errors errors;

    errors_init(&errors, 5);
    if (builder_prepare(builder, whole ? span_from(json, 1) : json, whole, &errors, &candidate) <
        0) {
        assert(errors.n > 0 && !candidate && builder_current(builder) == before);
        errors_done(&errors);
        return;
    }
    assert(errors.n == 0 && builder_current(builder) == before);
    for (uint32_t i = 0; i < candidate->n_listeners; i++) {
        const struct rule_conf **rules;
        uint32_t n = candidate_rules(builder, candidate, candidate->listeners[i], &rules);

        for (uint32_t k = 0; k < n; k++)
            assert(rules[k]->listener.slot == candidate->listeners[i]);
        candidate_set_ruleset(candidate, candidate->listeners[i], base_alloc(1), free);
    }
    if (json.len % 7 == 0) {
        builder_abandon(builder, candidate);
        return;
    }
    builder_commit(builder, candidate);
    check_encoding(builder);
}

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size};
    struct builder *builder = builder_new();
    struct snapshot *held[HELD] = {0};

    for (uint32_t i = 0; rest.len > 0; i = (i + 1) % HELD) {
        size_t len = span_find(rest, '\0');

        builder_unref(builder, held[i]);
        held[i] = snapshot_ref(builder_current(builder));
        apply(builder, (struct span){rest.ptr, len});
        rest = span_from(rest, len < rest.len ? len + 1 : len);
    }
    for (uint32_t i = 0; i < HELD; i++)
        builder_unref(builder, held[i]);
    builder_free(builder);
    return 0;
}
