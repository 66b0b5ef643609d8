"""What may be said of a run under open load: were requests sent in time, and could the servers keep up?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from perflab.chapters.load_report import too_slow
from perflab.lab import Record, Verdict
from perflab.measure.percentiles import percentile
from perflab.measure.units import duration

WORTH_SAYING_NS = 1e6
LATE_SHARE = 0.5
SURE = 3.0
"""Standard deviations that a backlog has to grow by, so that chance is out of the question."""


def too_late(record: Record) -> Verdict | None:
    """That times are not worth showing: p99 of the lateness above half of the mean response, and above a millisecond."""
    times = record.column("latency_ns")
    return too_slow(record, max(WORTH_SAYING_NS, LATE_SHARE * float(times.mean()) if times.size else 0.0))


def lateness_said(record: Record) -> str:
    """A sentence on lateness that is worth saying; empty where requests were sent within a millisecond."""
    lateness = record.column("lateness_ns")
    if not lateness.size or (late := percentile(lateness, 0.99)) <= WORTH_SAYING_NS:
        return ""
    return f" The generator sent requests up to {duration(late)} too late (p99); the times include that."


def falls_behind(record: Record, offered_per_s: float, capacity_per_s: float, servers: int) -> bool:
    """More is offered than the servers can do, and some do wait; or their backlog grew by more than chance explains."""
    came, gone = record.column("came_s"), np.concatenate([record.column("done_s"), record.column("failed_s")])
    if offered_per_s > capacity_per_s:
        return came.size - gone.size > servers
    return grows(came, gone, record.fact("elapsed_s", 0.0))


def grows(came_s: ArrayLike, gone_s: ArrayLike, until_s: float) -> bool:
    """More came than went in the second half of the run, by `SURE` standard deviations of two Poisson counts."""
    came, gone = (int((np.asarray(moments) > until_s / 2).sum()) for moments in (came_s, gone_s))
    return came - gone > SURE * np.sqrt(came + gone)
