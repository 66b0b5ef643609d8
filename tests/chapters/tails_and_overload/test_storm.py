"""The lab on retry storms: the condition, what ends a storm and what does not, and the same on a real server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from labs import measured_together
from predictions import assert_each_comment_fits
from relations import two_of_three
from tail_records import storm_record
from turns import side_by_side

from perflab.chapters.tails_and_overload import storm
from perflab.chapters.tails_and_overload import storm_model as model
from perflab.chapters.tails_and_overload.storm_model import (
    AT_ONCE,
    BUDGET,
    CANCEL,
    DROP_LATE,
    END_S,
    JITTER,
    LIFO,
    NONE,
    NOTHING,
    ONCE,
    RUN_S,
    SHORT_QUEUE,
    YOURS,
    good_at_the_end,
)
from perflab.lab import Record
from perflab.measure.frame import Frame
from perflab.measure.guards import BadInput

LAB = storm.lab()
START = LAB.check({})


@pytest.mark.long
@pytest.mark.parametrize("retries", [NONE, ONCE, AT_ONCE, JITTER])
@pytest.mark.parametrize("load", [10, 30, 40, 60, 70])
def test_the_condition_tells_in_nine_of_ten_runs_whether_the_server_stays_down(retries: str, load: int) -> None:
    chosen = {**START, "retries": retries, "load": load}
    if retries == ONCE and load == 40:
        return  # too near to the edge of 50%
    down = model.is_predicted_down(chosen)
    found = [good_at_the_end(storm_record(seed, retries=retries, load=load)) for seed in range(1, 11)]
    assert sum((good < 0.5) == down for good in found) >= 9, found


@pytest.mark.long
@pytest.mark.parametrize(
    ("cure", "retries"), [(SHORT_QUEUE, AT_ONCE), (LIFO, AT_ONCE), (CANCEL, AT_ONCE), (NOTHING, BUDGET)]
)
@pytest.mark.parametrize("load", [30, 50, 60])
def test_what_ends_the_storm(cure: str, retries: str, load: int) -> None:
    assert min(good_at_the_end(storm_record(seed, load=load, cure=cure, retries=retries)) for seed in range(1, 6)) > 0.9


@pytest.mark.long
def test_near_the_capacity_only_a_short_queue_and_lifo_end_it_within_the_run() -> None:
    def share_up(**changes: Any) -> float:
        return float(np.mean([good_at_the_end(storm_record(seed, load=80, **changes)) > 0.9 for seed in range(1, 13)]))

    assert share_up(cure=SHORT_QUEUE) == share_up(cure=LIFO) == 1
    assert 0.3 < share_up(cure=CANCEL) < 0.8, "in half of the runs"
    assert max(share_up(cure=DROP_LATE), share_up(retries=BUDGET)) < 0.3


def test_dropping_what_is_late_ends_it_at_half_load_and_not_near_the_capacity() -> None:
    assert good_at_the_end(storm_record(load=50, cure=DROP_LATE)) > 0.9
    assert good_at_the_end(storm_record(load=80, cure=DROP_LATE)) < 0.5


def test_pauses_with_jitter_only_delay_the_retries() -> None:
    at_once, later = (storm_record(retries=retries) for retries in (AT_ONCE, JITTER))
    assert good_at_the_end(at_once) == good_at_the_end(later) == 0
    loads = [model.offered_at_the_end(run) for run in (at_once, later)]
    assert loads == pytest.approx([2, 2], rel=0.1)


def test_rules_of_retries() -> None:
    assert [model.at_most(tries, 10, 3) for tries in (1, 3, 4)] == [0, 0, None]
    assert [model.within_budget(tries, tokens) for tries, tokens in ((1, 1), (3, 1), (4, 9), (1, 0.9))] == [
        0,
        0,
        None,
        None,
    ]
    pauses = [model.policy(JITTER, 5)(1, 10) for _ in range(2)]
    assert pauses[0] == pauses[1], "the same for the same seed"
    rule = model.policy(JITTER, 5)
    drawn = [rule(1, 10) for _ in range(500)]
    assert np.mean(drawn) == pytest.approx(0.08, rel=0.1) and 0 <= min(drawn) < max(drawn) <= 0.16  # type: ignore[type-var]
    assert rule(4, 10) is None and model.policy(NONE, 1)(1, 10) is None


def test_a_learners_policy_decides_in_the_model() -> None:
    own = {**START, "retries": YOURS}
    expected = LAB.predict(**own, retry=lambda tries, tokens: None)  # type: ignore[misc]
    assert expected.sent[-3:].mean() == pytest.approx(250, rel=0.2)
    usual = LAB.predict(**START, retry=lambda tries, tokens: None)  # type: ignore[misc]
    assert usual.sent[-3:].mean() == pytest.approx(1_000, rel=0.2), "to be compared with"
    assert np.isnan(model.edge(own))
    with pytest.raises(BadInput, match="retry raised ZeroDivisionError"):
        LAB.predict(**own, retry=lambda tries, tokens: 1 / 0)  # type: ignore[misc]


@pytest.mark.parametrize("cure", model.CURES)
@pytest.mark.parametrize("retries", model.RETRIES)
def test_the_model_sends_and_answers_just_what_the_real_client_and_server_decide(retries: str, cure: str) -> None:
    for load, stall in ((20, 0.1), (60, 0.3)):
        run = model.simulated(load, retries, stall, cure, 3)
        sent = np.concatenate([run.samples["arrived_s"], run.samples["retried_s"]])
        found = model.moments_s(load, retries, stall, cure, 3)
        for these, those in zip(found, (sent, run.samples["completed_s"]), strict=True):
            assert np.array_equal(np.sort(these), np.sort(those))


def test_a_rule_that_never_gives_up_is_ended() -> None:
    with pytest.raises(BadInput, match="200,000 attempts"):
        model.moments_s(50, YOURS, 0.3, SHORT_QUEUE, 1, lambda tries, tokens: 0.0)


def test_the_model_stands_in_bins_that_cover_the_run() -> None:
    expected = LAB.predict(**START)  # type: ignore[misc]
    assert expected.sent.size == expected.good.size == model.BINS.size == 14
    assert model.EDGES[-1] == pytest.approx(RUN_S) and model.per_s([0.05, 0.1, 0.3]).tolist()[:2] == [10, 5]
    assert expected.good[0] == pytest.approx(250, rel=0.4) and expected.good[-1] == 0


def test_the_edge_is_drawn_only_where_the_condition_speaks() -> None:
    assert LAB.predict(**START).edge == model.edge(START) == 25  # type: ignore[misc]
    assert model.edge({**START, "retries": ONCE}) == 50
    for changes in ({"retries": NONE}, {"retries": BUDGET}, {"cure": LIFO}):
        assert np.isnan(model.edge({**START, **changes})) and not model.is_predicted_down({**START, **changes})


def test_a_storm_is_said_and_so_is_a_recovery() -> None:
    down, up = storm_record(), storm_record(retries=BUDGET)
    said = LAB.verdict(down, None).text
    assert "0% of the requests were answered in time" in said and "ρ(1 + k) = 2.00 is offered: it stays down" in said
    assert LAB.found(down, None) == "2.1 s after the stall 100% of the requests still fail."
    assert LAB.found(up, None).startswith("The server has recovered: ") and "ρ(1 + k)" not in LAB.verdict(up, None).text
    low = LAB.verdict(storm_record(load=20), None).text
    assert "ρ(1 + k) = 0.80 is offered: it recovers, says the condition" in low
    edge = LAB.verdict(storm_record(load=50, retries=ONCE), None).text
    assert "ρ(1 + k) = 1.00 is offered: the backlog neither grows nor shrinks, says the condition" in edge
    stopped = storm_record()
    stopped.frame.facts["elapsed_s"] = 1.95
    assert LAB.verdict(stopped, None).text == "The end of the run has not come yet." and LAB.found(stopped, None) == ""
    pair = side_by_side(storm_record(retries=JITTER), down)
    assert "“3 after a pause with jitter” as with “3 at once”" in LAB.found(*pair)
    assert "Pinned run: 0% at the end." in LAB.verdict_of(*pair).text
    rows = dict(row[:2] for row in LAB.table(down, None))
    assert rows["retries"] == f"{down.column('retried_s').size:,}"


def ended(share: float, **changes: Any) -> Record:
    """A run in which so many of the requests that were due in its last part were answered."""
    run = storm_record(**changes)
    due_s = run.column("arrived_s")
    number = np.arange(due_s.size)
    last = np.flatnonzero(due_s >= RUN_S - END_S)
    left = np.setdiff1d(number, last[: round((1 - share) * last.size)])[::-1]
    few = {name: np.resize(run.column(name), left.size) for name in ("completed_s", "latency_ns")}
    return replace(run, frame=Frame({**run.frame.samples, **few, "number": left}, run.frame.counts, run.frame.facts))


def test_a_run_without_a_stall_is_not_said_to_recover_from_one() -> None:
    up, down = storm_record(stall=0.0), storm_record(stall=0.0, load=80, seed=3)
    assert "stays down" not in LAB.verdict(up, None).text
    assert LAB.found(up, None) == "Without a stall 100% of the requests are answered in time at the end."
    assert good_at_the_end(down) < 0.1, "at 80% the retries need no stall"
    assert LAB.found(down, None).startswith("Without a stall ") and "after the stall" not in LAB.found(down, None)


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (1.0, "The server has recovered: 100% "),
        (0.6, "The server has recovered only in part: "),
        (0.3, "The server has recovered only in part: "),
        (0.0, "2.1 s after the stall 100% of the requests still fail"),
    ],
)
def test_a_server_that_answers_some_requests_is_said_to_have_recovered_in_part(share: float, told: str) -> None:
    run = ended(share)
    assert good_at_the_end(run) == pytest.approx(share, abs=0.2) and LAB.found(run, None).startswith(told)


@pytest.mark.parametrize("share", [0.4, 0.7])
def test_the_question_is_left_open_by_a_server_that_has_recovered_in_part(share: float) -> None:
    assert outcome(storm_record(), ended(share, retries=JITTER)) is None


def test_the_headline_speaks_of_two_runs_only_where_one_thing_that_might_end_the_storm_differs() -> None:
    down = storm_record()
    for changes in ({"load": 80, "retries": JITTER}, {"load": 80}, {"stall": 0.4}):
        assert "as with" not in LAB.found(*side_by_side(storm_record(**changes), down)), changes
    busy = storm_record(load=80)
    pair = side_by_side(ended(0.0, load=80, cure=DROP_LATE), busy)
    assert LAB.found(*pair).endswith("still fail, with “server drops the late” as with “nothing”.")
    names = (*model.RETRIES, YOURS)
    for changes in ({"retries": name} for name in names if name != AT_ONCE):
        both = [replace(busy, parameters={**busy.parameters, **each}) for each in (changes, {})]
        assert 60 < len(LAB.found(*side_by_side(*both))) <= 120


def cut(run: Record, elapsed_s: float) -> Record:
    samples = dict(run.frame.samples)
    early = samples["arrived_s"] < elapsed_s
    samples |= {name: samples[name][early] for name in ("arrived_s", "lateness_ns")}
    return replace(run, frame=Frame(samples, run.frame.counts, {**run.frame.facts, "elapsed_s": elapsed_s}))


def test_a_run_before_its_last_part_claims_nothing() -> None:
    begun = cut(storm_record(), 1.0)
    assert LAB.verdict(begun, None).text == "The end of the run has not come yet." and LAB.found(begun, None) == ""
    assert np.isnan(model.counted(begun, begun.column("completed_s"))[-1])
    assert LAB.verdict(Record("storm", START, 1, ""), None).kind == "invalid"


def test_a_run_in_which_nothing_was_answered_is_a_finding_too() -> None:
    run = storm_record()
    none = {**run.frame.samples, "number": np.empty(0, int), "completed_s": np.empty(0), "latency_ns": np.empty(0)}
    assert "100% of the requests still fail" in LAB.found(replace(run, frame=Frame(none, {}, run.frame.facts)), None)


def test_the_time_line_holds_the_model_and_the_run() -> None:
    chart, artists = drawn(LAB.charts[0])  # type: ignore[arg-type]
    expected, run = LAB.predict(**START), storm_record(load=80)  # type: ignore[misc]
    chart.show_model(START, expected)
    assert model.expected_most(expected) < 1_200 == chart._axes.get_ylim()[1]
    chart.show_run(run, (run,))
    assert 1_200 < model.most_sent(run) < 2_000 == chart._axes.get_ylim()[1]
    shown = dict(points(artists["sent"]))
    assert max(shown.values()) == model.most_sent(run) and len(shown) == model.BINS.size
    due = [per_s for _, per_s in points(artists["requests due"])]
    assert sum(due) * model.BIN_S == pytest.approx(run.column("arrived_s").size)
    bars = [part.vertices for part in artists["retries"].get_paths()]
    assert sum(bar[1][1] - bar[0][1] for bar in bars) * model.BIN_S == pytest.approx(run.column("retried_s").size)
    assert bars[-1][1].tolist() == [*points(artists["sent"])[-1]], "the retries end where all attempts do"
    assert sum(per_s for _, per_s in points(artists["in time"])) * model.BIN_S == pytest.approx(run.count("calls"))


def test_the_chart_of_all_runs_shows_them() -> None:
    steady = {**START, "load": 60}
    check_shows_all_and_can_be_emptied(
        LAB.charts[1],  # type: ignore[arg-type]
        storm_record(),
        storm_record(retries=BUDGET, load=70),
        steady,
        LAB.predict(**steady),  # type: ignore[misc]
    )


def outcome(at_once: Record, with_pauses: Record) -> Any:
    return LAB.prediction.outcome(side_by_side(at_once, with_pauses), LAB.check)  # type: ignore[union-attr]


def test_the_question_is_settled_whatever_was_found() -> None:
    at_once, pauses, up = storm_record(), storm_record(retries=JITTER), storm_record(retries=NONE)
    found = outcome(at_once, pauses)
    assert found.choice == storm.BOTH_DOWN and "0% with pauses" in found.measured
    assert_each_comment_fits(storm.PREDICTION, found)
    recovered = [replace(up, parameters=run.parameters) for run in (at_once, pauses)]
    assert outcome(*recovered).choice == storm.BOTH_UP and outcome(at_once, recovered[1]).choice == storm.JITTER_UP
    assert outcome(recovered[0], pauses) is None, "that says nothing about pauses"
    assert outcome(at_once, cut(pauses, RUN_S - END_S / 2)) is None
    for found in (outcome(*recovered), outcome(at_once, recovered[1])):
        assert_each_comment_fits(storm.PREDICTION, found)


@pytest.mark.clock
def test_on_a_real_server_lifo_ends_the_storm() -> None:
    def ends() -> tuple[float, float]:
        (cured,) = measured_together(LAB, {"cure": LIFO}, budget_s=RUN_S)
        return good_at_the_end(corpus.click("tails_and_overload.storm").records[0]), good_at_the_end(cured)

    two_of_three(ends, lambda found: found[1] > max(0.5, 2 * found[0]), "answered at the end")


@pytest.mark.clock
def test_a_real_server_stays_down_with_retries_at_once_and_with_pauses() -> None:
    records = corpus.click("tails_and_overload.storm").records
    assert [good_at_the_end(record) < 0.1 for record in records] == [True, True]
    for record in records:
        due_s = record.column("arrived_s")
        assert record.column("retried_s").size <= 3 * due_s.size
        given_up_s = 4 * storm.TIMEOUT_MS / 1e3 + 3 * model.PAUSE_S
        assert record.fact("in_flight") <= np.count_nonzero(due_s > record.fact("elapsed_s") - 1.5 * given_up_s)
