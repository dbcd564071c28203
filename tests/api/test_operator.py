"""An operator with slb: the manifest of docs/cli.md, what status says when something is wrong, completion."""
import json
import os
import signal
import subprocess

import pytest

import lib
from alb import Alb, forward, vips
from clb import Clb
from lib import get, wait_for
from test_cli import OK, REFUSED, SLB_BIN, Slb

EXAMPLE = lib.ROOT / "examples/three-products.yaml"


@pytest.fixture(scope="module")
def slb(node):
    return Slb(node)


# --- the example ----------------------------------------------------------------------------------


def test_the_documentation_shows_the_example():
    assert f"```yaml\n{EXAMPLE.read_text()}```\n" in (lib.ROOT / "docs/cli.md").read_text()


def is_well(slb):
    """What slb health says with its exit status alone."""
    return subprocess.run([SLB_BIN, "health"], env=slb.env, capture_output=True, timeout=lib.PATIENCE, check=False).returncode == OK


def test_the_example_serves_and_is_applied_once(new_node, backends):
    node = new_node()
    slb = Slb(node)
    manifest = EXAMPLE.read_text().replace("127.16.", node.prefix + ".")
    for i in (11, 12):
        backends.nginx(f"ECS{i}", ip=f"{node.prefix}.48.{i}", port=8080)
    slb.run("apply", "-f", "-", "--yes", stdin=manifest)
    assert slb.run("diff", "-f", "-", stdin=manifest)[0] == "Nothing to change.\n"
    at = {i["Name"]: i["Addresses"].split(",")[0] for i in slb.json("instances")}
    assert set(at) == {"www", "tcp", "classic"}
    for name, address in at.items():
        assert get((address, 80)).text.strip() in ("ECS11", "ECS12"), name
    moved = get((at["www"], 80), "/old/x")
    assert (moved.status, moved.header("location")) == (301, "http://www.example.net/new")
    wait_for(lambda: is_well(slb), "all servers are healthy")
    assert "refused" not in slb.run("status", "-o", "table")[0]


# --- what is wrong --------------------------------------------------------------------------------


def test_status_names_what_the_data_plane_refuses_and_forgets_it_when_it_is_mended(node, slb, backends):
    """A port that somebody else has."""
    alb = Alb(node)
    mine = alb.instance(LoadBalancerName="front")
    group = alb.group(backends.nginx("ECS01"))
    with lib.e2e.socket.create_server((vips(mine)[0], 8080)):
        answer = alb.call("CreateListener", LoadBalancerId=mine["LoadBalancerId"], ListenerProtocol="HTTP",
                          ListenerPort=8080, DefaultActions=[forward(group)])  # fmt: skip
        node.wait_job("Alb", answer, status="Failed")
        told = slb.run("status", "-o", "table", status=REFUSED)[0]
        assert f"{vips(mine)[0]}:8080: cannot be bound: Address already in use" in told
        assert f"front HTTP 8080  {answer['ListenerId']}" in told
        (refusal,) = slb.json("status", status=REFUSED)["Refusals"]
        assert refusal["ResourceId"] == answer["ListenerId"]
    alb.call("UpdateListenerAttribute", ListenerId=answer["ListenerId"], ListenerDescription="again")
    alb.node.wait(lambda a: a["ListenerStatus"] == "Running", "Alb", "GetListenerAttribute", ListenerId=answer["ListenerId"])
    assert slb.json("status")["Refusals"] == []


def test_status_tells_of_a_data_plane_that_hangs(new_node):
    node = new_node()
    slb = Slb(node)
    slb.run("status")
    os.kill(node.child("data"), signal.SIGSTOP)
    try:
        clb = node.call("Slb", "CreateLoadBalancer", LoadBalancerName="waits")["LoadBalancerId"]
        assert "DOES NOT ANSWER" in slb.run("status", "-o", "table", status=REFUSED)[0]
        assert slb.json("status", status=REFUSED)["Instances"][0]["Id"] == clb
    finally:
        os.kill(node.child("data"), signal.SIGCONT)
    node.wait(lambda a: a["AcknowledgedRevision"] == a["Revision"], "OpenSlb", "GetNodeStatus")
    slb.run("status")


def test_what_could_not_be_asked_is_not_called_well(node, slb, tmp_path):
    pair = node.call("OpenSlb", "CreateAccessKey", Permission="read-only", Products=["Alb"])["AccessKey"]
    path = tmp_path / "key.json"
    path.write_text(json.dumps({name: pair[name] for name in ("AccessKeyId", "AccessKeySecret")}))
    out, err = slb.run("health", "-o", "table", "--key-file", str(path), status=REFUSED)
    assert "healthy" not in out and "may not call Slb" in err and "may not call Nlb" in err


def test_health_names_the_instance(node, slb):
    clb = Clb(node)
    lb, _ = clb.instance(LoadBalancerName="with-a-name")
    group = clb.group(lb, {"ServerId": "127.0.0.1", "Port": lib.free_port()})
    clb.listener("tcp", lb, 91, VServerGroupId=group, HealthCheckInterval=1, UnhealthyThreshold=2)
    wait_for(lambda: not is_well(slb), "the check has failed")
    status = [line.split() for line in slb.run("health", "-o", "table", status=REFUSED)[0].splitlines()]
    assert ["clb", "with-a-name", lb, "tcp", "91"] in [words[:5] for words in status]
    clb.call("StopLoadBalancerListener", LoadBalancerId=lb, ListenerPort=91)


def test_apply_tells_what_the_data_plane_refuses_where_no_job_does(node, slb):
    manifest = f"""
clb:
  load_balancers:
    - LoadBalancerName: refused
      AddressType: intranet
      VSwitchId: {lib.VSWITCHES[0]}
      Address: {node.prefix}.0.77
      tcp_listeners: [{{ListenerPort: 90, Bandwidth: -1, BackendServerPort: 80}}]
"""
    with lib.e2e.socket.create_server((f"{node.prefix}.0.77", 90)):
        err = slb.run("apply", "-f", "-", "--yes", stdin=manifest, status=REFUSED)[1]
    assert "(refused tcp 90): bind" in err and "Address already in use" in err


# --- completion -----------------------------------------------------------------------------------


def complete(script, *words):
    """What bash offers for the last word."""
    line = " ".join(f"'{w}'" for w in words)
    text = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _slb; echo ${{COMPREPLY[@]}}\n"
    done = subprocess.run(["bash"], input=text, capture_output=True, text=True, timeout=lib.PATIENCE, check=True)
    return done.stdout.split()


def test_completion_knows_commands_aliases_and_values(slb):
    script = slb.run("completion", "bash")[0]
    assert complete(script, "slb", "st") == ["status"]
    assert complete(script, "slb", "cl") == ["clb"]
    assert complete(script, "slb", "clb", "create-load-balancer-h") == [
        "create-load-balancer-http-listener", "create-load-balancer-https-listener"]  # fmt: skip
    assert complete(script, "slb", "dns", "add-domain-record", "--TT") == ["--TTL"]
    assert complete(script, "slb", "health", "--a") == ["--all"]
    assert complete(script, "slb", "events", "--since", "1h", "--al") == ["--all"]
    assert complete(script, "slb", "status", "-o", "") == ["table", "json"]
    assert complete(script, "slb", "apply", "-f", "") == []  # files, by bash itself
