"""The claims of notebook 09 on stampedes and times to live, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perflab.chapters.eviction_and_stampedes import expiry_model as expiry
from perflab.chapters.eviction_and_stampedes import stampede_model as stampede
from perflab.lab import Record, one_run
from perflab.lab.claims import Claim
from perflab.measure import count, duration

Found = tuple[bool, str] | None
ABOUT_ONCE, FEWER, MUCH = 1.3, 0.85, 1.5


def _computed_once(record: Record) -> Found:
    return _about_once(record) if record.parameters["cure"] == stampede.NONE else None


def _xfetch_once(record: Record) -> Found:
    return _about_once(record) if record.parameters["cure"] == stampede.XFETCH else None


def _about_once(record: Record) -> Found:
    found = stampede.groups(record)
    if not found:
        return None
    chosen, mean = record.parameters, float(np.mean(found))
    said = (
        f"{count(chosen['rate'])} reads/s, {chosen['query']} ms: {mean:.3g} queries per expiry, at most {max(found)}."
    )
    return mean < ABOUT_ONCE, said


def _mean_load_is_enough(record: Record) -> Found:
    """A store that has to stand no more than the mean: the fullest tenth of a second has no more than that."""
    if record.parameters["expiry"] != expiry.ALIGNED or not _is_whole(record) or record.count("queries") < 50:
        return None
    mean, peak = expiry.queries_per_s(record), expiry.most_per_s(record)
    return peak < MUCH * mean, f"{count(mean)} queries per second on average, {count(peak)} at the peak."


def _jitter_spares_queries(records: Sequence[Record]) -> Found:
    """The newest two whole runs that differ in nothing else."""
    for record in reversed(records):
        for other in reversed(records):
            kinds = record.parameters["expiry"], other.parameters["expiry"]
            same = {**record.parameters, "expiry": ""} == {**other.parameters, "expiry": ""}
            if same and kinds == (expiry.JITTERED, expiry.ALIGNED) and _is_whole(record) and _is_whole(other):
                loads, tails = (
                    [find(run) for run in (other, record)] for find in (expiry.queries_per_s, expiry.p99_ns)
                )
                said = f"{count(loads[0])}/s without and {count(loads[1])}/s with jitter; "
                return loads[1] < FEWER * loads[0], said + f"p99 {duration(tails[0])} and {duration(tails[1])}."
    return None


def _is_whole(record: Record) -> bool:
    return record.fact("elapsed_s", 0.0) > 0.95 * expiry.RUN_S


CLAIMS = (
    Claim("When a hot key expires, its value is computed once.", "stampede", one_run(_computed_once)),
    Claim("With XFetch it is computed once, before it expires.", "stampede", one_run(_xfetch_once)),
    Claim("The mean load says what a store has to stand.", "expiry", one_run(_mean_load_is_enough)),
    Claim("Jitter spares the store queries.", "expiry", _jitter_spares_queries),
)
