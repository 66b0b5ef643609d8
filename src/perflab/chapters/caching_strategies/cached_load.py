"""Reads through an LRU cache before a store with one worker: drawn, sent to a real server, and simulated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.measure import poisson
from perflab.measure.frame import Frame
from perflab.measure.schedule import services
from perflab.systems.clients.attempts import Attempts, Patience
from perflab.systems.clients.streams import attempts_load
from perflab.systems.servers.staged_server import MULTIPLEXED, staged_server
from perflab.theory.cached_store import CachedRun, simulate
from perflab.theory.ttl import zipf

KEYS = 1_000
CONSTANT, EXPONENTIAL = "constant", "exponential"
KINDS = (CONSTANT, EXPONENTIAL)
WARMING = 60_000
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Reads:
    """When requests are due (ns), which key each reads, and what the store takes for it (µs). Shape (n,)."""

    due_ns: Ints
    keys: Ints
    services_us: Ints


def reads(rate: float, seconds: float, skew: float, kind: str, service_ms: float, seed: int, keys: int = KEYS) -> Reads:
    """Reads at random (Poisson), each of a key drawn by Zipf's law; the store takes `service_ms`, always or on average."""
    due_ns = poisson(rate, seconds, seed)
    took_ms = services(service_ms, due_ns.size, seed) if kind == EXPONENTIAL else np.full(due_ns.size, service_ms)
    return Reads(
        due_ns, _drawn(due_ns.size, keys, skew, (seed, 2)), np.maximum(1, np.round(1e3 * took_ms)).astype(np.int64)
    )


@lru_cache(maxsize=64)
def read_before(keys: int, skew: float, seed: int) -> tuple[int, ...]:
    """The keys by when they were read last, before a run: what a cache of any size holds are those at the end.

    As `last_read` of keys that are drawn as those of a run; but of chances in order, each key has those between two edges.
    """
    chances, moments = _warming(seed)
    edges = np.searchsorted(chances, [0.0, *np.cumsum(zipf(keys, skew))[:-1]])
    (read,) = np.nonzero(np.diff(edges, append=WARMING))
    last = np.maximum.reduceat(moments, edges[read])
    return tuple(read[np.argsort(last)].tolist())


@lru_cache(maxsize=8)
def _warming(seed: int) -> tuple[NDArray[np.float64], Ints]:
    """The chances by which keys are drawn before a run, in rising order, and which read each belongs to."""
    drawn = np.random.default_rng((seed, 3)).random(WARMING)
    moments = np.argsort(drawn)
    return drawn[moments], moments


def held(capacity: int, skew: float, seed: int, keys: int = KEYS) -> tuple[int, ...]:
    """What a warm LRU cache holds: it has served many reads, and not been filled with the most popular keys."""
    return read_before(keys, skew, seed)[-capacity:]


def _drawn(number: int, keys: int, skew: float, seed: tuple[int, int]) -> Ints:
    shares = np.cumsum(zipf(keys, skew))
    found = np.searchsorted(shares, np.random.default_rng(seed).random(number), "right")
    return np.minimum(found, keys - 1)


def load(
    asked: Reads, before: tuple[int, ...], cache: dict[str, Any], queue: dict[str, Any], **run: Any
) -> Iterator[Frame]:
    """Frames of these reads at a real server whose cache holds the keys read `before`; settings of its stages `lru` and `queue`.

    `run`: its length (`seconds`), and when the cache is emptied (`flush_s`).
    """
    with staged_server(("lru", cache), ("queue", queue), front=MULTIPLEXED, tells=False) as server:
        server.ask("warm", keys=before)
        if "flush_s" in run:
            server.ask("flush", after_s=run["flush_s"])
        attempts = Attempts(asked.due_ns, Patience())
        yield from attempts_load([server], attempts, asked.due_ns, asked.services_us, run["seconds"], keys=asked.keys)


def simulated(asked: Reads, before: tuple[int, ...], capacity: int, **rules: Any) -> CachedRun:
    """The same reads simulated, in seconds; `rules` as in `simulate`."""
    return simulate(asked.due_ns / 1e9, asked.keys, asked.services_us / 1e6, capacity, held=before, **rules)


def is_from_store(record: Record) -> NDArray[np.bool_]:
    """Of the requests of a run that were answered: whether the store served them, not the cache or another request's read."""
    return np.asarray(record.column("started_ns") < record.column("done_ns"))
