/* From a host and a path to the few rules that can match.
 *
 * Every host value is a bucket, found by hashing the whole host or its ends from a dot on. In a bucket
 * the path values are grouped by the literal they begin with; all of that is one hash table over (bucket,
 * literal). A request hashes its path once, byte by byte, and looks in at the lengths that the bucket's
 * literals have. The keys of these tables come from configuration and lookups never insert, so that a
 * peer cannot make chains grow: a plain hash is enough.
 */
#include "rules/ruleset.h"

#define HASH_START 0xcbf29ce484222325u
#define HASH_PRIME 0x100000001b3u

/* A host has at most one suffix per dot, and there are no more lengths than this. */
#define WALK_BUCKETS_MAX (RULES_HOST_MAX + 2)
/* Rules with more combinations of host and path are indexed by host alone. */
#define COMBINATIONS_MAX 256u

static inline uint64_t hash_step(uint64_t hash, char c)
{
    return (hash ^ (uint8_t)c) * HASH_PRIME;
}

/* Multiplication moves differences upwards only: fold them back. */
static inline uint32_t hash_slot(uint64_t hash, uint32_t salt)
{
    hash = (hash ^ (uint64_t)salt << 32 ^ salt) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 32);
}

static void add_length(struct rules_lengths *set, size_t n)
{
    set->bits[n / 64] |= 1ull << (n % 64);
}

/* A power of two with at most half of its slots used. */
static uint32_t slots_for(uint32_t n)
{
    uint32_t slots = 4;

    while (slots < n * 2)
        slots *= 2;
    return slots;
}

/* --- hosts --- */

/* From the end, so that one pass gives the hash of every suffix. */
static uint64_t hash_host(struct span host)
{
    uint64_t hash = HASH_START;

    for (size_t i = host.len; i-- > 0;)
        hash = hash_step(hash, host.ptr[i]);
    return hash;
}

static struct rules_host *host_slot(
    const struct ruleset *ruleset, uint64_t hash, struct span text, enum rules_host_kind kind)
{
    uint32_t i = hash_slot(hash, kind) & ruleset->host_mask;

    while (ruleset->hosts[i].text.len > 0) {
        struct rules_host *host = &ruleset->hosts[i];

        if (host->kind == kind && span_eq(host->text, text))
            return host;
        i = (i + 1) & ruleset->host_mask;
    }
    return &ruleset->hosts[i];
}

/* Suffix buckets of a host, widest first; *ret_hash is that of the whole host if it is not too long. */
static uint32_t find_suffixes(
    const struct ruleset *ruleset, struct span host, uint32_t *buckets, uint64_t *ret_hash)
{
    size_t first = host.len > RULES_HOST_MAX ? host.len - RULES_HOST_MAX : 0;
    uint64_t hash = HASH_START;
    uint32_t n = 0;

    for (size_t i = host.len; i-- > first;) {
        struct span suffix = span_from(host, i);
        const struct rules_host *found;

        hash = hash_step(hash, host.ptr[i]);
        if (host.ptr[i] != '.' || !rules_has_length(&ruleset->suffixes, suffix.len))
            continue;
        found = host_slot(ruleset, hash, suffix, RULES_HOST_SUFFIX);
        if (found->text.len > 0)
            buckets[n++] = found->bucket;
    }
    *ret_hash = hash;
    return n;
}

/* The bucket of the whole host, or RULES_BUCKET_ANY. */
static uint32_t find_exact(const struct ruleset *ruleset, uint64_t hash, struct span host)
{
    if (host.len == 0 || host.len > RULES_HOST_MAX)
        return RULES_BUCKET_ANY;
    /* An empty slot has bucket 0. */
    return host_slot(ruleset, hash, host, RULES_HOST_EXACT)->bucket;
}

/* Smaller is narrower: exact hosts, then long patterns, then those that say more. */
static int compare_patterns(struct span a, struct span b)
{
    size_t n_a = 0, n_b = 0;

    for (size_t i = 0; i < a.len; i++)
        n_a += a.ptr[i] == '*' || a.ptr[i] == '?';
    for (size_t i = 0; i < b.len; i++)
        n_b += b.ptr[i] == '*' || b.ptr[i] == '?';
    if ((n_a == 0) != (n_b == 0))
        return n_a == 0 ? -1 : 1;
    if (a.len != b.len)
        return a.len > b.len ? -1 : 1;
    if (n_a != n_b)
        return n_a < n_b ? -1 : 1;
    return memcmp(a.ptr, b.ptr, a.len);
}

