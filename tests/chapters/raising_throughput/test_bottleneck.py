"""The lab on four limits: which one is the smallest, and what the server itself does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from labs import constants_of, measure, measure_slices
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
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.servers.worker_server import Stages

LAB = bottleneck.lab()
settle = bottleneck.PREDICTION.settle
START = {"cpu": 2.0, "memory": 0, "network": 10, "disk": 0, "load": 50}


def record(most: float = 400.0, late_ns: float = 1e5, inside: int = 1, facts: Any = None, **changes: Any) -> Record:
    """Windows of about `most` requests per second, and a second of load."""
    noise = np.random.default_rng(1)
    samples = {
        "most_per_s": most * noise.normal(1, 0.01, bottleneck.WINDOWS),
        "latency_ns": noise.exponential(5e6, 500),
        "arrived_s": np.linspace(0, 1.5, 500 + inside),
        "completed_s": np.linspace(0, 1.5, 500),
        "lateness_ns": np.full(500, late_ns),
        **{name: np.zeros(500) for name in Stages._fields},
    }
    told = {"handling_ms": 0.2, "elapsed_s": 1.5, "in_flight": inside, **(facts or {})}
    return Record("bottleneck", {**START, **changes}, 1, "", Frame(samples, {"calls": 500}, told), 3.0, "complete")


def test_the_verdict_names_the_most_and_the_response_under_load() -> None:
    said = LAB.verdict_of(record(), None)
    assert "requests/s. At 50% of that the mean response is" in said.text
    assert said.kind == "", "nothing is compared"


def test_a_second_run_is_compared_with_the_pinned_one() -> None:
    said = LAB.verdict_of(*side_by_side(record(800.0, cpu=1.0), record()))
    assert "The maximum is 2.00× (" in said.text and said.text.endswith("that of the pinned run.")
    assert said.kind == "clear"
    assert LAB.verdict_of(*side_by_side(record(), record())).kind == "practically equal"


def test_a_load_that_the_generator_limits_is_called_what_it_was() -> None:
    run = record(20_000.0, facts={"load_share": offered_share(0.5, 20_000.0)}, cpu=0.0)
    assert bottleneck.load_share(run) == 0.2
    said = LAB.verdict_of(run, None).text
    assert "limited to 4,000 requests/s" in said and "At 20% of that" in said and "50%" not in said
    assert ("load chosen; offered", "50%; 20%") in LAB.table(run, None)
    assert bottleneck.load_share(record()) == offered_share(0.5, 400) == 0.5


def test_only_a_server_that_falls_behind_is_called_saturated() -> None:
    assert "Saturated: 100 requests are still in flight" in LAB.verdict_of(record(inside=100, load=120), None).text
    assert "Saturated" not in LAB.verdict_of(record(inside=41, load=90), None).text, "chance"
    assert "Saturated" in LAB.verdict_of(record(inside=400, load=90), None).text, "no chance"


def test_a_run_that_did_more_than_one_thread_can_compute_is_not_trusted() -> None:
    found = LAB.verdict_of(record(240, cpu=5.0), None)
    assert found.kind == "invalid" and "limit of 200/s: the machine has changed its speed" in found.text
    assert LAB.verdict_of(record(220, cpu=5.0), None).kind != "invalid"
    assert not LAB.can_be_trusted(record(190, cpu=10.0)) and LAB.can_be_trusted(record(95, cpu=10.0))


def test_a_late_generator_gives_no_latency() -> None:
    said = LAB.verdict_of(record(late_ns=50e6), None)
    assert said.kind == "invalid" and "too slow" in said.text


def test_nothing_measured_is_no_verdict() -> None:
    empty = Record("bottleneck", START, 1, "")
    assert LAB.verdict_of(empty, None).kind == "invalid"
    assert LAB.table(empty, None) == []


def test_where_files_lie_in_memory_the_verdict_says_so() -> None:
    assert LAB.verdict_of(record(facts={"caveat": "not durable"}), None).text.endswith("not durable")


@pytest.mark.parametrize(("share", "answer"), [(0.1, "a tenth"), (0.5, "half"), (0.95, "nearly the same")])
def test_the_prediction_is_settled_by_two_runs(share: float, answer: str) -> None:
    small, large = record(100, cpu=10.0), record(100 * share, cpu=10.0, network=100)
    assert settle([small, large]) == answer
    assert settle([small]) is None
    assert settle([record(100, cpu=5.0), record(100 * share, cpu=5.0, network=100)]) is None, "other settings"


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
@pytest.mark.parametrize(
    "changes", [{"cpu": 0.0, "memory": 16}, {"cpu": 0.0, "disk": 1_000}, {}, {"load": 80}, {"cpu": 20.0, "load": 120}]
)
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
    smallest="disk",
    response_ns=1e6 + 1e4 * LOADS,
    load=25.0,
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
    runs = [record(400), record(800, cpu=1.0, load=80)]
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


def test_response_times_lie_over_the_load_that_was_offered() -> None:
    chart, found = drawn(bottleneck.CHARTS[1])
    chart.show_model(START, MODEL)
    assert points(found["2"]) == [(25, pytest.approx(1.25e6))], "the ring"
    runs = [record(load=50, facts={"load_share": 0.25}), record(load=100, facts={"load_share": 0.5})]
    chart.show_run(runs[-1], runs)
    assert points(found["measured"]) == [(50, mean_response_ns(runs[1]))]
    assert [load for load, _ in points(found["3"])] == [25, 50], "each load keeps its dot"
    other = record(load=100, memory=4)
    chart.show_run(other, [*runs, other])
    assert [load for load, _ in points(found["3"])] == [100], "another mix, another curve"
    chart.show_pinned(record(load=80, facts={"load_share": 0.4}))
    assert [load for load, _ in points(found["pinned run"])] == [40]


def test_without_a_response_time_there_is_no_point_and_above_all_loads_the_ring_leaves_the_chart() -> None:
    chart, found = drawn(bottleneck.CHARTS[1])
    chart.show_model({**START, "load": 120}, replace(MODEL, load=120.0))
    assert points(found["2"]) == [(120, bottleneck.MAX_NS)]
    late = record(late_ns=50e6)
    chart.show_run(late, [late])
    chart.show_pinned(late)
    assert np.isnan([*found["measured"].get_ydata(), *found["pinned run"].get_ydata()]).all()
