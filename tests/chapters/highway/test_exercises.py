"""The checks of notebook 01 say what is wrong, and accept what is right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from drawing import drawn, points

from perflab.chapters.highway import exercises, road, road_model
from perflab.lab.record import Record
from perflab.measure.frame import Frame, merge
from perflab.theory.simulate import fifo, shortest_first, simulate


def drive(trip_s: float, cars: int = 100, **changes: Any) -> Record:
    chosen = {"lanes": 2, "cars": 30, "limit": 81, "hesitation": 0.3, **changes}
    return Record("road", chosen, 1, "", Frame({"latency_ns": np.full(cars, trip_s * 1e9)}, {"steps": 200}))


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, "Not done yet"),
        (drive(40, lanes=1), "`lanes` should stay 2"),
        (drive(40, cars=10), "come to its end"),
        (drive(40, cars=60), "Right"),
        (drive(80), "at most 60 s. Or was it chance"),
        (drive(80, limit=54), "at 54 km/h 30 cars a minute get through, but the median trip takes 80 s"),
        (drive(80, limit=54), "at most 60 s.\n"),
        (drive(30, limit=108), "That works: at 108 km/h"),
        (drive(40), "Right: at 81 km/h 30 cars"),
        (drive(30, limit=135), "Would a lower limit do"),
        ("81", "is no run"),
        (81, "is no run"),
        ((81, 30), "is no run"),
        (Record("same_road", {"lanes": 2}, 1, ""), "a run of the lab 'same road'"),
        (drive(40, cars=0), "measured nothing"),
    ],
)
def test_commute(record: Record | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_commute(record)
    assert said in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("limit", "said"), [(54, "at most 60 s"), (81, "Right")])
def test_the_solution_of_the_commute_is_right_on_the_road(
    seed: int, limit: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(road_model, "FRAME_S", 0.0)
    chosen = {"lanes": 2, "cars": 30, "limit": limit, "hesitation": 0.3}
    slices = road.experiment(**chosen, seed=seed)  # type: ignore[arg-type]
    frame = merge(next(slices) for _ in range(80))
    exercises.check_commute(Record("road", chosen, 1, "", frame))
    assert said in capsys.readouterr().out


@pytest.mark.process
def test_a_discipline_that_helps_is_accepted_and_its_lab_runs(capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_discipline(lambda number, service, kind: service)
    assert "Right" in capsys.readouterr().out
    assert lab is not None
    mine, usual = (lab.run(yours=yours).column("latency_ns").mean() for yours in (True, False))
    assert mine < usual


@pytest.mark.long
def test_what_is_expected_of_both_orders_is_what_they_do_in_the_long_run() -> None:
    model = exercises.expected_responses()
    for rate in (20, 40):
        for curve, rank in ((model["usual"], fifo), (model["best"], shortest_first)):
            runs = [exercises.requests(seed, rate) for seed in range(150)]
            found = np.concatenate([simulate(*run[:2], discipline=rank).responses for run in runs]).mean()
            assert found * 1e9 == pytest.approx(np.interp(rate, *curve), rel=0.05)


def test_the_orders_lab_draws_both_orders_and_runs_before_that_differ_in_the_rate_only() -> None:
    chart, artists = drawn(exercises.RESPONSE_AGAINST_LOAD)
    model = exercises.expected_responses()
    chart.show_model({"rate": 40, "yours": True}, model)
    assert points(artists["2"]) == [(40, pytest.approx(np.interp(40, *model["usual"])))]
    assert artists["the best order"].get_ydata() == pytest.approx(model["best"][1])

    def served(rate: int, yours: bool) -> Record:
        frame = Frame({"latency_ns": np.array([rate * 1e6])})
        return Record("exercises", {"rate": rate, "yours": yours}, 1, "", frame, 0.5, "complete")

    runs = [served(10, True), served(20, False), served(30, True)]
    chart.show_run(runs[-1], runs)
    assert points(artists["measured"]) == [(30, 3e7)]
    assert points(artists["3"]) == [(10, 1e7), (30, 3e7)]


@pytest.mark.parametrize("rank", [fifo, lambda number, service, kind: -number, lambda number, service, kind: -service])
def test_a_discipline_that_does_not_help_is_open_and_still_a_lab(rank: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_discipline(rank) is not None
    assert "Not done yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "rank",
    [
        lambda number, service, kind: kind,
        lambda number, service, kind: (kind, number),
        lambda number, service, kind: [service],
        lambda number, service, kind: round(service, 2),
        lambda number, service, kind: service > 0.05,
    ],
)
def test_two_classes_of_priority_are_as_right_as_the_shortest_first(
    rank: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exercises.check_discipline(rank) is not None
    assert capsys.readouterr().out.startswith("Right")


@pytest.mark.parametrize("rank", [None, 3, "service", {}])
def test_what_is_no_rank_is_said(rank: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_discipline(rank) is None
    assert "is no function" in capsys.readouterr().out


def test_a_rank_that_cannot_be_sorted_by_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_discipline(lambda number, service, kind: service if number % 7 else math.nan) is None
    assert "It returned NaN" in capsys.readouterr().out


def test_the_kinds_are_those_of_long_and_short_requests() -> None:
    _, services, kinds = exercises.requests(3)
    assert set(kinds.tolist()) == {0, 1} and services[kinds == 1].min() > 5 * services[kinds == 0].max()
    assert kinds.mean() == pytest.approx(exercises.SHARE_LONG, abs=0.02)


def test_a_rank_that_cannot_be_called_is_told_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_discipline(lambda number: number) is None  # type: ignore[misc,arg-type]
    assert "called with number, service and kind" in capsys.readouterr().out
    assert exercises.check_discipline(shortest_first) is not None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Not done yet"),
        ("36", "Right"),
        (" 36 ", "Right"),
        ("36 threads", "not a number"),
        (Decimal(36), "Right"),
        (Fraction(36), "Right"),
        (np.array(36), "Right"),
        (True, "not a number"),
        (10, "the queue grows."),
        (24, "grows, slowly"),
        (25, "leave little room for bursts: the mean wait is 1"),
        (27, "leave little room for bursts"),
        (27, "more than a tenth of the stay"),
        (28, "Right"),
        (60, "they can do 300/s.\n"),
        (61, "Right"),
        (61, "37 of 61 threads are idle on average"),
        (float("inf"), "not a number"),
        ([36], "not a number"),
        (36, "Right"),
        (36.0, "and 36 threads leave room"),
        (np.int64(36), "Right"),
        (36.5, "not a number"),
        (float("nan"), "not a number"),
        (200, "176 of 200 threads are idle"),
        (500, "Not yet: 24 requests are in flight on average. Ten times as many threads"),
        (10**400, "not a number"),
    ],
)
def test_threads(answer: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_threads(answer)
    assert said in capsys.readouterr().out


def asked_by_arrivals(log: Sequence[tuple[float, float]]) -> float:
    """The lie: what each arrival finds."""
    found = [sum(came <= moment < left for came, left in log) for moment, _ in log]
    return sum(found) / len(found)


def by_area(log: Sequence[tuple[float, float]]) -> float:
    window = max(left for _, left in log) - min(came for came, _ in log)
    return sum(left - came for came, left in log) / window


@pytest.mark.parametrize("log", exercises.LOGS)
def test_every_log_has_the_mean_that_counting_gives(log: str) -> None:
    visits, expected = exercises.LOGS[log]
    first, last = min(came for came, _ in visits), max(left for _, left in visits)
    moments = np.linspace(first, last, 60_000, endpoint=False)
    inside = sum((came <= moments) & (moments < left) for came, left in visits)
    assert np.mean(inside) == pytest.approx(expected, abs=1e-3)


def test_the_logs_neither_all_begin_at_0_nor_end_with_the_last_to_leave() -> None:
    logs = [visits for visits, _ in exercises.LOGS.values()]
    assert any(min(came for came, _ in visits) > 0 for visits in logs)
    middle = [max(range(len(visits)), key=lambda n, v=visits: v[n][1]) for visits in logs]  # type: ignore[misc]
    assert any(0 < place < len(visits) - 1 for place, visits in zip(middle, logs, strict=True))


def test_the_lie_is_seen_and_the_truth_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(asked_by_arrivals)
    assert "Still wrong" in capsys.readouterr().out
    exercises.check_the_lie(by_area)
    assert capsys.readouterr().out.startswith("Right")
    exercises.check_the_lie(lambda log: sum(left - came for came, left in log) / log[-1][1])
    assert "Still wrong" in capsys.readouterr().out, (
        "neither does every log begin at 0, nor is the last one the last to leave"
    )
    exercises.check_the_lie(lambda log: None)  # type: ignore[arg-type,return-value]
    assert "yours says None" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [None, 1.8, "log"])
def test_what_is_no_function_is_said(answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(answer)
    assert "is no function" in capsys.readouterr().out
