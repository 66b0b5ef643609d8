"""Runs of the switchboard, of the rule and of the search as they would be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from lever_runs import CONSTANTS

from perflab.chapters.trade_off.advice_model import COMMITS, MEAN, SIDES
from perflab.chapters.trade_off.plane import ALONE, PER_S
from perflab.chapters.trade_off.switchboard_model import FAST, MANY, SETTINGS, UNTIMED
from perflab.lab import Record
from perflab.measure import Frame

ROUNDS = 9


def rounds_of(value: float, spread: float, rounds: int) -> np.ndarray:
    return value * np.exp(spread * np.linspace(-1, 1, rounds))


def board(
    per_s: float, alone_ms: float, spread: float = 0.01, rounds: int = ROUNDS, speed: float = 1.0, **chosen: Any
) -> Record:
    """A setting beside the presets: for latency (300/s, 8 ms), for throughput (600/s, 28 ms); on a machine of this speed."""
    points = {"": (per_s, alone_ms), FAST: (300.0, 8.0), MANY: (600.0, 28.0)}
    columns = {}
    for of, (capacity, alone) in points.items():
        scatter = spread if of == "" else 0.0
        columns[of + PER_S] = rounds_of(speed * capacity, scatter, rounds)
        columns[of + ALONE] = rounds_of(1e6 * alone / speed, scatter, rounds)
    parameters = {**UNTIMED, **chosen}
    return Record(
        "switchboard", parameters, 1, "", Frame(columns, {"calls": 900}), 6.0, "complete", constants=CONSTANTS
    )


MEANS_MS = dict(zip(SIDES, (306.0, 300.0, 168.0, 90.0), strict=True))
SHARES = dict(zip(SIDES, (1.0, 1.0, 0.0025, 0.005), strict=True))
"""Of the commits of a request, how many each setting makes: none spared, or one for 50 requests or 25."""


def ruled(means_ms: Mapping[str, float] = MEANS_MS, spread: float = 0.01, rounds: int = 8, **chosen: Any) -> Record:
    """A closed loop in which these settings have these means."""
    parameters = {"clients": 100, "commits": 8, **chosen}
    columns = {}
    for number, (name, mean) in enumerate(means_ms.items()):
        times = rounds_of(1e6 * mean, spread * (-1) ** number, rounds)
        columns |= {name + MEAN: times, name + PER_S: 1e9 * parameters["clients"] / times}
        columns[name + COMMITS] = np.full(rounds, SHARES[name] * parameters["commits"])
    return Record("advice", parameters, 1, "", Frame(columns, {"calls": 900}), 15.0, "complete", constants=CONSTANTS)


LAST = (57, 58, 59, 61, 41, 25, 60, 56)


def searched(
    fresh: int = 10,
    promised: float = 1.25,
    best: float = 1_000.0,
    p95_ms: float = 20.0,
    step: float = 0.95,
    late: Mapping[int, float] | None = None,
    **chosen: Any,
) -> Record:
    """A search: of the last settings the first has `best` requests/s, each other 5% less than the one before it; so many fresh
    looks at each of them, and the best window of the search had so many times as much. Of those in `late`, by their places,
    such a share of the replies comes after 200 ms in every other look.
    """
    parameters = {"p95": 50, "rate": 500, "clients": 16, **chosen}
    rates = best * step ** np.arange(len(LAST))
    of = np.repeat(np.array(LAST, float), fresh)
    number = np.arange(of.size)
    times = np.tile(1e6 * p95_ms * np.linspace(0.55, 1.0, 20), (of.size, 1))
    for place, share in (late or {}).items():
        times[place * fresh : (place + 1) * fresh : 2, round(20 * (1 - share)) :] = 200e6
    columns: dict[str, Any] = {
        "searched": [*range(len(SETTINGS)), *LAST],
        "searched_per_s": [*np.geomspace(150, 400, len(SETTINGS)), *(promised * rates)],
        "searched_p95_ns": [*np.geomspace(120e6, 60e6, len(SETTINGS)), *(20e6 / rates * best)],
        "fresh": of,
        "fresh_per_s": np.repeat(rates, fresh) * (1 + 0.02 * np.tile(np.linspace(-1, 1, fresh), len(LAST))),
        "times_ns": times.ravel(),
        "windows": np.repeat(number, 20),
    }
    samples = {name: np.array(column, float) for name, column in columns.items()}
    return Record(
        "cheapest", parameters, 1, "", Frame(samples, {"calls": 9_000}), 12.0, "complete", constants=CONSTANTS
    )
