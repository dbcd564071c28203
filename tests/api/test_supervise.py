"""The processes of a node: whichever dies, traffic goes on, and what was made through the API comes back."""
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest

import lib
from clb import Clb, server
from lib import get, wait_for


@pytest.fixture
def site(new_node, backends):
    """A node with one HTTP listener: (node, its Clb, instance, address)."""
    node = new_node()
    clb = Clb(node)
    one = backends.http(name="ECS01")
    instance, address = clb.instance()
    group = clb.group(instance, server(one))
    clb.listener("http", instance, 8080, VServerGroupId=group)
    return node, clb, instance, (address, 8080)


class Load:
    """Requests one after another, each on a connection of its own, until the block ends. Every one must succeed."""

    def __init__(self, addr):
        self.addr = addr
        self.n = 0
        self.problems = []
        self.stopping = False

    def __enter__(self):
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self):
        while not self.stopping:
            try:
                answer = get(self.addr)
                if answer.status != 200:
                    self.problems.append(answer.status)
            except OSError as e:
                self.problems.append(repr(e))
            self.n += 1

    def more(self, n=20):
        target = self.n + n
        wait_for(lambda: self.n >= target, f"{n} more requests")

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join(lib.PATIENCE)
        assert not self.thread.is_alive() and not self.problems, self.problems[:5]


def requests_counted(node):
    counters = node.data("get counters")
    return sum(listener["requests"] for listener in counters["listeners"])


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_control_killed_traffic_and_counters_go_on(site):
    node, clb, instance, addr = site
    with Load(addr) as load:
        load.more()
        before = requests_counted(node)
        data = node.child("data")
        changes = node.data("get status")["changes"]
        node.kill_child("control")
        load.more()
        node.wait_api()
        assert clb.attribute("http", instance, 8080)["ListenerPort"] == 8080
        load.more()
    assert node.child("data") == data
    wait_for(lambda: requests_counted(node) > before + 20, "the requests are counted")
    node.wait(lambda a: a["AcknowledgedRevision"] == a["Revision"], "OpenSlb", "GetNodeStatus")
    # What is there already is not built anew: at most the message that found nothing to change.
    assert node.data("get status")["changes"] <= changes + 2
    clb.set_listener("http", instance, 8080, Description="changed-after-the-restart")


def test_changes_made_while_the_data_plane_is_away_arrive(site, backends):
    node, clb, instance, addr = site
    two = backends.http(name="ECS02")
    stopped = node.child("data")
    os.kill(stopped, signal.SIGSTOP)
    group = clb.group(instance, server(two))
    clb.call("SetLoadBalancerHTTPListenerAttribute", LoadBalancerId=instance, ListenerPort=8080, VServerGroupId=group)
    assert clb.attribute("http", instance, 8080)["Status"] != "running"
    os.kill(stopped, signal.SIGKILL)
    node.child("data", other_than=stopped)
    clb.wait_status("http", instance, 8080)
    wait_for(lambda: lib.accepts(addr), "the listener is back")
    assert get(addr).body == b"ECS02\n"


def test_data_killed_comes_back_with_its_configuration(site):
    node, clb, instance, addr = site
    assert get(addr).status == 200
    node.kill_child("data")
    wait_for(lambda: lib.accepts(addr), "the listener is back")
    assert get(addr).status == 200
    clb.wait_status("http", instance, 8080)


def test_data_starts_without_control(site):
    """The set in force is kept beside the store: a data plane alone serves it."""
    node, _, _, addr = site
    path = node.state_dir / "data.json"
    wait_for(lambda: path.exists() and '"port":8080' in path.read_text(), "the set is on disk")
    os.kill(node.child("control"), signal.SIGSTOP)
    node.kill_child("data")
    wait_for(lambda: lib.accepts(addr), "the listener is back")
    assert get(addr).status == 200
    os.kill(node.child("control"), signal.SIGCONT)


