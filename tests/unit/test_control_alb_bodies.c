/* Bodies of ALB documents: what the compiler reads. */
#include "product_make.h"

static const char *vpc(void)
{
    return product_control.node.vpc_id;
}

static const char *create_instance(const char *more)
{
    const struct node_zone *zones = product_control.node.zones;

    return product_do("Alb CreateLoadBalancer", "LoadBalancerId",
        "VpcId=%s&LoadBalancerBillingConfig.PayType=PostPay&ZoneMappings.1.ZoneId=%s&ZoneMappings.1.VSwitchId=%s"
        "&ZoneMappings.2.ZoneId=%s&ZoneMappings.2.VSwitchId=%s%s",
        vpc(), zones[0].id, zones[0].vswitch_id, zones[1].id, zones[1].vswitch_id, more);
}

static const char *create_group(const char *more)
{
    return product_do(
        "Alb CreateServerGroup", "ServerGroupId", "VpcId=%s&ServerGroupName=group%s", vpc(), more);
}

#define FORWARD                          \
    "DefaultActions.1.Type=ForwardGroup" \
    "&DefaultActions.1.ForwardGroupConfig.ServerGroupTuples.1.ServerGroupId=%s"

static const char *create_listener(const char *instance, const char *group, const char *more)
{
    return product_do("Alb CreateListener", "ListenerId",
        "LoadBalancerId=%s&ListenerProtocol=HTTP&ListenerPort=80&" FORWARD "%s", instance, group,
        more);
}

#define ADDRESS(more)                                                                                 \
    "{\"ZoneId\": \"*\", \"VSwitchId\": \"*\", \"Status\": \"Active\", \"LoadBalancerAddresses\": [{" \
    "\"Address\": \"*\", \"IntranetAddress\": \"*\", " more                                           \
    "\"Ipv4LocalAddresses\": [\"*\", \"*\"]}]}"
#define INSTANCE(type, address)                                                                           \
    "{\"AddressType\": \"" type                                                                           \
    "\", \"AddressIpVersion\": \"IPv4\", \"AddressAllocatedMode\": \"Fixed\","                            \
    " \"LoadBalancerEdition\": \"Standard\", \"VpcId\": \"*\", \"CreateTime\": \"2026-01-02T03:04:05Z\"," \
    " \"DNSName\": \"*\", \"DeletionProtectionConfig\": {\"Enabled\": false},"                            \
    " \"ModificationProtectionConfig\": {\"Status\": \"NonProtection\"},"                                 \
    " \"LoadBalancerBillingConfig\": {\"PayType\": \"PostPay\"}, \"SecurityGroupIds\": [], \"Tags\": []," \
    " \"ZoneMappings\": [" address ", " address "]}"

static void instances(void **state)
{
    const char *id;

    (void)state;
    id = create_instance("&AddressType=Intranet&LoadBalancerEdition=Standard");
    product_assert_body("alb.load_balancer", id, INSTANCE("Intranet", ADDRESS("")));
    (void)product_do("Alb UpdateLoadBalancerAddressTypeConfig", NULL,
        "LoadBalancerId=%s&AddressType=Internet", id);
    product_assert_body("alb.load_balancer", id,
        INSTANCE("Internet", ADDRESS("\"AllocationId\": \"*\", \"EipType\": \"Common\", ")));
    (void)product_do("Alb UpdateLoadBalancerAddressTypeConfig", NULL,
        "LoadBalancerId=%s&AddressType=Intranet", id);
    product_assert_body("alb.load_balancer", id, INSTANCE("Intranet", ADDRESS("")));
}

#define CHECK(is_on, protocol, method, code)                                                      \
    "\"HealthCheckConfig\": {\"HealthCheckEnabled\": " is_on                                      \
    ", \"HealthCheckProtocol\": \"" protocol "\","                                                \
    " \"HealthCheckConnectPort\": 0, \"HealthCheckTimeout\": 5, \"HealthCheckInterval\": 2,"      \
    " \"HealthyThreshold\": 3, \"UnhealthyThreshold\": 3, \"HealthCheckMethod\": \"" method "\"," \
    " \"HealthCheckHttpVersion\": \"HTTP1.1\", \"HealthCheckPath\": \"/\","                       \
    " \"HealthCheckHost\": \"$SERVER_IP\", \"HealthCheckCodes\": [\"" code "\"]}"
