"""Eviction policies once more, slowly and plainly: `step(state, key, capacity)` gives the next state and whether the key hit.

States are tuples, so that a chain of all states can be built; the empty cache is `()`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from random import Random
from typing import Any

State = tuple[Any, ...]
Step = Callable[[State, int, int], tuple[State, bool]]


def lru(state: State, key: int, capacity: int) -> tuple[State, bool]:
    """Keys, the one read last at the end."""
    others = tuple(each for each in state if each != key)
    return (*others[-(capacity - 1) :], key) if capacity > 1 else (key,), key in state


def fifo(state: State, key: int, capacity: int) -> tuple[State, bool]:
    """Keys in the order in which they were filled."""
    if key in state:
        return state, True
    return (*state, key)[-capacity:], False


def clock(state: State, key: int, capacity: int) -> tuple[State, bool]:
    """Places around a dial, each with a key and its bit; and the hand."""
    places, hand = (list(state[0]), state[1]) if state else ([], 0)
    for at, (held, _) in enumerate(places):
        if held == key:
            places[at] = (key, True)
            return (tuple(places), hand), True
    if len(places) < capacity:
        return ((*places, (key, False)), hand), False
    while places[hand][1]:
        places[hand] = (places[hand][0], False)
        hand = (hand + 1) % capacity
    places[hand] = (key, False)
    return (tuple(places), (hand + 1) % capacity), False


def sieve(state: State, key: int, capacity: int) -> tuple[State, bool]:
    """Keys with their bits in the order in which they were filled; and where the hand is."""
    queue, hand = (list(state[0]), state[1]) if state else ([], 0)
    for at, (held, _) in enumerate(queue):
        if held == key:
            queue[at] = (key, True)
            return (tuple(queue), hand), True
    if len(queue) == capacity:
        while queue[hand][1]:
            queue[hand] = (queue[hand][0], False)
            hand = (hand + 1) % len(queue)
        del queue[hand]
        hand = 0 if hand == len(queue) else hand
    return ((*queue, (key, False)), hand), False


def lfu(state: State, key: int, capacity: int) -> tuple[State, bool]:
    """Pairs of a key and its uses, the one read last at the end."""
    uses = dict(state)
    times = uses.pop(key, 0)
    if not times and len(uses) == capacity:
        del uses[min(uses, key=lambda each: uses[each])]  # the first of several is the one that was read longest ago
    return (*uses.items(), (key, times + 1)), times > 0


def s3_fifo(state: State, key: int, capacity: int) -> tuple[State, bool]:
    """Pairs of a key and its reads in the small and in the main queue, and the ghosts; the oldest first."""
    small, main, ghosts = (list(part) for part in state) if state else ([], [], [])
    for queue in (small, main):
        for at, (held, reads) in enumerate(queue):
            if held == key:
                queue[at] = (key, min(3, reads + 1))
                return (tuple(small), tuple(main), tuple(ghosts)), True
    few = max(1, capacity // 10)
    while len(small) + len(main) == capacity:
        if small and (len(small) >= few or not main):
            held, reads = small.pop(0)
            if reads >= 2:
                main.append((held, 0))
            else:
                ghosts.append(held)
        else:
            held, reads = main.pop(0)
            if reads:
                main.append((held, reads - 1))
    if key in ghosts:
        ghosts.remove(key)
        main.append((key, 0))
    else:
        small.append((key, 0))
    return (tuple(small), tuple(main), tuple(ghosts[-(capacity - few) :] if capacity > few else ())), False


def w_tiny_lfu(state: State, key: int, capacity: int) -> tuple[State, bool]:
    """Window, trial and kept, the key read last at the end; how often each key was read; requests since counts were halved."""
    window, trial, kept, counts, seen = (
        (*(list(part) for part in state[:3]), dict(state[3]), state[4]) if state else ([], [], [], {}, 0)
    )
    counts[key] = counts.get(key, 0) + 1
    seen += 1
    if seen == 10 * capacity:
        seen, counts = 0, {each: times // 2 for each, times in counts.items() if times // 2}
    first = max(1, capacity // 100)
    rest = capacity - first
    is_hit = key in [*window, *trial, *kept]
    if key in window:
        window.remove(key)
        window.append(key)
    elif key in [*trial, *kept]:
        (trial if key in trial else kept).remove(key)
        kept.append(key)
        if len(kept) > rest * 4 // 5:
            trial.append(kept.pop(0))
    else:
        if len(window) == first:
            candidate = window.pop(0)
            if len(trial) + len(kept) < rest:
                trial.append(candidate)
            elif rest:
                part = trial if trial else kept
                if counts.get(candidate, 0) > counts.get(part[0], 0):
                    part.pop(0)
                    trial.append(candidate)
        window.append(key)
    return (tuple(window), tuple(trial), tuple(kept), tuple(counts.items()), seen), is_hit


def arc(state: State, key: int, capacity: int) -> tuple[State, bool]:
    """T1, T2, B1, B2, the key read last at the end, and p: figure 4 of the paper."""
    t1, t2, b1, b2, p = (*(list(part) for part in state[:4]), state[4]) if state else ([], [], [], [], 0.0)

    def replace() -> None:
        if t1 and ((key in b2 and len(t1) == p) or len(t1) > p):
            b1.append(t1.pop(0))
        else:
            b2.append(t2.pop(0))

    is_hit = key in t1 or key in t2
    if is_hit:
        (t1 if key in t1 else t2).remove(key)
        t2.append(key)
    elif key in b1:
        p = min(capacity, p + max(1, len(b2) / len(b1)))
        replace()
        b1.remove(key)
        t2.append(key)
    elif key in b2:
        p = max(0, p - max(1, len(b1) / len(b2)))
        replace()
        b2.remove(key)
        t2.append(key)
    else:
        if len(t1) + len(b1) == capacity:
            if len(t1) < capacity:
                b1.pop(0)
                replace()
            else:
                t1.pop(0)
        elif len(t1) + len(t2) + len(b1) + len(b2) >= capacity:
            if len(t1) + len(t2) + len(b1) + len(b2) == 2 * capacity:
                b2.pop(0)
            replace()
        t1.append(key)
    return (tuple(t1), tuple(t2), tuple(b1), tuple(b2), p), is_hit


STEPS: dict[str, Step] = {step.__name__: step for step in (lru, fifo, clock, sieve, lfu, s3_fifo, w_tiny_lfu, arc)}


def hits(step: Step, keys: Sequence[int], capacity: int) -> list[int]:
    """1 for each key that hits, else 0."""
    states = accumulate(keys, lambda found, key: step(found[0], key, capacity), initial=((), False))
    return [int(is_hit) for _, is_hit in states][1:]


def random_hits(keys: Sequence[int], capacity: int, seed: int = 1) -> list[int]:
    """RANDOM with the same draws: any place, each with the same probability."""
    places: list[int] = []
    found, draw = [], Random(seed)
    for key in keys:
        found.append(int(key in places))
        if key not in places:
            if len(places) == capacity:
                places[int(draw.random() * capacity)] = key
            else:
                places.append(key)
    return found


def most_hits(keys: Sequence[int], capacity: int) -> int:
    """By trying every victim at every miss."""
    read = tuple(keys)

    @cache
    def best(at: int, held: frozenset[int]) -> int:
        if at == len(read):
            return 0
        key = read[at]
        if key in held:
            return 1 + best(at + 1, held)
        if len(held) < capacity:
            return best(at + 1, held | {key})
        return max(best(at + 1, held - {leaves} | {key}) for leaves in held)

    return best(0, frozenset())
