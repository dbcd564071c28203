/* ALB: instances, listeners, rules, server groups and what belongs to them as documents, and the operations on them.
 *
 * Bodies have the API's own member names. "=" marks what is always there; "?" what may be absent. Numbers are
 * integers, times in seconds as in the API, switches real booleans. Tags: [{Key, Value}].
 *
 * alb.load_balancer "alb-..."
 *   = AddressType            "Internet" | "Intranet"
 *   = AddressIpVersion       "IPv4" | "DualStack"; DualStack: = Ipv6AddressType "Intranet" | "Internet"
 *   = AddressAllocatedMode   "Fixed" | "Dynamic"; addresses are fixed either way, shifting a zone asks for Fixed
 *   = LoadBalancerEdition    "Basic" | "Standard"
 *   = VpcId
 *   = CreateTime             "2026-01-02T03:04:05Z"
 *   = DNSName                "<id>.<region>.alb.<suffix>"
 *   = DeletionProtectionConfig {Enabled, EnabledTime?}
 *   = ModificationProtectionConfig {Status "NonProtection"|"ConsoleProtection", Reason?}
 *   = LoadBalancerBillingConfig {PayType}
 *   = SecurityGroupIds       0..4 ids
 *   = Tags
 *   = ZoneMappings           [{ZoneId, VSwitchId, Status "Active"|"Shifted", LoadBalancerAddresses:
 *                              [{Address, IntranetAddress, Ipv4LocalAddresses: [two texts], AllocationId?, EipType?,
 *                              DualStack: Ipv6Address, Ipv6LocalAddresses: [two texts]}]}];
 *                            one element per zone, of one address of each family. Address is the EIP's if there is AllocationId,
 *                            else the same as IntranetAddress: clients reach both, servers are spoken to from
 *                            Ipv4LocalAddresses. Shifted: the zone's address is out of the DNS name, nothing else.
 *   ? LoadBalancerName, ResourceGroupId
 *   ? AccessLogConfig        {LogProject, LogStore}: accesses are logged (absent: they are not)
 *
 * alb.listener "lsn-..."
 *   = LoadBalancerId
 *   = ListenerProtocol       "HTTP" | "HTTPS" | "QUIC"
 *   = ListenerPort           1..65535
 *   = DefaultActions         [{Type "ForwardGroup", ForwardGroupConfig {ServerGroupTuples: [{ServerGroupId}]}}], one group
 *   = IdleTimeout, RequestTimeout   1..600 s
 *   = GzipEnabled
 *   = XForwardedForConfig    = XForwardedForEnabled, XForwardedForProcessingMode "append"|"remove", and the switches
 *                            XForwardedFor{Proto,SLBId,SLBPort,Host,ClientSrcPort,ClientSourceIps,ClientCertSubjectDN,
 *                            ClientCertIssuerDN,ClientCertFingerprint,ClientCertClientVerify}Enabled;
 *                            ? XForwardedForClientSourceIpsTrusted ("0.0.0.0/0", or "a;b/n": trusted proxies) and
 *                            XForwardedForClientCert{SubjectDN,IssuerDN,Fingerprint,ClientVerify}Alias
 *                            Disabled: the header passes as it came.
 *   = Enabled                false: stopped, no port is bound
 *   = LogConfig              {AccessLogRecordCustomizedHeadersEnabled, AccessLogTracingConfig {TracingEnabled,
 *                             TracingSample? 1..10000, TracingType? "Zipkin"}}
 *   = Tags
 *   ? ListenerDescription
 *   ? AclConfig              {AclType "White"|"Black", AclRelations: [{AclId}]}, one to three; absent: no list
 *   HTTPS, QUIC also
 *   = Certificates           [{CertificateId}], the default one
 *   = AdditionalCertificates [{CertificateId}], chosen by server name
 *   HTTPS also
 *   = Http2Enabled
 *   = SecurityPolicyId       name of a system policy or "sp-..."
 *   = CaEnabled; = CaCertificates [{CertificateId}], one if CaEnabled, else none
 *   = QuicConfig             {QuicUpgradeEnabled, QuicListenerId?}: true: HTTP/3 of that listener is advertised
 *
 * alb.rule "rule-..."
 *   = ListenerId, LoadBalancerId, RuleName
 *   = Priority               1..10000, unique in its listener and direction; first match wins
 *   = Direction              "Request" | "Response"
 *   = RuleConditions         [{Type, <Type>Config}], all must hold; values of one are alternatives
 *       Host, Path, Method, SourceIp, ResponseStatusCode: <Type>Config {Values: [texts]}
 *       Header, ResponseHeader: {Key, Values: [texts]};   QueryString, Cookie: {Values: [{Key, Value}]}
 *       Host and Path: * is any text, ? one character; "~" and "~*" before a value: a regular expression, the letter
 *       case of which matters or not. SourceIp: addresses and CIDRs. ResponseStatusCode: "200", "200-299".
 *   = RuleActions            [{Type, Order, <Type>Config}] in ascending Order; the last of a request rule decides
 *       ForwardGroup  {ServerGroupTuples: [{ServerGroupId, Weight 0..100}], ServerGroupStickySession? {Enabled, Timeout s}}
 *       Redirect      {Protocol "${protocol}"|"HTTP"|"HTTPS", Host, Port, Path, Query, HttpCode "301".."308"}, all there
 *       FixedResponse {HttpCode "200", Content, ContentType?}
 *       Rewrite       {Host, Path, Query}, all there; ${host}, ${path}, ${query} leave the request's
 *       InsertHeader  {Key, Value, ValueType "UserDefined"|"ReferenceHeader"|"SystemDefined"}; an existing one is replaced
 *       RemoveHeader  {Key};   TrafficLimit {QPS?, PerIpQps?}
 *       TrafficMirror {TargetType "ForwardGroupMirror", MirrorGroupConfig {ServerGroupTuples: [{ServerGroupId}]}}
 *       Cors          {AllowOrigin: [], AllowMethods: [], AllowHeaders: [], ExposeHeaders: [], AllowCredentials "on"|"off",
 *                      MaxAge s}, all there
 *   = Tags
 *
 * alb.server_group "sgp-..."
 *   = ServerGroupName, VpcId
 *   = ServerGroupType        "Instance" | "Ip"
 *   = Protocol               "HTTP" | "HTTPS" | "gRPC"
 *   = Scheduler              "Wrr" | "Wlc" | "Sch" | "Uch"; Uch: = UchConfig {Type "QueryString", Value: parameter name}
 *   = Ipv6Enabled            servers may have IPv6 addresses; for DualStack instances only
 *   = CrossZoneEnabled, UpstreamKeepaliveEnabled
 *   = StickySessionConfig    {= StickySessionEnabled; if true = StickySessionType "Insert" with = CookieTimeout s, or
 *                             "Server" with = Cookie}
 *   = ConnectionDrainConfig  {ConnectionDrainEnabled, ConnectionDrainTimeout s}
 *   = SlowStartConfig        {SlowStartEnabled, SlowStartDuration s}
 *   = HealthCheckConfig      = HealthCheckEnabled, HealthCheckProtocol "HTTP"|"HTTPS"|"TCP"|"gRPC",
 *                            HealthCheckConnectPort (0: the server's), HealthCheckTimeout, HealthCheckInterval (s),
 *                            HealthyThreshold, UnhealthyThreshold, HealthCheckMethod, HealthCheckHttpVersion, HealthCheckPath,
 *                            HealthCheckHost ("$SERVER_IP": the server's address), HealthCheckCodes ["http_2xx"], gRPC ["0-3"].
 *                            All are kept, whatever the protocol uses and while it is off. Weight 0 is not checked.
 *   = Servers                [{ServerUid "srv-...", ServerId, ServerType "Ecs"|"Eni"|"Eci"|"Ip", ServerIp (resolved),
 *                              Port, Weight 0..100, RemoteIpEnabled, Description?}]
 *   = CreateTime, Tags;   ? ResourceGroupId
 *
 * alb.acl "acl-..."          AclName, AddressIPVersion "IPv4", AclEntries: [{Entry "10.0.0.0/8", Description?}], CreateTime, Tags.
 *                            No entries: no effect, white or black.
 * alb.security_policy "sp-..."   SecurityPolicyName, TLSVersions ["TLSv1.2"...], Ciphers [texts], CreateTime, Tags
 * alb.health_check_template "hct-..."   HealthCheckTemplateName, Tags, and the members of HealthCheckConfig but Enabled;
 *                            groups copy it, the data plane does not see it.
 */
