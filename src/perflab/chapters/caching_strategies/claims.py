"""The claims of notebook 08, each judged by what this machine has measured. All are general: one run is enough to refute them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from perflab.chapters.caching_strategies import kill_model, stale_reads_model, strategies_model
from perflab.chapters.caching_strategies.read_claims import CLAIMS as READ_CLAIMS
from perflab.chapters.caching_strategies.strategies_model import WRITE
from perflab.lab import Record, pairs
from perflab.lab.claims import Claim, in_every_run, report_claims, unless_refuted
from perflab.measure import count, duration, number, percent, percentile
from perflab.systems.caches.races import DELETE_FIRST, THROUGH, WRITE_FIRST
from perflab.systems.caches.strategies import WRITE_BEHIND, WRITE_THROUGH
from perflab.systems.servers.victim import BEHIND

Found = tuple[bool, str] | None
QUICKER, MIN_READS, MIN_KILLS, ALWAYS = 10, 100, 4, 0.99
FEW = 5
"""A run in which the model expects no more stale reads or wrong entries says nothing by having none."""


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _always_cached(record: Record) -> Found:
    """With write-through: do all reads hit, or nearly all?"""
    if record.parameters["strategy"] != WRITE_THROUGH or strategies_model.reads_of(record).size < MIN_READS:
        return None
    times, hits = strategies_model.times_a_hit(record), strategies_model.hit_ratio(record)
    return hits > ALWAYS, f"{percent(hits)} of the reads hit; the mean read took {number(times)} times a hit."


def _behind_is_quicker(records: Sequence[Record]) -> Iterator[Found]:
    for one, other in pairs(records, "strategy"):
        runs = {run.parameters["strategy"]: run for run in (one, other)}
        if {*runs} == {WRITE_BEHIND, WRITE_THROUGH} and all(run.column(WRITE).size for run in runs.values()):
            behind, through = (percentile(runs[name].column(WRITE), 0.5) for name in (WRITE_BEHIND, WRITE_THROUGH))
            told = f"a write took {duration(behind)} behind and {duration(through)} through (p50)."
            yield through > QUICKER * behind, told


def _acknowledged_is_stored(record: Record) -> Found:
    """Only writes that are acknowledged before they are stored can speak against it."""
    lost = record.column("lost")
    if record.parameters["strategy"] != BEHIND or lost.size < MIN_KILLS:
        return None
    return not lost.any(), f"{count(lost.size)} kills lost {kill_model.range_said(lost)} acknowledged writes."


def _delete_first(records: Sequence[Record]) -> Iterator[Found]:
    """Any stale read refutes it; beside it what the other order did, where that was measured."""
    for run in reversed(records):
        chosen, stale, reads = run.parameters, run.count(stale_reads_model.STALE), run.count(stale_reads_model.READS)
        if chosen["order"] != DELETE_FIRST or not (stale or reads * _expected(run).stale[DELETE_FIRST].mean > FEW):
            continue
        told = f"{percent(stale / reads)} of {count(reads)} reads were stale"
        others = (each for each in reversed(records) if each.parameters == {**chosen, "order": WRITE_FIRST})
        shares = (stale_reads_model.stale_share(each) for each in others)
        beside = next((f", {percent(share)} when the row was written first" for share in shares if share >= 0), "")
        yield not stale, f"{told}{beside}."


def _expected(record: Record) -> stale_reads_model.Expected:
    chosen = record.parameters
    return stale_reads_model.expected(chosen["store"], chosen["keys"], chosen["writers"], None, None)


def _through_is_right(record: Record) -> Found:
    """Any wrong entry refutes it; nine of ten runs have one where the low end of what is expected is above 0."""
    wrong, entries = record.count(stale_reads_model.WRONG), record.count(stale_reads_model.ENTRIES)
    if record.parameters["order"] != THROUGH:
        return None
    expected = _expected(record).wrong[THROUGH]
    if not wrong and (expected.low <= 0 or entries * expected.mean < FEW):
        return None
    return not wrong, f"{percent(wrong / entries)} of {count(entries)} entries were wrong when all had come to rest."


CLAIMS = (
    Claim("With write-through, reads are always cached.", "strategies", in_every_run(_always_cached)),
    Claim("Writing behind makes writes ten times quicker.", "strategies", unless_refuted(_behind_is_quicker)),
    Claim("What was acknowledged is stored.", "kill", in_every_run(_acknowledged_is_stored)),
    Claim(
        "Delete the entry before you write the row, and no read is stale.", "stale_reads", unless_refuted(_delete_first)
    ),
    Claim(
        "A cache into which each write goes holds what the store holds.", "stale_reads", in_every_run(_through_is_right)
    ),
    *READ_CLAIMS,
)
