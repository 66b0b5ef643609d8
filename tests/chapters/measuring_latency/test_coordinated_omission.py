"""The coordinated omission lab."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from labs import constants_of, measure

from perflab.chapters.measuring_latency import coordinated_omission as lab_file
from perflab.lab.charts import SHARES
from perflab.lab.picture import Picture
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile

START = {"rate": 400, "stall": 100, "every": 400}


def record(frame: Frame) -> Record:
    return Record("coordinated_omission", START, 1, "", frame)


@pytest.fixture(scope="module")
def measured() -> Record:
    return record(measure(lab_file.lab(), 1.5))


@pytest.mark.clock
def test_the_open_loop_meets_the_stall_and_the_closed_loop_hides_it(measured: Record) -> None:
    slow_share = {loop: np.mean(times(measured) > 20e6) for loop, times in lab_file.LOOPS.items()}
    assert slow_share["open loop"] > 5 * slow_share["closed loop"]
    assert slow_share["corrected"] > 5 * slow_share["closed loop"]


@pytest.mark.clock
def test_the_measured_tail_follows_the_model(measured: Record) -> None:
    constants = constants_of(lab_file.lab())
    assert constants is not None
    model = lab_file.predict(**START, constants=constants)
    for share in (0.9, 0.95):
        expected = float(np.interp(share, SHARES, model))
        assert percentile(measured.column("open_ns"), share) == pytest.approx(expected, rel=0.5)


LAB = lab_file.lab()


def loops(slow: int, closed: int = 240, **parameters: Any) -> Record:
    closed_ns = np.random.default_rng(1).permutation(np.r_[np.full(slow, 9e7), np.full(closed - slow, 1e6)])
    columns = {"closed_ns": closed_ns, "open_ns": np.full(300, 1e6)}
    return Record("coordinated_omission", {**START, **parameters}, 1, "", Frame(columns))


def test_the_prediction_is_settled_by_the_slow_requests_of_the_closed_loop_and_each_comment_fits() -> None:
    prediction = lab_file.PREDICTION
    outcome = prediction.outcome([loops(2)], LAB.check)
    assert outcome is not None and outcome.choice == "about 1 in 100"
    assert outcome.measured == "2 of 240 (0.83%) in the closed loop, 0 of 300 (0%) in the open loop"
    assert {text for text, answer in prediction.choices.items() if answer.reason} == {outcome.choice}
    for answer in (None, *prediction.choices):
        comment = prediction.comment(answer, outcome)
        assert outcome.measured in comment and "never sends the forty that were due meanwhile" in comment


@pytest.mark.parametrize("run", [loops(0), loops(30), loops(1, closed=60), loops(2, stall=50), loops(2, rate=800)])
def test_no_stall_seen_too_many_slow_ones_few_requests_and_other_settings_settle_nothing(run: Record) -> None:
    assert lab_file.PREDICTION.outcome([run], LAB.check) is None


def both_loops(open_ns: float = 1e8, closed_ns: float = 1e6, late_ns: float = 1e4) -> Record:
    columns = {"open_ns": open_ns, "closed_ns": closed_ns, "lateness_ns": late_ns}
    return record(Frame({name: np.full(400, value) for name, value in columns.items()}))


def test_a_generator_that_was_late_makes_the_run_invalid() -> None:
    verdict = lab_file.lab().verdict(both_loops(late_ns=3e7), None)
    assert verdict.kind == "invalid"
    assert "too slow" in verdict.text
    assert lab_file.lab().verdict(both_loops(late_ns=2e7), None).kind == "", "a quarter of the stall is part of it"


def test_a_run_without_the_closed_loops_turn_is_no_result() -> None:
    half = record(Frame({"open_ns": np.full(100, 1e6), "lateness_ns": np.full(100, 1e4)}))
    assert not lab_file.lab().can_be_trusted(half)
    assert lab_file.lab().can_be_trusted(both_loops())


def test_the_verdict_says_what_each_loop_reports_and_reported_in_the_pinned_run() -> None:
    verdict = lab_file.lab().verdict(both_loops(), both_loops(open_ns=5e7))
    assert verdict.text.startswith(
        "Slower than 10 ms: open loop 400 of 400 (100%); closed loop 0 of 400 (0%). p95: open loop 100 ms; closed loop 1.0 ms; "
    )
    assert "In the pinned run: open loop 50 ms; closed loop 1.0 ms; " in verdict.text
    assert verdict.kind == ""


def test_no_percentile_of_too_few_requests_is_shown() -> None:
    few = record(Frame({name: np.full(60, 1e6) for name in ("open_ns", "closed_ns", "lateness_ns")}))
    assert "closed loop needs 72 samples, have 60" in lab_file.lab().verdict(few, None).text
    assert lab_file.lab().table(few, None)[1][-2:] == ("needs 368 samples, have 60", "1.0 ms")


def test_the_generators_lateness_stands_apart_from_the_results() -> None:
    lab, run = lab_file.lab(), both_loops()
    assert [row[0] for row in lab.table(run, None)] == ["", "open loop", "closed loop", "corrected"]
    assert lab.table(run, None)[1] == ("open loop", "400", *["100 ms"] * 5)
    assert [row[:2] for row in lab.trust(run, None)][1:] == [("generator's lateness, p99", "10 µs")]
    assert lab.trust(record(Frame()), None) == []


def test_the_headline_says_the_share_of_slow_requests_that_each_client_reports() -> None:
    lab = lab_file.lab()
    assert lab.found(loops(2), None) == (
        "The client that waits for each answer reports 0.83% slow requests. On schedule, 0% are slow."
    )
    assert "reports 0% slow requests. On schedule, 100% are slow." in lab.found(both_loops(), None)
    assert lab.found(both_loops(late_ns=3e7), None) == "", "the generator was too late"
    assert lab.scenario is not None and lab.scenario(START) == (
        "The server stops for 100 ms in every 400 ms. 400 requests are due per second; the client that waits sends the next one "
        "after the answer."
    )


def test_a_dot_stands_where_each_client_becomes_slow_on_its_curve_and_none_where_all_or_none_are() -> None:
    chart, artists = drawn(LAB.charts[0])
    dot = artists["12"]
    chart.show_run(loops(2))
    x, y = map(np.array, zip(*points(artists["waits for each answer (closed loop)"]), strict=True))
    assert points(dot) == [(pytest.approx(x[np.argmax(y > lab_file.SLOW_NS)]), lab_file.SLOW_NS)]
    for slow in (0, 240):
        chart.show_run(loops(slow))
        assert points(dot) == []


@pytest.mark.long
def test_each_chart_shows_a_run_and_the_model_and_can_be_emptied() -> None:
    run = both_loops()
    model = lab_file.predict(**START, constants={"base_ns": 3e5, "occupied_ns": 3e5})
    for chart in LAB.charts:
        images: list[bytes] = []
        picture = Picture(chart, 500, 320, images.append)
        picture.draw()
        empty = images[-1]
        picture.show_run(run)
        assert images[-1] != empty
        picture.show_run(None)
        assert images[-1] == empty
        picture.show_model(START, model)
        picture.draw()
        assert images[-1] != empty
