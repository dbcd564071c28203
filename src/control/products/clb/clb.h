/* CLB: the operations of product Slb, and the documents they keep.
 *
 * The compiler reads these documents, so their shape is written down here. Members have the names
 * and the values of the API's parameters; "-" before a member: it may be absent. "CreateTime" is
 * the API's text, "CreateTimeStamp" the same moment in milliseconds. "Tags": [{"Key", "Value",
 * ...}].
 *
 * clb.load_balancer "lb-..."
 *     LoadBalancerName, AddressType "internet"|"intranet", AddressIPVersion "ipv4"|"ipv6", Address
 *     (text), -EipId (the EIP that Address is of), NetworkType "vpc"|"classic", -VpcId, -VSwitchId,
 *     MasterZoneId, -SlaveZoneId, InternetChargeType, InstanceChargeType, PayType,
 *     -LoadBalancerSpec ("slb.s1.small": clb_spec_find has its limits; absent: no limits),
 *     -Bandwidth (Mbit/s of the whole instance; absent: no limit), DeleteProtection "on"|"off",
 *     ModificationProtectionStatus, -ModificationProtectionReason, ResourceGroupId, Tags, Enabled
 *     (false: inactive, none of its listeners forwards), CreateTime, CreateTimeStamp,
 *     BackendServers: [{ServerUid, ServerId, ServerIp (as it was when added), Type, Weight 0..100,
 *     -Description}]: the default group; ports come from the listeners' BackendServerPort.
 *
 * clb.vserver_group "rsp-..."
 *     LoadBalancerId, VServerGroupName, Tags, CreateTime, CreateTimeStamp,
 *     Servers: [{ServerUid, ServerId, ServerIp, Type, Port, Weight, -Description}]
 *
 * clb.master_slave_group "rsp-..."
 *     LoadBalancerId, MasterSlaveServerGroupName, Tags, CreateTime, CreateTimeStamp,
 *     Servers: two of [{..as above.., ServerType "Master"|"Slave"}]
 *
 * clb.listener "lb-1:tcp:80" (clb_listener_id)
 *     LoadBalancerId, ListenerProtocol "tcp"|"udp"|"http"|"https", ListenerPort, Enabled (false:
 *     stopped; so it is created), -VServerGroupId or (tcp, udp) -MasterSlaveServerGroupId, else the
 *     default group with BackendServerPort (which may also stay beside a group, and then means
 *     nothing); none of them is needed with ListenerForward "on". Bandwidth (-1: no limit, else
 *     Mbit/s), Scheduler, -Description, Tags, AclStatus "on"|"off", -AclType "white"|"black",
 *     -AclIds [1 to 3 ids]; HealthCheck "on"|"off", -HealthCheckConnectPort (absent: the server's
 *     own), HealthCheckInterval (s), HealthyThreshold, UnhealthyThreshold, and
 *       tcp:         HealthCheckConnectTimeout (s), HealthCheckType "tcp"|"http"; for http
 *                    -HealthCheckDomain ("$_ip" or absent: the server's address), HealthCheckURI,
 *                    HealthCheckHttpCode ("http_2xx,http_3xx"), HealthCheckMethod "get"
 *       udp:         HealthCheckConnectTimeout, -HealthCheckReq, -HealthCheckExp
 *       http, https: HealthCheckTimeout, -HealthCheckDomain, HealthCheckURI, HealthCheckHttpCode,
 *                    HealthCheckMethod
 *       (checks by HTTP speak version 1.0)
 *     tcp:   EstablishedTimeout (s), PersistenceTimeout (s, 0: off), ConnectionDrain "on"|"off",
 *            -ConnectionDrainTimeout (s)
 *     tcp, udp:    ProxyProtocolV2Enabled (boolean)
 *     http, https: IdleTimeout, RequestTimeout (s), Gzip "on"|"off", XForwardedFor "on"|"off" and
 *            XForwardedFor_proto, _SLBIP, _SLBID, _SLBPORT, _ClientSrcPort; StickySession
 *            "on"|"off", -StickySessionType "insert"|"server", -CookieTimeout (s, insert), -Cookie
 *            (name, server)
 *     http:  ListenerForward "on"|"off"; if on: ForwardPort, ForwardKey (id of the https listener):
 *            302 to https, same host, path and query, the port only if it is not 443
 *     https: ServerCertificateId, -CACertificateId (present: mutual TLS), TLSCipherPolicy (a system
 *            policy's name, or "tls-..."), EnableHttp2 "on"|"off"
 *
 * clb.rule "rule-..."
 *     LoadBalancerId, ListenerKey ("lb-1:http:80"), ListenerPort, ListenerProtocol, RuleName,
 *     -Domain ("*.a.b" or exact, lower case), -Url (prefix of the path), VServerGroupId,
 *     ListenerSync "on"|"off"; if off: Scheduler, StickySession..., HealthCheck... as in http
 *     listeners
 *
 * clb.acl "acl-..."
 *     AclName, AddressIPVersion, AclEntrys: [{AclEntryIP "10.0.0.0/8" (always with a prefix
 *     length), -AclEntryComment}], ResourceGroupId, Tags, CreateTime, CreateTimeStamp;
 *     -WhiteListOf: the listener whose legacy white list it is (not shown as an ACL). White with no
 *     entries forwards everything, as black does.
 *
 * clb.domain_extension "de-..."
 *     LoadBalancerId, ListenerKey, ListenerPort, Domain, ServerCertificateId
 *
 * clb.tls_policy "tls-..."
 *     Name, TLSVersions ["TLSv1.2", ..], Ciphers [..], CreateTime (milliseconds)
 *
 * clb.access_log "alog-<instance>"
 *     LoadBalancerId, LogProject, LogStore, LogType "layer7", Region.
 *     While an instance has one, its http and https listeners write access-log lines (into the
 *     node's file); else they do not. Project and store are kept for those who ask, nothing is
 *     shipped to them.
 */
