"""Runs of the labs of notebook 08 on a cache before a store, simulated, as they would record them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.caching_strategies import cached_load, hit_ratio, hit_ratio_model, restart, restart_model
from perflab.lab import Record
from perflab.measure.frame import Frame
from perflab.theory.cached_store import CachedRun

HIT_NS = 200_000


def read_record(seed: int = 1, **changes: Any) -> Record:
    """A whole run of the lab on hit ratios."""
    chosen = hit_ratio.lab().check(changes)
    asked = hit_ratio_model.asked(chosen["skew"], chosen["rate"], chosen["kind"], seed)
    before = cached_load.held(chosen["capacity"], chosen["skew"], seed)
    run = cached_load.simulated(asked, before, chosen["capacity"])
    return Record("hit_ratio", chosen, seed, "", frame_of(asked, run, hit_ratio_model.RUN_S), 4.0, "complete")


def restart_record(seed: int = 1, **changes: Any) -> Record:
    """A whole run of the lab on restarts."""
    chosen = restart.lab().check(changes)
    asked, run = restart_model.simulated(**chosen, seed=seed)
    return Record("restart", chosen, seed, "", frame_of(asked, run, restart_model.RUN_S), 4.0, "complete")


def frame_of(asked: cached_load.Reads, run: CachedRun, seconds: float, late_ns: int = 10_000) -> Frame:
    """As `attempts_load` tells of such a run up to then; each answer comes a hit's time later."""
    answered_ns = np.round(1e9 * run.answered)
    is_done = run.answered + HIT_NS / 1e9 <= seconds
    order = np.flatnonzero(is_done)[np.argsort(answered_ns[is_done], kind="stable")]
    due, done = asked.due_ns[order], answered_ns[order].astype(np.int64)
    started = np.where(run.from_store[order], done - 1_000 * asked.services_us[order], done)
    rejected = np.flatnonzero(np.isnan(run.answered))  # what it lets in, the simulation answers
    columns: dict[str, NDArray[Any]] = {
        "arrived_s": asked.due_ns / 1e9,
        "lateness_ns": np.full(asked.due_ns.size, late_ns),
        "number": order,
        "key": asked.keys[order],
        "completed_s": (done + HIT_NS) / 1e9,
        "latency_ns": done + HIT_NS - due,
        "arrived_ns": due,
        "started_ns": started,
        "done_ns": done,
        "rejected_number": rejected,
        "failed_s": np.empty(0),
    }
    counts = {"calls": order.size, "rejected": rejected.size, "failures": 0}
    facts = {"elapsed_s": seconds, "in_flight": asked.due_ns.size - order.size - rejected.size}
    return Frame(columns, counts, facts)
