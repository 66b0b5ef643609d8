"""The lab on admission: a long queue keeps the throughput and loses the goodput; a rule decides in the real server, too."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from headlines import check_headlines_fit
from labs import measure, measured_together
from matplotlib.figure import Figure
from relations import two_of_three
from replays import agrees
from turns import side_by_side

from perflab.chapters import load
from perflab.chapters.measuring_throughput import admission
from perflab.chapters.measuring_throughput.admission_model import predict
from perflab.lab.record import Record
from perflab.measure.frame import Frame

LAB = admission.lab()
START = LAB.check({})


def served(per_s: int = 150, in_time: float = 1.0, elapsed_s: float = 2.0, rejected: int = 0, **changes: Any) -> Record:
    """A record of a run that served so many requests per second, a share of them in time."""
    number = int(per_s * elapsed_s)
    done = np.arange(1, number + 1) / per_s
    samples = {
        "completed_s": done,
        "latency_ns": np.where(np.arange(number) < in_time * number, 1e8, 9e8),
        "lateness_ns": np.full(number, 10_000),
        "arrived_s": np.linspace(0, elapsed_s, int(500 * elapsed_s)),
    }
    counts, facts = {"calls": number, "rejected": rejected}, {"elapsed_s": elapsed_s, "in_flight": 0}
    return Record("admission", {**START, **changes}, 1, "", Frame(samples, counts, facts), elapsed_s, "complete")


def test_goodput_counts_what_was_answered_in_time() -> None:
    assert admission.goodput(served(150)) == 150
    assert admission.goodput(served(150, in_time=0.2)) == 30
    assert np.isnan(admission.goodput(Record("admission", START, 1, "")))


def test_in_the_model_a_longer_queue_serves_no_more_and_soon_none_in_time() -> None:
    found = predict(**START)
    at = dict(zip(found.queues.tolist(), zip(found.throughput, found.goodput, strict=True), strict=True))
    assert at[30][0] == at[1_000][0] == pytest.approx(160, rel=0.05)
    assert at[30][1] == at[30][0]
    assert at[1_000][1] < 0.5 * at[30][1]
    assert np.all(np.diff(found.response_ns) >= 0)


def test_the_model_asks_the_learners_rule() -> None:
    none = predict(**START, admit=lambda queued, places, workers, service_s: False)
    assert len(set(none.throughput.tolist())) == 1 and none.response_ns[0] == pytest.approx(50e6)


def test_the_verdict_tells_throughput_goodput_rejections_and_overload() -> None:
    said = LAB.verdict(served(150, in_time=0.2, rejected=400), None).text
    assert "150 requests/s served of 500 offered, 30 of them within 0.5 s (goodput)" in said
    assert "400 requests were rejected" in said and "Overloaded: the capacity is 160/s" in said
    assert "Overloaded" not in LAB.verdict(served(500, workers=64), None).text


def test_the_pinned_run_is_compared() -> None:
    found = LAB.verdict(*side_by_side(served(150), served(150, in_time=0)))
    assert found.kind == "clear" and "Pinned run: 0/s in time; the p50 is 9.00×" in found.text
    assert LAB.verdict(*side_by_side(served(150), served(150))).kind == "practically equal"
    found = LAB.verdict(*side_by_side(served(in_time=0.3), served()))
    assert found.kind == "clear" and re.search(r"goodput is 3\.33× \(.+\) below the pinned run\.$", found.text), (
        "though part of its slices has the same p50"
    )


def test_the_headline_is_what_of_the_answers_is_in_time() -> None:
    said = "With 100 places in the queue, 150 of 500 requests/s are answered, {} of them within 0.5 s."
    assert LAB.found(served(150, in_time=0.2), None) == said.format(30)
    assert LAB.found(served(150), None) == said.format("all")
    assert LAB.found(served(150, queue=0), None).startswith("Without a queue, 150 of 500 requests/s are answered")


def test_beside_another_run_the_headline_is_what_of_each_is_in_time() -> None:
    short, long = side_by_side(served(queue=30), served(in_time=0.3, queue=300))
    before, then = "ith 30 places in the queue, 150 of 150", "ith 300 places in the queue, 45 of 150"
    assert LAB.found(long, short) == f"W{before} answers/s are in time; w{then}."
    assert LAB.found(short, long) == f"W{then} answers/s are in time; w{before}."
    several = served(in_time=0.3, queue=300, rate=300)
    assert LAB.found(*side_by_side(several, served())) == LAB.found(several, None)


def test_before_anything_was_served_there_is_no_headline() -> None:
    empty = Record("admission", START, 1, "")
    assert admission.finding(empty, None) is None
    assert admission.finding(served(queue=30), empty) == admission.finding(served(queue=30), None)


def test_each_headline_fits_and_says_what_is_done() -> None:
    check_headlines_fit(LAB, served)
    check_headlines_fit(LAB, lambda **chosen: served(2_560, **chosen))
    said = (
        "For 2 s, 500 requests per second arrive at 8 workers, which take 50 ms for each (at most 160/s). The queue has"
    )
    assert admission.scenario(START) == f"{said} 100 places; further requests are rejected."
    none = admission.scenario({**START, "queue": 0, "workers": 1})
    assert "one worker, which takes 50 ms for each (at most 20/s). There is no queue; further" in none


def outcome(short: Record, long: Record) -> Any:
    return LAB.prediction.outcome(side_by_side(short, long), LAB.check)  # type: ignore[union-attr]


def test_what_the_long_queue_did_is_told_whatever_was_predicted() -> None:
    found = outcome(served(queue=30), served(in_time=0.3, queue=300))
    assert found.choice == "it falls"
    for answer in (None, *admission.PREDICTION.choices):
        said = admission.PREDICTION.comment(answer, found)
        assert "150 requests/s in time with 30 places, 45 with 300" in said and "answered too late" in said
    assert "a queue serves none" in admission.PREDICTION.comment("it grows", found)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (served(queue=30), served(queue=300)),
        (served(queue=30), served(in_time=0.3, queue=1_000)),
        (served(queue=30, rate=200), served(in_time=0.3, queue=300, rate=200)),
        (served(queue=30, elapsed_s=1.0), served(in_time=0.3, queue=300, elapsed_s=1.0)),
        (served(4, queue=30), served(4, in_time=0.3, queue=300)),
    ],
)
def test_other_settings_and_runs_that_tell_nothing_settle_nothing(short: Record, long: Record) -> None:
    assert outcome(short, long) is None


def test_both_rates_are_points_at_the_queue_length() -> None:
    chart, axes = deepcopy(LAB.charts[0]), Figure().subplots()
    chart.build(axes)  # type: ignore[attr-defined]
    run = served(150, in_time=0.2, queue=0)
    chart.show_model(run.parameters, predict(**run.parameters))
    chart.show_run(run, (run,))
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert lines["throughput"] == [[0, 150]] and lines["goodput"] == [[0, 30]]


@pytest.mark.clock
def test_a_real_long_queue_loses_the_goodput_and_the_click_settles_the_prediction() -> None:
    click = corpus.click("measuring_throughput.admission")
    short, long = click.records
    assert click.outcome is not None and click.outcome.choice == "it falls"
    assert long.count("not_sent") == 0 and long.count("rejected") < short.count("rejected")
    assert all(agrees(load.Load(run).replay(8), run) for run in (short, long))


@pytest.mark.clock
def test_a_learners_rule_decides_in_the_real_server() -> None:
    most = 4
    lab = replace(LAB, policy={"admit": lambda queued, places, workers, service_s: queued < most})
    (found,) = measured_together(lab, {"rate": 500})
    assert found.count("rejected") > 300
    assert np.median(found.column("latency_ns")) < 200e6, "with a hundred places it is over half a second"
    assert found.column("queued").max() <= most


@pytest.mark.clock
def test_a_request_takes_its_processing_time() -> None:
    def median_ns() -> float:
        return float(np.median(measure(LAB, 3.0, processing=10, rate=100).samples["latency_ns"]))

    two_of_three(median_ns, lambda found: 10e6 < found < 40e6, "10 ms of processing")


@pytest.mark.clock
def test_a_queue_of_a_thousand_places_is_never_full_for_want_of_connections() -> None:
    frame = measure(LAB, 3.0, queue=1_000)
    assert frame.counts["rejected"] == frame.counts["not_sent"] == 0
    assert frame.facts["in_flight"] > 450
