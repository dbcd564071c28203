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

    while (slots / 2 < n)
        slots *= 2;
    return slots;
}

/* Zeroed and at the beginning of a cache line, where an arena aligns to 8 only. */
static void *alloc_lines(struct arena *arena, size_t bytes)
{
    char *at = arena_zalloc(arena, bytes + CACHE_LINE);

    return at + (-(uintptr_t)at & (CACHE_LINE - 1));
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

/* What a bucket is hashed by. */
static struct span bucket_text(const struct rules_bucket *bucket)
{
    return bucket->kind == RULES_BUCKET_SUFFIX ? span_from(bucket->host, 1) : bucket->host;
}

/* The bucket of that text and kind, or the empty slot where it belongs. */
static uint32_t bucket_slot(
    const struct ruleset *ruleset, uint64_t hash, struct span text, enum rules_bucket_kind kind)
{
    uint32_t i = hash_slot(hash, kind) & ruleset->bucket_mask;

    for (;; i = (i + 1) & ruleset->bucket_mask) {
        const struct rules_bucket *bucket = &ruleset->buckets[i + 1];

        if (bucket->host.len == 0 || (bucket->kind == kind && span_eq(bucket_text(bucket), text)))
            return i + 1;
    }
}

/* RULES_BUCKET_ANY if there is none. */
static uint32_t find_bucket(
    const struct ruleset *ruleset, uint64_t hash, struct span text, enum rules_bucket_kind kind)
{
    uint32_t bucket = bucket_slot(ruleset, hash, text, kind);

    return ruleset->buckets[bucket].host.len > 0 ? bucket : RULES_BUCKET_ANY;
}

/* Suffix buckets of a host, widest first; *ret_hash is that of the whole host if it is not too long. */
static uint32_t find_suffixes(
    const struct ruleset *ruleset, struct span host, uint32_t *ret_buckets, uint64_t *ret_hash)
{
    size_t first = host.len > RULES_HOST_MAX ? host.len - RULES_HOST_MAX : 0;
    uint64_t hash = HASH_START;
    uint32_t n = 0;

    for (size_t i = host.len; i-- > first;) {
        hash = hash_step(hash, host.ptr[i]);
        if (host.ptr[i] != '.' || !rules_has_length(&ruleset->suffixes, host.len - i))
            continue;
        ret_buckets[n] = find_bucket(ruleset, hash, span_from(host, i), RULES_BUCKET_SUFFIX);
        n += ret_buckets[n] != RULES_BUCKET_ANY;
    }
    *ret_hash = hash;
    return n;
}

/* The bucket of the whole host, or RULES_BUCKET_ANY. */
static uint32_t find_exact(const struct ruleset *ruleset, uint64_t hash, struct span host)
{
    if (host.len > RULES_HOST_MAX)
        return RULES_BUCKET_ANY;
    return find_bucket(ruleset, hash, host, RULES_BUCKET_EXACT);
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
        const struct rules_bucket *pattern = ruleset->patterns[i];

        if (best != RULES_BUCKET_ANY &&
            compare_patterns(ruleset->buckets[best].host, pattern->host) < 0)
            break;
        if (pattern_match(pattern->host, host))
            return (uint32_t)(pattern - ruleset->buckets);
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

        if (node->hash == hash && node->bucket == bucket &&
            span_eq((struct span){node->literal, node->len}, literal))
            return node;
        i = (i + 1) & ruleset->node_mask;
    }
    return &ruleset->nodes[i];
}

static uint32_t find_buckets(const struct ruleset *ruleset, struct span host, uint32_t *ret_buckets)
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

/* Nodes of one literal length in several buckets. */
struct visit {
    const struct ruleset *ruleset;
    const uint32_t *buckets;
    uint32_t n_buckets;
    rules_visit_fn fn;
    void *arg;
};

