"""Runs of profiles as they would be, and what a calibration for them might find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from perflab.chapters.databases.profiles_model import (
    BALANCED,
    BY_INDEX,
    BY_SCAN,
    BY_SORT,
    DUCKDB,
    FEW,
    HALF,
    IN_ORDER,
    NAMES,
    OLAP,
    OLTP,
    PAGE,
    PROBE,
    SERVER,
    YOURS,
    column,
    corner,
    in_store,
)
from perflab.lab import Record
from perflab.measure import Frame
from perflab.systems.databases.order_work import FIND, LOAD, LOADED, ORDER, REPORT, WRITING

US, MS = 1e3, 1e6
CONSTANTS = {
    BY_INDEX: 20 * US,
    BY_SCAN: 2 * MS,
    BY_SORT: 40 * MS,
    IN_ORDER: 10 * MS,
    in_store(DUCKDB, FIND, FEW): 0.7 * MS,
    in_store(DUCKDB, FIND, HALF): 0.8 * MS,
    in_store(DUCKDB, REPORT, FEW): 0.8 * MS,
    in_store(DUCKDB, REPORT, HALF): 1.8 * MS,
    in_store(DUCKDB, ORDER): 2 * MS,
    in_store(DUCKDB, LOAD): 3 * MS,
    in_store(SERVER, FIND, FEW): 0.14 * MS,
    in_store(SERVER, FIND, HALF): 0.14 * MS,
    in_store(SERVER, REPORT, FEW): 1 * MS,
    in_store(SERVER, REPORT, HALF): 10.8 * MS,
    in_store(SERVER, ORDER): 1.2 * MS,
    in_store(SERVER, LOAD): 11.2 * MS,
    corner(0, 1): 30 * MS,
    corner(5, 1): 90 * MS,
    corner(0, LOADED): 2.5 * MS,
    corner(5, LOADED): 27.5 * MS,
    PROBE: 1 * MS,
    PAGE: 4 * US,
}
TIMES_MS: dict[str, dict[str, float]] = {
    FIND: {OLTP: 0.02, OLAP: 4.0, BALANCED: 0.02, DUCKDB: 0.8, SERVER: 0.14, YOURS: 0.02},
    ORDER: {OLTP: 1.1, OLAP: 1.0, BALANCED: 1.0, DUCKDB: 2.0, SERVER: 1.2, YOURS: 1.0},
    LOAD: {OLTP: 1_000, OLAP: 10, BALANCED: 40, DUCKDB: 4, SERVER: 22, YOURS: 30},
    REPORT: {OLTP: 90, OLAP: 20, BALANCED: 90, DUCKDB: 3, SERVER: 21, YOURS: 90},
}
WITHOUT = tuple(name for name in NAMES if name != SERVER)
"""Where PostgreSQL is missing."""
START: dict[str, Any] = {"work": LOAD, "indexes": 5, "batch": LOADED, "durable": True}


def run(
    work: str = LOAD,
    spread: float = 0.01,
    rounds: int = 9,
    times: dict[str, float] | None = None,
    names: Sequence[str] = NAMES,
    **chosen: Any,
) -> Record:
    """Rounds of these sides that scatter by so much; some `times` (ms) may be others than usual."""
    scatter = np.exp(spread * np.linspace(-1, 1, rounds))
    usual = {**TIMES_MS[work], **(times or {})}
    samples = {column(name): MS * usual[name] * scatter for name in names}
    if work in WRITING:
        samples[column(PROBE)] = MS * scatter
    frame = Frame(samples, {"calls": 5 * rounds}, {"caveat": ""})
    parameters = {**START, "work": work, **chosen}
    constants = CONSTANTS if SERVER in names else {name: of for name, of in CONSTANTS.items() if SERVER not in name}
    return Record("profiles", parameters, 1, "", frame, 4.0, "complete", constants=constants)
