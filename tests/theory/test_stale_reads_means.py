"""The table of stale reads is what simulated runs give."""

from __future__ import annotations

import pytest

from perflab.theory import stale_reads_means as means
from perflab.theory.stale_reads import DELETE_FIRST, THROUGH, WRITE_FIRST

RARE = 0.005
"""What happens in one run of twenty may move the mean, and not the end."""


def test_each_setting_has_a_row_and_its_mean_lies_among_its_runs() -> None:
    for store_ms in means.STORES_MS:
        for keys in means.KEYS:
            for writers in means.WRITERS:
                for order in (DELETE_FIRST, WRITE_FIRST, THROUGH):
                    for spread in means.at(order, store_ms, keys, writers):
                        assert 0 <= spread.low <= spread.high <= 1
                        assert spread.low - RARE <= spread.mean <= spread.high + RARE
    assert len(means.TABLE.splitlines()) == len(means.STORES_MS) * len(means.KEYS) * len(means.WRITERS)


@pytest.mark.long
@pytest.mark.parametrize("order", [DELETE_FIRST, WRITE_FIRST, THROUGH])
@pytest.mark.parametrize(("store_ms", "keys", "writers"), [(0.5, 1, 8), (5, 10, 2), (20, 100, 8)])
def test_a_row_can_be_made_anew(order: int, store_ms: float, keys: int, writers: int) -> None:
    made, known = (
        means.simulated(order, store_ms, keys, writers, range(1, means.RUNS + 1)),
        means.at(order, store_ms, keys, writers),
    )
    for spread, expected in zip(made, known, strict=True):
        assert [*spread] == pytest.approx([*expected], abs=5.1e-5)
