"""What is measured: one row each."""
from dataclasses import dataclass, replace

PEERS = ("openslb", "nginx", "haproxy")
NO_HAPROXY = ("openslb", "nginx")  # HAProxy carries no UDP
ALONE = ("openslb",)
IDLE_CONNECTIONS = 10000
FILES_PART = 0.4  # of the open file limit: a proxied connection may take two


@dataclass(frozen=True)
class Scenario:
    name: str
    about: str
    mode: str = "http"  # http, tcp or udp: what the proxies speak
    load: str = "wrk"  # wrk, udp or idle: see load.py
    targets: tuple = PEERS
    path: str = "/100"  # of the backend: /100, /16384 or /1048576 bytes
    connections: int = 64  # or UDP flows
    close: bool = False  # a client connection for each request
    log: bool = False
    rules: int = 0
    train: int = 1  # UDP datagrams that a flow sends at once
    slice_seconds: int = 0  # a run is cut in such pieces, taken in turns with the other targets'; 0: it is not
    unit: str = "us/req"

    @property
    def body_bytes(self):
        return int(self.path[1:])


SCENARIOS = (
    Scenario("h1_keepalive_100B_64", "64 busy connections, 100 byte responses"),
    Scenario("h1_keepalive_100B_1000", "1,000 busy connections, 100 byte responses", connections=1000),
    Scenario("h1_16KiB", "16 KiB responses", path="/16384"),
    Scenario("h1_1MiB", "1 MiB responses", path="/1048576", connections=16),
    Scenario("h1_close_100B", "a client connection for each request", close=True),
    Scenario("h1_keepalive_100B_64_log", "64 busy connections with an access log", log=True),
    Scenario("tcp_100B", "TCP: 100 byte requests and answers", mode="tcp"),
    Scenario("tcp_1MiB", "TCP: 1 MiB answers", mode="tcp", path="/1048576", connections=16),
    Scenario(
        "tcp_connect",
        "TCP: a connection for each request",
        mode="tcp",
        close=True,
        unit="us/conn",
        slice_seconds=1,
    ),
    Scenario(
        "udp_echo",
        "UDP: 64 flows, one 100 byte datagram each in flight",
        mode="udp",
        load="udp",
        targets=NO_HAPROXY,
        unit="us/echo",
        slice_seconds=1,
    ),
    Scenario(
        "udp_echo_train",
        "UDP: 64 flows, 16 datagrams sent at once",
        mode="udp",
        load="udp",
        targets=NO_HAPROXY,
        train=16,
        unit="us/echo",
        slice_seconds=1,
    ),
    Scenario(
        "idle_plain",
        "memory for each of 10,000 idle keep-alive connections, or as many as may be open",
        load="idle",
        connections=IDLE_CONNECTIONS,
        unit="bytes/conn",
    ),
    Scenario("rules_10", "10 rules by host and path", targets=ALONE, rules=10),
    Scenario("rules_10000", "10,000 rules by host and path", targets=ALONE, rules=10000),
)


def chosen(names):
    """Rows of these names, in the order of the table; all of them without names."""
    known = {s.name for s in SCENARIOS}
    unknown = [n for n in names if n not in known]
    if unknown:
        raise ValueError(f"no scenario is called {unknown[0]}; there are {', '.join(sorted(known))}")
    return [s for s in SCENARIOS if not names or s.name in names]


def only(scenario, names):
    """The same with fewer targets."""
    unknown = [n for n in names if n not in PEERS]
    if unknown:
        raise ValueError(f"no target is called {unknown[0]}; there are {', '.join(PEERS)}")
    return replace(scenario, targets=tuple(t for t in scenario.targets if t in names))


def fitting(scenario, max_files):
    """The same with as many idle connections as every proxy takes; busy ones are few enough."""
    if scenario.load != "idle":
        return scenario
    return replace(scenario, connections=min(scenario.connections, int(max_files * FILES_PART)))
