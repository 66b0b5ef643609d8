"""More requests than a server can do: how many it still answers within their deadline (goodput), by who is served next.

Goodput is told as a multiple of the capacity, offered load ρ = λS likewise. Poisson arrivals at one server of mean service S.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Transform = Callable[[float], float]
"""Laplace transform E[e^(−sS)] of service times whose mean is 1."""
ROUNDS, NEAR = 10_000, 1e-13


def constant(s: float) -> float:
    """Of services that all take 1."""
    return math.exp(-s)


def exponential(s: float) -> float:
    """Of exponential services."""
    return 1 / (1 + s)


def late_from(offered: float, deadline: float, service: float) -> float:
    """First come first served, from empty: from which moment on arrivals are answered late, (D − S) / (ρ − 1), in the unit of
    `deadline` and `service`. The wait grows by ρ − 1 per unit of time (a fluid); infinite where the server can keep up.
    """
    _check(offered)
    return max(0.0, deadline - service) / (offered - 1) if offered > 1 else math.inf


def goodput_first_come(offered: float, deadline: float, service: float, seconds: float) -> float:
    """First come first served, in a run of so many `seconds` from empty: what arrives before `late_from` is all that counts."""
    good_s = min(seconds, offered * late_from(offered, deadline, service)) if offered > 1 else seconds
    return min(offered, 1.0) * good_s / seconds


def goodput_dropping_late(offered: float, services: Transform = constant) -> float:
    """Whatever has *waited* longer than its deadline is dropped, in the long run, for deadlines of many services: the root below
    1 of x = S*(ρ(1 − x)). Constant services: x = e^(−ρ(1 − x)), the extinction probability of a branching process with Poisson(ρ)
    children; exponential ones: 1/ρ.

    The time v by which the oldest request could wait longer is used up by services and grows by the gaps to the next arrival:
    v' = max(0, v − S) + A, the wait in a queue with arrivals and services exchanged (GI/M/1, Kendall 1953). A request is in time
    where v ≥ S: where it would have to wait there.
    """
    _check(offered)
    if offered <= 1:
        return offered
    x, before = 0.0, -1.0
    for _ in range(ROUNDS):
        if x - before < NEAR:
            break
        x, before = services(offered * (1 - x)), x
    return x


def goodput_shortest_first(offered: float) -> float:
    """The shortest of exponential services is served next, in the long run: those shorter than u mean services fill the server,
    1 − (1 + u)e^(−u) = 1/ρ, and the longer ones starve: ρ(1 − e^(−u)) requests are answered, more than the capacity.
    """
    _check(offered)
    if offered <= 1:
        return offered
    low, high = 0.0, 100.0
    while high - low > NEAR * high:
        u = (low + high) / 2
        low, high = (u, high) if 1 - (1 + u) * math.exp(-u) < 1 / offered else (low, u)
    return offered * (1 - math.exp(-low))


def from_empty(offered: float, deadline: float, seconds: float, lasting: float) -> float:
    """Goodput in a run that begins empty and has `lasting` in the long run: until the wait has grown to the deadline, all that
    arrives is answered in time. For runs of several deadlines.
    """
    if offered <= 1:
        return lasting
    first = late_from(offered, deadline, 0.0)
    if first + deadline >= seconds:
        return goodput_first_come(offered, deadline, 0.0, seconds)
    return (offered * first + lasting * (seconds - deadline - first)) / seconds


def _check(offered: float) -> None:
    if not 0 <= offered < math.inf:
        raise ValueError("the offered load must not be negative, and not infinite")
