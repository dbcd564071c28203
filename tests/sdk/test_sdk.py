"""The vendor's own clients for Node drive the walkthroughs of all products; nothing in them knows this project.

Each walkthrough is a program of its own: it must end with 0.
"""
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "api"))

import certs  # noqa: E402
import lib  # noqa: E402

WALK_SECONDS = 300
# The registry may be slow, or fail one of hundreds of answers: what has come is kept for the next try.
NPM_SECONDS = 240
NPM_TRIES = 3


@pytest.fixture(scope="session", autouse=True)
def clients():
    """Installs what package-lock.json says, once for each version of it."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed: ./dev setup")
    stamp = HERE / "node_modules/.openslb-installed"
    with open(HERE / "package-lock.json", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs of the tests do not install at once
        wanted = lock.read()
        if not stamp.exists() or stamp.read_bytes() != wanted:
            install()
            stamp.write_bytes(wanted)


def install():
    for _ in range(NPM_TRIES):
        try:
            done = subprocess.run(
                ["npm", "ci", "--no-progress", "--prefer-offline"], cwd=HERE, env=lib.e2e.OUTER_ENVIRON,
                timeout=NPM_SECONDS, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except subprocess.TimeoutExpired as e:
            said = f"takes more than {NPM_SECONDS} s\n{(e.output or b'').decode(errors='replace')}"
            continue
        if done.returncode == 0:
            return
        said = done.stdout.decode(errors="replace")
    raise AssertionError(f"npm ci, {NPM_TRIES} times: {said[-3000:]}")


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory):
    """A node, and two servers of each kind: named one and two."""
    items = [lib.Node()]
    try:
        for name in ("one", "two"):
            items.append(lib.Nginx(tmp_path_factory.mktemp("nginx"), name))
            items.append(lib.UdpEcho(name))
        yield items
    finally:
        for item in reversed(items):
            item.stop()


def walk(surroundings, name, **more):
    node, servers = surroundings[0], surroundings[1:]
    described = [
        f"{web.name}/{web.ip}/{web.port}/{echo.port}" for web, echo in zip(servers[::2], servers[1::2])
    ]
    env = {
        **os.environ,
        "OPENSLB_ENDPOINT": "%s:%d" % node.addr,
        "OPENSLB_KEY_ID": node.client.key,
        "OPENSLB_KEY_SECRET": node.client.secret,
        "OPENSLB_SERVERS": ",".join(described),
        **more,
    }
    done = subprocess.run(
        ["node", f"{name}.mjs"], cwd=HERE, env=env, timeout=WALK_SECONDS, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{node.stderr()[-2000:]}"


def test_alb(surroundings):
    walk(surroundings, "alb")


def test_nlb(surroundings):
    walk(surroundings, "nlb")


def test_clb(surroundings):
    walk(surroundings, "clb")


def test_dns(surroundings):
    walk(surroundings, "dns")


def test_certificates(surroundings, tmp_path):
    for name in ("a", "b"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
             "-subj", f"/CN={name}.example.net", "-keyout", f"{name}.key", "-out", f"{name}.pem"],
            cwd=tmp_path, check=True, capture_output=True, timeout=lib.PATIENCE,
        )  # fmt: skip
    walk(
        surroundings, "cas", OPENSLB_CERT=str(tmp_path / "a.pem"), OPENSLB_CERT_KEY=str(tmp_path / "a.key"),
        OPENSLB_OTHER_KEY=str(tmp_path / "b.key"),
    )  # fmt: skip


def test_https(tmp_path):
    served = certs.Served(tmp_path)
    node = lib.Node(tls=served)
    try:
        walk([node], "https", OPENSLB_PROTOCOL="https", OPENSLB_SERVERS="none/127.0.0.1/1/1", NODE_EXTRA_CA_CERTS=str(served.ca))
    finally:
        node.stop()
