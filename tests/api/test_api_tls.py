"""The API for other machines: by TLS only."""
import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

import certs
import lib
from lib import wait_for

SLB_BIN = os.environ.get("SLB_BIN", str(Path(lib.SLBD_BIN).parents[1] / "cli" / "slb"))
SECONDS = lib.PATIENCE
RENEWED = "the API's certificate is valid until"


def run(*args, stdin="", env=None):
    return subprocess.run(
        args, input=stdin, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=SECONDS
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return certs.Served(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def node(served):
    """It listens on all addresses: others than loopback are among them."""
    node = lib.Node(listen="0.0.0.0", tls=served)
    yield node
    node.stop()


def url(node, path="/"):
    return f"https://{node.client.host}{path}"


def subject(addr, served):
    """The common name of the certificate that a new connection is shown."""
    with socket.create_connection(addr, timeout=SECONDS) as sock:
        with served.trusting().wrap_socket(sock, server_hostname=addr[0]) as tls:
            return dict(pair for row in tls.getpeercert()["subject"] for pair in row)["commonName"]


def reload(node):
    """Tells the supervisor, as systemd would, and waits until the control process has done it. Returns what it logged."""
    before = len(node.stderr())
    node.process.send_signal(signal.SIGHUP)
    done = re.compile(rf"{RENEWED}.*\n|stays in use\n|nothing to read anew\n")
    return wait_for(lambda: done.search(node.stderr(), before) and node.stderr()[before:], "the certificate was read")


# --- clients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["query", "form", "v3"])
def test_signed_calls_come_through(node, style):
    client = node.as_key(node.client.key, node.client.secret, style)
    assert client.call("OpenSlb", "GetNodeStatus")["RegionId"] == lib.REGION
    with pytest.raises(lib.ApiError) as refused:
        client.call("Alb", "GetLoadBalancerAttribute", LoadBalancerId="alb-none")
    assert refused.value.code == "ResourceNotFound.LoadBalancer"


def test_big_requests_and_answers_come_through(node):
    """More than a record, and more than a socket holds: both directions have to wait."""
    names = [f"group-{i}-{'x' * 100}" for i in range(40)]
    for name in names:
        node.call("Nlb", "CreateServerGroup", ServerGroupName=name, VpcId=lib.VPC)
    groups = node.call("Nlb", "ListServerGroups", MaxResults=100)["ServerGroups"]
    assert {g["ServerGroupName"] for g in groups} >= set(names)
    body = b"Name=" + b"x" * (3 << 20)
    kind = [("Content-Type", "application/x-www-form-urlencoded")]
    status, _, answer = node.client.send("POST", "/", kind, body)
    assert status == 400 and json.loads(answer)["Code"] == "MissingParameter"


def test_curl_believes_the_ca_and_nobody_else(node, served):
    shown = run("curl", "-sS", "--cacert", str(served.ca), url(node))
    assert shown.returncode == 0 and json.loads(shown.stdout)["Code"] == "MissingParameter", shown
    strange = run("curl", "-sS", url(node))
    assert strange.returncode == 60, strange


def test_plain_http_is_not_answered(node):
    for request in (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"hello\r\n\r\n" * 100):
        assert b"HTTP" not in lib.e2e.exchange(node.addr, request)
    assert run("curl", "-sS", url(node).replace("https", "http")).returncode in (52, 56)
    assert node.call("OpenSlb", "GetNodeStatus")


@pytest.mark.parametrize("option, version", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_versions_and_ciphers(node, served, option, version):
    done = run(
        "openssl", "s_client", "-connect", node.client.host, option, "-CAfile", str(served.ca), "-verify_return_error",
        "-alpn", "h2,http/1.1", stdin="Q\n",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"New, {version}, Cipher is \S*(GCM|CHACHA20)", done.stdout), done.stdout
    assert "ALPN protocol: http/1.1" in done.stdout and "Verify return code: 0 (ok)" in done.stdout


@pytest.mark.parametrize("option", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(node, option):
    done = run("openssl", "s_client", "-connect", node.client.host, option, "-cipher", "ALL:@SECLEVEL=0", stdin="Q\n")
    assert done.returncode != 0 and "protocol version" in done.stdout + done.stderr, done


def test_ciphers_without_forward_secrecy_are_refused(node):
    done = run("openssl", "s_client", "-connect", node.client.host, "-tls1_2", "-cipher", "AES128-SHA:AES128-GCM-SHA256", stdin="Q\n")
    assert done.returncode != 0 and "handshake failure" in done.stdout + done.stderr, done


def test_connections_are_kept_and_half_handshakes_harm_nobody(node, served):
    silent = [socket.create_connection(node.addr, timeout=SECONDS) for _ in range(20)]
    for sock in silent[::2]:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01")
    done = run("curl", "-sS", "--cacert", str(served.ca), "-w", "%{num_connects} ", "-o", "/dev/null", url(node), "-o", "/dev/null", url(node))
    assert done.stdout.split() == ["1", "0"], done
    for sock in silent:
        sock.close()
    assert node.call("OpenSlb", "GetNodeStatus")


@pytest.mark.parametrize("with_tls", [False, True])
def test_half_open_connections_shut_nobody_out(new_node, served, with_tls):
    """More than the API holds at once: they make room for whoever asks."""
    node = new_node(tls=served if with_tls else None)
    half_open = [socket.create_connection(node.addr, timeout=SECONDS) for _ in range(300)]
    for sock in half_open[::2]:
        try:
            sock.sendall(b"GET / HTTP/1.1\r\nHost:" if not with_tls else b"\x16\x03\x01")
        except OSError:
            pass  # it has made room
    for _ in range(10):
        assert node.call("OpenSlb", "GetNodeStatus")
    for sock in half_open:
        sock.close()


# --- slb ---------------------------------------------------------------------------------------


def slb(node, *args, env=None):
    environment = {"OPENSLB_ENDPOINT": url(node, ""), "OPENSLB_KEY_FILE": str(node.state_dir / "root-key.json"), **(env or {})}
    return run(SLB_BIN, "openslb", "get-node-status", "-o", "json", *args, env=environment)


def test_slb_by_option_and_by_environment(node, served):
    for done in (slb(node, "--ca", str(served.ca)), slb(node, env={"OPENSLB_CA": str(served.ca)})):
        assert done.returncode == 0 and json.loads(done.stdout)["RegionId"] == lib.REGION, done


def test_slb_says_what_is_wrong(node, served, tmp_path):
    other = certs.Served(tmp_path)
    cases = [
        ((), url(node, ""), 3, f"slb: the certificate of {url(node, '')} cannot be verified: "),
        (("--ca", str(other.ca)), url(node, ""), 3, f"slb: the certificate of {url(node, '')} cannot be verified: "),
        (("--ca", str(served.ca)), f"https://127.0.0.9:{node.addr[1]}", 3, "cannot be verified: "),
        (("--ca", "/nonexistent"), url(node, ""), 2, "slb: the CA file /nonexistent cannot be used: "),
        (("--ca", str(served.ca)), f"http://{node.client.host}", 2, "slb: --ca is for endpoints that begin with https://"),
        ((), f"http://{node.client.host}", 3, "does slbd speak https there?"),
    ]
    for options, endpoint, status, text in cases:
        done = slb(node, *options, "--endpoint", endpoint)
        assert done.returncode == status and text in done.stderr and not done.stdout, done


def test_slb_asks_a_plain_node_by_https(new_node, served):
    plain = new_node()
    done = slb(plain, "--ca", str(served.ca))
    assert done.returncode == 3 and "does slbd speak http there?" in done.stderr, done


# --- renewal -----------------------------------------------------------------------------------


def test_renewed_certificates_are_shown_and_connections_stay(new_node, tmp_path):
    served = certs.Served(tmp_path)
    node = new_node(tls=served)
    assert subject(node.addr, served) == "node"
    control = node.child("control")
    held = socket.create_connection(node.addr, timeout=SECONDS)
    with served.trusting().wrap_socket(held, server_hostname=node.addr[0]) as tls:

        def ask():
            tls.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            answer = b""
            while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
                part = tls.recv(65536)
                assert part, answer
                answer += part
            return answer

        assert ask().startswith(b"HTTP/1.1 404 ")
        served.renew("renewed")
        assert subject(node.addr, served) == "node"
        reload(node)
        assert subject(node.addr, served) == "renewed"
        assert ask().startswith(b"HTTP/1.1 404 ")
    assert node.child("control") == control
    node.as_key(node.client.key, node.client.secret).call("OpenSlb", "GetNodeStatus")


def test_bad_certificates_are_refused_and_the_old_one_stays(new_node, tmp_path):
    served = certs.Served(tmp_path)
    node = new_node(tls=served)
    pem, key = served.certificate.read_text(), served.key.read_text()
    other_pem, other_key = served.certs.make("other", issuer="ca", san=served.san)
    over, over_key = expired(served)
    cases = [
        (pem, other_key, 0o600, "does not belong to the certificate"),
        (pem, key, 0o640, "has mode 0640: nobody but its owner may read or write the key"),
        ("nonsense", key, 0o600, "is not in PEM format"),
        (pem, "", 0o600, "the private key is not in PEM format"),
        (over, over_key, 0o600, "expired at "),
    ]
    for certificate, private, mode, why in cases:
        served.write(certificate, private, mode)
        log = reload(node)
        assert "error control: the API's certificate cannot be used: " in log and why in log, log
        assert subject(node.addr, served) == "node"
    served.key.unlink()
    assert "cannot be read: No such file" in reload(node)
    assert node.call("OpenSlb", "GetNodeStatus")
    served.write(other_pem, other_key)
    assert RENEWED in reload(node)
    assert subject(node.addr, served) == "other"


def test_reload_without_tls_says_that_there_is_nothing(new_node):
    node = new_node()
    assert "the API has no certificate; there is nothing to read anew" in reload(node)
    assert node.call("OpenSlb", "GetNodeStatus")


# --- the node file -----------------------------------------------------------------------------


def expired(served):
    """A certificate of the CA whose time is over, and its key."""
    folder = served.certs.folder
    key = served.certs.key("over")
    served.certs._openssl("req", "-new", "-key", "over.key", "-subj", "/CN=over", "-out", "over.csr")
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("1000\n")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any\n"
        "[any]\ncommonName=supplied\n"
    )
    served.certs._openssl(
        "ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", "over.csr", "-notext",
        "-startdate", "20240101000000Z", "-enddate", "20250101000000Z", "-out", "over.pem",
    )  # fmt: skip
    return (folder / "over.pem").read_text(), key


def node_file(tmp_path, *lines):
    path = tmp_path / "node.ini"
    path.write_text("[node]\nstate_dir = {0}/s\nrun_dir = {0}/r\n[api]\n".format(tmp_path) + "\n".join(lines) + "\n")
    return path


def checked(path):
    return run(lib.SLBD_BIN, "node-file", "--node", str(path))


def test_the_check_of_a_node_file_looks_at_the_files_too(tmp_path):
    served = certs.Served(tmp_path)
    listen = "listen = 0.0.0.0:9080"
    path = node_file(tmp_path, listen, served.settings())
    good = checked(path)
    assert good.returncode == 0 and f"tls_key = {served.key}" in good.stdout and not good.stderr, good
    served.key.chmod(0o604)
    bad = checked(path)
    assert bad.returncode == 2 and f"{served.key}: has mode 0604: nobody but its owner" in bad.stderr, bad
    served.write(*expired(served))
    bad = checked(path)
    assert bad.returncode == 2 and "the certificate expired at 2025-01-01T00:00:00Z" in bad.stderr, bad


@pytest.mark.parametrize(
    "lines, why",
    [
        (["listen = 0.0.0.0:9080"], 'listen: "0.0.0.0:9080": must be a loopback address, or tls_certificate and tls_key'),
        (["listen = [::]:9080"], "must be a loopback address, or tls_certificate and tls_key"),
        (["tls_key = /k"], "tls_certificate: is required with tls_key"),
        (["tls_certificate = /c"], "tls_key: is required with tls_certificate"),
    ],
)
def test_what_does_not_fit_is_refused_by_rule(tmp_path, lines, why):
    path = node_file(tmp_path, *lines)
    for command in (["node-file"], ["control"], []):
        done = run(lib.SLBD_BIN, *command, "--node", str(path))
        assert done.returncode == 2 and why in done.stderr, done


def test_control_does_not_start_with_a_bad_certificate(tmp_path):
    """The data process of a supervisor does: traffic does not depend on the API."""
    served = certs.Served(tmp_path)
    served.write(*expired(served))
    path = node_file(tmp_path, "listen = 127.0.0.1:1", served.settings())
    done = run(lib.SLBD_BIN, "control", "--node", str(path))
    assert done.returncode == 1 and "the API's certificate cannot be used: " in done.stderr, done
    assert "the certificate expired at 2025-01-01T00:00:00Z" in done.stderr


# --- IPv6 --------------------------------------------------------------------------------------


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this host has no [::1]")
@pytest.mark.parametrize("with_tls", [False, True])
def test_ipv6_addresses(new_node, served, with_tls):
    node = new_node(host="::1", tls=served if with_tls else None)
    for style in ("query", "form", "v3"):
        assert node.as_key(node.client.key, node.client.secret, style).call("OpenSlb", "GetNodeStatus")
    scheme = "https" if with_tls else "http"
    env = {"OPENSLB_ENDPOINT": f"{scheme}://[::1]:{node.addr[1]}", "OPENSLB_CA": str(served.ca)}
    assert slb(node, env=env).returncode == 0
    assert f"the API is at {scheme}://[::1]:{node.addr[1]}/" in node.stderr()
