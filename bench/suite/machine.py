"""The machine: what it is, who runs on which CPU, and how much CPU time was used."""
import os
import platform
import re
import resource
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
SPARE_FILES = 200  # what a process opens besides connections


class Unusable(Exception):
    """This machine, or what is installed on it, cannot do what was asked for."""


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def read_or(path, default=None):
    try:
        return read(path).strip()
    except OSError:
        return default


def output_of(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout


def facts(cpus):
    """Whatever decides absolute numbers, for the results file."""
    model = re.search(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", read("/proc/meminfo"), re.MULTILINE)
    release = re.search(r'^PRETTY_NAME="?([^"\n]*)', read_or("/etc/os-release", ""), re.MULTILINE)
    return {
        "cpu": model.group(1) if model else platform.machine(),
        "cpus": os.cpu_count(),
        "proxy_cpu": cpus.proxy,
        "load_cpu": cpus.load,
        "memory_mib": int(memory.group(1)) // 1024,
        "kernel": platform.release(),
        "system": release.group(1) if release else None,
        "congestion_control": read_or("/proc/sys/net/ipv4/tcp_congestion_control"),
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    }


def raise_file_limit():
    """Children inherit it. Returns the limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Cpus:
    """One CPU is the proxy's alone; all else, this program included, shares the other."""

    def __init__(self, proxy, load):
        allowed = os.sched_getaffinity(0)
        if proxy == load or not {proxy, load} <= allowed:
            raise Unusable(f"two different CPUs are needed, {proxy} and {load} of {sorted(allowed)}")
        self.proxy = proxy
        self.load = load

    def pin_self(self):
        os.sched_setaffinity(0, {self.load})


# --- CPU time ------------------------------------------------------------------------------


def busy_seconds(cpu):
    """Time that is neither idle nor taken away by the hypervisor, up to a constant.

    Idle time is counted exactly by kernels that stop their tick; busy time itself is only sampled.
    """
    for line in read("/proc/stat").splitlines():
        name, *values = line.split()
        if name == f"cpu{cpu}":
            idle, iowait, steal = (int(values[i]) / TICK for i in (3, 4, 7))
            return time.monotonic() - idle - iowait - steal
    raise Unusable(f"/proc/stat has no cpu{cpu}")


def task_seconds(pid):
    """User and system time of all threads of a process; in ns where the kernel says so."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            total += int(read(f"/proc/{pid}/task/{task}/schedstat").split()[0])
        return total / 1e9
    except (FileNotFoundError, IndexError):
        fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK


def ksoftirqd_pid(cpu):
    for entry in os.listdir("/proc"):
        if entry.isdigit() and read_or(f"/proc/{entry}/comm") == f"ksoftirqd/{cpu}":
            return int(entry)
    return None


class Meter:
    """CPU time of one proxy, from start() to stop()."""

    def __init__(self, cpus, pids):
        self.cpu = cpus.proxy
        self.pids = pids
        self.softirqd = ksoftirqd_pid(self.cpu)

    def _read(self):
        softirq = task_seconds(self.softirqd) if self.softirqd else 0.0
        tasks = sum(task_seconds(pid) for pid in self.pids)
        return busy_seconds(self.cpu), tasks + softirq, time.monotonic()

    def start(self):
        self.before = self._read()

    def stop(self):
        """(busy seconds of the CPU, seconds of the proxy's threads and ksoftirqd, seconds passed)"""
        return tuple(after - before for before, after in zip(self.before, self._read()))


# --- memory --------------------------------------------------------------------------------


def memory_bytes(pids):
    """(PSS, RSS) of these processes together."""
    pss = rss = 0
    for pid in pids:
        text = read(f"/proc/{pid}/smaps_rollup")
        pss += int(re.search(r"^Pss:\s*(\d+)", text, re.MULTILINE).group(1)) * 1024
        rss += int(re.search(r"^Rss:\s*(\d+)", text, re.MULTILINE).group(1)) * 1024
    return pss, rss
