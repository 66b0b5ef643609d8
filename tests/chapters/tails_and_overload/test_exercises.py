"""The exercises of notebook 07: every right way is accepted, and what is wrong is said in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tail_records import page_record, storm_record

from perflab.chapters.tails_and_overload import exercises, storm_model
from perflab.chapters.tails_and_overload.fan_out_model import ALL, CANCELLED, SAVED
from perflab.chapters.tails_and_overload.storm_model import AT_ONCE, BUDGET, JITTER, NONE, good_at_the_end
from perflab.lab import Record


def said(capsys: pytest.CaptureFixture[str], check: Callable[[Any], Any], answer: Any) -> str:
    check(answer)
    return capsys.readouterr().out


@pytest.mark.parametrize("check", [exercises.check_tamed, exercises.check_service_level, exercises.check_outage])
def test_an_open_exercise_says_what_to_do(capsys: pytest.CaptureFixture[str], check: Callable[[Any], Any]) -> None:
    assert said(capsys, check, None).startswith("Not done yet. ")


@pytest.mark.parametrize("hedges", [SAVED, CANCELLED])
def test_a_limit_for_copies_tames_hedges(capsys: pytest.CaptureFixture[str], hedges: str) -> None:
    assert said(capsys, exercises.check_tamed, page_record(workers=4, hedges=hedges)).startswith("Right")


def test_hedges_of_all_late_calls_are_not_tame(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, exercises.check_tamed, page_record(workers=4, hedges=ALL))
    assert told.startswith("Not yet") and "were sent twice" in told
    assert "`workers` should be 4" in said(capsys, exercises.check_tamed, page_record(workers=32, hedges=SAVED))
    assert "no run" in said(capsys, exercises.check_tamed, 5)
    empty = Record("fan_out", {}, 1, "", status="complete")
    assert "nothing that counts" in said(capsys, exercises.check_tamed, empty)
    other = replace(page_record(workers=4), lab="stopwatch")
    assert "the lab 'stopwatch'" in said(capsys, exercises.check_tamed, other)


def by_median(recent: Sequence[float]) -> float | None:
    ordered = sorted(recent)
    if len(ordered) < 20 or ordered[len(ordered) // 2] > 2 * ordered[0]:
        return None
    return 3 * ordered[len(ordered) // 2]


def twice_the_p95(recent: Sequence[float]) -> Any:
    return None if len(recent) < 20 else 2 * np.quantile(recent, 0.95)


@pytest.mark.long
@pytest.mark.parametrize("rule", [by_median, twice_the_p95])
def test_rules_that_tell_luck_from_a_queue_are_right(capsys: pytest.CaptureFixture[str], rule: Any) -> None:
    lab = exercises.check_hedge(rule)
    assert capsys.readouterr().out.startswith("Right")
    assert lab is not None and lab.policy == {"hedge_after": rule} and lab.prediction is None


@pytest.mark.long
@pytest.mark.parametrize(
    ("rule", "because"),
    [
        (lambda recent: None, "bad luck"),
        (lambda recent: 0.18, "early enough"),
        (lambda recent: 0.024, "wait in a queue"),
        (lambda recent: 0.06, "wait in a queue"),
        (lambda recent: sorted(recent)[len(recent) // 2] if recent else None, "wait in a queue"),
    ],
)
def test_rules_that_do_not_are_told_why(capsys: pytest.CaptureFixture[str], rule: Any, because: str) -> None:
    told = said(capsys, exercises.check_hedge, rule)
    assert told.startswith("Not done yet. ") and because in told


@pytest.mark.parametrize(
    ("rule", "because"),
    [
        (lambda recent: recent[5], "IndexError"),
        (lambda recent: "soon", "'soon'"),
        (lambda recent: -1, "-1"),
        (lambda recent: float("nan"), "nan"),
        (lambda: 1, "TypeError"),
    ],
)
def test_a_rule_that_fails_or_returns_nonsense_is_one_sentence(
    capsys: pytest.CaptureFixture[str], rule: Any, because: str
) -> None:
    assert exercises.check_hedge(rule) is None
    told = capsys.readouterr().out
    assert told.startswith("Not yet") and because in told and "Traceback" not in told


def test_something_else_is_no_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_hedge(0.01) is None  # type: ignore[arg-type]
    assert "no function" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "told"),
    [("met", "average of percentiles"), ("missed", "0.1% of all"), ("Cannot be told", "Right"), ("yes", "none of")],
)
def test_the_service_level_of_ten_shards(capsys: pytest.CaptureFixture[str], answer: str, told: str) -> None:
    assert told in said(capsys, exercises.check_service_level, answer)


@pytest.mark.parametrize(
    "answer",
    ["budget", "Budget", "BUDGET", " budget ", "budget.", '"budget"', "'budget'", "“budget”", "(budget)", "budget\n"],
)
def test_a_budget_ends_the_outage_that_retries_keep_up(capsys: pytest.CaptureFixture[str], answer: str) -> None:
    assert said(capsys, exercises.check_outage, answer).startswith("Right: it offers at most 40% × 1.1 = 44%")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("pauses", "Not yet: they delay the retries"),
        ("Pauses ", "Not yet: they delay"),
        ("servers", "Not yet: then the load is 32%"),
        ('"servers"', "128% is offered"),
        ("shorter time-out", "Not yet: then attempts time out in a shorter queue already"),
        ("Shorter time out", "Not yet: then attempts"),
        ("shorter_time_out", "Not yet: then attempts"),
        ("jitter", '\'jitter\' is none of: "pauses", "servers", "shorter time-out", "budget".'),
        ("pauses and a budget", "none of"),
        ("", "none of"),
        (4, "4 is none of"),
        (["budget"], "none of"),
    ],
)
def test_what_does_not_end_it_is_told_why(capsys: pytest.CaptureFixture[str], answer: Any, told: str) -> None:
    assert told in said(capsys, exercises.check_outage, answer)


@pytest.mark.long
def test_the_outage_ends_in_simulated_runs_as_its_exercise_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def good(load: int, retries: str) -> list[float]:
        """At the ends of runs with the time-out and the stall of the exercise, both 25 times as short."""
        return [good_at_the_end(storm_record(seed, load=load, retries=retries, stall=0.2)) for seed in range(1, 6)]

    assert min(good(40, NONE) + good(40, BUDGET)) > 0.95, "before the retries, and with a budget"
    assert max(good(40, AT_ONCE) + good(40, JITTER)) < 0.05, "at once, and after pauses"
    assert np.median(good(20, AT_ONCE)) > 0.95, "half of the traffic"
    more_servers = storm_model.simulated(32, AT_ONCE, 0.2, storm_model.NOTHING, 1)
    columns = [np.asarray(more_servers.samples[name]) for name in ("arrived_s", "number")]
    assert storm_model.share_good(*columns) < 0.05
    monkeypatch.setattr(storm_model, "TIMEOUT_MS", 20)
    assert max(good(40, AT_ONCE)) < 0.05, "with a shorter time-out"


def flawed(due: Sequence[float], service_s: float, connections: int) -> list[float]:
    """The exercise's own."""
    free_at, ends, times = 0.0, [], []
    for moment in due:
        ends = [end for end in ends if end > moment]
        if len(ends) < connections:
            free_at = max(moment, free_at) + service_s
            ends.append(free_at)
            times.append(free_at - moment)
    return times


