"""The packaged systemd unit: systemd understands it, and what it leaves the service is enough."""
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import lib
from clb import Clb, server
from lib import get, wait_for

UNIT = Path(__file__).resolve().parents[2] / "packaging" / "debian" / "slbd.service"


def setting(name):
    return re.search(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE).group(1)


def test_systemd_understands_the_unit(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze")
    # It looks whether there is the program.
    (tmp_path / "slbd.service").write_text(UNIT.read_text().replace("/usr/sbin/slbd", str(Path(lib.SLBD_BIN).resolve())))
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "slbd.service"], capture_output=True, text=True, timeout=lib.PATIENCE
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_stopping_takes_less_than_systemd_allows():
    drain = 300  # the default of --drain
    assert int(setting("TimeoutStopSec")) > drain + 5  # and control's end


def test_capabilities_of_the_unit_are_enough(new_node, backends):
    """Root with nothing but these binds a low port, keeps its state, and takes over from the process before."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv")
    assert setting("NoNewPrivileges") == "yes"
    kept = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in setting("CapabilityBoundingSet").split())
    node = new_node(wrapper=("setpriv", f"--bounding-set=-all,{kept}", "--inh-caps=-all", "--no-new-privs"))
    clb = Clb(node)
    instance, address = clb.instance()
    group = clb.group(instance, server(backends.http(name="ECS01")))
    clb.listener("http", instance, 80, VServerGroupId=group)
    assert get((address, 80)).body == b"ECS01\n"
    state = node.state_dir / "data.json"
    wait_for(lambda: state.exists() and '"port":80' in state.read_text(), "the set is on disk")

    data = node.child("data")
    os.kill(node.process.pid, signal.SIGKILL)
    node.process.wait(lib.PATIENCE)
    node.start()
    node.child("data", other_than=data)
    clb.wait_status("http", instance, 80)
    assert get((address, 80)).body == b"ECS01\n"
    # Until the new data process is there, the one before answers.
    wait_for(lambda: "hand-over: version" in node.stderr(), "the sockets are taken over")
