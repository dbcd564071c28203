/* NLB: instances, listeners, server groups and TLS policies as documents, and the operations on them.
 *
 * Bodies have the API's own member names. "=" marks what is always there; "?" what may be absent. Numbers are
 * integers, times in seconds as in the API, switches real booleans.
 *
 * nlb.load_balancer "nlb-..."
 *   = AddressType            "Internet" | "Intranet"
 *   = AddressIpVersion       "ipv4" | "DualStack"; DualStack: = Ipv6AddressType "Intranet" | "Internet"
 *   = VpcId
 *   = CreateTime             "2026-01-02T03:04:05Z"
 *   = DNSName                "nlb-<id>.<region>.nlb.<suffix>"
 *   = CrossZoneEnabled       true; false: an address uses servers of its own zone only
 *   = Cps                    0..1000000 new connections per second and address; 0: no limit
 *   = DeletionProtectionConfig {Enabled, Reason?, EnabledTime?}
 *   = ModificationProtectionConfig {Status "NonProtection"|"ConsoleProtection", Reason?, EnabledTime?}
 *   = SecurityGroupIds       0..4 ids
 *   = Tags                   [{Key, Value}]
 *   = ZoneMappings           [{ZoneId, VSwitchId, Status "Active"|"Shifted", LoadBalancerAddresses:
 *                              [{PrivateIPv4Address, Ipv4LocalAddresses: [texts],
 *                                AllocationId?, PublicIPv4Address?, EipType?,
 *                                DualStack: Ipv6Address, Ipv6LocalAddresses: [texts]}]}]; one element per zone, of one
 *                            address of each family. Clients reach PrivateIPv4Address, PublicIPv4Address and Ipv6Address;
 *                            servers are spoken to from Ipv4LocalAddresses. Shifted: the zone's address is out of the DNS name, nothing else.
 *   ? LoadBalancerName, ResourceGroupId
 *
 * nlb.listener "lsn-..."
 *   = LoadBalancerId, ServerGroupId
 *   = ListenerProtocol       "TCP" | "UDP" | "TCPSSL"
 *   = ListenerPort           1..65535; 0: a range, then = StartPort, EndPort (numbers), the group is AnyPortEnabled
 *   = IdleTimeout            seconds: TCP, TCPSSL 10..900; UDP 10..90
 *   = Cps                    0..1000000 per address; 0: no limit
 *   = Mss                    0..1500; 0: untouched
 *   = ProxyProtocolEnabled   version 2
 *   = ProxyProtocolV2Config  {Ppv2VpcIdEnabled, Ppv2PrivateLinkEpIdEnabled, Ppv2PrivateLinkEpsIdEnabled}: TLVs
 *   = SecSensorEnabled       false
 *   = AlpnEnabled            TCPSSL; then = AlpnPolicy "HTTP1Only"|"HTTP2Only"|"HTTP2Preferred"|"HTTP2Optional"
 *   = CertificateIds         TCPSSL: one id, the default certificate; else empty
 *   = CaEnabled, CaCertificateIds   TCPSSL: one id if CaEnabled, else empty
 *   = AdditionalCertificates [{CertificateId}], chosen by server name
 *   ? SecurityPolicyId       TCPSSL: name of a system policy or "sp-..."
 *   = Enabled                false: stopped, no port is bound
 *   = Tags
 *   ? ListenerDescription
 *
 * nlb.server_group "sgp-..."
 *   = ServerGroupName, VpcId
 *   = ServerGroupType        "Instance" | "Ip"
 *   = Protocol               "TCP" | "UDP" | "TCP_UDP" (serves listeners of both)
 *   = AddressIPVersion       "ipv4" | "DualStack": servers may have IPv6 addresses, for DualStack instances only
 *   = Scheduler              "Wrr" | "Wlc" | "rr" | "sch" | "tch" | "qch" (UDP only)
 *   = AnyPortEnabled         true: servers have Port 0 and are spoken to at the port the client used
 *   = PreserveClientIpEnabled  false
 *   = ConnectionDrainEnabled, ConnectionDrainTimeout   seconds, 0..900
 *   = HealthCheck            {= HealthCheckEnabled, = HealthCheckType "TCP"|"HTTP"|"UDP",
 *                             = HealthCheckConnectPort 0: the server's own, = HealthCheckConnectTimeout seconds,
 *                             = HealthCheckInterval seconds, = HealthyThreshold, = UnhealthyThreshold;
 *                             HTTP: = HttpCheckMethod "GET"|"HEAD", = HealthCheckHttpVersion "HTTP1.0"|"HTTP1.1",
 *                             = HealthCheckUrl, = HealthCheckHttpCode ["http_2xx"...],
 *                             ? HealthCheckDomain ("$SERVER_IP" or absent: the server's address);
 *                             UDP: ? HealthCheckReq, HealthCheckExp}. All members but HealthCheckEnabled are kept
 *                            while it is false.
 *   = Servers                [{ServerUid "srv-...", ServerId, ServerType "Ecs"|"Eni"|"Eci"|"Ip", ServerIp (resolved),
 *                              Port, Weight 0..100, Description?}]
 *   = Tags
 *
 * nlb.security_policy "sp-..."
 *   = SecurityPolicyName, TlsVersions ["TLSv1.2"...], Ciphers [texts], Tags
 *
 * What the data plane lacks is compiled all the same; it refuses it by name.
 */
