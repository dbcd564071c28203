/* What ALB's operations share, and those that are the same for all kinds of documents. */
#include "control/products/alb/alb.h"

#include "control/products/common/common.h"
#include "control/products/system/jobs.h"

/* --- words -------------------------------------------------------------------------------------- */

/* The API has a word for failure in instances only; refused documents of all kinds get it. */
#define ALB_WORDS(made, active)                                                                    \
    {                                                                                              \
        {                                                                                          \
            [DELIVERY_NEW] = made, [DELIVERY_CHANGED] = "Configuring", [DELIVERY_ACTIVE] = active, \
            [DELIVERY_REFUSED] = "CreateFailed",                                                   \
        }                                                                                          \
    }

const struct alb_words alb_instance_words = ALB_WORDS("Provisioning", "Active");
const struct alb_words alb_listener_words = ALB_WORDS("Provisioning", "Running");
const struct alb_words alb_rule_words = ALB_WORDS("Provisioning", "Available");
const struct alb_words alb_group_words = ALB_WORDS("Creating", "Available");
const struct alb_words alb_server_words = ALB_WORDS("Adding", "Available");
const struct alb_words alb_acl_words = ALB_WORDS("Creating", "Available");
const struct alb_words alb_policy_words = ALB_WORDS("Configuring", "Available");

const char *alb_state(struct call *call, const struct doc *doc, const struct alb_words *words)
{
    return words->words[call_state(call, doc, NULL)];
}

/* --- editions ----------------------------------------------------------------------------------- */

bool alb_is_basic(const json_t *load_balancer)
{
    return json_text_is(load_balancer, "LoadBalancerEdition", "Basic");
}

int alb_need_standard(
    struct call *call, const json_t *load_balancer, const char *feature, const char *what)
{
    char code[128];

    if (!alb_is_basic(load_balancer))
        return 0;
    (void)snprintf(code, sizeof(code), "UnsupportedFeature.%s", feature);
    return call_fail(
        call, code, "%s needs an instance of the edition Standard; this one is Basic.", what);
}

static const struct {
    const char *code, *what;
    size_t basic, standard;
} quotas[] = {
    [ALB_QUOTA_LISTENERS] = {"ResourceQuotaExceeded.LoadBalancerListenersNum", "An instance", 80,
        100},
    [ALB_QUOTA_RULES] = {"ResourceQuotaExceeded.LoadBalancerRulesNum", "An instance", 100, 200},
    [ALB_QUOTA_CERTIFICATES] = {"ResourceQuotaExceeded.LoadBalancerCertificatesNum", "An instance",
        150, 300},
    [ALB_QUOTA_ACL_ENTRIES] = {"ResourceQuotaExceeded.ListenerAclEntriesNum", "A listener", 300,
        500},
    [ALB_QUOTA_ATTACHED] = {"ResourceQuotaExceeded.ServerGroupAttachedNum", "A server group", 50,
        50},
    [ALB_QUOTA_CONDITIONS] = {"QuotaExceeded.RuleMatchEvaluationsNum", "A rule", 5, 10},
    [ALB_QUOTA_ACTIONS] = {"QuotaExceeded.RuleActionsNum", "A rule", 3, 5},
    [ALB_QUOTA_WILDCARDS] = {"QuotaExceeded.RuleWildcardsNum", "A rule", 5, 10},
};

static const char *const quota_things[] = {
    [ALB_QUOTA_LISTENERS] = "listeners",
    [ALB_QUOTA_RULES] = "rules",
    [ALB_QUOTA_CERTIFICATES] = "additional certificates",
    [ALB_QUOTA_ACL_ENTRIES] = "entries of access lists",
    [ALB_QUOTA_ATTACHED] = "listeners and rules that use it",
    [ALB_QUOTA_CONDITIONS] = "values in its conditions",
    [ALB_QUOTA_ACTIONS] = "actions",
    [ALB_QUOTA_WILDCARDS] = "values with wildcards",
};

int alb_check_quota(struct call *call, const json_t *load_balancer, enum alb_quota quota, size_t n)
{
    size_t most = alb_is_basic(load_balancer) ? quotas[quota].basic : quotas[quota].standard;

    if (n <= most)
        return 0;
    return call_fail(call, quotas[quota].code,
        "%s (edition %s) has at most %zu %s; this would make %zu.", quotas[quota].what,
        json_text(load_balancer, "LoadBalancerEdition"), most, quota_things[quota], n);
}

