"""The quick ways to simulate one server, against the general one and by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory import one_server
from perflab.theory.simulate import fifo, lifo, shortest_first, simulate

MILLISECONDS = st.integers(0, 5_000).map(lambda number: number / 1_000)
PAIRS = st.lists(st.tuples(MILLISECONDS, MILLISECONDS), min_size=1, max_size=60)


def of(pairs: list[tuple[float, float]]) -> tuple[Any, Any]:
    gaps, services = np.array(pairs).T
    return np.cumsum(gaps + 1e-3), services + 1e-3


@given(PAIRS, st.integers(0, 4), st.sampled_from([0.5, 3.0, math.inf]))
def test_first_come_is_the_general_way_with_places_and_with_drops(
    pairs: list[tuple[float, float]], places: int, longest: float
) -> None:
    times, services = of(pairs)
    for many in (places, math.inf):
        told = simulate(times, services, 1, many, fifo, drops=lambda _, waited, __: waited > longest)
        quick = one_server.first_come(times.tolist(), services.tolist(), many, longest)
        ruled = one_server.first_come(times.tolist(), services.tolist(), many, drops=lambda _, waited: waited > longest)
        assert quick == pytest.approx(told.starts, nan_ok=True) == ruled


@given(PAIRS, st.sampled_from([(one_server.last_come, lifo), (one_server.shortest_first, shortest_first)]))
def test_other_orders_are_the_general_way_until_the_end(pairs: list[tuple[float, float]], order: Any) -> None:
    quick, discipline = order
    times, services = of(pairs)
    told = simulate(times, services, 1, math.inf, discipline).starts
    assert quick(times.tolist(), services.tolist()) == pytest.approx(told)
    cut = np.array(quick(times.tolist(), services.tolist(), times[-1]))
    begun = told < times[-1]
    assert cut[begun] == pytest.approx(told[begun])


def test_a_server_without_places_serves_what_finds_it_free() -> None:
    starts = one_server.first_come([0.0, 1.0, 2.0, 9.0], [2.0, 2.0, 2.0, 1.0], places=0)
    assert starts == pytest.approx([0, math.nan, 2, 9], nan_ok=True)
    one_place = one_server.first_come([0.0, 0.5, 1.0, 2.0], [2.0, 2.0, 2.0, 1.0], places=1)
    assert one_place == pytest.approx([0, 2, math.nan, 4], nan_ok=True)
