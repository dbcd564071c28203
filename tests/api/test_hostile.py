"""Calls that no client would make: every built operation of every product with every parameter wrong in turn.

HOSTILE_SEED chooses other calls, HOSTILE_CALLS more of them. Whatever comes, the answer has the shape of an answer, blames the caller and not the node, and the process goes on.
"""
import http.client
import itertools
import json
import os
import random
import re
import sqlite3
import sys
import urllib.parse

import pytest

import certs
import lib

sys.path.insert(0, str(lib.ROOT / "tools"))
import operations  # noqa: E402: it lies with the tools

SEED = int(os.environ.get("HOSTILE_SEED", "7"))
CALLS_MAX = int(os.environ.get("HOSTILE_CALLS", "6000"))
TABLES = sorted((lib.ROOT / "src/openapi/tables").glob("*.txt"))
DEEP = "[" * 5000

READS = ("Describe", "List", "Get", "Lookup", "Query")

TEXTS = [
    "", " ", "x" * 5000, "\U0001f4a9" * 300, "ä" * 129, "%s%n%99999d", "../../etc/passwd", "null", "-1", "a,b,,c",
    "'", '{"a":', "*", ".", "@", "0.0.0.0/0", "::", "999.1.1.1", "127.0.0.1", "http://[", "\x7f\x01", "2026-99-99",
]  # fmt: skip
NUMBERS = ["-1", "0", "1", "65536", str(2**31 - 1), str(2**31), str(-(2**63)), str(2**64), "1e9", "0x10", "1.5", "x"]
BOOLEANS = ["maybe", "TRUE", "0", "[]"]
JSON_TEXTS = [
    "[", "{}", "[]", "null", "1", '"x"', "[null]", "[[]]", "[1]", '["x"]', "[{}]", DEEP, '{"a":' * 3000, '["\\u0000"]',
    '["\\ud800"]', "[1e999]", "[" + ",".join(["{}"] * 300) + "]", '[{"ServerId":[],"Port":{}}]', "['x']", "[{}", "\ufeff[]",
    '[{"ServerId":"127.0.0.1","Port":99999999999999999999,"Weight":-5,"Type":7}]', '[{"Port":true,"ServerId":null}]',
]  # fmt: skip


# --- the tables ------------------------------------------------------------------------------


class Param:
    def __init__(self, name, kind, attrs):
        self.name = name
        self.kind = kind
        self.attrs = attrs
        self.is_json = "json" in attrs
        self.wire = re.sub(r"\.N(?=\.|$)", ".1", name)

    def option(self, name):
        for attr in self.attrs:
            if attr.startswith(name + "="):
                return urllib.parse.unquote(attr[len(name) + 1 :])
        return None

    def good(self):
        """A value that the table allows."""
        for name in ("default", "min"):
            if self.option(name):
                return self.option(name)
        if self.option("enum"):
            return self.option("enum").split("|")[0]
        if self.is_json:
            return "[]"
        return {"boolean": "false", "integer": "1", "long": "1", "double": "1"}.get(self.kind, "abc")

    def bad(self):
        if self.is_json:
            return JSON_TEXTS
        if self.kind in ("integer", "long", "double"):
            return NUMBERS
        return BOOLEANS if self.kind == "boolean" else TEXTS


def built():
    """(product, operation, parameters) of all that has a function."""
    names = operations.built_operations(str(lib.ROOT / "src/control/products"))
    found = []
    for table in TABLES:
        product, params = None, None
        for line in table.read_text().splitlines():
            words = line.split()
            if words[:1] == ["product"]:
                product = words[1]
            elif words[:1] == ["op"]:
                params = []
                if words[1] in names.get(product, ()):
                    found.append((product, words[1], params))
            elif words[:1] == ["in"] and "[]" not in words[1] and "cloud" not in words[3:]:
                params.append(Param(words[1], words[2], words[3:]))
    return found


# --- the calls -------------------------------------------------------------------------------


