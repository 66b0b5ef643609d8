"""Lost updates: the very steps of the clients on a virtual schedule, and the formula x/(1 + x)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from perflab.lab import Record
from perflab.measure import Frame, count, number, percent
from perflab.measure.percentiles import rank_interval
from perflab.systems.databases.counters import (
    COMMITTED,
    MAX_COUNTERS,
    ONE,
    OPTIONS,
    POSTGRESQL,
    REPEATABLE,
    SERIALIZABLE,
    SQLITE,
    TWO,
    fill,
)
from perflab.systems.databases.increments import REST_S, Setting
from perflab.systems.databases.virtual_counters import BY_ROW, simulated
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.cluster import cluster
from perflab.systems.servers.incrementing import Incrementing
from perflab.theory.lost_updates import lost_share, overtaken

SLICE_S = 0.2
LOSES = {TWO, COMMITTED}
AS_QUICK = {TWO: TWO, ONE: TWO, COMMITTED: TWO, SERIALIZABLE: REPEATABLE}
RATES, LOST = 150, 600
"""So many increments are simulated, or a few more, for their rate, and for the share of them that is lost."""
FEW_COUNTERS = 10
"""Below it the formula can be too low, and the share is simulated."""
PROBE_MS, PROBE_S, PROBES = 1.0, 0.1, 5
MOST_CLIENTS = 8


def calibrate() -> Iterator[Frame]:
    """Of SQLite, and of PostgreSQL if it is here: what an increment takes one client in addition to its rest and to its think
    time, and how many increments per second many clients come to that do not think.
    """
    for way in (TWO, COMMITTED):
        alone: list[tuple[float, float]] = []
        most = 0.0
        try:
            with adding(way, MOST_CLIENTS, MAX_COUNTERS, PROBE_MS, 1) as probe:
                probe.add(PROBE_S)  # left out: everything is new to it
                for _ in range(PROBES):
                    yield Frame()
                    sums = probe.add(PROBE_S, clients=1)
                    done = max(1.0, sums["done"])
                    alone.append((sums["between_s"] / done, sums["whole_s"] / done))
                    most = max(most, probe.add(PROBE_S, think_ms=0)["in_time"] / PROBE_S)
        except ServerFailed:
            if way in SQLITE:
                raise
            return  # PostgreSQL is missing, or does not start: its runs say so
        inside, whole = np.median(alone, axis=0).tolist()
        found = {"inside_s": max(0.0, inside - PROBE_MS / 1e3), "outside_s": max(0.0, whole - inside - REST_S)}
        yield Frame(facts={f"{name_of(way)}_{name}": value for name, value in {**found, "most_per_s": most}.items()})


def name_of(way: str) -> str:
    """Of the database, in the names of constants."""
    return "postgresql" if way in POSTGRESQL else "sqlite"


@contextmanager
def adding(way: str, clients: int, counters: int, think_ms: float, seed: int) -> Iterator[Incrementing]:
    """`Incrementing`, with the cluster that it needs for the ways of PostgreSQL."""
    with ExitStack() as stack:
        folder = stack.enter_context(cluster("counters", fill, OPTIONS)).folder if way in POSTGRESQL else None
        yield stack.enter_context(Incrementing(way, clients, counters, think_ms, seed, folder))


@dataclass(frozen=True)
class Expected:
    """Writes of others between a read and its write (`writes`), and the share of increments that is `lost` by the chosen way; of
    each way here, increments per second (`rates`) and writes that are refused and tried again per second (`retries`).
    """

    writes: float
    lost: float
    rates: Mapping[str, float]
    retries: Mapping[str, float]


def predict(way: str, clients: int, counters: int, think: float, constants: Mapping[str, Any]) -> Expected:
    """Of simulated runs, and by the formula where counters are many. No way does more than this machine's CPUs let it."""
    rates, retries = {}, {}
    for each in ways_here(constants):
        run = run_of(each, clients, counters, think, constants)
        seconds, tried = run["slices"] * SLICE_S, run["in_time"] + run["retries"]
        most = constants.get(f"{name_of(each)}_most_per_s", np.inf) * seconds
        rates[each], retries[each] = (min(1.0, most / tried) * run[name] / seconds for name in ("in_time", "retries"))
    return Expected(*losing(way, clients, counters, think, constants), rates, retries)


