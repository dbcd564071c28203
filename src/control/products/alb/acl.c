/* Access lists: their entries, and the listeners they guard. */
#include "control/products/alb/listener.h"
#include "control/products/common/common.h"

#define NOT_FOUND         "ResourceNotFound.Acl"
#define ENTRIES_MAX       1000u /* of a list */
#define LISTENER_ACLS_MAX 3u
#define ACL_LISTENERS_MAX 50u
#define CIDR_TEXT_MAX     (ADDR_TEXT_MAX + 4u)

static json_t *edit_acl(struct call *call)
{
    const struct doc *doc = call_find(call, ALB_ACL, "AclId", NOT_FOUND, "access list");

    if (!doc)
        return NULL;
    call_resource(call, doc->id);
    return txn_edit(call->txn, ALB_ACL, doc->id);
}

/* --- lists -------------------------------------------------------------------------------------- */

int alb_create_acl(struct call *call)
{
    static const struct creation creation = {ALB_ACL, "acl-", "AclId"};
    static const char *const copied[] = {"AclName", "ResourceGroupId", NULL};
    const char *name = call_text(call, "AclName");
    json_t *body = json_object();
    char time[32];
    int r = name ? common_check_name(call, "AclName", name, "InvalidParameter.AclName") : 0;

    json_put_text(body, "AclName", "access-list");
    json_copy_members(body, call->in, copied);
    json_put_text(body, "AddressIPVersion", "IPv4");
    json_put_text(body, "CreateTime", call_time(call, time));
    json_put(body, "AclEntries", json_array());
    if (r == 0)
        r = call_tags(call, body);
    r = common_create(call, &creation, body, r);
    if (r < 0)
        return r;
    call_job(call, "acl");
    return 0;
}

static json_t *show_acl(struct call *call, const struct doc *doc)
{
    json_t *shown = common_show(doc, "AclId");

    json_put_text(shown, "AclStatus", alb_state(call, doc, &alb_acl_words));
    return shown;
}

int alb_list_acls(struct call *call)
{
    static const struct filter filters[] = {
        {"AclIds", NULL},
        {"AclNames", "AclName"},
        {"ResourceGroupId", "ResourceGroupId"},
        {NULL, NULL},
    };
    static const struct listing listing = {
        .kind = ALB_ACL, .out = "Acls", .filters = filters, .has_tags = true, .show = show_acl};

    return common_list(call, &listing);
}

int alb_update_acl_attribute(struct call *call)
{
    const char *name = call_text(call, "AclName");
    json_t *body = edit_acl(call);
    int r;

    if (!body)
        return -ENOENT;
    r = common_check_name(call, "AclName", name, "InvalidParameter.AclName");
    json_put_text(body, "AclName", name);
    return r;
}

int alb_delete_acl(struct call *call)
{
    const struct doc *doc = call_find(call, ALB_ACL, "AclId", NOT_FOUND, "access list");
    uint32_t n;

    if (!doc)
        return -ENOENT;
    n = txn_count_users(call->txn, ALB_LISTENER, doc->id);
    if (n > 0)
        return call_fail(
            call, "ResourceInUse.Acl", "The access list %s is used by %u listeners.", doc->id, n);
    call_resource(call, doc->id);
    (void)txn_remove(call->txn, ALB_ACL, call->resource);
    call_job(call, "acl");
    return 0;
}

/* --- entries ------------------------------------------------------------------------------------ */

/* An address or CIDR block in the one form that is stored: "10.0.0.0/8". */
static int read_entry(struct call *call, const char *entry, char *ret_text)
{
    struct addr addr;
    struct cidr cidr;
    char ip[ADDR_TEXT_MAX];

    if (addr_parse_ip(span_of(entry), &addr) == 0)
        cidr = (struct cidr){.addr = addr, .prefix = addr.family == 4 ? 32 : 128};
    else if (cidr_parse(span_of(entry), &cidr) < 0)
        return call_fail(
            call, "InvalidParameter", "Entry %.60s must be a CIDR block without host bits.", entry);
    if (cidr.addr.family != 4 || cidr.prefix == 0)
        return call_fail(call, "InvalidParameter",
            "Entry %.60s must be an IPv4 block other than 0.0.0.0/0.", entry);
    (void)snprintf(
        ret_text, CIDR_TEXT_MAX, "%.*s/%u", (int)addr_format_ip(&cidr.addr, ip), ip, cidr.prefix);
    return 0;
}

