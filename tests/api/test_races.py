"""Steps that follow each other faster than the data plane applies them, and many clients that want the same thing."""
import collections
import concurrent.futures
import json
import os
import signal

import pytest

import alb as alb_words
import lib
import nlb as nlb_words
from lib import get, wait_for


class StoppedData:
    """The data plane of a node hangs: what is changed meanwhile is not applied before it goes on."""

    def __init__(self, node):
        self.pid = node.child("data")

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        try:
            os.kill(self.pid, signal.SIGCONT)
        except ProcessLookupError:  # it hung for so long that it was replaced
            pass


def at_once(n, call):
    """call(i) for n numbers, all at the same time: how often each result or error code came."""
    with concurrent.futures.ThreadPoolExecutor(n) as pool:

        def one(i):
            try:
                call(i)
            except lib.ApiError as e:
                return e.code
            return "ok"

        return collections.Counter(pool.map(one, range(n)))


# --- one wins --------------------------------------------------------------------------------------


def test_of_300_clients_that_create_one_port_one_wins(alb, clb, nlb):
    """Of each product; the listener that is there is the winner's, and one only."""
    lb = alb.instance()["LoadBalancerId"]
    group = alb.group()
    listener = {"LoadBalancerId": lb, "ListenerProtocol": "HTTP", "DefaultActions": [alb_words.forward(group)]}
    said = at_once(300, lambda i: alb.call("CreateListener", ListenerPort=80, ListenerDescription=f"number-{i}", **listener))
    assert said == {"ok": 1, "ResourceAlreadyExist.Listener": 299}
    assert alb.call("ListListeners", LoadBalancerIds=[lb])["TotalCount"] == 1

    lb, _ = clb.instance()
    said = at_once(100, lambda _: clb.listener("tcp", lb, 80, start=False, BackendServerPort=80))
    assert said == {"ok": 1, "ListenerAlreadyExists": 99}
    assert clb.call("DescribeLoadBalancerListeners", LoadBalancerId=[lb])["TotalCount"] == 1

    lb = nlb.instance()["LoadBalancerId"]
    group = nlb.group()
    new = {"LoadBalancerId": lb, "ServerGroupId": group, "ListenerProtocol": "TCP", "ListenerPort": 80}
    said = at_once(100, lambda _: nlb.call("CreateListener", **new))
    assert said == {"ok": 1, "Conflict.Port": 99}
    assert nlb.call("ListListeners", LoadBalancerIds=[lb])["TotalCount"] == 1


def test_one_address_one_priority_one_name_go_to_one_of_many(node, alb):
    ip = f"{node.prefix}.128.77"
    said = at_once(50, lambda _: node.call("Vpc", "AllocateEipAddress", IpAddress=ip))
    assert said == {"ok": 1, "InvalidIpAddress.AlreadyUsed": 49}
    listener = alb.listener(alb.instance()["LoadBalancerId"], alb.group())
    rule = {"ListenerId": listener, "Priority": 7, "RuleName": "rule", "RuleConditions": [alb_words.on("Path", "/a")],
            "RuleActions": alb_words.ordered([alb_words.fixed()])}  # fmt: skip
    assert at_once(50, lambda _: alb.call("CreateRule", **rule)) == {"ok": 1, "Conflict.Priority": 49}
    said = at_once(50, lambda _: node.call("Alidns", "AddDomain", DomainName="race.example"))
    assert said == {"ok": 1, "InvalidDomainName.Duplicate": 49}
    record = {"DomainName": "race.example", "RR": "www", "Type": "A", "Value": "192.0.2.1"}
    assert at_once(50, lambda _: node.call("Alidns", "AddDomainRecord", **record)) == {"ok": 1, "DomainRecordDuplicate": 49}


def test_one_client_token_makes_one_thing_however_many_send_it(node, alb):
    made = set()

    def create(i):
        made.add(alb.new(ClientToken="one-of-many", LoadBalancerName="once"))

    assert at_once(60, create) == {"ok": 60}
    assert len(made) == 1
    assert alb.call("ListLoadBalancers", LoadBalancerNames=["once"])["TotalCount"] == 1


