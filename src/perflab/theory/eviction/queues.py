"""Policies with one queue, or none. What each is and where it is from stands in its first line."""

from __future__ import annotations

import random as randomness
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from heapq import heappush, heapreplace

from perflab.theory.eviction import HIT, NOTHING


def lru(keys: Iterable[int], capacity: int) -> Iterator[int]:
    """Least recently used leaves (Mattson and others 1970)."""
    held: OrderedDict[int, None] = OrderedDict()
    renew, oldest, room, hit = held.move_to_end, held.popitem, capacity, HIT
    for key in keys:
        if key in held:
            renew(key)
            yield hit
            continue
        if room:
            room, leaves = room - 1, NOTHING
        else:
            leaves, _ = oldest(False)
        held[key] = None
        yield leaves


def fifo(keys: Iterable[int], capacity: int) -> Iterator[int]:
    """First in, first out: what was filled longest ago leaves, whatever has been read since."""
    held: set[int] = set()
    queue: deque[int] = deque()
    room, hit = capacity, HIT
    for key in keys:
        if key in held:
            yield hit
            continue
        if room:
            room, leaves = room - 1, NOTHING
        else:
            held.remove(leaves := queue.popleft())
        held.add(key)
        queue.append(key)
        yield leaves


def clock(keys: Iterable[int], capacity: int) -> Iterator[int]:
    """FIFO with one bit: what was read since it was last looked at goes to the end once more (Corbató 1968)."""
    read: dict[int, bool] = {}
    queue: deque[int] = deque()
    room, hit = capacity, HIT
    for key in keys:
        if key in read:
            read[key] = True
            yield hit
            continue
        if room:
            room, leaves = room - 1, NOTHING
        else:
            while read[leaves := queue.popleft()]:
                read[leaves] = False
                queue.append(leaves)
            del read[leaves]
        read[key] = False
        queue.append(key)
        yield leaves


def sieve(keys: Iterable[int], capacity: int) -> Iterator[int]:
    """As CLOCK, but what was read keeps its place, and the hand goes on to newer keys (Zhang and others, NSDI 2024).

    `passed` is the part of the queue that is older than the hand, `ahead` the rest.
    """
    read: dict[int, bool] = {}
    passed: deque[int] = deque()
    ahead: deque[int] = deque()
    room, hit = capacity, HIT
    for key in keys:
        if key in read:
            read[key] = True
            yield hit
            continue
        if room:
            room, leaves = room - 1, NOTHING
        else:
            while read[leaves := ahead.popleft()]:
                read[leaves] = False
                passed.append(leaves)
                if not ahead:
                    passed, ahead = ahead, passed
            del read[leaves]
            if not ahead:
                passed, ahead = ahead, passed
        read[key] = False
        ahead.append(key)
        yield leaves


def lfu(keys: Iterable[int], capacity: int) -> Iterator[int]:
    """Least frequently used since it was filled leaves; of several, the least recently used.

    `ranks` has uses and the last one's moment in one number. In the heap it may be an older, smaller one, until it is looked at.
    """
    ranks: dict[int, int] = {}
    lowest: list[tuple[int, int]] = []
    hit, moment = HIT, (1 << 40) - 1
    for now, key in enumerate(keys):
        if key in ranks:
            ranks[key] = (ranks[key] | moment) + 1 + now
            yield hit
            continue
        rank = ranks[key] = moment + 1 + now
        if len(lowest) < capacity:
            heappush(lowest, (rank, key))
            yield NOTHING
            continue
        seen, leaves = lowest[0]
        while seen != ranks[leaves]:
            heapreplace(lowest, (ranks[leaves], leaves))
            seen, leaves = lowest[0]
        heapreplace(lowest, (rank, key))
        del ranks[leaves]
        yield leaves


def random(keys: Iterable[int], capacity: int, seed: int = 1) -> Iterator[int]:
    """Any of them leaves."""
    held: set[int] = set()
    places: list[int] = []
    draw, hit = randomness.Random(seed).random, HIT
    for key in keys:
        if key in held:
            yield hit
            continue
        if len(places) < capacity:
            places.append(key)
            leaves = NOTHING
        else:
            place = int(capacity * draw())
            held.remove(leaves := places[place])
            places[place] = key
        held.add(key)
        yield leaves