const json_t *alb_instance_of(struct call *call, const json_t *body)
{
    const json_t *instance =
        txn_body(call->txn, ALB_LOAD_BALANCER, json_text(body, "LoadBalancerId"));

    assert(instance);
    return instance;
}

/* --- use of server groups ----------------------------------------------------------------------- */

static bool has_slow_start(const json_t *group)
{
    return json_flag(json_object_get(group, "SlowStartConfig"), "SlowStartEnabled", false);
}

static bool has_drain(const json_t *group)
{
    return json_flag(
        json_object_get(group, "ConnectionDrainConfig"), "ConnectionDrainEnabled", false);
}

static bool has_https(const json_t *group)
{
    return json_text_is(group, "Protocol", "HTTPS");
}

static bool has_https_checks(const json_t *group)
{
    const json_t *check = json_object_get(group, "HealthCheckConfig");

    return json_flag(check, "HealthCheckEnabled", false) &&
           json_text_is(check, "HealthCheckProtocol", "HTTPS");
}

static bool is_zone_local(const json_t *group)
{
    return !json_flag(group, "CrossZoneEnabled", true);
}

/* What of a group Basic instances do not have. */
static const struct {
    bool (*uses)(const json_t *group);
    const char *code, *what;
} standard_only[] = {
    {has_slow_start, "Mismatch.LoadBalancerEditionAndSlowStartEnable", "has slow start"},
    {has_drain, "Mismatch.LoadBalancerEditionAndConnectionDrain", "drains connections"},
    {has_https, "OperationDenied.ServerGroupProtocolNotSupport", "speaks HTTPS to its servers"},
    {has_https_checks, "UnsupportedFeature.HttpsHealthCheck", "checks health by HTTPS"},
    {is_zone_local, "UnsupportedFeature.CrossZoneDisabled", "serves in each zone for itself"},
};

static int check_edition(
    struct call *call, const json_t *instance, const char *group_id, const json_t *group)
{
    if (!alb_is_basic(instance))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(standard_only); i++) {
        if (standard_only[i].uses(group))
            return call_fail(call, standard_only[i].code,
                "The server group %s %s; an instance of the edition Basic cannot use it.", group_id,
                standard_only[i].what);
    }
    return 0;
}

int alb_check_group_editions(struct call *call, const char *group_id, const json_t *group)
{
    static const char *const kinds_of_users[] = {ALB_LISTENER, ALB_RULE};
    int r = 0;

    for (size_t k = 0; k < ARRAY_LEN(kinds_of_users) && r == 0; k++) {
        struct doc_list list;

        txn_users(call->txn, kinds_of_users[k], group_id, &list);
        for (uint32_t i = 0; i < list.n && r == 0; i++)
            r = check_edition(call, alb_instance_of(call, list.docs[i]->body), group_id, group);
        doc_list_done(&list);
    }
    return r;
}

static bool protocols_fit(const char *listener, const char *group)
{
    static const struct {
        const char *listener, *groups;
    } matrix[] = {{"HTTP", "HTTP HTTPS"}, {"HTTPS", "HTTP HTTPS gRPC"}, {"QUIC", "HTTP"}};

    for (size_t i = 0; i < ARRAY_LEN(matrix); i++) {
        struct span groups = span_of(matrix[i].groups);
        struct span one;

        if (strcmp(matrix[i].listener, listener) != 0)
            continue;
        while (span_next(&groups, ' ', &one)) {
            if (span_eq(one, span_of(group)))
                return true;
        }
    }
    return false;
}

