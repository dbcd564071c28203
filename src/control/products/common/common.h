/* What ALB and NLB do alike: names, protection, zones and addresses, servers of groups, lists, TLS policies.
 *
 * The products differ in the names of members and in their error codes; both are given as tables ("shape"), so that
 * the rules exist once. All functions work inside the call's transaction; those that return int give 0 or call_fail's.
 */
#pragma once

#include "control/call.h"

/* --- names, protection ------------------------------------------------------------------------- */

/* 2 to 128 characters, a letter first, then letters, digits, '.', '_' and '-'. Letters beyond ASCII count. field, code: for
 * the error. */
int common_check_name(
    struct call *call, const char *field, const char *value, const char *code) MUST_CHECK;

/* Sets body's ModificationProtectionConfig {Status, Reason?, EnabledTime?}. status NULL: stays as it is, NonProtection if
 * there is none. A reason needs ConsoleProtection and goes away with it. */
int common_set_modification_protection(
    struct call *call, json_t *body, const char *status, const char *reason) MUST_CHECK;
/* DeletionProtectionConfig {Enabled, Reason?, EnabledTime?}. */
void common_set_deletion_protection(
    const struct call *call, json_t *body, bool enabled, const char *reason);
bool common_is_deletion_protected(const json_t *body);

/* Joins in's SecurityGroupIds into body's, or takes them out. They must exist and be of the instance's VPC; an instance has at
 * most 4. missing: "ResourceNotFound.SecurityGroup" and its like. */
struct security_group_codes {
    const char *missing, *vpc_mismatch, *joined_already, *not_joined, *quota;
};
int common_join_security_groups(
    struct call *call, json_t *body, const struct security_group_codes *codes) MUST_CHECK;
int common_join_security_group(struct call *call, json_t *body, const char *id,
    const struct security_group_codes *codes) MUST_CHECK;
int common_leave_security_groups(
    struct call *call, json_t *body, const struct security_group_codes *codes) MUST_CHECK;

/* --- zones (zones.c) --------------------------------------------------------------------------- */

enum zone_fault {
    ZONE_MISMATCH,        /* the vSwitch is not of that zone */
    ZONE_DUPLICATE,       /* a zone twice */
    ZONE_TOO_FEW,         /* one zone where the region has more */
    ZONE_NO_VSWITCH,      /* there is none of that id */
    ZONE_VPC_MISMATCH,    /* the vSwitch is of another VPC */
    ZONE_NO_ADDRESS,      /* less than 8 free addresses */
    ZONE_NO_IPV6,         /* the vSwitch has no IPv6 range */
    ZONE_ADDRESS_INVALID, /* the wanted address is not of the vSwitch */
    ZONE_ADDRESS_IN_USE,
    ZONE_NO_EIP,        /* no such EIP, or none is left */
    ZONE_EIP_IN_USE,    /* bound to another, or named twice */
    ZONE_EIP_UNWANTED,  /* AllocationId in an Intranet instance */
    ZONE_UNCHANGED,     /* update or shift that changes nothing */
    ZONE_OTHER_VSWITCH, /* a zone's vSwitch cannot be changed in place */
    ZONE_NOT_THERE,     /* shift: not a zone of the instance */
    ZONE_LAST,          /* shift: no other zone is active */
    ZONE_FAULTS
};

/* Elements of ZoneMappings: {ZoneId, VSwitchId, Status "Active"|"Shifted", LoadBalancerAddresses: [{<private_address>,
 * Ipv4LocalAddresses: [..], with IPv6: Ipv6Address, Ipv6LocalAddresses: [..], with EIP: AllocationId, <public_address>,
 * EipType "Common"}]}. */
struct zone_shape {
    const char *private_address;  /* "IntranetAddress": in documents and in requests */
    const char *public_address;   /* "Address" */
    bool public_always;           /* without EIP the public member repeats the private one */
    const char *health, *health6; /* members of answers: "IntranetAddressHcStatus" */
    const char *codes[ZONE_FAULTS];
};

