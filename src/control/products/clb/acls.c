/* Access control lists, and the legacy white lists of listeners, which are lists that belong to
 * one listener. */
#include "control/products/clb/clb.h"
#include "control/products/clb/operations.h"

#define COMMENT_MAX 100u

static const struct doc *find_acl(struct call *call)
{
    const char *id = call_text(call, "AclId");
    const struct doc *doc;

    if (!id)
        return CLB_NONE(call, "MissingParameter", "AclId is required.");
    doc = txn_get(call->txn, "clb.acl", id);
    if (!doc || json_has(doc->body, "WhiteListOf"))
        return CLB_NONE(call, "AclNotExist", "The access control list %s does not exist.", id);
    return doc;
}

static int edit_acl(struct call *call, json_t **ret_body)
{
    const struct doc *doc = find_acl(call);

    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    *ret_body = txn_edit(call->txn, "clb.acl", doc->id);
    return 0;
}

/* --- entries ---------------------------------------------------------------------------------- */

static int entry_find(const json_t *entries, const char *cidr)
{
    size_t i;
    json_t *entry;

    json_array_foreach (entries, i, entry)
        if (json_text_is(entry, "AclEntryIP", cidr))
            return (int)i;
    return -1;
}

/* An entry that is there already stays as it is. */
static int entry_add(
    struct call *call, const char *code, json_t *acl, const char *text, const char *comment)
{
    json_t *entries = json_object_get(acl, "AclEntrys"), *entry;
    bool is_ipv6 = json_text_is(acl, "AddressIPVersion", "ipv6");
    char cidr[64];
    int family = text ? clb_cidr(text, cidr) : 0;

    if (family == 0)
        return call_fail(call, code,
            "\"%s\" is not an address or a network whose host bits are zero, like 10.0.0.0/8.",
            text ? text : "");
    if ((family == 6) != is_ipv6)
        return call_fail(call, code, "%s is not of the family of the access control list, %s.",
            text, json_text(acl, "AddressIPVersion"));
    if (comment && (strlen(comment) > COMMENT_MAX || !clb_text_is(comment, " -/._")))
        return call_fail(call, "InvalidParam.Comment",
            "The comment of %s may have at most %u letters, digits and - / . _", text, COMMENT_MAX);
    if (entry_find(entries, cidr) >= 0)
        return 0;
    if (json_array_size(entries) >= CLB_ENTRIES_MAX)
        return call_fail(call, "AclEntryExceedLimit",
            "An access control list has at most %u entries.", CLB_ENTRIES_MAX);
    entry = json_object();
    json_put_text(entry, "AclEntryIP", cidr);
    json_put_text(entry, "AclEntryComment", comment && *comment ? comment : NULL);
    (void)json_array_append_new(entries, entry);
    return 0;
}

/* Listeners that use the list must still be right with what is in it now. */
static int check_users(struct call *call, const char *acl_id)
{
    CLB_LIST list = {0};

    txn_users(call->txn, "clb.listener", acl_id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        int r = clb_check_acls(call, list.docs[i]->body);

        if (r < 0)
            return r;
    }
    return 0;
}

int clb_add_access_control_list_entry(struct call *call)
{
    json_t *acl, *given;
    size_t i;
    int r = edit_acl(call, &acl);

    if (r < 0)
        return r;
    if (json_len(call->in, "AclEntrys") == 0)
        return call_fail(call, "AclEntryEmpty", "AclEntrys has no entries.");
    json_array_foreach (json_object_get(call->in, "AclEntrys"), i, given) {
        r = entry_add(
            call, "AclEntryIllegal", acl, json_text(given, "entry"), json_text(given, "comment"));
        if (r < 0)
            return r;
    }
    return check_users(call, call_text(call, "AclId"));
}

static int entry_remove(struct call *call, const char *code, json_t *entries, const char *text)
{
    char cidr[64];
    int at;

    if (!text || clb_cidr(text, cidr) == 0)
        return call_fail(call, code, "\"%s\" is not an address or a network.", text ? text : "");
    at = entry_find(entries, cidr);
    if (at >= 0)
        (void)json_array_remove(entries, (size_t)at);
    return 0;
}

