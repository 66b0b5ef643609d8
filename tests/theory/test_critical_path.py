"""Serial and parallel parts, against simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory import critical_path as path

SPANS = st.lists(st.floats(0, 1e6), min_size=1, max_size=20)


@given(SPANS)
def test_parallel_lies_between_the_longest_part_and_the_sum(spans: list[float]) -> None:
    assert max(spans) <= path.parallel(spans) <= path.serial(spans) * (1 + 1e-12)
    assert path.parallel(spans, workers=1) == pytest.approx(path.serial(spans))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 3))
def test_no_assignment_to_workers_beats_the_bound(spans: list[int], workers: int) -> None:
    best = min(
        max(
            sum(span for span, place in zip(spans, places, strict=True) if place == worker) for worker in range(workers)
        )
        for places in itertools.product(range(workers), repeat=len(spans))
    )
    assert path.parallel(spans, workers) <= best + 1e-9


def test_fan_out_known_answers() -> None:
    assert path.any_slow(0.01, 100) == pytest.approx(0.633968, abs=1e-6)
    assert path.mean_slowest_exponential(1.0, 10) == pytest.approx(2.92897, abs=1e-5)
    assert path.share_for_all(0.5, 100) == pytest.approx(0.99309, abs=1e-5)


def test_fan_out_matches_a_simulation() -> None:
    slowest = np.random.default_rng(2).exponential(3.0, (100_000, 8)).max(axis=1)
    assert path.mean_slowest_exponential(3.0, 8) == pytest.approx(slowest.mean(), rel=0.01)
    decisive = -3.0 * np.log(1 - path.share_for_all(0.5, 8))
    assert decisive == pytest.approx(np.median(slowest), rel=0.01)


def test_no_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="workers"):
        path.parallel([1.0], 0)
