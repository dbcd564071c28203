"""The driver of the API tests: a node of its own for each test, and a client that signs as the vendor's SDKs do.

Run with tests/api as the only directory: tests/e2e has a lib of its own, whose backends and clients are given on here.
"""
import base64
import hashlib
import hmac
import http.client
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _load_e2e():
    spec = importlib.util.spec_from_file_location("e2e_lib", ROOT / "tests/e2e/lib.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


e2e = _load_e2e()
HOST = e2e.HOST
SLBD_BIN = e2e.SLBD_BIN
HttpBackend, Nginx, Scripted, TcpEcho, UdpEcho = e2e.HttpBackend, e2e.Nginx, e2e.Scripted, e2e.TcpEcho, e2e.UdpEcho
accepts, free_port, get, proves, wait_for = e2e.accepts, e2e.free_port, e2e.get, e2e.proves, e2e.wait_for

START_SECONDS = 20
STOP_SECONDS = 20
JOB_SECONDS = 10


def _read_versions():
    """{"Alb": "2020-06-16", ...} from the tables of operations."""
    versions = {}
    for path in (ROOT / "src/openapi/tables").glob("*.txt"):
        for line in path.read_text().splitlines():
            if line.startswith("product "):
                _, name, version = line.split()
                versions[name] = version
                break
    return versions


VERSIONS = _read_versions()
REGION = "cn-hangzhou"
ZONES = ("cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-j")
VSWITCHES = ("vsw-h", "vsw-i", "vsw-j")
VPC = "vpc-local"


class ApiError(Exception):
    """An error answer. data: the whole of it."""

    def __init__(self, status, data):
        self.status = status
        self.data = data
        self.code = data.get("Code", "")
        self.message = data.get("Message", "")
        super().__init__(f"{status} {self.code}: {self.message}")


# --- parameters and signatures ---------------------------------------------------------------


def flatten(params):
    """Pairs as they travel: lists as .1, .2, dicts as .Member, booleans as true and false; None is left out.

    Keys may be dotted already ("Servers.1.Port"). JSON texts (Slb's BackendServers): pass json.dumps(...).
    """
    pairs = {}

    def add(name, value):
        if isinstance(value, dict):
            for key, member in value.items():
                add(f"{name}.{key}", member)
        elif isinstance(value, (list, tuple)):
            for i, element in enumerate(value, 1):
                add(f"{name}.{i}", element)
        elif isinstance(value, bool):
            pairs[name] = "true" if value else "false"
        elif value is not None:
            pairs[name] = str(value)

    for key, value in params.items():
        add(key, value)
    return pairs


def encode(text):
    return urllib.parse.quote(text, safe="-_.~")


def canonical(pairs):
    """name=value joined by &, sorted by name, encoded."""
    return "&".join(f"{encode(k)}={encode(v)}" for k, v in sorted(pairs.items()))


def utc(at=None):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at if at is not None else time.time()))


def sign_v1(secret, method, pairs):
    text = f"{method}&%2F&{encode(canonical({k: v for k, v in pairs.items() if k != 'Signature'}))}"
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def v1_pairs(key, secret, method, action, version, params, **common):
    """All pairs of a V1 request, signed. common: overrides of the common parameters; None leaves one out."""
    pairs = {
        "Action": action,
        "Version": version,
        "Format": "JSON",
        "AccessKeyId": key,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": str(uuid.uuid4()),
        "Timestamp": utc(),
        **flatten(params),
    }
    for name, value in common.items():
        if value is None:
            pairs.pop(name, None)
        else:
            pairs[name] = value
    if "Signature" not in common:
        pairs["Signature"] = sign_v1(secret, method, pairs)
    return pairs


def v3_headers(key, secret, method, action, version, query, body, host, **more):
    """Headers of a V3 request, signed. query: pairs; body: bytes. more: overrides, with _ for -; None leaves one out.

    signed="a;b" sets SignedHeaders, authorization="..." the whole header.
    """
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-version": version,
        "x-acs-date": utc(),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
    }
    if body:
        headers["content-type"] = "application/x-www-form-urlencoded"
    signed = more.pop("signed", None)
    authorization = more.pop("authorization", None)
    for name, value in more.items():
        if value is None:
            headers.pop(name.replace("_", "-"), None)
        else:
            headers[name.replace("_", "-")] = value
    names = signed.split(";") if signed is not None else sorted(headers)
    lines = "".join(f"{n}:{headers.get(n, '').strip()}\n" for n in names)
    body_hash = headers.get("x-acs-content-sha256", "")
    request = "\n".join([method, "/", canonical(query), lines, ";".join(names), body_hash])
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(request.encode()).hexdigest()
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = authorization or (
        f"ACS3-HMAC-SHA256 Credential={key},SignedHeaders={';'.join(names)},Signature={signature}"
    )
    return headers


