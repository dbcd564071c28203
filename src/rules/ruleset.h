/* Inside of the rules folder: a compiled ruleset, its index, and what a request looks like to it.
 *
 * The index only narrows down: it yields a superset of the rules that can match, and each is checked
 * in full. So the index may be coarse, but it must never leave a matching rule out.
 */
#pragma once

#include "rules/rules.h"

#define RULES_KEY_NONE    UINT64_MAX
#define RULES_LITERAL_MAX 255u /* longer literals are indexed by their beginning */
#define RULES_HOST_MAX    255u /* longer hosts are not hashed but compared */
#define RULES_BUCKET_ANY  0u   /* rules without host, and those whose host cannot be hashed */

/* One value of a condition, normalised as the request is. */
struct rules_value {
    struct span text;
    bool prefix;    /* else a pattern */
    bool exact;     /* a pattern without * and ? */
    uint32_t place; /* among path values by specificity: smaller goes first */
};

struct rules_condition {
    struct rules_value *values;
    uint32_t n;
    uint32_t type;       /* enum condition_type */
    struct span key;     /* header */
    enum http_name name; /* header: its id, if it has one */
};

struct rules_rule {
    const struct rule_conf *conf; /* borrowed: lives as long as any snapshot with the ruleset */
    struct rules_condition *conditions;
    uint32_t n;
    /* The conditions that the index uses: the first of their type, or NULL. */
    const struct rules_condition *host, *path;
};

/* What has to be looked at before an entry's path holds, when its node has been found. */
enum rules_proof {
    RULES_PROOF_DONE,   /* nothing: a prefix, or a pattern that is its literal and a star */
    RULES_PROOF_LENGTH, /* the path ends with the literal */
    RULES_PROOF_VALUE,  /* its value */
    RULES_PROOF_RULE,   /* the rule's whole path condition */
    RULES_PROOF_FREE,   /* nothing: the rule has no path condition */
};

/* One way to come to a rule: by one of its hosts and one of its paths. */
struct rules_entry {
    uint64_t key; /* the smallest that holds wins; unique to a rule */
    const struct rule_conf *conf;
    const struct rules_value *value; /* NULL with RULES_PROOF_RULE and RULES_PROOF_FREE */
    uint32_t rule;
    uint8_t proof;
    bool check_host; /* the bucket does not prove the host condition */
    bool check_more; /* there are conditions besides the one of host and the one of path */
};

/* Entries of one bucket whose path values begin with the same literal, by key. With many rules each access
 * misses the cache: a node is one line, with its first entry in it. */
struct CACHE_ALIGNED rules_node {
    const char *literal;
    uint32_t len, bucket;
    uint32_t first, n;        /* entries; n is 0 in an empty slot */
    struct rules_entry entry; /* a copy of the first */
    uint64_t hash;            /* of the literal: others are passed by without a look at theirs */
};
_Static_assert(sizeof(struct rules_node) == CACHE_LINE, "one line");

/* A set of lengths up to 255. */
struct rules_lengths {
    uint64_t bits[4];
};

enum rules_bucket_kind {
    RULES_BUCKET_EXACT,
    RULES_BUCKET_SUFFIX,  /* "*.b": hashed as ".b" */
    RULES_BUCKET_PATTERN, /* any other, and what is too long: found by comparing */
};

/* One host value, in its slot of the hash table. */
struct CACHE_ALIGNED rules_bucket {
    struct span host;             /* empty in an empty slot */
    struct rules_lengths lengths; /* of the literals in it */
    uint32_t kind;
    uint64_t hash; /* of what it is hashed as */
};

struct ruleset {
    struct arena arena;
    const struct listener_conf *listener; /* borrowed, as the rules' conf */
    bool by_specificity;

    struct rules_rule *rules; /* by priority */
    uint32_t n_rules;

    struct rules_bucket *buckets;  /* RULES_BUCKET_ANY, then the slots of a hash table */
    uint32_t bucket_mask;          /* of the hash table */
    struct rules_lengths suffixes; /* of what RULES_BUCKET_SUFFIX are hashed as */
    const struct rules_bucket *
        *patterns; /* by specificity: RULES_BUCKET_PATTERN, narrowest first */
    uint32_t n_patterns;

    struct rules_node *nodes; /* hash table */
    uint32_t node_mask;
    struct rules_entry *entries;
    uint32_t n_entries;
};

/* What rules see of a request. */
struct rules_facts {
    const struct http_msg *msg;
    struct span host; /* normalised, without port; empty if there is none */
    struct span path; /* normalised; "*" for the server as a whole */
    bool no_path;     /* it is "*" */
};

/* index.c */

/* Builds tables and entries over ruleset->rules. */
void rules_index(struct ruleset *ruleset);

typedef void (*rules_visit_fn)(void *arg, const struct rules_node *node);
/* Visits every node that can hold a matching rule. */
void rules_walk(
    const struct ruleset *ruleset, const struct rules_facts *facts, rules_visit_fn fn, void *arg);

/* By specificity: the host value that decides for this host, RULES_BUCKET_ANY if none matches. */
uint32_t rules_find_bucket(const struct ruleset *ruleset, struct span host);

/* decide.c */

/* Fills facts. Returns 0, or -ENOMEM, or 1 with *ret_verdict saying why the request is refused. */
int rules_facts_init(const struct rules_request *request, struct arena *arena,
    struct rules_facts *ret_facts, struct verdict *ret_verdict) MUST_CHECK;

bool rules_value_holds(const struct rules_value *value, struct span text);
bool rules_condition_holds(
    const struct rules_condition *condition, const struct rules_facts *facts);

/* The key of one of the node's entries if its rule matches by it, else RULES_KEY_NONE. */
uint64_t rules_entry_key(const struct ruleset *ruleset, const struct rules_node *node,
    const struct rules_entry *entry, const struct rules_facts *facts);

/* act.c */

/* Carries out the actions of a rule, or the listener's default if rule is NULL. Returns 0 or -ENOMEM. */
int rules_act(const struct ruleset *ruleset, const struct rule_conf *rule,
    const struct rules_request *request, const struct rules_facts *facts, struct arena *arena,
    struct verdict *ret_verdict) MUST_CHECK;

/* Which of a forward action's groups the draw chooses; groups.n if all weights are 0. */
uint32_t rules_draw_group(const struct action *action, uint64_t draw);

/* normalise.c */

/* A path value of a rule in the form that normalised paths have: bytes that cannot stand in a path are
 * escaped, escaped unreserved bytes decoded, other escapes in upper case. In the arena. */
struct span rules_normalise_value(struct span value, struct arena *arena);

static inline bool rules_is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* Value of a hexadecimal digit, or -1. */
static inline int rules_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape at s[at] stands for, or -1 if there is none. */
static inline int rules_unescape(struct span s, size_t at)
{
    int high, low;

    if (s.ptr[at] != '%' || s.len - at < 3)
        return -1;
    high = rules_hex(s.ptr[at + 1]);
    low = rules_hex(s.ptr[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static inline void rules_put_escape(char *out, unsigned byte)
{
    static const char digits[] = "0123456789ABCDEF";

    out[0] = '%';
    out[1] = digits[byte >> 4 & 15];
    out[2] = digits[byte & 15];
}

static inline const struct rules_entry *rules_entry_at(
    const struct ruleset *ruleset, const struct rules_node *node, uint32_t i)
{
    return i == 0 ? &node->entry : &ruleset->entries[node->first + i];
}

static inline bool rules_has_length(const struct rules_lengths *set, size_t n)
{
    return n <= RULES_LITERAL_MAX && (set->bits[n / 64] >> (n % 64) & 1);
}
