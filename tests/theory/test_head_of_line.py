"""One long request among short ones: formulas against Lindley's recursion."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.theory.head_of_line import delayed_share, mean_wait, wait, wait_percentile
from perflab.theory.simulate import lindley

EVERY = 600.0


def simulated(long: float, utilisation: float, per_period: int = 6_000) -> tuple[np.ndarray, np.ndarray]:
    """When short requests come after the long one, and how long they wait for it, in a period that begins with an idle server."""
    since = (np.arange(per_period) + 0.5) * EVERY / per_period
    short = utilisation * EVERY / per_period
    return since, lindley([0.0, *since], [long, *np.full(per_period, short)])[1:]


@pytest.mark.parametrize("long", [20.0, 200.0, 500.0])
@pytest.mark.parametrize("utilisation", [0.0, 0.02, 0.15])
def test_formulas_are_what_a_simulation_finds(long: float, utilisation: float) -> None:
    since, waits = simulated(long, utilisation)
    assert wait(since, long, utilisation) == pytest.approx(waits, abs=0.2)
    assert delayed_share(long, EVERY, utilisation) == pytest.approx(np.mean(waits > 0.2), abs=0.003)
    assert mean_wait(long, EVERY, utilisation) == pytest.approx(waits.mean(), rel=0.01)
    for share in (0.5, 0.9, 0.99, 1.0):
        found = np.quantile(waits, share, method="inverted_cdf")
        assert wait_percentile(share, long, EVERY, utilisation) == pytest.approx(found, abs=0.5)


def test_known_answers() -> None:
    assert wait([-1, 0, 50, 200, 300], 200).tolist() == [0, 200, 150, 0, 0]
    assert delayed_share(200, 600) == pytest.approx(1 / 3) and delayed_share(500, 600, 0.5) == 1
    assert mean_wait(200, 600) == pytest.approx(33.3333, abs=1e-4)
    assert wait_percentile(0.99, 200, 600) == pytest.approx(194) and wait_percentile(0.5, 200, 600) == 0
    assert wait_percentile(1, 200, 600) == 200
    assert wait_percentile(0.99, 0, 600) == delayed_share(0, 600) == mean_wait(0, 600) == 0