def test_increments_of_many_clients_are_all_there(alb):
    """Each adds a server of its own to one group, which a read, a change and a write would lose."""
    group = alb.group()

    def add(i):
        server = {"ServerId": f"127.0.20.{i + 1}", "ServerType": "Ip", "Port": 80, "RemoteIpEnabled": True}
        alb.call("AddServersToServerGroup", ServerGroupId=group, Servers=[server])

    assert at_once(100, add) == {"ok": 100}
    rows = alb.call("ListServerGroupServers", ServerGroupId=group, MaxResults=100)["Servers"]
    assert {r["ServerId"] for r in rows} == {f"127.0.20.{i + 1}" for i in range(100)}


# --- faster than the data plane ----------------------------------------------------------------------


def test_a_group_goes_right_behind_its_listener(node, alb, nlb, clb):
    for words, create in ((alb, alb.listener), (nlb, nlb.listener)):
        lb, group = words.instance()["LoadBalancerId"], words.group()
        listener = create(lb, group)
        words.fails("ResourceInUse.ServerGroup", "DeleteServerGroup", ServerGroupId=group)
        with StoppedData(node):
            first = words.call("DeleteListener", ListenerId=listener)
            second = words.call("DeleteServerGroup", ServerGroupId=group)
            words.fails("ResourceNotFound.ServerGroup" if words is alb else "ResourceNotFound.serverGroup",
                        "DeleteServerGroup", ServerGroupId=group)  # fmt: skip
        for answer in (first, second):
            node.wait_job("Alb" if words is alb else "Nlb", answer)
    lb, _ = clb.instance()
    group = clb.group(lb, {"ServerId": "127.0.9.1", "Port": 80})
    clb.listener("tcp", lb, 80, VServerGroupId=group)
    clb.fails("RspoolVipExist", "DeleteVServerGroup", VServerGroupId=group)
    with StoppedData(node):
        clb.call("DeleteLoadBalancerListener", LoadBalancerId=lb, ListenerPort=80)
        clb.call("DeleteVServerGroup", VServerGroupId=group)
        clb.call("DeleteLoadBalancer", LoadBalancerId=lb)


def test_listeners_come_and_go_at_one_port_in_quick_succession(node, alb, backends):
    """Each a new one at the port that the one before had; the last one serves."""
    web = backends.nginx("ECS01")
    mine = alb.instance()
    lb, group = mine["LoadBalancerId"], alb.group(web)
    answers = []
    for i in range(30):
        made = alb.call("CreateListener", LoadBalancerId=lb, ListenerProtocol="HTTP", ListenerPort=80,
                        DefaultActions=[alb_words.forward(group)])  # fmt: skip
        answers.append(made)
        if i < 29:
            answers.append(alb.call("DeleteListener", ListenerId=made["ListenerId"]))
    for answer in answers:  # those that were gone before the data plane heard of them have nothing left to fail
        node.wait_job("Alb", answer)
    assert [r["ListenerId"] for r in alb.call("ListListeners", LoadBalancerIds=[lb])["Listeners"]] == [made["ListenerId"]]
    assert get((alb_words.vips(mine)[0], 80)).text.strip() == "ECS01"


def test_changes_while_configuring_are_queued_and_the_last_one_is_in_force(node, alb, backends):
    web = [backends.nginx(name) for name in ("ECS01", "ECS02")]
    mine = alb.instance()
    groups = [alb.group(w) for w in web]
    listener = alb.listener(mine["LoadBalancerId"], groups[0])
    with StoppedData(node):
        jobs = []
        for i in range(1, 12):
            jobs.append(alb.call("UpdateListenerAttribute", ListenerId=listener, DefaultActions=[alb_words.forward(groups[i % 2])]))
        shown = alb.call("GetListenerAttribute", ListenerId=listener)
        assert shown["ListenerStatus"] == "Configuring"
        assert node.job("Alb", jobs[0]["JobId"])["Status"] == "Processing"
    for job in jobs:
        node.wait_job("Alb", job)
    assert alb.call("GetListenerAttribute", ListenerId=listener)["ListenerStatus"] == "Running"
    assert get((alb_words.vips(mine)[0], 80)).text.strip() == "ECS02"


