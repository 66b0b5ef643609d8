"""What a client does, step by step, to a store that answers as the test wants."""

from __future__ import annotations

import pytest

from perflab.systems.databases.increments import PAUSES_S, REST_S, Setting, Tally, client

THINK_S = 0.004


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Told:
    """Answers with these values and verdicts, one after the other."""

    def __init__(self, starts: list[int | None], finishes: list[bool]) -> None:
        self.starts, self.finishes, self.done = starts, finishes, list[object]()

    def start(self, key: int) -> int | None:
        return self.starts.pop(0)

    def finish(self, key: int, value: int) -> bool:
        self.done.append((key, value))
        return self.finishes.pop(0)

    def add(self, key: int) -> None:
        self.done.append(key)


def lived(store: Told, until_s: float, in_one: bool = False, counters: int = 1) -> tuple[Tally, list[float]]:
    tally, clock, waits = Tally(), Clock(), []
    for wait_s in client(Setting(in_one, counters, THINK_S), store, tally, "1", clock, until_s):
        waits.append(wait_s)
        clock.now_s += wait_s
    return tally, waits


def test_it_reads_thinks_and_writes_one_more_until_the_time_is_over() -> None:
    store = Told([7, 8, 9, 10], [True] * 4)
    tally, waits = lived(store, until_s=0.012)
    assert store.done[:2] == [(0, 8), (0, 9)]
    assert tally.done == len(store.done) and tally.in_time == tally.done - 1, "the last one ends what it has begun"
    assert tally.between_s == pytest.approx(sum(waits[1::2])) and tally.whole_s == pytest.approx(sum(waits))
    assert all(REST_S / 2 <= wait <= 1.5 * REST_S for wait in waits[::2])
    assert all(THINK_S / 2 <= wait <= 1.5 * THINK_S for wait in waits[1::2])


def test_what_was_refused_is_read_and_thought_about_again_without_a_rest() -> None:
    store = Told([0, 5, 9], [False, True, True])
    tally, waits = lived(store, until_s=0.010)
    assert store.done[:2] == [(0, 1), (0, 6)]
    assert tally.retries == 1 and min(waits[1:3]) > 1.5 * REST_S


def test_where_the_lock_is_taken_it_asks_again_later_and_later() -> None:
    tally, waits = lived(Told([None] * 6 + [3], [True]), until_s=0.04)
    assert tuple(waits[1:7]) == (*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1]) and tally.done == 1


def test_where_the_time_is_over_before_it_got_the_lock_it_gives_up() -> None:
    tally, _ = lived(Told([None] * 9, []), until_s=0.03)
    assert tally.done == tally.between_s == 0 < tally.whole_s


def test_one_statement_leaves_nothing_between_a_read_and_a_write() -> None:
    store = Told([], [])
    tally, _ = lived(store, until_s=0.05, in_one=True, counters=3)
    assert tally.done == len(store.done) > 5 and {*store.done} == {0, 1, 2}
    assert tally.between_s == tally.retries == 0
