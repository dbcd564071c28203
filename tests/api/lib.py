"""The driver of the API tests: a node of its own for each test, and a client that signs as the vendor's SDKs do.

Run with tests/api as the only directory: tests/e2e has a lib of its own, whose backends and clients are given on here.
"""
import base64
import functools
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
accepts, free_port, is_sanitized, proves = e2e.accepts, e2e.free_port, e2e.is_sanitized, e2e.proves

# How long tests wait for what must come. Only a failure takes so long: a machine may be slow, or stand still for seconds.
PATIENCE = START_SECONDS = STOP_SECONDS = 60.0
# Jobs and states. Less than the 30 s after which a node tries again by itself what its data plane refused.
JOB_SECONDS = 25.0

get = functools.partial(e2e.get, timeout=PATIENCE)


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


def wait_for(condition, what, seconds=PATIENCE, step=0.01):
    """The first true value of condition(); fails the test with `what` after so many seconds."""
    return e2e.wait_for(condition, what, seconds, step)


def refuses(addr):
    """Whether nobody listens there. A connection that ends at once, or is not made in time, is no refusal."""
    try:
        socket.create_connection(addr, timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


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

    def __init__(self, addr, key, secret, style="query", timeout=PATIENCE, tls=None):
        self.addr = addr
        self.host = ("[%s]:%d" if ":" in addr[0] else "%s:%d") % addr
        self.tls = tls  # an ssl.SSLContext: by https
        self.key = key
        self.secret = secret
        self.style = style
        self.timeout = timeout

    def send(self, method, target, headers=(), body=b"", chunked=False):
        """One plain request: (status, headers, body bytes)."""
        if self.tls:
            connection = http.client.HTTPSConnection(*self.addr, timeout=self.timeout, context=self.tls)
        else:
            connection = http.client.HTTPConnection(*self.addr, timeout=self.timeout)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            names = {n.lower() for n, _ in headers}
            if "host" not in names:
                connection.putheader("Host", self.host)
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
            headers = v3_headers(self.key, self.secret, "POST", action, version, pairs, b"", self.host)
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
listen = {listen}
{tls}rate_limit = {rate_limit}
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
    """`slbd supervise` in a directory of its own. rate_limit: calls per second and key. running: all that were not stopped.

    Addresses of its vSwitches are 127.N.0.0/20, 127.N.16.0/20 and 127.N.32.0/20, EIPs 127.N.128.0/17, with N of
    its own (.prefix is "127.N"), so that listeners of parallel nodes may use the same ports.
    """

    running = []

    def __init__(self, rate_limit=10000, command="supervise", env=None, wrapper=(), host=HOST, listen=None, tls=None, options=()):
        """host: where the API is asked; listen: where it listens, if that is another address. tls: a certs.Served."""
        self.block = _Block()
        self.prefix = self.block.prefix
        # Short, whatever TMPDIR is: names of Unix sockets have a limit.
        self.dir = Path(tempfile.mkdtemp(prefix="slb-api-", dir="/tmp"))
        self.state_dir = self.dir / "state"
        self.run_dir = self.dir / "run"
        self.log_path = self.dir / "access.log"
        self.stderr_path = self.dir / "stderr"
        self.addr = (host, free_port())
        self.listen = listen or (f"[{host}]" if ":" in host else host)
        self.tls = tls
        self.admin_port = free_port()
        self.command = command
        self.wrapper = list(wrapper)  # a program that starts it: ["setpriv", ...]
        self.options = list(options)  # of the command, beside --node
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.conf_path = self.dir / "node.ini"
        self.conf_path.write_text(self._conf(rate_limit))
        self.running.append(self)
        try:
            self.start()
        except BaseException:
            self._kill_group()
            self._clean()
            raise

    def _conf(self, rate_limit):
        text = NODE_FILE.format(
            region=REGION, dir=self.dir, host=HOST, listen=f"{self.listen}:{self.addr[1]}", admin_port=self.admin_port,
            tls=self.tls.settings() if self.tls else "", rate_limit=rate_limit, vpc=VPC, prefix=self.prefix,
        )  # fmt: skip
        for i, (zone, vswitch) in enumerate(zip(ZONES, VSWITCHES)):
            text += ZONE.format(id=zone, vswitch=vswitch, prefix=self.prefix, third=16 * i)
        return text

    def launch(self):
        """Also again after stop(keep=True) or kill(). Returns when the API answers."""
        with open(self.stderr_path, "ab") as err:
            self.process = subprocess.Popen(
                [*self.wrapper, SLBD_BIN, self.command, "--node", str(self.conf_path), *self.options],
                stdin=subprocess.DEVNULL, stdout=err, stderr=err, env=self.env, start_new_session=True,
            )  # fmt: skip
        try:
            wait_for(self._is_ready, "the API answers", START_SECONDS, 0.02)
            pair = json.loads((self.state_dir / "root-key.json").read_text())
            self.client = self.as_key(pair["AccessKeyId"], pair["AccessKeySecret"])
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.stderr()[-3000:]}") from None

    def start(self):
        """The same, but returns when the data plane has all there is."""
        self.launch()
        try:
            wait_for(self._is_connected, "its data plane has all there is", START_SECONDS, 0.02)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.stderr()[-3000:]}") from None

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"slbd ended with {self.process.returncode}: {self.stderr()}")
        return (self.state_dir / "root-key.json").exists() and accepts(self.addr)

    def _is_connected(self):
        """Asked of what answers: that may be the control process of a supervisor before, or one that has no calls left."""
        if self.command != "supervise":
            return True
        try:
            status = self.call("OpenSlb", "GetNodeStatus")
        except (OSError, http.client.HTTPException, ApiError):
            return False
        return status["DataPlane"]["Connected"] and status["AcknowledgedRevision"] == status["Revision"]

    def wait_api(self):
        """Waits until the API answers again and its data plane has all there is: after one of the two has died."""
        wait_for(self._is_connected, "the API is back", START_SECONDS, 0.02)

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
        return Client(self.addr, key, secret, style, tls=self.tls.trusting() if self.tls else None)

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

    def data(self, line, timeout=PATIENCE):
        """Sends one line to the data plane's control socket and returns the answer: "get status", "get counters" ..."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout)
            sock.connect(str(self.run_dir / "control.sock"))
            sock.sendall(line.encode() + b"\n")
            return json.loads(e2e._Reader(sock).until(b"\n"))

    def child(self, name, other_than=None):
        """The process id of the "control" or the "data" process; waits for one that is not there yet, or still another."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")

        def find():
            for pid in map(int, path.read_text().split()):
                try:
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                except OSError:  # it has ended
                    continue
                if name.encode() in words[:2] and pid != other_than:
                    return pid
            return None

        return wait_for(find, f"a {name} process", START_SECONDS)

    def kill_child(self, name):
        """Kills one of them as a crash would and waits for its successor; returns the new process id."""
        old = self.child(name)
        os.kill(old, signal.SIGKILL)
        return self.child(name, other_than=old)

    def state_files(self):
        """What its state_dir has while nothing is written there: the data process saves a set after it is in force."""
        saved = self.state_dir / "data.json"

        def is_at_rest():
            return saved.exists() and json.loads(saved.read_text())["version"] == self.data("get status")["version"]

        wait_for(is_at_rest, "the set in force is on disk")
        return list(self.state_dir.iterdir())

    # -- the end

    def _kill_group(self):
        """The supervisor and its children, which are groups of their own in its session."""
        if self.process:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
            # A killed child keeps its sockets and its lock on the store for a moment.
            wait_for(self._kill_children, "the children have ended", STOP_SECONDS, 0.005)

    def _kill_children(self):
        """Whether none was left. Called again, it finds one that the supervisor had just begun to start, too."""
        left = _session(self.process.pid)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not left

    def _clean(self):
        if self in self.running:
            self.running.remove(self)
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
            try:
                self._kill_group()
            finally:
                if not keep:
                    self._clean()
        assert ended, f"slbd did not end after SIGTERM: {stderr[-3000:]}"
        code = self.process.returncode
        assert code in (0, -signal.SIGKILL), f"slbd ended with {code}: {stderr[-3000:]}"
        found = e2e.SANITIZER.search(stderr)
        assert not found, stderr