def test_a_restart_of_control_between_two_steps_loses_neither(node, nlb, backends):
    """Killed while the data plane hangs: jobs that began before it end after it."""
    echo = backends.tcp()
    mine = nlb.instance()
    lb, group = mine["LoadBalancerId"], nlb.group(echo)
    with StoppedData(node):
        made = nlb.call("CreateListener", LoadBalancerId=lb, ServerGroupId=group, ListenerProtocol="TCP", ListenerPort=90)
        os.kill(node.child("control"), signal.SIGKILL)
        wait_for(lambda: lib.accepts(node.addr), "the API is back", lib.START_SECONDS)

        def is_still_under_way():
            return nlb.call("GetJobStatus", JobId=made["JobId"])["Status"] == "Processing"

        wait_for(lambda: _answers(is_still_under_way), "the job is there after the restart", lib.START_SECONDS)
        stopped = nlb.call("StopListener", ListenerId=made["ListenerId"])
        started = nlb.call("StartListener", ListenerId=made["ListenerId"])
    for answer in (made, stopped, started):
        node.wait_job("Nlb", answer, lib.START_SECONDS)
    assert nlb_words.echo((nlb_words.vips(mine)[0], 90)) == b"hello"


def _answers(call):
    try:
        return call()
    except (OSError, json.JSONDecodeError):
        return False


def test_deleting_an_instance_whose_parts_are_still_on_their_way(node, alb):
    with StoppedData(node):
        lb = alb.new()
        group = alb.call("CreateServerGroup", ServerGroupName="early", ServerGroupType="Ip", VpcId=lib.VPC,
                         HealthCheckConfig={"HealthCheckEnabled": False})  # fmt: skip
        listener = alb.call("CreateListener", LoadBalancerId=lb, ListenerProtocol="HTTP", ListenerPort=80,
                            DefaultActions=[alb_words.forward(group["ServerGroupId"])])  # fmt: skip
        rule = alb.call("CreateRule", ListenerId=listener["ListenerId"], Priority=1, RuleName="rule",
                        RuleConditions=[alb_words.on("Path", "/a")], RuleActions=alb_words.ordered([alb_words.fixed()]))  # fmt: skip
        assert alb.attributes(lb)["LoadBalancerStatus"] == "Provisioning"
        assert alb.call("GetListenerAttribute", ListenerId=listener["ListenerId"])["ListenerStatus"] == "Provisioning"
        deleted = alb.call("DeleteLoadBalancer", LoadBalancerId=lb)
        alb.fails("ResourceNotFound.LoadBalancer", "GetLoadBalancerAttribute", LoadBalancerId=lb)
        alb.fails("ResourceNotFound.Listener", "GetListenerAttribute", ListenerId=listener["ListenerId"])
        assert alb.call("ListRules", RuleIds=[rule["RuleId"]])["Rules"] == []
    for answer in (group, listener, rule, deleted):
        node.wait_job("Alb", answer)
    alb.do("DeleteServerGroup", ServerGroupId=group["ServerGroupId"])


# --- names and tags at their limits --------------------------------------------------------------------

LETTERS = ("中", "é", "𝒳", "я")


