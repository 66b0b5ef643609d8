"""The policy of retries: every right way is accepted, and what is wrong is said in one sentence."""

from __future__ import annotations

import random
from typing import Any

import pytest

from perflab.chapters.databases import own_retry
from perflab.chapters.databases.own_retry import (
    MAX_TRIES,
    SEEDS,
    check_retry,
    checked,
    conflicts,
    fault,
    growing,
    hopeless,
)
from perflab.measure.guards import BadInput
from perflab.systems.databases.conflicts import Tally
from perflab.systems.databases.virtual_counters import locked

CHANCE = random.Random(1)


def is_locked(error: Exception) -> bool:
    return "locked" in str(error)


def at_random(tries: int, error: Exception) -> float | None:
    return CHANCE.uniform(0, min(0.1, 0.002 * 2**tries)) if is_locked(error) and tries < 30 else None


def by_code(tries: int, error: Any) -> float | None:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF != 5 or tries >= MAX_TRIES:
        return None
    return CHANCE.expovariate(1 / 0.01)


def by_name(tries: int, error: Any) -> float | None:
    return CHANCE.random() * 0.03 if error.sqlite_errorname.startswith("SQLITE_BUSY") and tries < 50 else None


def for_some_seconds(tries: int, error: Exception) -> float | None:
    return CHANCE.random() * 0.03 if is_locked(error) and tries < 50 else None


@pytest.fixture
def no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the simulated part."""
    monkeypatch.setattr(own_retry, "real_run", lambda clients, retry, seconds: (Tally(100, 0, 150), 100))


@pytest.mark.usefixtures("no_file")
@pytest.mark.parametrize("retry", [at_random, by_code, by_name, for_some_seconds])
def test_random_waits_that_end_are_right(capsys: pytest.CaptureFixture[str], retry: Any) -> None:
    check_retry(retry)
    assert capsys.readouterr().out.startswith(
        "Right: nothing is lost, and it ends. On a real file just now 250 increments/s"
    )


@pytest.mark.usefixtures("no_file")
@pytest.mark.parametrize(
    ("retry", "because"),
    [
        (None, "no function"),
        (0.1, "no function"),
        (lambda tries: 0.1, "TypeError"),
        (lambda tries, error: 1 / 0, "ZeroDivisionError"),
        (lambda tries, error: "soon", "It returned 'soon'"),
        (lambda tries, error: -0.1, "It returned -0.1"),
        (lambda tries, error: float("nan"), "It returned nan"),
        (lambda tries, error: float("inf"), "It returned inf"),
        (lambda tries, error: True, "It returned True"),
        (lambda tries, error: None, "gives up"),
        (lambda tries, error: 0.01 if tries < 3 and is_locked(error) else None, "gives up"),
        (lambda tries, error: CHANCE.random() / 50 if tries < 50 else None, "no such table"),
        (lambda tries, error: 0.01 if "Operational" in type(error).__name__ and tries < 9 else None, "Which errors"),
        (lambda tries, error: CHANCE.random() / 50 if is_locked(error) else None, "still trying after 101 tries"),
        (lambda tries, error: 10.0 if is_locked(error) else None, "tries and 70 s"),
        (lambda tries, error: 0.0 if is_locked(error) and tries < 90 else None, "tries for each increment"),
        (lambda tries, error: 1.0 if is_locked(error) and tries < 20 else None, "What does a client do all this time"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str], retry: Any, because: str) -> None:
    check_retry(retry)
    said = capsys.readouterr().out
    assert said.startswith("Not") and because in said and said.count("\n") == 1 and "Traceback" not in said


def test_a_committed_increment_that_is_missing_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_retry, "real_run", lambda clients, retry, seconds: (Tally(100, 0, 150), 99))
    check_retry(at_random)
    assert "100 increments were committed on a real file, and its row says 99" in capsys.readouterr().out


def test_the_measure_is_far_from_both_limits() -> None:
    """Of the policy that others are compared with: hardly any tries are wasted, and nothing is given up."""
    for seed in SEEDS:
        found = conflicts(growing(seed))
        assert found.given_up == 0 and found.tries < 0.8 * own_retry.MAX_PER_INCREMENT * found.done
    assert fault(checked(at_random)) == ""


def test_a_policy_is_followed_as_far_as_the_limits() -> None:
    assert hopeless(lambda tries, error: 0.5 if tries < 4 else None) == (4, 1.5)
    assert hopeless(lambda tries, error: 0.0).tries == MAX_TRIES + 1
    assert hopeless(lambda tries, error: 50.0) == (2, 100.0)


def test_what_a_policy_is_asked_stands_in_the_sentence() -> None:
    with pytest.raises(BadInput, match="asked with tries=7 and OperationalError: database is locked"):
        checked(lambda tries, error: [])(7, locked())  # type: ignore[arg-type, return-value]


@pytest.mark.process
def test_a_right_policy_is_tried_on_a_real_file(capsys: pytest.CaptureFixture[str]) -> None:
    check_retry(at_random)
    assert "when tried again at once" in capsys.readouterr().out
