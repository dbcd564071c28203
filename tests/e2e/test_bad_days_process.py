"""Trouble of our own: no descriptors, no memory, no disk, hostile files, sudden death. Service goes on or comes back."""
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import pytest

from lib import (
    HANG,
    HOST,
    READ_HEAD,
    SLBD_BIN,
    STOP_SECONDS,
    Client,
    Slbd,
    accepts,
    get,
    group,
    is_sanitized,
    listener,
    response,
    server,
    snapshot,
    wait_for,
)


class Confined(Slbd):
    """Started through another program that execs it: prlimit, unshare. prepare(dir) comes first."""

    def __init__(self, where, conf, args=(), prefix=(), prepare=None):
        self.prefix = list(prefix)
        if prepare:
            prepare(where)
        super().__init__(where, conf, args)

    def command(self):
        return [*self.prefix, *super().command()]


@pytest.fixture
def confined(_backends):
    made = []
    with tempfile.TemporaryDirectory(prefix="openslb-") as where:

        def start(conf, *args, **kwargs):
            made.append(Confined(tempfile.mkdtemp(dir=where), conf, args, **kwargs))
            return made[-1]

        yield start
        for lb in made:
            lb.stop()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_alone(path, *more):
    """Runs slbd until it gives up; (code, what it said)."""
    done = subprocess.run(
        [SLBD_BIN, "data", "--snapshot", str(path), "--workers", "1", *more],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=STOP_SECONDS, text=True, errors="replace",
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


# --- descriptors -------------------------------------------------------------------------------


def outcome(client):
    """What a client that has sent a request gets: a status, or "closed"."""
    try:
        return client.response().status
    except (ConnectionError, ValueError):
        return "closed"


def has_news(clients):
    """Whether some client has an answer or its end. While the server keeps silent that is a refusal."""
    poll = select.poll()
    for client in clients:
        if client:
            poll.register(client.sock, select.POLLIN)
    return bool(poll.poll(0))


@pytest.mark.parametrize("files", [50, 400])
def test_no_descriptors_left(confined, scripted, files):
    done = threading.Event()
    backend = scripted([READ_HEAD, done, response(b"ok", close=True), HANG])
    one = listener()
    lb = confined(
        snapshot(group(backends=[backend]), one), "--workers", "1", prefix=["prlimit", f"--nofile={files}:{files}"]
    )
    addr = (HOST, one["port"])
    n_before = len(os.listdir(f"/proc/{lb.pid}/fd"))
    cpu_before = cpu_seconds(lb.pid)

    clients = []
    for _ in range(files):
        try:
            client = Client(addr)
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            clients.append(client)
        except OSError:
            clients.append(None)
    wait_for(lambda: has_news(clients), "somebody is refused")
    time.sleep(1)
    cpu = cpu_seconds(lb.pid) - cpu_before
    done.set()
    outcomes = [outcome(c) if c else "closed" for c in clients]
    for client in clients:
        if client:
            client.close()

    assert set(outcomes) <= {200, 502, 503, "closed"}
    assert outcomes.count(200) >= 5 and outcomes.count(200) < files
    assert cpu < 0.7, "running out of descriptors must not spin"
    wait_for(lambda: len(os.listdir(f"/proc/{lb.pid}/fd")) <= n_before + 2, "all descriptors have come back")
    assert get(addr).status == 200
    refused = sum(v for k, v in lb.metrics().items() if k.startswith("openslb_listener_refused_total"))
    assert refused + outcomes.count(503) + outcomes.count(502) > 0


# --- memory -----------------------------------------------------------------------------------


def test_memory_limit_reached_by_heads(front, http_backend):
    """Heads of 30 KB that never end: 1 MiB is used up; who needs more is refused, and all comes back."""
    backend = http_backend()
    lb, addr = front(backend, args=("--workers", "1", "--memory", "1M"), head_bytes=65536)

    clients = []
    for _ in range(80):
        client = Client(addr)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + (b"X: " + b"a" * 995 + b"\r\n") * 30)
        clients.append(client)
    wait_for(lambda: "out_of_memory" in {l["reason"] for l in lb.log_lines()}, "somebody is refused")
    outcomes = []
    for client in clients:
        try:
            client.send(b"\r\n")
        except OSError:
            pass
        outcomes.append(outcome(client))
        client.close()

    assert set(outcomes) <= {200, 503, "closed"}, outcomes
    assert outcomes.count(200) >= 10 and outcomes.count(200) < 80
    wait_for(lambda: lb.counters()["listeners"][0]["active"] == 0, "all connections are gone")
    with Client(addr) as client:
        assert client.request(headers=[("X", "a" * 30000)]).status == 200