#pragma once

#include "control/call.h"

extern const struct product product_alb;

#define ALB_LOAD_BALANCER         "alb.load_balancer"
#define ALB_LISTENER              "alb.listener"
#define ALB_RULE                  "alb.rule"
#define ALB_SERVER_GROUP          "alb.server_group"
#define ALB_ACL                   "alb.acl"
#define ALB_SECURITY_POLICY       "alb.security_policy"
#define ALB_HEALTH_CHECK_TEMPLATE "alb.health_check_template"

/* --- what the operations share (alb.c) --------------------------------------------------------- */

/* Words of a document's state, by enum delivery. */
struct alb_words {
    const char *words[DELIVERY_REFUSED + 1];
};
extern const struct alb_words alb_instance_words, alb_listener_words, alb_rule_words,
    alb_group_words, alb_server_words, alb_acl_words, alb_policy_words;
const char *alb_state(struct call *call, const struct doc *doc, const struct alb_words *words);

bool alb_is_basic(const json_t *load_balancer);
/* Unless the instance's edition is above Basic: code UnsupportedFeature.<feature>. what begins the sentence. */
int alb_need_standard(struct call *call, const json_t *load_balancer, const char *feature,
    const char *what) MUST_CHECK;

enum alb_quota {
    ALB_QUOTA_LISTENERS,    /* of an instance */
    ALB_QUOTA_RULES,        /* of an instance */
    ALB_QUOTA_CERTIFICATES, /* additional, of an instance */
    ALB_QUOTA_ACL_ENTRIES,  /* of a listener */
    ALB_QUOTA_ATTACHED,     /* listeners and rules that use one group */
    ALB_QUOTA_CONDITIONS,   /* values, of a rule */
    ALB_QUOTA_ACTIONS,      /* of a rule */
    ALB_QUOTA_WILDCARDS,    /* of a rule */
};
/* n: how many there will be. */
int alb_check_quota(
    struct call *call, const json_t *load_balancer, enum alb_quota quota, size_t n) MUST_CHECK;

