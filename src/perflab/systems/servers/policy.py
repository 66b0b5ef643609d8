"""A learner's function inside a server: where it raises, hangs or returns nonsense, that is one sentence to the learner."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from perflab.measure.guards import BadInput

MAX_DECISION_S = 1.0


class PolicyFailed(BadInput):
    """A function of a learner's did not decide. The message is one sentence."""


class Policy:
    """Asks `decide` for True or False; `what` names it in sentences ("The admission rule")."""

    def __init__(self, what: str, decide: Callable[..., Any]) -> None:
        self._what, self._decide = what, decide
        self._asked: tuple[float, tuple[Any, ...]] | None = None
        self._failed: PolicyFailed | None = None

    def __call__(self, *arguments: Any) -> bool:
        """Its answer. Raises `PolicyFailed`."""
        self._asked = time.perf_counter(), arguments
        try:
            answer = self._decide(*arguments)
            if answer in (True, False):
                return bool(answer)
            how, cause = f"must return True or False; it returned {answer!r}", None
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


def _with(arguments: tuple[Any, ...]) -> str:
    return f" (asked with {', '.join(map(repr, arguments))})" if arguments else ""
