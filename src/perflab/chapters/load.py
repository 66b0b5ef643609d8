"""A loaded run, read once: rates, response times, lateness, failures, and the queue replayed. Guards and rows made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.chapters.load_moments import QUEUE as QUEUE
from perflab.chapters.load_moments import Number, number_of
from perflab.chapters.load_moments import moments as moments
from perflab.chapters.queue_spread import spread_of
from perflab.lab import Record, Verdict
from perflab.lab.verdict import INVALID, LATENCY, estimate_text
from perflab.measure.percentiles import percentile
from perflab.measure.summary import Summary, percentile_name, summarise
from perflab.measure.units import count, duration, percent
from perflab.theory.replay import Replay, replay

Row = tuple[str, Callable[[Record], str]]
Guard = Callable[[Record], Verdict | None]

WORTH_SAYING_NS, SAID_SHARE, MEAN_SHARE, TAIL_SHARE = 1e6, 0.1, 0.25, 0.5
IMPOSSIBLE = 1.15
SURE = 3.0  # standard deviations by which a backlog must grow to rule out chance
NOT_SHOWN = "not shown: sent too late"
STAGES = ("arrived_ns", "started_ns", "begun_ns", "done_ns")


@dataclass(frozen=True)
class Load:
    """What a record of a loaded run says, each thing computed once. NaN for rates before any time has passed.

    Rates count from `since_s` on (a warm-up); those of arrivals up to `asked_s`, where requests are not due in all of the run.
    """

    record: Record
    since_s: float = 0.0
    asked_s: float = np.inf

    @cached_property
    def elapsed_s(self) -> float:
        """Seconds of the run so far."""
        return float(self.record.fact("elapsed_s", 0.0))

    @cached_property
    def response(self) -> NDArray[Any]:
        """Response times (ns) of requests that succeeded, counted from when they were due."""
        return self.record.column(LATENCY)

    @cached_property
    def summary(self) -> Summary:
        """Mean and percentiles of the responses, of which there must be one, with the intervals of a queue."""
        return summarise(self.response, self.failures, queued=True, spread=spread_of(self.record))

    @cached_property
    def offered_per_s(self) -> float:
        """Requests due per second, which scatter around the slider's rate."""
        return self._per_s("arrived_s", min(self.asked_s, self.elapsed_s))

    @cached_property
    def throughput_per_s(self) -> float:
        """Requests that succeeded per second, by when the client had the reply."""
        return self._per_s("completed_s", self.elapsed_s)

    @cached_property
    def lateness_p99_ns(self) -> float:
        """How late requests were sent; 0 before any was."""
        lateness = self.record.column("lateness_ns")
        return percentile(lateness, 0.99) if lateness.size else 0.0

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet answered when the run ended."""
        return int(self.record.fact("in_flight", 0))

    @property
    def failures(self) -> int:
        """Requests that failed; those that were rejected or not sent are counted apart."""
        return self.record.count("failures")

    @property
    def not_sent(self) -> int:
        """Requests for which the generator had no free connection."""
        return self.record.count("not_sent")

    def replay(self, servers: int = 1, prefix: str = "") -> Replay | None:
        """The queue replayed with the recorded arrivals and services; None before any request was served.

        Where a column "server" names the server of each request, each has a queue of its own, and the means are over all
        requests. `prefix` stands before the columns' names.
        """
        arrived, started, done = (self.record.column(f"{prefix}{name}") for name in QUEUE)
        if not arrived.size:
            return None
        by = self.record.column(f"{prefix}server")
        groups = [by == server for server in np.unique(by)] or [np.full(arrived.size, True)]
        found = [replay(arrived[group], started[group], done[group], servers) for group in groups]
        means = np.average([(each.measured, each.replayed) for each in found], 0, [group.sum() for group in groups])
        return Replay(float(means[0]), float(means[1]))

    def _per_s(self, column: str, until_s: float) -> float:
        seconds, moments = until_s - self.since_s, self.record.column(column)
        number = np.count_nonzero(moments > self.since_s) if self.since_s else moments.size
        return number / seconds if seconds > 0 else float("nan")


def too_late(record: Record, limit_ns: float | None = None) -> Verdict | None:
    """A guard: the run says nothing, because requests were sent too late.

    The p99 of the lateness may be a millisecond, or half of the p99 of the responses where that is more; its mean may be a
    quarter of the mean response. `limit_ns` is another bound of the p99, for a lab that shows something else than responses.
    """
    late_ns = Load(record).lateness_p99_ns
    if late_ns <= (_max_late_ns(record) if limit_ns is None else limit_ns):
        return None
    said = f"Generator too slow: requests were sent {duration(late_ns)} too late (p99). Choose a lower rate."
    return Verdict(said, INVALID)


def _max_late_ns(record: Record) -> float:
    times, lateness = record.column(LATENCY), record.column("lateness_ns")
    if not times.size or not lateness.size or lateness.mean() > MEAN_SHARE * times.mean():
        return WORTH_SAYING_NS
    return max(WORTH_SAYING_NS, TAIL_SHARE * percentile(times, 0.99))


def is_impossible(per_s: float, limit_per_s: float) -> bool:
    """Whether more was done than can be: a server calibrates its computing once, when it starts; machines change speed."""
    return per_s > IMPOSSIBLE * limit_per_s


def impossible(limit_per_s: Number, done_per_s: Number = lambda record: Load(record).throughput_per_s) -> Guard:
    """A guard: more was done (requests per second) than the limit, so the machine's speed has changed."""

    def guard(record: Record) -> Verdict | None:
        done, limit = number_of(done_per_s, record), number_of(limit_per_s, record)
        if not is_impossible(done, limit):
            return None
        said = f"{count(done)} requests/s is more than the limit of {count(limit)}/s: the machine has changed its speed"
        return Verdict(f"{said}. Do not trust this run.", INVALID)

    return guard