/* Use of a server group by a listener or rule. */
struct alb_group_use {
    const json_t *load_balancer, *listener; /* bodies */
    const char *group_id;
    const char *protocol_code; /* group and listener do not fit */
    bool is_new;               /* counts towards the group's associations */
};
/* The group exists, is of the instance's VPC, fits the listener's protocol and the edition. */
int alb_check_group_use(struct call *call, const struct alb_group_use *use) MUST_CHECK;
/* Whether what a group is set to fits the edition of each instance that uses it. */
int alb_check_group_editions(
    struct call *call, const char *group_id, const json_t *group) MUST_CHECK;

/* Which listeners use each of the documents that a parameter names. */
struct alb_relations {
    const char *param;                  /* "AclIds" */
    const char *kind;                   /* of the documents */
    const char *out;                    /* "AclRelations": [{<id_member>, RelatedListeners}] */
    const char *id_member;              /* "AclId" */
    bool (*is_builtin)(const char *id); /* names that are no documents; NULL: there are none */
    const char *not_found, *what;
};
int alb_list_relations(struct call *call, const struct alb_relations *relations) MUST_CHECK;

/* The instance of a document with LoadBalancerId: never NULL. */
const json_t *alb_instance_of(struct call *call, const json_t *body);

/* --- the operations ---------------------------------------------------------------------------- */

