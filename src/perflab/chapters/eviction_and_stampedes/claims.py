"""The claims of notebook 09, those on eviction here, each judged by what this machine has measured.

A trace that suits a policy, or a cache that is large enough for all keys, says nothing for a claim on all traces.
"""

from __future__ import annotations

import numpy as np

from perflab.chapters.eviction_and_stampedes import all_sizes_model as sizes
from perflab.chapters.eviction_and_stampedes import stampede_claims
from perflab.chapters.eviction_and_stampedes.policy_runs import (
    BELADY,
    CLOCK,
    FIFO,
    IN_LOOP,
    LFU,
    LRU,
    OPTIMUM,
    RANDOM,
    misses_at,
)
from perflab.lab import Record
from perflab.lab.claims import Claim, in_every_run, report_claims
from perflab.measure import duration, percent

Found = tuple[bool, str] | None
MORE, MAX_ERROR = 0.02, 0.02
"""So many more misses (a share of the reads) count, and a sample's error that is small."""


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims((*CLAIMS, *stampede_claims.CLAIMS))


def _lru_against_random(record: Record) -> Found:
    """Where LRU is worse it is refuted, and nothing here can show that there is no such trace."""
    found = _worse(LRU, RANDOM, record)
    return None if found is None or found[0] <= MORE else (False, found[1])


def _clock_against_lru(record: Record) -> Found:
    """Where the bit makes a difference, because FIFO alone is worse than LRU."""
    found, alone = _worse(CLOCK, LRU, record), _worse(FIFO, LRU, record)
    if found is None or (found[0] <= MORE and (alone is None or alone[0] <= MORE)):
        return None
    return found[0] <= MORE, found[1]


def _lfu_is_best(record: Record) -> Found:
    """Against the best of all policies that have run beside it, the optimum left out; as with LRU, it can only be refuted."""
    ratios = {name: ratio for name, ratio in misses_at(record).items() if name not in (LFU, OPTIMUM)}
    found = _worse(LFU, min(ratios, key=lambda name: ratios[name]), record) if ratios else None
    return None if found is None or found[0] <= MORE else (False, found[1])


def _worse(name: str, other: str, record: Record) -> tuple[float, str] | None:
    """By how much (a share of the reads) one policy misses more than another, and in words; None where one has not run."""
    found, chosen = misses_at(record), record.parameters
    if name not in found or other not in found:
        return None
    said = f"{chosen['trace']}, {chosen['capacity']:,} places: {name} misses {percent(found[name])}"
    return found[name] - found[other], f"{said}, {other} {percent(found[other])}."


def _more_places_fewer_misses(record: Record) -> Found:
    """Belady's reads speak against it, and nothing else here can."""
    if not (found := sizes.anomaly(record)):
        return None
    name = record.parameters["policy"]
    return False, f"{name} missed {found[1]} of 12 reads with {found[0]} places, {found[3]} with {found[2]}."


def _a_run_for_each(record: Record) -> Found:
    one_pass, one_run_takes = sizes.one_pass_ns(record), sizes.one_run_ns(record)
    if not np.isfinite([one_pass, one_run_takes]).all() or record.parameters["trace"] == BELADY:
        return None
    number = one_pass / one_run_takes
    return number > 1_000, f"all sizes took {duration(one_pass)}, one size {duration(one_run_takes)}."


def _a_sample_is_enough(record: Record) -> Found:
    """The raw estimates from a tenth of the keys or less; in a loop all keys are alike, so that any tenth will do."""
    off = sizes.error(record, sizes.RAW)
    if not np.isfinite(off) or record.parameters["sample"] > 10 or record.parameters["trace"] == BELADY:
        return None
    if off < MAX_ERROR and record.parameters["trace"] == IN_LOOP:
        return None
    said = f"{record.parameters['sample']:g}% of the keys: off by {100 * off:.1f} points on average."
    return off < MAX_ERROR, said


CLAIMS = (
    Claim("LRU never misses more often than evicting at random.", "what_to_evict", in_every_run(_lru_against_random)),
    Claim("FIFO with one bit (CLOCK) is no worse than LRU.", "what_to_evict", in_every_run(_clock_against_lru)),
    Claim("LFU keeps what is popular, so no other policy misses less.", "what_to_evict", in_every_run(_lfu_is_best)),
    Claim("A larger cache never misses more often.", "all_sizes", in_every_run(_more_places_fewer_misses)),
    Claim("To know the misses at every size takes a run for each.", "all_sizes", in_every_run(_a_run_for_each)),
    Claim("A tenth of the keys tells the miss ratio.", "all_sizes", in_every_run(_a_sample_is_enough)),
)
