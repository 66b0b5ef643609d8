"""The lab on counting: what each way says, by records and on a real server."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from labs import measure
from matplotlib.figure import Figure
from replays import agrees

from perflab.chapters.load import Load
from perflab.chapters.measuring_throughput import counting
from perflab.lab.record import Record
from perflab.measure.frame import Frame

LAB = counting.lab()


def record(done: np.ndarray, elapsed_s: float = 3.0, offered: int = 150, **chosen: Any) -> Record:
    parameters = {"rate": 50, "window": 0.5, "warm_up": 0.0, "pause": 0.0, **chosen}
    frame = Frame(
        {"completed_s": done, "arrived_s": np.zeros(offered), "lateness_ns": np.full(offered, 50_000)},
        {"calls": done.size},
        {"elapsed_s": elapsed_s, "in_flight": offered - done.size},
    )
    return Record("counting", parameters, 1, "", frame, elapsed_s, "complete")


EVEN = np.arange(0.2, 3.0, 0.02)


def test_an_even_flow_is_counted_by_every_way_except_the_naive_one() -> None:
    found = counting.counted(record(EVEN, window=60))
    assert list(found) == list(counting.WAYS)
    assert found[counting.OFFERED].value == pytest.approx(50)
    assert found[counting.OVERALL].value == pytest.approx(EVEN.size / EVEN[-1])
    assert found[counting.CUT].value == pytest.approx(found[counting.OVERALL].value)
    assert found[counting.NAIVE].value == pytest.approx(found[counting.WINDOW].value * 3 / 60)


def test_cutting_the_warm_up_mends_the_rate() -> None:
    cut = counting.counted(record(EVEN, warm_up=0.2))[counting.CUT]
    assert cut.value == pytest.approx(50, rel=0.02)
    assert counting.counted(record(EVEN))[counting.CUT].value < 48


def test_the_model_knows_pause_capacity_and_window() -> None:
    _, plain = counting.predict(rate=50, pause=0, window=0.5, warm_up=0)
    over_time, paused = counting.predict(rate=50, pause=1.0, window=0.5, warm_up=0)
    _, flooded = counting.predict(rate=200, pause=0, window=0.5, warm_up=0.2)
    assert paused[counting.OVERALL].value < 0.8 * plain[counting.OVERALL].value
    assert over_time.min() == 0
    assert flooded[counting.CUT].value == pytest.approx(counting.CAPACITY, rel=0.1)
    assert flooded[counting.OFFERED].value == pytest.approx(200, rel=0.02)


@pytest.mark.clock
def test_a_real_server_gives_what_the_model_says_and_no_more_than_its_capacity() -> None:
    for rate, expected in ((50, 50), (200, counting.CAPACITY)):
        frame = measure(counting.lab(), 5.0, rate=rate)
        chosen = {"rate": rate, "window": 0.5, "warm_up": 0.3, "pause": 0.0}
        run = Record("counting", chosen, 1, "", frame, 3.0, "complete")
        assert expected / 1.4 < counting.counted(run)[counting.CUT].value < expected * 1.3
        assert agrees(Load(run).replay(counting.WORKERS), run)
        assert "apart" in dict(LAB.trust(run, None))["queue replayed, mean"]


def test_the_verdict_names_a_window_that_is_longer_than_the_run() -> None:
    assert "longer than the run" in LAB.verdict(record(EVEN, window=60), None).text
    assert "longer than the run" not in LAB.verdict(record(EVEN), None).text


def test_offered_load_above_capacity_is_called_saturated() -> None:
    done = np.arange(0.2, 3.0, 0.01)
    said = LAB.verdict(record(done, offered=600, rate=200), None).text
    assert "Saturated" in said
    assert "320 are in flight" in said


def test_a_generator_that_is_late_shows_no_rate() -> None:
    late = record(EVEN)
    late.frame.samples["lateness_ns"][:] = 10**9  # type: ignore[index]
    found = LAB.verdict(late, None)
    assert found.kind == "invalid"
    assert "too slow" in found.text


def test_two_runs_are_compared_by_their_bands() -> None:
    assert LAB.verdict(record(EVEN), record(EVEN)).kind == "too close to call"
    assert LAB.verdict(record(EVEN), record(EVEN[::3])).kind == "clear"


@pytest.mark.parametrize(("window", "answer"), [(60, "too little"), (0.5, None)])
def test_the_prediction_is_settled_by_a_window_of_a_minute(window: float, answer: str | None) -> None:
    assert counting.what_a_long_window_showed(record(EVEN, window=window)) == answer


def test_without_any_completion_there_is_no_rate() -> None:
    assert LAB.verdict(record(np.empty(0)), None).kind == "invalid"
    assert counting.counted(Record("counting", {}, 1, "")) == {}


def drawn(place: int, run: Record) -> dict[str, Any]:
    """The lines of a chart that shows this run, the same run pinned, and its model, by label."""
    chart, axes = deepcopy(counting.CHARTS[place]), Figure().subplots()
    chart.build(axes)
    chart.show_model(run.parameters, counting.predict(**run.parameters))
    chart.show_run(run, (run,))
    chart.show_pinned(run)
    return {line.get_label(): line for line in axes.lines}


def test_each_way_has_a_row_for_run_band_model_and_pinned_run() -> None:
    run = record(EVEN)
    lines = drawn(1, run)
    for label in ("model", "measured, 95% band", "pinned run"):
        assert lines[label].get_ydata().tolist() == [0, 1, 2, 3, 4]
    assert lines["pinned run"].get_xdata().tolist() == [rate.value for rate in counting.counted(run).values()]
    (band,) = (line for label, line in lines.items() if label.startswith("_"))
    rate = counting.counted(run)[counting.OFFERED]
    assert band.get_xdata()[:2].tolist() == [rate.low, rate.high]
    assert rate.high - rate.value == pytest.approx(1.96 * np.sqrt(150) / 3)


def test_throughput_is_drawn_up_to_now() -> None:
    lines = drawn(0, record(EVEN[EVEN < 1.5], elapsed_s=1.5))
    for label in ("overall so far", "smoothed", "windowed"):
        assert lines[label].get_xdata()[-1] == 1.5
        assert lines[label].get_ydata()[-1] == pytest.approx(50, rel=0.2)
    assert lines["model, windowed"].get_xdata()[-1] == counting.RUN_S
