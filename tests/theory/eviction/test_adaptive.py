"""What the policies with a memory do that plain queues cannot."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from perflab.theory import traces
from perflab.theory.eviction import Policy, hits
from perflab.theory.eviction.adaptive import arc, s3_fifo, w_tiny_lfu
from perflab.theory.eviction.belady import belady
from perflab.theory.eviction.queues import lru

PLACES = 100
MEMORY = pytest.mark.parametrize("policy", [s3_fifo, w_tiny_lfu, arc])


def popular(requests: int = 30_000) -> traces.Trace:
    return traces.popular(requests, 1, np.random.default_rng(2), keys=1_000)


@MEMORY
def test_they_beat_lru_on_popular_keys_and_more_clearly_after_scans(policy: Policy) -> None:
    plain, scanned = popular().tolist(), traces.with_scans(popular()).tolist()
    gains = [sum(hits(policy, keys, PLACES)) / sum(hits(lru, keys, PLACES)) for keys in (plain, scanned)]
    assert gains[0] > 1.03 and gains[1] > 1.03


@pytest.mark.parametrize(("policy", "share"), [(s3_fifo, 0.4), (w_tiny_lfu, 0.7), (arc, 0.0)])
def test_in_a_loop_two_of_them_keep_a_part_of_it(policy: Policy, share: float) -> None:
    found = sum(hits(policy, traces.loop(20_000, PLACES * 5 // 4).tolist(), PLACES)) / 20_000
    assert found >= share if share else found == 0


@MEMORY
@pytest.mark.parametrize("capacity", [1, 2, 9, 10])
def test_small_caches_work_too(policy: Callable[..., object], capacity: int) -> None:
    keys = popular(2_000).tolist()
    assert 0 < sum(hits(policy, keys, capacity)) <= sum(hits(belady, keys, capacity))  # type: ignore[arg-type]
