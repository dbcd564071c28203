#include "clb_make.h"

/* Shapes of documents, as clb.h promises them to the compiler. */

static char lb[96], group[96];

static void make_instance(void)
{
    clb_do("CreateLoadBalancer", "LoadBalancerId", lb, "LoadBalancerName=one");
    clb_do("CreateVServerGroup", "VServerGroupId", group, "LoadBalancerId=%s", lb);
}

static void internet_instance(void **state)
{
    (void)state;
    clb_do("CreateLoadBalancer", "LoadBalancerId", lb,
        "LoadBalancerName=one&Bandwidth=10&InternetChargeType=PayByBandwidth&"
        "Tag.1.Key=k&Tag.1.Value=v");
    clb_assert_body("clb.load_balancer", lb,
        "{\"LoadBalancerName\":\"one\",\"AddressType\":\"internet\",\"AddressIPVersion\":\"ipv4\","
        "\"Address\":\"*\",\"EipId\":\"*\",\"NetworkType\":\"classic\",\"MasterZoneId\":\"*\","
        "\"InternetChargeType\":\"paybybandwidth\",\"InstanceChargeType\":\"PayBySpec\","
        "\"PayType\":\"PayOnDemand\",\"Bandwidth\":10,"
        "\"DeleteProtection\":\"off\",\"ModificationProtectionStatus\":\"NonProtection\","
        "\"ResourceGroupId\":\"rg-default\",\"Enabled\":true,\"BackendServers\":[],"
        "\"Tags\":[{\"Key\":\"k\",\"TagKey\":\"k\",\"Value\":\"v\",\"TagValue\":\"v\"}],"
        "\"CreateTime\":\"2026-01-02T03:04:05Z\",\"CreateTimeStamp\":1767323045000}");
}

static void intranet_instance(void **state)
{
    const struct node_zone *zone = &clb_control.node.zones[0];
    json_t *body;

    (void)state;
    clb_do("CreateLoadBalancer", "LoadBalancerId", lb, "VSwitchId=%s", zone->vswitch_id);
    body = clb_body("clb.load_balancer", lb);
    assert_string_equal(json_text(body, "AddressType"), "intranet");
    assert_string_equal(json_text(body, "NetworkType"), "vpc");
    assert_string_equal(json_text(body, "MasterZoneId"), zone->id);
    assert_string_equal(json_text(body, "VpcId"), clb_control.node.vpc_id);
    assert_string_equal(json_text(body, "LoadBalancerName"), lb);
    assert_false(json_has(body, "EipId"));
    json_decref(body);
}

/* name of the operation, parameters but for instance and port, protocol, what the document must have beside what all have */
static const struct {
    const char *operation, *form, *protocol, *expected;
} listeners[] = {
    {"CreateLoadBalancerTCPListener", "Bandwidth=-1&BackendServerPort=80&healthCheckInterval=7",
        "tcp",
        "\"HealthCheck\":\"on\",\"HealthCheckType\":\"tcp\",\"HealthCheckConnectTimeout\":5,"
        "\"HealthCheckInterval\":7,\"HealthCheckURI\":\"/\",\"HealthCheckHttpCode\":\"http_2xx\","
        "\"HealthCheckMethod\":\"get\",\"EstablishedTimeout\":900,\"PersistenceTimeout\":0,"
        "\"ConnectionDrain\":\"off\",\"ProxyProtocolV2Enabled\":false"},
    {"CreateLoadBalancerUDPListener", "Bandwidth=-1&BackendServerPort=80", "udp",
        "\"HealthCheck\":\"on\",\"HealthCheckConnectTimeout\":10,\"HealthCheckInterval\":5,"
        "\"ProxyProtocolV2Enabled\":false"},
    {"CreateLoadBalancerHTTPListener", "BackendServerPort=80&HealthCheck=on", "http",
        "\"HealthCheck\":\"on\",\"HealthCheckTimeout\":5,\"HealthCheckInterval\":2,\"HealthCheckURI\":\"/\","
        "\"HealthCheckHttpCode\":\"http_2xx\",\"HealthCheckMethod\":\"head\",\"IdleTimeout\":15,"
        "\"RequestTimeout\":60,\"Gzip\":\"off\",\"StickySession\":\"off\",\"ListenerForward\":\"off\","
        "\"XForwardedFor\":\"on\",\"XForwardedFor_proto\":\"off\",\"XForwardedFor_SLBIP\":\"off\","
        "\"XForwardedFor_SLBID\":\"off\",\"XForwardedFor_SLBPORT\":\"off\","
        "\"XForwardedFor_ClientSrcPort\":\"off\""},
};

