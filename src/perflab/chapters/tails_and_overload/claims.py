"""The claims of notebook 07, each judged by what this machine has measured.

All are general. For one speaks only a run of which the model expects that it speaks against it.
"""

from __future__ import annotations

import numpy as np

from perflab.chapters.load import too_late
from perflab.chapters.tails_and_overload import fan_out, overload, overload_model, overload_outcomes, storm, storm_model
from perflab.chapters.tails_and_overload import fan_out_model as fan
from perflab.chapters.tails_and_overload.hockey_stick_model import (
    LOADS,
    STATISTICS,
    offered_load,
    typical_ms,
)
from perflab.lab import Record
from perflab.lab.claims import Claim, in_every_pair, in_every_run, report_claims
from perflab.measure import duration, percent

Found = tuple[bool, str] | None
MIN_REQUESTS, MORE_LOAD, MOST, FEW = 368, 1.5, 0.8, 5
SURELY, SURELY_DOWN = 1.3, 0.25
"""By how much an expected number must lie beyond the limit of a claim for a run to be able to refute it; of how many
requests an answer in time is expected at most where that is so."""


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _grows_as_the_load(calm: Record, busy: Record) -> Found:
    """Did the mean response grow no more than the load?"""
    if not (_tells(calm) and _tells(busy) and offered_load(busy) > MORE_LOAD * offered_load(calm)):
        return None
    ratio = offered_load(busy) / offered_load(calm)
    means = [STATISTICS["mean"](run.column("latency_ns")) for run in (calm, busy)]
    told = [f"{duration(mean)} at {offered_load(run):.0f}%" for mean, run in zip(means, (calm, busy), strict=True)]
    grows = means[1] >= 1.1 * ratio * means[0]
    if not grows and _typical(busy) < SURELY * ratio * _typical(calm):
        return None
    return not grows, f"the mean response was {told[0]} and {told[1]} load."


def _typical(record: Record) -> float:
    """The mean response (ms) of a typical run at the load of this one."""
    typical = typical_ms(record.parameters["kind"], record.parameters["service"])
    return float(np.interp(offered_load(record), LOADS, typical[0]))


def _mean_is_enough(record: Record) -> Found:
    if not _tells(record) or record.column("latency_ns").size < MIN_REQUESTS:
        return None
    mean, p99 = (STATISTICS[name](record.column("latency_ns")) for name in ("mean", "p99"))
    typical = typical_ms(record.parameters["kind"], record.parameters["service"])
    if p99 < 2 * mean and np.interp(offered_load(record), LOADS, typical[2] / typical[0]) < 2 * SURELY:
        return None
    told = f"at {offered_load(record):.0f}% load the mean was {duration(mean)}, and 1 request in 100 took over {duration(p99)}."
    return p99 < 2 * mean, told


def _tells(record: Record) -> bool:
    return record.column("latency_ns").size > 0 and too_late(record) is None and np.isfinite(offered_load(record))


def _pages_as_calls(record: Record) -> Found:
    """Where the workers are idle: did no more pages than calls turn out slow?"""
    slow, calls = fan.measured_pages(record, fan_out.PLAIN).slow, record.parameters["calls"]
    if calls < 5 or record.parameters["workers"] < 8 or slow.size < 10 or fan_out.too_late(record) is not None:
        return None
    if slow.mean() < 2 * fan.UNLUCKY and slow.size * fan.predict(**record.parameters).slow[0] < FEW:
        return None
    told = f"{slow.sum()} of {slow.size} pages with {calls} calls each were slow ({percent(slow.mean())})."
    return bool(slow.mean() < 2 * fan.UNLUCKY), told


def _copies_always_help(record: Record) -> Found:
    """A run in which they made more pages slow speaks against it; for it, one in which copies of all helped busy servers."""
    workers, hedges = record.parameters["workers"], record.parameters["hedges"]
    helped = 0 if fan_out.too_late(record) is not None else fan.helped(record)
    if not helped or (helped > 0 and (workers > fan_out.BUSY or hedges != fan.ALL)):
        return None
    parts = [fan.slow_text(record, part) for part in (fan_out.PLAIN, fan_out.HEDGED)]
    return helped > 0, f"with {workers} workers per server {parts[0]} pages were slow, {parts[1]} with hedges."


def _dropping_is_enough(record: Record) -> Found:
    chosen = record.parameters
    if chosen["discipline"] != overload_model.DROP_LATE or chosen["offered"] < 1.5 or overload.too_late(record):
        return None
    share = overload_outcomes.goodput(record) / overload_model.CAPACITY
    expected = np.interp(chosen["offered"], overload_model.LOADS, overload_model.predict(**chosen).goodput)
    if share > MOST and expected * SURELY > MOST * overload_model.CAPACITY:
        return None
    said = f"at {chosen['offered']:g} × capacity {percent(share)} of what the server can do was answered in time."
    return share > MOST, said


def _recovers(record: Record) -> Found:
    """Where clients try again, and the server does nothing about it: is it up again at the end of the run?"""
    return _is_up(record) if record.parameters["retries"] in (storm_model.ONCE, storm_model.AT_ONCE) else None


def _jitter_prevents(record: Record) -> Found:
    return _is_up(record) if record.parameters["retries"] == storm_model.JITTER else None


def _is_up(record: Record) -> Found:
    """Where retries could have kept the server down."""
    good, chosen = storm_model.good_at_the_end(record), record.parameters
    if not np.isfinite(good) or not chosen["stall"] or chosen["cure"] != storm_model.NOTHING or storm.too_late(record):
        return None
    up, in_part = good > storm_model.RECOVERED, storm_model.DOWN < good <= storm_model.RECOVERED
    if in_part or (up and not _could_stay_down(record)):
        return None
    after = f"long after a stall of {chosen['stall']:g} s"
    said = f"at {chosen['load']}% load, {after}, {percent(good)} of the requests were answered in time."
    return up, said


def _could_stay_down(record: Record) -> bool:
    """What the condition says, and the model of such a run."""
    chosen = record.parameters
    at_the_end = storm_model.predict(**chosen).good[storm_model.BINS > storm_model.RUN_S - storm_model.END_S]
    is_low = at_the_end.mean() < SURELY_DOWN * chosen["load"] / 100 * storm_model.CAPACITY
    return bool(storm_model.is_predicted_down(chosen) and is_low)


CLAIMS = (
    Claim("The response time grows as the load does.", "hockey_stick", in_every_pair("load", _grows_as_the_load)),
    Claim(
        "The mean says how long requests take: hardly any takes twice as long.",
        "hockey_stick",
        in_every_run(_mean_is_enough),
    ),
    Claim("If 1 call in 100 is slow, so is 1 page in 100.", "fan_out", in_every_run(_pages_as_calls)),
    Claim("A second copy of late calls makes pages faster.", "fan_out", in_every_run(_copies_always_help)),
    Claim("A server that drops what is late wastes no work.", "overload", in_every_run(_dropping_is_enough)),
    Claim("When the cause of a failure has gone, the server recovers.", "storm", in_every_run(_recovers)),
    Claim("Pauses with jitter prevent retry storms.", "storm", in_every_run(_jitter_prevents)),
)
