"""The lab on four limits: which one is the smallest, and what the server itself does."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from headlines import check_headlines_fit
from labs import constants_of, measure, measure_slices
from predictions import assert_each_comment_fits
from replays import agrees
from turns import side_by_side

from perflab.chapters.load import PARTS, Load, mean_response_ns
from perflab.chapters.raising_throughput import bottleneck
from perflab.chapters.raising_throughput.bottleneck_model import (
    LOADS,
    NEEDS,
    Expected,
    demands_s,
    offered_share,
    work_of,
)
from perflab.lab.prediction import Outcome
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.servers.worker_server import Stages

LAB = bottleneck.lab()
PREDICTION = bottleneck.PREDICTION
START = {"cpu": 2.0, "memory": 0, "network": 10, "disk": 0}
CONSTANTS = {
    "handling_ms": 0.2,
    "network_per_s": 5e8,
    "memory_per_s": 1e10,
    "small_write_s": 0.001,
    "large_write_s": 0.011,
}


def record(most: Any = 400.0, late_ns: float = 1e5, inside: int = 1, facts: Any = None, **changes: Any) -> Record:
    """Windows of about `most` requests per second, half of that for a while, and a second and a half of nearly all of it."""
    random = np.random.default_rng(1)
    samples = {
        "most_per_s": most * random.normal(1, 0.01, bottleneck.WINDOWS),
        "calm_ns": random.exponential(3e6, 200),
        "latency_ns": random.exponential(5e6, 500),
        "arrived_s": np.linspace(0, 1.5, 500 + inside),
        "completed_s": np.linspace(0, 1.5, 500),
        "lateness_ns": np.full(500, late_ns),
        **{name: np.zeros(500) for name in Stages._fields},
    }
    told = {
        "handling_ms": 0.2,
        "elapsed_s": 1.5,
        "in_flight": inside,
        "calm_share": 0.5,
        "load_share": 0.9,
        **(facts or {}),
    }
    frame = Frame(samples, {"calls": 700}, told)
    return Record("bottleneck", {**START, **changes}, 1, "", frame, 3.0, "complete", constants=CONSTANTS)


def test_the_verdict_names_the_bottleneck_all_limits_the_maximum_and_the_response_under_load() -> None:
    said = LAB.verdict_of(record(disk=4), None)
    assert said.text.startswith(
        "Smallest limit: CPU 455/s, disk 1,000/s, network 50,000/s, memory none. The server's maximum is 40"
    )
    assert re.search(
        r"requests/s, 8[789]% of that\. The mean response is [\d.]+ ms at 50% of it, [\d.]+ ms at 90% of it\.",
        said.text,
    )
    assert said.kind == "", "nothing is compared"
    assert LAB.verdict_of(record(disk=4_000), None).text.startswith("Smallest limit: disk ")


def test_the_table_has_the_four_limits_and_says_which_is_the_smallest() -> None:
    rows = dict(LAB.table(record(disk=4), None)[1:])
    names = ("CPU", "memory", "network", "disk")
    limits = [rows[f"limit of {name}, requests/s; threads there of 4 (model)"] for name in names]
    assert limits == ["455 (smallest); 3.3", "–", "50,000; 0.0", "1,000; 0.7"]


def test_in_the_model_all_threads_have_a_request_and_most_of_them_are_at_the_bottleneck() -> None:
    for needs in ({"disk": 4}, {"disk": 4_000}, {"memory": 64}, {"cpu": 20.0, "network": 1_000}):
        model = bottleneck.predict(**{**START, **needs}, constants=CONSTANTS)
        assert sum(model.threads_at.values()) == pytest.approx(4)
        assert max(model.threads_at, key=model.threads_at.__getitem__) == model.smallest


def test_without_a_calibration_and_before_the_load_there_is_less_to_say() -> None:
    run = record()
    begun = replace(run, constants={}, frame=Frame({"most_per_s": run.column("most_per_s")}))
    assert LAB.verdict_of(begun, None).text == "The server's maximum is 402 requests/s."
    assert dict(LAB.table(begun, None)[1:])["limit of CPU, requests/s; threads there of 4 (model)"] == "–"


def test_a_second_run_is_compared_with_the_pinned_one() -> None:
    said = LAB.verdict_of(*side_by_side(record(800.0, cpu=1.0), record()))
    assert "The maximum is 2.00× (" in said.text and said.text.endswith("that of the pinned run.")
    assert said.kind == "clear"
    assert LAB.verdict_of(*side_by_side(record(), record())).kind == "practically equal"


def test_a_load_that_the_generator_limits_is_called_what_it_was() -> None:
    shares = {"calm_share": offered_share(0.5, 20_000.0), "load_share": offered_share(0.9, 20_000.0)}
    said = LAB.verdict_of(record(20_000.0, facts=shares, cpu=0.0), None).text
    assert "limited to 4,000 requests/s" in said and "ms at 20% of it" in said and "50% of it" not in said
    assert "limited" not in LAB.verdict_of(record(), None).text


def test_only_a_server_that_falls_behind_is_called_saturated() -> None:
    assert "Saturated: 400 requests are still in flight" in LAB.verdict_of(record(inside=400), None).text
    assert "Saturated" not in LAB.verdict_of(record(inside=41), None).text, "chance"


def test_a_run_that_did_more_than_one_thread_can_compute_is_not_trusted() -> None:
    found = LAB.verdict_of(record(240, cpu=5.0), None)
    assert found.kind == "invalid" and "limit of 200/s: the machine has changed its speed" in found.text
    assert LAB.verdict_of(record(220, cpu=5.0), None).kind != "invalid"
    assert not LAB.can_be_trusted(record(190, cpu=10.0)) and LAB.can_be_trusted(record(95, cpu=10.0))


def test_a_late_generator_gives_no_latency() -> None:
    said = LAB.verdict_of(record(late_ns=50e6), None)
    assert said.kind == "invalid" and "too slow" in said.text


def test_the_headline_is_the_smallest_limit_and_how_near_the_server_came() -> None:
    said = LAB.found(record(), None)
    first = r"By its limits, the CPU runs out first, at 455 requests/s; the server reached 40\d, 8[789]% of that\."
    assert re.fullmatch(first, said), said
    assert LAB.found(record(30, disk=4_000), None).startswith("By its limits, the disk runs out first, at ")
    assert LAB.found(replace(record(), constants={}), None) == "The server's maximum is 402 requests/s."


def test_beside_another_need_the_headline_is_what_that_did_to_the_maximum() -> None:
    larger, written = record(95, cpu=10.0, network=100), record(20, disk=4_000)
    said = LAB.found(*side_by_side(larger, record(95, cpu=10.0)))
    told = r"From 10 to 100 kB sent, the maximum stayed at about 9\d/s; smallest limit: the CPU\."
    assert re.fullmatch(told, said), said
    said = "From 0 to 4,000 kB written, the maximum went from 402/s to 20/s; smallest limit: the CPU, then the disk."
    assert LAB.found(*side_by_side(written, record())) == said
    unknown = replace(written, constants={})
    assert LAB.found(*side_by_side(unknown, record())) == f"{said.split(';')[0]}."
    several = record(20, disk=4_000, memory=64)
    assert LAB.found(*side_by_side(several, record())) == LAB.found(several, None)


def test_without_a_window_there_is_no_headline() -> None:
    empty = Record("bottleneck", START, 1, "", constants=CONSTANTS)
    assert bottleneck.finding(empty, None) is None
    assert bottleneck.finding(record(disk=4), empty) == bottleneck.finding(record(disk=4), None)


def test_each_headline_fits_and_says_what_is_done() -> None:
    check_headlines_fit(LAB, record)
    check_headlines_fit(LAB, lambda **chosen: record(20_000, **chosen))
    said = (
        "A request computes for 2 ms and replies with 10 kB. First 8 clients at full speed; then half and 90% of that"
    )
    assert bottleneck.scenario(START).startswith(said)
    assert bottleneck.scenario(dict.fromkeys(START, 0)).startswith("A request needs nothing but its handling. First")


def test_nothing_measured_is_no_verdict() -> None:
    empty = Record("bottleneck", START, 1, "")
    assert LAB.verdict_of(empty, None).kind == "invalid"
    assert LAB.table(empty, None) == []


def test_where_files_lie_in_memory_the_verdict_says_so() -> None:
    assert LAB.verdict_of(record(facts={"caveat": "not durable"}), None).text.endswith("not durable")


def larger_replies(share: Any) -> Outcome | None:
    small, large = record(95, cpu=10.0), record(95 * share, cpu=10.0, network=100)
    return PREDICTION.outcome(side_by_side(small, large), LAB.check)


@pytest.mark.parametrize(("share", "choice"), [(0.5, "half"), (0.95, "nearly the same"), (1.1, "nearly the same")])
def test_the_prediction_is_settled_by_two_runs_in_turns(share: float, choice: str) -> None:
    outcome = larger_replies(share)
    assert outcome is not None and outcome.choice == choice
    assert f"the maximum is {share:.1f}" in outcome.measured
    assert_each_comment_fits(PREDICTION, outcome)


def test_what_settles_nothing() -> None:
    assert larger_replies(np.array([0.45, 0.95] * 4)) is None, "half or the same: it cannot be told"
    small, large = record(95, cpu=10.0), record(95, cpu=10.0, network=100)
    assert PREDICTION.outcome([small, large], LAB.check) is None, "not in turns"
    others = side_by_side(record(100, cpu=5.0), record(100, cpu=5.0, network=100))
    assert PREDICTION.outcome(others, LAB.check) is None, "other settings"
    assert not PREDICTION.choices["a tenth"].reason, "it cannot be"


@pytest.mark.clock
@pytest.mark.parametrize("changes", [{"cpu": 5.0}, {"cpu": 0.5, "memory": 64}])
def test_the_real_server_stays_below_its_roof_and_near_it(changes: dict[str, Any]) -> None:
    lab = bottleneck.lab()
    chosen = lab.check(changes)
    work = work_of(*(chosen[name] for name in ("cpu", "memory", "network", "disk")))
    before = constants_of(lab)
    frame = measure_slices(lab, 0.0, bottleneck.WINDOWS, **changes).frame
    windows = frame.samples["most_per_s"]
    # A probe that was disturbed finds less than there is: the roof is the higher one of two.
    roof = max(1 / max(demands_s(work, constants).values()) for constants in (before, constants_of(lab)) if constants)
    assert windows.size == bottleneck.WINDOWS
    # The server calibrates its computing when it starts: where it was disturbed then, it does more, and the lab says so.
    run = Record("bottleneck", chosen, 1, "", frame)
    assert 0.25 * roof < np.median(windows), (windows, roof)
    assert np.median(windows) < 1.3 * roof or LAB.verdict_of(run, None).kind == "invalid", (windows, roof)


@pytest.mark.clock
@pytest.mark.parametrize("changes", [{"cpu": 0.0, "disk": 1_000}, {"cpu": 20.0}])
def test_the_queue_of_a_real_run_is_replayed(changes: dict[str, Any]) -> None:
    run = real(**changes)
    assert agrees(Load(run).replay(bottleneck.WORKERS), run)
    rows = dict(row[:2] for row in LAB.trust(run, None))
    assert "apart" in rows["queue replayed, mean"] and rows[PARTS[0]].count(";") == 3


def real(**changes: Any) -> Record:
    return Record(
        "bottleneck", {**START, **changes}, 1, "", measure(bottleneck.lab(), 20.0, **changes), 3.0, "complete"
    )


MODEL = Expected(
    {
        "CPU": 1e3 / NEEDS,
        "memory": np.full(NEEDS.size, np.inf),
        "network": np.full(NEEDS.size, np.inf),
        "disk": np.full(NEEDS.size, 300.0),
    },
    here=1.0,
    most={"CPU": 1_000.0, "memory": np.inf, "network": np.inf, "disk": 300.0},
    response_ns=1e6 + 1e4 * LOADS,
    threads_at={"CPU": 1.0, "memory": 0.0, "network": 0.0, "disk": 3.0},
)


def test_the_roof_is_drawn_and_the_smallest_limit_is_named() -> None:
    chart, found = drawn(bottleneck.CHARTS[0])
    chart.show_model(START, MODEL)
    for name in ("CPU", "memory", "network", "disk"):
        assert list(found[name].get_ydata()) == list(MODEL.limits[name])
    assert list(found["the roof"].get_ydata()) == list(np.minimum(1e3 / NEEDS, 300))
    assert points(found["5"]) == [(1, pytest.approx(375))], "an arrow just above the roof"
    assert found["9"].get_text() == "smallest here: disk"


def test_a_run_lies_where_all_of_its_cpu_time_is_and_other_cpu_times_keep_their_dots() -> None:
    chart, found = drawn(bottleneck.CHARTS[0])
    runs = [record(400), record(800, cpu=1.0)]
    chart.show_run(runs[-1], runs)
    chart.show_pinned(runs[0])
    assert points(found["measured"]) == [(1.2, bottleneck.most_per_s(runs[1]))]
    assert points(found["pinned run"]) == [(2.2, bottleneck.most_per_s(runs[0]))]
    assert [need for need, _ in points(found["6"])] == [2.2, 1.2]
    other = record(100, memory=4)
    chart.show_run(other, [*runs, other])
    assert [need for need, _ in points(found["6"])] == [2.2], "another mix, another roof"
    chart.show_run(None, [])
    assert points(found["measured"]) == points(found["6"]) == []


def test_response_times_lie_over_the_loads_that_were_offered() -> None:
    chart, found = drawn(bottleneck.CHARTS[1])
    chart.show_model(START, MODEL)
    assert points(found["model"])[-1] == (99, pytest.approx(1.99e6))
    run = record(facts={"calm_share": 0.25, "load_share": 0.5})
    chart.show_run(run, [run])
    assert points(found["measured"]) == [(25, run.column("calm_ns").mean()), (50, mean_response_ns(run))]
    chart.show_pinned(record())
    assert [load for load, _ in points(found["pinned run"])] == [50, 90]


def test_without_a_response_time_there_is_no_point() -> None:
    chart, found = drawn(bottleneck.CHARTS[1])
    late = record(late_ns=50e6)
    chart.show_run(late, [late])
    assert np.isnan(found["measured"].get_ydata()).tolist() == [False, True]
