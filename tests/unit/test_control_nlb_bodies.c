/* Bodies of NLB documents: what the compiler reads. */
#include "product_make.h"

#define VPC "VpcId=%s"
#define ZONES \
    "ZoneMappings.1.ZoneId=%s&ZoneMappings.1.VSwitchId=%s&ZoneMappings.2.ZoneId=%s&ZoneMappings.2.VSwitchId=%s"
#define ADD "Nlb AddServersToServerGroup"

static const char *vpc(void)
{
    return product_control.node.vpc_id;
}

static const char *create_instance(const char *more)
{
    const struct node_zone *zones = product_control.node.zones;

    return product_do("Nlb CreateLoadBalancer", "LoadbalancerId", VPC "&" ZONES "%s", vpc(),
        zones[0].id, zones[0].vswitch_id, zones[1].id, zones[1].vswitch_id, more);
}

static const char *create_group(const char *more)
{
    return product_do(
        "Nlb CreateServerGroup", "ServerGroupId", VPC "&ServerGroupName=group%s", vpc(), more);
}

static const char *create_listener(const char *instance, const char *group, const char *more)
{
    return product_do("Nlb CreateListener", "ListenerId", "LoadBalancerId=%s&ServerGroupId=%s&%s",
        instance, group, more);
}

static void instance(void **state)
{
    const char *id;

    (void)state;
    id = create_instance(
        "&AddressType=internet&LoadBalancerName=www&DeletionProtectionConfig.Enabled=true"
        "&DeletionProtectionConfig.Reason=production");
    product_assert_body("nlb.load_balancer", id,
        "{\"AddressType\": \"Internet\", \"AddressIpVersion\": \"ipv4\", \"VpcId\": \"*\", \"LoadBalancerName\": \"www\","
        " \"CreateTime\": \"2026-01-02T03:04:05Z\", \"DNSName\": \"*\", \"CrossZoneEnabled\": true, \"Cps\": 0,"
        " \"SecurityGroupIds\": [], \"Tags\": [], \"DeletionProtectionConfig\": {\"Enabled\": true,"
        " \"Reason\": \"production\", \"EnabledTime\": \"2026-01-02T03:04:05Z\"},"
        " \"ModificationProtectionConfig\": {\"Status\": \"NonProtection\"}, \"ZoneMappings\": ["
        "{\"ZoneId\": \"*\", \"VSwitchId\": \"*\", \"Status\": \"Active\", \"LoadBalancerAddresses\": [{"
        "\"PrivateIPv4Address\": \"*\", \"PublicIPv4Address\": \"*\", \"AllocationId\": \"*\", \"EipType\": \"*\","
        " \"Ipv4LocalAddresses\": [\"*\", \"*\"]}]},"
        "{\"ZoneId\": \"*\", \"VSwitchId\": \"*\", \"Status\": \"Active\", \"LoadBalancerAddresses\": [{"
        "\"PrivateIPv4Address\": \"*\", \"PublicIPv4Address\": \"*\", \"AllocationId\": \"*\", \"EipType\": \"*\","
        " \"Ipv4LocalAddresses\": [\"*\", \"*\"]}]}]}");
}

#define HEALTH_REST                                                                                                 \
    "\"HealthCheckConnectPort\": 0, \"HealthCheckConnectTimeout\": 5, \"HealthCheckInterval\": 5,"                  \
    " \"HealthyThreshold\": 2, \"UnhealthyThreshold\": 2, \"HttpCheckMethod\": \"GET\", \"HealthCheckUrl\": \"/\"," \
    " \"HealthCheckHttpVersion\": \"HTTP1.0\", \"HealthCheckHttpCode\": [\"http_2xx\"]"
#define GROUP_REST                                                                                                 \
    "\"ServerGroupName\": \"group\", \"VpcId\": \"*\", \"AddressIPVersion\": \"ipv4\", \"AnyPortEnabled\": false," \
    " \"PreserveClientIpEnabled\": false, \"ConnectionDrainEnabled\": false, \"ConnectionDrainTimeout\": 10,"      \
    " \"Tags\": [], \"Scheduler\": \"Wrr\""

