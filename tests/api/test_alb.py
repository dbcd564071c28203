"""ALB through its API, proved by what clients get: instances, listeners, groups, protection, zones, release."""
import pytest

import alb as words
import lib
from alb import fixed, forward, names, on, ordered, server, vips
from lib import get, proves, refuses, wait_for


@pytest.fixture(scope="module")
def ecs(backends):
    return [backends.nginx("ECS01"), backends.nginx("ECS02")]


@proves("ALBI-10", "ALBI-11", "ALBI-41", "ALBL-01", "ALBL-04", "ALBL-05", "ALBL-06", "ALBL-13", "ALBL-14")
def test_walkthrough_a_group_a_listener_and_the_name_serve_in_both_zones(alb, ecs):
    group = alb.group(*ecs)
    mine = alb.instance(LoadBalancerName="www")
    lb = mine["LoadBalancerId"]
    listener = alb.listener(lb, group)

    assert mine["DNSName"] == f"{lb}.{lib.REGION}.alb.openslb.test"
    assert [m["ZoneId"] for m in mine["ZoneMappings"]] == list(lib.ZONES[:2])
    assert all(a["Address"] == a["IntranetAddress"] and "AllocationId" not in a
               for m in mine["ZoneMappings"] for a in m["LoadBalancerAddresses"])  # fmt: skip
    for vip in vips(mine):
        assert names((vip, 80), 4) == {"ECS01": 2, "ECS02": 2}
    shown = alb.call("GetListenerAttribute", ListenerId=listener)
    assert (shown["ListenerStatus"], shown["ListenerPort"], shown["ListenerProtocol"]) == ("Running", 80, "HTTP")
    assert (shown["IdleTimeout"], shown["RequestTimeout"], shown["GzipEnabled"]) == (15, 60, False)
    servers = alb.call("ListServerGroupServers", ServerGroupId=group)["Servers"]
    assert [(s["Port"], s["Weight"], s["Status"]) for s in servers] == [(e.port, 100, "Available") for e in ecs]
    assert alb.group_attributes(group)["RelatedLoadBalancerIds"] == [lb]
    assert alb.group_attributes(group)["Scheduler"] == "Wrr"


@proves("ALBI-04", "ALBI-12", "ALBI-18", "ALBI-39", "ALBI-35")
def test_internet_instance_has_an_eip_per_zone_which_goes_with_it(alb, ecs):
    mine = alb.instance(AddressType="Internet")
    lb = mine["LoadBalancerId"]
    group = alb.group(*ecs)
    alb.listener(lb, group, 8080)
    addresses = [m["LoadBalancerAddresses"][0] for m in mine["ZoneMappings"]]
    for address in addresses:
        assert len(address["Ipv4LocalAddresses"]) == 2
        assert address["Address"].startswith(f"{alb.node.prefix}.") and address["Address"] != address["IntranetAddress"]
        for ip in (address["Address"], address["IntranetAddress"]):
            assert get((ip, 8080)).status == 200
    eips = alb.node.call("Vpc", "DescribeEipAddresses", RegionId=lib.REGION)["EipAddresses"]["EipAddress"]
    assert {a["AllocationId"] for a in addresses} <= {e["AllocationId"] for e in eips}

    alb.do("DeleteLoadBalancer", LoadBalancerId=lb)
    alb.fails("ResourceNotFound.LoadBalancer", "GetLoadBalancerAttribute", LoadBalancerId=lb)
    assert refuses((addresses[0]["Address"], 8080)) and refuses((addresses[0]["IntranetAddress"], 8080))
    eips = alb.node.call("Vpc", "DescribeEipAddresses", RegionId=lib.REGION)["EipAddresses"]["EipAddress"]
    assert not {a["AllocationId"] for a in addresses} & {e["AllocationId"] for e in eips}
    assert alb.call("ListListeners", LoadBalancerIds=[lb])["Listeners"] == []
    alb.do("DeleteServerGroup", ServerGroupId=group)