class Caller:
    """Sends on one connection and judges each answer."""

    def __init__(self, node, client=None):
        self.node = node
        self.client = client or node.client
        self.connection = http.client.HTTPConnection(*node.addr, timeout=lib.PATIENCE)
        self.n_calls = 0
        self.codes = {}

    def call(self, product, action, pairs):
        signed = lib.v1_pairs(self.client.key, self.client.secret, "POST", action, lib.VERSIONS[product], pairs)
        form = urllib.parse.urlencode(signed)
        try:
            self.connection.request("POST", "/", form, {"Content-Type": "application/x-www-form-urlencoded"})
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as e:
            shown = {k: v[:200] for k, v in pairs.items()}
            raise AssertionError(f"{product} {action} {shown}: {e!r}\n{self.node.stderr()[-5000:]}") from None
        self.n_calls += 1
        return self.judge(f"{product} {action} { {k: v[:200] for k, v in pairs.items()} }", answer.status, body)

    def judge(self, what, status, body):
        data = json.loads(body.decode())
        said = f"{what}: {status} {body[:600]!r}"
        assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", data["RequestId"]), said
        if status == 200:
            assert "Code" not in data, said
            return data
        is_early = (status, data["Code"]) == (503, "ServiceUnavailable") and "ask again" in data["Message"]
        assert 400 <= status < 500 or is_early, f"{said}\n{self.node.stderr()[-3000:]}"
        assert data["Code"] and data["Message"] and set(data) >= {"HostId", "Recommend"}, said
        self.codes[data["Code"]] = self.codes.get(data["Code"], 0) + 1
        self.last = data["Message"]
        return None