#pragma once

#include "control/call.h"

#define NLB_LOAD_BALANCER   "nlb.load_balancer"
#define NLB_LISTENER        "nlb.listener"
#define NLB_SERVER_GROUP    "nlb.server_group"
#define NLB_SECURITY_POLICY "nlb.security_policy"

/* --- shared by the files of this folder -------------------------------------------------------- */

/* What LoadBalancerId, ListenerId or ServerGroupId of the request names, or NULL after call_fail. */
const struct doc *nlb_find_load_balancer(struct call *call);
const struct doc *nlb_find_listener(struct call *call);
const struct doc *nlb_find_group(struct call *call);
/* The certificate of that id, a CA's or a server's, or NULL after call_fail with not_found. */
const struct doc *nlb_find_certificate(
    struct call *call, const char *id, bool is_ca, const char *not_found);
/* Moves the members of given, which ends here, into out. */
void nlb_put_all(json_t *out, json_t *given);
/* A system policy or one that a user made. */
bool nlb_is_security_policy(struct call *call, const char *id);

/* --- operations -------------------------------------------------------------------------------- */

/* instance.c */
int nlb_create_load_balancer(struct call *call);
int nlb_get_load_balancer_attribute(struct call *call);
int nlb_list_load_balancers(struct call *call);
int nlb_update_load_balancer_attribute(struct call *call);
int nlb_delete_load_balancer(struct call *call);
int nlb_update_load_balancer_protection(struct call *call);
int nlb_load_balancer_join_security_group(struct call *call);
int nlb_load_balancer_leave_security_group(struct call *call);

/* zones.c */
int nlb_update_load_balancer_zones(struct call *call);
int nlb_start_shift_load_balancer_zones(struct call *call);
int nlb_cancel_shift_load_balancer_zones(struct call *call);
int nlb_update_load_balancer_address_type_config(struct call *call);
int nlb_enable_load_balancer_ipv6_internet(struct call *call);
int nlb_disable_load_balancer_ipv6_internet(struct call *call);

/* listener.c */
int nlb_create_listener(struct call *call);
int nlb_get_listener_attribute(struct call *call);
int nlb_list_listeners(struct call *call);
int nlb_update_listener_attribute(struct call *call);
int nlb_start_listener(struct call *call);
int nlb_stop_listener(struct call *call);
int nlb_delete_listener(struct call *call);
int nlb_get_listener_health_status(struct call *call);

/* certificate.c */
int nlb_list_listener_certificates(struct call *call);
int nlb_associate_additional_certificates(struct call *call);
int nlb_disassociate_additional_certificates(struct call *call);

/* group.c */
int nlb_create_server_group(struct call *call);
int nlb_list_server_groups(struct call *call);
int nlb_update_server_group_attribute(struct call *call);
int nlb_delete_server_group(struct call *call);

/* server.c */
int nlb_add_servers_to_server_group(struct call *call);
int nlb_list_server_group_servers(struct call *call);
int nlb_update_server_group_servers_attribute(struct call *call);
int nlb_remove_servers_from_server_group(struct call *call);

/* policy.c */
int nlb_create_security_policy(struct call *call);
int nlb_list_security_policy(struct call *call);
int nlb_list_system_security_policy(struct call *call);
int nlb_update_security_policy_attribute(struct call *call);
int nlb_delete_security_policy(struct call *call);

/* nlb.c */
int nlb_tag_resources(struct call *call);
int nlb_untag_resources(struct call *call);
int nlb_list_tag_resources(struct call *call);
int nlb_move_resource_group(struct call *call);
