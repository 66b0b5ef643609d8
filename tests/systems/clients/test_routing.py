"""Routing functions name a server that there is, and prefer those with less to do, each as far as it looks."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from perflab.systems.clients.routing import ROUTES, at_random, least_outstanding, round_robin, two_choices

ROUTE_FUNCTIONS = pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)


def chosen(route, outstanding: list[int], times: int = 3_000) -> Counter[int]:  # type: ignore[no-untyped-def]
    random = Random(1)
    return Counter(route(outstanding, number, random) for number in range(times))


@ROUTE_FUNCTIONS
@pytest.mark.parametrize("outstanding", [[0], [3, 1], [0, 0, 0, 0, 0, 0, 0, 9]])
def test_every_route_names_a_server_that_there_is(route, outstanding: list[int]) -> None:  # type: ignore[no-untyped-def]
    assert set(chosen(route, outstanding)) <= set(range(len(outstanding)))


@ROUTE_FUNCTIONS
def test_among_equals_every_route_is_fair(route) -> None:  # type: ignore[no-untyped-def]
    assert all(900 < count < 1_100 for count in chosen(route, [2, 2, 2]).values())


def test_round_robin_and_chance_do_not_look() -> None:
    assert round_robin([9, 0, 0], 0, Random(1)) == 0
    assert chosen(at_random, [9, 0, 0])[0] > 900


def test_least_outstanding_takes_the_least_and_two_choices_never_the_worst_of_its_two() -> None:
    assert set(chosen(least_outstanding, [9, 0, 4, 0])) == {1, 3}
    assert chosen(two_choices, [9, 0, 4])[0] == pytest.approx(3_000 / 9, rel=0.2), "only when it draws it twice"
