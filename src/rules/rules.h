/* The one evaluator: what happens to a request.
 *
 * Normalise, match, act. No I/O, no clock, no state: the proxy, validation, `slb explain` and log replay call the
 * same functions and get the same answer. Allocates in the caller's arena. A ruleset is immutable and
 * shared by all workers.
 */
#pragma once

#include "base/arena.h"
#include "base/text.h"
#include "http/msg.h"
#include "snapshot/snapshot.h"

struct ruleset;

/* Derives the ruleset of one listener. rules: borrowed for the call, any order; their text is copied or
 * lives in the resources, which live as long as any snapshot with this ruleset.
 * Actions keep group slots, not pointers, so that a changed group needs no new ruleset. O(rules log rules). */
struct ruleset *ruleset_new(
    const struct listener_conf *listener, const struct rule_conf *const *rules, uint32_t n_rules);
struct ruleset *ruleset_free(struct ruleset *ruleset);
DEFINE_CLEANUP(struct ruleset, ruleset_free)

/* What is asked. All borrowed for the life of the verdict. */
struct rules_request {
    const struct http_msg *msg;
    struct addr client; /* packet source */
    uint16_t port;      /* the listener's */
    bool tls;
    uint64_t draw; /* random: chooses among weighted groups */
};

enum verdict_kind {
    VERDICT_FORWARD,
    VERDICT_REDIRECT, /* status and location */
    VERDICT_FIXED,    /* status, content_type, content */
    VERDICT_REFUSE,   /* status and reason */
};

struct verdict {
    enum verdict_kind kind;
    const struct rule_conf *rule; /* NULL: the listener's default */
    uint32_t group;               /* forward: slot, or REF_NONE when all weights are 0 */
    uint16_t status;
    enum reason reason;
    /* forward: what the server gets; unchanged parts point into the request */
    struct span host;  /* authority for Host */
    struct span path;  /* the normalised path: exactly what was matched, or as rewritten */
    struct span query; /* without '?' */
    bool has_query;
    struct span location;
    struct span content_type, content;
};

/* Decides. Spans of the verdict lie in the request, the ruleset or the arena. Returns 0, or -ENOMEM when the
 * arena's limit is reached. Cost does not grow with the number of rules beyond those of the request's host that share
 * a prefix of its path: 10,000 rules cost at most twice what 10 do. */
int rules_decide(const struct ruleset *ruleset, const struct rules_request *request,
    struct arena *arena, struct verdict *ret_verdict) MUST_CHECK;

/* The same, telling why: one line of text per step (normalisation, each condition of each candidate rule
 * and whether it held, actions). Slower; same verdict. */
int rules_explain(const struct ruleset *ruleset, const struct rules_request *request,
    struct arena *arena, struct verdict *ret_verdict, struct text *out) MUST_CHECK;

/* Path normaliser (RFC 3986 section 6.2.2): percent-encoded unreserved bytes are decoded, other
 * escapes get upper-case hex, dot segments are removed (encoded dots included), empty segments are
 * kept ("//" stays), %2F stays encoded and is never a separator. What is matched is what is forwarded.
 * Refused: "/.." at the root, bad escapes, control bytes plain and escaped, bytes beyond ASCII, '?' and
 * '#', and, because servers disagree about it, a ".." that only shows when %2F or %5C are decoded, '\' is
 * taken for '/', or ";parameters" are cut off.
 * Returns 0 with *ret_path (the input itself when it is normal already: the common case, no copy),
 * -EINVAL, or -ENOMEM. Normalising twice changes nothing. O(n). */
int path_normalise(struct span path, struct arena *arena, struct span *ret_path) MUST_CHECK;

/* Host for matching: lower case, port and one final dot removed. No copy if it is so already; empty
 * stays empty. Returns 0, -EINVAL if the authority is malformed, or -ENOMEM. */
int host_normalise(struct span authority, struct arena *arena, struct span *ret_host) MUST_CHECK;

/* Whether text matches pattern: * any string (also across '/' and '.'), ? one byte, all else
 * itself. Linear in practice, never exponential: O(pattern * text) at worst. */
bool pattern_match(struct span pattern, struct span text);
