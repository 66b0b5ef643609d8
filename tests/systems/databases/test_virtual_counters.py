"""Counters in memory answer as the real ones do (`test_counters.py`), and a run on a virtual schedule counts right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from perflab.systems.databases.counters import (
    BEGIN,
    COMMITTED,
    FOR_UPDATE,
    IMMEDIATE,
    ONE,
    REPEATABLE,
    SERIALIZABLE,
    TWO,
    WAYS,
)
from perflab.systems.databases.increments import Setting
from perflab.systems.databases.virtual_counters import Locks, Schedule, VirtualStore, simulated
from perflab.theory.lost_updates import lost_share, overtaken


def two(way: str) -> tuple[VirtualStore, VirtualStore]:
    shared = Counter[int](), Counter[int](), Locks()
    return VirtualStore(way, *shared), VirtualStore(way, *shared)


@pytest.mark.parametrize(
    ("way", "same", "others"),
    [
        (TWO, True, True),
        (COMMITTED, True, True),
        (BEGIN, False, False),
        (REPEATABLE, False, True),
        (SERIALIZABLE, False, True),
    ],
)
def test_both_read_and_both_write(way: str, same: bool, others: bool) -> None:
    for key, accepted in ((0, same), (1, others)):
        one, other = two(way)
        assert one.start(0) == other.start(key) == 0
        assert one.finish(0, 1) and other.finish(key, 1) == accepted


@pytest.mark.parametrize(("way", "free"), [(IMMEDIATE, None), (FOR_UPDATE, 0)])
def test_a_lock_is_held_until_the_commit(way: str, free: int | None) -> None:
    one, other = two(way)
    assert one.start(0) == 0 and other.start(0) is None and other.start(1) == free
    assert one.finish(0, 1) and two(way)[0].start(0) == 0


def run(way: str, clients: int = 4, counters: int = 1, think_s: float = 0.005, slices: int = 20) -> Counter[str]:
    return simulated(way, clients, Setting(way == ONE, counters, think_s), 1, slices, 0.2)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("counters", [1, 10])
def test_only_two_ways_lose_increments(way: str, counters: int) -> None:
    found = run(way, counters=counters)
    assert (found["sum"] < found["done"]) == (way in (TWO, COMMITTED))
    assert (found["retries"] > 0) == (way in (BEGIN, REPEATABLE, SERIALIZABLE))


def test_a_schedule_takes_steps_in_the_order_of_time_and_goes_on_from_one_run_to_the_next() -> None:
    schedule, taken = Schedule(), list[tuple[str, float]]()

    def steps(name: str, *waits_s: float) -> Iterator[float]:
        for wait_s in waits_s:
            yield wait_s
            taken.append((name, schedule.now()))

    for begins_s in (0.0, 4.0):
        schedule.run([steps("slow", 3.0, 1.0), steps("quick", 1.0, 1.0)], two(TWO), Locks())
        expected = [("quick", 1.0), ("quick", 2.0), ("slow", 3.0), ("slow", 4.0)]
        assert taken[-4:] == [(name, begins_s + at_s) for name, at_s in expected]


@pytest.mark.parametrize(("way", "per_s"), [(TWO, 4 / 0.006), (ONE, 4 / 0.006), (FOR_UPDATE, 1 / 0.005)])
def test_waits_alone_decide_how_many_there_are(way: str, per_s: float) -> None:
    assert run(way)["in_time"] / 4 == pytest.approx(per_s, rel=0.07)


def test_a_lock_that_is_asked_for_again_and_again_is_idle_meanwhile() -> None:
    assert 0.75 * run(FOR_UPDATE)["in_time"] < run(IMMEDIATE)["in_time"] < run(FOR_UPDATE)["in_time"]


@pytest.mark.long
@pytest.mark.parametrize("think_s", [0.0005, 0.005])
@pytest.mark.parametrize(("clients", "counters"), [(2, 10), (8, 10), (4, 100)])
def test_many_counters_lose_what_the_formula_says(clients: int, counters: int, think_s: float) -> None:
    found = run(TWO, clients, counters, think_s, slices=40)
    expected = lost_share(overtaken(clients, counters, found["between_s"] / found["whole_s"]))
    assert 1 - found["sum"] / found["done"] == pytest.approx(expected, abs=0.015)


def test_on_one_counter_rests_make_the_formula_too_low() -> None:
    found = run(TWO, clients=2, think_s=0.001)
    share = found["between_s"] / found["whole_s"]
    assert 1 - found["sum"] / found["done"] > lost_share(overtaken(2, 1, share)) + 0.08
