"""Batches: what one costs, how many requests get through, and how long each waits. Times in one unit, rates per that unit."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.theory.replay import Replay

ALIKE = 0.2
"""Standard deviation of sizes over their mean; where it is less, noise in the times makes any slope."""


@dataclass(frozen=True)
class Cost:
    """S(b) = s₀ + s₁·b: a batch costs `each_batch`, and `each_row` for each of its requests, where it follows another batch.

    `rests` tells what a batch costs in addition after an idle time: pairs in the order of the times, with straight lines between
    them, the first from (0, 0).
    """

    each_batch: float
    each_row: float
    rests: tuple[tuple[float, float], ...] = ()

    def of(self, rows: ArrayLike) -> NDArray[np.float64]:
        """What batches of so many rows cost."""
        return self.each_batch + self.each_row * np.asarray(rows, float)

    def after_rest(self, idle: float) -> float:
        """What a batch costs in addition, that nothing was written before for so long."""
        before, less = 0.0, 0.0
        for time, more in self.rests:
            if idle < time:
                return less + (more - less) * (idle - before) / (time - before)
            before, less = time, more
        return less

    def throughput(self, rows: ArrayLike) -> NDArray[np.float64]:
        """b / S(b), which rises towards 1/s₁ however small s₀ is."""
        return np.asarray(rows, float) / self.of(rows)


def fit_cost(rows: ArrayLike, times: ArrayLike) -> Cost:
    """The line through batches of several sizes, by weighted least squares; the median of each size, so that stalls do not count.

    Both of shape (batches,). Where the sizes are too `ALIKE`, s₁ cannot be told from s₀, and is 0. Raises ValueError without
    batches.
    """
    sizes, took = np.asarray(rows, float), np.asarray(times, float)
    if not sizes.size or sizes.shape != took.shape:
        raise ValueError("there must be batches, each with its rows and its time")
    if sizes.std() <= ALIKE * sizes.mean():
        return Cost(float(np.median(took)), 0.0)
    distinct = np.unique(sizes)
    medians = np.array([np.median(took[sizes == size]) for size in distinct])
    counts = np.array([(sizes == size).sum() for size in distinct])
    slope, intercept = np.polyfit(distinct, medians, 1, w=np.sqrt(counts) / medians)
    return Cost(max(0.0, float(intercept)), max(0.0, float(slope)))


@dataclass(frozen=True)
class Waits:
    """Means over requests: waiting for the batch to be written, and the writing; and rows in a batch, over batches."""

    waiting: float
    writing: float
    rows: float


def simulate_batches(arrivals: ArrayLike, size: int, max_wait: float, cost: Cost, timer: bool = True) -> Waits:
    """One writer: it takes up to `size` when so many wait, or when the oldest has waited `max_wait`, and is free. In any order
    of events the same as in the real loop, simulated. Arrivals of shape (requests,) in rising order. Without a `timer` it looks
    only when a request arrives, and after each batch.

    A batch that might have become larger, had the arrivals gone on, is left out, and all after it. Raises ValueError where that
    leaves none, for a size below 1 and a wait below 0.
    """
    if not (size >= 1 and max_wait >= 0):
        raise ValueError("a batch holds at least one request, and none waits for less than no time")
    times = np.asarray(arrivals, float).tolist()
    first, free, waiting, writing, count = 0, -math.inf, 0.0, 0.0, 0
    while first < len(times):
        full = times[first + size - 1] if first + size <= len(times) else math.inf
        due = times[first] + max_wait
        if not timer and due > free:
            following = bisect_left(times, due)
            due = times[following] if following < len(times) else math.inf
        start = max(free, min(full, due))
        end = min(first + size, max(first + 1, bisect_right(times, start)))
        if end - first < size and start > times[-1]:
            break
        took = cost.each_batch + cost.each_row * (end - first) + cost.after_rest(start - free)
        waiting += start * (end - first) - sum(times[first:end])
        writing += took * (end - first)
        free, first, count = start + took, end, count + 1
    if not count:
        raise ValueError("too few arrivals: no batch is complete before they end")
    return Waits(waiting / first, writing / first, first / count)


def alone(size: int, max_wait: float, rest: float, cost: Cost) -> float:
    """Response time of a single client that sends each request so long after the last reply: nothing comes to fill its batch."""
    waits = max_wait if size > 1 else 0.0
    return waits + float(cost.of(1)) + cost.after_rest(rest + waits)


def saturated(threads: int, size: int, max_wait: float, cost: Cost, batches: int = 100) -> float:
    """Requests per unit of time of so many threads, each of which asks again as soon as its request is done: a closed loop.

    By following the batches of one writer. At the end of a batch it looks at what waits before the requests of this batch are
    back. So with b the size and N threads: X = b/S(b) where N ≥ 2b; N/(2s₀ + s₁N) with N ≤ b and no wait, because two groups
    take turns; b/S(b) with N ≥ b and a long wait; N/(max_wait + S(N)) with N < b, since no batch ever fills. Raises ValueError
    for less than one thread or request in a batch, and for a negative wait.
    """
    if not (threads >= 1 and size >= 1 and max_wait >= 0):
        raise ValueError("there is a thread, a batch holds a request, and none waits for less than no time")
    waiting, back, now, done, since = deque([0.0] * threads), 0, 0.0, 0, 0.0
    for number in range(batches):
        if number == batches // 2:  # by then it repeats itself
            done, since = 0, now
        start, rows = now, min(size, len(waiting))
        if not waiting or (rows < size and now - waiting[0] < max_wait):
            waiting.extend([now] * back)
            back = 0
            rows = min(size, len(waiting)) if max_wait else 1  # without a wait the first to be back is a batch
            start = now if rows == size else waiting[0] + max_wait
        waiting.extend([now] * back)
        for _ in range(rows):
            waiting.popleft()
        now, done, back = start + float(cost.of(rows)) + cost.after_rest(start - now), done + rows, rows
    return done / (now - since)


def replay_batches(
    arrivals: ArrayLike,
    rows: ArrayLike,
    began: ArrayLike,
    took: ArrayLike,
    size: int,
    max_wait: float,
    timer: bool = True,
) -> Replay:
    """Recorded batches once more, by a writer that begins each when it is full or its oldest has waited, and it is free.

    Arrivals of shape (requests,) in rising order, of all that the batches hold; `rows`, `began` and `took` of shape (batches,).
    The last batch is written when it is as large as it will get.
    """
    times, members = np.asarray(arrivals, float), np.asarray(rows, int)
    starts, lasting = np.asarray(began, float), np.asarray(took, float)
    ready = Ready.of(times, members, size, max_wait, timer)
    if not members.shape == starts.shape == lasting.shape:
        raise ValueError("there must be batches, each with its rows, its start and its time")
    # One writer: each batch waits like a customer of Lindley's recursion, whose turn comes in the order of the batches.
    again, free = np.empty(members.shape), -math.inf
    moments = (each.tolist() for each in (ready.full, ready.waited, ready.noticed, lasting))
    for number, (full, waited, noticed, time) in enumerate(zip(*moments, strict=True)):
        again[number] = max(free, min(full, waited if free >= waited else noticed))
        free = again[number] + time
    measured, replayed = (float(np.average(at + lasting, weights=members)) for at in (starts, again))
    mean = float(times.mean())
    return Replay(measured - mean, replayed - mean)


@dataclass(frozen=True)
class Ready:
    """When batches can be written, each of shape (batches,): when one is `full`, and when its oldest has waited, if the writer
    is free by then (`waited`) and if it is idle (`noticed`: without a timer at the next arrival).
    """

    full: NDArray[np.float64]
    waited: NDArray[np.float64]
    noticed: NDArray[np.float64]

    @classmethod
    def of(cls, arrivals: ArrayLike, rows: ArrayLike, size: int, max_wait: float, timer: bool = True) -> Ready:
        """Arrivals of shape (requests,) in rising order; `rows` of (batches,)."""
        times, members = np.asarray(arrivals, float), np.asarray(rows, int)
        if not times.size or members.sum() != times.size or members.min() < 1:
            raise ValueError("there must be batches, each with its rows, and an arrival for each row")
        lasts = np.cumsum(members) - 1
        filled = (members == size) | (timer & (lasts == times.size - 1))
        waited = times[lasts - members + 1] + max_wait
        following = np.append(times, math.inf)[np.searchsorted(times, waited)]
        # Where no request follows, a writer that looked late at the last one has found that the oldest had waited by then.
        following = np.where(np.isfinite(following), following, waited)
        return cls(np.where(filled, times[lasts], math.inf), waited, waited if timer else following)

    def at(self, free: ArrayLike) -> NDArray[np.float64]:
        """When each could be written, had the writer been free since then."""
        return np.minimum(self.full, np.where(np.asarray(free) >= self.waited, self.waited, self.noticed))


def lateness(
    arrivals: ArrayLike,
    rows: ArrayLike,
    began: ArrayLike,
    took: ArrayLike,
    size: int,
    max_wait: float,
    timer: bool = True,
) -> NDArray[np.float64]:
    """How long after it could have begun each batch began: it was ready, and the one before had ended. Shapes as above."""
    starts = np.asarray(began, float)
    free = np.concatenate([[-math.inf], (starts + np.asarray(took, float))[:-1]])
    return starts - np.maximum(Ready.of(arrivals, rows, size, max_wait, timer).at(free), free)
