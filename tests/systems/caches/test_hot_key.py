"""What a read of a hot key does, moment by moment."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from perflab.systems.caches.hot_key import COMPUTE, HIT, REFRESH, STALE, WAIT, Cure, HotKey, XFetch


def key_of(cure: Cure, ttl_s: float = 1.0, took_s: float = 0.1, draws: Sequence[float] = ()) -> HotKey:
    drawn = iter(draws)
    return HotKey(cure, ttl_s, took_s, lambda: next(drawn))


def looks(key: HotKey, *moments: float) -> list[int]:
    return [key.look(moment) for moment in moments]


def test_without_a_rule_each_read_after_the_expiry_computes() -> None:
    key = key_of(Cure())
    assert looks(key, 0, 0.99, 1.0, 1.0, 1.05) == [HIT, HIT, COMPUTE, COMPUTE, COMPUTE]
    key.fill(1.1, 0.1)
    assert key.computing == 2 and looks(key, 1.1, 2.09, 2.1) == [HIT, HIT, COMPUTE]


def test_the_last_fill_counts() -> None:
    key = key_of(Cure())
    looks(key, 1, 1)
    key.fill(1.1, 0.1, "old")
    key.fill(1.6, 0.6, "new")
    assert looks(key, 2.55, 2.6) == [HIT, COMPUTE] and key.took_s == 0.6 and key.value == "new"


def test_in_a_single_flight_one_computes_and_the_others_wait() -> None:
    key = key_of(Cure(single=True))
    assert looks(key, 0.5, 1, 1, 1.05) == [HIT, COMPUTE, WAIT, WAIT]
    key.fill(1.1, 0.1)
    assert looks(key, 1.1, 2.1, 2.2) == [HIT, COMPUTE, WAIT]


def test_a_single_flight_and_places_limit_how_many_compute_at_once() -> None:
    assert [Cure().at_once, Cure(places=2).at_once, Cure(single=True, places=2).at_once] == [None, 2, 1]


def test_what_has_expired_is_an_answer_while_one_computes() -> None:
    key = key_of(Cure(single=True, serves_stale=True))
    assert looks(key, 0.5, 1, 1, 1.05) == [HIT, REFRESH, STALE, STALE]
    key.fill(1.1, 0.1)
    assert looks(key, 1.2) == [HIT]


def test_xfetch_is_likelier_the_nearer_the_expiry() -> None:
    rule = XFetch(beta=2)
    assert rule(0.2, 0.1, math.exp(-1.01)) and not rule(0.2, 0.1, math.exp(-0.99))
    assert not rule(0.2, 0.05, math.exp(-1.01)), "a quicker computation begins later"
    assert not rule(0.001, 0.1, 1.0), "never for the highest number that can be drawn"


def test_an_early_read_computes_and_the_others_hit() -> None:
    key = key_of(Cure(early=XFetch()), draws=[0.0, 1 - math.exp(-3), 0.0, 1 - math.exp(-3)])
    assert looks(key, 0.75, 0.75, 0.8, 0.8) == [HIT, COMPUTE, HIT, COMPUTE]
    assert looks(key, 1.0) == [COMPUTE], "expired: nothing is drawn"


def test_an_early_read_of_a_single_flight_computes_only_when_none_does() -> None:
    always: Cure = Cure(single=True, early=lambda left_s, took_s, drawn: True)
    key = key_of(always, draws=[0.5] * 3)
    assert looks(key, 0.5, 0.6, 1.0) == [COMPUTE, HIT, WAIT]
    key.fill(1.1, 0.6)
    assert looks(key, 1.2) == [COMPUTE]


def test_a_rule_is_told_what_is_left_and_how_long_it_took() -> None:
    told: list[tuple[float, ...]] = []

    def rule(*given: float) -> bool:
        told.append(given)
        return False

    key = key_of(Cure(early=rule), draws=[0.25, 0.0])
    looks(key, 0.25, 0.5)
    assert told == [(0.75, 0.1, 0.75), (0.5, 0.1, 1.0)]


@pytest.mark.parametrize("drawn", [0.0, 0.5, 1 - 1e-16])
def test_a_number_of_zero_is_never_drawn(drawn: float) -> None:
    assert key_of(Cure(early=XFetch()), draws=[drawn]).look(0.9) in (HIT, COMPUTE)