int alb_check_group_use(struct call *call, const struct alb_group_use *use)
{
    const json_t *group = txn_body(call->txn, ALB_SERVER_GROUP, use->group_id);
    const char *protocol = json_text(use->listener, "ListenerProtocol");
    size_t n_users = txn_count_users(call->txn, ALB_RULE, use->group_id) +
                     txn_count_users(call->txn, ALB_LISTENER, use->group_id);
    int r;

    if (!group)
        return call_fail(call, "ResourceNotFound.ServerGroup",
            "The server group %s does not exist.", use->group_id);
    if (!json_text_is(group, "VpcId", json_text(use->load_balancer, "VpcId")))
        return call_fail(call, "Mismatch.VpcId",
            "The server group %s is in the VPC %s, the instance in %s.", use->group_id,
            json_text(group, "VpcId"), json_text(use->load_balancer, "VpcId"));
    if (!protocols_fit(protocol, json_text(group, "Protocol")))
        return call_fail(call, use->protocol_code,
            "A listener of protocol %s cannot use the server group %s, the protocol of which is %s.",
            protocol, use->group_id, json_text(group, "Protocol"));
    if (json_flag(group, "Ipv6Enabled", false) &&
        !json_text_is(use->load_balancer, "AddressIpVersion", "DualStack"))
        return call_fail(call, "OperationDenied.NonDualStackInstance",
            "The server group %s has Ipv6Enabled; only dual-stack instances can use it.",
            use->group_id);
    if (json_text_is(group, "Protocol", "gRPC") && !json_flag(use->listener, "Http2Enabled", true))
        return call_fail(call, "OperationDenied.GRPCServerGroup",
            "The server group %s speaks gRPC; its listener needs Http2Enabled.", use->group_id);
    r = use->is_new ? alb_check_quota(call, use->load_balancer, ALB_QUOTA_ATTACHED, n_users + 1)
                    : 0;
    return r < 0 ? r : check_edition(call, use->load_balancer, use->group_id, group);
}

/* --- listeners that use something --------------------------------------------------------------- */

static json_t *related_listeners(struct call *call, const char *id)
{
    static const char *const copied[] = {
        "ListenerPort", "ListenerProtocol", "LoadBalancerId", NULL};
    json_t *related = json_array();
    struct doc_list listeners;

    txn_users(call->txn, ALB_LISTENER, id, &listeners);
    for (uint32_t i = 0; i < listeners.n; i++) {
        json_t *shown = json_object();

        json_copy_members(shown, listeners.docs[i]->body, copied);
        json_put_text(shown, "ListenerId", listeners.docs[i]->id);
        json_put_text(shown, "Status", "Associated");
        (void)json_array_append_new(related, shown);
    }
    doc_list_done(&listeners);
    return related;
}

int alb_list_relations(struct call *call, const struct alb_relations *relations)
{
    json_t *out = json_array();
    const json_t *given;
    size_t i;

    json_put(call->out, relations->out, out);
    json_array_foreach (json_object_get(call->in, relations->param), i, given) {
        const char *id = json_string_value(given);
        json_t *relation;

        if (!txn_get(call->txn, relations->kind, id) &&
            !(relations->is_builtin && relations->is_builtin(id)))
            return call_fail(
                call, relations->not_found, "The %s %s does not exist.", relations->what, id);
        relation = json_object();
        json_put_text(relation, relations->id_member, id);
        json_put(relation, "RelatedListeners", related_listeners(call, id));
        (void)json_array_append_new(out, relation);
    }
    return 0;
}

/* --- tags --------------------------------------------------------------------------------------- */

static const struct tag_kind tag_kinds[] = {
    {"loadbalancer", ALB_LOAD_BALANCER},
    {"acl", ALB_ACL},
    {"securitypolicy", ALB_SECURITY_POLICY},
    {"servergroup", ALB_SERVER_GROUP},
    {NULL, NULL},
};

/* "ResourceNotFound.LoadBalancer" and its like, for the ResourceType asked for. */
static const char *tag_not_found(const struct call *call)
{
    static const struct {
        const char *type, *code;
    } codes[] = {{"loadbalancer", "ResourceNotFound.LoadBalancer"}, {"acl", "ResourceNotFound.Acl"},
        {"securitypolicy", "ResourceNotFound.SecurityPolicy"},
        {"servergroup", "ResourceNotFound.ServerGroup"}};

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (json_text_is(call->in, "ResourceType", codes[i].type))
            return codes[i].code;
    }
    return "ResourceNotFound.LoadBalancer";
}

int alb_tag_resources(struct call *call)
{
    return call_tag_resources(call, tag_kinds, tag_not_found(call));
}

int alb_un_tag_resources(struct call *call)
{
    return call_untag_resources(call, tag_kinds, tag_not_found(call));
}

int alb_list_tag_resources(struct call *call)
{
    return call_list_tag_resources(call, tag_kinds);
}

static const char *kind_of_type(const struct call *call)
{
    for (const struct tag_kind *kind = tag_kinds; kind->type; kind++) {
        if (json_text_is(call->in, "ResourceType", kind->type))
            return kind->kind;
    }
    return NULL;
}