def test_supervisor_killed_data_lives_on_and_is_taken_over(site):
    node, clb, instance, addr = site
    data, control = node.child("data"), node.child("control")
    with Load(addr) as load:
        load.more()
        os.kill(node.process.pid, signal.SIGKILL)
        node.process.wait(lib.PATIENCE)
        wait_for(lambda: not is_alive(control), "the control process ends with its supervisor")
        load.more()
        assert is_alive(data)
        node.start()
        assert node.child("data") != data
        wait_for(lambda: not is_alive(data), "the old data process has let go")
        load.more()
    clb.wait_status("http", instance, 8080)
    wait_for(lambda: "hand-over: done" in node.stderr(), "the hand-over is told")


def test_pauses_between_restarts_grow_and_it_comes_back(new_node):
    """A control process that cannot start is not started in a tight loop, and starts when it can."""
    node = new_node()
    good = node.conf_path.read_text()
    node.conf_path.write_text("[nonsense]\nx = y\n")
    os.kill(node.child("control"), signal.SIGKILL)
    pauses = re.compile(r"control: process \d+ .*; the next one starts in (\d+) ms")
    wait_for(lambda: len(pauses.findall(node.stderr())) >= 5, "five ends of control")
    assert pauses.findall(node.stderr())[:5] == ["0", "100", "200", "400", "800"]
    assert node.child("data")
    node.conf_path.write_text(good)
    node.wait_api()


def test_a_second_supervisor_is_turned_away(site):
    node, _, _, addr = site
    data = node.child("data")
    second = subprocess.run(
        [lib.SLBD_BIN, "supervise", "--node", str(node.conf_path)], capture_output=True, text=True, timeout=lib.PATIENCE
    )
    assert second.returncode == 1
    assert "another slbd supervises" in second.stderr
    assert node.child("data") == data and get(addr).status == 200


def test_one_state_is_not_shared_by_two_nodes(new_node, tmp_path):
    """Another run_dir and other ports, the same state_dir: the data plane's listeners would be there twice."""
    node = new_node()
    other = node.conf_path.read_text().replace(f"run_dir = {node.run_dir}", f"run_dir = {tmp_path}/run")
    other = re.sub(r"(listen|admin) = .*", lambda m: f"{m[1]} = {lib.HOST}:{lib.free_port()}", other)
    path = tmp_path / "node.ini"
    path.write_text(other)
    second = subprocess.run([lib.SLBD_BIN, "supervise", "--node", str(path)], capture_output=True, text=True, timeout=lib.PATIENCE)
    assert second.returncode == 1 and f"another slbd supervises {node.state_dir}" in second.stderr


def test_a_signal_for_the_log_does_not_end_a_data_process_that_starts(new_node):
    node = new_node()
    for _ in range(5):
        old = node.child("data")
        os.kill(old, signal.SIGKILL)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            node.process.send_signal(signal.SIGUSR1)
        node.child("data", other_than=old)
    assert f"was ended by signal {int(signal.SIGUSR1)}" not in node.stderr()


def takes_no_commands(node):
    try:
        node.data("get status")
    except OSError:
        return True
    return False


def test_orderly_stop_finishes_the_request_in_progress(new_node, backends):
    node = new_node()
    clb = Clb(node)

    is_ending = threading.Event()

    def slow(_request):
        is_ending.wait(lib.PATIENCE)
        return lib.e2e.response(b"late\n")

    instance, address = clb.instance()
    clb.listener("http", instance, 8080, VServerGroupId=clb.group(instance, server(backends.http(slow))))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(get((address, 8080)).body))
    thread.start()
    wait_for(lambda: node.data("get counters")["servers"][0]["inflight"] > 0, "the request is with its server")
    node.process.send_signal(signal.SIGTERM)
    wait_for(lambda: takes_no_commands(node), "the data plane finishes what is open")
    is_ending.set()
    thread.join(lib.PATIENCE)
    assert answers == [b"late\n"]
    assert node.process.wait(lib.PATIENCE) == 0
    node.start()