static void new_listeners(void **state)
{
    (void)state;
    make_instance();
    for (size_t i = 0; i < ARRAY_LEN(listeners); i++) {
        int port = 100 + (int)i;
        char id[128], expected[2048];

        clb_do(listeners[i].operation, NULL, NULL, "LoadBalancerId=%s&ListenerPort=%d&%s", lb, port,
            listeners[i].form);
        (void)snprintf(id, sizeof(id), "%s:%s:%d", lb, listeners[i].protocol, port);
        (void)snprintf(expected, sizeof(expected),
            "{\"LoadBalancerId\":\"%s\",\"ListenerProtocol\":\"%s\",\"ListenerPort\":%d,\"Enabled\":false,"
            "\"BackendServerPort\":80,\"Bandwidth\":-1,\"Scheduler\":\"wrr\",\"AclStatus\":\"off\","
            "\"HealthyThreshold\":3,\"UnhealthyThreshold\":3,\"Tags\":[],%s}",
            lb, listeners[i].protocol, port, listeners[i].expected);
        clb_assert_body("clb.listener", id, expected);
    }
}

static json_t *listener_body(const char *protocol, int port)
{
    char id[128];

    (void)snprintf(id, sizeof(id), "%s:%s:%d", lb, protocol, port);
    return clb_body("clb.listener", id);
}

static void group_of_a_listener_changes(void **state)
{
    json_t *body;

    (void)state;
    make_instance();
    clb_do("CreateLoadBalancerTCPListener", NULL, NULL,
        "LoadBalancerId=%s&ListenerPort=80&Bandwidth=-1&BackendServerPort=8080", lb);
    clb_do("SetLoadBalancerTCPListenerAttribute", NULL, NULL,
        "LoadBalancerId=%s&ListenerPort=80&VServerGroup=on&VServerGroupId=%s&BackendServerPort=8080",
        lb, group);
    body = listener_body("tcp", 80);
    assert_string_equal(json_text(body, "VServerGroupId"), group);
    assert_int_equal(json_int(body, "BackendServerPort", 0), 8080);
    json_decref(body);
    clb_do("SetLoadBalancerTCPListenerAttribute", NULL, NULL,
        "LoadBalancerId=%s&ListenerPort=80&VServerGroup=off", lb);
    body = listener_body("tcp", 80);
    assert_false(json_has(body, "VServerGroupId"));
    json_decref(body);
}

static void change_leaves_the_rest(void **state)
{
    json_t *before, *after;

    (void)state;
    make_instance();
    clb_do("CreateLoadBalancerHTTPListener", NULL, NULL,
        "LoadBalancerId=%s&ListenerPort=80&HealthCheck=on&BackendServerPort=80&Scheduler=rr&"
        "HealthCheckURI=/health&XForwardedFor_proto=on&Description=a",
        lb);
    before = listener_body("http", 80);
    clb_do("SetLoadBalancerHTTPListenerAttribute", NULL, NULL,
        "LoadBalancerId=%s&ListenerPort=80&IdleTimeout=33", lb);
    after = listener_body("http", 80);
    json_put_int(before, "IdleTimeout", 33);
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
}

