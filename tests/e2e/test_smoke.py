"""One request through to a real server and back: if this fails, look here first."""
from lib import HOST, get, group, listener, snapshot


def test_request_reaches_nginx(slbd, nginx):
    one = nginx("ECS01")
    front = listener()
    lb = slbd(snapshot(group(backends=[one]), front))

    answer = get((HOST, front["port"]), "/")

    assert (answer.status, answer.body) == (200, b"ECS01\n")
    line = lb.log_lines(1)[0]
    assert (line["status"], line["upstream_status"], line["reason"]) == (200, "200", "-")
