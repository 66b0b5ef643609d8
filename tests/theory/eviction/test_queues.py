"""The policies against slow ones, exact chains, an independent implementation's totals, and what is known of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from random import Random

import numpy as np
import pytest
import slow_policies
from slow_policies import STEPS, Step

from perflab.theory import traces
from perflab.theory.che import random_in_a_loop
from perflab.theory.eviction import HIT, NOTHING, Policy, decisions, hits
from perflab.theory.eviction.adaptive import arc, s3_fifo, w_tiny_lfu
from perflab.theory.eviction.belady import belady
from perflab.theory.eviction.queues import clock, fifo, lfu, lru, random, sieve

ONLINE: dict[str, Policy] = {
    policy.__name__: policy for policy in (lru, fifo, clock, sieve, lfu, random, s3_fifo, w_tiny_lfu, arc)
}
ALL: dict[str, Policy] = {**ONLINE, "belady": belady}
ZIPF = traces.popular(100_000, 1, np.random.default_rng(1))
TRACES = {
    "zipf": ZIPF,
    "scans": traces.with_scans(ZIPF),
    "loop": traces.loop(100_000),
    "shifts": traces.shifting(ZIPF),
}
TOTALS = {
    "zipf": (67_347, 62_952, 68_292, 72_150, 72_150, 72_143, 80_723),
    "scans": (45_140, 43_412, 45_358, 51_616, 51_616, 52_194, 57_854),
    "loop": (0, 0, 0, 0, 0, 0, 79_000),
    "shifts": (66_698, 62_586, 67_474, 49_243, 63_254, 69_453, 79_443),
}
"""Hits at capacity 1,000 of LRU, FIFO, CLOCK, LFU, SIEVE, ARC and the optimum, as libCacheSim 0.3.5 counts them."""


def short_traces(number: int = 1_000) -> Iterator[tuple[list[int], int]]:
    draw = Random(7)
    for _ in range(number):
        capacity, keys = draw.randint(1, 14), draw.randint(1, 30)
        skew = draw.choice((1, 2, 4))  # of a power law
        yield [int(keys * draw.random() ** skew) for _ in range(draw.randint(1, 60))], capacity


@pytest.mark.long
@pytest.mark.parametrize("trace", TOTALS)
def test_hits_are_those_of_an_independent_implementation(trace: str) -> None:
    keys = TRACES[trace].tolist()
    found = [sum(hits(policy, keys, 1_000)) for policy in (lru, fifo, clock, lfu, sieve, arc, belady)]
    assert tuple(found) == TOTALS[trace]


@pytest.mark.long
@pytest.mark.parametrize("name", STEPS)
def test_each_policy_equals_a_slow_one_hit_for_hit(name: str) -> None:
    for keys, capacity in short_traces():
        assert list(hits(ALL[name], keys, capacity)) == slow_policies.hits(STEPS[name], keys, capacity), (
            keys,
            capacity,
        )


def test_random_equals_a_slow_one_with_the_same_draws() -> None:
    for keys, capacity in short_traces():
        assert list(hits(random, keys, capacity)) == slow_policies.random_hits(keys, capacity)


def test_no_policy_hits_more_often_than_the_optimum() -> None:
    for keys, capacity in short_traces():
        best = sum(hits(belady, keys, capacity))
        assert all(sum(hits(policy, keys, capacity)) <= best for policy in ONLINE.values())


@pytest.mark.parametrize("name", ALL)
def test_what_leaves_was_held_what_hits_too_and_never_more_are_held_than_there_are_places(name: str) -> None:
    for keys, capacity in short_traces(300):
        held: set[int] = set()
        for key, leaves in zip(keys, decisions(ALL[name], keys, capacity).tolist(), strict=True):
            assert (leaves == HIT) == (key in held)
            if leaves not in (HIT, NOTHING):
                held.remove(leaves)
            if leaves != HIT:
                held.add(key)
            assert len(held) <= capacity


@pytest.mark.parametrize("name", ONLINE)
def test_a_policy_takes_no_key_before_it_has_answered_for_the_last_one(name: str) -> None:
    taken = []

    def reads() -> Iterator[int]:
        for key in range(50):
            taken.append(key)
            yield key % 7

    for number, _ in enumerate(ALL[name](reads(), 5)):  # type: ignore[arg-type]
        assert len(taken) == number + 1


SHARES = (Fraction(1, 2), Fraction(3, 10), Fraction(1, 5))
CHAINS = {"lru": Fraction(1007, 1400), "fifo": Fraction(22, 31), "clock": Fraction(268616603825, 375438887159)}
CHAINS["sieve"] = CHAINS["clock"]
NEAR = {"clock": Fraction(16951, 23692)}  # to nine digits


def hit_ratio(step: Step, shares: Sequence[Fraction], capacity: int) -> Fraction:
    """The exact share of hits in the long run, by the chain of all states of a full cache."""
    return stationary(lambda state: [(*step(state, key, capacity), share) for key, share in enumerate(shares)], ())


Moves = list[tuple[slow_policies.State, bool, Fraction]]


def stationary(moves: Callable[[slow_policies.State], Moves], start: slow_policies.State) -> Fraction:
    """How often a move of a chain is a hit: next states, hits and probabilities are known for each state. A chain may end in
    one of several classes of states that it never leaves: the ratio is the same in all of them.
    """
    known: dict[slow_policies.State, Moves] = {}
    left = [start]
    while left:
        state = left.pop()
        if state not in known:
            known[state] = moves(state)
            left += [after for after, _, _ in known[state]]
    reached = {state: {after for after, _, _ in known[state]} for state in known}
    for between, middle in reached.items():
        for others in reached.values():
            if between in others:
                others |= middle
    closed = {frozenset(others) for others in reached.values() if all(reached[each] == others for each in others)}
    (found,) = {ratio_within({state: known[state] for state in states}) for states in closed}
    return found


def ratio_within(known: dict[slow_policies.State, Moves]) -> Fraction:
    """The same for states that all reach each other, by elimination."""
    at = {state: place for place, state in enumerate(known)}
    size = len(at)
    rows = [[Fraction(-(row == column)) for column in range(size)] + [Fraction(0)] for row in range(size)]
    for state, all_moves in known.items():
        for after, _, share in all_moves:
            rows[at[after]][at[state]] += share
    rows[0] = [Fraction(1)] * (size + 1)  # any one of the equations follows from the others; all shares sum up to 1
    for column in range(size):
        pivot = next(row for row in range(column, size) if rows[row][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for row in range(size):
            if row != column and (factor := rows[row][column]):
                rows[row] = [value - factor * other for value, other in zip(rows[row], rows[column], strict=True)]
    return sum(
        (rows[at[state]][-1] * share for state, all_moves in known.items() for _, is_hit, share in all_moves if is_hit),
        start=Fraction(0),
    )


@pytest.mark.parametrize("name", CHAINS)
def test_exact_chains(name: str) -> None:
    found = hit_ratio(STEPS[name], SHARES, 2)
    assert found == CHAINS[name]
    assert abs(found - NEAR.get(name, found)) < 5e-10


def random_ratio(shares: Sequence[Fraction], capacity: int) -> Fraction:
    def moves(state: slow_policies.State) -> Moves:
        found: Moves = []
        for key, share in enumerate(shares):
            if key in state:
                found.append((state, True, share))
            elif len(state) < capacity:
                found.append((tuple(sorted((*state, key))), False, share))
            else:
                for leaves in state:
                    after = tuple(sorted({*state, key} - {leaves}))
                    found.append((after, False, share / capacity))
        return found

    return stationary(moves, ())


def test_fifo_hits_as_often_as_random_and_lru_as_king_has_computed_it() -> None:
    assert random_ratio(SHARES, 2) == CHAINS["fifo"]
    shares = (Fraction(4, 10), Fraction(3, 10), Fraction(2, 10), Fraction(1, 10))
    for capacity in (1, 2, 3):
        assert random_ratio(shares, capacity) == hit_ratio(STEPS["fifo"], shares, capacity)
    king = sum(  # W. F. King 1971: a pair is in an LRU of two where these were drawn last
        p * q / (1 - p) * (p + q) for at, p in enumerate(SHARES) for other, q in enumerate(SHARES) if at != other
    )
    assert king == CHAINS["lru"]


def test_one_more_place_can_mean_more_misses_under_fifo() -> None:
    """Belady, Nelson, Shedler 1969."""
    keys = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]
    misses = {name: [12 - sum(hits(ALL[name], keys, places)) for places in (3, 4)] for name in ALL}
    assert misses["fifo"] == [9, 10]
    assert [misses[name] for name in ("lru", "clock", "sieve")] == [[10, 8]] * 3
    assert misses["belady"] == [7, 6]


@pytest.mark.parametrize(("size", "length"), [(1_000, 1_250), (1_000, 2_000), (100, 110)])
def test_in_a_loop_random_settles_where_the_fixed_point_is(size: int, length: int) -> None:
    found = hits(random, traces.loop(150_000, length).tolist(), size)
    assert np.mean(list(found[50_000:])) == pytest.approx(random_in_a_loop(size, length), abs=0.01)


@pytest.mark.long
@pytest.mark.parametrize("name", ALL)
def test_a_million_requests_take_less_than_200_megabytes(name: str) -> None:
    """What a tenth of them takes grows with the requests: with the capacity it does not."""
    tracemalloc.start()
    try:
        hits(ALL[name], traces.popular(100_000, 1, np.random.default_rng(2)).tolist(), 1_000)
        assert 10 * tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()
