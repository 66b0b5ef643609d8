"""How far the numbers of a run's queue lie apart from run to run: of a record, found once."""

from __future__ import annotations

from functools import lru_cache

from perflab.lab import Record
from perflab.measure.summary import Spread
from perflab.theory.resample import spread

QUEUE = ("arrived_ns", "started_ns", "done_ns")


@lru_cache(maxsize=16)
def spread_of(record: Record) -> Spread | None:
    """By the recorded arrivals and services. None while the run goes on, and where its queue does not explain its times."""
    columns = [record.column(name) for name in QUEUE]
    if record.status == "running" or not columns[0].size == columns[1].size == columns[2].size:
        return None
    return spread(*columns, seed=record.seed)