def falls_behind(record: Record, offered_per_s: float, capacity_per_s: float, servers: int) -> bool:
    """More is offered than the servers can do, and requests wait; or their backlog grew by more than chance explains."""
    arrived, gone = record.column("arrived_s"), np.append(record.column("completed_s"), record.column("failed_s"))
    if offered_per_s > capacity_per_s:
        return arrived.size - gone.size > servers
    return grows(arrived, gone, Load(record).elapsed_s)


def grows(arrived_s: ArrayLike, gone_s: ArrayLike, until_s: float) -> bool:
    """More requests arrived than left in the second half of the run, by `SURE` standard deviations of two Poisson counts."""
    arrived, gone = (int((np.asarray(moments) > until_s / 2).sum()) for moments in (arrived_s, gone_s))
    return arrived - gone > SURE * np.sqrt(arrived + gone)


def mean_response_ns(record: Record) -> float:
    """Mean response (ns) of requests that succeeded; NaN without any, or where they were sent too late to tell."""
    times = record.column(LATENCY)
    return float(times.mean()) if times.size and too_late(record) is None else float("nan")


def lateness_said(record: Record) -> str:
    """A sentence on lateness above a tenth of the mean response and a millisecond; empty where it is less."""
    late_ns, times = Load(record).lateness_p99_ns, record.column(LATENCY)
    if late_ns <= max(WORTH_SAYING_NS, SAID_SHARE * float(times.mean()) if times.size else 0.0):
        return ""
    return f" The generator sent requests up to {duration(late_ns)} too late (p99); the times include that."


def failures_said(record: Record) -> str:
    """A sentence on requests that failed; empty where none did."""
    return f" {count(record.count('failures'))} failed." if record.count("failures") else ""


def time_row(name: str, text: Callable[[Load], str]) -> Row:
    """A row of times, which are not shown where much of them is lateness; empty before any request was answered."""

    def cell(record: Record) -> str:
        if not record.column(LATENCY).size:
            return ""
        return text(Load(record)) if too_late(record) is None else NOT_SHOWN

    return name, cell


def percentile_row(share: float) -> Row:
    """A percentile of the response times, with its interval."""
    return time_row(f"response time, {percentile_name(share)}", lambda it: estimate_text(it.summary.percentiles[share]))


def replayed(servers: Number = 1) -> Row:
    """The queue replayed with so many servers (each server's own, where there are several)."""
    return "queue replayed, mean", lambda record: replay_text(Load(record).replay(int(number_of(servers, record))))


def replay_text(found: Replay | None) -> str:
    """The replay beside the measurement; empty without one."""
    if found is None:
        return ""
    return f"{duration(found.replayed)}, measured {duration(found.measured)}: {percent(found.deviation)} apart"


def sent(asked_s: float = np.inf) -> Row:
    """Requests due and sent per second of the time in which requests were due, up to `asked_s`."""

    def cell(record: Record) -> str:
        load = Load(record, asked_s=asked_s)
        sent_per_s = record.column("lateness_ns").size / (min(asked_s, load.elapsed_s) or np.nan)
        return f"{count(load.offered_per_s)}; {count(sent_per_s)}" if load.elapsed_s else ""

    return "due; sent per second", cell


def _parts(load: Load) -> str:
    moments = [load.record.column(name) for name in STAGES]
    inside = [float(np.mean(b - a)) for a, b in pairwise(moments) if all(each.size for each in moments)]
    return "; ".join(map(duration, (float(load.response.mean()) - sum(inside), *inside))) if inside else ""


MEAN = time_row("mean response", lambda load: duration(load.summary.mean.value))
P50, P95, P99 = (percentile_row(share) for share in (0.5, 0.95, 0.99))
IN_FLIGHT: Row = ("in flight at the end", lambda record: count(Load(record).in_flight))
FAILED: Row = (
    "failed; not sent (all connections of the generator in use)",
    lambda record: f"{count(Load(record).failures)}; {count(Load(record).not_sent)}",
)
LATENESS: Row = ("generator's lateness, p99", lambda record: duration(Load(record).lateness_p99_ns))
PARTS = time_row("mean response: to the server and back; in the queue; waiting for GIL or event loop; at work", _parts)
"""The first is all that is not in the server: sent too late, not yet read, not yet answered. The last two hold a worker."""


def trust(servers: Number = 1, asked_s: float = np.inf) -> tuple[Row, ...]:
    """Rows that only tell how far a run can be trusted; `servers` and `asked_s` as in `replayed` and `sent`."""
    return PARTS, replayed(servers), sent(asked_s), LATENESS


TRUST = trust()
