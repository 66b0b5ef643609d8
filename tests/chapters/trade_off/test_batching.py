"""The lab on batches and two loads: a timer is a trade-off, what waits is none, and a batch that cannot fill makes both worse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import drawn, points
from labs import measured_together
from predictions import assert_each_comment_fits
from relations import two_of_three

from perflab.chapters.trade_off import batching, batching_model
from perflab.chapters.trade_off.plane import ALONE, BASE, PER_S, change, middle
from perflab.lab import Outcome, Record
from perflab.measure.frame import Frame

LAB = batching.lab()
NAME = "trade_off.batching"


def record(per_s: float = 384.0, alone_ms: float = 20.5, base_per_s: float = 4_000.0, **changes: Any) -> Record:
    """Eight rounds that scatter by 1%, with the commits of the last of them."""
    chosen = {"size": 20, "max_wait": 20, "threads": 8, **changes}
    scatter = np.linspace(0.99, 1.01, 8)
    given = {PER_S: per_s, ALONE: 1e6 * alone_ms, BASE + PER_S: base_per_s, BASE + ALONE: 3e5}
    samples = {name: value * scatter for name, value in given.items()}
    samples |= {"requests": np.full(3, 8), "began_ns": np.array([20, 41, 62]) * 10**6, "busy": np.full(8, 0.02)}
    samples["ended_ns"] = samples["began_ns"] + 10**6
    frame = Frame(samples, {"calls": 600, "stored_requests": 600}, {"stored": 4_800})
    return Record("batching", chosen, 1, "", frame, 2.0, "complete", constants={"each_request_ns": 2e4})


def outcome(per_s: float, **changes: Any) -> Outcome | None:
    assert LAB.prediction is not None
    return LAB.prediction.outcome([record(per_s, **changes)], LAB.check)


@pytest.mark.clock
def test_a_timer_that_no_batch_fills_before_makes_a_request_alone_wait() -> None:
    (run,) = corpus.click(NAME).records
    later = change(run, ALONE)
    assert later is not None and later.low > 2
    assert set(run.column("requests").tolist()) <= set(range(1, 9)), "only 8 threads can wait"
    assert run.fact("stored") == 8 * run.count("stored_requests") > 0


@pytest.mark.clock
def test_to_commit_what_waits_does_more_and_makes_no_request_wait() -> None:
    def look() -> tuple[float, float]:
        (run,) = measured_together(LAB, {"size": 100, "max_wait": 0, "threads": 16}, budget_s=1.2)
        more, later = change(run, PER_S), change(run, ALONE)
        assert more is not None and later is not None
        return more.value, later.value

    two_of_three(look, lambda found: found[0] > 2 and found[1] < 2, "twice the capacity, the same latency")


@pytest.mark.clock
def test_a_full_batch_under_a_timer_does_more_and_makes_a_request_alone_wait() -> None:
    def look() -> tuple[float, float]:
        (run,) = measured_together(LAB, {"size": 16, "max_wait": 20, "threads": 16}, budget_s=1.2)
        more, later = change(run, PER_S), change(run, ALONE)
        assert more is not None and later is not None
        return more.value, later.value

    two_of_three(look, lambda found: min(found) > 2, "twice the capacity, twice the latency")


@pytest.mark.clock
def test_a_batch_that_never_fills_does_less_than_half_of_what_waits_and_no_more_than_its_timer_allows() -> None:
    def look() -> tuple[float, float]:
        never, waits = measured_together(LAB, {"size": 20, "max_wait": 20}, {"size": 20, "max_wait": 0}, budget_s=1.0)
        assert middle(never, PER_S).value < 1.02 * batching_model.bound(never), "8 threads in 20 ms"
        return middle(never, PER_S).value, middle(waits, PER_S).value

    # Commits of up to 6 ms do not hide it: X = N / (20 ms + s) against N / 2s.
    two_of_three(look, lambda found: found[1] > 2 * found[0], "more than twice the capacity without the timer")


def test_a_run_says_what_the_setting_does_to_both_and_why_no_batch_fills() -> None:
    said = LAB.verdict(record(), None).text
    assert "8 threads get 384/s" in said and "Worse on both axes." in said
    assert "A batch of 20 never fills with 8 threads: at most 400/s." in said
    assert (
        LAB.found(record(), None)
        == "Batches of 20, 20 ms: 9.6% of the requests/s, 68× the latency. Worse on both axes."
    )


def test_a_headline_names_the_setting() -> None:
    waits = LAB.found(record(9_000, 0.3, max_wait=0, size=100), None)
    assert waits.startswith("What waits, up to 100: 2.2× the requests/s, the same latency.") and len(waits) <= 120


@pytest.mark.parametrize("changes", [{"threads": 32}, {"max_wait": 0}])
def test_where_a_batch_fills_or_nothing_waits_no_bound_is_said(changes: dict[str, int]) -> None:
    assert "never fills" not in LAB.verdict(record(9_000, **changes), None).text
    assert batching_model.bound(record(**changes)) == np.inf


def test_without_batching_a_run_is_the_baseline_and_has_no_headline() -> None:
    single = record(4_000, 0.3, size=1, threads=1)
    said = LAB.verdict(single, None).text
    assert "1 thread gets 4,000/s" in said and "This is the baseline" in said
    assert LAB.found(single, None) == ""


def test_rows_that_are_missing_make_a_run_invalid() -> None:
    lost = record()
    lost.frame.facts["stored"] = 4_799  # type: ignore[index]
    found = LAB.verdict(lost, None)
    assert found.kind == "invalid" and "4,800 were committed, and 4,799 are stored" in found.text


def test_a_load_without_two_commits_has_no_capacity() -> None:
    found = LAB.verdict(record(np.nan), None)
    assert found.kind == "invalid" and "no capacity" in found.text
    assert LAB.verdict(Record("batching", LAB.check({}), 1, ""), None).kind == "invalid"


@pytest.mark.parametrize(("per_s", "choice"), [(9_000, "more"), (4_000, "the same"), (384, "fewer")])
def test_each_choice_can_be_what_was_measured(per_s: float, choice: str) -> None:
    found = outcome(per_s)
    assert found is not None and found.choice == choice
    assert_each_comment_fits(batching.PREDICTION, found)


def test_other_settings_and_too_few_rounds_settle_nothing() -> None:
    assert outcome(384, threads=16) is None and outcome(384, max_wait=0) is None
    few = record()
    short = replace(few, frame=Frame({name: column[:5] for name, column in few.frame.samples.items()}))
    assert batching.what_the_batch_did(short) is None


def test_the_commits_of_the_newest_round_are_drawn_from_foot_to_foot() -> None:
    built, artists = drawn(batching.CHARTS[1])
    run = record()
    run.frame.samples.update(  # type: ignore[attr-defined]
        began_ns=np.array([1, 9, 0, 20]) * 10**6,
        ended_ns=np.array([2, 10, 5, 30]) * 10**6,
        requests=np.array([7, 7, 8, 3]),
    )
    built.show_run(run, (run,))
    lines = [points(each) for each in artists.values() if hasattr(each, "get_xydata") and len(each.get_xydata()) == 10]
    foot = batching_model.FOOT
    assert lines[0][:4] == [(0, foot), (0, 8), (5, 8), (5, foot)] and lines[0][5:9] == [
        (20, foot),
        (20, 3),
        (30, 3),
        (30, foot),
    ]


def test_the_time_of_a_load_is_on_the_axis() -> None:
    for wait, end in ((0, 20), (20, 60), (50, 120)):
        built, _ = drawn(batching.CHARTS[1])
        chosen = LAB.check({"size": 20, "max_wait": wait})
        built.show_model(chosen, LAB.model(chosen, CONSTANTS))
        assert built._axes.get_xlim()[1] == end


CONSTANTS = {
    "each_batch_ns": 2e5,
    "each_request_ns": 2e4,
    **dict.fromkeys(map(batching_model.after_rest, (1.0, 5.0, 25.0)), 1e5),
}


def test_the_model_knows_the_baseline_the_timer_and_the_rests() -> None:
    model = LAB.model(LAB.check({"size": 20, "max_wait": 20}), CONSTANTS)
    assert model.base == pytest.approx((1e9 / 2.2e5, 2.2e5 + 1e5))
    capacity, latency = model.here
    assert capacity == pytest.approx(8e9 / (2e7 + 3.6e5 + 1e5)) and latency == pytest.approx(2e7 + 2.2e5 + 1e5)
    waits = LAB.model(LAB.check({"size": 100, "max_wait": 0}), CONSTANTS)
    assert waits.here == pytest.approx((8e9 / (4e5 + 1.6e5), model.base[1]))
    assert LAB.model(LAB.check({"size": 1, "max_wait": 50}), CONSTANTS).here == model.base


def test_the_model_with_the_commits_of_the_run_follows_the_run_not_the_calibration() -> None:
    slow = record(base_per_s=100)  # a commit takes 10 ms in this run
    assert batching_model.expected_here(slow) == pytest.approx(8e9 / (2e7 + 1e7 + 7 * 2e4), rel=0.02)
    assert "capacity by the model" in " ".join(name for name, *_ in LAB.trust(slow, None))


def test_a_scenario_names_the_rule() -> None:
    told = [batching.scenario(LAB.check(each)) for each in ({"size": 1}, {"size": 20}, {"size": 20, "max_wait": 0})]
    assert (
        "one commit for each request" in told[0] and "after 20 ms at most" in told[1] and "holds what waits" in told[2]
    )
    assert batching_model.setting_of(record()) == "20 requests, 20 ms"
    assert batching_model.setting_of(record(max_wait=0)) == "what waits, up to 20"
    assert batching_model.setting_of(record(size=1)) == ""


def test_a_pinned_run_is_compared_by_its_capacity() -> None:
    sizes = dict.fromkeys((PER_S, ALONE, BASE + PER_S, BASE + ALONE), (1,) * 8)
    now, pinned = (replace(record(per_s), turns="together", sizes=sizes) for per_s in (9_000, 3_000))
    found = LAB.verdict(now, pinned)
    assert "3.00× (3.00–3.00) above the pinned run" in found.text and found.kind == "clear"
    assert len(LAB.table(now, pinned)[0]) == 3


def test_a_rule_of_the_learner_travels_to_the_writer() -> None:
    def when(waiting: int, oldest_wait_s: float, last: int) -> bool:
        return waiting > 0

    lab = replace(LAB, policy={"when": when})
    assert lab.sent([lab.check({})])[0] != LAB.sent([LAB.check({})])[0]
