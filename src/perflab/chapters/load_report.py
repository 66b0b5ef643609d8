"""What labs with an open loop report of it: the rate it held, how late it was, what failed, and their queue replayed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from perflab.lab import Record, Verdict
from perflab.measure.percentiles import percentile
from perflab.measure.units import count, duration, percent
from perflab.theory.replay import Replay, replay

Row = tuple[str, ...]
REPLAYED = "the queue replayed, mean"
QUEUE = ("arrived_ns", "started_ns", "done_ns")
PARTS = "mean response: to the server and back; in line; for the lock or loop; at work"
WORTH_SAYING_NS = 1e6
IMPOSSIBLE = 1.15
SAID_SHARE, MEAN_SHARE, TAIL_SHARE = 0.1, 0.25, 0.5
NOT_SHOWN = "not shown: sent too late"
TIMES = re.compile("response|time inside")


def too_slow(record: Record, most_late_ns: float) -> Verdict | None:
    """That nothing can be said of a run whose requests were sent too late (p99); None where they were not."""
    late_ns = _late_ns(record)
    if late_ns <= most_late_ns:
        return None
    return Verdict(
        f"Generator too slow: requests were sent {duration(late_ns)} too late (p99). Ask for less.", "invalid"
    )


def too_late(record: Record) -> Verdict | None:
    """That times are not worth showing, because much of them is lateness: above a millisecond at p99, and there more than half of
    the p99 of the responses, or on average more than a quarter of their mean.
    """
    times, lateness = record.column("latency_ns"), record.column("lateness_ns")
    if not times.size or not lateness.size or lateness.mean() > MEAN_SHARE * times.mean():
        return too_slow(record, WORTH_SAYING_NS)
    return too_slow(record, max(WORTH_SAYING_NS, TAIL_SHARE * percentile(times, 0.99)))


def is_impossible(per_s: float, most_per_s: float) -> bool:
    """Whether more was done than can be: a server weighs its milliseconds of computing at its start; machines change speed."""
    return per_s > IMPOSSIBLE * most_per_s


def impossible(said: str, most_per_s: float) -> Verdict:
    """What is said of such a run."""
    reason = f"more than the limit of {count(most_per_s)}/s: the machine has changed its speed"
    return Verdict(f"{said}, {reason}. Do not trust this run.", "invalid")


def mean_response_ns(record: Record) -> float:
    """Mean response of those who were served (ns); NaN without any, or where the generator was too slow to tell."""
    times = record.column("latency_ns")
    return float(times.mean()) if times.size and too_late(record) is None else float("nan")


def lateness_said(record: Record) -> str:
    """A sentence on lateness above a tenth of the mean response and a millisecond; empty where it is less."""
    late_ns = _late_ns(record)
    times = record.column("latency_ns")
    if late_ns <= max(WORTH_SAYING_NS, SAID_SHARE * float(times.mean()) if times.size else 0.0):
        return ""
    return f" The generator sent requests up to {duration(late_ns)} too late (p99); the times include that."


def without_times(rows: Sequence[Row], runs: Sequence[Record]) -> list[Row]:
    """The rows of a table, a column for each run, without the times of those whose generator was too slow to tell them."""
    late = [too_late(run) is not None for run in runs]
    return [
        (name, *(NOT_SHOWN if hide and TIMES.search(name) else cell for cell, hide in zip(cells, late, strict=True)))
        for name, *cells in rows
    ]


def failures_said(record: Record) -> str:
    """A sentence on requests that failed; empty where none did."""
    return f" {count(record.count('failures'))} failed." if record.count("failures") else ""


def came_per_s(record: Record, asked_s: float | None = None) -> float:
    """Requests per second that came, which by chance are not as many as the slider says; NaN before any time has passed.

    `asked_s` is the time in which they came, where it is not the whole run.
    """
    return _per_s(record, "came_s", asked_s)


def per_s_since(record: Record, column: str, since_s: float) -> float:
    """Moments (s) of a column per second of the run from `since_s` on; NaN before."""
    seconds = float(record.fact("elapsed_s", 0.0)) - since_s
    return np.count_nonzero(record.column(column) > since_s) / seconds if seconds > 0 else float("nan")


def load_rows(runs: Sequence[Record], asked_s: float | None = None) -> list[Row]:
    """Rows of a table with a column for each run; `asked_s` is the time in which requests came, if not the whole run."""
    return [
        (
            "failed; not sent (generator's connections all in use)",
            *(f"{count(run.count('failures'))}; {count(run.count('dropped'))}" for run in runs),
        ),
        ("due; sent per second", *(_rates(run, asked_s) for run in runs)),
        ("generator's lateness, p99", *(_lateness(run) for run in runs)),
    ]


def replayed(record: Record, servers: int) -> Replay | None:
    """The queue replayed with the service times that the server told; None while nobody was served."""
    came, began, went = (record.column(name) for name in QUEUE)
    return replay(came, began, went, servers) if came.size else None


def replayed_each(record: Record, servers: int = 1, prefix: str = "") -> Replay | None:
    """As `replayed`, the queue in front of each "server" for itself, and the means over all requests; `prefix` of the columns."""
    by, *times = (record.column(f"{prefix}{name}") for name in ("server", *QUEUE))
    if not by.size:
        return None
    came, began, went = times
    groups = [by == server for server in np.unique(by)]
    found = [replay(came[group], began[group], went[group], servers) for group in groups]
    sizes = [int(group.sum()) for group in groups]
    measured, again = (
        float(np.average([getattr(each, name) for each in found], weights=sizes)) for name in ("measured", "replayed")
    )
    return Replay(measured, again)


def replay_row(found: Sequence[Replay | None]) -> Row:
    """The row of a table with the replays of its runs."""
    return (REPLAYED, *(_replay_text(each) for each in found))


def parts_row(runs: Sequence[Record]) -> Row:
    """The row of a table with what the mean response of those who were served consists of.

    The way is all that is not in the server: sent too late, not yet read, not yet answered. Then in line for a worker; with one
    that waits for the interpreter's lock or the event loop, and with one at work: these two hold it.
    """
    return (PARTS, *(_parts_text(run) for run in runs))


def _parts_text(record: Record) -> str:
    if not record.column("latency_ns").size:
        return ""
    moments = [record.column(name) for name in ("arrived_ns", "started_ns", "begun_ns", "done_ns")]
    inside = [float(np.mean(after - before)) for before, after in pairwise(moments)]
    return "; ".join(duration(part) for part in (float(record.column("latency_ns").mean()) - sum(inside), *inside))


def _replay_text(found: Replay | None) -> str:
    if found is None:
        return ""
    return f"{duration(found.replayed)}, measured {duration(found.measured)}: {percent(found.deviation)} apart"


def _per_s(record: Record, column: str, asked_s: float | None) -> float:
    elapsed_s = float(record.fact("elapsed_s", 0.0))
    seconds = elapsed_s if asked_s is None else min(asked_s, elapsed_s)
    return record.column(column).size / seconds if seconds else float("nan")


def _rates(record: Record, asked_s: float | None) -> str:
    if not record.fact("elapsed_s", 0.0):
        return ""
    return "; ".join(count(_per_s(record, name, asked_s)) for name in ("came_s", "lateness_ns"))


def _lateness(record: Record) -> str:
    return duration(_late_ns(record)) if record.column("lateness_ns").size else ""


def _late_ns(record: Record) -> float:
    """p99 of the lateness; 0 before anything was sent."""
    lateness = record.column("lateness_ns")
    return percentile(lateness, 0.99) if lateness.size else 0.0
