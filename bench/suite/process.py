"""Processes that this program starts, and certainly ends."""
import ctypes
import os
import signal
import socket
import subprocess
import time

from suite.machine import Unusable, read_or

START_SECONDS = 20
STOP_SECONDS = 5
HOST = "127.0.0.1"


def accepts(port):
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def on_cpu(cpu):
    """For preexec_fn: the child runs on this CPU only and ends with this program."""

    def prepare():
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        os.sched_setaffinity(0, {cpu})

    return prepare


class Process:
    """A server, from its start until stop(). ports: TCP ports that tell that it is up."""

    def __init__(self, name, command, where, cpu, ports=()):
        self.name = name
        self.err_path = os.path.join(where, name + ".stderr")
        with open(self.err_path, "ab") as err:
            self.child = subprocess.Popen(
                command,
                cwd=where,
                stdin=subprocess.DEVNULL,
                stdout=err,
                stderr=err,
                start_new_session=True,
                preexec_fn=on_cpu(cpu),
            )
        try:
            self._wait_for(ports)
        except BaseException:
            self.stop()
            raise

    def _wait_for(self, ports):
        end = time.monotonic() + START_SECONDS
        for port in ports:
            while not accepts(port):
                if self.child.poll() is not None or time.monotonic() > end:
                    raise Unusable(f"{self.name} did not start:\n{self.said()}")
                time.sleep(0.02)

    def said(self):
        return read_or(self.err_path, "")[-4000:]

    def is_alive(self):
        return self.child.poll() is None

    @property
    def pid(self):
        return self.child.pid

    def stop(self):
        """Twice TERM: slbd drains at the first."""
        for _ in range(2):
            if self.child.poll() is None:
                self.child.terminate()
                time.sleep(0.05)
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