class Client:
    """Calls with one AccessKey. style: where parameters go and how they are signed: "query", "form" or "v3"."""

    def __init__(self, addr, key, secret, style="query", timeout=30.0):
        self.addr = addr
        self.key = key
        self.secret = secret
        self.style = style
        self.timeout = timeout

    def send(self, method, target, headers=(), body=b"", chunked=False):
        """One plain request: (status, headers, body bytes)."""
        connection = http.client.HTTPConnection(*self.addr, timeout=self.timeout)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            names = {n.lower() for n, _ in headers}
            if "host" not in names:
                connection.putheader("Host", "%s:%d" % self.addr)
            for name, value in headers:
                connection.putheader(name, value)
            if chunked:
                connection.putheader("Transfer-Encoding", "chunked")
                body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in _pieces(body)) + b"0\r\n\r\n"
            elif body or method == "POST":
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            connection.send(body)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def answer(self, status, body):
        """The answer as a dict; raises ApiError for an error."""
        data = json.loads(body)
        assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", data["RequestId"]), data
        if status != 200:
            raise ApiError(status, data)
        return data

    def call(self, product, action, /, **params):
        """One operation by POST; the answer as a dict, or ApiError. See flatten for params."""
        version = VERSIONS.get(product, product)
        if self.style == "v3":
            pairs = flatten(params)
            host = "%s:%d" % self.addr
            headers = v3_headers(self.key, self.secret, "POST", action, version, pairs, b"", host)
            target = "/?" + urllib.parse.urlencode(pairs) if pairs else "/"
            status, _, body = self.send("POST", target, list(headers.items()))
        else:
            pairs = v1_pairs(self.key, self.secret, "POST", action, version, params)
            form = urllib.parse.urlencode(pairs)
            if self.style == "form":
                kind = [("Content-Type", "application/x-www-form-urlencoded")]
                status, _, body = self.send("POST", "/", kind, form.encode())
            else:
                status, _, body = self.send("POST", "/?" + form)
        return self.answer(status, body)


def _pieces(body, size=1000):
    return [body[at : at + size] for at in range(0, len(body), size)]


# --- a node ----------------------------------------------------------------------------------


class _Block:
    """A /16 of 127.0.0.0/8 that no other running node of this machine has: kept by an abstract socket's name."""

    def __init__(self):
        for second in range(64, 254):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self.socket.bind(f"\0openslb-test-block-{second}")
                self.prefix = f"127.{second}"
                return
            except OSError:
                self.socket.close()
        raise AssertionError("all blocks of addresses are in use")

    def free(self):
        self.socket.close()


NODE_FILE = """\
[node]
region = {region}
state_dir = {dir}/state
run_dir = {dir}/run
[api]
listen = {host}:{port}
rate_limit = {rate_limit}
[data]
admin = {host}:{admin_port}
access_log = {dir}/access.log
workers = 1
[network]
vpc_id = {vpc}
vpc_range = {prefix}.0.0/17
eip_range = {prefix}.128.0/17
"""
ZONE = """\
[zone {id}]
vswitch_id = {vswitch}
range = {prefix}.{third}.0/20
"""


