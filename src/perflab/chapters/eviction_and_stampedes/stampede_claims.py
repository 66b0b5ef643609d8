"""The claims of notebook 09 on stampedes and times to live, each judged by what this machine has measured.

All are general. For one speaks only a run of which theory expects that it speaks against it; a saturated store decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from perflab.chapters.eviction_and_stampedes import expiry_model as expiry
from perflab.chapters.eviction_and_stampedes import stampede_model as stampede
from perflab.lab import Record
from perflab.lab.claims import Claim, in_every_run, unless_refuted
from perflab.measure import count, duration
from perflab.theory.stampede import computations_early_of

Found = tuple[bool, str] | None
ABOUT_ONCE, FEWER, MUCH = 1.3, 0.85, 1.5
MORE_QUERIES, EXPIRIES = 6, 4
"""So many more queries than once are expected of a run that could refute it; so often an entry has to expire in a run."""
SURELY = 1.3
"""By how much an expected number must lie beyond the limit of a claim for a run to be able to refute it."""


def _computed_once(record: Record) -> Found:
    """With λ reads per second at least 1 + λ D are computed on average, if a query takes D."""
    chosen = record.parameters
    expected = 1 + chosen["rate"] * chosen["query"] / 1e3
    return _about_once(record, expected) if chosen["cure"] == stampede.NONE else None


def _xfetch_once(record: Record) -> Found:
    chosen = record.parameters
    if chosen["cure"] != stampede.XFETCH:
        return None
    mean_early = chosen["rate"] * stampede.BETA * chosen["query"] / 1e3
    return _about_once(record, computations_early_of(mean_early, stampede.BETA))


def _about_once(record: Record, expected: float) -> Found:
    found = stampede.groups(record)
    if not found:
        return None
    chosen, mean = record.parameters, float(np.mean(found))
    if mean < ABOUT_ONCE and len(found) * (expected - ABOUT_ONCE) < MORE_QUERIES:
        return None
    said = (
        f"{count(chosen['rate'])} reads/s, {chosen['query']} ms: {mean:.3g} queries per expiry, at most {max(found)}."
    )
    return mean < ABOUT_ONCE, said


def _mean_load_is_enough(record: Record) -> Found:
    """A store that has to stand no more than the mean: the fullest tenth of a second has no more than that."""
    if record.parameters["expiry"] != expiry.ALIGNED or not _tells(record) or record.count("queries") < 50:
        return None
    mean, peak, expected = expiry.queries_per_s(record), expiry.most_per_s(record), expiry.predict(**record.parameters)
    if peak < MUCH * mean and expected.over_time.max() < SURELY * MUCH * expected.queries_per_s:
        return None
    return peak < MUCH * mean, f"{count(mean)} queries per second on average, {count(peak)} at the peak."


def _jitter_spares_queries(records: Sequence[Record]) -> Iterator[Found]:
    """Two runs that differ in nothing else."""
    for record in reversed(records):
        for other in reversed(records):
            kinds = record.parameters["expiry"], other.parameters["expiry"]
            same = {**record.parameters, "expiry": ""} == {**other.parameters, "expiry": ""}
            if (
                same
                and kinds == (expiry.JITTERED, expiry.ALIGNED)
                and _tells(record)
                and _tells(other)
                and _often(record)
            ):
                loads, tails = (
                    [find(run) for run in (other, record)] for find in (expiry.queries_per_s, expiry.p99_ns)
                )
                said = f"{count(loads[0])}/s without and {count(loads[1])}/s with jitter; "
                yield loads[1] < FEWER * loads[0], said + f"p99 {duration(tails[0])} and {duration(tails[1])}."


def _tells(record: Record) -> bool:
    """Whether it is a whole run on a store that keeps up."""
    return _is_whole(record) and not expiry.is_saturated(record)


def _often(record: Record) -> bool:
    """With a long life, jitter moves the last times to expire beyond the end of a run."""
    return EXPIRIES * record.parameters["ttl"] <= expiry.RUN_S


def _is_whole(record: Record) -> bool:
    return record.fact("elapsed_s", 0.0) > 0.95 * expiry.RUN_S


CLAIMS = (
    Claim("When a hot key expires, its value is computed once.", "stampede", in_every_run(_computed_once)),
    Claim("With XFetch it is computed once, before it expires.", "stampede", in_every_run(_xfetch_once)),
    Claim("The mean load says what a store has to stand.", "expiry", in_every_run(_mean_load_is_enough)),
    Claim("Jitter spares the store queries.", "expiry", unless_refuted(_jitter_spares_queries)),
)
