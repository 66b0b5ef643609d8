"""Cars at the entrance: none is lost, none drives twice, and a trip begins when the car comes."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.theory.highway import Highway
from perflab.theory.traffic import Road


def driven(rate: float, steps: int = 600, **road: object) -> tuple[Highway, np.ndarray]:
    highway = Highway(Road(**{"cells": 100, "hesitation": 0.2, **road}), rate, np.random.default_rng(3))  # type: ignore[arg-type]
    return highway, np.concatenate([highway.step() for _ in range(steps)])


@pytest.mark.parametrize("rate", [0.1, 0.4, 2.0])
def test_every_car_has_passed_or_is_on_the_road_or_waits(rate: float) -> None:
    highway, trips = driven(rate)
    assert highway.arrived == trips.size + highway.road.position.size + highway.waiting


def test_on_a_quiet_road_a_trip_takes_as_long_as_on_an_empty_one() -> None:
    _, trips = driven(0.02, 5_000)
    assert np.median(trips) == pytest.approx(100 / 4.8, rel=0.1)


def test_what_the_road_cannot_take_waits_and_its_trips_grow() -> None:
    highway, trips = driven(1.5)
    assert highway.waiting > 100
    assert trips[-50:].mean() > 2 * trips[:50].mean()


def test_more_lanes_let_more_through() -> None:
    assert driven(1.5, lanes=2)[1].size > 1.6 * driven(1.5)[1].size


def test_a_ring_has_no_entrance() -> None:
    with pytest.raises(ValueError, match="open road"):
        Highway(Road(100, closed=True), 0.1, np.random.default_rng(1))