/* instance.c */
int alb_create_load_balancer(struct call *call);
int alb_get_load_balancer_attribute(struct call *call);
int alb_list_load_balancers(struct call *call);
int alb_update_load_balancer_attribute(struct call *call);
int alb_enable_deletion_protection(struct call *call);
int alb_disable_deletion_protection(struct call *call);
int alb_update_load_balancer_edition(struct call *call);
int alb_delete_load_balancer(struct call *call);
int alb_update_load_balancer_zones(struct call *call);
int alb_start_shift_load_balancer_zones(struct call *call);
int alb_cancel_shift_load_balancer_zones(struct call *call);
int alb_update_load_balancer_address_type_config(struct call *call);
int alb_enable_load_balancer_ipv6_internet(struct call *call);
int alb_disable_load_balancer_ipv6_internet(struct call *call);
int alb_load_balancer_join_security_group(struct call *call);
int alb_load_balancer_leave_security_group(struct call *call);
int alb_enable_load_balancer_access_log(struct call *call);
int alb_disable_load_balancer_access_log(struct call *call);

/* listener.c */
int alb_create_listener(struct call *call);
int alb_get_listener_attribute(struct call *call);
int alb_list_listeners(struct call *call);
int alb_update_listener_attribute(struct call *call);
int alb_start_listener(struct call *call);
int alb_stop_listener(struct call *call);
int alb_delete_listener(struct call *call);
int alb_update_listener_log_config(struct call *call);

/* certificate.c */
int alb_associate_additional_certificates_with_listener(struct call *call);
int alb_dissociate_additional_certificates_from_listener(struct call *call);
int alb_list_listener_certificates(struct call *call);

/* health.c */
int alb_get_listener_health_status(struct call *call);

/* rule.c */
int alb_create_rule(struct call *call);
int alb_create_rules(struct call *call);
int alb_list_rules(struct call *call);
int alb_update_rule_attribute(struct call *call);
int alb_update_rules_attribute(struct call *call);
int alb_delete_rule(struct call *call);
int alb_delete_rules(struct call *call);

/* group.c */
int alb_create_server_group(struct call *call);
int alb_list_server_groups(struct call *call);
int alb_update_server_group_attribute(struct call *call);
int alb_delete_server_group(struct call *call);
int alb_add_servers_to_server_group(struct call *call);
int alb_remove_servers_from_server_group(struct call *call);
int alb_update_server_group_servers_attribute(struct call *call);
int alb_replace_servers_in_server_group(struct call *call);
int alb_list_server_group_servers(struct call *call);

/* health_check.c */
int alb_create_health_check_template(struct call *call);
int alb_get_health_check_template_attribute(struct call *call);
int alb_list_health_check_templates(struct call *call);
int alb_update_health_check_template_attribute(struct call *call);
int alb_apply_health_check_template_to_server_group(struct call *call);
int alb_delete_health_check_templates(struct call *call);

/* acl.c */
int alb_create_acl(struct call *call);
int alb_list_acls(struct call *call);
int alb_update_acl_attribute(struct call *call);
int alb_delete_acl(struct call *call);
int alb_add_entries_to_acl(struct call *call);
int alb_remove_entries_from_acl(struct call *call);
int alb_list_acl_entries(struct call *call);
int alb_list_acl_relations(struct call *call);
int alb_associate_acls_with_listener(struct call *call);
int alb_dissociate_acls_from_listener(struct call *call);

/* policy.c */
int alb_create_security_policy(struct call *call);
int alb_list_security_policies(struct call *call);
int alb_list_system_security_policies(struct call *call);
int alb_list_security_policy_relations(struct call *call);
int alb_update_security_policy_attribute(struct call *call);
int alb_delete_security_policy(struct call *call);

/* alb.c */
int alb_tag_resources(struct call *call);
int alb_un_tag_resources(struct call *call);
int alb_list_tag_resources(struct call *call);
int alb_list_tag_keys(struct call *call);
int alb_list_tag_values(struct call *call);
int alb_move_resource_group(struct call *call);