@pytest.mark.parametrize("letter", LETTERS)
def test_names_have_128_characters_of_any_script(node, alb, nlb, letter):
    """Counted in characters, not in bytes; kept, found and shown as they were given; a restart included."""
    name = letter * 128
    lb = alb.new(LoadBalancerName=name)
    assert alb.attributes(lb)["LoadBalancerName"] == name
    assert [r["LoadBalancerId"] for r in alb.call("ListLoadBalancers", LoadBalancerNames=[name])["LoadBalancers"]] == [lb]
    group = nlb.group(ServerGroupName=name)
    (shown,) = nlb.call("ListServerGroups", ServerGroupIds=[group])["ServerGroups"]
    assert shown["ServerGroupName"] == name
    for wrong in (name + letter, letter):
        alb.fails("InvalidParameter", "UpdateLoadBalancerAttribute", LoadBalancerId=lb, LoadBalancerName=wrong)
    event = node.wait(
        lambda a: a["Events"], "ActionTrail", "LookupEvents",
        LookupAttribute=[{"Key": "ResourceName", "Value": lb}, {"Key": "EventName", "Value": "CreateLoadBalancer"}],
    )["Events"][0]  # fmt: skip
    assert json.loads(event["requestParameterJson"])["LoadBalancerName"] == name


@pytest.mark.parametrize("text", ["名前🚀", "𝒳" * 64, "é" * 64, "\u202eabc", "a\tb", "👩‍👩‍👧‍👦"])
def test_tags_and_descriptions_have_any_characters(node, alb, clb, text):
    tags = [{"Key": text, "Value": text}]
    lb = alb.new(Tag=tags)
    assert alb.attributes(lb)["Tags"] == tags
    shown = alb.call("ListTagResources", ResourceType="loadbalancer", Tag=tags)["TagResources"]
    assert [(r["ResourceId"], r["TagKey"], r["TagValue"]) for r in shown] == [(lb, text, text)]
    alb.call("UnTagResources", ResourceType="loadbalancer", ResourceId=[lb], TagKey=[text])
    assert alb.attributes(lb)["Tags"] == []
    classic, _ = clb.instance(Tag=tags)
    (row,) = clb.call("DescribeLoadBalancers", LoadBalancerId=classic)["LoadBalancers"]["LoadBalancer"]
    assert [(t["TagKey"], t["TagValue"]) for t in row["Tags"]["Tag"]] == [(text, text)]


def test_an_object_has_20_tags_with_keys_and_values_of_maximal_length(node, alb, nlb):
    tags = [{"Key": f"{i:02}" + "🚀" * 62, "Value": "值" * 128} for i in range(20)]
    for words, untag in ((alb, "UnTagResources"), (nlb, "UntagResources")):

        def shown(lb, words=words):
            """Alb says Key where Nlb says TagKey."""
            return [{n.removeprefix("Tag"): v for n, v in t.items()} for t in words.attributes(lb)["Tags"]]

        lb = words.instance(Tag=tags)["LoadBalancerId"]
        assert shown(lb) == tags
        target = {"ResourceType": "loadbalancer", "ResourceId": [lb]}
        with pytest.raises(lib.ApiError) as refused:
            words.call("TagResources", **target, Tag=[{"Key": "one-more", "Value": ""}])
        assert refused.value.status == 400 and "Quota" in refused.value.code, refused.value
        words.call("TagResources", **target, Tag=[{**tags[3], "Value": "new"}])
        words.call(untag, **target, TagKey=[t["Key"] for t in tags[:19]])
        assert shown(lb) == tags[19:]
        with pytest.raises(lib.ApiError) as refused:
            words.instance(Tag=[{"Key": "k" * 129, "Value": "v"}])
        assert refused.value.status == 400


@pytest.mark.parametrize("raw", ["%FF", "%C3%28", "%ED%A0%80", "%F4%90%80%80", "%C0%AF", "a%00b"])
def test_bytes_that_are_no_text_are_refused(node, raw):
    """Bad UTF-8, surrogates, overlong forms, beyond Unicode, a NUL: told as what they are, and nothing is made."""
    before = node.call("Alb", "ListLoadBalancers")["TotalCount"]
    status, _, body = node.client.send("POST", f"/?Action=CreateLoadBalancer&Version=2020-06-16&LoadBalancerName={raw}")
    assert 400 <= status < 500 and json.loads(body)["Code"], body
    assert node.call("Alb", "ListLoadBalancers")["TotalCount"] == before
