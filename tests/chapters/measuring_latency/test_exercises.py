"""The checks of notebook 02 say what is wrong, and accept what is right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from perflab.chapters.measuring_latency import exercises
from perflab.lab.record import Record
from perflab.measure.frame import Frame


def record(latency_ns: float, **parameters: Any) -> Record:
    given = {"operation": "dict lookup", "repeats": 1_000, "batch": 1, **parameters}
    return Record("stopwatch", given, 1, "", Frame({"latency_ns": np.full(1_000, latency_ns)}))


ALONE = record(200.0)


@pytest.mark.parametrize(
    ("batched", "said"),
    [
        (None, "Not done yet"),
        (record(60.0, batch=500, operation="sleep 1 ms"), "operation differs too"),
        (record(60.0, batch=2), "The clock|the clock is still"),
        (record(60.0, batch=1_000), "Right. One look-up: 200 ns"),
    ],
)
def test_modify(batched: Record | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_batched(ALONE, batched)
    shown = capsys.readouterr().out
    assert any(part in shown for part in said.split("|"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Not done yet"),
        ("higher", "Right"),
        ("lower", "the quiet minutes"),
        ("cannot tell", "you can"),
        ("42", "none of"),
    ],
)
def test_judge(answer: str | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_average_of_percentiles(answer)
    assert said in capsys.readouterr().out


def wall_clock_and_few() -> float:
    return sorted(time.time() - time.time() for _ in range(100))[98]


def steady_but_few() -> float:
    return sorted(time.perf_counter() - time.perf_counter() for _ in range(100))[98]


def steady_and_many() -> float:
    return sorted(time.perf_counter_ns() - time.perf_counter_ns() for _ in range(400))[395]


@pytest.mark.parametrize(
    ("function", "said", "unsaid"),
    [
        (wall_clock_and_few, "wall clock|needs 368", "Right"),
        (steady_but_few, "a p99 of 100 samples has no upper end", "wall clock"),
        (steady_and_many, "Right", "wall clock"),
    ],
)
def test_spot_the_lie(function: Any, said: str, unsaid: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(function)
    shown = capsys.readouterr().out
    assert all(part in shown for part in said.split("|"))
    assert unsaid not in shown
    assert time.time() > 0, "the real module is back"


def sorting(length: int) -> Iterator[Frame]:
    yield Frame({"latency_ns": np.full(500, 10.0 * length)}, {"calls": 500})


def not_sorting(length: int) -> Iterator[Frame]:
    yield Frame({"latency_ns": np.full(500, 10.0)}, {"calls": 500})


@pytest.mark.clock
@pytest.mark.parametrize(("experiment", "said"), [(sorting, "Right: 10,000 numbers"), (not_sorting, "Not done yet")])
def test_make(experiment: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_sorting(experiment)
    assert said in capsys.readouterr().out


def columns(**samples: Any) -> Frame:
    return Frame({name: np.asarray(values) for name, values in samples.items()})


def test_claims_wait_for_their_measurement() -> None:
    for claim in exercises.CLAIMS:
        assert "Not measured yet" in claim.report([])


def test_claims_are_judged_from_records() -> None:
    memory, sleep, averages, loops = exercises.CLAIMS
    assert "Holds" in memory.report([ALONE])
    assert "Does not hold" in memory.report([record(5e6)])
    assert "Holds" in sleep.report([record(1.1e6, operation="sleep 1 ms")])
    assert "Does not hold" in sleep.report([record(0.9e6, operation="sleep 1 ms")])
    generator = np.random.default_rng(1)
    mixed = np.where(generator.random(2_000) < 0.003, 1e6, 1e4) * generator.lognormal(0, 0.05, 2_000)
    report = averages.report([Record("percentiles", {}, 1, "", columns(latency_ns=mixed))])
    assert "Holds here: p99" in report
    stalled = columns(open_ns=np.r_[np.full(800, 1e6), np.full(200, 9e7)], closed_ns=np.full(1_000, 1e6))
    assert "Holds" in loops.report([Record("coordinated_omission", {"stall": 100}, 1, "", stalled)])
