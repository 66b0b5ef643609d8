"""A learner's function inside a server: where it raises, hangs or returns nonsense, that is one sentence to the learner."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Real
from typing import Any

from perflab.measure.guards import BadInput

MAX_DECISION_S = 1.0


class PolicyFailed(BadInput):
    """A function of a learner's did not decide. The message is one sentence."""


class Asked(ABC):
    """Asks `decide`; `what` names it in sentences ("The admission rule")."""

    wanted: str

    def __init__(self, what: str, decide: Callable[..., Any]) -> None:
        self._what, self._decide = what, decide
        self._asked: tuple[float, tuple[Any, ...]] | None = None
        self._failed: PolicyFailed | None = None

    @staticmethod
    @abstractmethod
    def is_answer(answer: Any) -> bool:
        """Whether it is what was asked for."""

    def answer(self, *arguments: Any) -> Any:
        """Its answer. Raises `PolicyFailed`."""
        self._asked = time.perf_counter(), arguments
        try:
            answer = self._decide(*arguments)
            if self.is_answer(answer):
                return answer
            how, cause = f"must return {self.wanted}; it returned {answer!r}", None
        except Exception as error:
            how, cause = f"raised {type(error).__name__}: {error}", error
        finally:
            self._asked = None
        failed = PolicyFailed(f"{self._what} {how}{_with(arguments)}.")
        self._failed = self._failed or failed
        raise failed from cause

    def check(self) -> None:
        """Raise `PolicyFailed` when it has failed, or has been thinking for longer than `MAX_DECISION_S`. From any thread."""
        if self._failed is not None:
            raise self._failed
        if (asked := self._asked) and time.perf_counter() - asked[0] > MAX_DECISION_S:
            raise PolicyFailed(f"{self._what} has not returned after {MAX_DECISION_S:g} s{_with(asked[1])}.")


class Policy(Asked):
    """Decides: True or False."""

    wanted = "True or False"

    @staticmethod
    def is_answer(answer: Any) -> bool:
        return answer in (True, False)

    def __call__(self, *arguments: Any) -> bool:
        return bool(self.answer(*arguments))


class Ranking(Asked):
    """Ranks: a number, of which the lowest comes first."""

    wanted = "a number"

    @staticmethod
    def is_answer(answer: Any) -> bool:
        return isinstance(answer, Real) and not math.isnan(answer)

    def __call__(self, *arguments: Any) -> float:
        return float(self.answer(*arguments))


def _with(arguments: tuple[Any, ...]) -> str:
    return f" (asked with {', '.join(map(repr, arguments))})" if arguments else ""
