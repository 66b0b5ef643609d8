"""Serial and parallel parts, against simulation."""

from __future__ import annotations

import itertools

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


def test_no_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="workers"):
        path.parallel([1.0], 0)
