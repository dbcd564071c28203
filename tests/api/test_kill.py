"""Processes that die at any moment: what was answered is there, nothing is there by halves.

Writers make and delete things while a process is killed. Then the operation log, played from its beginning, must give
exactly what the API shows: a change is there if and only if its record is; and all that was answered is in the log.
200 kills; 30 with sanitizers, which make all slower. OPENSLB_SEED=N repeats a run's choices (not its timing).
"""
import http.client
import json
import os
import random
import signal
import threading
import time
from pathlib import Path

from lib import REGION, VPC, VSWITCHES, ZONES, ApiError, is_sanitized, wait_for

KILLS = 30 if is_sanitized() else 200
WRITERS = 3
KEEP = 6  # things of a kind that a writer has at a time
BROKEN = (OSError, http.client.HTTPException)
# A supervisor waits longer after each death of the same child, up to seconds: then all of it is killed instead.
CONTROL_KILLS_MAX = 2


class Stage:
    """A node with an ALB listener that gets rules; groups (NLB) and instances (CLB) are made as they come."""

    def __init__(self, node):
        self.node = node
        zones = [{"ZoneId": z, "VSwitchId": v} for z, v in zip(ZONES[:2], VSWITCHES)]
        instance = node.call(
            "Alb", "CreateLoadBalancer", LoadBalancerName="kill", LoadBalancerEdition="Standard", VpcId=VPC,
            AddressType="Intranet", AddressAllocatedMode="Fixed", ZoneMappings=zones,
            LoadBalancerBillingConfig={"PayType": "PostPay"},
        )["LoadBalancerId"]  # fmt: skip
        answer = {"Content": "x", "HttpCode": "200"}
        self.actions = [{"Type": "FixedResponse", "Order": 1, "FixedResponseConfig": answer}]
        group = node.do(
            "Alb", "CreateServerGroup", ServerGroupName="kill", VpcId=VPC, ServerGroupType="Ip",
            HealthCheckConfig={"HealthCheckEnabled": False}, StickySessionConfig={"StickySessionEnabled": False},
        )["ServerGroupId"]  # fmt: skip
        to_group = {"ServerGroupTuples": [{"ServerGroupId": group}]}
        self.listener = node.do(
            "Alb", "CreateListener", LoadBalancerId=instance, ListenerProtocol="HTTP", ListenerPort=80,
            DefaultActions=[{"Type": "ForwardGroup", "ForwardGroupConfig": to_group}],
        )["ListenerId"]  # fmt: skip


class Writer(threading.Thread):
    """Makes and deletes things until told to stop or until a call breaks off."""

    def __init__(self, stage, number, rng):
        super().__init__()
        self.stage = stage
        self.number = number
        self.random = rng
        self.n_rules = 0
        self.groups, self.instances, self.rules = [], [], []
        self.answered = []  # (RequestId, name) of changes
        self.n_refused = 0
        self.stopping = threading.Event()
        self.problem = None  # what broke a call off
        self.mistake = None  # what must not be: of the API or of this test

    def successor(self, log):
        """Another one that goes on with what is left of its things."""
        new = Writer(self.stage, self.number, self.random)
        new.n_rules = self.n_rules
        for kind, there in log.kinds():
            setattr(new, kind, [one for one in getattr(self, kind) if one in there])
        return new

    def run(self):
        try:
            while not self.stopping.is_set():
                self.step()
        except BROKEN as e:
            self.problem = e
        except Exception as e:
            self.mistake = e

    def change(self, product, action, /, **params):
        """The answer, or None for a refusal: the same server twice, or a rule of a listener that is changing."""
        try:
            answer = self.stage.node.call(product, action, **params)
        except ApiError as e:
            assert e.status < 500, e
            self.n_refused += 1
            return {}
        self.answered.append((answer["RequestId"], action))
        return answer

    def step(self):
        kind = self.random.choice(["groups", "instances", "rules"])
        if len(getattr(self, kind)) > KEEP:
            getattr(self, f"delete_{kind}")()
        elif kind == "groups" and self.groups and self.random.random() < 0.5:
            self.add_servers(self.random.choice(self.groups))
        else:
            getattr(self, f"make_{kind}")()

    def make_groups(self):
        answer = self.change("Nlb", "CreateServerGroup", ServerGroupName="kill", ServerGroupType="Ip", VpcId=VPC)
        self.groups += [answer["ServerGroupId"]] if answer else []

    def add_servers(self, group):
        ip = f"127.0.{self.random.randrange(200)}.{self.random.randrange(1, 200)}"
        servers = [
            {"ServerId": ip, "ServerIp": ip, "ServerType": "Ip", "Port": 1000 + i}
            for i in range(self.random.randrange(1, 8))
        ]  # fmt: skip
        self.change("Nlb", "AddServersToServerGroup", ServerGroupId=group, Servers=servers)

    def delete_groups(self):
        self.change("Nlb", "DeleteServerGroup", ServerGroupId=self.groups.pop(self.random.randrange(KEEP)))

    def make_instances(self):
        """An instance with an address: two documents."""
        answer = self.change(
            "Slb", "CreateLoadBalancer", RegionId=REGION, AddressType="intranet", VSwitchId=VSWITCHES[0]
        )  # fmt: skip
        self.instances += [answer["LoadBalancerId"]] if answer else []

    def delete_instances(self):
        instance = self.instances.pop(self.random.randrange(KEEP))
        self.change("Slb", "DeleteLoadBalancer", RegionId=REGION, LoadBalancerId=instance)

    def make_rules(self):
        """Several documents."""
        rules = []
        for _ in range(self.random.randrange(2, 5)):
            self.n_rules += 1
            rules.append({
                "RuleName": f"rule-{self.n_rules}", "Priority": 3000 * self.number + self.n_rules % 3000 + 1,
                "RuleConditions": [{"Type": "Path", "PathConfig": {"Values": [f"/{self.number}/{self.n_rules}"]}}],
                "RuleActions": self.stage.actions,
            })  # fmt: skip
        answer = self.change("Alb", "CreateRules", ListenerId=self.stage.listener, Rules=rules)
        self.rules += [rule["RuleId"] for rule in answer.get("RuleIds", [])]

    def delete_rules(self):
        gone, self.rules = self.rules[:3], self.rules[3:]
        self.change("Alb", "DeleteRules", RuleIds=gone)


