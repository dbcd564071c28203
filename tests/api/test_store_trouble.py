"""When the store cannot be written or read: what is answered, what goes on, and that it comes back."""
import os
import resource
import signal

import pytest

import lib
from lib import wait_for


def acls(node):
    return {acl["AclName"] for acl in node.call("Alb", "ListAcls", MaxResults=100)["Acls"]}


def test_a_full_disk_changes_nothing_and_is_got_over(new_node):
    """A limit on the size of files stands for the disk: nothing that grows can be written."""
    node = new_node()
    control = node.child("control")
    node.call("Alb", "CreateAcl", AclName="before")
    largest = max(path.stat().st_size for path in node.state_dir.glob("openslb.db*"))
    resource.prlimit(control, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    made, refused = {"before"}, None
    for i in range(200):
        try:
            node.call("Alb", "CreateAcl", AclName=f"acl{i}")
            made.add(f"acl{i}")
        except lib.ApiError as e:
            refused = e
            break
    assert refused and (refused.status, refused.code) == (503, "ServiceUnavailable"), refused
    assert "no room" in refused.message
    assert acls(node) == made
    resource.prlimit(control, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    node.call("Alb", "CreateAcl", AclName="after")
    assert acls(node) == made | {"after"}
    assert node.child("control") == control


@pytest.mark.parametrize("damage", ["other", "cut", "flipped"])
def test_a_damaged_store_is_told_and_left_alone(new_node, monkeypatch, damage):
    """Traffic goes on with what the data plane has; the file is as it was, and put right it is taken again."""
    node = new_node()
    node.call("Alb", "CreateAcl", AclName="kept")
    node.stop(keep=True)
    path = node.state_dir / "openslb.db"
    good = path.read_bytes()
    bad = {
        "other": b"no database" * 1000,
        "cut": good[: len(good) // 2],
        "flipped": good[:5000] + bytes(b ^ 0xFF for b in good[5000:9000]) + good[9000:],
    }[damage]
    path.write_bytes(bad)
    with monkeypatch.context() as patch, pytest.raises(AssertionError):
        patch.setattr(lib, "START_SECONDS", 1)
        node.start()
    wait_for(lambda: "damaged" in node.stderr(), "the damage is told")
    assert path.read_bytes() == bad and node.child("data")
    path.write_bytes(good)
    node.wait_api()
    assert acls(node) == {"kept"}


def test_a_state_directory_that_cannot_be_written(new_node, tmp_path):
    node = new_node()
    node.stop(keep=True)
    blocked = tmp_path / "file"
    blocked.write_text("")
    text = node.conf_path.read_text()
    node.conf_path.write_text(text.replace(f"state_dir = {node.state_dir}", f"state_dir = {blocked}/state"))
    with pytest.raises(AssertionError, match="cannot be made"):
        node.start()
    assert node.process.returncode == 1
    node.conf_path.write_text(text)
    node.start()
    os.kill(node.child("control"), signal.SIGTERM)  # also an orderly end is followed by the next one
    wait_for(lambda: lib.accepts(node.addr), "the API is back")


@pytest.mark.parametrize("is_empty", [False, True])
def test_a_lost_store_is_not_a_new_node(new_node, monkeypatch, is_empty):
    """What is served goes on being served; nothing is taken away until the store is back."""
    node = new_node()
    node.call("Alb", "CreateAcl", AclName="kept")
    node.stop(keep=True)
    path = node.state_dir / "openslb.db"
    kept = path.read_bytes()
    if is_empty:
        path.write_bytes(b"")
    else:
        path.unlink()
    with monkeypatch.context() as patch, pytest.raises(AssertionError):
        patch.setattr(lib, "START_SECONDS", 1)
        node.start()
    wait_for(lambda: "put the store back" in node.stderr(), "the loss is told")
    assert node.child("data")
    path.write_bytes(kept)
    node.wait_api()
    assert acls(node) == {"kept"}
