/* One call of the API, as the function of an operation sees it.
 *
 * The dispatcher has found the operation, decoded and checked what its table says, and begun a transaction. The
 * function reads in, reads and writes documents, fills out, and returns 0 - or the result of call_fail, and
 * then nothing it did remains. What it needs not care about: signature, permission, DryRun, ClientToken,
 * RequestId, operation log, the shape of the answer (params_answer: give plain members and plain arrays).
 */
#pragma once

#include "control/node.h"
#include "control/store/catalog.h"
#include "openapi/params.h"

struct control;

struct principal {
    const char *access_key_id;
    bool is_root;
};

struct call {
    const struct openapi_operation *op;
    const json_t *in; /* borrowed: params_decode's */
    json_t *out;      /* borrowed object: the answer's members go here */
    struct txn *txn;
    struct control *control;      /* for call_state, call_health */
    const struct node_conf *node; /* region, zones, ranges */
    const struct principal *who;
    const char *request_id; /* upper-case UUID */
    const char *source_ip;
    uint64_t now_ms; /* since 1970, UTC */

    /* Set by call_fail. */
    char code[128];
    char message[512];
    unsigned status;
    /* Set by call_resource: what the operation log and the job are about. */
    char resource[64]; /* the last one */
    json_t *resources; /* owned by the dispatcher: ids of all, in order */
};

typedef int (*call_fn)(struct call *call);

/* A product's operations: which table rows have a function. Sorted by name; the dispatcher checks at start that
 * each name is in the table. */
struct call_operation {
    const char *name;
    call_fn fn;
};
struct product {
    const char *name; /* "Alb" */
    const struct call_operation *operations;
    uint32_t n_operations;
};
/* All of them; products/products.c. */
extern const struct product *const products[];
extern const uint32_t n_products;

/* Ends the call with an error; the status follows from the code (openapi_error_status). Always a negative:
 * `return call_fail(call, "ResourceNotFound.Rule", "The rule %s does not exist.", id);`
 * A macro, so that compilers see the negative too, and with it that nobody reads what a failed function was to return. */
/* NOLINTNEXTLINE(readability-identifier-naming): used as the function that it stands for */
#define call_fail(...) (call_set_error(__VA_ARGS__), -EBADMSG)
void call_set_error(struct call *call, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* --- parameters -------------------------------------------------------------------------------- */

/* Members of in, or of any object of it. NULL, fallback or false when absent. */
const char *json_text(const json_t *object, const char *name);
int64_t json_int(const json_t *object, const char *name, int64_t fallback);
bool json_flag(const json_t *object, const char *name, bool fallback);
bool json_has(const json_t *object, const char *name);
bool json_text_is(const json_t *object, const char *name, const char *value);
/* Elements of an array member; 0 when absent. */
size_t json_len(const json_t *object, const char *name);
/* Whether an array of texts has that text. An absent or empty array: fallback. (Filters: fallback true.) */
bool json_array_has(const json_t *object, const char *name, const char *value, bool fallback);
/* Copies members of from into to if they are there: names is NULL-terminated. */
void json_copy_members(json_t *to, const json_t *from, const char *const *names);
/* Sets a member; value is stolen. For answers and new documents: never NULL. */
void json_put(json_t *object, const char *name, json_t *value);
void json_put_text(json_t *object, const char *name, const char *value); /* NULL: left out */
void json_put_int(json_t *object, const char *name, int64_t value);
void json_put_flag(json_t *object, const char *name, bool value);

static inline const char *call_text(const struct call *call, const char *name)
{
    return json_text(call->in, name);
}

/* --- documents --------------------------------------------------------------------------------- */

/* The document that parameter `param` names, or NULL after call_fail with not_found ("ResourceNotFound.Listener").
 * what: "listener", for the message. */
const struct doc *call_find(struct call *call, const char *kind, const char *param,
    const char *not_found, const char *what);
/* "2026-01-02T03:04:05Z", for CreateTime and its like; buf: 32 bytes. */
const char *call_time(const struct call *call, char *buf);
/* What this call changes. Also the resource of its operation-log record. */
void call_resource(struct call *call, const char *id);
/* Makes the job that follows the change through the data plane and puts JobId into out. type: "listener",
 * "loadbalancer", "servergroup", "rule", "acl" ...; the resource is call_resource's. */
void call_job(struct call *call, const char *type);

/* --- what became of a document ----------------------------------------------------------------- */

enum delivery {
    DELIVERY_NEW,     /* the data plane has not acknowledged it yet: Provisioning */
    DELIVERY_CHANGED, /* serves an older version: Configuring */
    DELIVERY_ACTIVE,
    DELIVERY_REFUSED, /* the data plane cannot do it; *ret_reason says why; an older version may go on serving */
};
/* ret_reason may be NULL; borrowed until the transaction ends. */
enum delivery call_state(struct call *call, const struct doc *doc, const char **ret_reason);

enum server_health {
    SERVER_HEALTH_INITIAL, /* no result yet */
    SERVER_HEALTH_HEALTHY,
    SERVER_HEALTH_UNHEALTHY,
    SERVER_HEALTH_UNCHECKED, /* checks are off */
};
/* Health of one server of a data-plane group, by the ids that the compiler gave them (compile.h);
 * *ret_reason: the data plane's word ("connect_timeout"), or "". Both borrowed until the call ends. */
enum server_health call_health(
    struct call *call, const char *group_id, const char *server_id, const char **ret_reason);

/* --- pages ------------------------------------------------------------------------------------- */

/* Cuts the list (in the order of creation) to the page that NextToken/MaxResults or PageNumber/PageSize ask for, and
 * puts TotalCount and what else belongs to the paging of op into out. 0, or call_fail's for a bad token. */
int call_page(struct call *call, struct doc_list *list) MUST_CHECK;
/* The same for an array that is not documents: array is cut in place. */
int call_page_array(struct call *call, json_t *array) MUST_CHECK;

/* --- tags -------------------------------------------------------------------------------------- */
/* Tags are members of documents: "Tags": [{"Key", "Value"}]; answers that spell them TagKey/TagValue get both. */

/* Checks the Tag list of in (limits of the products) and puts it into a new document's body. */
int call_tags(struct call *call, json_t *body) MUST_CHECK;
/* Whether a document has all tags that in's Tag list asks for (a tag without Value: any value). */
bool call_tags_match(const struct call *call, const json_t *body);
/* TagResources, UntagResources (TagKey, All), ListTagResources, for documents of these kinds. */
struct tag_kind {
    const char *type; /* value of ResourceType, without case: "loadbalancer" */
    const char *kind;
};
int call_tag_resources(struct call *call, const struct tag_kind *taggable, const char *not_found);
int call_untag_resources(struct call *call, const struct tag_kind *taggable, const char *not_found);
int call_list_tag_resources(struct call *call, const struct tag_kind *taggable);
