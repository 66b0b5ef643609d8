"""The optimum: that of trying every victim, and in a loop what the formula says."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import slow_policies

from perflab.theory import traces
from perflab.theory.che import optimum_in_a_loop
from perflab.theory.eviction import hits
from perflab.theory.eviction.belady import belady, next_uses


def test_the_optimum_is_that_of_trying_every_victim() -> None:
    draw = Random(3)
    for _ in range(1_000):
        keys = [draw.randrange(6) for _ in range(draw.randint(1, 16))]
        capacity = draw.randint(1, 4)
        assert sum(hits(belady, keys, capacity)) == slow_policies.most_hits(keys, capacity)


@pytest.mark.parametrize("size", [2, 10, 100, 124, 125])
def test_in_a_loop_the_optimum_keeps_a_part_of_it(size: int) -> None:
    cycle = 124 * 125
    found = hits(belady, traces.loop(2 * cycle, 125).tolist(), size)
    assert np.mean(list(found[cycle // 2 : -cycle // 2])) == pytest.approx(optimum_in_a_loop(size, 125), abs=1e-3)


def test_next_uses() -> None:
    assert next_uses([5, 6, 5, 5, 7]).tolist() == [2, 5, 3, 5, 5]