/* Calls fn for each tag of each document of a kind (NULL: of all that have tags), or of that one id. */
static void each_tag(struct call *call, const char *kind, const char *id,
    void (*fn)(struct call *call, const json_t *tag, json_t *out), json_t *out)
{
    struct doc_list list;
    const json_t *tag;
    size_t at;

    for (const struct tag_kind *row = tag_kinds; row->type; row++) {
        if (kind && strcmp(kind, row->kind) != 0)
            continue;
        txn_list(call->txn, row->kind, &list);
        for (uint32_t i = 0; i < list.n; i++) {
            if (id && strcmp(list.docs[i]->id, id) != 0)
                continue;
            json_array_foreach (json_object_get(list.docs[i]->body, "Tags"), at, tag)
                fn(call, tag, out);
        }
        doc_list_done(&list);
    }
}

static void add_key(struct call *call, const json_t *tag, json_t *out)
{
    const char *key = json_text(tag, "Key");
    const char *keyword = call_text(call, "Keyword");
    const json_t *element;
    json_t *shown;
    size_t i;

    if (keyword && !strstr(key, keyword))
        return;
    json_array_foreach (out, i, element) {
        if (json_text_is(element, "TagKey", key))
            return;
    }
    shown = json_object();
    json_put_text(shown, "TagKey", key);
    json_put_text(shown, "Category", "Custom");
    (void)json_array_append_new(out, shown);
}

static void add_value(struct call *call, const json_t *tag, json_t *out)
{
    const json_t *value = json_object_get(tag, "Value");
    const json_t *element;
    size_t i;

    if (!json_text_is(tag, "Key", call_text(call, "TagKey")) || !value)
        return;
    json_array_foreach (out, i, element) {
        if (json_equal(element, value))
            return;
    }
    (void)json_array_append_new(out, json_deep_copy(value));
}

int alb_list_tag_keys(struct call *call)
{
    json_t *keys = json_array();

    json_put(call->out, "TagKeys", keys);
    if (!json_text_is(call->in, "Category", "System")) /* no tag is made by the system */
        each_tag(call, kind_of_type(call), NULL, add_key, keys);
    return call_page_array(call, keys);
}

int alb_list_tag_values(struct call *call)
{
    json_t *values = json_array();

    json_put(call->out, "TagValues", values);
    each_tag(call, kind_of_type(call), call_text(call, "ResourceId"), add_value, values);
    return call_page_array(call, values);
}

/* --- other -------------------------------------------------------------------------------------- */

int alb_move_resource_group(struct call *call)
{
    const struct doc *doc =
        call_find(call, kind_of_type(call), "ResourceId", tag_not_found(call), "resource");

    if (!doc)
        return -ENOENT;
    call_resource(call, doc->id);
    json_put_text(txn_edit(call->txn, doc->kind->name, call->resource), "ResourceGroupId",
        call_text(call, "NewResourceGroupId"));
    return 0;
}

/* --- the product ------------------------------------------------------------------------------- */

