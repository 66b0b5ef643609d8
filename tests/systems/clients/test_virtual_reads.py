"""Reads of a hot key on a virtual clock: queries share the CPUs, threads and places are limited."""

from __future__ import annotations

from itertools import count, repeat

import pytest

from perflab.systems.caches.hot_key import COMPUTE, HIT, REFRESH, STALE, WAIT, Cure, HotKey
from perflab.systems.clients.virtual_reads import VirtualReads

SINGLE = Cure(single=True)


def run(
    cure: Cure, arrivals: list[float], *, cpus: float = 2, threads: int = 64, ttl_s: float = 1, until_s: float = 9
) -> VirtualReads:
    key = HotKey(cure, ttl_s, 0.1, lambda: 0.0)
    reads = VirtualReads(key, cpus, cure.places, threads)
    reads.run(arrivals, repeat(0.1), until_s)
    return reads


def times(reads: VirtualReads) -> list[float]:
    """When each read had its answer, by number."""
    return [done for _, _, done, _ in sorted(reads.answered)]


def test_a_hit_takes_no_time_and_a_miss_a_query() -> None:
    reads = run(Cure(), [0.5, 1.5])
    assert reads.answered == [(0, 0.5, 0.5, HIT), (1, 1.5, 1.6, COMPUTE)]
    assert (
        reads.decided == [1.5] and reads.ended == [(1.5, 1.5, 1.6, 0.1)] and [when for _, when in reads.begun] == [1.5]
    )


def test_queries_share_the_cpus() -> None:
    assert times(run(Cure(), [1, 1])) == pytest.approx([1.1, 1.1])
    assert times(run(Cure(), [1, 1, 1, 1])) == pytest.approx([1.2] * 4)
    # The second begins when half of the first is done, on one CPU: each then proceeds at half speed.
    assert times(run(Cure(), [1, 1.05], cpus=1)) == pytest.approx([1.15, 1.2])
    assert times(run(Cure(), [1], cpus=0.5)) == pytest.approx([1.2])


def test_a_pool_makes_the_others_queue_without_a_second_look() -> None:
    reads = run(Cure(places=2), [1, 1.01, 1.02, 1.03])
    assert times(reads) == pytest.approx([1.1, 1.11, 1.2, 1.21])
    assert len(reads.ended) == 4 and [began for _, began, *_ in reads.ended] == pytest.approx([1, 1.01, 1.1, 1.11])


def test_who_waits_is_answered_when_the_flight_ends() -> None:
    reads = run(SINGLE, [1, 1.02, 1.09, 1.1001])
    assert times(reads) == pytest.approx([1.1, 1.1, 1.1, 1.1001])
    assert [does for *_, does in sorted(reads.answered)] == [COMPUTE, WAIT, WAIT, HIT]
    assert len(reads.ended) == 1


def test_an_expired_value_is_answered_at_once() -> None:
    reads = run(Cure(single=True, serves_stale=True), [1, 1.05])
    assert reads.answered == [(0, 1, 1, REFRESH), (1, 1.05, 1.05, STALE)] and len(reads.ended) == 1


def test_without_a_free_thread_a_read_waits_for_one_and_looks_then() -> None:
    reads = run(Cure(), [1, 1, 1.05], threads=2)
    assert sorted(reads.answered)[2] == pytest.approx((2, 1.1, 1.1, HIT))
    waiting = run(SINGLE, [1, 1.01, 1.02], threads=2)
    assert sorted(waiting.answered)[2] == pytest.approx((2, 1.1, 1.1, HIT))


def test_what_has_not_ended_is_not_told() -> None:
    reads = run(Cure(), [1, 1], cpus=1, until_s=1.15)
    assert reads.answered == reads.ended == [] and reads.decided == [1, 1]


def test_each_query_takes_its_own_time() -> None:
    reads = VirtualReads(HotKey(Cure(), 1, 0.1, lambda: 0.0), 2, None, 9)
    reads.run([1.0, 1.0], (0.3 - 0.2 * number for number in count()), 9)
    assert reads.answered[0] == pytest.approx((1, 1, 1.1, COMPUTE))
    assert reads.answered[1] == pytest.approx((0, 1, 1.3, COMPUTE))
