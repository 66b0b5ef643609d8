"""Functions of learners: each way to fail is one sentence."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from perflab.systems.servers import policy
from perflab.systems.servers.policy import Policy, PolicyFailed


@pytest.mark.parametrize("answer", [True, False, np.True_, np.False_, 1, 0])
def test_its_answer_is_true_or_false(answer: Any) -> None:
    decide = Policy("The rule", lambda queued: answer)
    assert decide(3) is bool(answer)
    decide.check()


@pytest.mark.parametrize("answer", [None, "yes", 2, [], float("nan"), object])
def test_any_other_answer_is_refused_in_one_sentence_with_what_was_asked(answer: Any) -> None:
    decide = Policy("The rule", lambda queued: answer)
    with pytest.raises(PolicyFailed) as refused:
        decide(3)
    assert str(refused.value) == f"The rule must return True or False; it returned {answer!r} (asked with 3)."


@pytest.mark.parametrize("fail", [lambda: 1 / 0, lambda queued: {}["a"], lambda queued: np.ones(3)])
def test_an_error_is_told_and_only_the_first_is_told_later(fail: Any) -> None:
    answers = iter([fail, lambda queued: None])
    decide = Policy("The rule", lambda queued: next(answers)(queued))
    decide.check()
    with pytest.raises(PolicyFailed, match=r"^The rule raised \w+Error: .*\(asked with 7\)\.$"):
        decide(7)
    with pytest.raises(PolicyFailed, match="None"):
        decide(7)
    with pytest.raises(PolicyFailed, match="raised"):
        decide.check()


def test_one_that_does_not_return_is_told_while_it_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, end = threading.Event(), threading.Event()

    def think(queued: int) -> bool:
        asked.set()
        return end.wait()

    decide = Policy("The rule", think)
    thread = threading.Thread(target=decide, args=(2,))
    thread.start()
    asked.wait()
    decide.check()
    monkeypatch.setattr(policy, "MAX_DECISION_S", 0.0)
    with pytest.raises(PolicyFailed, match=r"has not returned after 0 s \(asked with 2\)"):
        decide.check()
    end.set()
    thread.join()
    decide.check()