/* Entries of all lists of a listener together. */
static size_t count_entries(struct call *call, const json_t *listener)
{
    const json_t *relations =
        json_object_get(json_object_get(listener, "AclConfig"), "AclRelations");
    const json_t *relation;
    size_t n = 0;
    size_t i;

    json_array_foreach (relations, i, relation)
        n += json_len(txn_body(call->txn, ALB_ACL, json_text(relation, "AclId")), "AclEntries");
    return n;
}

static int check_listeners(struct call *call, const char *acl_id)
{
    struct doc_list listeners;
    int r = 0;

    txn_users(call->txn, ALB_LISTENER, acl_id, &listeners);
    for (uint32_t i = 0; i < listeners.n && r == 0; i++)
        r = alb_check_quota(call, alb_instance_of(call, listeners.docs[i]->body),
            ALB_QUOTA_ACL_ENTRIES, count_entries(call, listeners.docs[i]->body));
    doc_list_done(&listeners);
    return r;
}

int alb_add_entries_to_acl(struct call *call)
{
    json_t *body = edit_acl(call);
    json_t *entries = json_object_get(body, "AclEntries");
    const json_t *given;
    size_t i;
    int r;

    if (!body)
        return -ENOENT;
    json_array_foreach (json_object_get(call->in, "AclEntries"), i, given) {
        char text[CIDR_TEXT_MAX];
        json_t *entry;

        r = read_entry(call, json_text(given, "Entry"), text);
        if (r < 0)
            return r;
        if (common_index(entries, "Entry", text) < json_array_size(entries))
            return call_fail(call, "ResourceAlreadyExist.AclEntry",
                "The access list %s would have the entry %s twice.", call->resource, text);
        entry = json_object();
        json_put_text(entry, "Entry", text);
        json_put_text(entry, "Description", json_text(given, "Description"));
        (void)json_array_append_new(entries, entry);
    }
    if (json_array_size(entries) > ENTRIES_MAX)
        return call_fail(call, "ResourceQuotaExceeded.AclEntriesNum",
            "An access list has at most %u entries.", ENTRIES_MAX);
    r = check_listeners(call, call->resource);
    if (r < 0)
        return r;
    call_job(call, "acl");
    return 0;
}

int alb_remove_entries_from_acl(struct call *call)
{
    json_t *body = edit_acl(call);
    json_t *entries = json_object_get(body, "AclEntries");
    const json_t *given;
    size_t i;

    if (!body)
        return -ENOENT;
    json_array_foreach (json_object_get(call->in, "Entries"), i, given) {
        char text[CIDR_TEXT_MAX];
        int r = read_entry(call, json_string_value(given), text);
        size_t at = r == 0 ? common_index(entries, "Entry", text) : 0;

        if (r < 0)
            return r;
        if (at == json_array_size(entries))
            return call_fail(call, "ResourceNotFound.AclEntry",
                "The access list %s has no entry %s.", call->resource, text);
        (void)json_array_remove(entries, at);
    }
    call_job(call, "acl");
    return 0;
}

int alb_list_acl_entries(struct call *call)
{
    const struct doc *doc = call_find(call, ALB_ACL, "AclId", NOT_FOUND, "access list");
    json_t *out = json_array();
    json_t *entry;
    size_t i;

    json_put(call->out, "AclEntries", out);
    if (!doc)
        return -ENOENT;
    json_array_foreach (json_object_get(doc->body, "AclEntries"), i, entry) {
        json_t *shown = json_copy(entry);

        json_put_text(shown, "Status", alb_state(call, doc, &alb_acl_words));
        (void)json_array_append_new(out, shown);
    }
    return call_page_array(call, out);
}

/* --- listeners ---------------------------------------------------------------------------------- */

