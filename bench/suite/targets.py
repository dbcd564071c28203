"""The proxies and their configuration: each tuned as well as we know how, for the same work.

All add X-Forwarded-For, keep connections to the servers open, and take turns among two servers.
"""
import json
import os
import re

from suite.backend import write
from suite.machine import SPARE_FILES, Unusable, output_of
from suite.process import HOST, Process

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLBD = os.environ.get("SLBD_BIN", os.path.join(ROOT, "build/src/slbd/slbd"))
NGINX_STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"
IDLE_SECONDS = 600
KEPT = 2048  # idle connections to the servers
PIPES = 256
MEDIUM, LARGE = 16384, 65536  # bodies from here on want other buffers, or splice


class Place:
    """Where a target runs: its directory, its port, its servers, and what it may open."""

    def __init__(self, where, port, servers, max_files):
        self.where = where
        self.port = port
        self.servers = servers
        self.max_files = max_files

    def path(self, name):
        return os.path.join(self.where, name)


# --- nginx ---------------------------------------------------------------------------------

NGINX = """\
{load}
daemon off;
master_process off;
worker_processes 1;
pid {where}/nginx.pid;
error_log stderr crit;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
{block}
"""

NGINX_HTTP = """\
http {{
    access_log {log};
    server_tokens off;
    tcp_nodelay on;
    keepalive_timeout {idle}s;
    keepalive_requests 1000000000;
    reset_timedout_connection on;
    client_body_temp_path {where}/t1;
    proxy_temp_path {where}/t2;
    fastcgi_temp_path {where}/t3;
    uwsgi_temp_path {where}/t4;
    scgi_temp_path {where}/t5;
    upstream servers {{
{servers}
        keepalive {kept};
        keepalive_requests 1000000000;
        keepalive_timeout {idle}s;
    }}
    server {{
        listen {host}:{port} backlog=4096;
        location / {{
            proxy_pass http://servers;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            {buffers}
        }}
    }}
}}
"""

NGINX_STREAM_BLOCK = """\
stream {{
    access_log off;
    upstream servers {{
{servers}
    }}
    server {{
        listen {host}:{port} {listen};
        proxy_pass servers;
        proxy_timeout {idle}s;
        {buffers}
    }}
}}
"""


def nginx_buffers(scenario):
    if scenario.mode == "udp":
        return ""
    if scenario.mode == "tcp":
        return f"tcp_nodelay on; proxy_buffer_size {'64k' if scenario.body_bytes >= LARGE else '16k'};"
    if scenario.body_bytes < MEDIUM:
        return "proxy_buffering off;"
    kib = 256 if scenario.body_bytes >= LARGE else 32
    sizes = f"proxy_buffer_size {kib}k; proxy_buffers 8 {kib}k; proxy_busy_buffers_size {2 * kib}k;"
    return "proxy_buffering off; " + sizes


def nginx_conf(scenario, place):
    servers = "\n".join(f"        server {HOST}:{p};" for p in place.servers)
    shared = {
        "where": place.where,
        "host": HOST,
        "port": place.port,
        "servers": servers,
        "idle": IDLE_SECONDS,
        "buffers": nginx_buffers(scenario),
    }
    if scenario.mode == "http":
        log = f"{place.path('access.log')} combined buffer=64k flush=1s" if scenario.log else "off"
        block = NGINX_HTTP.format(log=log, kept=KEPT, **shared)
    else:
        listen = "udp rcvbuf=4m sndbuf=4m" if scenario.mode == "udp" else "backlog=4096"
        block = NGINX_STREAM_BLOCK.format(listen=listen, **shared)
    return NGINX.format(
        load="" if scenario.mode == "http" else f"load_module {NGINX_STREAM};",
        where=place.where,
        files=place.max_files,
        connections=place.max_files - SPARE_FILES,
        block=block,
    )


def nginx_command(scenario, place):
    if scenario.mode != "http" and not os.path.exists(NGINX_STREAM):
        raise Unusable(f"{NGINX_STREAM} is missing: install libnginx-mod-stream (./dev setup)")
    path = write(place.path("nginx.conf"), nginx_conf(scenario, place))
    return ["nginx", "-p", place.where, "-e", "stderr", "-c", path]


# --- HAProxy -------------------------------------------------------------------------------

HAPROXY = """\
global
    nbthread 1
    maxconn {maxconn}
    tune.pool-high-fd-ratio 90
    tune.pool-low-fd-ratio 80
    {log_to}
    {global_tuning}

defaults
    mode {mode}
    {options}
    timeout connect 5s
    timeout client {idle}s
    timeout server {idle}s
    {log}

frontend in
    bind {host}:{port} backlog 4096
    maxconn {maxconn}
    default_backend servers

backend servers
    balance roundrobin
{servers}
"""

HAPROXY_HTTP = """\
timeout http-keep-alive {idle}s
    timeout http-request {idle}s
    option http-keep-alive
    option forwardfor
    http-reuse always"""