#pragma once

#include "control/call.h"

/* --- limits of the product: those that bound what one instance can become --------------------- */

#define CLB_LISTENERS_MAX   50u   /* of an instance */
#define CLB_SERVERS_MAX     200u  /* of an instance: servers in all its groups, each counted once */
#define CLB_RULES_MAX       40u   /* of a listener */
#define CLB_DOMAINS_MAX     3u    /* additional certificates of a listener */
#define CLB_ENTRIES_MAX     300u  /* of an ACL */
#define CLB_ACL_USERS_MAX   50u   /* listeners of an ACL */
#define CLB_ACLS_MAX        3u    /* of a listener */
#define CLB_ACL_ENTRIES_MAX 1000u /* of all ACLs of a listener */

/* What a specification allows. */
struct clb_spec {
    const char *name; /* "slb.s1.small" */
    uint32_t max_connections, connections_per_s, requests_per_s;
};
/* NULL if there is none of that name. */
const struct clb_spec *clb_spec_find(const char *name);

/* --- finding what parameters name: the document, or NULL after call_fail with the code ---------- */

#define CLB_LISTENER_LEN 96u

/* "lb-1:tcp:80" into buf[CLB_LISTENER_LEN]; returns buf. */
const char *clb_listener_id(const char *instance, const char *protocol, int64_t port, char *buf);

/* call_fail where a document is to be given. */
#define CLB_NONE(...) (call_set_error(__VA_ARGS__), NULL)

/* The instance that LoadBalancerId names. */
const struct doc *clb_find_instance(struct call *call) MUST_CHECK;
/* The listener that LoadBalancerId, ListenerPort and protocol name. protocol NULL:
 * ListenerProtocol's, which must be given only if several listeners have the port. */
const struct doc *clb_find_listener(struct call *call, const char *protocol) MUST_CHECK;
/* The document that a parameter names, with a message of the form clients look for: "The specified
 * VServerGroupId does not exist". */
const struct doc *clb_find_group(struct call *call, const char *kind, const char *param) MUST_CHECK;
/* A list of documents that frees itself; begins as {0}. */
#define CLB_LIST struct doc_list __attribute__((cleanup(doc_list_done)))
/* Keeps the documents that keep(call, doc) likes. */
typedef bool (*clb_keep_fn)(const struct call *call, const struct doc *doc);
void clb_filter(const struct call *call, struct doc_list *list, clb_keep_fn keep);

/* --- documents and answers -------------------------------------------------------------------- */

/* CreateTime and CreateTimeStamp of a new document. */
void clb_put_times(const struct call *call, json_t *body);
/* "2026-01-02T03:04:05Z" into buf[32]; returns buf. */
const char *clb_time(uint64_t ms, char *buf);
/* Tags, empty if there are none. */
void clb_put_tags(json_t *out, const json_t *body);
/* Whether a text consists of letters (also beyond ASCII), digits and the characters of more. */
bool clb_text_is(const char *text, const char *more);
/* "-/._", the characters of names. Fails with code unless text is NULL or a name. */
int clb_check_name(struct call *call, const char *code, const char *param) MUST_CHECK;
/* Host names of rules and extensions: exact or "*." and a name. Lower-cases into buf of 256. */
bool clb_domain(const char *text, char *buf);
/* Paths of rules and checks: 1 to 80 characters, a slash first. */
bool clb_path_is(const char *path);
/* An address or a network, written with a prefix length into buf of 64: family 4 or 6, or 0 if
 * it is neither. */
int clb_cidr(const char *text, char *buf);

/* --- servers ---------------------------------------------------------------------------------- */

/* A list of servers within a document, and what is asked of its members. */
struct clb_servers {
    const char *kind;   /* of the document */
    const char *member; /* "Servers", "BackendServers" */
    bool has_port;      /* members have ports of their own */
};
extern const struct clb_servers clb_default_servers, clb_vserver_servers, clb_master_slave_servers;

/* Adds the servers of an array (as requests have them) to a list: resolved, each with a new
 * ServerUid. Checks ports, addresses, networks, duplicates, the quota of the instance. */
int clb_servers_add(struct call *call, const struct clb_servers *servers, json_t *list,
    const json_t *given, const char *instance_id) MUST_CHECK;
/* Changes weights and descriptions of those that are in the list. InvalidServerId.NotExist for
 * one that is not. */
int clb_servers_set(struct call *call, const struct clb_servers *servers, json_t *list,
    const json_t *given) MUST_CHECK;
/* Removes those that are in the list; others are left alone. */
void clb_servers_remove(const struct clb_servers *servers, json_t *list, const json_t *given);
/* Index in list of the server that given names, or -1. */
int clb_servers_find(const struct clb_servers *servers, const json_t *list, const json_t *given);

/* --- listeners -------------------------------------------------------------------------------- */

/* Settings in the document of a listener, or of a rule with settings of its own, fit together. */
int clb_check_sticky(struct call *call, const json_t *body) MUST_CHECK;
int clb_check_health(struct call *call, const json_t *body) MUST_CHECK;
/* The ACLs of a listener's document: families, duplicates, limits. */
int clb_check_acls(struct call *call, const json_t *body) MUST_CHECK;
/* The sum of the listeners' bandwidths is within the instance's. */
int clb_check_bandwidth(struct call *call, const char *instance_id) MUST_CHECK;
/* Removes a listener with its rules and domain extensions. */
void clb_remove_listener(struct call *call, const char *id);