class Things:
    """One resource of each kind, made anew when a call has taken it away. ids: by product and parameter."""

    def __init__(self, node, pem, key):
        self.node = node
        self.pem, self.key = pem, key
        self.n = 0
        self._make()

    def make(self):
        """Anew; as they are where a quota is reached: then calls about what is gone are tried too."""
        try:
            self._make()
        except lib.ApiError as e:
            assert "Quota" in e.code, e

    def _make(self):
        call = self.node.call
        self.n += 1
        zones = [{"ZoneId": z, "VSwitchId": v} for z, v in zip(lib.ZONES[:2], lib.VSWITCHES)]
        place = {"VpcId": lib.VPC, "ZoneMappings": zones, "AddressType": "Internet"}
        forward = {"Type": "ForwardGroup", "ForwardGroupConfig": {"ServerGroupTuples": [{"ServerGroupId": "?"}]}}
        region = {"RegionId": lib.REGION}

        server = call("OpenSlb", "RegisterServer", PrivateIpAddresses=[f"{self.node.prefix}.0.99"])["ServerId"]
        card = call("OpenSlb", "RegisterNetworkInterface", PrivateIpAddresses=[f"{self.node.prefix}.0.98"])
        user = call("OpenSlb", "CreateAccessKey", Permission="read-only")["AccessKey"]["AccessKeyId"]
        eip = call("Vpc", "AllocateEipAddress", **region)["AllocationId"]
        guard = call("Ecs", "CreateSecurityGroup", **region)["SecurityGroupId"]
        cert = call("Cas", "UploadUserCertificate", Name=f"c{self.n}", Cert=self.pem, Key=self.key)["CertId"]
        slb_cert = call("Slb", "UploadServerCertificate", **region, ServerCertificate=self.pem, PrivateKey=self.key)

        alb = call("Alb", "CreateLoadBalancer", LoadBalancerEdition="Standard",
                   LoadBalancerBillingConfig={"PayType": "PostPay"}, **place)["LoadBalancerId"]  # fmt: skip
        alb_group = call("Alb", "CreateServerGroup", ServerGroupName="group", VpcId=lib.VPC, Protocol="HTTP",
                         HealthCheckConfig={"HealthCheckEnabled": False})["ServerGroupId"]  # fmt: skip
        forward["ForwardGroupConfig"]["ServerGroupTuples"][0]["ServerGroupId"] = alb_group
        alb_listener = call("Alb", "CreateListener", LoadBalancerId=alb, ListenerProtocol="HTTP", ListenerPort=80,
                            DefaultActions=[forward])["ListenerId"]  # fmt: skip
        condition = {"Type": "Path", "PathConfig": {"Values": ["/a*"]}}
        rule = call("Alb", "CreateRule", ListenerId=alb_listener, Priority=1, RuleName="rule",
                    RuleConditions=[condition], RuleActions=[{"Order": 1, **forward}])["RuleId"]  # fmt: skip
        alb_acl = call("Alb", "CreateAcl")["AclId"]
        template = call("Alb", "CreateHealthCheckTemplate", HealthCheckTemplateName="template")

        nlb = call("Nlb", "CreateLoadBalancer", **place)["LoadbalancerId"]
        nlb_group = call("Nlb", "CreateServerGroup", ServerGroupName="group", VpcId=lib.VPC)["ServerGroupId"]
        nlb_listener = call("Nlb", "CreateListener", LoadBalancerId=nlb, ListenerProtocol="TCP", ListenerPort=80,
                            ServerGroupId=nlb_group)["ListenerId"]  # fmt: skip

        clb = call("Slb", "CreateLoadBalancer", **region)["LoadBalancerId"]
        servers = json.dumps([{"ServerId": server, "Port": 80}])
        clb_group = call("Slb", "CreateVServerGroup", **region, LoadBalancerId=clb, BackendServers=servers)
        call("Slb", "CreateLoadBalancerHTTPListener", **region, LoadBalancerId=clb, ListenerPort=80, HealthCheck="off",
             VServerGroupId=clb_group["VServerGroupId"])  # fmt: skip
        clb_acl = call("Slb", "CreateAccessControlList", **region, AclName=f"acl{self.n}")["AclId"]

        domain = f"host{self.n}.example"
        call("Alidns", "AddDomain", DomainName=domain)
        record = call("Alidns", "AddDomainRecord", DomainName=domain, RR="www", Type="A", Value="127.0.0.1")["RecordId"]

        cert_id = f"{cert}-{lib.REGION}"
        shared = {
            "VpcId": lib.VPC, "VSwitchId": lib.VSWITCHES[0], "ZoneId": lib.ZONES[0], "AllocationId": eip,
            "SecurityGroupId": guard, "SecurityGroupIds.1": guard, "CertificateId": cert_id, "CertId": str(cert),
            "CertificateIds.1": cert_id, "CaCertificateIds.1": cert_id, "ServerId": server, "InstanceId": server,
            "NetworkInterfaceId": card["NetworkInterfaceId"], "UserAccessKeyId": user, "DomainName": domain,
            "RecordId": record, "RegionId": lib.REGION, "ListenerPort": "80", "PrivateIpAddresses.1": "127.1.2.3",
            "ZoneMappings.1.ZoneId": lib.ZONES[0], "ZoneMappings.1.VSwitchId": lib.VSWITCHES[0],
            "ZoneMappings.2.ZoneId": lib.ZONES[1], "ZoneMappings.2.VSwitchId": lib.VSWITCHES[1],
            "Cert": self.pem, "ServerCertificate": self.pem, "CACertificate": self.pem, "PrivateKey": self.key,
        }  # fmt: skip
        self.ids = {
            "Alb": {"LoadBalancerId": alb, "ListenerId": alb_listener, "ServerGroupId": alb_group, "RuleId": rule,
                    "AclId": alb_acl, "HealthCheckTemplateId": template["HealthCheckTemplateId"],
                    "ResourceType": "loadbalancer", "ResourceId.1": alb},
            "Nlb": {"LoadBalancerId": nlb, "ListenerId": nlb_listener, "ServerGroupId": nlb_group,
                    "ResourceType": "loadbalancer", "ResourceId.1": nlb},
            "Slb": {"LoadBalancerId": clb, "VServerGroupId": clb_group["VServerGroupId"], "AclId": clb_acl,
                    "ServerCertificateId": slb_cert["ServerCertificateId"], "ListenerProtocol": "http",
                    "ResourceType": "instance", "ResourceId.1": clb, "BackendServers": servers},
        }  # fmt: skip
        for ids in self.ids.values():
            for name, value in shared.items():
                ids.setdefault(name, value)
        self.shared = shared
        self.all = sorted({v for ids in self.ids.values() for v in ids.values() if len(v) < 100} | set(shared.values()))

    def of(self, product, param):
        """A value for a parameter that says what the call is about."""
        ids = self.ids.get(product, self.shared)
        return ids.get(param.wire, ids.get(param.wire.rpartition(".")[2]))


