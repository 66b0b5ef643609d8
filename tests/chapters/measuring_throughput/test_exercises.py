"""The checks of notebook 04 say what is wrong, and accept what is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from perflab.chapters.measuring_throughput import admission, exercises
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.schedule import poisson
from perflab.systems.databases.flushing import when_to_flush
from perflab.theory.simulate import simulate


def run(number: int, seconds: float = 2.0, service: float = 0.0505, status: Any = "complete", **changes: Any) -> Record:
    """A simulated run of the lab: so many workers, 200 requests/s of 50 ms, as far as they are done in time."""
    chosen = {**exercises.ASKED, "workers": number, **changes}
    came = poisson(200, seconds, 1) / 1e9
    done = simulate(came, np.full(came.size, service), number).departures
    in_time = done <= seconds
    samples = {"completed_s": np.sort(done[in_time]), "latency_ns": (done - came)[in_time] * 1e9}
    return Record("admission", chosen, 1, "", Frame(samples, {}, {"elapsed_s": seconds}), seconds, status)


EMPTY = Record("admission", {**exercises.ASKED, "workers": 12}, 1, "", Frame(), 2.0, "complete")
OTHER = Record("workers", {"kind": "threads"}, 1, "", run(12).frame, 2.0, "complete")


@pytest.mark.long
@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, "Not done yet"),
        (12, "12 is no run"),
        ("12", "'12' is no run"),
        (OTHER, "a run of the lab 'workers'; it should be one of 'admission'"),
        (EMPTY, "measured nothing"),
        (run(12, rate=100), "`rate` should be 200"),
        (run(12, processing=10), "`processing` should be 50"),
        (run(12, seconds=1.2, status="stopped"), "let it come to its end"),
        (run(6), "some requests wait too long"),
        (run(10), "of 200 simulated runs with 10 workers"),
        (run(11), "Not yet: it worked this time"),
        (run(12), "Right: of 200 simulated runs with 12 workers 196 stay below 125 ms; with one worker less only 161"),
        (run(12, service=0.07), "yours is one of the others or of a slower machine"),
        (run(13), "Fewer would do"),
        (run(40), "Fewer would do"),
    ],
)
def test_fewest_workers(record: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_fewest_workers(record)
    assert said in capsys.readouterr().out


def test_the_answer_does_not_depend_on_the_luck_of_a_run() -> None:
    shares = {number: exercises.share_good(number) for number in (0, 9, 11, 12, 13)}
    assert shares[0] == 0 and shares[9] < 0.05 and shares[11] < 0.9 < 0.97 < shares[12] <= shares[13]


Rule = Callable[[int, int, int, float], Any]


def by_wait(queued: int, places: int, workers: int, service_s: float) -> bool:
    return queued / workers * service_s + service_s < 0.45


RULES: list[tuple[Rule, str]] = [
    (by_wait, "Right"),
    (lambda queued, places, workers, service_s: (queued // workers + 2) * service_s <= 0.46, "Right"),
    (lambda queued, places, workers, service_s: queued < 0.8 * 0.5 * workers / service_s - workers, "Right"),
    (lambda queued, places, workers, service_s: queued * service_s / workers + service_s < 0.5, "Leave a margin"),
    (lambda queued, places, workers, service_s: np.float64(queued) * service_s / workers < 0.36, "Right"),
    (lambda queued, places, workers, service_s: queued / workers * service_s + service_s <= 0.45, "Leave a margin"),
    (lambda queued, places, workers, service_s: queued < places, "500 requests/s at 8 workers of 50 ms"),
    (lambda queued, places, workers, service_s: True, "How can one tell, when a request arrives"),
    (lambda queued, places, workers, service_s: False, "It rejects requests that could be answered"),
    (
        lambda queued, places, workers, service_s: None,
        "is called with queued, places, workers and service_s. It returned",
    ),
    (lambda queued, places, workers, service_s: "yes", "returned 'yes'; it should return True or False"),
    (lambda queued, places, workers, service_s: np.array(by_wait(queued, places, workers, service_s)), "Right"),
    (lambda queued, places, workers, service_s: queued < 16, "60 requests at once"),
    (lambda queued, places, workers, service_s: queued < 64, "300 requests/s at 4 workers of 40 ms"),
    (lambda queued, places, workers, service_s: queued < 8 * workers, "300 requests at once at 10 workers"),
    (lambda queued, places, workers, service_s: queued * service_s / workers < 0.5, "too late"),
    (lambda queued, places, workers, service_s: queued * service_s < 0.5, "could be answered"),
    (lambda queued, places, workers, service_s: 1 / 0, "ZeroDivisionError"),
    (lambda queued: True, "called with queued, places, workers and service_s"),  # type: ignore[list-item,misc]
]


@pytest.mark.parametrize(("rule", "said"), RULES)
def test_a_rule_of_admission(rule: Rule, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_admission(rule)
    told = capsys.readouterr().out
    assert said in told and told.startswith("Right") == (said == "Right")
    assert (lab is None) == ("is called with" in told)


@pytest.mark.parametrize("value", [None, 5, "queued < 10", True])
@pytest.mark.parametrize("check", [exercises.check_admission, exercises.check_flush, exercises.check_the_lie])
def test_what_is_no_function_is_said(
    check: Callable[[Any], Any], value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(value) is None
    assert "is no function" in capsys.readouterr().out


@pytest.mark.process
def test_the_lab_runs_with_a_learners_rule(capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_admission(
        lambda queued, places, workers, service_s: by_wait(queued, places, workers, service_s)
    )
    assert lab is not None and capsys.readouterr().out.startswith("Right")
    record = lab.run(queue=1_000)
    assert record.count("rejected") > 200
    assert admission.goodput(record) > 100, "with a thousand places and no rule it is about 55"


def eager(pending: int, oldest_wait_s: float, size: int, max_wait_s: float) -> bool:
    return pending > 0


@pytest.mark.process
def test_group_commit_is_accepted_and_its_lab_runs(capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_flush(eager)
    assert "Right" in capsys.readouterr().out
    assert lab is not None
    record = lab.run(rate=50, size=100)
    assert np.median(record.column("waiting_ns")) < 10e6, "the timer would make them wait for 50 ms"


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (when_to_flush, "what do requests wait for"),
        (lambda pending, oldest, size, most: pending >= size, "what do requests wait for"),
        (lambda pending, oldest, size, most: pending <= 3, "commits are too small"),
    ],
)
def test_a_policy_that_does_not_do_for_both_rates_is_open(
    when: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exercises.check_flush(when) is not None
    assert said in capsys.readouterr().out


def test_a_policy_that_cannot_be_called_is_told_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_flush(lambda pending: True) is None  # type: ignore[misc,arg-type]
    assert "called with pending" in capsys.readouterr().out


@pytest.mark.parametrize("returned", [None, "later", [False], float("nan")])
def test_a_policy_that_says_neither_yes_nor_no_is_told(returned: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_flush(lambda pending, oldest, size, most: returned) is None
    assert "it should return True or False" in capsys.readouterr().out


def test_three_milliseconds_of_waiting_are_more_than_a_commit(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_flush(lambda pending, oldest, size, most: pending >= 10 or oldest >= 0.003)
    assert "what do requests wait for" in capsys.readouterr().out
    exercises.check_flush(lambda pending, oldest, size, most: pending >= 4 or oldest >= 0.002)
    assert capsys.readouterr().out.startswith("Right")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Not done yet"),
        ("magic", "is none of"),
        ("more threads", "Not yet: 100 threads already wait"),
        ("a longer queue", "Not yet"),
        ("a faster CPU", "Not yet"),
        ("more connections", "Right"),
    ],
)
def test_design(answer: str | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_design(answer)
    assert said in capsys.readouterr().out


def naive(done: Sequence[float], window: float, now: float) -> float:
    """The lie: as if the window had always been full of time."""
    return sum(now - window < moment <= now for moment in done) / window


def honest(done: Sequence[float], window: float, now: float) -> float:
    return sum(now - window < moment <= now for moment in done) / min(window, now)


def test_the_lie_is_seen_and_the_truth_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(naive)
    assert "Still wrong for 3 of 8" in capsys.readouterr().out
    exercises.check_the_lie(honest)
    assert capsys.readouterr().out.startswith("Right")
    exercises.check_the_lie(lambda done, window, now: len(done) / now)
    assert "Still wrong" in capsys.readouterr().out, "the whole run is not the window"
    exercises.check_the_lie(lambda done, window, now: None)  # type: ignore[arg-type,return-value]
    assert "yours says None" in capsys.readouterr().out


HONEST: list[Callable[[Sequence[float], float, float], Any]] = [
    lambda done, window, now: sum(now - window <= moment <= now for moment in done) / min(now, window),
    lambda done, window, now: np.count_nonzero(np.array(done) > now - window) / min(now, window),
    lambda done, window, now: len([m for m in done if m > max(0, now - window)]) / (now - max(0, now - window)),
]
DISHONEST: list[Callable[[Sequence[float], float, float], Any]] = [
    lambda done, window, now: len(done) / min(window, now),
    lambda done, window, now: len(done) / max(done, default=1),
    lambda done, window, now: sum(m > now - window for m in done) / max(window, now),
    lambda done, window, now: sum(m > now - window for m in done) / now,
    lambda done, window, now: 10.0,
    lambda done, window, now: float("nan"),
    lambda done, window, now: str(sum(m > now - window for m in done) / min(window, now)),
    lambda done, window, now: done.missing,  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("report", HONEST)
def test_each_honest_report_is_accepted(report: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(report)
    assert capsys.readouterr().out.startswith("Right")


@pytest.mark.parametrize("report", DISHONEST)
def test_no_other_lie_is(report: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(report)
    assert "Still wrong" in capsys.readouterr().out


@pytest.mark.process
def test_the_solution_of_the_lab_is_right_in_the_lab_too(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_fewest_workers(admission.lab().run(workers=12, rate=200))
    assert "Right" in capsys.readouterr().out