def test_what_cannot_be_bound_is_told_word_for_word_and_mended(site):
    """A port that another program has: the resource says so; when the program goes, nobody needs to do anything."""
    node, clb, instance, (address, _) = site
    with socket.socket() as other:
        other.bind((address, 8090))
        other.listen()
        group = clb.call("DescribeVServerGroups", LoadBalancerId=instance)["VServerGroups"]["VServerGroup"][0]
        clb.listener("http", instance, 8090, start=False, VServerGroupId=group["VServerGroupId"])
        clb.call("StartLoadBalancerListener", LoadBalancerId=instance, ListenerPort=8090, ListenerProtocol="http")
        wait_for(lambda: refusals(node), "the refusal is stored")
        assert refusals(node) == [f"bind {address}:8090: cannot be bound: Address already in use"]
        # Everything else goes on.
        assert get((address, 8080)).status == 200
        clb.set_listener("http", instance, 8080, Description="still-changes")
    clb.set_listener("http", instance, 8090, Description="tried-again")
    wait_for(lambda: lib.accepts((address, 8090)), "the listener serves")
    wait_for(lambda: not refusals(node), "the refusal is gone")


def test_port_below_1024_without_privilege_says_so(new_node, backends):
    """The kernel's own words reach the resource, with the address."""
    first_free = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    wrapper = ()
    if os.geteuid() == 0:
        wrapper = ("setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service")
    node = new_node(wrapper=wrapper)
    clb = Clb(node)
    instance, address = clb.instance()
    group = clb.group(instance, server(backends.http(name="ECS01")))
    clb.listener("http", instance, 80, start=False, VServerGroupId=group)
    clb.call("StartLoadBalancerListener", LoadBalancerId=instance, ListenerPort=80, ListenerProtocol="http")
    if first_free <= 80:
        clb.wait_status("http", instance, 80)  # this machine lets everybody have it
        return
    wait_for(lambda: refusals(node), "the refusal is stored")
    assert refusals(node) == [f"bind {address}:80: cannot be bound: Permission denied"]


def refusals(node):
    return [r["Reason"] for r in node.call("OpenSlb", "ListRefusals")["Refusals"]]


def test_usr1_opens_the_access_log_anew(new_node):
    node = new_node()
    wait_for(node.log_path.exists, "the access log is there")
    node.log_path.rename(node.dir / "access.log.1")
    node.process.send_signal(signal.SIGUSR1)
    wait_for(node.log_path.exists, "a new access log")


def test_metrics_of_the_data_plane(site):
    node, _, _, addr = site
    get(addr)
    with urllib.request.urlopen(f"http://127.0.0.1:{node.admin_port}/metrics", timeout=lib.PATIENCE) as answer:
        assert b"openslb_" in answer.read()


def test_node_file_of_the_docs_is_what_slbd_prints():
    """Comments tell limits, defaults and meanings; values depend on who runs it."""
    printed = subprocess.run([lib.SLBD_BIN, "node-file"], capture_output=True, text=True, check=True).stdout
    written = (lib.ROOT / "docs/node.ini").read_text()

    def fixed(text):
        return [line for line in text.splitlines() if line.startswith(("#", "["))]

    assert fixed(printed) == fixed(written)


def test_wrong_node_file_is_refused_with_line_and_rule(tmp_path):
    path = tmp_path / "node.ini"
    path.write_text("[api]\nlisten = 127.0.0.1\n[node]\ncolour = red\n")
    for command in ("supervise", "control", "node-file"):
        done = subprocess.run([lib.SLBD_BIN, command, "--node", str(path)], capture_output=True, text=True, timeout=lib.PATIENCE)
        assert done.returncode == 2
        assert f'{path}:2: listen: "127.0.0.1": must be an address and a port' in done.stderr
        assert f'{path}:4: colour: "red": there is no such setting in this section' in done.stderr
