"""A cache before a store, request for request: by hand, as LRU's hits, and as a queue without a cache."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from perflab.theory.cached_store import last_read, simulate
from perflab.theory.many_servers import starts_of_service
from perflab.theory.ttl import zipf


def test_a_run_by_hand() -> None:
    found = simulate([0, 1, 2, 9, 10], [1, 1, 2, 1, 3], [4, 4, 4, 4, 4], 2)
    assert found.answered.tolist() == [4, 8, 12, 9, 16], "the second one misses too: the first is not served yet"
    assert found.from_store.tolist() == [True, True, True, False, True]


def test_single_flight_a_bounded_line_and_a_flush_by_hand() -> None:
    arrivals, keys, services = [0, 1, 2, 3, 20, 30, 31], [1, 1, 2, 3, 1, 1, 1], [4] * 7
    assert simulate(arrivals, keys, services, 9, single_flight=True).answered.tolist() == [4, 4, 8, 12, 20, 30, 31]
    rejecting = simulate(arrivals, keys, services, 9, places=1, single_flight=True)
    assert np.isnan(rejecting.answered[3]) and not rejecting.from_store[3]
    flushed = simulate(arrivals, keys, services, 9, flushed=25, single_flight=True)
    assert flushed.answered.tolist()[4:] == [20, 34, 34] and flushed.from_store.tolist()[4:] == [False, True, False]
    assert simulate([0, 5], [1, 1], [4, 4], 9, flushed=3).answered.tolist() == [4, 5], "what is served later fills it"


@pytest.mark.parametrize("workers", [1, 3])
def test_without_any_hit_it_is_a_queue(workers: int) -> None:
    random = np.random.default_rng(workers)
    arrivals, services = np.cumsum(random.exponential(1, 500)), random.exponential(0.8 * workers, 500)
    found = simulate(arrivals, np.arange(500), services, 10, workers=workers)
    assert found.answered == pytest.approx(starts_of_service(arrivals, services, workers) + services)
    assert found.from_store.all()


def by_one_worker(
    arrivals: list[float],
    keys: list[int],
    services: list[float],
    capacity: int,
    *,
    places: float,
    single_flight: bool,
    flushed: float,
    held: Iterable[int],
) -> tuple[list[float], list[bool]]:
    """The same by another way: when a read ends is known as soon as it is let in."""
    cache = dict.fromkeys(held)
    answered, from_store = [np.nan] * len(arrivals), [False] * len(arrivals)
    line: deque[tuple[float, int]] = deque()  # the read that is served, and those that wait: end, request
    followers: dict[int, list[int]] = {}
    free = -np.inf
    for number, (now, key) in enumerate(zip([*arrivals, np.inf], [*keys, -1], strict=True)):
        while line and line[0][0] <= now:
            end, done = line.popleft()
            if end >= flushed:
                cache, flushed = {}, np.inf
            cache.pop(keys[done], None)
            cache[keys[done]] = None
            if len(cache) > capacity:
                del cache[next(iter(cache))]
            for each in (done, *followers.pop(keys[done], ())):
                answered[each] = end
            from_store[done] = True
        if number == len(arrivals):
            break
        if now >= flushed:
            cache, flushed = {}, np.inf
        if key in cache:
            del cache[key]
            cache[key] = None
            answered[number] = now
        elif single_flight and key in followers:
            followers[key].append(number)
        elif len(line) <= places:
            free = max(free, now) + services[number]
            line.append((free, number))
            if single_flight:
                followers[key] = []
    return answered, from_store


@pytest.mark.parametrize("places", [0, 3, np.inf])
@pytest.mark.parametrize("single_flight", [False, True])
@pytest.mark.parametrize("flushed", [np.inf, 120.0])
def test_one_worker_answers_as_where_each_end_is_known_at_once(
    places: float, single_flight: bool, flushed: float
) -> None:
    random = np.random.default_rng(5)
    arrivals, keys = np.cumsum(random.exponential(0.5, 800)).tolist(), random.choice(60, 800, p=zipf(60, 0.9)).tolist()
    services = random.exponential(1.2, 800).tolist()
    rules: Any = {"places": places, "single_flight": single_flight, "flushed": flushed, "held": range(20)}
    found = simulate(arrivals, keys, services, 20, **rules)
    answered, from_store = by_one_worker(arrivals, keys, services, 20, **rules)
    assert found.answered == pytest.approx(answered, nan_ok=True) and found.from_store.tolist() == from_store
    assert 0 < found.from_store.sum() < 800


def test_with_an_instant_store_it_hits_as_lru_does() -> None:
    random = np.random.default_rng(3)
    keys = random.choice(50, 3_000, p=zipf(50, 1))
    held: OrderedDict[int, None] = OrderedDict.fromkeys(last_read(keys[:1_000], 12).tolist())
    expected = []
    for key in keys[1_000:].tolist():
        expected.append(key in held)
        held[key] = None
        held.move_to_end(key)
        if len(held) > 12:
            held.popitem(last=False)
    arrivals = np.arange(2_000)
    found = simulate(arrivals, keys[1_000:], np.full(2_000, 0.5), 12, held=last_read(keys[:1_000], 12))
    assert (~found.from_store).tolist() == expected


def test_what_lru_holds_are_the_keys_read_last() -> None:
    assert last_read([3, 1, 2, 1, 5], 3).tolist() == [2, 1, 5]
    assert last_read([3, 1, 2, 1, 5], 9).tolist() == [3, 2, 1, 5]


def test_a_store_that_is_saturated_for_ever_answers_what_it_can() -> None:
    found = simulate(np.arange(10), np.arange(10), np.full(10, 5.0), 3, places=0)
    assert np.isfinite(found.answered).sum() == found.from_store.sum() == 2
