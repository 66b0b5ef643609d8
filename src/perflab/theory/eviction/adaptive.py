"""Policies that remember keys that have left, or learn from what is read."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator

from perflab.theory.eviction import HIT, NOTHING

Ordered = OrderedDict[int, None]


def s3_fifo(keys: Iterable[int], capacity: int) -> Iterator[int]:
    """Three FIFO queues (Yang and others, SOSP 2023): new keys enter a small one, a tenth of the places. What is read twice
    there moves to the main one; what is not leaves, is remembered for a while, and enters the main one when it comes back.
    """
    reads: dict[int, int] = {}
    small: deque[int] = deque()
    main: deque[int] = deque()
    ghosts: Ordered = OrderedDict()
    few = max(1, capacity // 10)
    for key in keys:
        if key in reads:
            if reads[key] < 3:
                reads[key] += 1
            yield HIT
            continue
        leaves = NOTHING
        if len(reads) == capacity:
            while leaves == NOTHING:
                if small and (len(small) >= few or not main):
                    oldest = small.popleft()
                    if reads[oldest] > 1:
                        reads[oldest] = 0
                        main.append(oldest)
                    else:
                        ghosts[leaves := oldest] = None
                elif reads[oldest := main.popleft()]:
                    reads[oldest] -= 1
                    main.append(oldest)
                else:
                    leaves = oldest
            del reads[leaves]
        if key in ghosts:
            del ghosts[key]
            main.append(key)
        else:
            small.append(key)
            if len(ghosts) > capacity - few:
                ghosts.popitem(False)
        reads[key] = 0
        yield leaves


SAMPLE = 10
"""Requests per place after which all counts are halved."""


def w_tiny_lfu(keys: Iterable[int], capacity: int) -> Iterator[int]:
    """Window and admission by frequency (Einziger, Friedman, Manes 2017): new keys enter an LRU of a hundredth of the places;
    what leaves it replaces the main cache's next victim only if it was read more often lately. The main cache is an LRU in two
    parts: four fifths of its places are for what was read again. Counts are exact here; a real one estimates them in a sketch.
    """
    window: Ordered = OrderedDict()
    trial: Ordered = OrderedDict()
    kept: Ordered = OrderedDict()
    reads: dict[int, int] = {}
    first = max(1, capacity // 100)
    most_kept = (capacity - first) * 4 // 5
    seen = 0
    for key in keys:
        reads[key] = reads.get(key, 0) + 1
        seen += 1
        if seen == SAMPLE * capacity:
            seen = 0
            reads = {each: times // 2 for each, times in reads.items() if times > 1}
        if key in window:
            window.move_to_end(key)
        elif key in kept:
            kept.move_to_end(key)
        elif key in trial:
            del trial[key]
            kept[key] = None
            if len(kept) > most_kept:
                trial[kept.popitem(False)[0]] = None
        else:
            leaves = NOTHING
            if len(window) == first:
                candidate, _ = window.popitem(False)
                if len(trial) + len(kept) + first < capacity:
                    trial[candidate] = None
                else:
                    part = trial or kept
                    leaves = candidate
                    if part and reads.get(candidate, 0) > reads.get(victim := next(iter(part)), 0):
                        del part[victim]
                        trial[candidate] = None
                        leaves = victim
            window[key] = None
            yield leaves
            continue
        yield HIT


def arc(keys: Iterable[int], capacity: int) -> Iterator[int]:
    """Adaptive replacement cache (Megiddo and Modha, FAST 2003): an LRU of keys read once and one of keys read again, which
    share the places. Who misses a key that has left one of them gets more of the places for it.
    """
    once: Ordered = OrderedDict()
    again: Ordered = OrderedDict()
    left_once: Ordered = OrderedDict()
    left_again: Ordered = OrderedDict()
    share = 0.0

    def replace(comes_back_again: bool) -> int:
        if once and (len(once) > share or (comes_back_again and len(once) == share)):
            leaves, _ = once.popitem(False)
            left_once[leaves] = None
        else:
            leaves, _ = again.popitem(False)
            left_again[leaves] = None
        return leaves

    for key in keys:
        if key in once:
            del once[key]
            again[key] = None
            yield HIT
            continue
        if key in again:
            again.move_to_end(key)
            yield HIT
            continue
        leaves = NOTHING
        if key in left_once:
            share = min(capacity, share + max(1.0, len(left_again) / len(left_once)))
            leaves = replace(False)
            del left_once[key]
            again[key] = None
        elif key in left_again:
            share = max(0.0, share - max(1.0, len(left_once) / len(left_again)))
            leaves = replace(True)
            del left_again[key]
            again[key] = None
        else:
            if len(once) + len(left_once) == capacity:
                if len(once) < capacity:
                    left_once.popitem(False)
                    leaves = replace(False)
                else:
                    leaves, _ = once.popitem(False)
            elif len(once) + len(again) + len(left_once) + len(left_again) >= capacity:
                if len(once) + len(again) + len(left_once) + len(left_again) == 2 * capacity:
                    left_again.popitem(False)
                if len(once) + len(again) == capacity:
                    leaves = replace(False)
            once[key] = None
        yield leaves