class Log:
    """What there must be, if the operation log is true."""

    def __init__(self):
        self.groups = {}  # id: {(ip, port)}
        self.instances = {}  # id: address
        self.rules = {}  # id: priority
        self.requests = set()
        self.seen = set()  # ids of records

    def kinds(self):
        return [("groups", self.groups), ("instances", self.instances), ("rules", self.rules)]

    def play(self, event):
        self.seen.add(event["eventId"])
        play = getattr(self, event["serviceName"] + event["eventName"], None)
        if "errorCode" in event or not play:
            return
        assert event["requestId"] not in self.requests, event
        self.requests.add(event["requestId"])
        given, answer = json.loads(event["requestParameterJson"]), json.loads(event["responseElementsJson"])
        play(event["resourceName"], given, answer)

    def NlbCreateServerGroup(self, resource, given, answer):
        assert resource not in self.groups
        self.groups[resource] = set()

    def NlbAddServersToServerGroup(self, resource, given, answer):
        servers = {(s["ServerIp"], s["Port"]) for s in given["Servers"]}
        assert not servers & self.groups[resource]
        self.groups[resource] |= servers

    def NlbDeleteServerGroup(self, resource, given, answer):
        del self.groups[resource]

    def SlbCreateLoadBalancer(self, resource, given, answer):
        assert resource not in self.instances
        self.instances[resource] = answer["Address"]

    def SlbDeleteLoadBalancer(self, resource, given, answer):
        del self.instances[resource]

    def AlbCreateRules(self, resource, given, answer):
        assert len(answer["RuleIds"]) == len(given["Rules"])
        for rule in answer["RuleIds"]:
            assert rule["RuleId"] not in self.rules
            self.rules[rule["RuleId"]] = rule["Priority"]

    def AlbDeleteRules(self, resource, given, answer):
        for rule in given["RuleIds"]:
            del self.rules[rule]


def pages(node, product, action, member, /, **params):
    """All elements of a list that has NextToken."""
    token = None
    while True:
        answer = node.call(product, action, NextToken=token, **params)
        yield from answer[member]
        token = answer.get("NextToken")
        if not token:
            return


def new_events(node, log):
    """Records of changes that the log has not played yet, oldest first."""
    found = []
    writes = [{"Key": "EventRW", "Value": "Write"}]
    for event in pages(node, "ActionTrail", "LookupEvents", "Events", LookupAttribute=writes, MaxResults=50):
        if event["eventId"] in log.seen:
            break
        found.append(event)
    return reversed(found)


def shown(node):
    """All things, as the API shows them."""
    groups = {g["ServerGroupId"]: set() for g in pages(node, "Nlb", "ListServerGroups", "ServerGroups", MaxResults=100)}
    for server in pages(node, "Nlb", "ListServerGroupServers", "Servers", MaxResults=100):
        groups[server["ServerGroupId"]].add((server["ServerIp"], server["Port"]))
    answer = node.call("Slb", "DescribeLoadBalancers", RegionId=REGION, PageSize=100)
    instances = {i["LoadBalancerId"]: i["Address"] for i in answer["LoadBalancers"]["LoadBalancer"]}
    rules = {r["RuleId"]: r["Priority"] for r in pages(node, "Alb", "ListRules", "Rules", MaxResults=100)}
    return groups, instances, rules