static const struct call_operation operations[] = {
    {"AddEntriesToAcl", alb_add_entries_to_acl},
    {"AddServersToServerGroup", alb_add_servers_to_server_group},
    {"ApplyHealthCheckTemplateToServerGroup", alb_apply_health_check_template_to_server_group},
    {"AssociateAclsWithListener", alb_associate_acls_with_listener},
    {"AssociateAdditionalCertificatesWithListener",
        alb_associate_additional_certificates_with_listener},
    {"CancelShiftLoadBalancerZones", alb_cancel_shift_load_balancer_zones},
    {"CreateAcl", alb_create_acl},
    {"CreateHealthCheckTemplate", alb_create_health_check_template},
    {"CreateListener", alb_create_listener},
    {"CreateLoadBalancer", alb_create_load_balancer},
    {"CreateRule", alb_create_rule},
    {"CreateRules", alb_create_rules},
    {"CreateSecurityPolicy", alb_create_security_policy},
    {"CreateServerGroup", alb_create_server_group},
    {"DeleteAcl", alb_delete_acl},
    {"DeleteHealthCheckTemplates", alb_delete_health_check_templates},
    {"DeleteListener", alb_delete_listener},
    {"DeleteLoadBalancer", alb_delete_load_balancer},
    {"DeleteRule", alb_delete_rule},
    {"DeleteRules", alb_delete_rules},
    {"DeleteSecurityPolicy", alb_delete_security_policy},
    {"DeleteServerGroup", alb_delete_server_group},
    {"DescribeRegions", common_describe_regions},
    {"DescribeZones", common_describe_zones},
    {"DisableDeletionProtection", alb_disable_deletion_protection},
    {"DisableLoadBalancerAccessLog", alb_disable_load_balancer_access_log},
    {"DisableLoadBalancerIpv6Internet", alb_disable_load_balancer_ipv6_internet},
    {"DissociateAclsFromListener", alb_dissociate_acls_from_listener},
    {"DissociateAdditionalCertificatesFromListener",
        alb_dissociate_additional_certificates_from_listener},
    {"EnableDeletionProtection", alb_enable_deletion_protection},
    {"EnableLoadBalancerAccessLog", alb_enable_load_balancer_access_log},
    {"EnableLoadBalancerIpv6Internet", alb_enable_load_balancer_ipv6_internet},
    {"GetHealthCheckTemplateAttribute", alb_get_health_check_template_attribute},
    {"GetListenerAttribute", alb_get_listener_attribute},
    {"GetListenerHealthStatus", alb_get_listener_health_status},
    {"GetLoadBalancerAttribute", alb_get_load_balancer_attribute},
    {"ListAclEntries", alb_list_acl_entries},
    {"ListAclRelations", alb_list_acl_relations},
    {"ListAcls", alb_list_acls},
    {"ListAsynJobs", jobs_list},
    {"ListHealthCheckTemplates", alb_list_health_check_templates},
    {"ListListenerCertificates", alb_list_listener_certificates},
    {"ListListeners", alb_list_listeners},
    {"ListLoadBalancers", alb_list_load_balancers},
    {"ListRules", alb_list_rules},
    {"ListSecurityPolicies", alb_list_security_policies},
    {"ListSecurityPolicyRelations", alb_list_security_policy_relations},
    {"ListServerGroupServers", alb_list_server_group_servers},
    {"ListServerGroups", alb_list_server_groups},
    {"ListSystemSecurityPolicies", alb_list_system_security_policies},
    {"ListTagKeys", alb_list_tag_keys},
    {"ListTagResources", alb_list_tag_resources},
    {"ListTagValues", alb_list_tag_values},
    {"LoadBalancerJoinSecurityGroup", alb_load_balancer_join_security_group},
    {"LoadBalancerLeaveSecurityGroup", alb_load_balancer_leave_security_group},
    {"MoveResourceGroup", alb_move_resource_group},
    {"RemoveEntriesFromAcl", alb_remove_entries_from_acl},
    {"RemoveServersFromServerGroup", alb_remove_servers_from_server_group},
    {"ReplaceServersInServerGroup", alb_replace_servers_in_server_group},
    {"StartListener", alb_start_listener},
    {"StartShiftLoadBalancerZones", alb_start_shift_load_balancer_zones},
    {"StopListener", alb_stop_listener},
    {"TagResources", alb_tag_resources},
    {"UnTagResources", alb_un_tag_resources},
    {"UpdateAclAttribute", alb_update_acl_attribute},
    {"UpdateHealthCheckTemplateAttribute", alb_update_health_check_template_attribute},
    {"UpdateListenerAttribute", alb_update_listener_attribute},
    {"UpdateListenerLogConfig", alb_update_listener_log_config},
    {"UpdateLoadBalancerAddressTypeConfig", alb_update_load_balancer_address_type_config},
    {"UpdateLoadBalancerAttribute", alb_update_load_balancer_attribute},
    {"UpdateLoadBalancerEdition", alb_update_load_balancer_edition},
    {"UpdateLoadBalancerZones", alb_update_load_balancer_zones},
    {"UpdateRuleAttribute", alb_update_rule_attribute},
    {"UpdateRulesAttribute", alb_update_rules_attribute},
    {"UpdateSecurityPolicyAttribute", alb_update_security_policy_attribute},
    {"UpdateServerGroupAttribute", alb_update_server_group_attribute},
    {"UpdateServerGroupServersAttribute", alb_update_server_group_servers_attribute},
};

const struct product product_alb = {
    .name = "Alb",
    .operations = operations,
    .n_operations = ARRAY_LEN(operations),
};