static void rule_and_its_own_settings(void **state)
{
    char rule[96], form[160];
    json_t *answer;

    (void)state;
    make_instance();
    clb_do("CreateLoadBalancerHTTPListener", NULL, NULL,
        "LoadBalancerId=%s&ListenerPort=80&HealthCheck=off&BackendServerPort=80", lb);
    clb_do("CreateRules", NULL, NULL,
        "LoadBalancerId=%s&ListenerPort=80&RuleList=[{\"RuleName\":\"r\",\"Domain\":\"*.Example.COM\",\"Url\":\"/x\","
        "\"VServerGroupId\":\"%s\"}]",
        lb, group);
    (void)snprintf(form, sizeof(form), "LoadBalancerId=%s&ListenerPort=80", lb);
    answer = clb_call("DescribeRules", form, "good");
    (void)snprintf(rule, sizeof(rule), "%s",
        json_text(json_array_get(json_object_get(json_object_get(answer, "Rules"), "Rule"), 0),
            "RuleId"));
    json_decref(answer);
    clb_do("SetRule", NULL, NULL,
        "RuleId=%s&ListenerSync=off&Scheduler=rr&HealthCheck=off&StickySession=on&StickySessionType=insert&"
        "CookieTimeout=60",
        rule);
    clb_assert_body("clb.rule", rule,
        "{\"LoadBalancerId\":\"*\",\"ListenerKey\":\"*\",\"ListenerPort\":80,\"ListenerProtocol\":\"http\","
        "\"RuleName\":\"r\",\"Domain\":\"*.example.com\",\"Url\":\"/x\",\"VServerGroupId\":\"*\","
        "\"ListenerSync\":\"off\",\"Scheduler\":\"rr\",\"HealthCheck\":\"off\",\"StickySession\":\"on\","
        "\"StickySessionType\":\"insert\",\"CookieTimeout\":60}");
}

static void access_list_with_normal_entries(void **state)
{
    char acl[96];

    (void)state;
    clb_do("CreateAccessControlList", "AclId", acl, "AclName=office");
    clb_do("AddAccessControlListEntry", NULL, NULL,
        "AclId=%s&AclEntrys=[{\"Entry\":\"10.0.0.1\",\"comment\":\"a\"},{\"entry\":\"10.0.0.1/32\"},"
        "{\"entry\":\"0.0.0.0/0\"}]",
        acl);
    clb_assert_body("clb.acl", acl,
        "{\"AclName\":\"office\",\"AddressIPVersion\":\"ipv4\",\"ResourceGroupId\":\"rg-default\",\"Tags\":[],"
        "\"CreateTime\":\"*\",\"CreateTimeStamp\":1767323045000,\"AclEntrys\":["
        "{\"AclEntryIP\":\"10.0.0.1/32\",\"AclEntryComment\":\"a\"},{\"AclEntryIP\":\"0.0.0.0/0\"}]}");
}

static void release_leaves_nothing(void **state)
{
    static const char *const mine[] = {"clb.load_balancer", "clb.listener", "clb.rule",
        "clb.vserver_group", "clb.master_slave_group", "clb.access_log", "clb.acl", "vpc.address",
        "vpc.eip"};
    uint32_t before[ARRAY_LEN(mine)];
    struct txn *txn = txn_begin(clb_control.catalog);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mine); i++)
        before[i] = txn_count(txn, mine[i]);
    (void)txn_abort(txn);
    make_instance();
    clb_do("CreateLoadBalancerHTTPListener", NULL, NULL,
        "LoadBalancerId=%s&ListenerPort=80&HealthCheck=off&VServerGroupId=%s", lb, group);
    clb_do("AddListenerWhiteListItem", NULL, NULL,
        "LoadBalancerId=%s&ListenerPort=80&SourceItems=10.0.0.0/8", lb);
    clb_do("CreateRules", NULL, NULL,
        "LoadBalancerId=%s&ListenerPort=80&RuleList=[{\"RuleName\":\"r\",\"Url\":\"/x\",\"VServerGroupId\":\"%s\"}]",
        lb, group);
    clb_do("DeleteLoadBalancer", NULL, NULL, "LoadBalancerId=%s", lb);
    txn = txn_begin(clb_control.catalog);
    for (size_t i = 0; i < ARRAY_LEN(mine); i++)
        assert_int_equal(txn_count(txn, mine[i]), before[i]);
    (void)txn_abort(txn);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, clb_setup, clb_teardown)
    const struct CMUnitTest tests[] = {
        TEST(internet_instance),
        TEST(intranet_instance),
        TEST(new_listeners),
        TEST(group_of_a_listener_changes),
        TEST(change_leaves_the_rest),
        TEST(rule_and_its_own_settings),
        TEST(access_list_with_normal_entries),
        TEST(release_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
