/* What a person wants to exist, by name: a manifest, and the steps from what is there to it.
 *
 * A manifest has the products, in them kinds of resources, in these resources with the parameters of the
 * operation that makes them, and kinds again that belong to them:
 *
 *   alb:
 *     server_groups:
 *       - ServerGroupName: web
 *         Servers: [{ServerType: Ip, ServerId: 192.0.2.1, Port: 80}]
 *     load_balancers:
 *       - LoadBalancerName: www
 *         ...
 *         listeners:
 *           - {ListenerProtocol: HTTP, ListenerPort: 80, DefaultActions: [... ServerGroupId: "@web" ...]}
 *
 * "@web" is the id of the server group of that name, in clb of the vServer group of the same instance; "@@" is
 * a plain @. Nothing here talks to a node: manifest_state.c reads it and apply.c does the steps. */
#pragma once

#include "openapi/params.h"

#define MANIFEST_ERROR_MAX 1024u

struct manifest_kind {
    const char *product;     /* "Alb" */
    const char *folder;      /* its name in the manifest: "alb" */
    const char *word;        /* "listeners" */
    const char *noun;        /* "listener" */
    int parent;              /* index in manifest_kinds; -1: none */
    bool id_is_key;          /* the first key is the id */
    const char *keys[2];     /* members that name one among its siblings; the second may be NULL */
    const char *id;          /* its id, in requests and answers */
    const char *constant[2]; /* a parameter and its value in all its requests, or NULL */
    const char *create;
    const char *wrap;  /* the parameter of create that is a list with the new one; NULL: none */
    const char *start; /* called after create, or NULL */
    const char *list, *list_member;
    const char *get;    /* NULL: what list says is all */
    const char *update; /* NULL: nothing can be changed */
    const char *remove;
    /* Its servers, which are added and removed one by one; member NULL: it has none. */
    struct {
        const char *member;
        const char *list, *list_member; /* list NULL: get has them */
        const char *add, *update, *remove;
    } servers;
};

extern const struct manifest_kind manifest_kinds[];
extern const unsigned n_manifest_kinds;

/* The operation of the kind's product; never NULL. */
const struct openapi_operation *manifest_operation(
    const struct manifest_kind *kind, const char *name);

/* JSON, or YAML if it is none: one document without anchors, aliases or tags, every key once. Texts in quotes stay
 * texts. 0 and a new reference, or -EINVAL with one sentence in error. */
int manifest_parse(struct span text, json_t **ret_json, char error[MANIFEST_ERROR_MAX]) MUST_CHECK;

/* The resources of a manifest as items: {"kind": index, "key": "80 HTTP", "path": "alb/load_balancers/www/listeners/80 HTTP",
 * "body": {...}, "servers": [...] if it names some, "items": [...]}. References are paths now: "@/alb/...". Each
 * body has been checked against the table. Like manifest_parse. */
int manifest_items(
    const json_t *manifest, json_t **ret_items, char error[MANIFEST_ERROR_MAX]) MUST_CHECK;

/* Puts into `in` what requests of op need of an item besides its body: its ids and those of what it belongs to, as
 * "@/path" unless they are keys. with_own: also its own. */
void manifest_context(json_t *in, const struct openapi_operation *op, const json_t *item,
    const json_t *const *parents, unsigned n_parents, bool with_own);

/* The key of a body, in buf. */
#define MANIFEST_KEY_MAX 256u
void manifest_key(const struct manifest_kind *kind, const json_t *body, char buf[MANIFEST_KEY_MAX]);

/* What leads from actual to desired, in the order in which it works. actual: items with bodies as answers have them;
 * ids: {path: id} of all that is there. Steps: {"verb": "create", "what": "alb listener 80 HTTP of www", "product", "op", "in",
 * "path" (of what create makes), "id" (member of the answer that has its id), "changes": ["Scheduler: Wrr -> Wlc"]}.
 * With prune what is there and not in the manifest is removed: what belongs to resources of the manifest, and
 * of kinds that the manifest has at its top. Like manifest_parse. */
int manifest_plan(const json_t *desired, const json_t *actual, const json_t *ids, bool prune,
    json_t **ret_steps, char error[MANIFEST_ERROR_MAX]) MUST_CHECK;

/* A deep copy of value whose references are ids. NULL: one is not in ids; *ret_missing (may be NULL) is its path,
 * borrowed from value. */
json_t *manifest_resolve(const json_t *value, const json_t *ids, const char **ret_missing);
