"""The servers behind the proxies: one nginx with two ports, and a UDP echo with two."""
import os
import subprocess

from suite.machine import Unusable
from suite.process import HOST, Process

BODY = "x" * 99  # and the newline

CONF = """\
daemon off;
master_process off;
worker_processes 1;
pid {where}/backend.pid;
error_log stderr crit;
events {{ worker_connections {connections}; multi_accept on; }}
http {{
    access_log off;
    server_tokens off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16 inactive=3600s;
    open_file_cache_valid 3600s;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    default_type text/plain;
    client_body_temp_path {where}/t1;
    proxy_temp_path {where}/t2;
    fastcgi_temp_path {where}/t3;
    uwsgi_temp_path {where}/t4;
    scgi_temp_path {where}/t5;
    server {{
        listen {host}:{first} backlog=4096;
        listen {host}:{second} backlog=4096;
        root {where}/www;
        location / {{ return 200 "{body}\\n"; }}
        location = /16384 {{ }}
        location = /1048576 {{ }}
    }}
}}
"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def start_http(where, ports, cpu, max_files):
    os.makedirs(os.path.join(where, "www"), exist_ok=True)
    for size in (16384, 1048576):
        write(os.path.join(where, "www", str(size)), "0123456789abcde\n" * (size // 16))
    conf = CONF.format(
        where=where,
        host=HOST,
        first=ports[0],
        second=ports[1],
        body=BODY,
        connections=max_files - 100,
    )
    path = write(os.path.join(where, "backend.conf"), conf)
    return Process("backend", ["nginx", "-p", where, "-e", "stderr", "-c", path], where, cpu, ports)


def build_udpload(where):
    source = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "udpload.c")
    program = os.path.join(where, "udpload")
    command = [os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-o", program, source]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Unusable(f"udpload.c cannot be compiled:\n{done.stdout}")
    return program


def start_udp(program, where, ports, cpu):
    return [Process(f"echo-{p}", [program, "echo", f"{HOST}:{p}"], where, cpu) for p in ports]