int clb_remove_access_control_list_entry(struct call *call)
{
    json_t *acl, *given;
    size_t i;
    int r = edit_acl(call, &acl);

    if (r < 0)
        return r;
    if (json_len(call->in, "AclEntrys") == 0)
        return call_fail(call, "AclEntryEmpty", "AclEntrys has no entries.");
    json_array_foreach (json_object_get(call->in, "AclEntrys"), i, given) {
        r = entry_remove(
            call, "InvalidParameter", json_object_get(acl, "AclEntrys"), json_text(given, "entry"));
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- lists ------------------------------------------------------------------------------------ */

int clb_create_access_control_list(struct call *call)
{
    static const char *const members[] = {"AclName", "AddressIPVersion", "ResourceGroupId", NULL};
    json_t *body = json_object();
    char id[64];
    int r;

    txn_new_id(call->txn, "acl-", id);
    call_resource(call, id);
    json_copy_members(body, call->in, members);
    if (!json_has(body, "ResourceGroupId"))
        json_put_text(body, "ResourceGroupId", "rg-default");
    json_put(body, "AclEntrys", json_array());
    clb_put_times(call, body);
    r = txn_add(call->txn, "clb.acl", id, body);
    if (r == 0)
        r = clb_check_name(call, "InvalidParameter", "AclName");
    if (r == 0)
        r = call_tags(call, body);
    json_put_text(call->out, "AclId", id);
    return r;
}

int clb_set_access_control_list_attribute(struct call *call)
{
    json_t *body;
    int r = clb_check_name(call, "InvalidParameter", "AclName");

    if (r == 0)
        r = edit_acl(call, &body);
    if (r == 0)
        json_put_text(body, "AclName", call_text(call, "AclName"));
    return r;
}

int clb_delete_access_control_list(struct call *call)
{
    CLB_LIST list = {0};
    const struct doc *doc = find_acl(call);

    if (!doc)
        return -EINVAL;
    txn_users(call->txn, "clb.listener", doc->id, &list);
    if (list.n > 0)
        return call_fail(call, "OperationFailed.AclBindedWithVip",
            "The access control list %s is used by the listener %s.", doc->id, list.docs[0]->id);
    call_resource(call, doc->id);
    (void)txn_remove(call->txn, "clb.acl", doc->id);
    return 0;
}

static bool acl_is_asked_for(const struct call *call, const struct doc *doc)
{
    static const char *const members[] = {"AclName", "AddressIPVersion", "ResourceGroupId"};

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *wanted = call_text(call, members[i]);

        if (wanted && !json_text_is(doc->body, members[i], wanted))
            return false;
    }
    return !json_has(doc->body, "WhiteListOf") && call_tags_match(call, doc->body);
}

static void put_acl(json_t *out, const struct doc *doc)
{
    (void)json_object_update(out, doc->body);
    json_put_text(out, "AclId", doc->id);
    clb_put_tags(out, doc->body);
}

int clb_describe_access_control_lists(struct call *call)
{
    json_t *acls = json_array();
    CLB_LIST list = {0};
    int r;

    json_put(call->out, "Acls", acls);
    txn_list(call->txn, "clb.acl", &list);
    clb_filter(call, &list, acl_is_asked_for);
    r = call_page(call, &list);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_object();

        put_acl(one, list.docs[i]);
        (void)json_array_append_new(acls, one);
    }
    json_put_int(call->out, "Count", list.n);
    return 0;
}

/* The entries whose comment is asked for, and of these the page that is (by Page, unlike other
 * lists). */
static int put_entries(struct call *call, const json_t *acl)
{
    const char *comment = call_text(call, "AclEntryComment");
    int64_t page = json_int(call->in, "Page", 1), size = json_int(call->in, "PageSize", 10);
    json_t *found = json_array(), *entry;
    int64_t n = 0;
    size_t i;

    json_put(call->out, "AclEntrys", found);
    if (page < 1 || size < 1 || size > 1000)
        return call_fail(call, "InvalidParameter", "Page counts from 1, PageSize is 1 to 1000.");
    json_array_foreach (json_object_get(acl, "AclEntrys"), i, entry) {
        if (comment && !json_text_is(entry, "AclEntryComment", comment))
            continue;
        /* Without Page all entries are answered. */
        if (!json_has(call->in, "Page") || (n >= (page - 1) * size && n < page * size))
            (void)json_array_append(found, entry);
        n++;
    }
    json_put_int(call->out, "TotalAclEntry", n);
    return 0;
}

int clb_describe_access_control_list_attribute(struct call *call)
{
    static const char *const members[] = {"LoadBalancerId", "ListenerPort", "AclType", NULL};
    const struct doc *doc = find_acl(call);
    json_t *users = json_array();
    CLB_LIST list = {0};

    json_put(call->out, "RelatedListeners", users);
    if (!doc)
        return -EINVAL;
    put_acl(call->out, doc);
    txn_users(call->txn, "clb.listener", doc->id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_object();

        json_copy_members(one, list.docs[i]->body, members);
        json_put_text(one, "Protocol", json_text(list.docs[i]->body, "ListenerProtocol"));
        (void)json_array_append_new(users, one);
    }
    return put_entries(call, doc->body);
}