#define GROUP(protocol, rest)                                                                           \
    "{\"ServerGroupName\": \"group\", \"ServerGroupType\": \"Instance\", \"Protocol\": \"" protocol     \
    "\","                                                                                               \
    " \"VpcId\": \"*\", \"CreateTime\": \"2026-01-02T03:04:05Z\", \"CrossZoneEnabled\": true,"          \
    " \"Ipv6Enabled\": false,"                                                                          \
    " \"UpstreamKeepaliveEnabled\": true, \"Servers\": [], \"Tags\": [],"                               \
    " \"ConnectionDrainConfig\": {\"ConnectionDrainEnabled\": false, \"ConnectionDrainTimeout\": 300}," \
    " \"SlowStartConfig\": {\"SlowStartEnabled\": false, \"SlowStartDuration\": 30}, " rest "}"
#define NOT_STICKY "\"StickySessionConfig\": {\"StickySessionEnabled\": false}, "

static void groups(void **state)
{
    const char *id;

    (void)state;
    id = create_group("&HealthCheckConfig.HealthCheckEnabled=true");
    product_assert_body("alb.server_group", id,
        GROUP("HTTP",
            "\"Scheduler\": \"Wrr\", " NOT_STICKY CHECK("true", "HTTP", "HEAD", "http_2xx")));
    (void)product_do("Alb UpdateServerGroupAttribute", NULL,
        "ServerGroupId=%s&HealthCheckConfig.HealthCheckProtocol=gRPC&HealthCheckConfig.HealthCheckEnabled=false"
        "&StickySessionConfig.StickySessionEnabled=true&Scheduler=Uch&UchConfig.Type=QueryString&UchConfig.Value=uid",
        id);
    product_assert_body("alb.server_group", id,
        GROUP("HTTP",
            "\"Scheduler\": \"Uch\", \"UchConfig\": {\"Type\": \"QueryString\", \"Value\": \"uid\"},"
            " \"StickySessionConfig\": {\"StickySessionEnabled\": true, \"StickySessionType\": \"Insert\","
            " \"CookieTimeout\": 1000}, " CHECK("false", "gRPC", "POST", "0")));
    (void)product_do("Alb UpdateServerGroupAttribute", NULL,
        "ServerGroupId=%s&Scheduler=Wlc&StickySessionConfig.StickySessionType=Server&StickySessionConfig.Cookie=sid",
        id);
    product_assert_body("alb.server_group", id,
        GROUP("HTTP",
            "\"Scheduler\": \"Wlc\", \"StickySessionConfig\": {\"StickySessionEnabled\": true,"
            " \"StickySessionType\": \"Server\", \"Cookie\": \"sid\"}, " CHECK(
                "false", "gRPC", "POST", "0")));
}

static void servers_are_known_by_id_address_and_port(void **state)
{
    static const char one[] =
        "ServerGroupId=%s&Servers.1.ServerType=Ip&Servers.1.ServerId=127.16.0.9&Servers.1.Port=%d%s";
    const char *id;

    (void)state;
    id = create_group("&HealthCheckConfig.HealthCheckEnabled=false&ServerGroupType=Ip");
    (void)product_do(
        "Alb AddServersToServerGroup", NULL, one, id, 80, "&Servers.1.Description=first");
    (void)product_do("Alb AddServersToServerGroup", NULL, one, id, 81, "&Servers.1.Weight=0");
    product_fails("Conflict.BackendServer", "Alb AddServersToServerGroup", one, id, 80, "");
    product_fails(
        "ResourceNotFound.BackendServer", "Alb RemoveServersFromServerGroup", one, id, 82, "");
    product_fails("IllegalParam.ServerIp", "Alb AddServersToServerGroup", one, id, 82,
        "&Servers.1.ServerIp=127.16.0.8");
    product_fails("MissingParameter", "Alb AddServersToServerGroup",
        "ServerGroupId=%s&Servers.1.ServerType=Ip&Servers.1.ServerId=127.16.0.9", id);
    (void)product_do(
        "Alb UpdateServerGroupServersAttribute", NULL, one, id, 81, "&Servers.1.Weight=7");
    (void)product_do("Alb RemoveServersFromServerGroup", NULL, one, id, 80, "");
    product_assert_body("alb.server_group", id,
        "{\"ServerGroupName\": \"group\", \"ServerGroupType\": \"Ip\", \"Protocol\": \"HTTP\", \"VpcId\": \"*\","
        " \"CreateTime\": \"*\", \"CrossZoneEnabled\": true, \"Ipv6Enabled\": false, \"UpstreamKeepaliveEnabled\": true, \"Tags\": [],"
        " \"Scheduler\": \"Wrr\", \"ConnectionDrainConfig\": {\"ConnectionDrainEnabled\": false,"
        " \"ConnectionDrainTimeout\": 300}, \"SlowStartConfig\": {\"SlowStartEnabled\": false, \"SlowStartDuration\": 30},"
        " \"Servers\": [{\"ServerUid\": \"*\", \"ServerId\": \"127.16.0.9\", \"ServerIp\": \"127.16.0.9\","
        " \"ServerType\": \"Ip\", \"Port\": 81, \"Weight\": 7, \"RemoteIpEnabled\": false}]," NOT_STICKY
            CHECK("false", "HTTP", "HEAD", "http_2xx") "}");
}

