"""What a control has changed in a measurement: two runs compared, and when that is more than a machine's mood."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from corpus import Pair

from perflab.chapters.where_latency_comes_from.anatomy_model import CALLS
from perflab.measure.frame import Frame

CLEAR, LARGE, ENOUGH, PAIRS = 5.0, 2.5, 1.2, 5
ONLY_IN_ONE = 3.0
"""As how large a change it counts that only one of two runs has a column."""


def spread(frame: Frame) -> float:
    """How many times longer the longest services of the slow store are than its shortest, without the ends."""
    service_ns = frame.samples["done_ns"] - frame.samples["started_ns"]
    low, high = np.quantile(service_ns[service_ns > 0], (0.05, 0.95))  # a hit of the cache has none
    return float(high / low)


def at_once(frame: Frame) -> float:
    """How many of a request's calls have begun before the first has ended, in the middle request."""
    begin, took = np.moveaxis(frame.samples["calls_ns"].reshape(-1, CALLS, 2), 2, 0)
    return float(np.median(np.sum(begin < (begin + took).min(axis=1, keepdims=True), axis=1)))


SAYS: Mapping[tuple[str, str], Callable[[Frame], float]] = {
    ("caching_strategies.hit_ratio", "kind"): spread,
    ("where_latency_comes_from.anatomy", "calls"): at_once,
}
"""What tells best what a control does, where neither a count nor a time of a run does so on a busy machine."""


def changes(pair: Pair, says: Callable[[Frame], float] | None = None) -> dict[str, float]:
    """How many times larger each count is in one of two runs, and of each column: how many samples it has, how many of them are 0
    and how many are not, its quarter, median and 90th percentile; and what the control is said to change.

    Without the lateness, which is not the lab's doing, and what is nothing in one of them.
    """
    low, high = pair.near.frame, pair.far.frame
    found = {name: several(low.counts.get(name, 0), high.counts.get(name, 0)) for name in {*low.counts, *high.counts}}
    for name in {*low.samples, *high.samples} - {"lateness_ns"}:
        first, second = columns = [np.asarray(frame.samples.get(name, ()), float) for frame in (low, high)]
        found[f"number of {name}"] = several(first.size, second.size)
        found[f"hits or numbers above 0 of {name}"] = several(*map(np.count_nonzero, columns))
        found[f"zeros of {name}"] = several(*(column.size - np.count_nonzero(column) for column in columns))
        if (name in low.samples) != (name in high.samples):
            found[name] = ONLY_IN_ONE if name in high.samples else 1 / ONLY_IN_ONE
        if first.size and second.size:
            for share in (0.25, 0.5, 0.9):
                one, other = (float(np.quantile(column, share)) for column in columns)
                if one > 0 and other > 0:
                    found[f"{name} at {share}"] = other / one
    if says is not None:
        found[says.__name__] = says(high) / says(low)
    return found


def several(low: int, high: int) -> float:
    return max(1, high) / max(1, low)


def is_effect(pairs: Sequence[Mapping[str, float]]) -> bool:
    """Whether something changed by more in one pair than a machine's mood can do, or in the same direction in each of several:
    by less where there are three of them than where there are two. Of five, one may differ: while something else has the CPUs,
    what goes side by side does not.
    """
    if any(max(change, 1 / change) > CLEAR for change in pairs[0].values()):
        return True
    enough, others = {2: (LARGE, 0), 3: (ENOUGH, 0), 4: (ENOUGH, 0), PAIRS: (ENOUGH, 1)}.get(len(pairs), (np.inf, 0))
    for name in set.intersection(*map(set, pairs)):
        found = sorted(pair[name] for pair in pairs)
        if found[others] > enough or found[-1 - others] < 1 / enough:
            return True
    return False
