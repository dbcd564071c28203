"""slb against a node: any operation, the commands for people, manifests."""
import json
import os
import subprocess
from pathlib import Path

import pytest

import lib

SLB_BIN = os.environ.get("SLB_BIN", str(Path(lib.SLBD_BIN).parents[1] / "cli" / "slb"))

OK, REFUSED, USAGE, UNREACHABLE = range(4)


class Slb:
    """Runs slb as somebody whose environment names the node."""

    def __init__(self, node):
        host, port = node.addr
        self.env = {
            **os.environ,
            "OPENSLB_ENDPOINT": f"http://{host}:{port}",
            "OPENSLB_KEY_FILE": str(node.state_dir / "root-key.json"),
        }

    def run(self, *args, status=OK, stdin="", env=None):
        """What it printed: (stdout, stderr)."""
        done = subprocess.run(
            [SLB_BIN, *args], input=stdin, env={**self.env, **(env or {})},
            capture_output=True, text=True, timeout=lib.PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == status, f"slb {' '.join(args)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout, done.stderr

    def json(self, *args, **kwargs):
        return json.loads(self.run(*args, **kwargs)[0])


@pytest.fixture(scope="module")
def slb(node):
    return Slb(node)


# --- any operation ---------------------------------------------------------------------------


def test_operations_have_names_of_both_kinds_and_answers_are_whole(slb):
    made = slb.json(
        "nlb", "create-server-group", "--ServerGroupName", "by-dashes", "--protocol", "TCP",
        "--health-check-config", '{"HealthCheckEnabled": false}', "--VpcId", lib.VPC,
    )  # fmt: skip
    shown = slb.json("nlb", "ListServerGroups", "--ServerGroupIds.1", made["ServerGroupId"])
    assert [g["ServerGroupName"] for g in shown["ServerGroups"]] == ["by-dashes"]
    again = slb.json("nlb", "list-server-groups", "--json", "-", stdin='{"ServerGroupNames": ["by-dashes"]}')
    assert again["ServerGroups"] == shown["ServerGroups"]
    table = slb.run("nlb", "list-server-groups", "-o", "table")[0]
    assert "TotalCount" in table and "by-dashes" in table and "{" not in table
    slb.run("nlb", "delete-server-group", "--ServerGroupId", made["ServerGroupId"])


def test_errors_are_told_with_their_code(slb):
    out, err = slb.run("alb", "get-listener-attribute", "--ListenerId", "lsn-none", status=REFUSED)
    assert out == "" and "ResourceNotFound.Listener" in err
    assert "MissingParameter" in slb.run("alb", "delete-listener", status=REFUSED)[1]


@pytest.mark.parametrize(
    "args, said",
    [
        (("alb", "create-listner"), "did you mean create-listener?"),
        (("alb", "create-listener", "--LisenerPort", "80"), "did you mean ListenerPort?"),
        (("alb", "create-listener", "--ListenerPort"), "needs a value"),
        (("alb", "create-listener", "80"), "unexpected argument 80"),
        (("alb", "create-listener", "--DefaultActions", "[{"), "JSON list"),
        (("statsu",), "did you mean status?"),
        (("status", "--what"), "no option --what"),
        (("wait", "clb", "x"), "alb or nlb"),
        (("events", "--since", "soon"), "--since is like"),
        (("apply",), "-f MANIFEST is missing"),
        (("status", "-o", "xml"), "table or json"),
    ],
)
def test_wrong_use_is_told_with_what_was_meant(slb, args, said):
    assert said in slb.run(*args, status=USAGE)[1]


def test_help_comes_from_the_tables(slb):
    assert "slb PRODUCT OPERATION" in slb.run("help")[0]
    assert "create-listener" in slb.run("alb", "help")[0]
    text = slb.run("alb", "create-listener", "--help")[0]
    assert "--ListenerPort" in text and "number 1..65535" in text and "required" in text


def test_a_node_that_does_not_answer_and_a_key_that_cannot_be_read(slb):
    nobody = {"OPENSLB_ENDPOINT": f"http://127.0.0.1:{lib.free_port()}"}
    assert "no answer from" in slb.run("status", status=UNREACHABLE, env=nobody)[1]
    err = slb.run("status", "--key-file", "/nonexistent/key.json", status=REFUSED)[1]
    assert "/nonexistent/key.json" in err and "--key-file" in err


def test_a_wrong_secret_is_refused(slb, tmp_path):
    pair = json.loads(Path(slb.env["OPENSLB_KEY_FILE"]).read_text())
    wrong = tmp_path / "key.json"
    wrong.write_text(json.dumps({**pair, "AccessKeySecret": "wrong"}))
    err = slb.run("openslb", "get-node-status", "--key-file", str(wrong), status=REFUSED)[1]
    assert "SignatureDoesNotMatch" in err


def test_completion_is_a_script_that_knows_operations(slb):
    script = slb.run("completion", "bash")[0] + (
        "COMP_WORDS=(slb alb create-list); COMP_CWORD=2; _slb; echo ${COMPREPLY[@]}\n"
        "COMP_WORDS=(slb alb create-listener --ListenerPo); COMP_CWORD=3; _slb; echo ${COMPREPLY[@]}\n"
    )
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, timeout=lib.PATIENCE, check=True)
    assert done.stdout.split() == ["create-listener", "--ListenerPort"]
    for shell in ("zsh", "fish"):
        assert "create-listener" in slb.run("completion", shell)[0]


