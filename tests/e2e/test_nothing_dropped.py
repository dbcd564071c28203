"""Principle 7 of the design: a change drops nothing, and neither does a new binary."""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "soak"))

import scenario  # noqa: E402

N_CHANGES = 60
N_UPGRADES = 3
SECONDS = 20


def test_nothing_is_dropped_by_changes_and_upgrades(slbd, nginx):
    result = scenario.run(nginx, slbd, N_CHANGES, N_UPGRADES, SECONDS)

    print(result.summary())
    assert result.is_good(N_UPGRADES), result.summary() + "\n" + result.stderr
    assert result.changes >= N_CHANGES
