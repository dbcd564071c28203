"""Private keys that were uploaded are nowhere in the memory of the control process afterwards."""
import os
import re
import subprocess

import pytest

from lib import wait_for

# Bytes of a key that no encoding on the way changes: neither of forms, nor of JSON.
PLAIN_BYTES = 24


@pytest.fixture
def pair(tmp_path):
    """(certificate, private key), made for this test alone."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=www.example.com"]
    subprocess.run([*command, "-keyout", tmp_path / "key", "-out", tmp_path / "cert"], check=True, capture_output=True)
    return (tmp_path / "cert").read_text(), (tmp_path / "key").read_text()


def body_of(pem):
    return pem.encode().splitlines()[1:-1]


def marks(cert, key):
    """Pieces of the key's text, one of each line that has one.

    The modulus is in both texts, and one time in some three hundred both encode it alike: such pieces are no secret.
    """
    public = b"".join(body_of(cert))
    found = [re.search(rb"[A-Za-z0-9]{%d}" % PLAIN_BYTES, line) for line in body_of(key)]
    pieces = [match.group() for match in found if match and match.group() not in public]
    assert len(pieces) > 5
    return pieces


def memory_has(pid, pieces):
    """Those of the pieces that are in writable memory of the process."""
    there = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            place, access = line.split()[:2]
            begin, end = (int(x, 16) for x in place.split("-"))
            # ASan's shadow is large and has no bytes of the program.
            if "rw" not in access or end - begin > 1 << 30 or "[v" in line:
                continue
            try:
                mem.seek(begin)
                data = mem.read(end - begin)
            except OSError:
                continue
            there.update(piece for piece in pieces if piece in data)
    return there


def readable(pid):
    try:
        with open(f"/proc/{pid}/mem", "rb") as mem:
            mem.fileno()
    except PermissionError:
        return False
    return True


def expect_gone(node, pair):
    pid = node.child("control")
    if not readable(pid):
        pytest.skip("the memory of the process cannot be read here")
    pieces = marks(*pair)
    # The connection's part of it goes when the answer has been taken.
    wait_for(lambda: not memory_has(pid, pieces), "the key is gone", 10, 0.2)


@pytest.mark.parametrize("style", ["query", "form", "v3"])
@pytest.mark.parametrize("product", ["Cas", "Slb"])
def test_uploaded_key_is_wiped(node, pair, style, product):
    cert, key = pair
    client = node.as_key(node.client.key, node.client.secret, style=style)
    if product == "Cas":
        client.call("Cas", "UploadUserCertificate", Name=f"wiped-{style}", Cert=cert, Key=key)
    else:
        client.call("Slb", "UploadServerCertificate", ServerCertificate=cert, PrivateKey=key)
    expect_gone(node, pair)


def test_key_of_a_refused_upload_is_wiped(node, pair):
    """It is not the certificate's."""
    cert, key = pair
    other = cert.replace("A", "B", 1)
    node.fails("InvalidParameter.Cert", "Cas", "UploadUserCertificate", Name="refused", Cert=other[:200], Key=key)
    expect_gone(node, pair)


def test_marks_are_found_where_they_are(pair):
    """What the others rely on."""
    assert memory_has(os.getpid(), marks(*pair)) == set(marks(*pair))