struct zone_owner {
    const char *id; /* of the instance */
    const char *vpc_id;
    bool is_internet; /* an EIP per zone: the given one, or one that goes with the instance */
    bool has_ipv6;    /* dual-stack: also an IPv6 address per zone, and two local ones */
};

/* given: ZoneMappings of the request, [{ZoneId, VSwitchId, AllocationId?, <private_address>?, Ipv4LocalAddresses?, Ipv6Address?,
 * Ipv6LocalAddresses?}]. Takes one VIP and two local addresses per zone and family (8 must be free). *ret_mappings is a new array. */
int zones_make(struct call *call, const struct zone_shape *shape, const struct zone_owner *owner,
    const json_t *given, json_t **ret_mappings) MUST_CHECK;
/* Makes the zones of body (a document being edited, which has ZoneMappings) those given: new ones take addresses, those
 * left out give theirs back, the others stay as they are. */
int zones_update(struct call *call, const struct zone_shape *shape, const struct zone_owner *owner,
    json_t *body, const json_t *given) MUST_CHECK;
/* Binds EIPs to all zones of body (owner->is_internet; given may be NULL or name AllocationId for zones), or gives them
 * back. */
int zones_set_internet(struct call *call, const struct zone_shape *shape,
    const struct zone_owner *owner, json_t *body, const json_t *given) MUST_CHECK;
/* Takes a zone's address out of the name (is_start), or back in. given: [{ZoneId, VSwitchId}]. Already so:
 * ZONE_UNCHANGED. */
int zones_shift(struct call *call, const struct zone_shape *shape, json_t *body,
    const json_t *given, bool is_start) MUST_CHECK;
/* EnableLoadBalancerIpv6Internet and its opposite: sets Ipv6AddressType of body, an instance being edited. The addresses
 * stay. */
int zones_set_ipv6_internet(struct call *call, json_t *body, bool is_internet) MUST_CHECK;
/* ZoneMappings as answers have them: each address is Healthy if it is this host's, so that its clients come here, else
 * Unhealthy. A new reference. */
json_t *zones_show(const struct zone_shape *shape, const json_t *mappings);
/* Whether a zone of that id is among body's. */
bool zones_have(const json_t *body, const char *zone_id);

/* DescribeRegions, DescribeZones: this node's, in Regions and Zones. */
int common_describe_regions(struct call *call);
int common_describe_zones(struct call *call);

/* --- servers of a group (servers.c) ------------------------------------------------------------ */

enum server_fault {
    SERVER_DUPLICATE,    /* twice in the request */
    SERVER_CONFLICT,     /* in the group already */
    SERVER_NOT_IN_GROUP, /* remove, update */
    SERVER_TYPE,         /* ServerType does not fit the group's ServerGroupType */
    SERVER_NO_ECS,       /* no such server registered, by its type */
    SERVER_NO_ENI,
    SERVER_NO_ECI,
    SERVER_NO_IPV6, /* an IPv6 address, and the group takes IPv4 only */
    SERVER_BAD_IP,  /* ServerIp is not one of the server's, or not an address that may be used */
    SERVER_VPC,     /* of another VPC than the group */
    SERVER_BAD_PORT,
    SERVER_GROUP_QUOTA,  /* more than 1,000 in the group */
    SERVER_SERVER_QUOTA, /* the server is in more than 200 groups */
    SERVER_FAULTS
};

struct server_shape {
    const char *kind;   /* of the group: "alb.server_group" */
    bool has_remote_ip; /* an IP outside the VPC (of a private range) needs RemoteIpEnabled */
    const char *codes[SERVER_FAULTS];
};

