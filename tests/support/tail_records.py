"""Runs of the labs of notebook 07, simulated, as they would record them."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.chapters.tails_and_overload import fan_out_model as fan
from perflab.chapters.tails_and_overload import hockey_stick_model as stick
from perflab.chapters.tails_and_overload import overload, overload_model, storm, storm_model
from perflab.chapters.tails_and_overload.fan_out import HEDGED, PLAIN, lab, named
from perflab.lab import Record
from perflab.measure import poisson
from perflab.measure.frame import Frame, merge
from perflab.systems.clients.attempts import Attempts, Patience
from perflab.systems.clients.virtual_servers import play
from perflab.systems.servers.waiting_line import LineRules
from perflab.theory.simulate import lindley


def page_record(seed: int = 1, late_ns: int = 10_000, **changes: Any) -> Record:
    """A whole run on fan-out, with the decisions of the real client."""
    parameters = lab().check(changes)
    work = fan.calls_of(parameters["calls"], seed, parameters["hedges"])
    parts = {PLAIN: Patience(), HEDGED: fan.patience(parameters["hedge"], parameters["hedges"])}
    frames = [named(fan.simulated(work, parameters["workers"], client), part) for part, client in parts.items()]
    whole = merge(frames)
    columns = {**whole.samples, "lateness_ns": np.full(work.due_ns.size, late_ns)}
    return Record("fan_out", parameters, seed, "", Frame(columns, whole.counts, whole.facts), 2.2, "complete")


def queue_record(load: float, kind: str = stick.CONSTANT, service: int = 2, seed: int = 1) -> Record:
    """What a run of the lab would record of a server that needs nothing beyond its services."""
    random = np.random.default_rng(seed)
    arrived = np.sort(random.uniform(0, stick.RUN_S, random.poisson(load / 100 / service * 1e3 * stick.RUN_S)))
    services = stick.service_times(kind, service / 1e3, arrived.size, seed)
    started = arrived + lindley(arrived, services)
    done = started + services
    kept = done <= stick.RUN_S
    times = {"arrived_ns": arrived, "started_ns": started, "begun_ns": started, "done_ns": done}
    columns: dict[str, Any] = {name: np.round(1e9 * each[kept]) for name, each in times.items()}
    columns |= {"latency_ns": columns["done_ns"] - columns["arrived_ns"], "completed_s": done[kept]}
    columns |= {"arrived_s": arrived, "lateness_ns": np.full(arrived.size, 1e4), "failed_s": np.empty(0)}
    counts = {"calls": int(kept.sum()), "failures": 0, "not_sent": 0, "rejected": 0}
    facts = {"elapsed_s": stick.RUN_S, "in_flight": int((~kept).sum())}
    parameters = {"load": load, "kind": kind, "service": service}
    return Record("hockey_stick", parameters, seed, "", Frame(columns, counts, facts), stick.RUN_S, "complete")


def overload_record(seed: int = 1, **changes: Any) -> Record:
    """A whole run of the lab on overload on a virtual clock, with the decisions of the real server."""
    chosen = overload.lab().check(changes)
    schedule = poisson(chosen["offered"] * overload_model.CAPACITY, overload_model.RUN_S, seed)
    work_us = overload_model.service_us(chosen["services"], schedule.size, seed)
    rules = LineRules(**overload_model.rules(chosen["discipline"], chosen["deadline"]))
    told_us = 1_000 * chosen["deadline"] - overload_model.WAY_US
    frame = play(Attempts(schedule, Patience()), schedule, work_us, rules, overload_model.RUN_S, told_us)
    return Record("overload", chosen, seed, "", frame, overload_model.RUN_S, "complete")


def storm_record(seed: int = 1, **changes: Any) -> Record:
    """A whole run of the lab on retry storms on a virtual clock."""
    chosen = storm.lab().check(changes)
    frame = storm_model.simulated(**chosen, seed=seed)
    return Record("storm", chosen, seed, "", frame, storm_model.RUN_S, "complete")
