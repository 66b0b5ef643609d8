"""The claims of notebook 09, those on eviction here, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perflab.chapters.eviction_and_stampedes import all_sizes_model as sizes
from perflab.chapters.eviction_and_stampedes import stampede_claims
from perflab.chapters.eviction_and_stampedes.policy_runs import BELADY, CLOCK, LFU, LRU, OPTIMUM, RANDOM, misses_at
from perflab.lab import Record, one_run
from perflab.lab.claims import Claim, report_claims
from perflab.measure import duration, percent

Found = tuple[bool, str] | None
MORE, MAX_ERROR = 0.02, 0.02
"""So many more misses (a share of the reads) count, and a sample's error that is small."""


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims((*CLAIMS, *stampede_claims.CLAIMS))


def _never_worse(name: str, other: str, records: Sequence[Record]) -> Found:
    """Whether one policy misses no more than another wherever both have run; a run that speaks against it counts first."""
    told = []
    for record in records:
        found = misses_at(record)
        if name in found and other in found:
            worse_by = found[name] - found[other]
            places = f"{record.parameters['trace']}, {record.parameters['capacity']:,} places"
            told.append((worse_by, f"{places}: {name} misses {percent(found[name])}, {other} {percent(found[other])}."))
    if not told:
        return None
    worse_by, said = max(told)
    return worse_by <= MORE, said


def _lru_against_random(records: Sequence[Record]) -> Found:
    return _never_worse(LRU, RANDOM, records)


def _clock_against_lru(records: Sequence[Record]) -> Found:
    return _never_worse(CLOCK, LRU, records)


def _lfu_is_best(records: Sequence[Record]) -> Found:
    """Against the best of all policies that have run beside it, the optimum left out."""
    told = []
    for record in records:
        found = {name: ratio for name, ratio in misses_at(record).items() if name != OPTIMUM}
        if LFU in found and len(found) > 1:
            best = min(found, key=lambda name: found[name])
            said = f"{record.parameters['trace']}: LFU misses {percent(found[LFU])}, {best} {percent(found[best])}."
            told.append((found[LFU] - found[best], said))
    if not told:
        return None
    worse_by, said = max(told)
    return worse_by <= MORE, said


def _more_places_fewer_misses(records: Sequence[Record]) -> Found:
    """Belady's reads speak against it, and nothing else here can."""
    for record in reversed(records):
        if found := sizes.anomaly(record):
            name = record.parameters["policy"]
            return False, f"{name} missed {found[1]} of 12 reads with {found[0]} places, {found[3]} with {found[2]}."
    return None


def _a_run_for_each(record: Record) -> Found:
    one_pass, one_run_takes = sizes.one_pass_ns(record), sizes.one_run_ns(record)
    if not np.isfinite([one_pass, one_run_takes]).all() or record.parameters["trace"] == BELADY:
        return None
    number = one_pass / one_run_takes
    return number > 1_000, f"all sizes took {duration(one_pass)}, one size {duration(one_run_takes)}."


def _a_sample_is_enough(record: Record) -> Found:
    """The raw estimates from a tenth of the keys or less."""
    off = sizes.error(record, sizes.RAW)
    if not np.isfinite(off) or record.parameters["sample"] > 10 or record.parameters["trace"] == BELADY:
        return None
    said = f"{record.parameters['sample']:g}% of the keys: off by {100 * off:.1f} points on average."
    return off < MAX_ERROR, said


CLAIMS = (
    Claim("LRU never misses more often than evicting at random.", "what_to_evict", _lru_against_random),
    Claim("FIFO with one bit (CLOCK) is no worse than LRU.", "what_to_evict", _clock_against_lru),
    Claim("LFU keeps what is popular, so no other policy misses less.", "what_to_evict", _lfu_is_best),
    Claim("A larger cache never misses more often.", "all_sizes", _more_places_fewer_misses),
    Claim("To know the misses at every size takes a run for each.", "all_sizes", one_run(_a_run_for_each)),
    Claim("A tenth of the keys tells the miss ratio.", "all_sizes", one_run(_a_sample_is_enough)),
)
