/* How units are compiled: for the files compile*.c only. */
#pragma once

#include "base/list.h"
#include "control/call.h"
#include "control/compile/compile.h"

struct unit;
struct compile_state;

struct compile {
    struct catalog *catalog;      /* borrowed */
    const struct node_conf *node; /* borrowed */
    struct map units;             /* by id of the document they are named after */
    struct list all;              /* units, in the order they were first seen */
    struct list dirty;
    struct map moved; /* ids, owned keys: servers and interfaces that changed since the last run */
    bool is_all_dirty;

    /* While a unit is being compiled. */
    struct txn *txn; /* reads only */
    struct unit *unit;

    struct map problems;         /* by document; owned by units */
    struct compile_state *state; /* owned: of compile.c alone */
};

/* Emits all resources of the unit that doc is the root of. */
typedef void (*compile_fn)(struct compile *compile, const struct doc *doc);

/* Whether the unit has emitted a resource of that kind and id. */
bool compile_has(const struct compile *compile, const char *kind, const char *id);

void compile_clb(struct compile *compile, const struct doc *instance);
void compile_alb(struct compile *compile, const struct doc *instance);
void compile_alb_group(struct compile *compile, const struct doc *doc);
void compile_nlb(struct compile *compile, const struct doc *instance);
void compile_nlb_group(struct compile *compile, const struct doc *doc);

/* compile_shared.c: what listeners of all products refer to. */
void compile_certificate(struct compile *compile, const struct doc *certificate);
void compile_acl(struct compile *compile, const struct doc *acl);
void compile_tls_policy(struct compile *compile, const struct doc *policy);
void compile_security_group(struct compile *compile, const struct doc *group);

/* --- compile_common.c: parts of resources. All give new references. --------------------------- */

#define COMPILE_ID_LEN 256u

/* Sets what asks for something: texts that are not empty, numbers other than 0, true. */
void part_text(json_t *json, const char *name, const char *value);
void part_int(json_t *json, const char *name, int64_t value);
void part_flag(json_t *json, const char *name, bool value);
/* A number of seconds, as milliseconds. */
void part_seconds(json_t *json, const char *name, int64_t seconds);

/* A copy of an array, if it has elements. */
void part_ids(json_t *json, const char *name, const json_t *ids);
/* The words of a text that are separated by a character, as an array. */
json_t *part_words(const char *words, char separator);

/* The text in lower case, into buf, which is returned; cut. */
#define PART_NAME_LEN 32u
const char *part_lower(const char *text, char buf[static PART_NAME_LEN]);

/* Addresses that clients reach: of ZoneMappings[].LoadBalancerAddresses[], each once. */
json_t *part_bind(const json_t *body);
/* ipv6_clients of a listener: the VPC's, of an instance whose Ipv6AddressType is Intranet. */
void part_ipv6_clients(const struct compile *compile, json_t *json, const json_t *body);
/* [{"type": "forward", "groups": [{"group": id}]}] */
json_t *part_forward(const char *group_id);
/* Adds {"certificate": id, "domains": [domain]} to an array; without domain (NULL) the certificate's own names count. id NULL or
 * "": nothing. */
void part_certificate(json_t *into, const char *id, const char *domain);
/* The same for each element of a list: an id, or an object with a CertificateId. */
void part_certificates(json_t *into, const json_t *list);

struct part_servers {
    const json_t *list;   /* of the document */
    const char *group_id; /* the document to which a server without address is a problem */
    int64_t port;         /* of all of them; 0: each has its own */
    bool has_zones;       /* it matters where they are */
};
/* {"id", "ip", "port", "weight"}, with "role" for the secondary one of a pair, and "zone" if asked for. */
json_t *part_servers(struct compile *compile, const struct part_servers *servers);

/* Emits a health check "<group_id>:check", and sets it in group. */
void part_check(struct compile *compile, const char *group_id, const char *doc_id, json_t *group,
    json_t *check);

/* --- compile_alb_rule.c: DefaultActions, RuleActions, RuleConditions -------------------------- */

json_t *part_actions(const json_t *list);
json_t *part_conditions(const json_t *list);
