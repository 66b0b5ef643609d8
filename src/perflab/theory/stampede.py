"""How often a hot key's value is computed when it expires.

Reads are a Poisson process of rate λ per second, one computation takes D seconds of a CPU, and an expiry's computations are those
that are begun until the first one has filled the cache. Early recomputation at random is XFetch of Vattani, Chierichetti and
Lowenstein, "Optimal Probabilistic Cache Stampede Prevention" (2015): a read that comes s seconds before the expiry computes
with probability e^(−s/βδ), where δ is how long the last computation took.
"""

from __future__ import annotations

import math

import numpy as np

STEPS = 4_000


def computations_apart(rate: float, query_s: float) -> float:
    """1 + λD: each computation has a CPU or a place in the pool of its own, so the first one ends after D."""
    return 1 + rate * query_s


def first_end_s(rate: float, query_s: float, cpus: float, threads: float = math.inf) -> float:
    """When the first of all computations ends, seconds after it began, where they share `cpus` equally, and one more begins
    every 1/λ seconds until all `threads` compute.

    With n = λt of them each proceeds at the speed c/n. So the first has done c/λ · (1 + ln(λt/c)) by t, which is D at
    t = c/λ · e^(λD/c − 1); where fewer than c have come by then, at t = D. From t = N/λ on the speed is c/N.
    """
    if rate * query_s <= cpus:
        return query_s
    shared = cpus / rate * math.exp(rate * query_s / cpus - 1)
    if rate * shared <= threads or threads <= cpus:
        return shared if threads > cpus else query_s
    done_s = cpus / rate * (1 + math.log(threads / cpus))
    return threads / rate + (query_s - done_s) * threads / cpus


def computations_sharing(rate: float, query_s: float, cpus: float, threads: float = math.inf) -> float:
    """1 + λt, where t is `first_end_s`; no more than there are threads."""
    return min(threads, 1 + rate * first_end_s(rate, query_s, cpus, threads))


def computations_early(beta: float) -> float:
    """e^(1/β): computations per expiry with XFetch where many reads come during a computation (λβδ → ∞)."""
    return math.exp(1 / beta)


def computations_early_of(load: float, beta: float) -> float:
    """The same for λβδ = `load`, where each computation takes δ.

    The first one begins X before the expiry, and A = λβδ e^(−X/βδ) is exponential with mean 1. During the δ after it
    A (e^(1/β) − 1) more begin; where X < δ, λβδ − A before the expiry and λ(δ − X) after it. With A > λβδ, which has probability
    e^(−λβδ), the key expires first, and λδ follow the first miss.
    """
    if load <= 0:
        return 1.0
    early = load * math.exp(-1 / beta)
    inside = (math.exp(1 / beta) - 1) * (1 - (1 + early) * math.exp(-early))
    edges = early * np.exp(np.linspace(0, 1 / beta, STEPS + 1))
    a = np.sqrt(edges[1:] * edges[:-1])
    across = np.sum((load - a + load / beta - load * np.log(load / a)) * np.exp(-a) * np.diff(edges))
    return float(1 + inside + across + math.exp(-load) * load / beta)