def ways_here(constants: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of PostgreSQL only where the calibration has found it."""
    return (*SQLITE, *(POSTGRESQL if "postgresql_inside_s" in constants else ()))


def losing(way: str, clients: int, counters: int, think: float, constants: Mapping[str, Any]) -> tuple[float, float]:
    """Writes of others between a read and its write, and the share that is lost."""
    if way == ONE:  # nothing is between them
        return 0.0, 0.0
    if way not in LOSES:
        run = run_of(way, clients, counters, think, constants)
        return overtaken(clients, counters, share_between(run)), 0.0
    setting = setting_of(way, 1, think, constants)
    writes = overtaken(clients, counters, setting.think_s / (setting.think_s + setting.rest_s))
    if counters >= FEW_COUNTERS:
        return writes, lost_share(writes)
    run = _simulated(TWO, clients, replace(setting, counters=counters), LOST)
    return writes, 1 - run["sum"] / run["done"]


def setting_of(way: str, counters: int, think: float, constants: Mapping[str, Any]) -> Setting:
    """What the calibration has found that an increment takes in addition is added to the rest and to the think time."""
    inside, outside = (constants.get(f"{name_of(way)}_{part}_s", 0.0) for part in ("inside", "outside"))
    return Setting(False, counters, think / 1e3 + inside, REST_S + outside)


def run_of(way: str, clients: int, counters: int, think: float, constants: Mapping[str, Any]) -> Counter[str]:
    """A simulated run of so many increments that it tells their rate. Where all counters are alike, one stands for them."""
    if way not in BY_ROW:
        counters = 1
    like = AS_QUICK.get(way, way)
    return _simulated(like, clients, setting_of(way, counters, think, constants), LOST if like == TWO else RATES)


@lru_cache(maxsize=256)
def _simulated(way: str, clients: int, setting: Setting, increments: int) -> Counter[str]:
    slices = math.ceil(increments * (setting.think_s + setting.rest_s) / clients / SLICE_S)
    return simulated(way, clients, setting, 1, slices, SLICE_S) + Counter(slices=slices)


def share_between(sums: Mapping[str, float]) -> float:
    """The share of the clients' time that lies between a read and its write."""
    return sums["between_s"] / sums["whole_s"] if sums["whole_s"] else 0.0


def frame_of(found: Mapping[str, float]) -> Frame:
    """What a slice brings: numbers per second, the share lost; and counts, among them times in µs."""
    done, lost = int(found["done"]), int(found["done"] - found["sum"])
    rates = {"per_s": found["in_time"] / SLICE_S, "retries_per_s": found["retries"] / SLICE_S}
    columns = {**rates, "lost_share": lost / done if done else np.nan}
    times = {f"{name}_us": round(1e6 * found[f"{name}_s"]) for name in ("between", "whole")}
    return Frame(
        {name: np.array([value]) for name, value in columns.items()},
        {"calls": done, "lost": lost, "retries": int(found["retries"]), **times},
    )


def lost(run: Record) -> float:
    """The share of acknowledged increments that are not in the database; NaN before the first."""
    return run.count("lost") / run.calls if run.calls else np.nan


def said_of_none_lost(run: Record, said: str = " ({} expected)") -> str:
    """How many increments a run that lost none was to lose by x/(1 + x); empty where it lost some, or its way loses none."""
    if run.count("lost") or run.parameters["way"] not in LOSES or run.parameters["clients"] < 2:
        return ""
    return said.format(number(run.calls * lost_share(writes_between(run))))


def writes_between(run: Record) -> float:
    """(N − 1)·f/K, with the share of the time between a read and its write as this run has it."""
    chosen, whole = run.parameters, run.count("whole_us")
    return overtaken(chosen["clients"], chosen["counters"], run.count("between_us") / whole if whole else np.nan)


def per_s(run: Record, column: str = "per_s") -> float:
    """Mean over the slices of a run."""
    return float(run.column(column).mean()) if run.column(column).size else np.nan


def effect(record: Record) -> str:
    """What a way loses and does, in a few words."""
    way = f"“{record.parameters['way']}”"
    if expected := said_of_none_lost(record):
        return f"{way} lost none of {count(record.calls)}{expected}"
    share = f"loses {percent(lost(record))}" if record.count("lost") else "loses nothing"
    return f"{way} {share} at {count(per_s(record))}/s"


def more_lost(first: Record, second: Record) -> bool | None:
    """Whether the first of two runs that were measured in turns loses a larger share, by pairs of slices; None where these do
    not agree (95% interval of the median difference).
    """
    pairs = np.array([*zip(first.column("lost_share"), second.column("lost_share"), strict=False)]).reshape(-1, 2)
    differences = np.sort(-np.diff(pairs[np.isfinite(pairs).all(axis=1)]).ravel())
    low, high = rank_interval(differences.size, 0.5) if differences.size else (None, None)
    if low is None or high is None or differences[low - 1] <= 0 <= differences[high - 1]:
        return None
    return bool(differences[low - 1] > 0)


def between_said(run: Record) -> str:
    """The share f, and x."""
    whole = run.count("whole_us")
    return f"{percent(run.count('between_us') / whole if whole else np.nan)}; {number(writes_between(run))}"


def expected_said(run: Record) -> str:
    """What the model says of the lost share and of the rate, and what was measured."""
    expected = predict(**run.parameters, constants=run.constants)
    rate = expected.rates.get(run.parameters["way"], np.nan)
    return f"{percent(expected.lost)}, {count(rate)}/s; {percent(lost(run))}, {count(per_s(run))}/s"


ROWS = (
    ("acknowledged; in the database", lambda run: f"{count(run.calls)}; {count(run.calls - run.count('lost'))}"),
    ("lost", lambda run: percent(lost(run))),
    ("increments per second", lambda run: count(per_s(run))),
    (
        "writes refused, for each increment",
        lambda run: number(run.count("retries") / run.calls if run.calls else np.nan),
    ),
    ("time between a read and its write; x", between_said),
)
TRUST_ROWS = (
    ("lost, increments per second: model; measured", expected_said),
    ("slices", lambda run: count(run.column("per_s").size)),
)
