"""./dev run shows a whole node, and leaves nothing behind."""
import json
import os
import re
import signal
import stat
import subprocess
import urllib.request
from pathlib import Path

import lib
from lib import get, wait_for

DEMO = lib.ROOT / "tools/demo"
URL = re.compile(r"http://(127[0-9.]+):([0-9]+)/")


def free_base():
    """A port for the API; the others are at -1000, +10 and +20 of it."""
    for base in range(21000, 22000, 7):
        if all(lib.e2e.take_port(port) for port in (base - 1000, base, base + 10, base + 20)):
            return base
    raise AssertionError("no free ports")


def test_demo_shows_endpoint_key_and_traffic_and_leaves_nothing(tmp_path):
    base = free_base()
    out = tmp_path / "out"
    with out.open("wb") as f:
        demo = subprocess.Popen(
            [str(DEMO), str(base)], stdout=f, stderr=f, env={**os.environ, "SLBD_BIN": lib.SLBD_BIN, "TMPDIR": "/tmp"}
        )
    try:
        wait_for(lambda: "Ctrl-C" in out.read_text() or demo.poll() is not None, "the demo runs")
        text = out.read_text()
        assert demo.poll() is None, text
        assert f"http://127.0.0.1:{base}/" in text
        key = Path(re.search(r"AccessKey pair is in (\S+)", text)[1])
        assert stat.S_IMODE(key.stat().st_mode) == 0o600 and json.loads(key.read_text())["AccessKeySecret"]
        vips = {(ip, int(port)) for ip, port in URL.findall(text) if int(port) == base - 1000}
        assert len(vips) == 3, text  # ALB, CLB and, through TCP, NLB
        for vip in vips:
            answer = get(vip)
            assert answer.status == 200 and b"Hello, this is ECS0" in answer.body
        alb = (re.search(r"ALB .* http://([0-9.]+)", text)[1], base - 1000)
        assert b"ECS02" in get(alb, "/home").body and get(alb, "/old/x").status == 301
        with urllib.request.urlopen(f"http://127.0.0.1:{base + 10}/metrics", timeout=lib.PATIENCE) as metrics:
            assert b"openslb_" in metrics.read()
        wait_for(lambda: "200 GET /home" in out.read_text(), "the access log is followed")
        directory = key.parents[1]
        pids = [p for p in (int(m) for m in re.findall(r"kill (?:-9 )?([0-9]+)", text))]
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(lib.PATIENCE) == 0, out.read_text()
    assert not directory.exists()
    for pid in pids:
        wait_for(lambda: not Path(f"/proc/{pid}").exists(), f"process {pid} is gone")  # noqa: B023: called at once
    assert not lib.accepts(("127.0.0.1", base))
    assert not lib.accepts(alb)