# --- manifests and what people look at ---------------------------------------------------------

MANIFEST = """
alb:
  load_balancers:
    - LoadBalancerName: www
      AddressType: Intranet
      VpcId: {vpc}
      LoadBalancerEdition: Basic
      LoadBalancerBillingConfig: {{PayType: PostPay}}
      ZoneMappings:
        - {{ZoneId: {zones[0]}, VSwitchId: {vswitches[0]}}}
        - {{ZoneId: {zones[1]}, VSwitchId: {vswitches[1]}}}
      listeners:
        - ListenerPort: 80
          ListenerProtocol: HTTP
          ListenerDescription: the front door
          DefaultActions:
            - {{Type: ForwardGroup, ForwardGroupConfig: {{ServerGroupTuples: [{{ServerGroupId: "@web"}}]}}}}
          rules:
            - RuleName: only-api
              Priority: 10
              RuleConditions: [{{Type: Path, PathConfig: {{Values: ["/api/*"]}}}}]
              RuleActions:
                - Type: ForwardGroup
                  Order: 1
                  ForwardGroupConfig: {{ServerGroupTuples: [{{ServerGroupId: "@web"}}]}}
  server_groups:
    - ServerGroupName: web
      ServerGroupType: Ip
      Protocol: HTTP
      VpcId: {vpc}
      Scheduler: Wrr
      HealthCheckConfig: {{HealthCheckEnabled: false}}
      Servers:
        - {{ServerType: Ip, ServerId: 127.0.0.1, ServerIp: 127.0.0.1, Port: {port}, RemoteIpEnabled: true}}
nlb:
  load_balancers:
    - LoadBalancerName: tcp
      AddressType: Intranet
      VpcId: {vpc}
      ZoneMappings:
        - {{ZoneId: {zones[0]}, VSwitchId: {vswitches[0]}}}
        - {{ZoneId: {zones[1]}, VSwitchId: {vswitches[1]}}}
      listeners: [{{ListenerPort: 90, ListenerProtocol: TCP, ServerGroupId: "@web"}}]
  server_groups:
    - ServerGroupName: web
      ServerGroupType: Ip
      Protocol: TCP
      VpcId: {vpc}
      HealthCheckConfig: {{HealthCheckEnabled: false}}
      Servers: [{{ServerType: Ip, ServerId: 127.0.0.1, ServerIp: 127.0.0.1, Port: {port}}}]
clb:
  load_balancers:
    - LoadBalancerName: old
      AddressType: intranet
      VSwitchId: {vswitches[0]}
      MasterZoneId: {zones[0]}
      http_listeners:
        - ListenerPort: 8080
          StickySession: "off"
          HealthCheck: "off"
          VServerGroupId: "@web"
          rules: [{{RuleName: only-x, Url: /x, VServerGroupId: "@web"}}]
      vserver_groups:
        - {{VServerGroupName: web, BackendServers: [{{ServerId: 127.0.0.1, Port: {port}, Weight: 100}}]}}
"""


@pytest.fixture(scope="module")
def manifest(backends):
    port = backends.nginx("ECS01").port
    return MANIFEST.format(vpc=lib.VPC, zones=lib.ZONES, vswitches=lib.VSWITCHES, port=port)