def mended(due: Sequence[float], service_s: float, connections: int) -> list[float]:
    return flawed(due, service_s, len(due))


def waits_for_a_connection(due: Sequence[float], service_s: float, connections: int) -> Any:
    free_at, ends, times = 0.0, [], []
    for moment in due:
        sent = max(moment, sorted(ends)[-connections]) if len(ends) >= connections else moment
        free_at = max(sent, free_at) + service_s
        ends.append(free_at)
        times.append(free_at - moment)
    return np.array(times)


def from_when_it_was_sent(due: Sequence[float], service_s: float, connections: int) -> list[float]:
    return [service_s] * len(due)


@pytest.mark.parametrize("test", [mended, waits_for_a_connection])
def test_a_load_test_that_leaves_out_nothing_is_right(capsys: pytest.CaptureFixture[str], test: Any) -> None:
    assert said(capsys, exercises.check_the_lie, test).startswith("Right")


@pytest.mark.parametrize(
    ("test", "told"),
    [
        (flawed, "80 requests were due, and"),
        (from_when_it_was_sent, "from when it was due; yours says 0.05 s"),
        (lambda due, service_s, connections: [], "and 0 have a response time"),
        (lambda due, service_s, connections: None, "It returned None: is there a `return`?"),
        (lambda due, service_s, connections: [float("nan")] * len(due), "yours says nan s"),
    ],
)
def test_a_load_test_that_hides_something_is_not(capsys: pytest.CaptureFixture[str], test: Any, told: str) -> None:
    assert told in said(capsys, exercises.check_the_lie, test)
