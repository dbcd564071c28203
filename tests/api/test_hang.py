"""Processes of which a loop does not turn any more are ended and started anew; those that are only slow are left alone."""
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

import lib
from clb import Clb, server
from lib import get, wait_for

SLB_BIN = os.environ.get("SLB_BIN", str(Path(lib.SLBD_BIN).parents[1] / "cli" / "slb"))
DEADLINE = 3  # seconds; a machine that stalls for one now and then does not reach it

# Holds one thread of another process as a debugger would, until the process is gone.
HOLD = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
SEIZE, INTERRUPT = 0x4206, 0x4207
thread = int(sys.argv[1])
for request in (SEIZE, INTERRUPT):
    if libc.ptrace(request, thread, None, None) < 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(thread, 0x40000000)  # __WALL: it has stopped
print("held", flush=True)
while True:
    try:
        os.waitpid(-1, 0x40000000)
    except ChildProcessError:
        break
"""


class Held:
    def __init__(self, thread):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(thread)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if self.process.stdout.readline() != "held\n":
            problem = self.process.communicate()[1]
            pytest.skip(f"threads cannot be held here: {problem.strip()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def threads(pid):
    """{name: thread} of a process."""
    return {
        (task / "comm").read_text().strip(): int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()
    }


def slb_status(node):
    env = {
        **os.environ,
        "OPENSLB_ENDPOINT": "http://%s:%d" % node.addr,
        "OPENSLB_KEY_FILE": str(node.state_dir / "root-key.json"),
    }
    command = [SLB_BIN, "status", "-o", "table"]
    return subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, timeout=lib.PATIENCE).stdout


def process_row(node, name):
    rows = node.call("OpenSlb", "GetNodeStatus")["Processes"]
    return next(row for row in rows if row["Name"] == name)


@pytest.fixture
def watched(new_node, backends):
    """A node with a short deadline and one HTTP listener: (node, its Clb, instance, address)."""
    node = new_node(options=["--watchdog", str(DEADLINE)])
    clb = Clb(node)
    instance, address = clb.instance()
    group = clb.group(instance, server(backends.http(name="ECS01")))
    clb.listener("http", instance, 8080, VServerGroupId=group)
    return node, clb, instance, (address, 8080)


def test_stopped_control_process_is_replaced(watched):
    node, clb, instance, addr = watched
    old = node.child("control")
    os.kill(old, signal.SIGSTOP)
    node.child("control", other_than=old)
    node.wait_api()
    row = process_row(node, "control")
    assert (row["Restarts"], row["HungRestarts"], row["LastRestartReason"]) == (1, 1, "hung: main loop")
    assert "its main loop" in node.stderr() and "hung and was ended" in node.stderr()
    assert process_row(node, "data")["Restarts"] == 0
    assert clb.attribute("http", instance, 8080)["Status"] == "running"
    assert get(addr).status == 200


@pytest.mark.parametrize("loop, reason", [("main", "hung: main loop"), ("slbd-w0", "hung: worker 0")])
def test_data_process_with_one_hung_loop_is_replaced(watched, loop, reason):
    node, clb, instance, addr = watched
    old = node.child("data")
    thread = old if loop == "main" else threads(old)[loop]
    with Held(thread):
        node.child("data", other_than=old)
        node.wait_api()
        assert process_row(node, "data")["LastRestartReason"] == reason
    clb.wait_status("http", instance, 8080)
    wait_for(lambda: lib.accepts(addr), "the listener is back")
    assert get(addr).status == 200
    with urllib.request.urlopen(f"http://{lib.HOST}:{node.admin_port}/metrics", timeout=lib.PATIENCE) as answer:
        metrics = answer.read().decode()
    assert 'openslb_process_restarts_total{process="data",reason="hung"} 1\n' in metrics
    assert 'openslb_process_restarts_total{process="control",reason="hung"} 0\n' in metrics
    status = slb_status(node)
    assert "restarts     data: 1" in status and reason in status, status


def test_idle_and_killed_processes_are_not_taken_for_hung(watched):
    node, _, _, addr = watched
    pids = node.child("control"), node.child("data")
    time.sleep(3 * DEADLINE)  # nothing happens: the loops must turn all the same
    assert (node.child("control"), node.child("data")) == pids
    node.kill_child("data")
    node.wait_api()
    row = process_row(node, "data")
    assert (row["Restarts"], row["HungRestarts"], row["LastRestartReason"]) == (1, 0, "signal: 9")


def test_watchdog_off_leaves_a_stopped_process_alone(new_node):
    node = new_node(options=["--watchdog", "0"])
    old = node.child("control")
    os.kill(old, signal.SIGSTOP)
    time.sleep(3 * DEADLINE)
    assert node.child("control") == old
    os.kill(old, signal.SIGCONT)
    node.wait_api()