/* All three change group["Servers"] of a document being edited (which has ServerGroupType "Instance"|"Ip", VpcId and Servers);
 * given: [{ServerId, ServerType, ServerIp?, Port, Weight?, Description?, RemoteIpEnabled?}]. A server is known by ServerId,
 * Port and, if given, ServerIp. Elements get ServerUid and the resolved ServerIp; Weight 100 if absent.
 * group["AnyPortEnabled"] true: all ports are 0; else 1 to 65535. IPv6 addresses need group["Ipv6Enabled"] true or
 * group["AddressIPVersion"] "DualStack". */
int servers_add(struct call *call, const struct server_shape *shape, json_t *group,
    const json_t *given) MUST_CHECK;
int servers_remove(struct call *call, const struct server_shape *shape, json_t *group,
    const json_t *given) MUST_CHECK;
/* Weight, Description. */
int servers_update(struct call *call, const struct server_shape *shape, json_t *group,
    const json_t *given) MUST_CHECK;

/* --- health checks ----------------------------------------------------------------------------- */

/* NULL, or what is wrong with it, to follow the value in a sentence: "must begin with '/'". */
const char *common_check_path(const char *path); /* of an HTTP check: 1..80 characters */
const char *common_check_host(const char *host); /* "$SERVER_IP", or a domain name, 1..80 */

/* A server of a group's Servers as GetListenerHealthStatus shows those that are not healthy, with Status and Reason; NULL: it
 * is healthy. is_checked: the group's checks are on. unused_word: the Status of servers of weight 0, which are not
 * checked; NULL: they are. A new reference. */
json_t *common_server_health(struct call *call, const char *group_id, bool is_checked,
    const json_t *server, const char *unused_word);

/* --- lists ------------------------------------------------------------------------------------- */

struct filter {
    const char *param;  /* a list (any of its values), or a text or number */
    const char *member; /* of the body; NULL: the id */
};

struct listing {
    const char *kind;
    const char *out; /* "LoadBalancers" */
    /* Ends with a NULL param; NULL: none. Parameters that are absent or empty let all pass. */
    const struct filter *filters;
    bool has_tags; /* the Tag parameter filters too */
    /* What else must hold; NULL: nothing. */
    bool (*match)(struct call *call, const struct doc *doc);
    /* The element of a document: a new reference. */
    json_t *(*show)(struct call *call, const struct doc *doc);
};
/* Filters, cuts to the page asked for, shows. */
int common_list(struct call *call, const struct listing *listing);
/* A copy of the body with id_member set to the id: what most elements begin with. Members may be set in it, not in what
 * they hold (the copy is not deep). */
json_t *common_show(const struct doc *doc, const char *id_member);

/* Ends an operation that reads one thing: the members of shown, which is taken over, go into the answer. 0. */
int common_answer(struct call *call, json_t *shown);
/* The element of list whose member has that text; the length of the list if there is none. */
size_t common_index(const json_t *list, const char *member, const char *text);

struct creation {
    const char *kind;
    const char *prefix; /* of the id: "acl-" */
    const char *out;    /* member of the answer that gets the id: "AclId" */
};
/* Ends an operation that creates: if r, the result of its checks, is 0, body becomes a document with a new id, which is
 * what the call is about and goes into the answer. body is taken over in any case. Returns r or call_fail's. */
int common_create(struct call *call, const struct creation *creation, json_t *body, int r);

/* --- TLS policies (tls_policies.c) ------------------------------------------------------------- */

struct tls_system_policy {
    const char *name;
    const char *const *versions; /* NULL-terminated: "TLSv1.2" */
    const char *const *ciphers;
};
extern const struct tls_system_policy tls_system_policies[];
extern const uint32_t tls_n_system_policies;
bool tls_is_system_policy(const char *name);
/* Array of {<id_member>, <versions_member>: [], Ciphers: []}: new reference. */
json_t *tls_show_system_policies(
    const char *id_member, const char *versions_member, const char *ciphers_member);
/* Each version known, each suite known and of one of the versions, at least one suite per version, none twice. NULL, or a
 * sentence in buf. */
const char *tls_check_policy(const json_t *versions, const json_t *ciphers, char *buf, size_t cap);