uint32_t rules_find_bucket(const struct ruleset *ruleset, struct span host)
{
    uint32_t suffixes[WALK_BUCKETS_MAX];
    uint32_t best, n;
    uint64_t hash;

    if (host.len == 0)
        return RULES_BUCKET_ANY;
    n = find_suffixes(ruleset, host, suffixes, &hash);
    best = find_exact(ruleset, hash, host);
    if (best != RULES_BUCKET_ANY)
        return best;
    if (n > 0)
        best = suffixes[n - 1];
    for (uint32_t i = 0; i < ruleset->n_patterns; i++) {
        const struct rules_host *pattern = &ruleset->patterns[i];

        if (best != RULES_BUCKET_ANY &&
            compare_patterns(ruleset->buckets[best].pattern, pattern->text) < 0)
            break;
        if (pattern_match(pattern->text, host))
            return pattern->bucket;
    }
    return best;
}

/* --- looking up --- */

static struct rules_node *node_slot(
    const struct ruleset *ruleset, uint64_t hash, uint32_t bucket, struct span literal)
{
    uint32_t i = hash_slot(hash, bucket) & ruleset->node_mask;

    while (ruleset->nodes[i].n > 0) {
        struct rules_node *node = &ruleset->nodes[i];

        if (node->bucket == bucket && node->len == literal.len &&
            memcmp(node->literal, literal.ptr, literal.len) == 0)
            return node;
        i = (i + 1) & ruleset->node_mask;
    }
    return &ruleset->nodes[i];
}

static uint32_t find_buckets(
    const struct ruleset *ruleset, struct span host, uint32_t *ret_buckets)
{
    uint32_t n = 0;
    uint64_t hash;

    if (ruleset->by_specificity) {
        ret_buckets[0] = rules_find_bucket(ruleset, host);
        return 1;
    }
    if (host.len > 0) {
        n = find_suffixes(ruleset, host, ret_buckets, &hash);
        ret_buckets[n] = find_exact(ruleset, hash, host);
        n += ret_buckets[n] != RULES_BUCKET_ANY;
    }
    ret_buckets[n++] = RULES_BUCKET_ANY;
    return n;
}

void rules_walk(const struct ruleset *ruleset, const struct rules_facts *facts,
    rules_visit_fn visit, void *arg)
{
    uint32_t buckets[WALK_BUCKETS_MAX];
    uint32_t n = find_buckets(ruleset, facts->host, buckets);
    struct span path = facts->no_path ? (struct span){0} : facts->path;
    uint64_t hash = HASH_START;
    size_t done = 0;

    for (size_t word = 0; word < 4; word++) {
        uint64_t bits = 0;

        for (uint32_t i = 0; i < n; i++)
            bits |= ruleset->buckets[buckets[i]].lengths.bits[word];
        for (; bits != 0; bits &= bits - 1) {
            size_t len = word * 64 + (size_t)__builtin_ctzll(bits);

            if (len > path.len)
                return;
            while (done < len)
                hash = hash_step(hash, path.ptr[done++]);
            for (uint32_t i = 0; i < n; i++) {
                const struct rules_node *node;

                if (!rules_has_length(&ruleset->buckets[buckets[i]].lengths, len))
                    continue;
                node = node_slot(ruleset, hash, buckets[i], (struct span){path.ptr, len});
                if (node->n > 0)
                    visit(arg, node);
            }
        }
    }
}

/* --- building --- */

/* An entry before its node is known. */
struct draft {
    struct rules_entry entry;
    struct span literal;
    uint32_t bucket;
};

struct builder_state {
    struct ruleset *ruleset;
    struct draft *drafts; /* owned */
    uint32_t n, cap;
};

static uint32_t add_bucket(struct ruleset *ruleset, struct span pattern)
{
    uint32_t bucket = ruleset->n_buckets++;

    ruleset->buckets[bucket].pattern = pattern;
    return bucket;
}

