"""The checks of notebook 04 say what is wrong, and accept what is right."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from perflab.chapters.measuring_throughput import exercises, workers
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.schedule import poisson
from perflab.systems.databases.batcher import when_to_flush
from perflab.theory.simulate import simulate

SEED = 7


def run(number: int, seconds: float = 2.0, service: float = 0.0505, **changes: Any) -> Record:
    """A simulated run of the lab: so many workers, 200 requests/s of 50 ms, as far as they are done in time."""
    chosen = {**exercises.ASKED, "workers": number, **changes}
    came = poisson(200, seconds, 1) / 1e9
    done = simulate(came, np.full(came.size, service), number).departures
    in_time = done <= seconds
    samples = {"completed_s": np.sort(done[in_time]), "latency_ns": (done - came)[in_time] * 1e9}
    samples |= {"arrived_ns": came[in_time] * 1e9, "done_ns": done[in_time] * 1e9}
    return Record("workers", chosen, 1, "", Frame(samples, {}, {"elapsed_s": seconds}), seconds, "complete")


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, "Not done yet"),
        (run(13, connections=20), "`connections` should be 64"),
        (run(13, kind="processes"), "`kind` should be 'threads'"),
        (run(6), "requests/s are served; at least 180"),
        (run(13, seconds=1.2), "too few for a p99"),
        (run(13, service=0.067), "wait too long"),
        (run(10), "the queue would grow"),
        (run(13), "Right: 13 workers serve"),
        (run(12), "Right: 12 workers serve"),
        (run(14), "Fewer would do"),
        (run(40), "Fewer would do"),
    ],
)
def test_fewest_workers(record: Record | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_fewest_workers(record)
    assert said in capsys.readouterr().out


def test_a_run_that_served_no_request_is_not_enough(capsys: pytest.CaptureFixture[str]) -> None:
    empty = Record("workers", {**exercises.ASKED, "workers": 14}, 1, "", Frame())
    exercises.check_fewest_workers(empty)
    said = capsys.readouterr().out
    assert "0 requests/s are served" in said and "once more" in said
    exercises.check_fewest_workers(run(6))
    assert "once more" not in capsys.readouterr().out, "six cannot be helped by another run"


def eager(pending: int, oldest_wait_s: float, size: int, max_wait_s: float) -> bool:
    return pending > 0


@pytest.mark.clock
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
    assert "Still wrong for 2 of 5" in capsys.readouterr().out
    exercises.check_the_lie(honest)
    assert capsys.readouterr().out.startswith("Right")
    exercises.check_the_lie(lambda done, window, now: len(done) / now)
    assert "Still wrong" in capsys.readouterr().out, "the whole run is not the window"
    exercises.check_the_lie(lambda done, window, now: None)  # type: ignore[arg-type,return-value]
    assert "yours says None" in capsys.readouterr().out


@pytest.mark.clock
def test_the_solution_of_the_lab_is_right_in_the_lab_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another seed one run in thirty gets too few requests, as the check says."""
    monkeypatch.setattr(secrets, "randbits", lambda bits: SEED)
    record = workers.lab().run(workers=12, rate=200, connections=64)
    exercises.check_fewest_workers(record)
    assert "Right" in capsys.readouterr().out
