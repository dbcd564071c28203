"""Fixtures: nodes and backends, which are stopped when their test or module ends; nodes first."""
import subprocess

import pytest

import lib
from alb import Alb
from clb import Clb
from nlb import Nlb

LOG_LINES = 30  # of each node that runs, shown with what failed


def pytest_configure(config):
    config.addinivalue_line("markers", "proves(*ids): rows of tests/acceptance.tsv that a test proves")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    shown = outcome.get_result().longrepr
    if call.excinfo and hasattr(shown, "addsection"):
        for node in lib.Node.running:
            if node.stderr_path.exists():
                shown.addsection(f"slbd in {node.dir}", "\n".join(node.stderr().splitlines()[-LOG_LINES:]))


def _stop_all(items):
    problems = []
    for item in reversed(items):
        try:
            item.stop()
        except (AssertionError, OSError, subprocess.SubprocessError) as e:
            problems.append(str(e))
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def node():
    """One node for all tests of a file: each makes what it needs."""
    items = [lib.Node()]
    yield items[0]
    _stop_all(items)


@pytest.fixture(scope="module")
def alb(node):
    return Alb(node)


@pytest.fixture(scope="module")
def clb(node):
    return Clb(node)


@pytest.fixture(scope="module")
def nlb(node):
    return Nlb(node)


@pytest.fixture
def new_node():
    """new_node(rate_limit=5) starts one for this test alone."""
    items = []

    def start(**kwargs):
        items.append(lib.Node(**kwargs))
        return items[-1]

    yield start
    _stop_all(items)


@pytest.fixture(scope="module")
def backends(tmp_path_factory):
    """backends.nginx("ECS01"), backends.http(respond), .tcp(), .udp(): servers that live as long as the module."""
    items = []

    class Backends:
        """Keywords as in tests/e2e/lib.py."""

        @staticmethod
        def nginx(name="ECS01", **kwargs):
            return keep(lib.Nginx(tmp_path_factory.mktemp("nginx"), name, **kwargs))

        @staticmethod
        def http(respond=None, **kwargs):
            return keep(lib.HttpBackend(respond, **kwargs))

        @staticmethod
        def tcp(**kwargs):
            return keep(lib.TcpEcho(**kwargs))

        @staticmethod
        def udp(**kwargs):
            return keep(lib.UdpEcho(**kwargs))

    def keep(item):
        items.append(item)
        return item

    yield Backends
    _stop_all(items)
