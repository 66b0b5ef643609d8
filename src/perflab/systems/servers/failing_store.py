"""A store that fails in a child process, as on a full drive: the child's answer says so, and its parent raises one sentence."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from perflab.systems.caches.strategies import FlushFailed
from perflab.systems.process.child import ServerFailed

FAILED = "failed"


def told(call: Callable[..., Any]) -> Callable[..., Mapping[str, Any] | None]:
    """In the child: answers as `call` does, or says how its store failed."""

    def answer(**details: Any) -> Mapping[str, Any] | None:
        try:
            answered: Mapping[str, Any] | None = call(**details)
            return answered
        except FlushFailed as error:
            return {FAILED: str(error)}
        except sqlite3.Error as error:
            return {FAILED: f"The store failed ({error})."}

    return answer


def checked(answer: dict[str, Any]) -> dict[str, Any]:
    """In the parent: the answer; raises `ServerFailed` where the store has failed."""
    if FAILED in answer:
        raise ServerFailed(answer[FAILED])
    return answer
