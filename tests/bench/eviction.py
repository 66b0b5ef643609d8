"""How many requests per second do the eviction policies decide about, beside cachetools where it is there; all sizes at once."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from perflab.chapters.eviction_and_stampedes import what_to_evict_model as model
from perflab.chapters.eviction_and_stampedes.policy_runs import POLICIES, ZIPF
from perflab.theory import che, traces
from perflab.theory.eviction import hits
from perflab.theory.stack_distances import stack_distances
from perflab.theory.ttl import zipf

PLACES, ROUNDS = 1_000, 5
NEAREST = {
    "LRU": ("LRUCache", 3.0),
    **dict.fromkeys(("CLOCK", "SIEVE", "ARC"), ("LRUCache", 1.0)),
    **dict.fromkeys(("FIFO", "S3-FIFO"), ("FIFOCache", 1.0)),
    **dict.fromkeys(("LFU", "W-TinyLFU"), ("LFUCache", 1.0)),
    "random": ("RRCache", 1.0),
}
"""What is nearest to each in cachetools, and how many times as fast ours should be. The optimum has nothing near it there."""
EIGHT = [name for name in POLICIES if name not in ("W-TinyLFU", "optimum")]


def rows() -> Iterator[tuple[str, str, str]]:
    """The best of some interleaved rounds, all on one trace of 100,000 requests (Zipf, 10,000 keys, 1,000 places)."""
    trace = traces.popular(100_000, 1, np.random.default_rng(1))
    keys = trace.tolist()
    has_others = find_spec("cachetools") is not None
    calls: dict[str, Callable[[], object]] = {
        name: lambda policy=policy: hits(policy, keys, PLACES) for name, policy in POLICIES.items()
    }
    calls["all sizes"] = lambda: stack_distances(trace)
    if has_others:
        calls |= {kind: lambda kind=kind: by_cachetools(kind, keys) for kind, _ in NEAREST.values()}
    best = quickest(calls)
    for name in POLICIES:
        yield f"{name}, requests/s", "", speed(best[name])
    if not has_others:
        yield "cachetools beside", "", "not measured here: pip install cachetools"
    for name, (kind, least) in NEAREST.items():
        if has_others:
            told = f"{best[kind] / best[name]:.1f}× ({speed(best[name])} against {speed(best[kind])})"
            yield f"requests/s of {name}, ours ÷ {kind} of cachetools", f"≥ {least:g}×", told
    one = best["LRUCache"] if has_others else best["LRU"]
    what = "cachetools" if has_others else "ours"
    told = f"{best['all sizes'] / one:.1f}× ({1e3 * best['all sizes']:.0f} ms)"
    yield f"LRU at every size, time ÷ one run of LRU ({what})", "≤ 2×" if has_others else "", told
    long = traces.popular(500_000, 1, np.random.default_rng(2)).tolist()
    eight = quickest({"eight": lambda: [hits(POLICIES[name], long, PLACES) for name in EIGHT]}, rounds=2)["eight"]
    yield f"{len(EIGHT)} policies × 500,000 requests", "≤ 2 s", f"{eight:.2f} s"
    popularity = zipf(10_000, 1)
    curves = quickest({"che": lambda: che.lru(popularity), "lab": lambda: fresh(ZIPF)}, rounds=20)
    yield "Che's curve of LRU, 10,000 keys", "≤ 1 ms", f"{1e3 * curves['che']:.2f} ms"
    yield "the lab's curves while dragging the skew", "≤ 5 ms", f"{1e3 * curves['lab']:.2f} ms"


def fresh(trace: str) -> object:
    """The lab's model as it is computed for a setting that was not seen before."""
    model.curves.cache_clear()
    return model.curves(trace, 1.0)


def quickest(calls: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """The least time (s) of each call over some rounds of all of them."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            gc.collect()
            started = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - started)
    return {name: min(found) for name, found in times.items()}


def speed(seconds: float) -> str:
    """Of 100,000 requests."""
    return f"{0.1 / seconds:.1f} M/s"


def by_cachetools(kind: str, keys: Sequence[int]) -> int:
    """The usual way to use its caches."""
    import cachetools

    held: Any = getattr(cachetools, kind)(PLACES)
    found = 0
    for key in keys:
        if key in held:
            found += 1
            held[key]
        else:
            held[key] = True
    return found