static enum rules_host_kind host_kind(const struct rules_value *value)
{
    struct span rest;

    if (value->exact)
        return value->text.len <= RULES_HOST_MAX ? RULES_HOST_EXACT : RULES_HOST_PATTERN;
    if (value->text.len < 3 || value->text.len > RULES_HOST_MAX || value->text.ptr[0] != '*' ||
        value->text.ptr[1] != '.')
        return RULES_HOST_PATTERN;
    rest = span_from(value->text, 1);
    if (span_find(rest, '*') < rest.len || span_find(rest, '?') < rest.len)
        return RULES_HOST_PATTERN;
    return RULES_HOST_SUFFIX;
}

/* Bucket of a host value; by priority, what cannot be hashed is checked for every host. */
static uint32_t bucket_of(
    struct ruleset *ruleset, const struct rules_value *host, bool *ret_check_host)
{
    enum rules_host_kind kind = host_kind(host);
    struct span text = kind == RULES_HOST_SUFFIX ? span_from(host->text, 1) : host->text;
    struct rules_host *slot;

    *ret_check_host = kind == RULES_HOST_PATTERN || text.len == 0;
    if (text.len == 0 || (kind == RULES_HOST_PATTERN && !ruleset->by_specificity))
        return RULES_BUCKET_ANY;
    slot = host_slot(ruleset, hash_host(text), text, kind);
    if (slot->text.len > 0)
        return slot->bucket;
    *slot = (struct rules_host){text, add_bucket(ruleset, host->text), kind};
    if (kind == RULES_HOST_SUFFIX)
        add_length(&ruleset->suffixes, text.len);
    if (kind == RULES_HOST_PATTERN)
        ruleset->patterns[ruleset->n_patterns++] = *slot;
    return slot->bucket;
}

static struct span literal_of(const struct rules_value *value)
{
    struct span literal = value->text;

    if (!value->prefix)
        literal.len = MIN(span_find(literal, '*'), span_find(literal, '?'));
    literal.len = MIN(literal.len, (size_t)RULES_LITERAL_MAX);
    return literal;
}

/* What all path values begin with. */
static struct span common_literal(const struct rules_condition *path)
{
    struct span common = literal_of(&path->values[0]);

    for (uint32_t i = 1; i < path->n; i++) {
        struct span other = literal_of(&path->values[i]);
        size_t n = 0;

        while (n < common.len && n < other.len && common.ptr[n] == other.ptr[n])
            n++;
        common.len = n;
    }
    return common;
}

static void add_draft(struct builder_state *state, struct draft draft)
{
    if (state->n == state->cap) {
        state->cap = state->cap > 0 ? state->cap * 2 : 64;
        state->drafts = base_realloc(state->drafts, state->cap * sizeof(*state->drafts));
    }
    state->drafts[state->n++] = draft;
}

/* The key of a rule by one of its path values (NULL: it has none). */
static uint64_t key_of(const struct ruleset *ruleset, uint32_t rule, const struct rules_value *path)
{
    uint64_t place = path ? path->place : UINT32_MAX - 1;

    return ruleset->by_specificity ? place << 32 | rule : rule;
}

static void draft_paths(struct builder_state *state, struct draft draft)
{
    const struct ruleset *ruleset = state->ruleset;
    const struct rules_rule *rule = &ruleset->rules[draft.entry.rule];
    uint32_t n_hosts = rule->host ? rule->host->n : 1;

    draft.entry.key = key_of(ruleset, draft.entry.rule, NULL);
    if (!rule->path) {
        add_draft(state, draft);
        return;
    }
    if ((uint64_t)rule->path->n * n_hosts > COMBINATIONS_MAX) {
        for (uint32_t i = 0; i < rule->path->n; i++)
            draft.entry.key = MIN(draft.entry.key,
                key_of(ruleset, draft.entry.rule, &rule->path->values[i]));
        draft.literal = common_literal(rule->path);
        add_draft(state, draft);
        return;
    }
    for (uint32_t i = 0; i < rule->path->n; i++) {
        draft.entry.value = &rule->path->values[i];
        draft.entry.key = key_of(ruleset, draft.entry.rule, draft.entry.value);
        draft.literal = literal_of(draft.entry.value);
        add_draft(state, draft);
    }
}

