"""The rules of a line: facts about which request is let in, served next, and dropped."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from perflab.measure.guards import BadInput
from perflab.systems.servers.waiting_line import (
    CODEL,
    FIRST,
    HOPELESS,
    LAST,
    LATE,
    SHORTEST,
    Line,
    LineRules,
    Waiting,
    like_codel,
)

MS = 1_000_000


def line_of(*services_ms: int, **rules: Any) -> Line:
    line = Line(LineRules(**rules))
    for at, service_ms in enumerate(services_ms):
        assert line.enter(Waiting(at, service_ms * MS))
    return line


def order_of(line: Line) -> list[int]:
    found = []
    while (one := line.next()) is not None:
        found.append(one.arrived_ns)
    return found


@pytest.mark.parametrize(("order", "expected"), [(FIRST, [0, 1, 2, 3]), (LAST, [3, 2, 1, 0]), (SHORTEST, [1, 3, 0, 2])])
def test_each_order_has_its_next_request(order: str, expected: list[int]) -> None:
    line = line_of(5, 1, 9, 2, order=order)
    assert line.length == 4
    assert order_of(line) == expected
    assert line.length == 0 and line.next() is None


def test_a_full_line_rejects() -> None:
    line = line_of(1, 1, places=2)
    assert not line.enter(Waiting(9, MS)) and line.length == 2
    assert not Line(LineRules(places=0)).enter(Waiting(0, MS))


def test_what_leaves_is_passed_over_and_its_place_is_free() -> None:
    line = Line(LineRules(places=2))
    first, second = Waiting(0, MS), Waiting(1, MS)
    assert line.enter(first) and line.enter(second)
    line.leave(first)
    line.leave(first)
    assert line.length == 1 and line.enter(Waiting(2, MS))
    assert order_of(line) == [1, 2]
    line.leave(second)
    assert line.length == 0, "it had left when its turn came"


def test_rules_can_change_while_requests_wait() -> None:
    line = line_of(5, 1)
    line.follow(LineRules(order=LAST, places=3))
    assert line.enter(Waiting(2, MS)) and not line.enter(Waiting(3, MS))
    assert order_of(line) == [2, 0, 1]


@pytest.mark.parametrize(
    ("drop", "waited_ms", "expected"),
    [(LATE, 80, False), (LATE, 80.1, True), (HOPELESS, 68, False), (HOPELESS, 68.1, True), ("nothing", 1e6, False)],
)
def test_what_has_waited_too_long_is_dropped(drop: str, waited_ms: float, expected: bool) -> None:
    line = Line(LineRules(drop=drop, usual_ms=4))
    assert line.is_dropped(Waiting(7 * MS, MS, 80 * MS), round((7 + waited_ms) * MS)) is expected


@pytest.mark.parametrize("drop", [LATE, HOPELESS, CODEL])
def test_without_a_deadline_nothing_is_dropped(drop: str) -> None:
    line = Line(LineRules(drop=drop))
    assert not any(line.is_dropped(Waiting(0, MS), now_s * 1_000 * MS) for now_s in range(5))


def test_codel_drops_only_where_even_the_least_wait_of_an_interval_was_too_long() -> None:
    drops = partial(like_codel(100), 20)
    assert not drops(0, 90), "nothing is known yet"
    assert not drops(50, 50)
    assert drops(100, 50), "the least of the last 100 ms was 50 ms, above the target of 20"
    assert not drops(110, 40), "twice the target is borne"
    assert not drops(150, 5) and drops(160, 41)
    assert not drops(201, 90), "the least was 5 ms: a burst, no standing queue"


def test_codel_of_a_line_takes_a_quarter_of_the_deadline_for_its_target() -> None:
    line = Line(LineRules(drop=CODEL))
    assert not line.is_dropped(Waiting(0, MS, 80 * MS), 50 * MS)
    assert line.is_dropped(Waiting(100 * MS, MS, 80 * MS), 150 * MS)
    assert not line.is_dropped(Waiting(120 * MS, MS, 80 * MS), 160 * MS)


def test_a_rule_is_asked_how_many_wait_and_knows_service_and_deadline_in_seconds() -> None:
    asked: list[Any] = []

    def may_queue(*given: float) -> Any:
        asked.append(given)
        return np.bool_(len(asked) < 3)

    line = Line(LineRules(may_queue=may_queue, usual_ms=4))
    assert [line.enter(Waiting(at, MS, 80 * MS)) for at in range(3)] == [True, True, False]
    assert asked == [(0, 0.004, 0.08), (1, 0.004, 0.08), (2, 0.004, 0.08)]


@pytest.mark.parametrize(
    ("rule", "nonsense", "said"),
    [("may_queue", each, "The admission rule must return True or False; it returned") for each in (None, "yes", 2, 0.5)]
    + [("rank", each, "The discipline must return a number; it returned") for each in (None, "first", np.nan, [1])],
)
def test_a_rule_that_returns_nonsense_is_said(rule: str, nonsense: Any, said: str) -> None:
    rules: dict[str, Any] = {rule: lambda *_: nonsense}
    line = Line(LineRules(**rules))
    with pytest.raises(BadInput, match=said):
        line.enter(Waiting(0, MS))
    with pytest.raises(BadInput, match="it returned"):
        line.check()
    assert line.length == 0
    line.follow(LineRules())
    line.check()


def test_a_learners_rank_says_who_is_next_by_number_and_service_in_seconds() -> None:
    asked: list[Any] = []

    def rank(*given: float) -> Any:
        asked.append(given)
        return np.float64(-given[0])

    line = Line(LineRules(rank=rank))
    for at in range(3):
        line.enter(Waiting(at, (at + 1) * MS))
    assert asked == [(0, 0.001), (1, 0.002), (2, 0.003)]
    assert [one.arrived_ns for one in iter(line.next, None)] == [2, 1, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"workers": 0},
        {"places": -1},
        {"places": 1.5},
        {"usual_ms": -1},
        {"order": "any"},
        {"drop": "all"},
        {"may_queue": 7},
        {"rank": 7},
    ],
)
def test_wrong_rules_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=f"{next(iter(wrong))} must be"):
        LineRules(**wrong)
