"""An operator with slb: the manifest of docs/cli.md, what status says when something is wrong, completion."""
import json
import subprocess

import pytest

import lib
import nlb as nlb_words
from alb import Alb, vips
from clb import Clb
from lib import get, wait_for
from test_cli import OK, REFUSED, Slb

EXAMPLE = lib.ROOT / "examples/three-products.yaml"


@pytest.fixture(scope="module")
def slb(node):
    return Slb(node)


# --- the example ----------------------------------------------------------------------------------


def test_the_documentation_shows_the_example():
    assert f"```yaml\n{EXAMPLE.read_text()}```\n" in (lib.ROOT / "docs/cli.md").read_text()


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
    wait_for(lambda: json.loads(slb.run("health", "-o", "json", status=None)[0]) == [], "all servers are healthy", 20)
    assert "refused" not in slb.run("status", "-o", "table")[0]


# --- what is wrong --------------------------------------------------------------------------------


def test_status_names_what_the_data_plane_refuses_and_forgets_it_when_it_is_mended(node, slb, backends):
    """A port that somebody else has, and HTTPS."""
    alb, clb = Alb(node), Clb(node)
    mine = alb.instance()
    group = alb.group(backends.nginx("ECS01"))
    with lib.e2e.socket.create_server((vips(mine)[0], 8080)):
        answer = alb.call("CreateListener", LoadBalancerId=mine["LoadBalancerId"], ListenerProtocol="HTTP",
                          ListenerPort=8080, DefaultActions=[words_forward(group)])  # fmt: skip
        node.wait_job("Alb", answer, status="Failed")
        told = slb.run("status", "-o", "table", status=REFUSED)[0]
        assert f"{vips(mine)[0]}:8080 cannot be bound: Address already in use" in told and answer["ListenerId"] in told
        (refusal,) = slb.json("status", status=REFUSED)["Refusals"]
        assert refusal["ResourceId"] == answer["ListenerId"]
    alb.call("UpdateListenerAttribute", ListenerId=answer["ListenerId"], ListenerDescription="again")
    alb.node.wait(lambda a: a["ListenerStatus"] == "Running", "Alb", "GetListenerAttribute", ListenerId=answer["ListenerId"])
    assert slb.json("status")["Refusals"] == []


def words_forward(group):
    return {"Type": "ForwardGroup", "ForwardGroupConfig": {"ServerGroupTuples": [{"ServerGroupId": group}]}}


# --- completion -----------------------------------------------------------------------------------


def complete(script, *words):
    """What bash offers for the last word."""
    line = " ".join(f"'{w}'" for w in words)
    text = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _slb; echo ${{COMPREPLY[@]}}\n"
    done = subprocess.run(["bash"], input=text, capture_output=True, text=True, timeout=30, check=True)
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
