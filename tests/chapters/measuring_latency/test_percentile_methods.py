"""The lab of percentile methods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from turns import side_by_side

from perflab.chapters.measuring_latency import percentile_methods as lab_file
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile

LAB = lab_file.lab()
JUMP = np.r_[np.full(99, 1e6), 1e8]


def record(latencies: Any, **parameters: Any) -> Record:
    return Record("percentile_methods", LAB.check(parameters), 1, "", Frame({"latency_ns": np.asarray(latencies)}))


def test_the_known_answer_of_hyndman_and_fan() -> None:
    """99 samples of 1 ms and one of 100: types 1, 7, 5, 8, 6."""
    for found in (lab_file.predict(100, 1), lab_file.p99s(np.random.default_rng(1).permutation(JUMP))):
        values = [each / 1e6 for each in found.values()]
        assert values == pytest.approx([1.0, 1.99, 50.5, 66.67, 99.01], rel=1e-3)


@pytest.mark.parametrize(("samples", "slow"), [(100, 0), (100, 2), (200, 5), (300, 1), (500, 5), (101, 1)])
def test_the_first_method_is_the_one_of_all_other_labs(samples: int, slow: int) -> None:
    waits = np.repeat([1e6, 1e8], [samples - slow, slow])
    found = lab_file.predict(samples, slow)
    assert found["nearest rank (type 1)"] == percentile(waits, 0.99)
    assert len(found) == 5


def test_away_from_the_jump_all_methods_agree() -> None:
    for samples, slow in ((100, 0), (100, 2), (300, 1)):
        assert len(set(lab_file.predict(samples, slow).values())) == 1


def test_the_prediction_is_settled_by_how_far_apart_they_are_and_each_comment_fits() -> None:
    prediction = lab_file.PREDICTION
    outcome = prediction.outcome([record(JUMP)], LAB.check)
    assert outcome is not None and outcome.choice == "five numbers, far apart"
    assert outcome.measured == "1.0 ms, 2.0 ms, 50 ms, 67 ms, 99 ms"
    assert {text for text, answer in prediction.choices.items() if answer.reason} == {outcome.choice}
    for answer in (None, *prediction.choices):
        assert outcome.measured in prediction.comment(answer, outcome)


@pytest.mark.parametrize(
    "run", [record(JUMP[:60]), record(np.r_[JUMP, 1e8], samples=101), record(JUMP, slow=2), record(JUMP[:99])]
)
def test_runs_cut_short_and_other_settings_settle_nothing(run: Record) -> None:
    assert lab_file.PREDICTION.outcome([run], LAB.check) is None


def test_each_method_stops_on_the_line_between_two_calls() -> None:
    """Between numbers 2 and 1 from the slowest: type 1 goes none of the way, type 7 a hundredth, type 5 half, …"""
    numbers, latencies = lab_file.slowest(record(JUMP))
    assert numbers.tolist() == list(range(10, 0, -1)) and latencies.tolist() == [1e6] * 9 + [1e8]
    x, y = lab_file.stops(record(JUMP))
    assert x == pytest.approx([2, 1.99, 1.5, 1.337, 1.01], abs=1e-3)
    assert y == pytest.approx(np.interp([-each for each in x], -numbers, latencies))
    assert lab_file.stops(record([])) == ([], [])


def test_verdict_and_table_name_each_method() -> None:
    run = record(JUMP)
    assert str(LAB.verdict_of(run, None)) == "The p99 of these 100 calls: 1.0 ms, 2.0 ms, 50 ms, 67 ms, 99 ms."
    rows = LAB.table(run, None)
    assert [row[0] for row in rows[1:]] == [*lab_file.METHODS, "slow calls", "slowest call"]
    assert rows[1][1] == "1.0 ms" and rows[-1][1] == "100 ms"


@pytest.mark.clock
def test_a_run_waits_as_often_as_was_asked_for() -> None:
    frames = list(lab_file.experiment(samples=120, slow=2, seed=1))
    latencies = np.concatenate([frame.samples["latency_ns"] for frame in frames])
    assert latencies.size == 120 and (latencies >= 1e8).sum() == 2 and latencies.min() >= 1e6


def test_the_headline_is_from_where_to_where_the_methods_reach() -> None:
    assert LAB.found(record(JUMP), None) == "Five methods report p99s from 1.0 ms to 99 ms for the same 100 calls."
    alike = record(np.full(100, 1.1e6), slow=0)
    assert LAB.found(alike, None) == "Five methods report the same p99 for these 100 calls: 1.1 ms."
    assert lab_file.finding(record([]), None) is None


def test_beside_another_run_the_headline_has_both() -> None:
    now, then = counted(JUMP, 1), counted(np.r_[JUMP[1:], 1e8], 2, slow=2)
    said = "Five methods' p99s: 1.0 ms to 99 ms of 100 calls, 1 slow; 100 ms of 100 calls, 2 slow."
    assert LAB.found(*side_by_side(now, then)) == said
    for other in (now, record([], slow=2), counted(JUMP, 2, slow=2, samples=101)):
        assert lab_file.finding(now, other) == lab_file.finding(now, None)
    longest = counted(np.r_[np.full(495, 9.99e6), np.full(5, 9.99e8)], 5, samples=500)
    assert len(lab_file.finding(longest, counted(JUMP * 9.99, 1)) or "") <= 120


def counted(latencies: Any, slow_calls: int, **parameters: Any) -> Record:
    run = record(latencies, **parameters)
    return replace(run, frame=replace(run.frame, counts={"slow": slow_calls}))


def test_what_is_done_is_said() -> None:
    assert lab_file.scenario({"samples": 100, "slow": 1}) == (
        "99 calls wait for 1.0 ms each, 1 for 100 ms, in random order. Five methods compute the p99 of all."
    )
    assert "100 calls wait for 1.0 ms each, in random" in lab_file.scenario({"samples": 100, "slow": 0})
