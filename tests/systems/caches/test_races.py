"""Interleavings of readers and writers, step by step on a schedule of our own."""

from __future__ import annotations

from collections import Counter

import pytest

from perflab.chapters.caching_strategies.stale_reads_model import Dictionary, simulated
from perflab.systems.caches.races import (
    CHECKED,
    DELETE_FIRST,
    ORDERS,
    THROUGH,
    WRITE_FIRST,
    Race,
    Steps,
    Tally,
    delete_and_note,
    fill_if_newer,
)
from perflab.theory.caching import overtaken_at_random


def race(order: str) -> tuple[Race, Steps, Tally, Steps]:
    """One key, which the store has at version 1; a reader, its tally, and a writer, both after their pause."""
    store = Dictionary()
    store.raise_version(0)
    made = Race(order, 1, 0.005, store, 1)
    (reader, tally), *_, (writer, _) = made.clients(1, 1, lambda: False)
    next(reader), next(writer)
    return made, reader, tally, writer


def finish(steps: Steps, number: int = 1) -> None:
    for _ in range(number):
        next(steps)


def test_delete_first_a_fill_between_the_two_lines_leaves_the_old_version() -> None:
    made, reader, tally, writer = race(DELETE_FIRST)
    finish(writer)  # deleted
    finish(reader)  # reads version 1
    finish(writer)  # commits version 2
    finish(reader)  # fills
    assert made.cache == {0: 1} and made.wrong() == (1, 1) and tally.overtaken == 1
    finish(reader)
    assert tally.stale == 1


def test_write_first_a_fill_must_begin_before_the_commit() -> None:
    made, reader, tally, writer = race(WRITE_FIRST)
    finish(writer)
    finish(reader)  # reads version 1 before the commit
    finish(writer)  # commits and deletes
    finish(reader)  # fills
    assert made.cache == {0: 1} and tally.overtaken == 1
    made, reader, tally, writer = race(WRITE_FIRST)
    finish(writer, 2)
    finish(reader, 2)
    assert made.cache == {0: 2} and made.wrong() == (0, 1) and tally.stale == 0


def test_the_version_check_refuses_what_was_overtaken() -> None:
    made, reader, tally, writer = race(CHECKED)
    finish(writer)
    finish(reader)
    finish(writer)
    finish(reader)
    assert made.cache == {} and tally.overtaken == 1 and tally.stale == 0
    finish(reader, 2)
    assert made.cache == {0: 2}


def test_two_writers_through_the_cache_leave_the_older_version_for_ever() -> None:
    store = Dictionary()
    made = Race(THROUGH, 1, 0.005, store, 1)
    *_, (first, _), (second, _) = made.clients(2, 1, lambda: False)
    finish(first, 3)  # its pause, the way to the store, the commit of version 1
    finish(second, 4)  # version 2 is committed and in the cache
    finish(first)  # version 1 comes into the cache
    assert store.read(0) == 2 and made.cache == {0: 1} and made.wrong() == (1, 1)


def test_clients_end_at_a_pause() -> None:
    made = Race(WRITE_FIRST, 1, 0.005, Dictionary(), 1)
    over = False
    (reader, tally), *_ = made.clients(1, 1, lambda: over)
    finish(reader, 2)
    over = True
    finish(reader)
    assert next(reader, None) is None and tally.reads == 1


def test_the_rules_of_the_version_check() -> None:
    cache, deleted = {1: 5}, dict[int, int]()
    delete_and_note(cache, deleted, 1, 6)
    delete_and_note(cache, deleted, 1, 4)
    assert cache == {} and deleted == {1: 6}
    fill_if_newer(cache, deleted, 1, 5)
    assert cache == {}
    fill_if_newer(cache, deleted, 1, 6)
    assert cache == {1: 6}


def counted(order: str, writers: int = 4, keys: int = 10, slices: int = 60) -> Counter[str]:
    return Counter(simulated(order, 5.0, keys, writers, 1, slices))


@pytest.mark.parametrize("writers", [1, 4, 8])
def test_with_the_version_check_no_read_is_stale_and_nothing_is_wrong(writers: int) -> None:
    found = counted(CHECKED, writers)
    assert found["stale"] == found["wrong"] == 0 < found["overtaken"]


def test_the_order_of_two_lines_decides_several_times() -> None:
    for writers in (1, 2):
        deleted, written = (counted(order, writers) for order in (DELETE_FIRST, WRITE_FIRST))
        assert deleted["stale"] / deleted["reads"] > 7 * written["stale"] / written["reads"] > 0


def test_writes_through_stay_wrong_where_two_writers_share_keys_only() -> None:
    assert counted(THROUGH, 1)["wrong"] == counted(THROUGH, 1, keys=1)["wrong"] == counted(THROUGH, 1)["stale"] == 0
    assert counted(THROUGH, 4)["wrong"] > 10


def test_a_fill_is_overtaken_as_often_as_the_formula_says() -> None:
    found = counted(WRITE_FIRST, slices=150)
    expected = overtaken_at_random(4 / 0.015 / 10, 0.005)
    assert found["overtaken"] / found["fills"] == pytest.approx(expected, rel=0.1)


def test_all_orders_read_and_write() -> None:
    found = {order: counted(order, slices=4) for order in ORDERS}
    assert all(min(each["reads"], each["writes"]) > 0 for each in found.values())
    assert [order for order in ORDERS if not found[order]["fills"]] == [THROUGH], "nothing is deleted there"


def test_a_warm_cache_holds_all_keys_as_the_store_has_them() -> None:
    store = Dictionary()
    store.raise_version(1)
    made = Race(THROUGH, 3, 0.005, store, 1)
    made.warm()
    assert made.cache == {0: 0, 1: 1, 2: 0} and made.wrong() == (0, 3)
