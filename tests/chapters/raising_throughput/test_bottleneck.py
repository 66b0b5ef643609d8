"""The lab on four limits: which one is the smallest, and what the server itself does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labs import constants_of, measure, measure_slices
from replays import agrees

from perflab.chapters.load_report import PARTS, REPLAYED, replayed
from perflab.chapters.raising_throughput import bottleneck
from perflab.chapters.raising_throughput.bottleneck_model import demands_s, held, work_of
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.servers.worker_server import Stages

START = {"cpu": 2.0, "memory": 0, "network": 10, "disk": 0, "load": 50}


def record(most: float = 400.0, late_ns: float = 1e5, inside: int = 1, facts: Any = None, **changes: Any) -> Record:
    """Windows of about `most` requests per second, and a second of load."""
    noise = np.random.default_rng(1)
    samples = {
        "most_per_s": most * noise.normal(1, 0.01, bottleneck.WINDOWS),
        "latency_ns": noise.exponential(5e6, 500),
        "came_s": np.linspace(0, 1.5, 500 + inside),
        "done_s": np.linspace(0, 1.5, 500),
        "lateness_ns": np.full(500, late_ns),
        **{name: np.zeros(500) for name in Stages._fields},
    }
    told = {"handling_ms": 0.2, "elapsed_s": 1.5, "inside": inside, **(facts or {})}
    return Record("bottleneck", {**START, **changes}, 1, "", Frame(samples, {"calls": 500}, told), 3.0, "complete")


def test_the_verdict_names_the_most_and_the_response_under_load() -> None:
    said = bottleneck.verdict(record(), None)
    assert "requests/s at most. At 50% of that the mean response is" in said.text
    assert said.kind == "", "nothing is compared"


def test_a_second_run_is_compared_with_the_pinned_one() -> None:
    said = bottleneck.verdict(record(800.0, cpu=1.0), record())
    assert "That is 2.00× (" in said.text and said.text.endswith("of what the pinned run did at most.")
    assert said.kind == "clear"
    assert bottleneck.verdict(record(), record()).kind == "practically equal"


def test_a_load_that_was_held_back_is_called_what_it_was() -> None:
    run = record(20_000.0, facts={"load_share": held(0.5, 20_000.0)}, cpu=0.0)
    assert bottleneck.load_share(run) == 0.2
    said = bottleneck.verdict(run, None).text
    assert "held to 4,000/s" in said and "At 20% of that" in said and "50%" not in said
    point = bottleneck.response(run)
    assert point is not None and point[0] == pytest.approx(20)
    assert ("load asked for; offered", "50%; 20%") in bottleneck.table(run, None)
    assert bottleneck.load_share(record()) == held(0.5, 400) == 0.5


def test_a_server_that_falls_behind_is_called_saturated_and_no_other() -> None:
    assert "Saturated: 100 are still inside" in bottleneck.verdict(record(inside=100, load=120), None).text
    assert "Saturated" not in bottleneck.verdict(record(inside=41, load=90), None).text, "chance"
    assert "Saturated" in bottleneck.verdict(record(inside=400, load=90), None).text, "no chance"


def test_a_run_that_did_more_than_one_can_compute_is_not_to_be_trusted_and_settles_nothing() -> None:
    found = bottleneck.verdict(record(240, cpu=5.0), None)
    assert found.kind == "invalid" and "limit of 200/s: the machine has changed its speed" in found.text
    assert bottleneck.verdict(record(220, cpu=5.0), None).kind != "invalid"
    runs = [record(190, cpu=10.0), record(95, cpu=10.0, network=100)]
    assert bottleneck.what_a_larger_reply_does(runs) is None
    assert bottleneck.what_a_larger_reply_does([*runs, record(95, cpu=10.0)]) == "nearly the same"


def test_a_late_generator_gives_no_latency() -> None:
    said = bottleneck.verdict(record(late_ns=50e6), None)
    assert said.kind == "invalid" and "too slow" in said.text


def test_nothing_measured_is_no_verdict() -> None:
    empty = Record("bottleneck", START, 1, "")
    assert bottleneck.verdict(empty, None).kind == "invalid"
    assert bottleneck.table(empty, None) == []


def test_where_files_lie_in_memory_the_verdict_says_so() -> None:
    assert bottleneck.verdict(record(facts={"caveat": "not durable"}), None).text.endswith("not durable")


@pytest.mark.parametrize(("share", "answer"), [(0.1, "a tenth"), (0.5, "half"), (0.95, "nearly the same")])
def test_the_prediction_is_settled_by_two_runs(share: float, answer: str) -> None:
    small, large = record(100, cpu=10.0), record(100 * share, cpu=10.0, network=100)
    assert bottleneck.what_a_larger_reply_does([small, large]) == answer
    assert bottleneck.what_a_larger_reply_does([small]) is None


@pytest.mark.parametrize("changes", [{"cpu": 5.0}, {"cpu": 0.5, "memory": 64}])
def test_the_real_server_stays_below_its_roof_and_near_it(changes: dict[str, Any]) -> None:
    lab = bottleneck.lab()
    chosen = lab.check(changes)
    work = work_of(*(chosen[name] for name in ("cpu", "memory", "network", "disk")))
    before = constants_of(lab)
    frame = measure_slices(lab, 0.0, bottleneck.WINDOWS, **changes).frame
    windows = frame.samples["most_per_s"]
    # A probe that others disturbed finds less than there is: the roof is the higher one of two.
    roof = max(1 / max(demands_s(work, constants).values()) for constants in (before, constants_of(lab)) if constants)
    assert windows.size == bottleneck.WINDOWS
    # The server weighs its own steps of computing when it starts: where it was disturbed then, it does more, and the lab says so.
    run = Record("bottleneck", chosen, 1, "", frame)
    assert 0.25 * roof < np.median(windows), (windows, roof)
    assert np.median(windows) < 1.3 * roof or bottleneck.verdict(run, None).kind == "invalid", (windows, roof)


@pytest.mark.parametrize(
    "changes", [{"cpu": 0.0, "memory": 16}, {"cpu": 0.0, "disk": 1_000}, {}, {"load": 80}, {"cpu": 20.0, "load": 120}]
)
def test_the_queue_of_a_real_run_is_replayed(changes: dict[str, Any]) -> None:
    run = real(**changes)
    assert agrees(replayed(run, bottleneck.WORKERS), run)
    rows = dict(row[:2] for row in bottleneck.table(run, None))
    assert "apart" in rows[REPLAYED] and rows[PARTS].count(";") == 3


def real(**changes: Any) -> Record:
    return Record(
        "bottleneck", {**START, **changes}, 1, "", measure(bottleneck.lab(), 20.0, **changes), 3.0, "complete"
    )