#define XFF(proto)                                                                                            \
    "\"XForwardedForConfig\": {\"XForwardedForEnabled\": true, \"XForwardedForProcessingMode\": \"append\","  \
    " \"XForwardedForProtoEnabled\": " proto ", \"XForwardedForSLBIdEnabled\": false,"                        \
    " \"XForwardedForSLBPortEnabled\": false, \"XForwardedForHostEnabled\": false,"                           \
    " \"XForwardedForClientSrcPortEnabled\": false, \"XForwardedForClientSourceIpsEnabled\": false,"          \
    " \"XForwardedForClientCertSubjectDNEnabled\": false, \"XForwardedForClientCertIssuerDNEnabled\": false," \
    " \"XForwardedForClientCertFingerprintEnabled\": false,"                                                  \
    " \"XForwardedForClientCertClientVerifyEnabled\": false}"
#define LISTENER(protocol, rest)                                                                                            \
    "{\"LoadBalancerId\": \"*\", \"ListenerProtocol\": \"" protocol                                                         \
    "\", \"Enabled\": true, \"Tags\": [],"                                                                                  \
    " \"GzipEnabled\": false, \"RequestTimeout\": 60, \"DefaultActions\": [{\"Type\": \"ForwardGroup\","                    \
    " \"ForwardGroupConfig\": {\"ServerGroupTuples\": [{\"ServerGroupId\": \"*\"}]}}], \"LogConfig\":"                      \
    " {\"AccessLogRecordCustomizedHeadersEnabled\": false, \"AccessLogTracingConfig\": {\"TracingEnabled\": false}}, " rest \
    "}"

static void listeners(void **state)
{
    const char *instance, *group, *id;

    (void)state;
    instance = create_instance("&AddressType=Intranet&LoadBalancerEdition=Standard");
    group = create_group("&HealthCheckConfig.HealthCheckEnabled=false");
    id = create_listener(instance, group, "&IdleTimeout=600");
    product_assert_body("alb.listener", id,
        LISTENER("HTTP", "\"ListenerPort\": 80, \"IdleTimeout\": 600, " XFF("false")));
    (void)product_do("Alb UpdateListenerAttribute", NULL,
        "ListenerId=%s&ListenerDescription=web&XForwardedForConfig.XForwardedForProtoEnabled=true",
        id);
    product_assert_body("alb.listener", id,
        LISTENER("HTTP",
            "\"ListenerPort\": 80, \"IdleTimeout\": 600, \"ListenerDescription\": \"web\", " XFF(
                "true")));
}

/* proves: ALBI-15 */
static void instance_and_group_are_of_one_vpc(void **state)
{
    const char *instance, *group;

    (void)state;
    instance = create_instance("&AddressType=Intranet&LoadBalancerEdition=Standard");
    product_add_doc("vpc.vpc", "vpc-other", "{}");
    group = product_do("Alb CreateServerGroup", "ServerGroupId",
        "VpcId=vpc-other&ServerGroupName=group&HealthCheckConfig.HealthCheckEnabled=false");
    product_fails("Mismatch.VpcId", "Alb CreateListener",
        "LoadBalancerId=%s&ListenerProtocol=HTTP&ListenerPort=80&" FORWARD, instance, group);
}

