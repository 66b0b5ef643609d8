"""The lab on batches: whether a batch helps depends on how busy the writer is."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from labs import constants_of, measure
from matplotlib.figure import Figure
from relations import two_of_three

from perflab.chapters.measuring_throughput import batching, batching_model
from perflab.lab.record import Record
from perflab.measure.frame import Frame

LAB = batching.lab()
START = {"size": 1, "max_wait": 50, "rate": 50, "bad": False}


def measured(**changes: Any) -> Record:
    chosen = {**START, **changes}
    return Record("batching", chosen, 1, "", measure(LAB, 4.0, **changes), 2.0, "complete")


def record(latency_ms: float = 1.0, requests: int = 100, **changes: Any) -> Record:
    chosen = {**START, **changes}
    times = np.full(requests, latency_ms * 1e6)
    samples = {"latency_ns": times, "waiting_ns": times / 2, "writing_ns": times / 2, "rows": np.ones(requests)}
    samples["batch_ns"] = times / 2
    counts = {"calls": requests, "batches": requests, "commits": requests, "acknowledged": requests}
    facts = {"stored": requests, "backlog": 0, "elapsed_s": 2.0}
    return Record("batching", chosen, 1, "", Frame(samples, counts, facts), 2.0, "complete")


def settle(*records: Record) -> str | None:
    return batching.PREDICTION.settle(records)


@pytest.mark.clock
def test_real_batches_make_requests_wait_at_a_low_rate() -> None:
    single, batched = measured(), measured(size=100)
    assert np.median(batched.column("latency_ns")) > 2 * np.median(single.column("latency_ns"))
    assert settle(single, batched) == "longer"


@pytest.mark.clock
def test_real_batches_carry_what_single_commits_cannot() -> None:
    batched = measured(size=200, rate=5_000)
    assert not batching.is_saturated(batched)
    assert batching.throughput(batched) > 3_500
    constants = constants_of(LAB)
    assert constants is not None
    assert constants["each_batch_ns"] > 5 * constants["each_row_ns"]


@pytest.mark.clock
@pytest.mark.parametrize("rate", [50, 1_000])
def test_a_real_commit_takes_about_what_is_expected_whether_the_drive_has_rested_or_not(rate: int) -> None:
    def ratio() -> float:
        expected = LAB.model(LAB.check({"rate": rate}), constants_of(LAB)).here.writing
        return float(np.median(measured(rate=rate).column("writing_ns")) / expected)

    two_of_three(ratio, lambda found: 0.4 < found < 2.5, "a commit is about as long as calibrated")


@pytest.mark.clock
def test_bad_rows_are_refused_and_all_others_are_stored_once() -> None:
    found = measured(size=20, rate=500, bad=True)
    assert found.count("refused") >= 5
    assert found.fact("stored") == found.count("acknowledged") == found.count("calls") - found.count("refused")
    assert "bad rows were refused" in LAB.verdict(found, None).text
    assert found.column("latency_ns").size == found.count("acknowledged"), "refusals are counted apart"


@pytest.mark.clock
def test_a_bad_row_costs_a_commit_for_each_of_the_others_in_its_batch() -> None:
    clean, spoilt = (measured(size=100, rate=1_000, max_wait=200, bad=bad) for bad in (False, True))
    assert batching.rows_each(clean) > 50
    assert batching.rows_each(spoilt) == pytest.approx(1, abs=0.2)
    assert spoilt.count("commits") >= 0.9 * spoilt.count("acknowledged")
    assert clean.count("commits") == clean.count("batches")


@pytest.mark.clock
@pytest.mark.parametrize(
    "chosen",
    [{"size": 1, "rate": 200}, {"size": 20, "rate": 500}, {"size": 100, "rate": 50}, {"size": 200, "rate": 5_000}],
)
def test_real_batches_are_replayed_by_their_own_times(chosen: dict[str, int]) -> None:
    found = measured(**chosen)
    again = batching_model.replayed(found)
    # Of single rows at a low rate: the writer's sleep ends some tenths of a millisecond late, and a commit takes hardly more.
    assert again is not None and again.deviation < 0.05 + batching_model.late_ns(found) / again.measured
    assert 0 < batching_model.late_ns(found) < 20e6
    assert again.measured == pytest.approx(found.column("latency_ns").mean())
    assert "apart" in dict(LAB.trust(found, None))["batches replayed, mean"]


def test_a_row_that_is_missing_makes_the_verdict_invalid() -> None:
    lost = record()
    lost.frame.facts["stored"] = 99  # type: ignore[index]
    found = LAB.verdict(lost, None)
    assert found.kind == "invalid"
    assert "100 were acknowledged, and 99 are stored" in found.text


def test_a_growing_backlog_is_called_saturated() -> None:
    full = record(rate=1_000)
    full.frame.facts["backlog"] = 900  # type: ignore[index]
    assert "Saturated: 900 requests wait" in LAB.verdict(full, None).text


def test_runs_are_compared_and_shown_beside_each_other() -> None:
    found = LAB.verdict(record(2.0), record(1.0))
    assert "above the pinned run" in found.text
    assert len(LAB.table(record(), record())[0]) == 3
    assert LAB.verdict(Record("batching", START, 1, ""), None).kind == "invalid"


def test_the_prediction_needs_two_runs_that_differ_in_the_batch_size_only() -> None:
    single = record(1.0)
    assert settle(single) is None
    assert settle(single, record(30.0, size=100, max_wait=10)) is None
    assert settle(single, record(30.0, size=100)) == "longer"
    assert settle(single, record(1.0, size=100)) == "the same"


@pytest.mark.parametrize("sizes", [(5,), (5, 20)])
def test_the_cost_of_a_row_is_shown_only_where_sizes_differ(sizes: tuple[int, ...]) -> None:
    found = record()
    rows = np.repeat(sizes, 10).astype(float)
    found.frame.samples.update(rows=rows, batch_ns=1e6 + 1e4 * rows)  # type: ignore[attr-defined]
    row = next(row for row in LAB.table(found, None) if row[0].startswith("a batch"))
    assert ("too alike" in row[1]) == (len(sizes) == 1)


def drawn(place: int, run: Record) -> dict[str, Any]:
    """The lines of a chart that shows this run, and the same run pinned, by label."""
    chart, axes = deepcopy(batching.CHARTS[place]), Figure().subplots()
    chart.build(axes)
    chart.show_run(run, (run,))
    chart.show_pinned(run)
    return {line.get_label(): line for line in axes.lines}


def points(line: Any) -> list[list[float]]:
    return line.get_xydata().tolist()


def test_both_parts_and_the_whole_response_are_points_at_the_batch_size() -> None:
    lines = drawn(0, record(2.0, size=20))
    assert points(lines["waiting"]) == points(lines["commit"]) == [[20, 1e6]]
    assert points(lines["measured: both"]) == points(lines["pinned: both"]) == [[20, 2e6]]
    nothing = drawn(0, record(requests=0))
    assert not np.isfinite(points(nothing["measured: both"])).all()


def test_each_batch_and_the_throughput_are_points_at_their_rows() -> None:
    lines = drawn(1, record(2.0))
    assert points(lines["each batch"]) == [[1, 1e3]] * 100
    assert points(lines["written"]) == points(lines["pinned run"]) == [[1, 50]]


def test_a_line_is_fitted_only_where_sizes_differ() -> None:
    found = record()
    assert len(points(drawn(1, found)["fitted to this run"])) == 0
    rows = np.repeat((5, 20), 10).astype(float)
    found.frame.samples.update(rows=rows, batch_ns=1e6 + 1e4 * rows)  # type: ignore[attr-defined]
    (first, *_, last) = points(drawn(1, found)["fitted to this run"])
    assert first == pytest.approx([1, 1e9 / 1.01e6]) and last == pytest.approx([200, 200e9 / 3e6])
