#include "control/api/quota.h"

/* One operation that makes an object of a kind. */
struct quota {
    const char *product, *operation;
    const char *kind;
    const char *code;
    size_t setting;   /* offset in struct node_quotas */
    const char *name; /* of the setting, for the message */
};

#define QUOTA(product, operation, kind, code, setting)                                  \
    {                                                                                   \
        product, operation, kind, code, offsetof(struct node_quotas, setting), #setting \
    }

static const struct quota quotas[] = {
    QUOTA("Slb", "CreateLoadBalancer", "clb.load_balancer", "OverQuota", instances),
    QUOTA("Alb", "CreateLoadBalancer", "alb.load_balancer", "QuotaExceeded.LoadBalancersNum",
        instances),
    QUOTA("Nlb", "CreateLoadBalancer", "nlb.load_balancer", "QuotaExceeded.QuotaInsufficient",
        instances),
    QUOTA("Slb", "CreateVServerGroup", "clb.vserver_group", "QuotaLimitExceeds.VServerGroup",
        server_groups),
    QUOTA("Slb", "CreateMasterSlaveServerGroup", "clb.master_slave_group",
        "QuotaLimitExceeds.MasterSlaveServerGroup", server_groups),
    QUOTA("Alb", "CreateServerGroup", "alb.server_group", "QuotaExceeded.ServerGroupsNum",
        server_groups),
    QUOTA("Nlb", "CreateServerGroup", "nlb.server_group", "QuotaExceeded.QuotaInsufficient",
        server_groups),
    QUOTA("Slb", "CreateAccessControlList", "clb.acl", "AclNumberOverLimit", access_lists),
    QUOTA("Alb", "CreateAcl", "alb.acl", "QuotaExceeded.AclsNum", access_lists),
    QUOTA(
        "Slb", "CreateTLSCipherPolicy", "clb.tls_policy", "TLSCipherPolicyOverLimit", tls_policies),
    QUOTA("Alb", "CreateSecurityPolicy", "alb.security_policy", "QuotaExceeded.SecurityPoliciesNum",
        tls_policies),
    QUOTA("Nlb", "CreateSecurityPolicy", "nlb.security_policy", "QuotaExceeded.QuotaInsufficient",
        tls_policies),
    QUOTA("Slb", "UploadServerCertificate", "cas.certificate",
        "QuotaLimitExceeds.ServerCertificate", certificates),
    QUOTA("Slb", "UploadCACertificate", "cas.certificate", "QuotaLimitExceeds.CACertificate",
        certificates),
    QUOTA("Cas", "UploadUserCertificate", "cas.certificate", "QuotaExceeded.Certificate",
        certificates),
    QUOTA("Alidns", "AddDomain", "dns.domain", "QuotaExceeded.Domain", domains),
    QUOTA("Alidns", "AddDomainGroup", "dns.domain_group", "QuotaExceeded.DomainGroup", domains),
    QUOTA("Alidns", "AddDomainRecord", "dns.record", "QuotaExceeded.Record", records),
    QUOTA("OpenSlb", "RegisterServer", "ecs.server", "QuotaExceeded.Server", servers),
    QUOTA("OpenSlb", "RegisterNetworkInterface", "ecs.network_interface",
        "QuotaExceeded.NetworkInterface", servers),
    QUOTA("Vpc", "CreateVSwitch", "vpc.vswitch", "QuotaExceeded.VSwitch", vswitches),
    QUOTA("Ecs", "CreateSecurityGroup", "ecs.security_group", "QuotaExceeded.SecurityGroup",
        security_groups),
};

static const struct quota *quota_find(const struct openapi_operation *op)
{
    for (size_t i = 0; i < ARRAY_LEN(quotas); i++) {
        if (strcmp(quotas[i].operation, op->name) == 0 &&
            strcmp(quotas[i].product, op->product->name) == 0)
            return &quotas[i];
    }
    return NULL;
}

int quota_check(struct call *call)
{
    const struct quota *quota = call->op->is_read ? NULL : quota_find(call->op);
    unsigned most;

    if (!quota)
        return 0;
    most = *(const unsigned *)(const void *)((const char *)&call->node->quotas + quota->setting);
    if (txn_count(call->txn, quota->kind) < most)
        return 0;
    return call_fail(call, quota->code,
        "There are %u already, which is all that the setting %s in [quotas] of the node file allows.",
        most, quota->name);
}