def _session(leader):
    """The processes of a session that run, but for its leader."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and int(path.parent.name) != leader and fields[0] not in "ZX":
            found.append(int(path.parent.name))
    return found


class Node:
    """`slbd supervise` in a directory of its own. rate_limit: calls per second and key.

    Addresses of its vSwitches are 127.N.0.0/20, 127.N.16.0/20 and 127.N.32.0/20, EIPs 127.N.128.0/17, with N of
    its own (.prefix is "127.N"), so that listeners of parallel nodes may use the same ports.
    """

    def __init__(self, rate_limit=10000, command="supervise", env=None, wrapper=()):
        self.block = _Block()
        self.prefix = self.block.prefix
        self.dir = Path(tempfile.mkdtemp(prefix="slb-api-"))  # short: names of Unix sockets have a limit
        self.state_dir = self.dir / "state"
        self.run_dir = self.dir / "run"
        self.log_path = self.dir / "access.log"
        self.stderr_path = self.dir / "stderr"
        self.addr = (HOST, free_port())
        self.admin_port = free_port()
        self.command = command
        self.wrapper = list(wrapper)  # a program that starts it: ["setpriv", ...]
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.conf_path = self.dir / "node.ini"
        self.conf_path.write_text(self._conf(rate_limit))
        try:
            self.start()
        except BaseException:
            self._kill_group()
            self._clean()
            raise

    def _conf(self, rate_limit):
        text = NODE_FILE.format(
            region=REGION, dir=self.dir, host=HOST, port=self.addr[1], admin_port=self.admin_port,
            rate_limit=rate_limit, vpc=VPC, prefix=self.prefix,
        )  # fmt: skip
        for i, (zone, vswitch) in enumerate(zip(ZONES, VSWITCHES)):
            text += ZONE.format(id=zone, vswitch=vswitch, prefix=self.prefix, third=16 * i)
        return text

    def start(self):
        """Also again after stop(keep=True) or kill()."""
        with open(self.stderr_path, "ab") as err:
            self.process = subprocess.Popen(
                [*self.wrapper, SLBD_BIN, self.command, "--node", str(self.conf_path)],
                stdin=subprocess.DEVNULL, stdout=err, stderr=err, env=self.env, start_new_session=True,
            )  # fmt: skip
        try:
            wait_for(self._is_ready, "the API answers", START_SECONDS, 0.02)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.stderr()[-3000:]}") from None
        pair = json.loads((self.state_dir / "root-key.json").read_text())
        self.client = Client(self.addr, pair["AccessKeyId"], pair["AccessKeySecret"])

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"slbd ended with {self.process.returncode}: {self.stderr()}")
        if not (self.state_dir / "root-key.json").exists() or not accepts(self.addr):
            return False
        return self.command != "supervise" or (self.run_dir / "control.sock").exists()

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    # -- calls

    def call(self, product, action, /, **params):
        """One operation with the root key; a dict, or ApiError."""
        return self.client.call(product, action, **params)

    def fails(self, code, product, action, /, **params):
        """The same, where an error of that code must come. Returns the ApiError."""
        try:
            answer = self.call(product, action, **params)
        except ApiError as e:
            assert e.code == code, f"{action}: {e} instead of {code}"
            return e
        raise AssertionError(f"{action} gave {answer} instead of {code}")

    def as_key(self, key, secret, style="query"):
        """A client with another AccessKey."""
        return Client(self.addr, key, secret, style)

    def new_key(self, **params):
        """A client with a new AccessKey; params as of CreateAccessKey."""
        pair = self.call("OpenSlb", "CreateAccessKey", **params)["AccessKey"]
        return self.as_key(pair["AccessKeyId"], pair["AccessKeySecret"])

    def wait(self, condition, product, action, /, seconds=JOB_SECONDS, **params):
        """Repeats a read until condition(answer) is true; returns that answer."""
        last = []

        def done():
            last[:] = [self.call(product, action, **params)]
            return condition(last[0])

        try:
            wait_for(done, f"{action} as expected", seconds, 0.05)
        except AssertionError:
            raise AssertionError(f"{action} after {seconds} s: {json.dumps(last)}\n{self.stderr()[-3000:]}") from None
        return last[0]

    def job(self, product, job_id):
        """The job as a dict with Status, ErrorCode and so on (Nlb: Status alone)."""
        if product == "Nlb":
            return self.call("Nlb", "GetJobStatus", JobId=job_id)
        jobs = self.call(product, "ListAsynJobs", JobIds=[job_id])["Jobs"]
        assert len(jobs) == 1, jobs
        return jobs[0]

    def wait_job(self, product, answer, seconds=JOB_SECONDS, status="Succeeded"):
        """Waits for the job of an answer (or a JobId) to end as `status`. Returns the answer."""
        job_id = answer["JobId"] if isinstance(answer, dict) else answer
        last = []

        def ended():
            last[:] = [self.job(product, job_id)]
            return last[0]["Status"].lower() != "processing"

        wait_for(ended, f"job {job_id} ends", seconds, 0.02)
        assert last[0]["Status"] == status, f"{last[0]}\n{self.stderr()[-3000:]}"
        return answer

    def do(self, product, action, /, **params):
        """A call whose job must succeed."""
        return self.wait_job(product, self.call(product, action, **params))

    # -- the data plane behind it

    def data(self, line, timeout=30.0):
        """Sends one line to the data plane's control socket and returns the answer: "get status", "get counters" ..."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout)
            sock.connect(str(self.run_dir / "control.sock"))
            sock.sendall(line.encode() + b"\n")
            return json.loads(e2e._Reader(sock).until(b"\n"))

    def child(self, name):
        """The process id of the "control" or the "data" process."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in path.read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if name.encode() in words[:2]:
                return int(pid)
        return None

    def kill_child(self, name):
        """Kills one of them as a crash would and waits for its successor; returns the new process id."""
        old = self.child(name)
        os.kill(old, signal.SIGKILL)

        def successor():
            pid = self.child(name)
            return pid if pid != old else None

        return wait_for(successor, f"a new {name} process", START_SECONDS)

    # -- the end

    def _kill_group(self):
        """The supervisor and its children, which are groups of their own in its session."""
        if self.process:
            for pid in [self.process.pid, *_session(self.process.pid)]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait(STOP_SECONDS)
            # A killed child keeps its sockets and its lock on the store for a moment.
            wait_for(lambda: not _session(self.process.pid), "the children have ended", STOP_SECONDS, 0.005)

    def _clean(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        self.block.free()

    def kill(self):
        """Ends all of it at once, as a power cut would; start() may follow."""
        self._kill_group()

    def stop(self, keep=False):
        """Ends it in an orderly way and asserts that it found nothing wrong with itself. keep: start() follows."""
        try:
            for seconds in (3, STOP_SECONDS):
                if self.process.poll() is None:
                    self.process.send_signal(signal.SIGTERM)
                try:
                    self.process.wait(seconds)
                    break
                except subprocess.TimeoutExpired:
                    continue
            ended = self.process.poll() is not None
            stderr = self.stderr()
        finally:
            self._kill_group()
            if not keep:
                self._clean()
        assert ended, f"slbd did not end after SIGTERM: {stderr[-3000:]}"
        code = self.process.returncode
        assert code in (0, -signal.SIGKILL), f"slbd ended with {code}: {stderr[-3000:]}"
        found = e2e.SANITIZER.search(stderr)
        assert not found, stderr
