"""How far the numbers of a queue lie apart from run to run, told from one run.

Requests that waited in the same queue are not independent: neither the ranks of their times nor the scatter between parts of a
run say how sure a percentile is, near saturation least of all. But gaps between arrivals are independent, as are services. Both
are therefore drawn again from those of the run (Efron 1979), and the queue is simulated again, from empty, for as many requests.

An interval of 2.2 standard deviations to either side holds the number that a typical run of this kind shows in 93 to 98 of 100
runs: M/M/1, M/D/1 and hyperexponential services at 30 to 90%, M/M/4 at 80 and 90%, 400 and 1,000 requests, p50 to p99 and mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.theory.replay import replay
from perflab.theory.simulate import simulate

RUNS, MAX_CUSTOMERS = 200, 400_000
MIN_REQUESTS = 100
FAR = 0.1
"""A replay that is farther off than this share of the mean: something else than this queue decides how long requests take."""


def spread(
    arrivals: ArrayLike,
    starts: ArrayLike,
    departures: ArrayLike,
    shares: Sequence[float] = (0.5, 0.95, 0.99),
    seed: int = 0,
) -> Mapping[float | str, float] | None:
    """Standard deviations of the logarithms of the percentiles (by share) and of the "mean" of response times, from run to run.

    All of shape (requests,), in any order; there were as many servers as ever served at the same time. None for fewer than
    `MIN_REQUESTS`, and where the queue, replayed, does not explain the times.
    """
    arrived, started, gone = (np.asarray(times, float) for times in (arrivals, starts, departures))
    if arrived.size < MIN_REQUESTS:
        return None
    servers = _most_at_once(started, gone)
    if replay(arrived, started, gone, servers).deviation > FAR:
        return None
    size = arrived.size
    ranks = [math.ceil(size * share - 1e-9) - 1 for share in shares]
    again = drawn_again(arrived, started, gone, min(RUNS, max(50, MAX_CUSTOMERS // size)), seed, servers)
    found = np.array([[*ordered[ranks], ordered.mean()] for ordered in again])
    if found.min() <= 0:
        return None
    return dict(zip([*shares, "mean"], np.log(found).std(axis=0, ddof=1).tolist(), strict=True))


def drawn_again(
    arrivals: ArrayLike, starts: ArrayLike, departures: ArrayLike, runs: int, seed: int = 0, servers: int = 1
) -> Iterator[NDArray[np.float64]]:
    """Response times, in rising order, of so many runs whose gaps between arrivals and services are drawn from those of one run.

    All of shape (requests,).
    """
    arrived, started, gone = (np.asarray(times, float) for times in (arrivals, starts, departures))
    generator, size = np.random.default_rng(seed), arrived.size
    gaps, services = np.diff(np.sort(arrived)), np.maximum(gone - started, 0)
    for _ in range(runs):
        between, taken = (generator.choice(times, size) for times in (gaps, services))
        yield np.sort(simulate(np.cumsum(between), taken, servers).responses)


def _most_at_once(started: NDArray[np.float64], gone: NDArray[np.float64]) -> int:
    """The most requests in service at one moment; one that begins when another ends, to a millionth of it, takes its place."""
    moments = np.concatenate([gone - 1e-6 * (gone - started), started])
    change = np.repeat([-1, 1], started.size)
    in_order = np.lexsort((change, moments))
    return max(1, int(np.cumsum(change[in_order]).max()))
