"""The claims of notebook 07, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perflab.chapters.load import too_late
from perflab.chapters.tails_and_overload import fan_out, overload, overload_model, storm, storm_model
from perflab.chapters.tails_and_overload import fan_out_model as fan
from perflab.chapters.tails_and_overload.hockey_stick_model import STATISTICS, offered_load
from perflab.lab import Record, one_run, pairs
from perflab.lab.claims import Claim, report_claims
from perflab.measure import duration, percent

Found = tuple[bool, str] | None
MIN_REQUESTS, MORE_LOAD, MOST = 368, 1.5, 0.8


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _grows_as_the_load(records: Sequence[Record]) -> Found:
    """The pair of runs whose loads are farthest apart: did the mean response grow no more than the load?"""
    found = [
        (offered_load(busy) / offered_load(calm), calm, busy)
        for calm, busy in pairs(records, "load")
        if _tells(calm) and _tells(busy) and offered_load(busy) > MORE_LOAD * offered_load(calm)
    ]
    if not found:
        return None
    ratio, calm, busy = max(found, key=lambda each: each[0])
    means = [STATISTICS["mean"](run.column("latency_ns")) for run in (calm, busy)]
    told = [f"{duration(mean)} at {offered_load(run):.0f}%" for mean, run in zip(means, (calm, busy), strict=True)]
    return means[1] < 1.1 * ratio * means[0], f"the mean response was {told[0]} and {told[1]} load."


def _mean_is_enough(record: Record) -> Found:
    if not _tells(record) or record.column("latency_ns").size < MIN_REQUESTS:
        return None
    mean, p99 = (STATISTICS[name](record.column("latency_ns")) for name in ("mean", "p99"))
    told = f"at {offered_load(record):.0f}% load the mean was {duration(mean)}, and 1 request in 100 took over {duration(p99)}."
    return p99 < 2 * mean, told


def _tells(record: Record) -> bool:
    return record.column("latency_ns").size > 0 and too_late(record) is None and np.isfinite(offered_load(record))


def _pages_as_calls(record: Record) -> Found:
    """Where the workers are idle: did no more pages than calls turn out slow?"""
    slow, calls = fan.measured_pages(record, fan_out.PLAIN).slow, record.parameters["calls"]
    if calls < 5 or record.parameters["workers"] < 8 or slow.size < 10 or fan_out.too_late(record) is not None:
        return None
    told = f"{slow.sum()} of {slow.size} pages with {calls} calls each were slow ({percent(slow.mean())})."
    return bool(slow.mean() < 2 * fan.UNLUCKY), told


def _copies_always_help(records: Sequence[Record]) -> Found:
    """A run in which they made more pages slow speaks against it; for it, one in which they helped busy servers."""
    told = [run for run in reversed(records) if fan_out.too_late(run) is None and fan.helped(run)]
    for run in told:
        busy = run.parameters["workers"] <= fan_out.BUSY
        if fan.helped(run) < 0 or busy:
            parts = [fan.slow_text(run, part) for part in (fan_out.PLAIN, fan_out.HEDGED)]
            said = f"with {run.parameters['workers']} workers per server {parts[0]} pages were slow, {parts[1]} with hedges."
            return fan.helped(run) > 0, said
    return None


def _dropping_is_enough(record: Record) -> Found:
    chosen = record.parameters
    if chosen["discipline"] != overload_model.DROP_LATE or chosen["offered"] < 1.5 or overload.too_late(record):
        return None
    share = overload_model.goodput(record) / overload_model.CAPACITY
    said = f"at {chosen['offered']:g} × capacity {percent(share)} of what the server can do was answered in time."
    return share > MOST, said


def _recovers(record: Record) -> Found:
    """Where clients try again, and the server does nothing about it: is it up again at the end of the run?"""
    return _is_up(record) if record.parameters["retries"] in (storm_model.ONCE, storm_model.AT_ONCE) else None


def _jitter_prevents(record: Record) -> Found:
    """At a load at which retries could keep the server down."""
    is_asked = record.parameters["retries"] == storm_model.JITTER and storm_model.is_predicted_down(record.parameters)
    return _is_up(record) if is_asked else None


def _is_up(record: Record) -> Found:
    good, chosen = storm_model.good_at_the_end(record), record.parameters
    if not np.isfinite(good) or not chosen["stall"] or chosen["cure"] != storm_model.NOTHING or storm.too_late(record):
        return None
    after = f"long after a stall of {chosen['stall']:g} s"
    said = f"at {chosen['load']}% load, {after}, {percent(good)} of the requests were answered in time."
    return good > MOST, said


CLAIMS = (
    Claim("The response time grows as the load does.", "hockey_stick", _grows_as_the_load),
    Claim(
        "The mean says how long requests take: hardly any takes twice as long.",
        "hockey_stick",
        one_run(_mean_is_enough),
    ),
    Claim("If 1 call in 100 is slow, so is 1 page in 100.", "fan_out", one_run(_pages_as_calls)),
    Claim("A second copy of late calls makes pages faster.", "fan_out", _copies_always_help),
    Claim("A server that drops what is late wastes no work.", "overload", one_run(_dropping_is_enough)),
    Claim("When the cause of a failure has gone, the server recovers.", "storm", one_run(_recovers)),
    Claim("Pauses with jitter prevent retry storms.", "storm", one_run(_jitter_prevents)),
)
