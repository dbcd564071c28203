"""Principle 7 of the design: a change drops nothing, and neither does a new binary."""
import sys
from pathlib import Path

from lib import proves

sys.path.append(str(Path(__file__).resolve().parents[1] / "soak"))

import scenario  # noqa: E402

N_CHANGES = 60
N_UPGRADES = 3
SECONDS = 20


def test_nothing_is_dropped_by_changes_and_upgrades(slbd, nginx):
    result = scenario.run(nginx, slbd, N_CHANGES, N_UPGRADES, SECONDS)

    assert result.n_failures == 0, result.summary() + "\n" + result.stderr
    assert not result.udp_moves, result.summary()
    assert result.counts.get("datagrams dropped by the kernel", 0) == 0, result.summary()
    assert result.changes >= N_CHANGES and result.upgrades == N_UPGRADES, result.summary()
    for what in ("requests", "uploads", "downloads", "websockets", "relays", "datagrams"):
        assert result.counts.get(what, 0) > 0, result.summary()
    print(result.summary())
