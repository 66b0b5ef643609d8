"""Experiments on their way to the worker, and the name of what keeps one from travelling."""

from __future__ import annotations

import functools
import pickle
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from perflab.lab.travel import packed
from perflab.measure.frame import Frame
from perflab.measure.guards import BadInput

CONNECTION = sqlite3.connect(":memory:")
LOCK = threading.Lock()


def plain(rows: int) -> Iterator[Frame]:
    yield Frame(facts={"rows": rows})


def of_a_global(rows: int) -> Iterator[Frame]:
    yield Frame(facts={"found": CONNECTION.execute("select 1")})


def helper() -> Any:
    with LOCK:
        return 1


def of_a_helper(rows: int) -> Iterator[Frame]:
    yield Frame(facts={"found": helper()})


def of_a_default(rows: int, connection: Any = CONNECTION) -> Iterator[Frame]:
    yield Frame()


@functools.wraps(plain)
def wrapped(rows: int) -> Iterator[Frame]:
    return of_a_global(rows)


class Source:
    def __init__(self) -> None:
        self.lines = (line for line in "ab")

    def experiment(self, rows: int) -> Iterator[Frame]:
        yield Frame(facts={"line": next(self.lines)})


def of_a_closure() -> Callable[..., Iterator[Frame]]:
    held = {"first": threading.Event()}

    def experiment(rows: int) -> Iterator[Frame]:
        yield Frame(facts={"is set": held["first"].is_set()})

    return experiment


def test_what_can_travel_arrives() -> None:
    assert next(pickle.loads(packed(functools.partial(plain, rows=3)))()).facts == {"rows": 3}


@pytest.mark.parametrize(
    ("experiment", "named"),
    [
        (of_a_global, "`CONNECTION` (a sqlite3.Connection)"),
        (of_a_helper, "`LOCK` (a _thread.lock)"),
        (of_a_default, "`connection` (a sqlite3.Connection)"),
        (functools.partial(plain, rows=CONNECTION), "`rows` (a sqlite3.Connection)"),
        (functools.partial(of_a_helper), "`LOCK` (a _thread.lock)"),
        (functools.partial(plain, CONNECTION), "`argument 1` (a sqlite3.Connection)"),
        (Source().experiment, "`lines` (a generator)"),
        (of_a_closure(), "`held` (a dict)"),
        (wrapped, "`CONNECTION` (a sqlite3.Connection)"),
        (threading.Lock().acquire, "something (cannot pickle"),
    ],
)
def test_what_cannot_travel_is_named_in_one_sentence(experiment: Any, named: str) -> None:
    with pytest.raises(BadInput) as refused:
        packed(experiment)
    said = str(refused.value)
    assert said.startswith(f"The experiment uses {named}"), said
    assert said.endswith(", which cannot be sent to the measuring process: open it inside the experiment.")
    assert "\n" not in said