static void visit_literal(const struct visit *visit, uint64_t hash, struct span literal)
{
    for (uint32_t i = 0; i < visit->n_buckets; i++) {
        const struct rules_bucket *bucket = &visit->ruleset->buckets[visit->buckets[i]];
        const struct rules_node *node;

        if (!rules_has_length(&bucket->lengths, literal.len))
            continue;
        node = node_slot(visit->ruleset, hash, visit->buckets[i], literal);
        if (node->n > 0)
            visit->fn(visit->arg, node);
    }
}

static struct rules_lengths all_lengths(const struct visit *visit)
{
    struct rules_lengths all = {{0}};

    for (uint32_t i = 0; i < visit->n_buckets; i++)
        for (size_t word = 0; word < ARRAY_LEN(all.bits); word++)
            all.bits[word] |= visit->ruleset->buckets[visit->buckets[i]].lengths.bits[word];
    return all;
}

void rules_walk(
    const struct ruleset *ruleset, const struct rules_facts *facts, rules_visit_fn fn, void *arg)
{
    uint32_t buckets[WALK_BUCKETS_MAX];
    const struct visit visit = {
        ruleset, buckets, find_buckets(ruleset, facts->host, buckets), fn, arg};
    struct span path = facts->no_path ? SPAN_LIT("") : facts->path;
    struct rules_lengths lengths = all_lengths(&visit);
    uint64_t hash = HASH_START;
    size_t done = 0;

    for (size_t word = 0; word < ARRAY_LEN(lengths.bits); word++) {
        for (uint64_t bits = lengths.bits[word]; bits != 0; bits &= bits - 1) {
            size_t len = word * 64 + (size_t)__builtin_ctzll(bits);

            if (len > path.len)
                return;
            while (done < len)
                hash = hash_step(hash, path.ptr[done++]);
            visit_literal(&visit, hash, (struct span){path.ptr, len});
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

static enum rules_bucket_kind bucket_kind(const struct rules_value *host)
{
    struct span rest;

    if (host->text.len > RULES_HOST_MAX)
        return RULES_BUCKET_PATTERN;
    if (host->exact)
        return RULES_BUCKET_EXACT;
    if (!span_starts_with(host->text, SPAN_LIT("*.")))
        return RULES_BUCKET_PATTERN;
    rest = span_from(host->text, 1);
    if (span_find(rest, '*') < rest.len || span_find(rest, '?') < rest.len)
        return RULES_BUCKET_PATTERN;
    return RULES_BUCKET_SUFFIX;
}

/* The bucket of a host value, made if it is new. By priority, what cannot be hashed is checked for every
 * host; and an empty value never matches. */
static uint32_t add_bucket(
    struct ruleset *ruleset, const struct rules_value *host, bool *ret_check_host)
{
    struct rules_bucket new = {.host = host->text, .kind = bucket_kind(host)};
    struct span text = bucket_text(&new);
    struct rules_bucket *bucket;
    uint32_t slot;

    *ret_check_host = new.kind == RULES_BUCKET_PATTERN || text.len == 0;
    if (text.len == 0 || (new.kind == RULES_BUCKET_PATTERN && !ruleset->by_specificity))
        return RULES_BUCKET_ANY;
    new.hash = hash_host(text);
    slot = bucket_slot(ruleset, new.hash, text, new.kind);
    bucket = &ruleset->buckets[slot];
    if (bucket->host.len > 0)
        return slot;
    *bucket = new;
    if (new.kind == RULES_BUCKET_SUFFIX)
        add_length(&ruleset->suffixes, text.len);
    if (new.kind == RULES_BUCKET_PATTERN)
        ruleset->patterns[ruleset->n_patterns++] = bucket;
    return slot;
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

/* What finding the literal of a path value says about it. */
static enum rules_proof proof_of(const struct rules_value *value, struct span literal)
{
    if (value->prefix && literal.len == value->text.len)
        return RULES_PROOF_DONE;
    if (value->exact && literal.len == value->text.len)
        return RULES_PROOF_LENGTH;
    if (!value->prefix && literal.len + 1 == value->text.len && value->text.ptr[literal.len] == '*')
        return RULES_PROOF_DONE;
    return RULES_PROOF_VALUE;
}

static void draft_path(
    struct builder_state *state, struct draft draft, const struct rules_value *value)
{
    draft.literal = literal_of(value);
    draft.entry.key = key_of(state->ruleset, draft.entry.rule, value);
    draft.entry.value = value;
    draft.entry.proof = (uint8_t)proof_of(value, draft.literal);
    add_draft(state, draft);
}

static void draft_paths(struct builder_state *state, struct draft draft)
{
    const struct ruleset *ruleset = state->ruleset;
    const struct rules_condition *path = ruleset->rules[draft.entry.rule].path;
    const struct rules_condition *host = ruleset->rules[draft.entry.rule].host;

    draft.entry.key = key_of(ruleset, draft.entry.rule, NULL);
    if (!path) {
        draft.entry.proof = RULES_PROOF_FREE;
        add_draft(state, draft);
        return;
    }
    if ((uint64_t)path->n * (host ? host->n : 1) > COMBINATIONS_MAX) {
        draft.entry.proof = RULES_PROOF_RULE;
        /* the smallest key that it can get */
        for (uint32_t i = 0; i < path->n; i++)
            draft.entry.key =
                MIN(draft.entry.key, key_of(ruleset, draft.entry.rule, &path->values[i]));
        draft.literal = common_literal(path);
        add_draft(state, draft);
        return;
    }
    for (uint32_t i = 0; i < path->n; i++)
        draft_path(state, draft, &path->values[i]);
}

static void draft_rule(struct builder_state *state, uint32_t index)
{
    const struct rules_rule *rule = &state->ruleset->rules[index];
    struct draft draft = {
        .entry.conf = rule->conf,
        .entry.rule = index,
        .entry.check_more = rule->n > (rule->host != NULL) + (uint32_t)(rule->path != NULL),
        .bucket = RULES_BUCKET_ANY,
    };

    if (!rule->host)
        draft_paths(state, draft);
    for (uint32_t i = 0; rule->host && i < rule->host->n; i++) {
        draft.bucket = add_bucket(state->ruleset, &rule->host->values[i], &draft.entry.check_host);
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
    ruleset->nodes = alloc_lines(&ruleset->arena, n_slots * sizeof(*ruleset->nodes));
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
                .first = ruleset->n_entries,
                .entry = draft->entry,
                .hash = hash};
            add_length(&ruleset->buckets[draft->bucket].lengths, draft->literal.len);
        }
        node->n++;
        ruleset->entries[ruleset->n_entries++] = draft->entry;
    }
}

static int compare_buckets(const void *a_ptr, const void *b_ptr)
{
    const struct rules_bucket *a = *(const struct rules_bucket *const *)a_ptr;
    const struct rules_bucket *b = *(const struct rules_bucket *const *)b_ptr;

    return compare_patterns(a->host, b->host);
}

void rules_index(struct ruleset *ruleset)
{
    struct builder_state state = {.ruleset = ruleset};
    uint32_t n_hosts = 0;
    uint32_t n_slots;

    for (uint32_t i = 0; i < ruleset->n_rules; i++)
        n_hosts += ruleset->rules[i].host ? ruleset->rules[i].host->n : 0;
    n_slots = slots_for(n_hosts);
    ruleset->buckets =
        alloc_lines(&ruleset->arena, (n_slots + (size_t)1) * sizeof(*ruleset->buckets));
    ruleset->bucket_mask = n_slots - 1;
    ruleset->patterns = arena_alloc(&ruleset->arena, n_hosts * sizeof(void *));

    for (uint32_t i = 0; i < ruleset->n_rules; i++)
        draft_rule(&state, i);
    if (state.n > 0)
        qsort(state.drafts, state.n, sizeof(*state.drafts), compare_drafts);
    place_drafts(&state);
    if (ruleset->n_patterns > 0)
        qsort(
            ruleset->patterns, ruleset->n_patterns, sizeof(struct rules_bucket *), compare_buckets);
    free(state.drafts);
}
