"""The table of stale reads is what simulated runs give."""

from __future__ import annotations

import itertools

import pytest

from perflab.theory import stale_reads_means as means
from perflab.theory.stale_reads import DELETE_FIRST, THROUGH, WRITE_FIRST

RARE = 0.005
"""What happens in one run of twenty may move the mean, and not the end."""


def test_each_setting_has_a_row_and_its_mean_lies_among_its_runs() -> None:
    settings = [*itertools.product((DELETE_FIRST, WRITE_FIRST, THROUGH), means.STORES_MS, means.KEYS, means.WRITERS)]
    for spread in itertools.chain.from_iterable(means.at(*setting) for setting in settings):
        assert 0 <= spread.low <= spread.high <= 1
        assert spread.low - RARE <= spread.mean <= spread.high + RARE
    assert 3 * len(means.TABLE.splitlines()) == len(settings)


@pytest.mark.long
@pytest.mark.parametrize("setting", [(0.5, 1, 8), (5, 10, 2), (20, 100, 8)])
def test_a_line_can_be_made_anew(setting: tuple[float, int, int]) -> None:
    assert means.line(*setting) in means.TABLE.splitlines()