def haproxy_options(scenario):
    lines = [HAPROXY_HTTP.format(idle=IDLE_SECONDS)] if scenario.mode == "http" else []
    if scenario.body_bytes >= LARGE:
        lines += ["option splice-request", "option splice-response"]
    return "\n    ".join(lines)


def haproxy_tuning(scenario):
    """For each size the fastest of what was tried, here and in nginx_buffers."""
    if scenario.body_bytes >= LARGE:
        return f"maxpipes {PIPES}\n    tune.pipesize 1048576"
    return "tune.bufsize 20480" if scenario.body_bytes >= MEDIUM else ""


def haproxy_command(scenario, place):
    pool = f" pool-max-conn {KEPT} pool-purge-delay {IDLE_SECONDS}s" if scenario.mode == "http" else ""
    servers = "\n".join(f"    server s{i} {HOST}:{p}{pool}" for i, p in enumerate(place.servers))
    maxconn = (place.max_files - 2 * PIPES - SPARE_FILES) // 2  # two files for a connection, two for a pipe
    conf = HAPROXY.format(
        maxconn=maxconn,
        log_to="log stdout format raw local0 info" if scenario.log else "",
        log="log global\n    option httplog" if scenario.log else "",
        global_tuning=haproxy_tuning(scenario),
        mode=scenario.mode,
        options=haproxy_options(scenario),
        idle=IDLE_SECONDS,
        host=HOST,
        port=place.port,
        servers=servers,
    )
    return ["haproxy", "-db", "-f", write(place.path("haproxy.cfg"), conf)]


# --- slbd ----------------------------------------------------------------------------------

RULES_PER_HOST = 5
WILDCARD_EVERY = 10  # every tenth host is matched by a wildcard


def rule_host(i):
    """(pattern, a host that it matches)"""
    n = i // RULES_PER_HOST
    if n % WILDCARD_EVERY == WILDCARD_EVERY - 1:
        return f"*.w{n}.example.com", f"www.w{n}.example.com"
    return f"h{n}.example.com", f"h{n}.example.com"


def rule_path(i):
    return f"/app{i % RULES_PER_HOST}/"


def slbd_rule(i):
    forward = {"type": "forward", "groups": [{"group": "servers"}]}
    return {
        "kind": "rule",
        "id": f"rule-{i}",
        "listener": "in",
        "priority": i + 1,
        "conditions": [
            {"type": "host", "values": [rule_host(i)[0]]},
            {"type": "path", "match": "prefix", "values": [rule_path(i)]},
        ],
        "actions": [forward],
    }


def slbd_snapshot(scenario, place):
    group = {
        "kind": "server_group",
        "id": "servers",
        "protocol": scenario.mode,
        "scheduler": "rr",
        "servers": [{"id": f"s{i}", "ip": HOST, "port": p} for i, p in enumerate(place.servers)],
    }
    listener = {
        "kind": "listener",
        "id": "in",
        "instance": "bench",
        "bind": [HOST],
        "port": place.port,
        "protocol": scenario.mode,
        "idle_timeout_ms": IDLE_SECONDS * 1000,
        "access_log": scenario.log,
        "default_actions": [{"type": "forward", "groups": [{"group": "servers"}]}],
    }
    if scenario.mode == "http":
        group.update(keepalive_conns=KEPT, keepalive_requests=0, keepalive_idle_ms=IDLE_SECONDS * 1000)
        listener.update(keepalive_requests=0)
    instance = {"kind": "instance", "id": "bench", "product": "alb"}
    rules = [slbd_rule(i) for i in range(scenario.rules)]
    return {"version": 1, "upsert": [instance, group, listener, *rules]}


def slbd_command(scenario, place):
    if not os.access(SLBD, os.X_OK):
        raise Unusable(f"{SLBD} is not there: build it with ./dev build, or set SLBD_BIN")
    path = write(place.path("snapshot.json"), json.dumps(slbd_snapshot(scenario, place)))
    command = [SLBD, "data", "--snapshot", path, "--run-dir", place.where, "--workers", "1", "--drain", "0"]
    if scenario.log:
        command += ["--access-log", place.path("access.log")]
    return command


# --- all of them ---------------------------------------------------------------------------

COMMANDS = {"openslb": slbd_command, "nginx": nginx_command, "haproxy": haproxy_command}
VERSIONS = {
    "openslb": (lambda: [SLBD, "--version"], r"slbd (\S+)"),
    "nginx": (lambda: ["nginx", "-v"], r"nginx/(\S+)"),
    "haproxy": (lambda: ["haproxy", "-v"], r"version (\S+)"),
}


def version(target):
    command, pattern = VERSIONS[target]
    if target == "openslb" and not os.access(SLBD, os.X_OK):
        return None
    found = re.search(pattern, output_of(*command()))
    return found.group(1) if found else None


def start(target, scenario, place, cpu):
    ports = () if scenario.mode == "udp" else (place.port,)
    process = Process(target, COMMANDS[target](scenario, place), place.where, cpu, ports)
    process.port = place.port
    process.logs = [place.path("access.log"), process.err_path] if scenario.log else []
    return process
