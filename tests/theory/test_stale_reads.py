"""Stale reads by the changes of the state: what can be said without a simulation of every step, which the lab's tests have."""

from __future__ import annotations

import pytest

from perflab.theory.stale_reads import DELETE_FIRST, THROUGH, WRITE_FIRST, Clients, stale_reads

USUAL = Clients(readers=4, writers=2, read_pause=2.0, write_pause=10.0, store=5.0)


def test_reads_are_as_many_as_readers_make_between_pauses() -> None:
    idle = Clients(readers=4, writers=1, read_pause=2.0, write_pause=1e9, store=1e-6)
    found = stale_reads(WRITE_FIRST, 10, idle, 1_000, 5, 1)
    assert found.reads == pytest.approx(10_000, rel=0.01) and found.entries == 50
    assert found.stale == found.wrong == 0


@pytest.mark.parametrize("order", [DELETE_FIRST, WRITE_FIRST, THROUGH])
def test_a_store_that_takes_no_time_leaves_no_moment_for_another_client(order: int) -> None:
    found = stale_reads(order, 3, Clients(4, 8, 2.0, 10.0, 1e-9), 150, 4, 1)
    assert found.stale == pytest.approx(0, abs=1e-3) and found.wrong == 0 < found.entries


def test_what_was_deleted_too_early_stays_wrong_and_is_read() -> None:
    first, after = (stale_reads(order, 10, USUAL, 150, 40, 1) for order in (DELETE_FIRST, WRITE_FIRST))
    assert first.stale / first.reads > 4 * after.stale / after.reads > 0
    assert first.wrong / first.entries > 4 * after.wrong / after.entries > 0
    assert 0 < first.stale < first.reads and first.wrong <= first.entries <= 400


def test_one_writer_through_the_cache_leaves_nothing_wrong() -> None:
    alone, both = (stale_reads(THROUGH, 1, Clients(4, writers, 2.0, 10.0, 5.0), 1_500, 20, 1) for writers in (1, 2))
    assert alone.wrong == alone.stale == 0 and both.stale / both.reads > 0.01


def test_the_same_seed_is_the_same_run() -> None:
    assert stale_reads(THROUGH, 5, USUAL, 150, 3, 7) == stale_reads(THROUGH, 5, USUAL, 150, 3, 7)
    assert stale_reads(THROUGH, 5, USUAL, 150, 3, 7) != stale_reads(THROUGH, 5, USUAL, 150, 3, 8)