static void draft_rule(struct builder_state *state, uint32_t index)
{
    const struct rules_rule *rule = &state->ruleset->rules[index];

    if (!rule->host) {
        draft_paths(state, (struct draft){.entry.rule = index, .bucket = RULES_BUCKET_ANY});
        return;
    }
    for (uint32_t i = 0; i < rule->host->n; i++) {
        struct draft draft = {.entry.rule = index};

        draft.bucket = bucket_of(state->ruleset, &rule->host->values[i], &draft.entry.check_host);
        draft_paths(state, draft);
    }
}

static int compare_drafts(const void *a_ptr, const void *b_ptr)
{
    const struct draft *a = a_ptr, *b = b_ptr;
    int diff;

    if (a->bucket != b->bucket)
        return a->bucket < b->bucket ? -1 : 1;
    if (a->literal.len != b->literal.len)
        return a->literal.len < b->literal.len ? -1 : 1;
    diff = a->literal.len > 0 ? memcmp(a->literal.ptr, b->literal.ptr, a->literal.len) : 0;
    if (diff != 0)
        return diff;
    if (a->entry.key != b->entry.key)
        return a->entry.key < b->entry.key ? -1 : 1;
    return 0;
}

static void place_drafts(struct builder_state *state)
{
    struct ruleset *ruleset = state->ruleset;
    uint32_t n_slots = slots_for(state->n);

    ruleset->entries = arena_alloc(&ruleset->arena, state->n * sizeof(*ruleset->entries));
    ruleset->nodes = arena_zalloc(&ruleset->arena, n_slots * sizeof(*ruleset->nodes));
    ruleset->node_mask = n_slots - 1;
    for (uint32_t i = 0; i < state->n; i++) {
        const struct draft *draft = &state->drafts[i];
        uint64_t hash = HASH_START;
        struct rules_node *node;

        for (size_t k = 0; k < draft->literal.len; k++)
            hash = hash_step(hash, draft->literal.ptr[k]);
        node = node_slot(ruleset, hash, draft->bucket, draft->literal);
        if (node->n == 0) {
            *node = (struct rules_node){.literal = draft->literal.ptr,
                .len = (uint32_t)draft->literal.len,
                .bucket = draft->bucket,
                .first = ruleset->n_entries};
            add_length(&ruleset->buckets[draft->bucket].lengths, draft->literal.len);
        }
        node->n++;
        ruleset->entries[ruleset->n_entries++] = draft->entry;
    }
}

static int compare_hosts(const void *a_ptr, const void *b_ptr)
{
    const struct rules_host *a = a_ptr, *b = b_ptr;

    return compare_patterns(a->text, b->text);
}

void rules_index(struct ruleset *ruleset)
{
    struct builder_state state = {.ruleset = ruleset};
    uint32_t n_hosts = 0;
    uint32_t n_slots;

    for (uint32_t i = 0; i < ruleset->n_rules; i++)
        n_hosts += ruleset->rules[i].host ? ruleset->rules[i].host->n : 0;
    n_slots = slots_for(n_hosts);
    ruleset->hosts = arena_zalloc(&ruleset->arena, n_slots * sizeof(*ruleset->hosts));
    ruleset->host_mask = n_slots - 1;
    ruleset->buckets =
        arena_zalloc(&ruleset->arena, (n_hosts + 1) * sizeof(*ruleset->buckets));
    ruleset->n_buckets = 1;
    ruleset->patterns = arena_alloc(&ruleset->arena, n_hosts * sizeof(*ruleset->patterns));

    for (uint32_t i = 0; i < ruleset->n_rules; i++)
        draft_rule(&state, i);
    if (state.n > 0)
        qsort(state.drafts, state.n, sizeof(*state.drafts), compare_drafts);
    place_drafts(&state);
    if (ruleset->n_patterns > 0)
        qsort(ruleset->patterns, ruleset->n_patterns, sizeof(*ruleset->patterns), compare_hosts);
    free(state.drafts);
}
