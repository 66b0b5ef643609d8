"""Little's law holds to the last digit over a closed window, and not over one that is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labs import measure

from perflab.chapters.highway import littles_law
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.theory.simulate import simulate

START = {"rate": 100, "trip": 50, "workers": 10, "window": 3.0}


def simulated(seed: int = 1, inside: int = 0, **changes: Any) -> Record:
    chosen = {**START, **changes}
    generator = np.random.default_rng(seed)
    came = np.sort(generator.uniform(0, 2, 200))
    run = simulate(came, generator.exponential(chosen["trip"] / 1e3, 200), chosen["workers"])
    order = np.argsort(run.departures)
    samples = {
        "came_s": came,
        "done_s": run.departures[order],
        "latency_ns": (run.departures - came)[order] * 1e9,
        "lateness_ns": np.full(200, 10_000),
    }
    return Record("littles_law", chosen, 1, "", Frame(samples, {"calls": 200}, {"elapsed_s": 3.0, "inside": inside}))


def apart(record: Record) -> float:
    found = littles_law.both_sides(record)
    assert found is not None
    return abs(found.inside / (found.rate * found.time_inside) - 1)


@pytest.mark.parametrize("workers", [1, 2, 10])
def test_over_the_closed_window_both_sides_are_the_same(workers: int) -> None:
    record = simulated(workers=workers)
    assert apart(record) < 1e-9
    assert littles_law.verdict(record, None).kind == "clear"


def test_a_cut_window_is_off_and_the_shorter_the_more() -> None:
    gaps = [np.mean([apart(simulated(seed, window=window, trip=200)) for seed in range(30)]) for window in (0.5, 2.0)]
    assert gaps[0] > 1.5 * gaps[1] > 1e-3
    assert "the window cuts" in littles_law.verdict(simulated(window=0.5), None).text


def test_on_a_real_server_the_law_holds_to_a_billionth() -> None:
    frame = measure(littles_law.lab(), 5.0, rate=100)
    record = Record("littles_law", START, 1, "", frame, 3.0, "complete")
    assert record.fact("inside") == 0
    assert apart(record) < 1e-9


def test_requests_that_never_left_are_said() -> None:
    assert "3 never left" in littles_law.verdict(simulated(inside=3), None).text


def test_the_number_inside_goes_up_and_down_by_one_and_ends_at_nothing() -> None:
    moments, inside = littles_law.steps_inside(simulated())
    assert np.all(np.abs(np.diff(inside)) == 1)
    assert np.all(np.diff(moments) >= 0)
    assert inside[-1] == 0 and inside.min() >= 0


def test_the_model_is_lambda_times_w_and_silent_where_the_queue_grows() -> None:
    expected = littles_law.predict(**START)
    assert expected.inside == pytest.approx(100 * expected.response_s)
    assert np.isnan(littles_law.predict(**{**START, "workers": 1}).inside)


def test_the_prediction_is_settled_by_the_setting_that_was_asked_about() -> None:
    assert littles_law.how_many([simulated()]) == "about 5"
    assert littles_law.how_many([simulated(trip=20)]) is None


def test_without_a_departure_there_is_nothing_to_count() -> None:
    empty = Record("littles_law", START, 1, "")
    assert littles_law.verdict(empty, None).kind == "invalid"
    assert littles_law.table(empty, None) == []