def base(things, product, params):
    """What an ordinary call would have: what is required, and the resources it is about."""
    pairs = {}
    for param in params:
        known = things.of(product, param)
        top = "." not in param.wire
        if param.kind in ("list", "struct") and not param.is_json:
            continue
        if "required" in param.attrs or (known and top and "expected" in param.attrs):
            pairs[param.wire] = known or param.good()
        elif known and (top and param.name.endswith("Id") or param.name.startswith("ZoneMappings.N.")):
            pairs[param.wire] = known
    # Two zones, as the region has more.
    if "ZoneMappings.1.ZoneId" in pairs:
        pairs.update({k: v for k, v in things.shared.items() if k.startswith("ZoneMappings.2.")})
    return pairs


def spoilt(rng, things, param, pairs):
    """Variants of a call with one parameter wrong."""
    without = {k: v for k, v in pairs.items() if k != param.wire and not k.startswith(param.wire + ".")}
    yield without
    values = param.bad()
    for value in rng.sample(values, 3):
        yield {**without, param.wire: value}
    yield {**without, param.wire: rng.choice(things.all)}
    if ".N" in param.name:
        stem, _, rest = param.name.partition(".N")
        for index in ("0", "10001", "x", "1.1", "-1", "18446744073709551617"):
            if rng.random() < 0.3:
                yield {**pairs, f"{stem}.{index}{rest.replace('.N', '.1')}": param.good()}
        yield {**pairs, **{f"{stem}.{i}{rest.replace('.N', '.1')}": param.good() for i in range(1, 201)}}


def calls(rng, things):
    """All of them in a random order; writes that remove come last, so that there is something to work on."""
    found = []
    for product, action, params in built():
        for param in params:
            for variant in range(6):
                found.append((product, action, params, param, variant))
    rng.shuffle(found)
    return found


@pytest.fixture(scope="module")
def things(node, tmp_path_factory):
    pem, key = certs.Certs(tmp_path_factory.mktemp("certs")).make("host", san="DNS:host.example")
    return Things(node, pem, key)


def test_every_operation_as_it_should_be(node, things):
    """The base of the others: most of the calls that nothing is wrong with reach their function."""
    caller = Caller(node)
    table = built()
    assert len(table) > 250
    n_good = 0
    for product, action, params in table:
        pairs = base(things, product, params)
        if caller.call(product, action, pairs) is None:
            print(product, action, caller.last)
        else:
            n_good += 1
            if action.startswith(("Delete", "Release", "Deregister")):
                things.make()
    assert n_good > len(table) // 3, (n_good, len(table), caller.codes)


def revision(node):
    return node.call("OpenSlb", "GetNodeStatus")["Revision"]


def test_dry_runs_change_nothing(node, things):
    """DryRun is answered as an error whatever comes of the call, and leaves the store's revision where it was."""
    caller = Caller(node)
    tried = [row for row in built() if any(param.name == "DryRun" for param in row[2])]
    assert len(tried) > 50
    lib.wait_for(lambda: node.call("OpenSlb", "GetNodeStatus")["AcknowledgedRevision"] == revision(node), "rest")
    before = revision(node)
    for product, action, params in tried:
        assert caller.call(product, action, {**base(things, product, params), "DryRun": "true"}) is None, action
    assert revision(node) == before
    assert caller.codes["DryRunOperation"] > len(tried) // 4, caller.codes


def test_keys_do_no_more_than_they_may(node, things):
    """Each operation with a key of another product, and each that changes something with one that may only read."""
    rows = built()
    products = sorted({product for product, _, _ in rows})
    pairs = [(one, other) for one, other in zip(products, products[1:] + products[:1])]
    before = revision(node)
    for mine, other in pairs:
        caller = Caller(node, node.new_key(Products=[mine]))
        for product, action, params in rows:
            if product == other:
                assert caller.call(product, action, base(things, product, params)) is None, action
        assert set(caller.codes) == {"Forbidden.NoPermission"}, (mine, other, caller.codes)
    reader = Caller(node, node.new_key(Permission="read-only"))
    writes = [row for row in rows if not row[1].startswith(READS)]
    for product, action, params in writes:
        assert reader.call(product, action, base(things, product, params)) is None, action
    assert reader.codes == {"Forbidden.NoPermission": len(writes)}
    # Keys with limits make no keys, not even with the product that has the operation.
    manager = Caller(node, node.new_key(Products=["OpenSlb"]))
    for action in ("CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"):
        assert manager.call("OpenSlb", action, {"UserAccessKeyId": things.shared["UserAccessKeyId"]}) is None
    assert manager.codes == {"Forbidden.NoPermission": 3}
    assert revision(node) == before + len(pairs) + 2  # the keys of this test


