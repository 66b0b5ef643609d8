"""Policies with one queue, or none. What each is and where it is from stands in its first line."""

from __future__ import annotations

import random as randomness
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator

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
    """Least frequently used since it was filled leaves; of several, the least recently used."""
    uses: dict[int, int] = {}
    used: defaultdict[int, OrderedDict[int, None]] = defaultdict(OrderedDict)
    room, least = capacity, 1
    for key in keys:
        if key in uses:
            times = uses[key]
            uses[key] = times + 1
            del used[times][key]
            used[times + 1][key] = None
            if times == least and not used[times]:
                least += 1
            yield HIT
            continue
        if room:
            room, leaves = room - 1, NOTHING
        else:
            leaves, _ = used[least].popitem(False)
            del uses[leaves]
        uses[key] = least = 1
        used[1][key] = None
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
