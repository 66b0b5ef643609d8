"""Claims about reads through a cache, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perflab.chapters.caching_strategies import hit_ratio_model, restart_model
from perflab.chapters.caching_strategies.hit_ratio_model import SURE, hit_ratio, load_on_store, measured_ns, tail_text
from perflab.chapters.caching_strategies.which_cache_model import PAIRS, gained, pair_said
from perflab.lab import Record
from perflab.lab.claims import Claim, in_every_pair, in_every_run
from perflab.lab.verdict import ratio_text
from perflab.measure import count, duration, percent
from perflab.systems.servers.cached_reads import NONE
from perflab.systems.servers.real.redis import REDIS

Found = tuple[bool, str] | None
MANY_HITS = 80
HALF, NEAR_HALF, BUSY, FEW, NEAR, AT_ONCE_S = (0.33, 0.67), 0.75, 0.6, 100, 1.3, 0.5
ALIKE = 0.9


def _half_the_misses(less: Record, more: Record) -> Found:
    """While the p99 misses with either capacity, and neither is saturated. Near saturation a shorter queue halves it, too."""
    misses = [1 - hit_ratio(run) for run in (less, more)]
    is_queue = misses[1] > 1 - SURE and not hit_ratio_model.is_saturated(less)
    if not is_queue or not HALF[0] < misses[1] / misses[0] < HALF[1] or more.column("latency_ns").size <= FEW:
        return None
    p99 = [measured_ns(run)[1] for run in (less, more)]
    told = f"with {percent(misses[0])} and {percent(misses[1])} misses it was {tail_text(less)} and {tail_text(more)}."
    holds = bool(p99[1] < NEAR_HALF * p99[0])
    typical = [hit_ratio_model.typical_ns(**run.parameters)[1] for run in (less, more)]
    return None if holds and typical[1] < ALIKE * typical[0] else (holds, told)


def _without_a_queue(record: Record) -> Found:
    """At a store that is busy most of the time."""
    if load_on_store(record) < BUSY or record.column("latency_ns").size < FEW:
        return None
    told, mean = hit_ratio_model.unqueued_ns(record, hit_ratio_model.hit_ns(record)), measured_ns(record)[0]
    said = f"{duration(mean)} at a load of {percent(load_on_store(record))}; the formula says {duration(told)}."
    return (bool(mean < NEAR * told), said) if np.isfinite(told) else None


def _back_at_once(record: Record) -> Found:
    """Where nothing is done against it, and the store gets so much that it should take longer."""
    after_s, chosen = restart_model.recovery_s(record), record.parameters
    if chosen["load"] < 2 or chosen["cure"] != restart_model.NOTHING or np.isnan(after_s):
        return None
    if after_s < AT_ONCE_S and not restart_model.well_after_s(restart_model.predict(**chosen).good) > 2 * AT_ONCE_S:
        return None
    return after_s < AT_ONCE_S, f"95% of the reads were in time again after {restart_model.recovery_text(record)}."


def _faster(records: Sequence[Record]) -> tuple[bool | None, str] | None:
    """One pair of a cache and a store in which reads are slower refutes it; it holds only when they are faster in all of them."""
    faster = set()
    for run in reversed(records):
        chosen, found = run.parameters, gained(run)
        if chosen["cache"] == NONE or chosen["hits"] < MANY_HITS or found is None or not found.has_interval:
            continue
        if found.high < 1:
            return False, f"{pair_said(chosen)}: {ratio_text(found)} as many reads as without the cache."
        if found.low > 1:
            faster.add((chosen["cache"], chosen["store"]))
    if faster == {*PAIRS}:
        return True, f"with {MANY_HITS}% hits or more, reads were faster for each of the {count(len(PAIRS))} pairs."
    return (None, REDIS.why_missing()) if REDIS.find() is None and faster else None


CLAIMS = (
    Claim("Half the misses halve the p99.", "hit_ratio", in_every_pair("capacity", _half_the_misses)),
    Claim("The mean read takes h·T_c + (1 − h)·T_d.", "hit_ratio", in_every_run(_without_a_queue)),
    Claim("A cache that restarts is warm again in no time.", "restart", in_every_run(_back_at_once)),
    Claim("Memory is faster than disk, so a cache makes reads faster.", "which_cache", _faster),
)