def test_no_parameter_breaks_an_operation(node, things):
    rng = random.Random(SEED)
    caller = Caller(node)
    pid = node.child("control")
    chosen = calls(rng, things)
    for product, action, params, param, variant in itertools.cycle(chosen):
        if caller.n_calls >= CALLS_MAX:
            break
        variants = list(spoilt(rng, things, param, base(things, product, params)))
        answer = caller.call(product, action, variants[variant % len(variants)])
        if answer is not None and action.startswith(("Delete", "Release", "Deregister")):
            things.make()
    assert node.child("control") == pid, node.stderr()[-5000:]


# --- what is left ----------------------------------------------------------------------------


def read_kinds():
    """{kind: [paths of members that name other documents]} of kinds.c."""
    text = (lib.ROOT / "src/control/store/kinds.c").read_text()
    rows = re.findall(r'\{"([a-z]+\.[a-z_]+)",\s*REFS\(([^)]*)\)', text)
    return {kind: re.findall(r'"([^"]+)"', refs) for kind, refs in rows}


def follow(value, path):
    """The texts that a path such as "Servers[].ServerId" leads to."""
    for part in path.split("."):
        name = part.removesuffix("[]")
        values = value if isinstance(value, list) else [value]
        value = [v[name] for v in values if isinstance(v, dict) and name in v]
        if part.endswith("[]"):
            value = [element for v in value for element in v]
    return value


def is_outside(path, target):
    """Names of what has no document: addresses as servers, policies of the system."""
    is_address = path.endswith("ServerId") and re.fullmatch(r"[0-9.]+|.*:.*", target)
    return is_address or target.startswith("tls_cipher_policy_") or not target


def check_references(docs):
    ids = {doc_id for _, doc_id in docs}
    for (kind, doc_id), body in docs.items():
        for path in read_kinds()[kind]:
            for target in follow(body, path):
                assert target in ids or is_outside(path, target), f"{kind} {doc_id}: {path} names {target}"


def addresses_of(kind, body):
    """(addresses, EIPs) that an instance says it has."""
    if kind == "clb.load_balancer":
        return ([], [body["EipId"]]) if "EipId" in body else ([body["Address"]], [])
    ips, eips = [], []
    for mapping in body["ZoneMappings"]:
        for address in mapping["LoadBalancerAddresses"]:
            ips += [address.get("PrivateIPv4Address", address.get("IntranetAddress")), *address["Ipv4LocalAddresses"]]
            eips += [address["AllocationId"]] if "AllocationId" in address else []
    return ips, eips


def check_addresses(docs):
    """Each address and EIP has the owner that says it has it, and nobody has one twice or without a record."""
    said = {}
    for (kind, doc_id), body in docs.items():
        if kind.endswith(".load_balancer"):
            for name in sum(addresses_of(kind, body), []):
                assert name not in said, f"{name} is of {said[name]} and of {doc_id}"
                said[name] = doc_id
        elif kind == "vpc.eip":
            said[body["IpAddress"]] = doc_id
    recorded = {i: b["Owner"] for (k, i), b in docs.items() if k == "vpc.address" or (k == "vpc.eip" and "Owner" in b)}
    assert said == recorded, sorted(set(said.items()) ^ set(recorded.items()))


def test_nothing_is_left_over_and_nothing_dangles(node):
    """After all that came before: every reference leads somewhere, every address has the owner that uses it."""
    node.stop(keep=True)
    try:
        store = sqlite3.connect(node.state_dir / "openslb.db")
        docs = {tuple(k.split("/", 1)): json.loads(v) for k, v in store.execute("SELECT key, value FROM docs")}
        store.close()
        check_references(docs)
        check_addresses(docs)
    finally:
        node.start()
