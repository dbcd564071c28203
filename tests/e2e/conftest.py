"""Fixtures: factories whose products are stopped when the test ends, slbd first, then its backends."""
import subprocess
import tempfile

import pytest

import lib

LOG_LINES = 30  # of each slbd of the test, shown with what failed
_running = []


def pytest_configure(config):
    config.addinivalue_line("markers", "proves(*ids): rows of tests/acceptance.tsv that a test proves")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    shown = outcome.get_result().longrepr
    if call.excinfo and hasattr(shown, "addsection"):
        for one in _running:
            if one.stderr_path.exists():
                shown.addsection(f"slbd in {one.dir}", "\n".join(one.stderr().splitlines()[-LOG_LINES:]))


class _Keeper:
    """Remembers what a test started and stops all of it, newest first, whatever one stop() raises."""

    def __init__(self):
        self.items = []

    def keep(self, item):
        self.items.append(item)
        return item

    def stop(self):
        problems = []
        for item in reversed(self.items):
            try:
                item.stop()
            except (AssertionError, OSError, subprocess.SubprocessError) as e:
                problems.append(str(e))
        assert not problems, "\n".join(problems)


@pytest.fixture
def _backends():
    keeper = _Keeper()
    yield keeper
    keeper.stop()


@pytest.fixture
def nginx(_backends, tmp_path):
    """nginx("ECS01", extra="...") starts one; see lib.Nginx."""
    return lambda name="ECS01", **kwargs: _backends.keep(lib.Nginx(tmp_path, name, **kwargs))


@pytest.fixture
def scripted(_backends):
    """scripted([READ_HEAD, b"...", 0.5, RESET]) starts one; see lib.Scripted."""
    return lambda *scripts, **kwargs: _backends.keep(lib.Scripted(*scripts, **kwargs))


@pytest.fixture
def http_backend(_backends):
    """http_backend(respond) starts one; see lib.HttpBackend."""
    return lambda *args, **kwargs: _backends.keep(lib.HttpBackend(*args, **kwargs))


@pytest.fixture
def tcp_echo(_backends):
    return lambda *args, **kwargs: _backends.keep(lib.TcpEcho(*args, **kwargs))


@pytest.fixture
def udp_echo(_backends):
    return lambda *args, **kwargs: _backends.keep(lib.UdpEcho(*args, **kwargs))


@pytest.fixture
def slbd(_backends):
    """slbd(snapshot, "--workers", "1") starts one; see lib.Slbd. It is stopped before the backends."""
    keeper = _Keeper()
    with tempfile.TemporaryDirectory(prefix="openslb-") as where:

        def start(conf, *args, **kwargs):
            _running.append(keeper.keep(lib.Slbd(tempfile.mkdtemp(dir=where), conf, args, **kwargs)))
            return _running[-1]

        yield start
        _running.clear()
        keeper.stop()


@pytest.fixture
def front(slbd):
    """front(backend, ..., xff="off"): slbd with one listener in front of one group, as (lib.Slbd, its address).

    Keywords are fields of the listener, except in_group (fields of the group), args (arguments of slbd) and
    more (further resources). One worker, so that what one connection leaves is there for the next.
    """

    def start(*backends, in_group=None, args=("--workers", "1"), more=(), **fields):
        listener = lib.listener(**fields)
        group = lib.group(backends=backends, **(in_group or {}))
        lb = slbd(lib.snapshot(group, listener, *more), *args)
        return lb, (lib.HOST, listener["port"])

    return start
