"""The checks of learners' rules say what is wrong, accept what is right, and hand back the lab with the rule."""

from __future__ import annotations

from typing import Any

import pytest

from perflab.chapters.tails_and_overload import own_rules
from perflab.chapters.tails_and_overload.own_rules import check_may_queue, check_retry


def raising(*_: Any) -> bool:
    raise KeyError("x")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (lambda queued, service_s, deadline_s: queued < 1_000, "Not done yet. 2 × capacity, deadline 80 ms"),
        (lambda queued, service_s, deadline_s: queued < 3, "The worker is idle too often"),
        (lambda queued, service_s, deadline_s: queued < 10, "2 × capacity, deadline 20 ms"),
        (lambda queued, service_s, deadline_s: queued < 5, "2 × capacity, deadline 20 ms"),
        (lambda queued, service_s, deadline_s: False, "The worker is idle too often"),
        (lambda queued, service_s, deadline_s: (queued + 2) * service_s <= deadline_s, "How long will a request wait"),
        (lambda queued, service_s, deadline_s: (queued + 2) * service_s <= 0.7 * deadline_s, "Right: "),
        (lambda queued, service_s, deadline_s: (queued + 1) * service_s < 0.6 * deadline_s, "Right: "),
        (own_rules.by_expected_wait, "Right: "),
        (lambda queued, service_s, deadline_s: None, "must return True or False; it returned None"),
        (lambda queued: True, "TypeError"),
        (raising, "KeyError"),
        (7, "7 is no function"),
    ],
)
def test_rules_of_admission_are_judged(rule: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    lab = check_may_queue(rule)
    shown = capsys.readouterr().out
    assert said in shown and shown.count("\n") == 1
    assert (lab is None) == any(word in shown for word in ("no function", "Error", "must return"))
    if lab is not None:
        assert lab.policy == {"may_queue": rule} and lab.prediction is None


@pytest.mark.long
@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (lambda attempt, tokens: None, "Is the stall over when you try again?"),
        (lambda attempt, tokens: 0 if attempt <= 3 else None, "Not done yet. "),
        (
            lambda attempt, tokens: 0.05 * 2**attempt if attempt <= 3 else None,
            "50% load, a stall of 300 ms: at the end",
        ),
        (lambda attempt, tokens: 0 if attempt <= 3 and tokens >= 1 else None, "Is the stall over"),
        (lambda attempt, tokens: 0.05 if attempt <= 3 and tokens >= 1 else None, "Right: "),
        (lambda attempt, tokens: 0.1 if attempt <= 2 and tokens > 2 else None, "Right: "),
        (lambda attempt, tokens: -1, "retry must return seconds from 0 to 10, or None; it returned -1"),
        (lambda attempt, tokens: "later", "it returned 'later'"),
        (lambda attempt: 0, "TypeError"),
        (raising, "KeyError"),
        (None, "None is no function"),
    ],
)
def test_policies_of_retries_are_judged(policy: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    lab = check_retry(policy)
    shown = capsys.readouterr().out
    assert said in shown and shown.count("\n") == 1
    assert (lab is None) == any(word in shown for word in ("no function", "Error", "must return"))
    if lab is not None:
        assert lab.policy == {"retry": policy} and lab.model(lab.check({})).sent.size
