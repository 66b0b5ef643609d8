"""How a store that fails in a child process is told."""

from __future__ import annotations

import sqlite3

import pytest

from perflab.systems.caches.strategies import FlushFailed
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.failing_store import checked, told


def raising(error: Exception) -> None:
    raise error


def test_what_succeeds_is_answered_as_it_is() -> None:
    assert checked(dict(told(lambda seconds: {"reads": seconds})(seconds=3) or {})) == {"reads": 3}
    assert told(lambda: None)() is None


def test_what_fails_is_one_sentence_of_the_parent() -> None:
    full = sqlite3.OperationalError("database or disk is full")
    with pytest.raises(ServerFailed, match=r"^The store failed \(database or disk is full\)\.$"):
        checked(dict(told(lambda: raising(full))() or {}))
    with pytest.raises(ServerFailed, match="^7 keys are not stored"):
        checked(dict(told(lambda: raising(FlushFailed("7 keys are not stored")))() or {}))
    with pytest.raises(KeyError):
        told(lambda: raising(KeyError("a slip")))()
