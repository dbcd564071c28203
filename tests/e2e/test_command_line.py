"""slbd's own command line: help and version are answers, mistakes are named."""
import subprocess

import pytest
from lib import PATIENCE, SLBD_BIN


def slbd(*words):
    return subprocess.run([SLBD_BIN, *words], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "words, expected, absent",
    [
        (("--help",), ["usage: slbd [COMMAND]", "Options of supervise:", "Options of data:", "--snapshot"], []),
        (("help",), ["usage: slbd [COMMAND]"], []),
        (("data", "--help"), ["usage: slbd data [options]", "--snapshot FILE", "--drain SECONDS"], ["--watchdog"]),
        (("control", "--help"), ["usage: slbd control [options]", "--node FILE"], ["--snapshot", "--watchdog"]),
        (("supervise", "--help"), ["usage: slbd supervise [options]", "--watchdog SECONDS"], ["--snapshot"]),
        (("node-file", "--help"), ["usage: slbd node-file [options]", "--node FILE"], ["--drain"]),
        # What else is there does not matter any more.
        (("data", "--workers", "2", "--help", "--nonsense"), ["usage: slbd data"], []),
    ],
)
def test_help_is_an_answer(words, expected, absent):
    done = slbd(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(text in done.stdout for text in expected), done.stdout
    assert not any(text in done.stdout for text in absent), done.stdout


@pytest.mark.parametrize("word", ["--version", "version"])
def test_version_is_an_answer(word):
    done = slbd(word)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("slbd 0.") and done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    "words, named",
    [
        (("--nonsense",), "--nonsense"),
        (("nonsense",), "nonsense"),
        (("data", "--node", "x"), "--node"),
        (("data", "--run-dir", "/tmp/x", "--nonsense"), "--nonsense"),
        (("control", "--snapshot", "x"), "--snapshot"),
        (("data", "--workers"), "--workers"),
        (("data", "--workers", "0"), "--workers 0"),
        (("data", "stray"), "stray"),
        (("--watchdog", "-1"), "--watchdog -1"),
    ],
)
def test_mistakes_are_named(words, named):
    done = slbd(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"slbd: {named}: ") and done.stderr.count("\n") == 1, done.stderr