def addresses(slb):
    return {i["Name"]: i["Addresses"].split(",")[0] for i in slb.json("instances")}


def test_a_manifest_makes_what_it_says_and_then_nothing(slb, manifest):
    assert "create" in slb.run("diff", "-f", "-", stdin=manifest, status=REFUSED)[0]
    slb.run("apply", "-f", "-", "--dry-run", stdin=manifest)
    assert slb.json("instances") == []
    err = slb.run("apply", "-f", "-", stdin=manifest, status=USAGE)[1]
    assert "--yes" in err and slb.json("instances") == []

    slb.run("apply", "-f", "-", "--yes", stdin=manifest)
    assert "Nothing to change" in slb.run("diff", "-f", "-", stdin=manifest)[0]
    assert "Nothing to change" in slb.run("apply", "-f", "-", "--prune", "--yes", stdin=manifest)[0]
    at = addresses(slb)
    for name, port in (("www", 80), ("tcp", 90), ("old", 8080)):
        assert lib.get((at[name], port)).body.strip() == b"ECS01", name


def test_a_change_of_the_manifest_is_one_of_the_node(slb, manifest):
    changed = manifest.replace("the front door", "another").replace("Scheduler: Wrr", "Scheduler: Wlc")
    changed = changed.replace("RuleName: only-x, Url: /x", "RuleName: only-y, Url: /y")
    plan = slb.run("diff", "-f", "-", stdin=changed, status=REFUSED)[0]
    assert '"the front door" -> "another"' in plan and '"Wrr" -> "Wlc"' in plan
    assert "only-y" in plan and "only-x" not in plan
    assert "delete   rule" in slb.run("diff", "-f", "-", "--prune", stdin=changed, status=REFUSED)[0]
    slb.run("apply", "-f", "-", "--prune", "--yes", stdin=changed)
    assert "Nothing to change" in slb.run("diff", "-f", "-", "--prune", stdin=changed)[0]
    slb.run("apply", "-f", "-", "--prune", "--yes", stdin=manifest)

    fixed = manifest.replace("AddressType: Intranet", "AddressType: Internet", 1)
    assert "AddressType cannot be changed" in slb.run("apply", "-f", "-", "--yes", stdin=fixed, status=REFUSED)[1]


def test_a_wrong_manifest_says_where(slb):
    cases = {
        "alb:\n  x: 1\n": "alb has no x",
        "alb: [\n": "line",
        "nlb: {server_groups: [{ServerGroupName: aa, Protocl: TCP}]}": "Protocl",
    }
    for text, said in cases.items():
        assert said in slb.run("apply", "-f", "-", "--yes", stdin=text, status=REFUSED)[1]


def test_status_health_events_and_top_show_what_is_there(slb, node, manifest):
    slb.run("apply", "-f", "-", "--yes", stdin=manifest)
    status = slb.run("status", "-o", "table")[0]
    assert "data plane   connected" in status
    assert all(name in status for name in ("www", "tcp", "old"))
    assert slb.json("status")["DataPlane"]["Connected"] is True
    assert "healthy" in slb.run("health", "-o", "table")[0]
    assert {"clb", "alb", "nlb"} == {row["Product"] for row in slb.json("health", "--all")}
    events = slb.json("events", "--since", "10m")
    assert any(e["Event"] == "CreateListener" and e["Service"] == "Alb" for e in events)
    assert not any(e["Event"].startswith("List") for e in events)
    lib.get((addresses(slb)["www"], 80))
    top = slb.json("top", "-n", "1")
    assert len(top["Listeners"]) == 3 and len(top["Servers"]) >= 3
    assert "REQ/s" in slb.run("top", "-n", "1", "-o", "table")[0]


def test_wait_ends_with_its_job(slb, manifest):
    slb.run("apply", "-f", "-", "--yes", stdin=manifest)
    for product, member in (("alb", "ListenerId"), ("nlb", "ListenerId")):
        listener = slb.json(product, "list-listeners")["Listeners"][0][member]
        job = slb.json(product, "stop-listener", "--ListenerId", listener)["JobId"]
        slb.run("wait", product, job)
        job = slb.json(product, "start-listener", "--ListenerId", listener)["JobId"]
        slb.run("wait", product, job, "--timeout", "20")
    slb.run("wait", "alb", "no-such-job", status=REFUSED)