@proves("ALBI-18")
def test_users_own_eips_are_taken_and_outlive_the_instance(alb):
    call, where = alb.node.call, {"RegionId": lib.REGION}
    mine = [call("Vpc", "AllocateEipAddress", **where) for _ in range(2)]
    zones = [{**z, "AllocationId": e["AllocationId"]} for z, e in zip(words.ZONE_MAPPINGS, mine)]
    lb = alb.new(AddressType="Internet", ZoneMappings=zones)
    shown = [m["LoadBalancerAddresses"][0] for m in alb.attributes(lb)["ZoneMappings"]]
    assert [(a["AllocationId"], a["Address"]) for a in shown] == [(e["AllocationId"], e["EipAddress"]) for e in mine]

    other = {"AddressType": "Internet", "LoadBalancerEdition": "Basic", "VpcId": lib.VPC,
             "LoadBalancerBillingConfig": words.BILLING}  # fmt: skip
    alb.fails("IncorrectBusinessStatus.Eip", "CreateLoadBalancer", ZoneMappings=zones, **other)
    alb.do("DeleteLoadBalancer", LoadBalancerId=lb)
    for eip in mine:
        call("Vpc", "ReleaseEipAddress", AllocationId=eip["AllocationId"], **where)


@proves("ALBI-13")
def test_address_type_can_be_changed_later(alb, ecs):
    mine = alb.instance()
    lb = mine["LoadBalancerId"]
    alb.listener(lb, alb.group(*ecs), 80)

    alb.fails("OperationDenied.AddressTypeNotChanged", "UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=lb,
              AddressType="Intranet")  # fmt: skip
    alb.do("UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=lb, AddressType="Internet")
    public = [m["LoadBalancerAddresses"][0]["Address"] for m in alb.attributes(lb)["ZoneMappings"]]
    assert all(get((ip, 80)).status == 200 for ip in public + vips(mine))
    alb.do("UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=lb, AddressType="Intranet")
    assert refuses((public[0], 80)) and get((vips(mine)[0], 80)).status == 200


@proves("ALBI-32", "ALBI-33", "ALBI-37", "ALBI-35")
def test_protected_instance_is_changed_by_the_api_but_not_released(alb, ecs):
    mine = alb.instance(DeletionProtectionEnabled=True,
                        ModificationProtectionConfig={"Status": "ConsoleProtection", "Reason": "in-use"})  # fmt: skip
    lb = mine["LoadBalancerId"]
    assert mine["DeletionProtectionConfig"]["Enabled"] is True
    assert mine["ModificationProtectionConfig"] == {"Status": "ConsoleProtection", "Reason": "in-use"}

    alb.do("UpdateLoadBalancerAttribute", LoadBalancerId=lb, LoadBalancerName="renamed")
    alb.listener(lb, alb.group(*ecs), 80)
    alb.fails("OperationDenied.DeletionProtectionEnabled", "DeleteLoadBalancer", LoadBalancerId=lb)
    assert get((vips(mine)[0], 80)).status == 200
    alb.do("UpdateLoadBalancerAttribute", LoadBalancerId=lb, ModificationProtectionConfig={"Status": "NonProtection"})
    assert alb.attributes(lb)["ModificationProtectionConfig"] == {"Status": "NonProtection"}
    assert alb.attributes(lb)["LoadBalancerName"] == "renamed"

    alb.call("DisableDeletionProtection", ResourceId=lb)
    alb.call("EnableDeletionProtection", ResourceId=lb)
    alb.fails("OperationDenied.DeletionProtectionEnabled", "DeleteLoadBalancer", LoadBalancerId=lb)
    alb.call("DisableDeletionProtection", ResourceId=lb)
    alb.do("DeleteLoadBalancer", LoadBalancerId=lb)
    assert refuses((vips(mine)[0], 80))


@proves("ALBI-31")
def test_name_resource_group_and_tags_are_edited_later_and_found_by(alb):
    lb = alb.new(Tag=[{"Key": "team", "Value": "web"}], ResourceGroupId="rg-1")
    other = alb.new()
    alb.do("UpdateLoadBalancerAttribute", LoadBalancerId=lb, LoadBalancerName="shop")
    alb.call("MoveResourceGroup", ResourceId=lb, ResourceType="loadbalancer", NewResourceGroupId="rg-2")
    alb.call("TagResources", ResourceId=[lb], ResourceType="loadbalancer", Tag=[{"Key": "stage", "Value": "live"}])

    def found(**filters):
        answer = alb.call("ListLoadBalancers", LoadBalancerIds=[lb, other], **filters)
        assert answer["TotalCount"] == len(answer["LoadBalancers"])
        return [x["LoadBalancerId"] for x in answer["LoadBalancers"]]

    assert found() == [lb, other]
    assert found(LoadBalancerNames=["shop"]) == found(ResourceGroupId="rg-2") == [lb]
    assert found(Tag=[{"Key": "team", "Value": "web"}, {"Key": "stage"}]) == [lb]
    assert found(ResourceGroupId="rg-1") == found(ZoneId=lib.ZONES[2]) == found(AddressType="Internet") == []
    keys = alb.call("ListTagKeys", ResourceType="loadbalancer")["TagKeys"]
    assert {"team", "stage"} <= {k["TagKey"] for k in keys}
    assert alb.call("ListTagValues", TagKey="stage")["TagValues"] == ["live"]
    tags = alb.call("ListTagResources", ResourceType="loadbalancer", ResourceId=[lb])["TagResources"]
    assert {(t["TagKey"], t["TagValue"]) for t in tags} == {("team", "web"), ("stage", "live")}
    alb.call("UnTagResources", ResourceId=[lb], ResourceType="loadbalancer", TagKey=["team"])
    assert found(Tag=[{"Key": "team"}]) == []


def test_zones_are_added_and_removed_while_traffic_flows(alb, ecs):
    mine = alb.instance()
    lb = mine["LoadBalancerId"]
    alb.listener(lb, alb.group(*ecs), 80)
    old = vips(mine)
    zones = [{"ZoneId": lib.ZONES[i], "VSwitchId": lib.VSWITCHES[i]} for i in (1, 2)]

    alb.fails("OperationDenied.ZoneMappingsNotChanged", "UpdateLoadBalancerZones", LoadBalancerId=lb,
              ZoneMappings=words.ZONE_MAPPINGS)  # fmt: skip
    alb.do("UpdateLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=zones)
    new = vips(alb.attributes(lb))
    assert new[0] == old[1] and new[1] not in old
    assert refuses((old[0], 80))
    assert all(get((vip, 80)).status == 200 for vip in new)


@proves("ALBI-43")
def test_zones_need_not_be_those_of_a_clb_for_the_same_servers(alb, ecs):
    clb = alb.node.call("Slb", "CreateLoadBalancer", RegionId=lib.REGION, MasterZoneId=lib.ZONES[0])["LoadBalancerId"]
    zones = [{"ZoneId": lib.ZONES[i], "VSwitchId": lib.VSWITCHES[i]} for i in (1, 2)]
    mine = alb.instance(ZoneMappings=zones)
    alb.listener(mine["LoadBalancerId"], alb.group(*ecs), 80)
    shown = alb.node.call("Slb", "DescribeLoadBalancerAttribute", RegionId=lib.REGION, LoadBalancerId=clb)
    assert shown["MasterZoneId"] not in [m["ZoneId"] for m in mine["ZoneMappings"]]
    assert all(names((vip, 80), 2) == {"ECS01": 1, "ECS02": 1} for vip in vips(mine))


def test_zone_is_shifted_and_comes_back(alb):
    lb = alb.new()
    mapping = words.ZONE_MAPPINGS[:1]

    def statuses():
        return [m["Status"] for m in alb.attributes(lb)["ZoneMappings"]]

    alb.fails("OperationDenied.ZoneMappingsNotChanged", "CancelShiftLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=mapping)
    alb.call("StartShiftLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=mapping)
    assert statuses() == ["Shifted", "Active"]
    alb.fails("OperationDenied.ConfigLastActiveZoneNotSupport", "StartShiftLoadBalancerZones", LoadBalancerId=lb,
              ZoneMappings=words.ZONE_MAPPINGS[1:])  # fmt: skip
    alb.call("CancelShiftLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=mapping)
    assert statuses() == ["Active", "Active"]


def test_weights_change_while_traffic_flows(alb, ecs):
    mine = alb.instance()
    group = alb.group(server(ecs[0], Weight=100), server(ecs[1], Weight=50))
    alb.listener(mine["LoadBalancerId"], group)
    where = (vips(mine)[0], 80)

    assert names(where, 30) == {"ECS01": 20, "ECS02": 10}
    alb.do("UpdateServerGroupServersAttribute", ServerGroupId=group, Servers=[server(ecs[0], Weight=0)])
    assert names(where, 5) == {"ECS02": 5}
    alb.do("RemoveServersFromServerGroup", ServerGroupId=group, Servers=[server(ecs[1])])
    assert get(where).status == 503


def test_uch_sends_equal_parameters_to_one_server(alb, ecs):
    mine = alb.instance()
    group = alb.group(*ecs, Scheduler="Uch", UchConfig={"Type": "QueryString", "Value": "uid"})
    alb.listener(mine["LoadBalancerId"], group)
    where = (vips(mine)[0], 80)

    # Ports are random, so is who serves a value: all of them go to one server once in 2**59 runs.
    seen = [set(names(where, 2, f"/?uid={i}")) for i in range(60)]
    assert all(len(who) == 1 for who in seen) and set.union(*seen) == {"ECS01", "ECS02"}
    alb.do("UpdateServerGroupAttribute", ServerGroupId=group, Scheduler="Wrr")
    assert "UchConfig" not in alb.group_attributes(group)
    assert names(where, 4, "/?uid=1") == {"ECS01": 2, "ECS02": 2}


def test_unhealthy_server_gets_nothing_until_it_is_back(alb, backends):
    up, down = backends.nginx("ECS04"), backends.nginx("ECS05")
    check = {"HealthCheckEnabled": True, "HealthCheckInterval": 1, "HealthCheckTimeout": 20, "HealthyThreshold": 2,
             "UnhealthyThreshold": 2, "HealthCheckMethod": "GET", "HealthCheckPath": "/health"}  # fmt: skip
    mine = alb.instance()
    group = alb.group(up, down, HealthCheckConfig=check)
    listener = alb.listener(mine["LoadBalancerId"], group)
    where = (vips(mine)[0], 80)

    def sick():
        (shown,) = alb.call("GetListenerHealthStatus", ListenerId=listener)["ListenerHealthStatus"]
        return [(s["Port"], s["Status"]) for s in shown["ServerGroupInfos"][0]["NonNormalServers"]]

    wait_for(lambda: sick() == [], "both are healthy")
    down.stop()
    wait_for(lambda: sick() == [(down.port, "Unhealthy")], "one is not")
    assert names(where, 10) == {"ECS04": 10}
    down.start()
    wait_for(lambda: sick() == [], "both are healthy again")
    assert names(where, 10) == {"ECS04": 5, "ECS05": 5}


@proves("ALBL-02", "ALBL-03")
def test_registered_servers_join_replace_each_other_and_have_one_vpc(alb, ecs):
    ids = [
        alb.node.call("OpenSlb", "RegisterServer", Name=e.name, PrivateIpAddresses=[e.ip], VpcId=lib.VPC,
                      ZoneId=lib.ZONES[0])["ServerId"]
        for e in ecs
    ]  # fmt: skip
    rows = [{"ServerId": i, "ServerType": "Ecs", "Port": e.port} for i, e in zip(ids, ecs)]
    group = alb.group(rows[0], ServerGroupType="Instance")
    mine = alb.instance()
    alb.listener(mine["LoadBalancerId"], group)
    where = (vips(mine)[0], 80)

    assert names(where, 4) == {"ECS01": 4}
    alb.do("ReplaceServersInServerGroup", ServerGroupId=group, AddedServers=rows[1:], RemovedServers=rows[:1])
    assert names(where, 4) == {"ECS02": 4}
    alb.fails("Conflict.BackendServer", "AddServersToServerGroup", ServerGroupId=group, Servers=rows[1:])
    alb.fails("DuplicatedParam.BackendServer", "AddServersToServerGroup", ServerGroupId=group, Servers=rows[:1] * 2)
    alb.fails("ResourceNotFound.BackendServer", "RemoveServersFromServerGroup", ServerGroupId=group, Servers=rows[:1])
    alb.fails("Mismatch.ServerType", "AddServersToServerGroup", ServerGroupId=group, Servers=[server(ecs[0])])
    unknown = [{"ServerId": "i-none", "ServerType": "Ecs", "Port": 80}]
    alb.fails("ResourceNotFound.Ecs", "AddServersToServerGroup", ServerGroupId=group, Servers=unknown)
    outside = [{"ServerId": "10.1.2.3", "ServerType": "Ip", "Port": 80}]
    alb.fails("Mismatch.VpcId", "AddServersToServerGroup", ServerGroupId=alb.group(), Servers=outside)


@proves("ALBL-08", "ALBL-09")
def test_backend_keep_alive_is_on_by_default_and_a_setting_of_the_group(alb, backends):
    one = backends.http()
    group = alb.group(one)
    mine = alb.instance()
    alb.listener(mine["LoadBalancerId"], group)
    where = (vips(mine)[0], 80)

    assert alb.group_attributes(group)["UpstreamKeepaliveEnabled"] is True
    with lib.e2e.Client(where) as client:
        assert [client.request("GET", "/").status for _ in range(5)] == [200] * 5
    assert len({r.connection for r in one.requests}) == 1
    alb.do("UpdateServerGroupAttribute", ServerGroupId=group, UpstreamKeepaliveEnabled=False)
    one.requests.clear()
    with lib.e2e.Client(where) as client:
        assert [client.request("GET", "/").status for _ in range(5)] == [200] * 5
    assert len({r.connection for r in one.requests}) == 5


def test_health_shows_servers_that_are_not_healthy_and_why(alb, ecs):
    down = lib.free_port()
    check = {"HealthCheckEnabled": True, "HealthCheckInterval": 1, "HealthCheckTimeout": 20, "HealthyThreshold": 2,
             "UnhealthyThreshold": 2}  # fmt: skip
    group = alb.group(ecs[0], server(ecs[0], Port=down), server(ecs[1], Weight=0), HealthCheckConfig=check)
    listener = alb.listener(alb.new(), group)
    rule = alb.rule(listener, 1, [on("Path", "/x")], forward(group))

    def sick(answer):
        (shown,) = answer["ListenerHealthStatus"]
        assert shown["ListenerId"] == listener and shown["ListenerPort"] == 80
        (info,) = shown["ServerGroupInfos"]
        assert info["ServerGroupId"] == group and info["HealthCheckEnabled"] == "on"
        return {s["Port"]: (s["Status"], s.get("Reason", {}).get("ReasonCode")) for s in info["NonNormalServers"]}

    wanted = {down: ("Unhealthy", "CONNECT_FAILED"), ecs[1].port: ("Unused", None)}
    answer = alb.node.wait(lambda a: sick(a) == wanted, "Alb", "GetListenerHealthStatus", ListenerId=listener, IncludeRule=True)
    (shown,) = answer["RuleHealthStatus"]
    assert shown["RuleId"] == rule and len(shown["ServerGroupInfos"][0]["NonNormalServers"]) == 2
    off = alb.listener(alb.new(), alb.group(ecs[0]))
    shown = alb.call("GetListenerHealthStatus", ListenerId=off)["ListenerHealthStatus"][0]["ServerGroupInfos"][0]
    assert (shown["HealthCheckEnabled"], [s["Status"] for s in shown["NonNormalServers"]]) == ("off", ["Unavailable"])


def test_stopped_listener_closes_its_port_and_starts_again(alb, ecs):
    mine = alb.instance()
    listener = alb.listener(mine["LoadBalancerId"], alb.group(*ecs))
    where = (vips(mine)[0], 80)

    alb.do("StopListener", ListenerId=listener)
    assert alb.call("GetListenerAttribute", ListenerId=listener)["ListenerStatus"] == "Stopped"
    wait_for(lambda: refuses(where), "the port is closed")
    alb.fails("IncorrectStatus.Listener", "StopListener", ListenerId=listener)
    alb.do("StartListener", ListenerId=listener)
    assert get(where).status == 200
    alb.fails("IncorrectStatus.Listener", "StartListener", ListenerId=listener)


def test_deleted_listener_takes_its_rules_along(alb, ecs):
    mine = alb.instance()
    listener = alb.listener(mine["LoadBalancerId"], alb.group(*ecs))
    rule = alb.rule(listener, 1, [on("Path", "/x")], fixed())
    alb.do("DeleteListener", ListenerId=listener)
    assert alb.call("ListRules", RuleIds=[rule])["Rules"] == []
    assert refuses((vips(mine)[0], 80))


def test_forwarded_headers_are_those_of_the_listener(alb, backends):
    mine = alb.instance()
    listener = alb.listener(mine["LoadBalancerId"], alb.group(backends.nginx("ECS03")),
                            XForwardedForConfig={"XForwardedForProtoEnabled": True, "XForwardedForSLBIdEnabled": True})  # fmt: skip
    where = (vips(mine)[0], 80)
    echoed = get(where, "/echo").body.decode().lower()
    assert "x-forwarded-for" in echoed or "127.0.0.1" in echoed
    shown = alb.call("GetListenerAttribute", ListenerId=listener)["XForwardedForConfig"]
    assert shown["XForwardedForEnabled"] is True and shown["XForwardedForProtoEnabled"] is True
    alb.do("UpdateListenerAttribute", ListenerId=listener, XForwardedForConfig={"XForwardedForEnabled": False})
    shown = alb.call("GetListenerAttribute", ListenerId=listener)["XForwardedForConfig"]
    assert shown["XForwardedForEnabled"] is False and shown["XForwardedForSLBIdEnabled"] is True


def test_what_the_data_plane_cannot_do_is_told_by_job_and_status(alb, ecs):
    listener = alb.listener(alb.new(), alb.group(*ecs))
    answer = alb.call("CreateRule", ListenerId=listener, Priority=1, RuleName="limited",
                      RuleConditions=[on("Path", "/x")],
                      RuleActions=ordered([words.action("Cors", AllowOrigin=["*"]), fixed()]))  # fmt: skip
    alb.node.wait_job("Alb", answer, status="Failed")
    job = alb.node.job("Alb", answer["JobId"])
    assert job["ErrorMessage"] and job["ResourceId"] == answer["RuleId"]
    (rule,) = alb.call("ListRules", RuleIds=[answer["RuleId"]])["Rules"]
    assert rule["RuleStatus"] == "CreateFailed"
    assert rule["RuleActions"][0]["CorsConfig"] == {
        "AllowOrigin": ["*"], "AllowMethods": [], "AllowHeaders": [], "ExposeHeaders": [], "AllowCredentials": "on",
        "MaxAge": 172800}  # fmt: skip
    alb.do("DeleteRule", RuleId=answer["RuleId"])


def test_access_log_follows_the_instance(alb, ecs):
    mine = alb.instance()
    lb = mine["LoadBalancerId"]
    alb.listener(lb, alb.group(*ecs))
    where = (vips(mine)[0], 80)
    log = alb.node.log_path

    def lines(path):
        return log.read_text().count(path) if log.exists() else 0

    get(where, "/before-log")
    alb.do("EnableLoadBalancerAccessLog", LoadBalancerId=lb, LogProject="p", LogStore="s")
    assert alb.attributes(lb)["AccessLogConfig"] == {"LogProject": "p", "LogStore": "s"}
    alb.fails("OperationDenied.AccessLogEnabled", "EnableLoadBalancerAccessLog", LoadBalancerId=lb, LogProject="p", LogStore="s")
    get(where, "/with-log")
    wait_for(lambda: lines("/with-log") == 1, "the request is logged")
    assert lines("/before-log") == 0
    alb.call("DisableLoadBalancerAccessLog", LoadBalancerId=lb)
    alb.fails("OperationDenied.AccessLogDisabled", "DisableLoadBalancerAccessLog", LoadBalancerId=lb)
