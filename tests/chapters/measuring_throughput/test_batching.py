"""The lab on batches: whether a batch helps depends on how busy the writer is."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import corpus
import numpy as np
import pytest
from headlines import check_headlines_fit
from labs import constants_of, measure, measure_slices
from matplotlib.figure import Figure
from relations import assert_more, two_of_three
from turns import side_by_side

from perflab.chapters.measuring_throughput import batching, batching_model
from perflab.chapters.measuring_throughput.batching_model import BAD, ON_ARRIVAL, TIMER
from perflab.lab.prediction import Outcome
from perflab.lab.record import Record
from perflab.measure.frame import Frame

LAB = batching.lab()
START = {"size": 1, "max_wait": 50, "rate": 50, "writer": "with a timer"}


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


def outcome(single: Record, batched: Record) -> Outcome | None:
    return LAB.prediction.outcome(side_by_side(single, batched), LAB.check)  # type: ignore[union-attr]


@pytest.mark.clock
def test_real_batches_make_requests_wait_at_a_low_rate() -> None:
    click = corpus.click("measuring_throughput.batching")
    single, batched = click.records
    assert np.median(batched.column("latency_ns")) > 2 * np.median(single.column("latency_ns"))
    assert click.outcome is not None and click.outcome.choice == "longer"


@pytest.mark.clock
def test_without_a_timer_real_requests_wait_for_the_next_arrival() -> None:
    def waiting_ns(writer: str) -> float:
        run = measured(size=100, rate=20, max_wait=5, writer=writer)
        again = batching_model.replayed(run)
        assert again is not None and again.deviation < 0.05 + batching_model.late_ns(run) / again.measured
        assert run.fact("elapsed_s") > 1.5
        return float(run.column("waiting_ns").mean())

    # The request that makes the writer look has not waited itself.
    assert_more(lambda: waiting_ns(ON_ARRIVAL), lambda: waiting_ns(TIMER), 2, "waiting without a timer")


@pytest.mark.clock
def test_a_slice_ends_though_no_batch_is_written() -> None:
    lengths = measure_slices(LAB, 3.0, size=200, max_wait=1_000, rate=50).slices_s
    assert len(lengths) > 5 and sorted(lengths)[len(lengths) // 2] < 0.5


@pytest.mark.clock
def test_real_batches_carry_what_single_commits_cannot() -> None:
    batched = measured(size=200, rate=5_000)
    assert not batching.is_saturated(batched)
    assert batching.throughput(batched) > 3_500
    constants = constants_of(LAB)
    assert constants is not None
    assert constants["each_batch_ns"] > 5 * constants["each_row_ns"]


@pytest.mark.clock
def test_a_real_commit_takes_about_what_is_expected_of_a_drive_that_has_rested() -> None:
    def expected() -> float:
        constants = constants_of(LAB)
        assert constants is not None
        return float(LAB.model(LAB.check({}), constants).here.writing)

    def ratio() -> float:
        """Against the nearer of two calibrations, one before and one after: a drive changes its pace from second to second."""
        before, found, after = expected(), np.median(measured().column("writing_ns")), expected()
        return float(found / np.clip(found, min(before, after), max(before, after)))

    two_of_three(ratio, lambda found: 0.4 < found < 2.5, "a commit is about as long as calibrated")


@pytest.mark.clock
def test_bad_rows_are_refused_and_all_others_are_stored_once() -> None:
    found = measured(size=20, rate=500, writer=BAD)
    assert found.count("refused") >= 5
    assert found.fact("stored") == found.count("acknowledged") == found.count("calls") - found.count("refused")
    assert "bad rows were refused" in LAB.verdict(found, None).text
    assert found.column("latency_ns").size == found.count("acknowledged"), "refusals are counted apart"


@pytest.mark.clock
def test_a_bad_row_costs_a_commit_for_each_of_the_others_in_its_batch() -> None:
    clean, spoilt = (measured(size=100, rate=1_000, max_wait=200, writer=writer) for writer in (TIMER, BAD))
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
    assert batching_model.late_ns(found) > 0
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


def saturated(**changes: Any) -> Record:
    full = record(rate=1_000, **changes)
    full.frame.facts["backlog"] = 900  # type: ignore[index]
    return full


def test_the_headline_is_how_long_requests_wait() -> None:
    said = "With 1 row in a commit, a request waits 1.0 ms for {} and 1.0 ms for the commit, on average."
    assert LAB.found(record(2.0), None) == said.format("the writer")
    assert LAB.found(record(2.0, size=20), None) == said.format("its batch")
    rows = record(2.0, size=20)
    rows.frame.counts["commits"] = 40  # type: ignore[index]
    assert LAB.found(rows, None).startswith("With 2.5 rows in a commit, a request waits")
    full = "With 1 row in a commit, 50 of 1,000 requests/s are written; 900 wait."
    assert LAB.found(saturated(), None) == full, "there is no response time that could be told"


def test_beside_another_run_the_headline_is_what_the_change_did_to_commits_and_p50() -> None:
    single, batched = side_by_side(record(1.0), record(30.0, size=100))
    said = "With single rows: 50 commits/s, p50 1.0 ms; with batches of up to 100: 50 commits/s, p50 30 ms."
    assert LAB.found(batched, single) == said
    assert LAB.found(single, batched).startswith("With batches of up to 100: 50 commits/s, p50 30 ms; with single rows")
    full, carried = side_by_side(saturated(), record(30.0, size=100, rate=1_000))
    said = "With single rows: 50 commits/s, saturated; with batches of up to 100: 50 commits/s, p50 30 ms."
    assert LAB.found(carried, full) == said
    several = record(30.0, size=100, rate=1_000)
    assert LAB.found(*side_by_side(several, record())) == LAB.found(several, None)


def test_without_a_request_there_is_no_headline() -> None:
    for empty in (Record("batching", START, 1, ""), record(requests=0)):
        assert batching_model.finding(empty, None) is None
        assert batching_model.finding(record(size=20), empty) == batching_model.finding(record(size=20), None)


def test_each_headline_fits_and_says_what_is_done() -> None:
    check_headlines_fit(LAB, record)
    check_headlines_fit(LAB, lambda **chosen: record(requests=10_000, **chosen))
    said = "50 requests per second arrive at random. "
    assert batching_model.scenario(START) == f"{said}Each is written by a commit of its own."
    batch = f"{said}A batch is written when it has 20 rows or its oldest has waited 50 ms."
    assert batching_model.scenario({**START, "size": 20}) == batch
    assert batching_model.scenario({**START, "size": 20, "writer": BAD}) == f"{batch} 1 row in 100 is bad."
    assert batching_model.scenario({**START, "size": 20, "writer": ON_ARRIVAL}).startswith(f"{batch} It is checked on")


@pytest.mark.parametrize(
    ("single_ms", "batched_ms", "choice", "because"),
    [
        (1.0, 30.0, "longer", "never fills at this rate"),
        (30.0, 31.0, "the same", "as long as the wait for other commits"),
        (90.0, 30.0, "shorter", "nearly fill the drive"),
    ],
)
def test_what_a_batch_did_is_told_whatever_was_predicted(
    single_ms: float, batched_ms: float, choice: str, because: str
) -> None:
    found = outcome(record(single_ms), record(batched_ms, size=100))
    assert found is not None and found.choice == choice
    for answer in (None, *batching.PREDICTION.choices):
        said = batching.PREDICTION.comment(answer, found)
        assert because in said and "with single rows" in said
    assert len({batching.PREDICTION.comment(answer, found) for answer in batching.PREDICTION.choices}) == 3


def test_runs_that_do_not_tell_settle_nothing() -> None:
    assert outcome(record(1.0), record(30.0, size=100, max_wait=10)) is None
    assert outcome(record(1.0), record(30.0, size=50)) is None
    assert outcome(record(1.0, requests=15), record(30.0, size=100)) is None
    uneven = [record(10.0), record(10.0, size=100)]
    uneven[1].column("latency_ns")[:] = np.repeat([1e6, 1e8], 50)
    assert outcome(*uneven) is None, "three times as long or a third, slice by slice"


def test_what_is_left_without_a_timer_is_said() -> None:
    left = record(writer=ON_ARRIVAL)
    left.frame.facts["backlog"] = 3  # type: ignore[index]
    assert "3 still wait for the next arrival" in LAB.verdict(left, None).text


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
