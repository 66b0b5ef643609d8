"""Runs of the lab on fan-out, simulated with the decisions of the real client, as it would record them."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.chapters.tails_and_overload import fan_out_model as fan
from perflab.chapters.tails_and_overload.fan_out import HEDGED, PLAIN, lab
from perflab.lab import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.attempts import Attempts, Patience


def page_record(seed: int = 1, late_ns: int = 10_000, **changes: Any) -> Record:
    """A whole run."""
    parameters = lab().check(changes)
    work = fan.calls_of(parameters["calls"], seed)
    columns: dict[str, Any] = {"lateness_ns": np.full(work.due_ns.size, late_ns)}
    facts: dict[str, Any] = {}
    for part, client in ((PLAIN, Patience()), (HEDGED, fan.patience(parameters["hedge"], parameters["hedges"]))):
        attempts = fan.simulate(Attempts(work.due_ns, client, fan.SERVERS), work, parameters["workers"])
        numbers = np.array(attempts.ended, int)
        done_ns = attempts.answered_ns[numbers]
        columns |= {
            f"{part}arrived_s": work.due_ns / 1e9,
            f"{part}number": numbers,
            f"{part}completed_s": done_ns / 1e9,
            f"{part}latency_ns": done_ns - work.due_ns[numbers],
            f"{part}server": numbers % fan.SERVERS,
            f"{part}hedged_s": np.array([each.sent_ns for each in attempts.all if each.kind == "hedge"]) / 1e9,
        }
        facts |= {f"{part}elapsed_s": fan.PART_S + fan.REST_S, f"{part}in_flight": attempts.in_flight}
    return Record("fan_out", parameters, seed, "", Frame(columns, {"calls": 0}, facts), 2.2, "complete")