static void groups(void **state)
{
    static const struct {
        const char *more, *body;
    } cases[] = {
        {"",
            "{" GROUP_REST
            ", \"ServerGroupType\": \"Instance\", \"Protocol\": \"TCP\", \"Servers\": [],"
            " \"HealthCheck\": {\"HealthCheckEnabled\": true, \"HealthCheckType\": \"TCP\", " HEALTH_REST
            "}}"},
        {"&Protocol=UDP&ServerGroupType=Ip",
            "{" GROUP_REST ", \"ServerGroupType\": \"Ip\", \"Protocol\": \"UDP\", \"Servers\": [],"
            " \"HealthCheck\": {\"HealthCheckEnabled\": true, \"HealthCheckType\": \"UDP\", " HEALTH_REST
            "}}"},
        {"&Protocol=UDP&HealthCheckConfig.HealthCheckType=TCP",
            "{" GROUP_REST
            ", \"ServerGroupType\": \"Instance\", \"Protocol\": \"UDP\", \"Servers\": [],"
            " \"HealthCheck\": {\"HealthCheckEnabled\": true, \"HealthCheckType\": \"TCP\", " HEALTH_REST
            "}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        product_assert_body("nlb.server_group", create_group(cases[i].more), cases[i].body);
}

/* A server of another VPC is refused (NLBI-21); of the group's VPC it is resolved. */
static void servers_are_of_the_groups_vpc(void **state)
{
    const char *group;
    char body[512];

    (void)state;
    product_add_doc("vpc.vpc", "vpc-other", "{\"CidrBlock\": \"10.0.0.0/8\"}");
    product_add_doc("ecs.server", "i-other",
        "{\"VpcId\": \"vpc-other\", \"PrivateIpAddresses\": [\"10.0.0.1\"]}");
    (void)snprintf(
        body, sizeof(body), "{\"VpcId\": \"%s\", \"PrivateIpAddresses\": [\"127.0.0.1\"]}", vpc());
    product_add_doc("ecs.server", "i-mine", body);
    group = create_group("");
    product_fails("Mismatch.VpcId", ADD,
        "ServerGroupId=%s&Servers.1.ServerId=i-other&Servers.1.ServerType=Ecs&Servers.1.Port=80",
        group);
    product_fails("ResourceNotFound.Ecs", ADD,
        "ServerGroupId=%s&Servers.1.ServerId=i-none&Servers.1.ServerType=Ecs&Servers.1.Port=80",
        group);
    product_fails("IllegalParam.IP", ADD,
        "ServerGroupId=%s&Servers.1.ServerId=i-mine&Servers.1.ServerIp=127.0.0.2&Servers.1.ServerType=Ecs&Servers.1.Port=80",
        group);
    (void)product_do(ADD, NULL,
        "ServerGroupId=%s&Servers.1.ServerId=i-mine&Servers.1.ServerType=ecs&Servers.1.Port=80&Servers.1.Description=one",
        group);
    product_assert_body("nlb.server_group", group,
        "{" GROUP_REST ", \"ServerGroupType\": \"Instance\", \"Protocol\": \"TCP\", \"Servers\": [{"
        "\"ServerUid\": \"*\", \"ServerId\": \"i-mine\", \"ServerType\": \"Ecs\", \"ServerIp\": \"127.0.0.1\","
        " \"Port\": 80, \"Weight\": 100, \"Description\": \"one\"}],"
        " \"HealthCheck\": {\"HealthCheckEnabled\": true, \"HealthCheckType\": \"TCP\", " HEALTH_REST
        "}}");
}

/* A listener and its group are of one VPC (NLBI-12). */
static void listener_and_group_are_of_one_vpc(void **state)
{
    const char *instance_id, *group;

    (void)state;
    product_add_doc("vpc.vpc", "vpc-other", "{\"CidrBlock\": \"10.0.0.0/8\"}");
    instance_id = create_instance("&AddressType=Intranet");
    group = product_do(
        "Nlb CreateServerGroup", "ServerGroupId", "VpcId=vpc-other&ServerGroupName=group");
    product_fails("Mismatch.VpcId", "Nlb CreateListener",
        "LoadBalancerId=%s&ServerGroupId=%s&ListenerProtocol=TCP&ListenerPort=80", instance_id,
        group);
}

#define LISTENER_REST                                                                                           \
    "\"LoadBalancerId\": \"*\", \"ServerGroupId\": \"*\", \"Cps\": 0, \"Mss\": 0, \"SecSensorEnabled\": false," \
    " \"AdditionalCertificates\": [], \"Tags\": [], \"AlpnEnabled\": false, \"CaEnabled\": false,"              \
    " \"CaCertificateIds\": [], \"CertificateIds\": []"
#define NO_TLVS                                                                                       \
    "\"ProxyProtocolV2Config\": {\"Ppv2VpcIdEnabled\": false, \"Ppv2PrivateLinkEpIdEnabled\": false," \
    " \"Ppv2PrivateLinkEpsIdEnabled\": false}"

static void listeners(void **state)
{
    static const struct {
        const char *group, *more, *body;
    } cases[] = {
        {"", "ListenerProtocol=tcp&ListenerPort=80",
            "{" LISTENER_REST ", " NO_TLVS ", \"ListenerProtocol\": \"TCP\", \"ListenerPort\": 80,"
            " \"IdleTimeout\": 900, \"ProxyProtocolEnabled\": false, \"Enabled\": true}"},
        {"&Protocol=UDP", "ListenerProtocol=UDP&ListenerPort=80",
            "{" LISTENER_REST ", " NO_TLVS ", \"ListenerProtocol\": \"UDP\", \"ListenerPort\": 80,"
            " \"IdleTimeout\": 90, \"ProxyProtocolEnabled\": false, \"Enabled\": true}"},
        {"&AnyPortEnabled=true&HealthCheckConfig.HealthCheckConnectPort=80",
            "ListenerProtocol=TCP&ListenerPort=0&StartPort=1000&EndPort=2000",
            "{" LISTENER_REST ", " NO_TLVS ", \"ListenerProtocol\": \"TCP\", \"ListenerPort\": 0,"
            " \"StartPort\": 1000, \"EndPort\": 2000, \"IdleTimeout\": 900, \"ProxyProtocolEnabled\": false,"
            " \"Enabled\": true}"},
        {"",
            "ListenerProtocol=TCP&ListenerPort=81&ProxyProtocolEnabled=true&IdleTimeout=10"
            "&ProxyProtocolV2Config={\"ppv2VpcIdEnabled\":true}",
            "{" LISTENER_REST
            ", \"ListenerProtocol\": \"TCP\", \"ListenerPort\": 81, \"IdleTimeout\": 10,"
            " \"ProxyProtocolEnabled\": true, \"Enabled\": true, \"ProxyProtocolV2Config\":"
            " {\"Ppv2VpcIdEnabled\": true, \"Ppv2PrivateLinkEpIdEnabled\": false,"
            " \"Ppv2PrivateLinkEpsIdEnabled\": false}}"},
    };
    char instance_id[64]; /* outlives the turns of product_do's buffers */

    (void)state;
    (void)snprintf(
        instance_id, sizeof(instance_id), "%s", create_instance("&AddressType=Intranet"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        product_assert_body("nlb.listener",
            create_listener(instance_id, create_group(cases[i].group), cases[i].more),
            cases[i].body);
}

/* Settings of a change that are not given stay. */
static void a_change_keeps_the_rest(void **state)
{
    const char *instance_id, *group, *id;

    (void)state;
    instance_id = create_instance("&AddressType=Intranet");
    group = create_group("");
    id = create_listener(instance_id, group,
        "ListenerProtocol=TCP&ListenerPort=80&Cps=5&Mss=1400&ProxyProtocolV2Config={\"Ppv2VpcIdEnabled\":true}");
    (void)product_do("Nlb UpdateListenerAttribute", NULL,
        "ListenerId=%s&IdleTimeout=60&ListenerDescription=web", id);
    product_assert_body("nlb.listener", id,
        "{\"LoadBalancerId\": \"*\", \"ServerGroupId\": \"*\", \"Cps\": 5, \"Mss\": 1400, \"SecSensorEnabled\": false,"
        " \"AdditionalCertificates\": [], \"Tags\": [], \"AlpnEnabled\": false, \"CaEnabled\": false,"
        " \"CaCertificateIds\": [], \"CertificateIds\": [], \"ListenerProtocol\": \"TCP\", \"ListenerPort\": 80,"
        " \"IdleTimeout\": 60, \"ListenerDescription\": \"web\", \"ProxyProtocolEnabled\": false, \"Enabled\": true,"
        " \"ProxyProtocolV2Config\": {\"Ppv2VpcIdEnabled\": true, \"Ppv2PrivateLinkEpIdEnabled\": false,"
        " \"Ppv2PrivateLinkEpsIdEnabled\": false}}");

    (void)product_do("Nlb UpdateServerGroupAttribute", NULL,
        "ServerGroupId=%s&HealthCheckConfig.HealthCheckInterval=9&ConnectionDrainEnabled=true&ConnectionDrainTimeout=30",
        group);
    product_assert_body("nlb.server_group", group,
        "{\"ServerGroupName\": \"group\", \"VpcId\": \"*\", \"AddressIPVersion\": \"ipv4\", \"AnyPortEnabled\": false,"
        " \"PreserveClientIpEnabled\": false, \"ConnectionDrainEnabled\": true, \"ConnectionDrainTimeout\": 30,"
        " \"Tags\": [], \"Scheduler\": \"Wrr\", \"ServerGroupType\": \"Instance\", \"Protocol\": \"TCP\", \"Servers\": [],"
        " \"HealthCheck\": {\"HealthCheckEnabled\": true, \"HealthCheckType\": \"TCP\", \"HealthCheckConnectPort\": 0,"
        " \"HealthCheckConnectTimeout\": 5, \"HealthCheckInterval\": 9, \"HealthyThreshold\": 2,"
        " \"UnhealthyThreshold\": 2, \"HttpCheckMethod\": \"GET\", \"HealthCheckUrl\": \"/\","
        " \"HealthCheckHttpVersion\": \"HTTP1.0\", \"HealthCheckHttpCode\": [\"http_2xx\"]}}");
}

/* An instance takes its listeners with it, and gives its addresses back. */
static void a_released_instance_leaves_nothing(void **state)
{
    const char *instance_id, *id;
    struct txn *txn;

    (void)state;
    instance_id = create_instance("&AddressType=Internet");
    id = create_listener(instance_id, create_group(""), "ListenerProtocol=TCP&ListenerPort=80");
    (void)product_do("Nlb DeleteLoadBalancer", NULL, "LoadBalancerId=%s", instance_id);
    product_assert_body("nlb.listener", id, NULL);
    product_assert_body("nlb.load_balancer", instance_id, NULL);
    txn = txn_begin(product_control.catalog);
    assert_int_equal(txn_count(txn, "vpc.address"), 0);
    assert_int_equal(txn_count(txn, "vpc.eip"), 0);
    (void)txn_abort(txn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, product_setup, product_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(instance),
        TEST(groups),
        TEST(servers_are_of_the_groups_vpc),
        TEST(listener_and_group_are_of_one_vpc),
        TEST(listeners),
        TEST(a_change_keeps_the_rest),
        TEST(a_released_instance_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
