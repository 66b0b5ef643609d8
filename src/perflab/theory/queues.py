"""Waiting in line: closed forms for queues in their steady state. Rates and times in one unit of time.

Names as in Kendall's notation: arrivals / service / servers / places. M is Poisson or exponential, G is anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

FULL = 1 - 1e-9
"""Servers that are busier than this cannot keep up: a utilisation of 1 may come out of rounding as a little less."""


@dataclass(frozen=True)
class Steady:
    """Averages of a queue in its steady state.

    `wait` is in the queue, `response` in queue and service, `inside` how many there are on average, `utilisation` the share
    of the servers that is busy. Where the queue grows without end, times and `inside` are infinite.
    """

    throughput: float
    wait: float
    response: float
    inside: float
    utilisation: float


def erlang_b(servers: int, offered: float) -> float:
    """Share of arrivals that find all servers busy, when they do not wait (Erlang 1917). `offered` is λ/μ.

    By the recursion 1/B(c) = 1 + c/a · 1/B(c−1), which does not overflow.
    """
    _check(servers, offered)
    inverse = 1.0
    for number in range(1, servers + 1):
        inverse = 1 + number / offered * inverse if offered > 0 else math.inf
    return 1 / inverse


def erlang_c(servers: int, offered: float) -> float:
    """Share of arrivals that have to wait for one of `servers` (Erlang 1917); 1 where the servers cannot keep up."""
    _check(servers, offered)
    if offered >= servers * FULL:
        return 1.0
    blocked = erlang_b(servers, offered)
    return blocked / (1 - offered / servers * (1 - blocked))


def mmc(rate: float, service: float, servers: int = 1) -> Steady:
    """M/M/c: Poisson arrivals of `rate`, exponential service of mean `service`, one queue for all servers."""
    if not (0 <= rate < math.inf and 0 <= service < math.inf):
        raise ValueError("rate and service must not be negative, and not infinite")
    offered = rate * service
    _check(servers, offered)
    if offered >= servers * FULL:
        return Steady(servers / service, math.inf, math.inf, math.inf, 1.0)
    wait = erlang_c(servers, offered) * service / (servers - offered)
    return Steady(rate, wait, wait + service, rate * (wait + service), offered / servers)


def mean_wait(rate: float, mean: float, second_moment: float) -> float:
    """Mean wait in M/G/1: Poisson arrivals of `rate`, one server, service with these moments E[S] and E[S²], first come first
    served: λE[S²] / (2(1 − ρ)) (Pollaczek 1930, Khinchine 1932). Infinite where the server cannot keep up.
    """
    if not (0 <= rate < math.inf and 0 <= mean < math.inf and second_moment >= mean**2 * (1 - 1e-9)):
        raise ValueError("rate and mean must not be negative, and E[S²] is at least E[S]²")
    utilisation = rate * mean
    return rate * second_moment / (2 * (1 - utilisation)) if utilisation < FULL else math.inf


def priority_wait(rate: float, services: ArrayLike) -> float:
    """Mean wait in M/G/1 where the lowest class goes next, and no service is interrupted: R / ((1 − σ₋)(1 − σ)), R = λE[S²]/2,
    σ₋ and σ the utilisation by lower classes, and with the class itself (Cobham 1954). Infinite where it cannot keep up.

    `services` of shape (classes,) are constant and equally likely, that of the lowest class first; where they are sorted, the
    shortest goes next.
    """
    times = np.asarray(services, float)
    if not (0 <= rate < math.inf and times.size and times.min() >= 0):
        raise ValueError("rate and services must not be negative, and there is at least one class")
    busy = rate / times.size * np.concatenate([[0.0], np.cumsum(times)])
    if busy[-1] >= FULL:
        return math.inf
    return float(np.mean(rate * np.mean(times**2) / 2 / ((1 - busy[:-1]) * (1 - busy[1:]))))


class Closed(NamedTuple):
    """A closed system: how many rounds per unit of time, and how long one takes without the think time; of each station the
    response time of one visit, and how many clients are there on average.
    """

    throughput: float
    response: float
    responses: tuple[float, ...]
    inside: tuple[float, ...]


def closed(
    clients: int, services: Sequence[float], think: float = 0.0, visits: Sequence[float] | None = None
) -> Closed:
    """`clients` that ask again `think` after each answer, and visit each station so many times per round, once if not said.

    Mean value analysis for exponential stations of one server each (Reiser and Lavenberg 1980).
    """
    times, often = list(services), [1.0] * len(services) if visits is None else list(visits)
    if not (clients >= 0 and think >= 0 and min([*times, *often], default=0) >= 0) or len(often) != len(times):
        raise ValueError("clients, times and visits must not be negative, and each station has its visits")
    demands = [each * time for each, time in zip(often, times, strict=True)]
    if not 0 < think + sum(demands) < math.inf:
        raise ValueError("a round of think time and services must take some time, and not for ever")
    inside = [0.0] * len(times)
    throughput, responses = 0.0, times
    for number in range(1, clients + 1):
        responses = [time * (1 + queue) for time, queue in zip(times, inside, strict=True)]
        throughput = number / (think + _dot(often, responses))
        inside = [throughput * each * response for each, response in zip(often, responses, strict=True)]
    return Closed(throughput, _dot(often, responses), tuple(responses), tuple(inside))


def _dot(first: Sequence[float], second: Sequence[float]) -> float:
    return sum(one * other for one, other in zip(first, second, strict=True))


def _check(servers: int, offered: float) -> None:
    if not (servers >= 1 and offered >= 0):
        raise ValueError("there must be a server, and the load must not be negative")
