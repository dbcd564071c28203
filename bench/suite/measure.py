"""Rounds: each target in turn, the order turned by one from round to round."""
import os
import statistics
import time

from suite import backend, load, machine, targets
from suite.machine import Meter, Unusable
from suite.scenarios import fitting

WARM_SECONDS = 1
PAUSE_SECONDS = 0.2


class Ports:
    """first: of some 20 free ones in a row."""

    def __init__(self, first):
        self.http = (first, first + 1)
        self.udp = (first + 2, first + 3)
        self.targets = {name: first + 10 + i for i, name in enumerate(targets.COMMANDS)}


class Bench:
    """What all scenarios share; options: rounds, seconds, figure."""

    def __init__(self, where, cpus, ports, max_files, options):
        self.where = where
        self.cpus = cpus
        self.ports = ports
        self.max_files = max_files
        self.options = options
        self.servers = []
        self.udpload = None

    def start(self, scenarios):
        modes = {s.mode for s in scenarios}
        if modes & {"http", "tcp"}:
            self.servers.append(
                backend.start_http(self.where, self.ports.http, self.cpus.load, self.max_files)
            )
        if "udp" in modes:
            self.udpload = backend.build_udpload(self.where)
            self.servers += backend.start_udp(self.udpload, self.where, self.ports.udp, self.cpus.load)

    def stop(self):
        for server in self.servers:
            server.stop()

    def start_target(self, name, scenario):
        where = os.path.join(self.where, f"{scenario.name}-{name}")
        os.makedirs(where, exist_ok=True)
        servers = self.ports.udp if scenario.mode == "udp" else self.ports.http
        place = targets.Place(where, self.ports.targets[name], servers, self.max_files)
        return targets.start(name, scenario, place, self.cpus.proxy)

    def run(self, scenario):
        """The scenario's row of results."""
        scenario = fitting(scenario, self.max_files)
        if scenario.load == "idle":
            return self._run_idle(scenario)
        return self._run_traffic(scenario)

    def _orders(self, scenario):
        names = list(scenario.targets)
        for i in range(self.options.rounds):
            k = i % len(names)
            yield names[k:] + names[:k]

    # --- memory

    def _run_idle(self, scenario):
        samples = {name: [] for name in scenario.targets}
        for order in self._orders(scenario):
            for name in order:
                samples[name].append(self._idle_once(name, scenario))
        row = row_of(scenario, {name: [s[0] for s in taken] for name, taken in samples.items()})
        row["total_bytes"] = medians_of(samples, 1)
        return row

    def _idle_once(self, name, scenario):
        process = self.start_target(name, scenario)
        try:
            return load.idle_bytes(process.port, scenario, lambda: machine.memory_bytes([process.pid]))
        finally:
            process.stop()

    # --- traffic

    def _run_traffic(self, scenario):
        client = load.Load(scenario, self.cpus.load, self.udpload)
        running = {}
        samples = {name: [] for name in scenario.targets}
        try:
            for name in scenario.targets:
                running[name] = self.start_target(name, scenario)
                client.run(running[name].port, WARM_SECONDS)
            for order in self._orders(scenario):
                for name, sample in self._traffic_round(scenario, order, running, client).items():
                    samples[name].append(sample)
        finally:
            for process in running.values():
                process.stop()
        return self._traffic_row(scenario, samples)

    def _traffic_round(self, scenario, order, running, client):
        """What a machine does besides comes and goes: short pieces in turns meet as much of it for each target."""
        seconds = scenario.slice_seconds or self.options.seconds
        n_slices = max(1, self.options.seconds // seconds)
        slices = {name: [] for name in order}
        for _ in range(n_slices):
            for name in order:
                slices[name].append(self._traffic_once(running[name], client, seconds))
        return {name: sample_of(taken) for name, taken in slices.items()}

    def _traffic_once(self, process, client, seconds):
        for log in process.logs:
            if os.path.exists(log):
                os.truncate(log, 0)
        time.sleep(PAUSE_SECONDS)
        meter = Meter(self.cpus, [process.pid])
        meter.start()
        result = client.run(process.port, seconds)
        busy, task, _passed = meter.stop()
        if not process.is_alive():
            raise Unusable(f"{process.name} ended:\n{process.said()}")
        if process.logs:
            check_logged(process, result["n"])
        return {"busy": busy, "task": task, **result}

    def _traffic_row(self, scenario, samples):
        figures = {name: [s[self.options.figure + "_us"] for s in taken] for name, taken in samples.items()}
        row = row_of(scenario, figures)
        for key in ("rps", "p50_us", "p99_us", "task_us", "busy_us"):
            row[key] = medians_of(samples, key)
        foreign = max(1 - row["task_us"][name] / row["busy_us"][name] for name in samples)
        row["foreign"] = rounded(foreign)
        return row


def check_logged(process, n):
    """An access log that is not written costs nothing: that would not be a result."""
    time.sleep(1.2)
    size = max((os.path.getsize(log) for log in process.logs if os.path.exists(log)), default=0)
    if size < n * 40:
        raise Unusable(f"{process.name} wrote {size} bytes of access log for {n} requests")


def sample_of(slices):
    """The figures of a round."""
    n = sum(s["n"] for s in slices)
    return {
        "busy_us": sum(s["busy"] for s in slices) * 1e6 / n,
        "task_us": sum(s["task"] for s in slices) * 1e6 / n,
        "rps": n / sum(s["seconds"] for s in slices),
        "p50_us": statistics.median(s["p50_us"] for s in slices),
        "p99_us": statistics.median(s["p99_us"] for s in slices),
    }


def rounded(value):
    return float(f"{value:.4g}")


def medians_of(samples, key):
    """samples: of every target, one for each round; key: of what in each."""
    return {name: rounded(statistics.median(s[key] for s in taken)) for name, taken in samples.items()}


def row_of(scenario, figures):
    """figures: of every target, one for each round."""
    row = {"scenario": scenario.name, "unit": scenario.unit}
    row.update(dict.fromkeys(("openslb", "nginx", "haproxy", "h2o")))
    row.update({name: rounded(statistics.median(values)) for name, values in figures.items()})
    spreads = [(max(v) - min(v)) / statistics.median(v) for v in figures.values() if statistics.median(v) > 0]
    row["spread"] = rounded(max(spreads, default=0.0))
    row["rps"], row["p99_us"] = {}, {}
    row["connections"] = scenario.connections
    row["rounds"] = {name: [rounded(v) for v in values] for name, values in figures.items()}
    return row