/* --- legacy white lists ----------------------------------------------------------------------- */

/* The listener's own list; NULL while it has none. */
static const struct doc *white_list(struct call *call, const struct doc *listener)
{
    CLB_LIST list = {0};

    txn_users(call->txn, "clb.acl", listener->id, &list);
    return list.n > 0 ? list.docs[0] : NULL;
}

static json_t *edit_white_list(struct call *call, const struct doc *listener)
{
    const struct doc *acl = white_list(call, listener);
    const json_t *instance =
        txn_body(call->txn, "clb.load_balancer", json_text(listener->body, "LoadBalancerId"));
    json_t *body;
    char id[64];

    if (acl)
        return txn_edit(call->txn, "clb.acl", acl->id);
    txn_new_id(call->txn, "acl-", id);
    body = json_object();
    json_put_text(body, "AclName", listener->id);
    json_put_text(body, "AddressIPVersion", json_text(instance, "AddressIPVersion"));
    json_put_text(body, "WhiteListOf", listener->id);
    json_put(body, "AclEntrys", json_array());
    clb_put_times(call, body);
    return txn_add(call->txn, "clb.acl", id, body) == 0 ? body : NULL;
}

/* Finds the listener and its list, made if need be. */
static int open_white_list(struct call *call, const struct doc **ret_listener, json_t **ret_acl)
{
    const struct doc *listener = clb_find_listener(call, NULL);

    if (!listener)
        return -EINVAL;
    call_resource(call, listener->id);
    *ret_listener = listener;
    *ret_acl = edit_white_list(call, listener);
    return *ret_acl ? 0 : -EEXIST;
}

static bool has_white_list(struct call *call, const struct doc *listener)
{
    const struct doc *acl = white_list(call, listener);

    return acl && json_array_has(listener->body, "AclIds", acl->id, false);
}

int clb_set_listener_access_control_status(struct call *call)
{
    bool is_open = json_text_is(call->in, "AccessControlStatus", "open_white_list");
    const struct doc *listener;
    json_t *acl, *body, *ids;
    int r = open_white_list(call, &listener, &acl);

    if (r < 0)
        return r;
    if (json_text_is(listener->body, "AclStatus", "on") && !has_white_list(call, listener))
        return call_fail(call, "OperationUnsupported.SetAccessControl",
            "The listener %s has an access control list: a white list cannot be set beside it.",
            listener->id);
    body = txn_edit(call->txn, "clb.listener", listener->id);
    json_put_text(body, "AclStatus", is_open ? "on" : "off");
    (void)json_object_del(body, "AclIds");
    (void)json_object_del(body, "AclType");
    if (!is_open)
        return 0;
    ids = json_array();
    (void)json_array_append_new(ids, json_string(white_list(call, listener)->id));
    json_put(body, "AclIds", ids);
    json_put_text(body, "AclType", "white");
    return 0;
}

static int change_white_list(struct call *call, bool is_add)
{
    struct span rest = span_of(call_text(call, "SourceItems")), item;
    const struct doc *listener;
    json_t *acl;
    int r = open_white_list(call, &listener, &acl);

    while (r == 0 && span_next(&rest, ',', &item)) {
        char text[64];

        (void)snprintf(text, sizeof(text), "%.*s", SPAN_ARG(item));
        r = is_add ? entry_add(call, "InvalidParameter.SourceItems", acl, text, NULL)
                   : entry_remove(call, "InvalidParameter.SourceItems",
                         json_object_get(acl, "AclEntrys"), text);
    }
    return r;
}

int clb_add_listener_white_list_item(struct call *call)
{
    return change_white_list(call, true);
}

int clb_remove_listener_white_list_item(struct call *call)
{
    return change_white_list(call, false);
}

int clb_describe_listener_access_control_attribute(struct call *call)
{
    const struct doc *acl;
    char items[CLB_ENTRIES_MAX * 50] = "";
    size_t len = 0, i;
    json_t *entry;
    const struct doc *listener = clb_find_listener(call, NULL);

    if (!listener)
        return -EINVAL;
    acl = white_list(call, listener);
    json_put_text(call->out, "AccessControlStatus",
        has_white_list(call, listener) ? "open_white_list" : "close");
    json_array_foreach (json_object_get(acl ? acl->body : NULL, "AclEntrys"), i, entry)
        len += (size_t)snprintf(items + len, sizeof(items) - len, "%s%s", i > 0 ? "," : "",
            json_text(entry, "AclEntryIP"));
    json_put_text(call->out, "SourceItems", items);
    return 0;
}
