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

/* One way to come to a rule: by one of its hosts and one of its paths. */
struct rules_entry {
    uint64_t key; /* the smallest that holds wins; unique to a rule */
    const struct rules_value *value; /* NULL: any of the rule's paths */
    uint32_t rule;
    bool check_host; /* the bucket does not prove the host condition */
};

/* Entries of one bucket whose path values begin with the same literal, by key. */
struct rules_node {
    const char *literal;
    uint32_t len, bucket;
    uint32_t first, n; /* entries; n is 0 in an empty slot */
};

enum rules_host_kind {
    RULES_HOST_EXACT,
    RULES_HOST_SUFFIX,  /* ".b" for "*.b" */
    RULES_HOST_PATTERN, /* any other, and what is too long: found by comparing */
};

/* One host value that has a bucket. */
struct rules_host {
    struct span text; /* empty in an empty slot */
    uint32_t bucket;
    uint32_t kind;
};

/* A set of lengths up to 255. */
struct rules_lengths {
    uint64_t bits[4];
};

struct rules_bucket {
    struct rules_lengths lengths; /* of the literals in it */
    struct span pattern;          /* the host value; empty for RULES_BUCKET_ANY */
};

struct ruleset {
    struct arena arena;
    const struct listener_conf *listener; /* borrowed, as the rules' conf */
    bool by_specificity;

    struct rules_rule *rules; /* by priority */
    uint32_t n_rules;

    struct rules_bucket *buckets;
    uint32_t n_buckets;
    struct rules_host *hosts; /* hash table */
    uint32_t host_mask;
    struct rules_lengths suffixes; /* of the wildcard hosts in the table */
    struct rules_host *patterns; /* by specificity: RULES_HOST_PATTERN, narrowest first */
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

/* Builds buckets, tables and entries over ruleset->rules. */
void rules_index(struct ruleset *ruleset);

typedef void (*rules_visit_fn)(void *arg, const struct rules_node *node);
/* Visits every node that can hold a matching rule. */
void rules_walk(const struct ruleset *ruleset, const struct rules_facts *facts,
    rules_visit_fn visit, void *arg);

/* By specificity: the host value that decides for this host, RULES_BUCKET_ANY if none matches. */
uint32_t rules_find_bucket(const struct ruleset *ruleset, struct span host);

/* decide.c */

/* Fills facts. Returns 0, or -ENOMEM, or 1 with *ret_verdict saying why the request is refused. */
int rules_facts_init(const struct rules_request *request, struct arena *arena,
    struct rules_facts *ret_facts, struct verdict *ret_verdict) MUST_CHECK;

bool rules_value_holds(const struct rules_value *value, struct span text);
bool rules_condition_holds(const struct rules_condition *condition,
    const struct rules_facts *facts);

/* The entry's key if its rule matches by it, else RULES_KEY_NONE. */
uint64_t rules_entry_key(const struct ruleset *ruleset, const struct rules_entry *entry,
    const struct rules_facts *facts);

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
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
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

static inline bool rules_has_length(const struct rules_lengths *set, size_t n)
{
    return n <= RULES_LITERAL_MAX && (set->bits[n / 64] >> (n % 64) & 1);
}