static void an_https_listener(void **state)
{
    const char *instance, *group, *id;

    (void)state;
    instance = create_instance("&AddressType=Intranet&LoadBalancerEdition=Standard");
    group = create_group("&HealthCheckConfig.HealthCheckEnabled=false&Protocol=gRPC");
    product_add_doc("cas.certificate", "cert-1", "{\"CertificateType\": \"server\"}");
    product_add_doc("cas.certificate", "cert-2", "{\"CertificateType\": \"server\"}");
    product_add_doc("cas.certificate", "cert-ca", "{\"CertificateType\": \"ca\"}");
    product_fails("InvalidParameter", "Alb CreateListener",
        "LoadBalancerId=%s&ListenerProtocol=HTTPS&ListenerPort=443&" FORWARD
        "&Certificates.1.CertificateId=cert-ca",
        instance, group);
    product_fails("OperationDenied.GRPCServerGroup", "Alb CreateListener",
        "LoadBalancerId=%s&ListenerProtocol=HTTPS&ListenerPort=443&" FORWARD
        "&Certificates.1.CertificateId=cert-1&Http2Enabled=false",
        instance, group);
    id = product_do("Alb CreateListener", "ListenerId",
        "LoadBalancerId=%s&ListenerProtocol=HTTPS&ListenerPort=443&" FORWARD
        "&Certificates.1.CertificateId=cert-1&CaEnabled=true&CaCertificates.1.CertificateId=cert-ca",
        instance, group);
    (void)product_do("Alb AssociateAdditionalCertificatesWithListener", NULL,
        "ListenerId=%s&Certificates.1.CertificateId=cert-2", id);
    product_fails("ResourceAlreadyAssociated.Certificate",
        "Alb AssociateAdditionalCertificatesWithListener",
        "ListenerId=%s&Certificates.1.CertificateId=cert-1", id);
    product_fails("OperationDenied.DefaultCertificateUsed",
        "Alb DissociateAdditionalCertificatesFromListener",
        "ListenerId=%s&Certificates.1.CertificateId=cert-1", id);
    product_assert_body("alb.listener", id,
        LISTENER("HTTPS",
            "\"ListenerPort\": 443, \"IdleTimeout\": 15, \"Http2Enabled\": true, \"CaEnabled\": true,"
            " \"SecurityPolicyId\": \"tls_cipher_policy_1_0\", \"QuicConfig\": {\"QuicUpgradeEnabled\": false},"
            " \"Certificates\": [{\"CertificateId\": \"cert-1\"}],"
            " \"AdditionalCertificates\": [{\"CertificateId\": \"cert-2\"}],"
            " \"CaCertificates\": [{\"CertificateId\": \"cert-ca\"}], " XFF("false")));
}

static void a_quic_listener_is_advertised_once(void **state)
{
    static const char https[] =
        "LoadBalancerId=%s&ListenerProtocol=HTTPS&ListenerPort=%d&" FORWARD
        "&Certificates.1.CertificateId=cert-1&QuicConfig.QuicUpgradeEnabled=true"
        "&QuicConfig.QuicListenerId=%s";
    const char *instance, *group, *quic, *id;

    (void)state;
    instance = create_instance("&AddressType=Intranet&LoadBalancerEdition=Basic");
    group = create_group("&HealthCheckConfig.HealthCheckEnabled=false");
    product_add_doc("cas.certificate", "cert-1", "{\"CertificateType\": \"server\"}");
    quic = product_do("Alb CreateListener", "ListenerId",
        "LoadBalancerId=%s&ListenerProtocol=QUIC&ListenerPort=443&" FORWARD
        "&Certificates.1.CertificateId=cert-1",
        instance, group);
    id = product_do("Alb CreateListener", "ListenerId", https, instance, 443, group, quic);
    product_fails("ResourceAlreadyAssociated.Listener", "Alb CreateListener", https, instance, 444,
        group, quic);
    product_fails("InvalidParameter", "Alb CreateListener", https, instance, 444, group, id);
    product_fails("ResourceInUse.Listener", "Alb DeleteListener", "ListenerId=%s", quic);
    (void)product_do("Alb UpdateListenerAttribute", NULL,
        "ListenerId=%s&QuicConfig.QuicUpgradeEnabled=false", id);
    (void)product_do("Alb DeleteListener", NULL, "ListenerId=%s", quic);
}

static void a_released_instance_leaves_nothing(void **state)
{
    const char *instance, *group, *listener;
    struct txn *txn;

    (void)state;
    instance = create_instance(
        "&AddressType=Internet&LoadBalancerEdition=Standard&DeletionProtectionEnabled=true");
    group = create_group("&HealthCheckConfig.HealthCheckEnabled=false");
    listener = create_listener(instance, group, "");
    product_fails("ResourceInUse.ServerGroup", "Alb DeleteServerGroup", "ServerGroupId=%s", group);
    product_fails("OperationDenied.DeletionProtectionEnabled", "Alb DeleteLoadBalancer",
        "LoadBalancerId=%s", instance);
    (void)product_do("Alb DisableDeletionProtection", NULL, "ResourceId=%s", instance);
    (void)product_do("Alb DeleteLoadBalancer", NULL, "LoadBalancerId=%s", instance);
    product_assert_body("alb.load_balancer", instance, NULL);
    product_assert_body("alb.listener", listener, NULL);
    txn = txn_begin(product_control.catalog);
    assert_int_equal(txn_count(txn, "vpc.address"), 0);
    assert_int_equal(txn_count(txn, "vpc.eip"), 0);
    (void)txn_abort(txn);
    (void)product_do("Alb DeleteServerGroup", NULL, "ServerGroupId=%s", group);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, product_setup, product_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(instances),
        TEST(groups),
        TEST(servers_are_known_by_id_address_and_port),
        TEST(listeners),
        TEST(instance_and_group_are_of_one_vpc),
        TEST(an_https_listener),
        TEST(a_quic_listener_is_advertised_once),
        TEST(a_released_instance_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
