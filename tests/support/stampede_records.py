"""Runs of the labs on stampedes and expiry, simulated, as they would record them."""

from __future__ import annotations

from itertools import repeat
from typing import Any

from perflab.chapters.eviction_and_stampedes import expiry, expiry_model, stampede, stampede_model
from perflab.lab import Record
from perflab.measure import poisson

CPUS = 2.0
CONSTANTS = {"cpus": CPUS}


def stampede_record(seed: int = 1, until_s: float = stampede_model.RUN_S, cpus: float = CPUS, **changes: Any) -> Record:
    """A run on a hot key, on a machine with so many CPUs."""
    chosen = stampede.lab().check(changes)
    schedule, cure = poisson(chosen["rate"], stampede_model.RUN_S, seed), stampede_model.cure_of(chosen["cure"])
    queries_s = repeat(chosen["query"] / 1e3)
    frame = stampede_model.simulated(schedule, cure, chosen["ttl"], queries_s, cpus, seed, until_s)
    return Record("stampede", chosen, seed, "", frame, until_s, "complete", constants={"cpus": cpus})


def expiry_record(seed: int = 1, query_ms: float = 2.0, until_s: float = expiry_model.RUN_S, **changes: Any) -> Record:
    """A run on times to live."""
    chosen = expiry.lab().check(changes)
    reads = expiry_model.reads_of(**chosen, seed=seed)
    frame = expiry_model.simulated(reads, repeat(1e6 * query_ms), until_s)
    return Record("expiry", chosen, seed, "", frame, until_s, "complete")
