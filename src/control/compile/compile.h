/* What users made, as resources of the data plane.
 *
 * Documents are compiled in units that do not overlap: a CLB instance with its listeners, rules and groups; an ALB or NLB
 * instance with its listeners and rules; an ALB or NLB server group; an access list; a certificate ... A
 * changed document makes its unit dirty (and units that use it, where the result depends on it); a dirty unit
 * is compiled anew and compared with what it gave before, so that only resources that differ are sent.
 *
 * Ids of resources: the document's own id, except for what the products do not number: CLB listener
 * "lb-1:tcp:80"; CLB group as a listener uses it "rsp-1@lb-1:http:80" ("default@..." for the default group), as a rule with
 * its own settings uses it "rsp-1@rule-1"; NLB group of protocol TCP_UDP "sgp-1" for tcp and "sgp-1:udp" for udp; health
 * check "<group>:check". Server ids in a group: the document's member "ServerUid" (products give each server they add
 * one: "srv-..."). Features the data plane lacks are compiled in full; it refuses them by name (snapshot/unbuilt.c).
 */
#pragma once

#include "control/node.h"
#include "control/store/catalog.h"

struct compile;

struct compile *compile_new(struct catalog *catalog, const struct node_conf *node);
struct compile *compile_free(struct compile *compile);

/* The catalog's subscriber, arg is the compiler: marks units dirty. */
void compile_changed(void *arg, const struct kind *kind, const char *id, json_t *old_body,
    const struct doc *doc, uint64_t revision);
/* All units are dirty (start, or a data plane that knows nothing). */
void compile_all_dirty(struct compile *compile);
bool compile_is_dirty(const struct compile *compile);

/* One resource as the data plane takes it, with the document it came from. */
struct compiled {
    const char *kind; /* "listener" */
    char *id;         /* owned */
    char *doc_id;     /* owned: the document to which a refusal belongs */
    json_t *json;     /* owned: {"kind":..., "id":..., fields} */
};

/* Compiles the dirty units. Differences from the last call go into ret_upserts and ret_removes (arrays of borrowed
 * pointers, valid until the next call; free the arrays). Order: what is referred to first for upserts. */
struct compile_diff {
    const struct compiled **upserts, **removes;
    uint32_t n_upserts, n_removes;
};
void compile_run(struct compile *compile, struct compile_diff *ret_diff);
void compile_diff_done(struct compile_diff *diff);
/* Everything as it was last compiled, for `replace`. */
void compile_whole(struct compile *compile, struct compile_diff *ret_diff);

/* What is wrong with a document although resources were made of it: a server that has no address is left out of its
 * group. One sentence, borrowed until the next compile_run; NULL: nothing. To be shown as a refusal, and a job that
 * waits for the document fails with it. Needs no remembering: it is found again whenever the unit is compiled. */
const char *compile_problem(const struct compile *compile, const char *doc_id);

/* For the units of one product, in products' compile files: adds a resource of the unit that is being compiled. json is
 * taken over and gets kind and id. */
void compile_emit(
    struct compile *compile, const char *kind, const char *id, const char *doc_id, json_t *json);
/* Tells that of a document of the unit; the first sentence counts. */
void compile_complain(struct compile *compile, const char *doc_id, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
