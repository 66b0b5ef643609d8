"""The lab on counting: what each way says, by records and on a real server."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labs import measure
from replays import agrees

from perflab.chapters.load_report import REPLAYED, replayed
from perflab.chapters.measuring_throughput import counting
from perflab.lab.record import Record
from perflab.measure.frame import Frame


def record(done: np.ndarray, elapsed_s: float = 3.0, offered: int = 150, **chosen: Any) -> Record:
    parameters = {"rate": 50, "window": 0.5, "warm_up": 0.0, "pause": 0.0, **chosen}
    frame = Frame(
        {"done_s": done, "came_s": np.zeros(offered), "lateness_ns": np.full(offered, 50_000)},
        {"calls": done.size},
        {"elapsed_s": elapsed_s, "inside": offered - done.size},
    )
    return Record("counting", parameters, 1, "", frame, elapsed_s, "complete")


EVEN = np.arange(0.2, 3.0, 0.02)


def test_an_even_flow_is_counted_by_every_way_but_the_naive_one() -> None:
    bars = counting.counted(record(EVEN, window=60))
    assert list(bars) == list(counting.WAYS)
    assert bars[counting.OFFERED].value == pytest.approx(50)
    assert bars[counting.OVERALL].value == pytest.approx(EVEN.size / EVEN[-1])
    assert bars[counting.CUT].value == pytest.approx(bars[counting.OVERALL].value)
    assert bars[counting.NAIVE].value == pytest.approx(bars[counting.WINDOW].value * 3 / 60)


def test_cutting_the_warm_up_mends_the_rate() -> None:
    cut = counting.counted(record(EVEN, warm_up=0.2))[counting.CUT]
    assert cut.value == pytest.approx(50, rel=0.02)
    assert counting.counted(record(EVEN))[counting.CUT].value < 48


def test_the_model_knows_pause_capacity_and_window() -> None:
    plain = counting.predict(rate=50, pause=0, window=0.5, warm_up=0)
    paused = counting.predict(rate=50, pause=1.0, window=0.5, warm_up=0)
    flooded = counting.predict(rate=200, pause=0, window=0.5, warm_up=0.2)
    assert paused.bars[counting.OVERALL] < 0.8 * plain.bars[counting.OVERALL]
    assert paused.windowed.min() == 0
    assert flooded.bars[counting.CUT] == pytest.approx(counting.CAPACITY, rel=0.1)
    assert flooded.bars[counting.OFFERED] == pytest.approx(200, rel=0.02)


def test_a_real_server_gives_what_the_model_says_and_no_more_than_its_capacity() -> None:
    for rate, expected in ((50, 50), (200, counting.CAPACITY)):
        frame = measure(counting.lab(), 5.0, rate=rate)
        chosen = {"rate": rate, "window": 0.5, "warm_up": 0.3, "pause": 0.0}
        run = Record("counting", chosen, 1, "", frame, 3.0, "complete")
        assert expected / 1.4 < counting.counted(run)[counting.CUT].value < expected * 1.3
        assert agrees(replayed(run, counting.WORKERS), run)
        assert any("apart" in row[1] for row in counting.table(run, None) if row[0] == REPLAYED)


def test_the_verdict_names_a_window_that_is_longer_than_the_run() -> None:
    assert "longer than the run" in counting.verdict(record(EVEN, window=60), None).text
    assert "longer than the run" not in counting.verdict(record(EVEN), None).text


def test_offered_load_above_capacity_is_told_as_saturated() -> None:
    done = np.arange(0.2, 3.0, 0.01)
    said = counting.verdict(record(done, offered=600, rate=200), None).text
    assert "Saturated" in said
    assert "320 are still inside" in said


def test_a_generator_that_is_late_shows_no_rate() -> None:
    late = record(EVEN)
    late.frame.samples["lateness_ns"][:] = 10**9  # type: ignore[index]
    found = counting.verdict(late, None)
    assert found.kind == "invalid"
    assert "too slow" in found.text


def test_two_runs_are_compared_by_their_bands() -> None:
    assert counting.verdict(record(EVEN), record(EVEN)).kind == "too close to call"
    assert counting.verdict(record(EVEN), record(EVEN[::3])).kind == "clear"


@pytest.mark.parametrize(("window", "answer"), [(60, "too little"), (0.5, None)])
def test_the_prediction_is_settled_by_a_window_of_a_minute(window: float, answer: str | None) -> None:
    assert counting.what_was_wrong([record(EVEN, window=window)]) == answer


def test_without_any_completion_there_is_no_rate() -> None:
    assert counting.verdict(record(np.empty(0)), None).kind == "invalid"
    assert counting.counted(Record("counting", {}, 1, "")) == {}
