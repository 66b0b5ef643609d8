"""The lab of percentile methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

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
