/* The kinds of documents, and which of their members name others. Sorted by name. */
#include "control/store/catalog.h"

#define REFS(...)                       \
    (const char *const[])               \
    {                                   \
        __VA_ARGS__ __VA_OPT__(, ) NULL \
    }

const struct kind kinds[] = {
    {"alb.acl", REFS()},
    {"alb.health_check_template", REFS()},
    {"alb.listener", REFS("LoadBalancerId",
                         "DefaultActions[].ForwardGroupConfig.ServerGroupTuples[].ServerGroupId",
                         "Certificates[].CertificateId", "AdditionalCertificates[].CertificateId",
                         "CaCertificates[].CertificateId", "SecurityPolicyId",
                         "AclConfig.AclRelations[].AclId", "QuicConfig.QuicListenerId")},
    {"alb.load_balancer", REFS("VpcId", "ZoneMappings[].VSwitchId", "SecurityGroupIds[]")},
    {"alb.rule",
        REFS("ListenerId", "LoadBalancerId",
            "RuleActions[].ForwardGroupConfig.ServerGroupTuples[].ServerGroupId",
            "RuleActions[].TrafficMirrorConfig.MirrorGroupConfig.ServerGroupTuples[].ServerGroupId")},
    {"alb.security_policy", REFS()},
    {"alb.server_group", REFS("VpcId", "Servers[].ServerId")},
    {"cas.certificate", REFS()},
    {"clb.access_log", REFS("LoadBalancerId")},
    {"clb.acl", REFS("WhiteListOf")},
    {"clb.domain_extension", REFS("LoadBalancerId", "ListenerKey", "ServerCertificateId")},
    {"clb.listener",
        REFS("LoadBalancerId", "VServerGroupId", "MasterSlaveServerGroupId", "AclIds[]",
            "ServerCertificateId", "CACertificateId", "TLSCipherPolicy", "ForwardKey")},
    {"clb.load_balancer", REFS("VpcId", "VSwitchId", "BackendServers[].ServerId")},
    {"clb.master_slave_group", REFS("LoadBalancerId", "Servers[].ServerId")},
    {"clb.rule", REFS("LoadBalancerId", "ListenerKey", "VServerGroupId")},
    {"clb.tls_policy", REFS()},
    {"clb.vserver_group", REFS("LoadBalancerId", "Servers[].ServerId")},
    {"dns.domain", REFS("GroupId")},
    {"dns.domain_group", REFS()},
    {"dns.record", REFS("DomainName")},
    {"dns.weights", REFS("DomainName")},
    {"ecs.network_interface", REFS("InstanceId", "VSwitchId", "VpcId")},
    {"ecs.security_group", REFS("VpcId")},
    {"ecs.server", REFS("VpcId", "VSwitchId")},
    {"nlb.listener",
        REFS("LoadBalancerId", "ServerGroupId", "CertificateIds[]",
            "AdditionalCertificates[].CertificateId", "CaCertificateIds[]", "SecurityPolicyId")},
    {"nlb.load_balancer", REFS("VpcId", "ZoneMappings[].VSwitchId", "SecurityGroupIds[]")},
    {"nlb.security_policy", REFS()},
    {"nlb.server_group", REFS("VpcId", "Servers[].ServerId")},
    {"system.access_key", REFS()},
    {"system.job", REFS()},
    {"system.refusal", REFS()},
    {"system.token", REFS()},
    {"vpc.address", REFS("Owner", "VSwitchId")},
    {"vpc.address6", REFS("Owner", "VSwitchId")},
    {"vpc.eip", REFS("Owner", "PoolId")},
    {"vpc.eip_pool", REFS()},
    {"vpc.vpc", REFS()},
    {"vpc.vswitch", REFS("VpcId")},
};
const uint32_t n_kinds = ARRAY_LEN(kinds);