int alb_list_acl_relations(struct call *call)
{
    static const struct alb_relations relations = {.param = "AclIds",
        .kind = ALB_ACL,
        .out = "AclRelations",
        .id_member = "AclId",
        .not_found = NOT_FOUND,
        .what = "access list"};

    return alb_list_relations(call, &relations);
}

static int add_relation(struct call *call, json_t *relations, const char *id)
{
    json_t *relation;

    if (!txn_get(call->txn, ALB_ACL, id))
        return call_fail(call, NOT_FOUND, "The access list %s does not exist.", id);
    if (common_index(relations, "AclId", id) < json_array_size(relations))
        return call_fail(call, "ResourceInUse.Acl",
            "The listener %s has the access list %s already.", call->resource, id);
    if (txn_count_users(call->txn, ALB_LISTENER, id) >= ACL_LISTENERS_MAX)
        return call_fail(call, "ResourceInUse.Acl",
            "The access list %s is used by %u listeners, the most there may be.", id,
            ACL_LISTENERS_MAX);
    relation = json_object();
    json_put_text(relation, "AclId", id);
    (void)json_array_append_new(relations, relation);
    return 0;
}

/* The listener's AclConfig, made with that type if there is none. */
static int acl_config(struct call *call, json_t *listener, const char *type, json_t **ret_relations)
{
    json_t *config = json_object_get(listener, "AclConfig");

    if (!config) {
        config = json_object();
        json_put_text(config, "AclType", type);
        json_put(config, "AclRelations", json_array());
        json_put(listener, "AclConfig", config);
    }
    if (!json_text_is(config, "AclType", type))
        return call_fail(call, "Conflict.Acl",
            "The access lists of the listener %s are of type %s.", call->resource,
            json_text(config, "AclType"));
    *ret_relations = json_object_get(config, "AclRelations");
    return 0;
}

int alb_associate_acls_with_listener(struct call *call)
{
    json_t *body = listener_edit(call);
    const json_t *instance = body ? alb_instance_of(call, body) : NULL;
    const json_t *given = json_object_get(call->in, "AclIds");
    json_t *relations = NULL;
    const json_t *element;
    size_t i;
    int r;

    if (!body)
        return -ENOENT;
    if (json_text_is(instance, "AddressIpVersion", "DualStack"))
        return call_fail(call, "OperationDenied.AclNotSupport",
            "The instance of the listener %s is dual-stack; its listeners cannot have access lists.",
            call->resource);
    if (json_len(instance, "SecurityGroupIds") > 0)
        return call_fail(call, "OperationDenied.LoadBalancerJoinedSecurityGroupNotSupportAcl",
            "The instance of the listener %s is in a security group; its listeners cannot have access lists.",
            call->resource);
    if (json_array_size(given) == 0)
        return call_fail(call, "MissingParameter", "AclIds is empty.");
    r = acl_config(call, body, call_text(call, "AclType"), &relations);
    json_array_foreach (given, i, element)
        r = r < 0 ? r : add_relation(call, relations, json_string_value(element));
    if (r == 0 && json_array_size(relations) > LISTENER_ACLS_MAX)
        r = call_fail(call, "QuotaExceeded.AclsNum", "A listener has at most %u access lists.",
            LISTENER_ACLS_MAX);
    if (r == 0)
        r = alb_check_quota(call, instance, ALB_QUOTA_ACL_ENTRIES, count_entries(call, body));
    if (r < 0)
        return r;
    call_job(call, "listener");
    return 0;
}

int alb_dissociate_acls_from_listener(struct call *call)
{
    json_t *body = listener_edit(call);
    json_t *relations = json_object_get(json_object_get(body, "AclConfig"), "AclRelations");
    const json_t *element;
    size_t i;

    if (!body)
        return -ENOENT;
    json_array_foreach (json_object_get(call->in, "AclIds"), i, element) {
        const char *id = json_string_value(element);
        size_t at = common_index(relations, "AclId", id);

        if (at == json_array_size(relations))
            return call_fail(call, "ResourceNotAssociated.Acl",
                "The listener %s does not have the access list %s.", call->resource, id);
        (void)json_array_remove(relations, at);
    }
    if (json_array_size(relations) == 0)
        (void)json_object_del(body, "AclConfig");
    call_job(call, "listener");
    return 0;
}
