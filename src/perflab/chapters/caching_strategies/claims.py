"""The claims of notebook 08, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perflab.chapters.caching_strategies import kill_model, stale_reads_model, strategies_model
from perflab.chapters.caching_strategies.read_claims import CLAIMS as READ_CLAIMS
from perflab.chapters.caching_strategies.strategies_model import WRITE
from perflab.lab import Record, one_run, pairs
from perflab.lab.claims import Claim, report_claims
from perflab.measure import count, duration, number, percent, percentile
from perflab.systems.caches.races import DELETE_FIRST, THROUGH, WRITE_FIRST
from perflab.systems.caches.strategies import WRITE_BEHIND, WRITE_THROUGH
from perflab.systems.servers.victim import BEHIND

Found = tuple[bool, str] | None
QUICKER, MIN_READS, MIN_KILLS = 10, 100, 4


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _always_cached(record: Record) -> Found:
    """With write-through: do reads take about as long as a hit?"""
    reads = strategies_model.reads_of(record)
    if record.parameters["strategy"] != WRITE_THROUGH or reads.size < MIN_READS:
        return None
    times, hits = strategies_model.times_a_hit(record), strategies_model.hit_ratio(record)
    return bool(times < 2), f"{percent(hits)} of the reads hit; the mean read took {number(times)} times a hit."


def _behind_is_quicker(records: Sequence[Record]) -> Found:
    for one, other in pairs(records, "strategy"):
        runs = {run.parameters["strategy"]: run for run in (one, other)}
        if {*runs} == {WRITE_BEHIND, WRITE_THROUGH} and all(run.column(WRITE).size for run in runs.values()):
            behind, through = (percentile(runs[name].column(WRITE), 0.5) for name in (WRITE_BEHIND, WRITE_THROUGH))
            told = f"a write took {duration(behind)} behind and {duration(through)} through (p50)."
            return through > QUICKER * behind, told
    return None


def _acknowledged_is_stored(record: Record) -> Found:
    """Only writes that are acknowledged before they are stored can speak against it."""
    lost = record.column("lost")
    if record.parameters["strategy"] != BEHIND or lost.size < MIN_KILLS:
        return None
    return not lost.any(), f"{count(lost.size)} kills lost {kill_model.range_said(lost)} acknowledged writes."


def _delete_first(records: Sequence[Record]) -> Found:
    """Of two runs that were measured in turns."""
    for one, other in pairs(records, "order"):
        runs = {run.parameters["order"]: run for run in (one, other)}
        if {*runs} == {DELETE_FIRST, WRITE_FIRST}:
            more = stale_reads_model.more_stale(runs[DELETE_FIRST], runs[WRITE_FIRST])
            if more is not None:
                shares = [percent(stale_reads_model.stale_share(runs[name])) for name in (DELETE_FIRST, WRITE_FIRST)]
                return not more, f"{shares[0]} of the reads were stale, {shares[1]} when the row was written first."
    return None


def _through_is_right(record: Record) -> Found:
    """With several writers of a key."""
    chosen, wrong = record.parameters, stale_reads_model.wrong_share(record)
    if chosen["order"] != THROUGH or chosen["writers"] < 2 or chosen["keys"] > 10 or not np.isfinite(wrong):
        return None
    return not wrong, f"{percent(wrong)} of the entries were wrong when all had come to rest."


CLAIMS = (
    Claim("With write-through, reads are always cached.", "strategies", one_run(_always_cached)),
    Claim("Writing behind makes writes ten times quicker.", "strategies", _behind_is_quicker),
    Claim("What was acknowledged is stored.", "kill", one_run(_acknowledged_is_stored)),
    Claim("Delete the entry before you write the row, and no read is stale.", "stale_reads", _delete_first),
    Claim("A cache into which each write goes holds what the store holds.", "stale_reads", one_run(_through_is_right)),
    *READ_CLAIMS,
)