def test_memory_limit_reached_by_slow_readers(front, scripted):
    """Chunks that clients do not take: queues are bounded for each and for all together."""
    piece = b"8000\r\n" + b"x" * 32768 + b"\r\n"
    backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[piece] * 4096])
    lb, addr = front(backend, args=("--workers", "1", "--memory", "1M"))
    get(addr, method="TRACE")
    before = lb.rss_bytes()

    clients = [Client(addr) for _ in range(60)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(1.0)
    grown = lb.rss_bytes() - before
    for client in clients:
        client.close()

    assert grown < (64 if is_sanitized() else 5) << 20
    wait_for(lambda: lb.counters()["listeners"][0]["active"] == 0, "all connections are gone")
    with Client(addr) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.reader.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK")


# --- disk -------------------------------------------------------------------------------------


def written(lb):
    return lb.metrics()["openslb_access_log_lines_total"]


def dropped(lb):
    return lb.metrics()["openslb_access_log_dropped_error_total"]


def test_log_on_a_full_disk(confined, http_backend):
    """A file system of 64 KiB in a namespace of its own; when there is room again, whole lines follow."""
    probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    if probe.returncode != 0:
        pytest.skip("no private mount namespace here")
    where = tempfile.mkdtemp(prefix="openslb-disk-")
    one = listener()
    script = f'mount -t tmpfs -o size=64k none {where} && exec "$0" "$@"'
    lb = confined(
        snapshot(group(backends=[http_backend()]), one),
        "--workers", "1",
        prefix=["unshare", "-m", "sh", "-c", script],
        prepare=lambda d: os.symlink(f"{where}/access.log", f"{d}/access.log"),
    )  # fmt: skip
    addr = (HOST, one["port"])
    inside = f"/proc/{lb.pid}/root{where}/access.log"

    with Client(addr) as client:
        for i in range(90):
            assert client.request(path=f"/{i}/" + "x" * 900).status == 200
    wait_for(lambda: dropped(lb) > 0, "lines are dropped and counted")
    assert os.stat(inside).st_size <= 65536
    wait_for(lambda: written(lb) + dropped(lb) == 90, "all lines are accounted for")
    assert lb.stderr().count("access.log") <= 3, "it is said once, not for every line"

    os.truncate(inside, 0)
    lines = wait_for(lambda: get(addr, "/after") and after(inside), "lines are written again", step=0.05)
    assert {l["request_uri"] for l in lines} <= {"/after"}
    shutil.rmtree(where)


def after(path):
    """Lines of the log, all of which must be whole, once "/after" is among them."""
    with open(path) as f:
        lines = [json.loads(line) for line in f.read().split("\n") if line]
    return lines if any(l["request_uri"] == "/after" for l in lines) else None


def test_log_device_that_takes_nothing(confined, http_backend):
    one = listener()
    lb = confined(
        snapshot(group(backends=[http_backend()]), one),
        prepare=lambda d: os.symlink("/dev/full", f"{d}/access.log"),
    )

    for _ in range(20):
        assert get((HOST, one["port"])).status == 200
    wait_for(lambda: dropped(lb) == 20, "all lines are counted as dropped")


def test_log_file_that_is_lost_comes_back(front, http_backend):
    lb, addr = front(http_backend())
    get(addr, "/1")
    lb.log_lines(1)

    moved = lb.log_path.with_suffix(".old")
    lb.log_path.rename(moved)
    get(addr, "/2")
    wait_for(lambda: len(moved.read_text().splitlines()) == 2, "lines follow the open file")
    lb.signal(signal.SIGUSR1)
    wait_for(lb.log_path.exists, "the file is opened anew")
    get(addr, "/3")
    assert [l["request_uri"] for l in lb.log_lines(1)] == ["/3"]


def test_log_rotates_by_size(front, http_backend):
    lb, addr = front(http_backend(), args=("--workers", "1", "--log-rotate", "8K", "--log-keep", "3"))

    with Client(addr) as client:
        for i in range(95):
            client.request(path=f"/{i}")
            if i % 10 == 9:  # the log is written in batches, and rotated between them
                wait_for(lambda i=i: written(lb) == i + 1, "the lines so far are written")
    wait_for(lambda: written(lb) == 95, "all lines are written")
    files = sorted(p.name for p in lb.dir.glob("access.log*"))
    assert files == ["access.log", "access.log.1", "access.log.2", "access.log.3"]
    seen = []
    for name in reversed(files):
        text = (lb.dir / name).read_text()
        assert len(text) <= 8192 + 1024 * 10 and text.endswith("\n")
        seen += [int(json.loads(line)["request_uri"][1:]) for line in text.splitlines()]
    assert seen == list(range(seen[0], 95))


# --- files that cannot be trusted ----------------------------------------------------------------

GOOD = {"id": "lsn-1", "kind": "listener", "instance": "lb-1", "bind": [HOST], "port": 10001, "protocol": "http"}


def with_listener(**fields):
    action = {"type": "forward", "groups": [{"group": "sg-1"}]}
    return json.dumps(snapshot(group(), {**GOOD, "default_actions": [action], **fields}))


HOSTILE = [
    ("port", with_listener(port=99999), ["listener/lsn-1: port", "99999"]),
    ("negative", with_listener(port=-1), ["listener/lsn-1: port"]),
    ("giant exponent", with_listener().replace("10001", "1e99999999"), ["upsert[2]", "1e99999999"]),
    ("unknown field", with_listener(colour="red"), ["listener/lsn-1", "colour"]),
    ("wrong type", with_listener(port="http"), ["listener/lsn-1: port"]),
    ("word", with_listener(xff="maybe"), ["listener/lsn-1: xff", "maybe"]),
    ("not served yet", with_listener(protocol="quic"), ["listener/lsn-1: protocol", "quic"]),
    ("dangling reference", with_listener(instance="lb-9"), ["listener/lsn-1: instance", "lb-9"]),
    ("torn", with_listener()[:100], ["the text ends too soon"]),
    ("empty file", "", ["change"]),
    ("another language", "<xml/>", ["change"]),
    ("binary", "\0\1\2\3", ["change"]),
    ("deep", "[" * 100000, ["change"]),
    ("deep inside", '{"version":1,"upsert":' + '{"a":' * 50000, ["change"]),
    ("array", "[1,2,3]", ["change"]),
]


@pytest.mark.parametrize("text, words", [c[1:] for c in HOSTILE], ids=[c[0] for c in HOSTILE])
def test_start_with_a_bad_snapshot_is_refused_and_says_why(tmp_path, text, words):
    path = tmp_path / "snapshot.json"
    path.write_bytes(text.encode("latin-1"))

    for more in ((), ("--check",)):
        code, said = start_alone(path, *more)
        assert code == 1, said
        assert all(word in said for word in words), said
        assert len(said) < 4000


def test_start_without_its_snapshot_is_refused(tmp_path):
    code, said = start_alone(tmp_path / "none.json")

    assert code == 1 and "none.json" in said and "No such file" in said


# --- signals ----------------------------------------------------------------------------------


def test_sighup_reads_the_snapshot_again(front, http_backend):
    one, two = http_backend(name="one"), http_backend(name="two")
    lb, addr = front(one)
    conf = json.loads(lb.snapshot_path.read_text())

    with Client(addr) as client:
        assert client.request().body == b"one\n"
        conf["version"] = 7
        conf["upsert"][1]["servers"] = [server(two)]
        lb.snapshot_path.write_text(json.dumps(conf))
        lb.signal(signal.SIGHUP)
        wait_for(lambda: "version 7 is in force" in lb.stderr(), "the new version is in force")
        assert client.request().body == b"two\n"

        conf["version"] = 8
        conf["upsert"][1]["servers"][0]["port"] = 0
        lb.snapshot_path.write_text(json.dumps(conf))
        lb.signal(signal.SIGHUP)
        wait_for(lambda: "server_group/sg-1: servers[0].port" in lb.stderr(), "the mistake is named")
        lb.snapshot_path.unlink()
        lb.signal(signal.SIGHUP)
        wait_for(lambda: "No such file" in lb.stderr(), "the missing file is named")
        assert lb.status()["version"] == 7
        assert client.request().body == b"two\n"


def test_sigterm_lets_requests_finish(front, scripted):
    rest = threading.Event()
    backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", rest, b"67890", HANG])
    lb, addr = front(backend)

    with Client(addr) as busy, Client(addr) as idle:
        busy.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        busy.reader.until(b"12345")
        lb.signal(signal.SIGTERM)
        assert idle.is_closed(), "an idle connection is closed at once"
        wait_for(lambda: not accepts(addr), "new connections are refused")
        assert lb.process.poll() is None
        rest.set()
        assert busy.reader.exactly(5) == b"67890"
        assert busy.is_closed()
        assert lb.process.wait(STOP_SECONDS) == 0


def test_second_sigterm_ends_at_once(front, scripted):
    backend = scripted([READ_HEAD, HANG])
    lb, addr = front(backend)

    with Client(addr) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: backend.n_connections == 1, "the request is at the server")
        lb.signal(signal.SIGTERM)
        wait_for(lambda: not accepts(addr), "it has heard the first one")
        time.sleep(0.2)
        assert lb.process.poll() is None
        begun = time.monotonic()
        lb.signal(signal.SIGTERM)
        assert lb.process.wait(STOP_SECONDS) == 0
        assert time.monotonic() - begun < 15, "long before what is open must end"


def test_killed_process_starts_again_with_the_state_it_had(slbd, http_backend, tmp_path):
    one, two = http_backend(name="one"), http_backend(name="two")
    state = tmp_path / "state.json"
    front = listener()
    lb = slbd(snapshot(group(backends=[one]), front), "--state", str(state))
    addr = (HOST, front["port"])
    lb.apply([group(backends=[two])])
    wait_for(lambda: state.exists() and json.loads(state.read_text())["version"] == 2, "the state is kept")

    clients = [Client(addr) for _ in range(20)]
    for client in clients:
        client.request()
    lb.kill()
    assert all(client.is_closed() for client in clients)
    lb.start()

    assert lb.status()["version"] == 2
    assert get(addr).body == b"two\n"
