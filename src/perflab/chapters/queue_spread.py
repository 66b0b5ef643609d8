"""How far the numbers of a run's queue lie apart from run to run: of a record, found once."""

from __future__ import annotations

from functools import lru_cache

from perflab.lab import Record
from perflab.measure.summary import Spread
from perflab.theory.resample import spread


@lru_cache(maxsize=16)
def spread_of(record: Record) -> Spread | None:
    """By the recorded arrivals and services. None while the run goes on, and where its queue does not explain its times."""
    arrived, started, done = (record.column(name) for name in ("arrived_ns", "started_ns", "done_ns"))
    if record.status == "running" or not arrived.size == started.size == done.size:
        return None
    return spread(arrived, started, done, seed=record.seed)
