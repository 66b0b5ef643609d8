"""Runs of profiles as they would be, and what a calibration for them might find."""

from __future__ import annotations

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
    YOURS,
    column,
    corner,
    in_duckdb,
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
    in_duckdb(FIND, FEW): 0.7 * MS,
    in_duckdb(FIND, HALF): 0.8 * MS,
    in_duckdb(REPORT, FEW): 0.8 * MS,
    in_duckdb(REPORT, HALF): 1.8 * MS,
    in_duckdb(ORDER): 2 * MS,
    in_duckdb(LOAD): 3 * MS,
    corner(0, 1): 30 * MS,
    corner(5, 1): 90 * MS,
    corner(0, LOADED): 2.5 * MS,
    corner(5, LOADED): 27.5 * MS,
    PROBE: 1 * MS,
    PAGE: 4 * US,
}
TIMES_MS: dict[str, dict[str, float]] = {
    FIND: {OLTP: 0.02, OLAP: 4.0, BALANCED: 0.02, DUCKDB: 0.8, YOURS: 0.02},
    ORDER: {OLTP: 1.1, OLAP: 1.0, BALANCED: 1.0, DUCKDB: 2.0, YOURS: 1.0},
    LOAD: {OLTP: 1_000, OLAP: 10, BALANCED: 40, DUCKDB: 4, YOURS: 30},
    REPORT: {OLTP: 90, OLAP: 20, BALANCED: 90, DUCKDB: 3, YOURS: 90},
}
START: dict[str, Any] = {"work": LOAD, "indexes": 5, "batch": LOADED, "durable": True}


def run(
    work: str = LOAD, spread: float = 0.01, rounds: int = 9, times: dict[str, float] | None = None, **chosen: Any
) -> Record:
    """Rounds that scatter by so much; some `times` (ms) may be others than usual."""
    scatter = np.exp(spread * np.linspace(-1, 1, rounds))
    usual = {**TIMES_MS[work], **(times or {})}
    samples = {column(name): MS * usual[name] * scatter for name in NAMES}
    if work in WRITING:
        samples[column(PROBE)] = MS * scatter
    frame = Frame(samples, {"calls": 5 * rounds}, {"caveat": ""})
    parameters = {**START, "work": work, **chosen}
    return Record("profiles", parameters, 1, "", frame, 4.0, "complete", constants=CONSTANTS)
