"""Runs of levers as they would be, and what a calibration for them might find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from perflab.chapters.trade_off.levers_model import CACHING
from perflab.chapters.trade_off.plane import ALONE, BASE, PER_S
from perflab.chapters.trade_off.service_limits import (
    ASYNC,
    ASYNC_CACHED,
    ASYNC_POOLED,
    CACHED,
    PLAIN,
    POOLED,
    adds,
    per_s,
)
from perflab.chapters.trade_off.service_loads import ALONE_S, FEWEST, at_once_of, p50
from perflab.lab import Record
from perflab.measure import Frame
from perflab.systems.clients.service import Service

LONG_S = 0.6
"""Under load, where others have the CPUs for a tenth of a second now and then, which is all that a round of a lab takes."""
MS = 1e6
CONSTANTS = {
    "nothing": 9 * MS,
    "handshake": 11 * MS,
    "hit": 0.7 * MS,
    "one commit": 10 * MS,
    "commits": 29 * MS,
    "batch": 11 * MS,
    adds("one commit"): 0.5 * MS,
    adds("all commits"): 19.5 * MS,
    adds("batch"): 0.4 * MS,
    "ratio": 0.25,
    "compress_ns": 0.8 * MS,
    "decompress_ns": 0.2 * MS,
    per_s(PLAIN): 1_000.0,
    per_s(POOLED): 2_000.0,
    per_s(ASYNC): 500.0,
    per_s(ASYNC_POOLED): 1_600.0,
    per_s(CACHED): 1e3 / (0.2 * 1 + 0.8 * 0.5),
    per_s(ASYNC_CACHED): 1e3 / (0.2 * 2 + 0.8 * 0.625),
}
START: dict[str, Any] = {"lever": CACHING, "commits": 20, "link": 500, "threads": 16}


def one_load(served: Service, settings: Mapping[str, Any], clients: int, what: str) -> float:
    """Latency alone (ns), or requests/s of so many clients, of a setting of the service."""
    served.set(**settings)
    if what == ALONE:
        return p50(served.load(1, ALONE_S, FEWEST))
    at_once = at_once_of(settings, clients)
    return served.load(clients, LONG_S, at_once + FEWEST).per_s(at_once)


def run(latency: float, capacity: float, spread: float = 0.01, pairs: int = 8, **parameters: Any) -> Record:
    """A lever that changes both numbers by so many times."""
    disturbed = np.exp(spread * np.linspace(-1, 1, pairs))
    columns = {BASE + ALONE: np.full(pairs, 2e7), BASE + PER_S: np.full(pairs, 400.0)}
    columns |= {ALONE: 2e7 * latency * disturbed, PER_S: 400 * capacity * disturbed}
    return Record(
        "levers", {**START, **parameters}, 1, "", Frame(columns, {"calls": 500}), 5.0, "complete", constants=CONSTANTS
    )
