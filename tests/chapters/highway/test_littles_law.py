"""Little's law holds to the last digit over a closed window, and not over one that is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labs import measure
from replays import agrees

from perflab.chapters.highway import littles_law
from perflab.chapters.load_report import NOT_SHOWN, REPLAYED, replayed
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.theory.simulate import simulate

START = {"rate": 100, "trip": 50, "workers": 10, "window": 3.0}


def simulated(seed: int = 1, inside: int = 0, late_ns: int = 10_000, **changes: Any) -> Record:
    chosen = {**START, **changes}
    generator = np.random.default_rng(seed)
    came = np.sort(generator.uniform(0, 2, 200))
    run = simulate(came, generator.exponential(chosen["trip"] / 1e3, 200), chosen["workers"])
    order = np.argsort(run.departures)
    samples = {
        "came_s": came,
        "done_s": run.departures[order],
        "latency_ns": (run.departures - came)[order] * 1e9,
        "lateness_ns": np.full(200, late_ns),
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


def test_a_late_generator_gives_no_time_inside() -> None:
    late = simulated(late_ns=10**8)
    assert "too slow" in littles_law.verdict(late, None).text
    assert dict(row[:2] for row in littles_law.table(late, None))["W, mean time inside"] == NOT_SHOWN
    assert "9.0 ms too late" in littles_law.verdict(simulated(late_ns=9_000_000), None).text


def test_a_window_that_ends_empty_cuts_nothing() -> None:
    samples = {"came_s": [0.01, 0.03, 0.2], "done_s": [0.04, 0.06, 0.3], "latency_ns": [3e7, 3e7, 1e8]}
    chosen = {**START, "window": 0.1}
    record = Record(
        "littles_law", chosen, 1, "", Frame({n: np.array(x) for n, x in samples.items()}, {}, {"elapsed_s": 3.0})
    )
    said = littles_law.verdict(record, None).text
    assert "L = 0.6. Nobody was inside when the window ended" in said and "apart" not in said


def flooded(seed: int = 1) -> Record:
    """200 requests/s of 200 ms and one worker: hardly any has left when the run ends, and the client knows only of those."""
    generator = np.random.default_rng(seed)
    came = np.sort(generator.uniform(0, 2, 400))
    run = simulate(came, generator.exponential(0.2, 400))
    left = run.departures <= 3.0
    samples = {"came_s": came, "done_s": run.departures[left], "latency_ns": (run.departures - came)[left] * 1e9}
    chosen = {**START, "rate": 200, "trip": 200, "workers": 1}
    facts = {"elapsed_s": 3.0, "inside": int((~left).sum())}
    return Record("littles_law", chosen, 1, "", Frame(samples, {"calls": int(left.sum())}, facts))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_those_who_never_leave_are_inside_until_the_end(seed: int) -> None:
    record = flooded(seed)
    found = littles_law.both_sides(record)
    moments = np.linspace(0, 3, 300_001)
    came, left = (np.searchsorted(record.column(name), moments) for name in ("came_s", "done_s"))
    assert found is not None
    assert found.inside == pytest.approx((came - left).mean(), rel=1e-3)
    assert found.inside > 200, "not only those who got out"
    assert found.rate == pytest.approx(400 / 3)
    verdict = littles_law.verdict(record, None)
    assert "never left" in verdict.text and verdict.kind != "clear"


@pytest.mark.parametrize("count", ["failures", "dropped"])
def test_who_failed_or_was_not_sent_has_not_left_either(count: str) -> None:
    record = simulated()
    record.frame.counts[count] = 2  # type: ignore[index]
    assert littles_law.never_left(record) == 2
    assert "2 never left" in littles_law.verdict(record, None).text


def test_on_a_real_server_the_law_holds_to_a_billionth_and_its_queue_is_replayed() -> None:
    frame = measure(littles_law.lab(), 5.0, rate=100)
    record = Record("littles_law", START, 1, "", frame, 3.0, "complete")
    assert record.fact("inside") == 0
    assert apart(record) < 1e-9
    assert agrees(replayed(record, START["workers"]), record)  # type: ignore[arg-type]
    rows = {row[0]: row[1] for row in littles_law.table(record, None)}
    assert "apart" in rows[REPLAYED]
    due_per_s = float(rows["due; sent per second"].split(";")[0])
    assert due_per_s == pytest.approx(record.column("came_s").size / littles_law.ASKED_S, abs=0.5)


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
    assert littles_law.how_many([simulated(window=0.2)]) is None, "too few to tell"
    assert littles_law.how_many([simulated(inside=3)]) is None


def test_without_a_departure_there_is_nothing_to_count() -> None:
    empty = Record("littles_law", START, 1, "")
    assert littles_law.verdict(empty, None).kind == "invalid"
    assert littles_law.table(empty, None) == []