def check(node, log, answered):
    for event in new_events(node, log):
        log.play(event)
    for request, action in answered:
        assert request in log.requests, f"{action} was answered, but is not in the operation log"
    groups, instances, rules = shown(node)
    assert groups == log.groups
    assert instances == log.instances
    assert rules == log.rules


def answers(node):
    try:
        return bool(node.call("Nlb", "ListServerGroups", MaxResults=1))
    except BROKEN:
        return False


def runs(pid):
    """Not so a process that has ended and whose parent does not know yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Killer:
    """Kills one process of a node, or all of them, and sees to it that they come back."""

    def __init__(self, node):
        self.node = node
        self.n_control = 0  # of this supervisor

    def choose(self, rng):
        kind = rng.choices(["control", "everything", "supervisor", "data"], [10, 6, 2, 2])[0]
        return "everything" if kind == "control" and self.n_control >= CONTROL_KILLS_MAX else kind

    def kill(self, kind):
        getattr(self, kind)()
        wait_for(lambda: answers(self.node), "the API answers again")

    def control(self):
        self.n_control += 1
        self.node.kill_child("control")

    def data(self):
        self.node.kill_child("data")

    def everything(self):
        self.n_control = 0
        self.node.kill()
        self.node.start()

    def supervisor(self):
        """Its control process ends too; its data process goes on until the next one has taken over."""
        self.n_control = 0
        children = [self.node.child("control"), self.node.child("data")]
        self.node.process.send_signal(signal.SIGKILL)
        self.node.process.wait()
        try:
            self.node.start()
            wait_for(lambda: not any(map(runs, children)), "the old processes have ended")
        finally:
            for pid in filter(runs, children):
                os.kill(pid, signal.SIGKILL)


def free_addresses(node):
    switches = node.call("Vpc", "DescribeVSwitches", RegionId=REGION)["VSwitches"]["VSwitch"]
    return {switch["VSwitchId"]: switch["AvailableIpAddressCount"] for switch in switches}


def test_what_was_answered_outlives_any_kill(new_node):
    node = new_node()
    seed = int(os.environ.get("OPENSLB_SEED", time.time_ns()))
    print(f"OPENSLB_SEED={seed}")
    rng = random.Random(seed)
    stage, log, killer = Stage(node), Log(), Killer(node)
    free = free_addresses(node)
    n_answered, n_refused, kinds = 0, 0, []
    writers = [Writer(stage, i, random.Random(rng.random())) for i in range(WRITERS)]
    for _ in range(KILLS):
        for writer in writers:
            writer.start()
        time.sleep(rng.uniform(0.005, 0.12))
        wait_for(lambda: have_worked(writers), "three changes are answered")
        kinds.append(killer.choose(rng))
        killer.kill(kinds[-1])
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join()
            assert not writer.mistake, repr(writer.mistake)
            assert kinds[-1] != "data" or not writer.problem, f"the API went with the data plane: {writer.problem!r}"
            n_answered += len(writer.answered)
            n_refused += writer.n_refused
        check(node, log, [pair for writer in writers for pair in writer.answered])
        writers = [writer.successor(log) for writer in writers]
        adopt(writers, log)
    print(f"answered {n_answered}, refused {n_refused}, made {len(log.requests)}")
    print({kind: kinds.count(kind) for kind in set(kinds)})
    assert n_answered > 2 * KILLS and len(log.requests) >= n_answered

    clean(node, log)
    assert free_addresses(node) == free
    node.wait(lambda s: s["AcknowledgedRevision"] == s["Revision"], "OpenSlb", "GetNodeStatus")


def have_worked(writers):
    return sum(len(writer.answered) for writer in writers) > 2 or not any(writer.is_alive() for writer in writers)


def adopt(writers, log):
    """The first writer gets what was made, but whose answer did not come."""
    for kind, there in log.kinds():
        known = {one for writer in writers for one in getattr(writer, kind)}
        getattr(writers[0], kind).extend(one for one in there if one not in known)


def clean(node, log):
    """All that is left can be deleted: no half of a thing is in the way."""
    for group in list(log.groups):
        node.call("Nlb", "DeleteServerGroup", ServerGroupId=group)
    for instance in list(log.instances):
        node.call("Slb", "DeleteLoadBalancer", RegionId=REGION, LoadBalancerId=instance)
    if log.rules:
        node.do("Alb", "DeleteRules", RuleIds=list(log.rules))
    check(node, log, [])
    assert shown(node) == ({}, {}, {})
