"""The road: exact flows where they are known, and no two cars in one place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from perflab.theory.traffic import (
    Road,
    expected_flow,
    flow_of_slow_cars,
    flow_of_triangle,
    free_density,
    is_exact,
)


def flow_without_hesitation(density: ArrayLike, fastest: int) -> NDArray[np.float64]:
    """Exact flow of a ring with p = 0: min(v·ρ, 1 − ρ) (Nagel and Schreckenberg 1992); highest at ρ = 1/(v + 1)."""
    rho = np.asarray(density, float)
    return np.minimum(fastest * rho, 1 - rho)


def measured_flow(road: Road, density: float, steps: int = 600, warm_up: int = 300) -> float:
    generator = np.random.default_rng(1)
    road.fill(density, generator)
    flows = []
    for step in range(warm_up + steps):
        road.advance(generator)
        if step >= warm_up:
            flows.append(road.flow)
    return float(np.mean(flows))


def test_the_known_answers() -> None:
    assert float(flow_of_slow_cars(0.5, 0.5)) == pytest.approx(0.146447, abs=1e-6)
    assert float(flow_without_hesitation(1 / 6, 5)) == pytest.approx(0.8333, abs=1e-4)
    assert flow_without_hesitation([0.1, 0.5], 5) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("density", [0.1, 1 / 6, 0.3, 0.7])
def test_a_ring_without_hesitation_flows_as_it_must(density: float) -> None:
    road = Road(600, fastest=5, hesitation=0.0, closed=True)
    flow = measured_flow(road, density)
    assert flow == pytest.approx(float(flow_without_hesitation(road.density, 5)), rel=0.02)


@pytest.mark.parametrize(("density", "hesitation"), [(0.5, 0.5), (0.2, 0.3), (0.8, 0.1)])
def test_slow_cars_flow_as_they_must(density: float, hesitation: float) -> None:
    flow = measured_flow(Road(1_000, fastest=1, hesitation=hesitation, closed=True), density)
    assert flow == pytest.approx(float(flow_of_slow_cars(density, hesitation)), rel=0.03)


def test_hesitation_makes_jams_out_of_nothing() -> None:
    calm, nervous = (measured_flow(Road(600, hesitation=p, closed=True), 0.15) for p in (0.0, 0.4))
    assert nervous < 0.85 * calm


@pytest.mark.long
@given(st.integers(1, 4), st.integers(1, 6), st.floats(0, 1), st.floats(0, 0.9), st.booleans(), st.integers(0, 2**16))
def test_no_two_cars_are_ever_in_one_place_and_none_gets_lost(
    lanes: int, fastest: int, hesitation: float, density: float, closed: bool, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    road = Road(40, lanes, fastest, hesitation, closed)
    road.fill(density, generator)
    cars = road.position.size
    for _ in range(15):
        came_on = 0 if closed else road.enter(lanes)
        cars += came_on
        road.advance(generator)
        places = set(zip(road.lane.tolist(), road.position.tolist(), strict=True))
        assert len(places) == road.position.size
        assert np.all((road.lane >= 0) & (road.lane < lanes) & (road.position >= 0) & (road.position < 40))
        assert np.all((road.speed >= 0) & (road.speed <= fastest))
        assert cars == road.position.size + (0 if closed else road.passed)
        assert len(set(road.number.tolist())) == road.number.size


def test_an_empty_road_is_driven_at_full_speed_and_the_trip_is_timed() -> None:
    road = Road(100, fastest=5, hesitation=0.0)
    generator = np.random.default_rng(1)
    assert road.enter(1) == 1
    trips: list[int] = []
    while road.position.size:
        trips += road.advance(generator).tolist()
    assert trips == [20]
    assert road.passed == 1


@pytest.mark.long
@pytest.mark.parametrize(("fastest", "flow"), [(1, 1 / 2), (2, 2 / 3), (3, 3 / 4), (4, 4 / 5), (5, 5 / 6)])
def test_without_hesitation_the_entrance_lets_on_what_a_lane_can_carry(fastest: int, flow: float) -> None:
    road, generator = Road(120, 1, fastest, 0.0), np.random.default_rng(1)
    for step in range(1_500):
        if step == 300:
            before = road.passed
        road.enter(9)
        road.advance(generator)
    assert (road.passed - before) / 1_200 == pytest.approx(flow, abs=1e-3)
    assert flow == pytest.approx(float(flow_without_hesitation(1 / (fastest + 1), fastest)))


@pytest.mark.long
@pytest.mark.parametrize(("fastest", "hesitation"), [(1, 0.3), (2, 0.3), (5, 0.3), (5, 0.1)])
def test_with_hesitation_the_entrance_lets_on_as_much_as_a_ring_carries_at_its_best(
    fastest: int, hesitation: float
) -> None:
    road, generator = Road(120, 1, fastest, hesitation), np.random.default_rng(1)
    for step in range(2_500):
        if step == 500:
            before = road.passed
        road.enter(1)
        road.advance(generator)
    densities = (1 / 6, 0.2, 0.25, 0.3, 0.4, 0.5)
    best = max(measured_flow(Road(240, 1, fastest, hesitation, closed=True), each) for each in densities)
    assert (road.passed - before) / 2_000 > 0.95 * best


def test_cars_come_on_with_a_gap_as_long_as_their_speed_one_a_lane_and_none_where_there_is_no_room() -> None:
    road = Road(50, 2, 5, 1.0)
    assert road.enter(1) == 1
    assert road.enter(5) == 1, "the other lane is the only one with room"
    assert road.enter(5) == 0
    assert road.speed.tolist() == [5, 5] and road.position.tolist() == [4, 4]
    road.position[:] = [9, 10]
    assert road.enter(5) == 2
    assert dict(zip(road.lane[2:].tolist(), road.position[2:].tolist(), strict=True)) == {
        road.lane[0]: 3,
        road.lane[1]: 4,
    }


def test_cars_on_a_ring_are_timed_from_one_passing_of_the_end_to_the_next() -> None:
    ring, generator = Road(60, 1, 5, 0.0, closed=True), np.random.default_rng(1)
    ring.fill(3 / 60, generator)
    laps = [ring.advance(generator) for _ in range(120)]
    assert np.concatenate(laps[60:]).tolist() == [12] * 15
    assert ring.passed == sum(map(len, laps))


@pytest.mark.parametrize("wrong", [{"cells": 1}, {"lanes": 0}, {"fastest": 0}, {"hesitation": 1.5}])
def test_roads_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a road has"):
        Road(**{"cells": 10, **wrong})


def test_a_density_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="density"):
        Road(10).fill(1.5, np.random.default_rng(1))


def test_the_triangle_is_exact_without_hesitation_and_above_the_flow_with_it() -> None:
    densities = np.linspace(0, 1, 21)
    np.testing.assert_allclose(expected_flow(densities, 5, 0.0), flow_without_hesitation(densities, 5))
    np.testing.assert_allclose(expected_flow(densities, 1, 0.4), flow_of_slow_cars(densities, 0.4))
    assert np.all(flow_of_triangle(densities, 1, 0.4) >= flow_of_slow_cars(densities, 0.4) - 1e-12)
    assert is_exact(5, 0.0) and is_exact(1, 0.4) and not is_exact(5, 0.4)


@pytest.mark.long
@pytest.mark.parametrize(("fastest", "hesitation", "density"), [(1, 0.5, 0.5), (5, 0.0, 1 / 6)])
def test_with_several_lanes_no_flow_is_known_exactly(fastest: int, hesitation: float, density: float) -> None:
    assert not is_exact(fastest, hesitation, 2)
    one, two = (measured_flow(Road(600, lanes, fastest, hesitation, closed=True), density, 2_000) for lanes in (1, 2))
    exact = float(expected_flow(density, fastest, hesitation))
    assert one == pytest.approx(exact, rel=0.01)
    assert abs(two / exact - 1) > 0.005
    assert two <= 1.01 * float(expected_flow(density, fastest, hesitation, 2)), "the triangle stays above it"


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("fastest", [1, 2, 5])
@pytest.mark.parametrize("hesitation", [0.0, 0.3, 0.5])
def test_the_free_density_of_a_flow_is_the_lower_of_two(lanes: int, fastest: int, hesitation: float) -> None:
    densities = np.linspace(0, 1, 501)
    flows = expected_flow(densities, fastest, hesitation, lanes)
    for index in range(0, int(np.argmax(flows)), 20):
        found = free_density(float(flows[index]), fastest, hesitation, lanes)
        assert found == pytest.approx(densities[index], abs=1e-7)


@pytest.mark.parametrize("density", [0.05, 0.15, 0.3, 0.6])
def test_no_ring_carries_more_than_the_triangle(density: float) -> None:
    generator = np.random.default_rng(5)
    ring = Road(400, 1, 5, 0.3, closed=True)
    ring.fill(density, generator)
    flows = []
    for _ in range(1_200):
        ring.advance(generator)
        flows.append(ring.flow)
    assert np.mean(flows[400:]) < 1.02 * float(flow_of_triangle(density, 5, 0.3))


def test_detectors_on_the_whole_road_see_its_density_and_flow() -> None:
    generator = np.random.default_rng(1)
    ring = Road(100, 2, 5, 0.2, closed=True)
    ring.fill(0.2, generator)
    for _ in range(50):
        ring.advance(generator)
    assert ring.density_and_flow(0, 100) == pytest.approx((ring.density, ring.flow))
    halves = [ring.density_and_flow(0, 50), ring.density_and_flow(50, 100)]
    assert np.mean(halves, axis=0) == pytest.approx((ring.density, ring.flow))
