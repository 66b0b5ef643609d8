"""The client's decisions, as facts: time-outs, retries, budgets, giving up at the server, hedges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from perflab.measure.guards import BadInput
from perflab.measure.load import NEVER_NS
from perflab.systems.clients import attempts as module
from perflab.systems.clients.attempts import MAX_TOKENS, Attempts, Patience

MS = 1_000_000


def client(*due_ms: float, servers: int = 1, **patience: Any) -> Attempts:
    return Attempts(np.array([round(at * MS) for at in due_ms], np.int64), Patience(**patience), servers)


def taken(made: Attempts) -> list[tuple[str, int, str]]:
    """What is to be sent now: what, which attempt, of which kind."""
    out = [(what, attempt, made.all[attempt].kind) for what, attempt in made.outbox]
    made.outbox.clear()
    return out


def at(made: Attempts, ms: float) -> list[tuple[str, int, str]]:
    made.advance(round(ms * MS))
    return taken(made)


def three_times(tries: int, tokens: float) -> float | None:
    return 0.0 if tries < 4 else None


def test_requests_are_sent_when_they_are_due_whatever_became_of_others() -> None:
    made = client(0, 5, 5, 9)
    assert made.next_ns == 0 and at(made, 0) == [("send", 0, "first")]
    assert made.next_ns == 5 * MS and at(made, 4.9) == []
    assert at(made, 7) == [("send", 1, "first"), ("send", 2, "first")]
    assert [each.sent_ns for each in made.all] == [0, 7 * MS, 7 * MS], "late, and known to be"
    assert at(made, 9) == [("send", 3, "first")]
    assert made.in_flight == 4 and made.next_ns == 10_000 * MS
    for attempt in range(4):
        assert made.on_reply(attempt, True, 11 * MS)
    assert made.in_flight == 0 and made.answered_ns.tolist() == [11 * MS] * 4 and made.ended == [0, 1, 2, 3]


def test_without_requests_nothing_is_ever_to_be_done() -> None:
    made = client()
    assert made.next_ns == NEVER_NS
    made.advance(10**15)
    assert made.outbox == []


def test_an_answer_after_its_time_out_is_needless() -> None:
    made = client(0, timeout_s=0.04)
    at(made, 0)
    assert at(made, 40) == [] and made.timed_out == 1
    assert made.failed == [(0, 40 * MS, False)] and made.in_flight == 0
    assert made.on_reply(0, True, 41 * MS) is False
    assert made.needless == 1 and made.answered_ns[0] == -1


def test_each_attempt_that_times_out_is_followed_by_another_one_as_long_as_the_rule_says() -> None:
    made = client(0, timeout_s=0.04, retry=three_times)
    assert at(made, 0) == [("send", 0, "first")]
    for number in (1, 2, 3):
        assert at(made, 40 * number) == [("send", number, "retry")]
    assert at(made, 160) == [] and made.failed == [(0, 160 * MS, False)]
    assert made.timed_out == 4


def test_a_request_that_is_refused_is_tried_again_at_once_and_given_up_as_refused() -> None:
    made = client(0, retry=lambda tries, tokens: 0.0 if tries < 2 else None)
    at(made, 0)
    made.on_reply(0, False, 1 * MS)
    assert taken(made) == [("send", 1, "retry")]
    made.on_reply(1, False, 2 * MS)
    assert made.failed == [(0, 2 * MS, True)] and made.timed_out == 0


def test_a_pause_before_a_retry() -> None:
    made = client(0, timeout_s=0.04, retry=lambda tries, tokens: 0.1 * tries if tries < 3 else None)
    at(made, 0)
    assert at(made, 40) == [] and at(made, 139) == [] and at(made, 140) == [("send", 1, "retry")]
    assert at(made, 180) == [] and at(made, 379) == [] and at(made, 380) == [("send", 2, "retry")]
    assert made.on_reply(2, True, 381 * MS) and made.answered_ns[0] == 381 * MS
    assert at(made, 10_000) == [] and made.failed == []


def test_a_budget_gains_a_tenth_a_request_and_loses_one_a_retry() -> None:
    seen: list[float] = []

    def saving(tries: int, tokens: float) -> float | None:
        seen.append(round(tokens, 6))
        return 0.0 if tries < 4 and tokens >= 1 else None

    made = client(*[0] * 30, timeout_s=0.04, retry=saving)
    at(made, 0)
    assert made.tokens == MAX_TOKENS
    sent = [kind for moment in (40, 80, 120, 160) for _, _, kind in at(made, moment)]
    assert sent == ["retry"] * 10 and seen[:12] == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    assert len(made.failed) == 30
    later = client(*range(0, 300, 10), timeout_s=0.001, retry=saving, share=0.5)
    later.tokens = 0.0
    for ms in range(400):
        later.advance(ms * MS)
    assert sum(each.kind == "retry" for each in later.all) == 15, "half a token a request"


def test_a_client_that_cancels_says_so_to_the_server() -> None:
    made = client(0, timeout_s=0.04, retry=three_times, cancels=True)
    at(made, 0)
    assert at(made, 40) == [("cancel", 0, "first"), ("send", 1, "retry")]


def test_a_hedge_goes_to_the_next_server_and_the_first_answer_counts() -> None:
    made = client(0, 0, servers=2, hedge_after=lambda recent: 0.006, cancels=True)
    at(made, 0)
    assert [each.server for each in made.all] == [0, 1]
    assert made.on_reply(0, True, 3 * MS)
    assert at(made, 6) == [("send", 2, "hedge")], "only of the one that is not answered"
    assert made.all[2].server == 0 and made.all[2].number == 1
    assert made.on_reply(2, True, 8 * MS)
    assert taken(made) == [("cancel", 1, "first")] and made.answered_ns[1] == 8 * MS
    assert made.on_reply(1, True, 50 * MS) is False and made.needless == 1


def test_a_hedge_takes_a_token_where_the_client_saves() -> None:
    made = client(*[0] * 15, hedge_after=lambda recent: 0.006, saves=True, share=0.0)
    at(made, 0)
    assert len(at(made, 6)) == MAX_TOKENS
    wasteful = client(*[0] * 15, hedge_after=lambda recent: 0.006, share=0.0)
    at(wasteful, 0)
    assert len(at(wasteful, 6)) == 15


def test_a_rule_for_hedges_sees_the_latest_response_times() -> None:
    seen: list[Sequence[float]] = []

    def hedge_after(recent: Sequence[float]) -> float | None:
        seen.append(recent)
        return None

    made = client(0, 10, 20, hedge_after=hedge_after)
    at(made, 0)
    made.on_reply(0, True, 4 * MS)
    at(made, 10)
    made.on_reply(1, True, 17 * MS)
    assert at(made, 5_000) == [("send", 2, "first")]
    assert seen == [(), (0.004,), (0.004, 0.007)]


def test_a_request_is_tried_again_only_when_its_hedge_is_lost_too() -> None:
    made = client(0, servers=2, timeout_s=0.04, hedge_after=lambda recent: 0.01, retry=three_times)
    at(made, 0)
    at(made, 10)
    assert at(made, 40) == [], "the hedge may still be answered"
    assert at(made, 50) == [("send", 2, "retry")]
    made.on_reply(2, True, 55 * MS)
    assert made.ended == [0] and made.in_flight == 0


def test_a_hedge_that_is_answered_in_the_pause_before_a_retry_ends_the_request() -> None:
    made = client(0, servers=2, timeout_s=0.04, hedge_after=lambda recent: 0.05, retry=lambda tries, tokens: 0.1)
    at(made, 0)
    assert at(made, 50) == [("send", 1, "hedge")]
    made.on_reply(1, True, 60 * MS)
    assert at(made, 500) == [] and made.in_flight == 0


def broken(*_: Any) -> float:
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize("rule", ["retry", "hedge_after"])
@pytest.mark.parametrize(
    ("does", "message"),
    [
        (broken, "raised ZeroDivisionError: division by zero."),
        (lambda *_: -1, "must return seconds from 0 to 10, or None; it returned -1."),
        (lambda *_: math.nan, "it returned nan"),
        (lambda *_: True, "it returned True"),
        (lambda *_: "soon", "it returned 'soon'"),
    ],
)
def test_a_rule_that_raises_or_returns_nonsense_is_one_sentence(rule: str, does: Any, message: str) -> None:
    made = client(0, timeout_s=0.04, **{rule: does})
    with pytest.raises(BadInput, match=rule) as caught:
        made.advance(0)
        made.advance(40 * MS)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_rule_that_never_gives_up_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ATTEMPTS", 50)
    made = client(0, retry=lambda tries, tokens: 0.0)
    made.advance(0)
    with pytest.raises(BadInput, match="50 attempts"):
        for attempt in range(100):
            made.on_reply(attempt, False, attempt)


@pytest.mark.parametrize("wrong", [{"timeout_s": 0}, {"share": 2}, {"timeout_s": math.inf}])
def test_a_patience_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        Patience(**wrong)  # type: ignore[arg-type]
