"""The clients. Each drives one target and says what was done."""
import json
import os
import select
import socket
import subprocess
import time

from suite.machine import Unusable
from suite.process import HOST, on_cpu
from suite.targets import rule_host, rule_path

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrk.lua")
FAILED_PART_MAX = {"wrk": 0.001, "udp": 0.05}  # datagrams may get lost, when new flows come in bursts
RULES_ASKED = 1000
IDLE_BATCH = 50
IDLE_SETTLE_SECONDS = 1.0


class Load:
    """cpu: where the clients run; udpload: path of that program, if it is needed."""

    def __init__(self, scenario, cpu, udpload):
        self.scenario = scenario
        self.cpu = cpu
        self.udpload = udpload

    def run(self, port, seconds):
        """A dict: n, seconds, p50_us, p99_us."""
        command = self._udp(port, seconds) if self.scenario.load == "udp" else self._wrk(port, seconds)
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds + 30,
            check=False,
            preexec_fn=on_cpu(self.cpu),
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode != 0 or not lines:
            raise Unusable(f"{command[0]} failed:\n{done.stdout}")
        result = json.loads(lines[-1])
        n, n_failed = result["n"], result["failed"]
        if n == 0 or n_failed > n * FAILED_PART_MAX[self.scenario.load]:
            raise Unusable(f"port {port}: {n_failed} requests failed, {n} succeeded:\n{done.stdout}")
        return result

    def _wrk(self, port, seconds):
        s = self.scenario
        command = ["wrk", "-t1", f"-c{s.connections}", f"-d{seconds}s", "--timeout", "10s", "-s", SCRIPT]
        command += ["-H", "Accept: */*", "-H", "User-Agent: wrk"]
        if s.close:
            command += ["-H", "Connection: close"]
        command.append(f"http://{HOST}:{port}{s.path}")
        if s.rules > 0:
            command += ["--", *self._rule_requests()]
        return command

    def _rule_requests(self):
        """Hosts and paths of rules that are spread evenly over all of them."""
        n = min(self.scenario.rules, RULES_ASKED)
        words = []
        for k in range(n):
            i = k * self.scenario.rules // n
            words += [rule_host(i)[1], rule_path(i) + "page"]
        return words

    def _udp(self, port, seconds):
        s = self.scenario
        command = [self.udpload, "load", f"{HOST}:{port}", seconds, s.connections, s.train, s.body_bytes]
        return [str(word) for word in command]


# --- idle connections ----------------------------------------------------------------------


def ask(connections, path):
    """One request on each; waits for all the answers."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept: */*\r\n\r\n".encode()
    for at in range(0, len(connections), IDLE_BATCH):
        batch = connections[at : at + IDLE_BATCH]
        for sock in batch:
            sock.sendall(request)
        for sock in batch:
            answer = b""
            while not answer.endswith(b"x\n"):
                piece = sock.recv(65536)
                if not piece:
                    raise Unusable(f"a connection was closed after {answer!r}")
                answer += piece


def open_connections(port, n, path):
    """n connections that have each carried a request and are idle now."""
    connections = []
    try:
        while len(connections) < n:
            n_more = min(IDLE_BATCH, n - len(connections))
            batch = [socket.create_connection((HOST, port), 5) for _ in range(n_more)]
            connections += batch
            ask(batch, path)
    except OSError as error:
        close_all(connections)
        raise Unusable(f"after {len(connections)} connections: {error}") from error
    return connections


def close_all(connections):
    for sock in connections:
        sock.close()


def idle_bytes(port, scenario, memory):
    """(bytes per idle connection, bytes in all); memory() gives (PSS, RSS) of the proxy."""
    close_all(open_connections(port, 2 * IDLE_BATCH, scenario.path))
    time.sleep(IDLE_SETTLE_SECONDS)
    before = memory()
    connections = open_connections(port, scenario.connections, scenario.path)
    try:
        time.sleep(IDLE_SETTLE_SECONDS)
        after = memory()
        poll = select.poll()
        for sock in connections:
            poll.register(sock, select.POLLIN)
        n_lost = len(poll.poll(0))
    finally:
        close_all(connections)
    if n_lost > 0:
        raise Unusable(f"{n_lost} of {scenario.connections} connections did not stay open")
    return (after[0] - before[0]) / scenario.connections, after[0]
