#include "clb_make.h"

/* Servers of groups: identity, networks, what changes keep. */

static char lb[96], group[96];

static void make_vpcs(void)
{
    clb_add_doc("vpc.vpc", "vpc-2", "{}");
    clb_add_doc("ecs.server", "i-1",
        "{\"VpcId\":\"vpc-local\",\"PrivateIpAddresses\":[\"127.0.9.1\",\"127.0.9.2\"]}");
    clb_add_doc(
        "ecs.server", "i-2", "{\"VpcId\":\"vpc-2\",\"PrivateIpAddresses\":[\"127.0.9.3\"]}");
    clb_add_doc(
        "ecs.server", "i-3", "{\"VpcId\":\"vpc-2\",\"PrivateIpAddresses\":[\"127.0.9.4\"]}");
}

static void make_group(const char *where)
{
    make_vpcs();
    clb_do("CreateLoadBalancer", "LoadBalancerId", lb, "%s", where);
    clb_do("CreateVServerGroup", "VServerGroupId", group, "LoadBalancerId=%s", lb);
}

static json_t *servers_of_group(void)
{
    json_t *body = clb_body("clb.vserver_group", group);
    json_t *servers = json_incref(json_object_get(body, "Servers"));

    json_decref(body);
    return servers;
}

/* proves: CLB-33 */
static void private_instance_takes_its_own_vpc(void **state)
{
    char where[128];

    (void)state;
    (void)snprintf(where, sizeof(where), "VSwitchId=%s", clb_control.node.zones[0].vswitch_id);
    assert_string_equal(clb_control.node.vpc_id, "vpc-local");
    make_group(where);
    clb_do("AddVServerGroupBackendServers", NULL, NULL,
        "VServerGroupId=%s&BackendServers=[{\"ServerId\":\"i-1\",\"Port\":80}]", group);
    clb_fails("NetworkConflict", "AddVServerGroupBackendServers",
        "VServerGroupId=%s&BackendServers=[{\"ServerId\":\"i-2\",\"Port\":80}]", group);
    clb_fails("NetworkConflict", "AddBackendServers",
        "LoadBalancerId=%s&BackendServers=[{\"ServerId\":\"i-2\"}]", lb);
}

/* proves: CLB-34 */
static void public_instance_takes_one_vpc(void **state)
{
    (void)state;
    make_group("LoadBalancerName=one");
    clb_do("AddBackendServers", NULL, NULL,
        "LoadBalancerId=%s&BackendServers=[{\"ServerId\":\"i-2\"},{\"ServerId\":\"127.0.9.9\"}]",
        lb);
    clb_fails("NetworkConflict", "AddVServerGroupBackendServers",
        "VServerGroupId=%s&BackendServers=[{\"ServerId\":\"i-1\",\"Port\":80}]", group);
    clb_do("AddVServerGroupBackendServers", NULL, NULL,
        "VServerGroupId=%s&BackendServers=[{\"ServerId\":\"i-3\",\"Port\":80}]", group);
    clb_fails("NetworkConflict", "CreateVServerGroup",
        "LoadBalancerId=%s&BackendServers=[{\"ServerId\":\"i-1\",\"Port\":80}]", lb);
}

static void servers_are_stored_resolved(void **state)
{
    (void)state;
    make_group("LoadBalancerName=one");
    clb_do("AddVServerGroupBackendServers", NULL, NULL,
        "VServerGroupId=%s&BackendServers=[{\"ServerId\":\"i-1\",\"Port\":\"80\",\"Weight\":\"7\"},"
        "{\"serverid\":\"127.0.9.9\",\"port\":81,\"description\":\"d\"}]",
        group);
    clb_assert_body("clb.vserver_group", group,
        "{\"LoadBalancerId\":\"*\",\"VServerGroupName\":\"*\",\"Tags\":[],\"CreateTime\":\"*\","
        "\"CreateTimeStamp\":1767323045000,\"Servers\":["
        "{\"ServerUid\":\"*\",\"ServerId\":\"i-1\",\"ServerIp\":\"127.0.9.1\",\"Type\":\"ecs\",\"Port\":80,"
        "\"Weight\":7},"
        "{\"ServerUid\":\"*\",\"ServerId\":\"127.0.9.9\",\"ServerIp\":\"127.0.9.9\",\"Type\":\"ecs\",\"Port\":81,"
        "\"Weight\":100,\"Description\":\"d\"}]}");
}

/* The identity by which the data plane knows a server stays while its settings change. */
static void a_change_of_settings_keeps_the_server(void **state)
{
    json_t *before, *after;

    (void)state;
    make_group("LoadBalancerName=one");
    clb_do("AddVServerGroupBackendServers", NULL, NULL,
        "VServerGroupId=%s&BackendServers=[{\"ServerId\":\"i-1\",\"Port\":80},{\"ServerId\":\"i-1\",\"Port\":81}]",
        group);
    before = servers_of_group();
    clb_do("SetVServerGroupAttribute", NULL, NULL,
        "VServerGroupId=%s&BackendServers=[{\"ServerId\":\"i-1\",\"Port\":80,\"Weight\":5}]",
        group);
    clb_do("ModifyVServerGroupBackendServers", NULL, NULL,
        "VServerGroupId=%s&OldBackendServers=[{\"ServerId\":\"i-1\",\"Port\":81}]&"
        "NewBackendServers=[{\"ServerId\":\"i-1\",\"Port\":81,\"Weight\":6}]",
        group);
    after = servers_of_group();
    assert_int_equal(json_array_size(after), 2);
    for (size_t i = 0; i < 2; i++) {
        json_put_int(json_array_get(before, i), "Weight", 5 + (int)i);
        assert_true(json_equal(json_array_get(before, i), json_array_get(after, i)));
    }
    json_decref(before);
    json_decref(after);
}

static void another_port_is_another_server(void **state)
{
    json_t *before, *after;

    (void)state;
    make_group("LoadBalancerName=one");
    clb_do("AddVServerGroupBackendServers", NULL, NULL,
        "VServerGroupId=%s&BackendServers=[{\"ServerId\":\"i-1\",\"Port\":80}]", group);
    before = servers_of_group();
    clb_do("ModifyVServerGroupBackendServers", NULL, NULL,
        "VServerGroupId=%s&OldBackendServers=[{\"ServerId\":\"i-1\",\"Port\":80}]&"
        "NewBackendServers=[{\"ServerId\":\"i-1\",\"Port\":82}]",
        group);
    after = servers_of_group();
    assert_int_equal(json_array_size(after), 1);
    assert_int_equal(json_int(json_array_get(after, 0), "Port", 0), 82);
    assert_string_not_equal(json_text(json_array_get(before, 0), "ServerUid"),
        json_text(json_array_get(after, 0), "ServerUid"));
    json_decref(before);
    json_decref(after);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, clb_setup, clb_teardown)
    const struct CMUnitTest tests[] = {
        TEST(private_instance_takes_its_own_vpc),
        TEST(public_instance_takes_one_vpc),
        TEST(servers_are_stored_resolved),
        TEST(a_change_of_settings_keeps_the_server),
        TEST(another_port_is_another_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
