"""What more connections should bring: as many times the throughput, until what a query needs is in use all the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record, Verdict
from perflab.lab.verdict import INVALID
from perflab.measure import Frame, count, effective_cpus
from perflab.measure.compare import Ratio, paired_ratio
from perflab.systems.databases.closed_loop import Queried
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.servers.querying import (
    COMMITS,
    COMPUTES,
    HOT,
    KINDS,
    MAX_CONNECTIONS,
    REPORT_MS,
    WAIT_MS,
    WAITS,
    Querying,
)
from perflab.theory import connections as theory

PER_S, ONE_PER_S, RESPONSE = "per_s", "one_per_s", "response_ns"
WINDOW_S, PROBES = 0.05, 4
NUMBERS = np.unique(np.round(np.geomspace(1, MAX_CONNECTIONS, 31))).astype(int)
PROBED = {COMPUTES: (1,), WAITS: (1,), COMMITS: (1, 8, 64), HOT: (1, 16)}
ENOUGH_TO_SATURATE = 8
"""Connections that never wait, by which it is found how many queries per second the CPUs could do if none waited."""


def constant(kind: str, connections: int) -> str:
    """The name of the constant that holds the mean response (ns) of so many connections."""
    return f"{kind}, {connections} (ns)"


WITHOUT_WAIT = "a query that does not wait (ns)"


def calibrate() -> Iterator[Frame]:
    """Of each kind of query: the response alone, and what limits many connections."""
    found: dict[str, list[float]] = {}

    def note(name: str, connections: int, load: Queried) -> None:
        found.setdefault(name, []).append(1e9 * connections / load.per_s)

    with Querying() as database:
        for _ in range(PROBES):
            for kind, numbers in PROBED.items():
                for number in numbers:
                    note(constant(kind, number), number, database.load(kind, number, WINDOW_S))
            free = database.load(WAITS, ENOUGH_TO_SATURATE, WINDOW_S, wait_ms=0)
            note(WITHOUT_WAIT, 1, free)
    yield Frame(facts={name: float(np.nanmedian(times)) for name, times in found.items()})


def frame_of(kind: str, one: Queried, many: Queried, stored: int) -> Frame:
    """What a slice brings: throughputs of one connection and of many, and the responses of these."""
    columns = {PER_S: np.array([many.per_s]), ONE_PER_S: np.array([one.per_s]), RESPONSE: np.array(many.response_ns)}
    committed = one.done + many.done if kind in (COMMITS, HOT) else 0
    facts: dict[str, Any] = {"stored": stored, "caveat": (durability_caveat() or "") if committed else ""}
    return Frame(columns, {"calls": one.done + many.done, "committed": committed}, facts)


@dataclass(frozen=True)
class Expected:
    """Of each kind, over `NUMBERS` of connections: mean responses (ns), and the throughput against one connection's. Which kind
    was chosen.
    """

    kind: str
    responses: Mapping[str, NDArray[np.float64]]
    gains: Mapping[str, NDArray[np.float64]]


def predict(kind: str, connections: int, constants: Mapping[str, Any]) -> Expected:
    """Of all kinds, since a chart shows them side by side."""
    alone = {each: constants[constant(each, 1)] for each in KINDS}
    commits = [constants[constant(COMMITS, number)] for number in PROBED[COMMITS]]
    capacity = {
        COMPUTES: max(1.0, effective_cpus()) / alone[COMPUTES],
        WAITS: 1 / constants[WITHOUT_WAIT],
        HOT: PROBED[HOT][-1] / constants[constant(HOT, PROBED[HOT][-1])],
    }
    responses = {each: theory.response(NUMBERS, alone[each], most) for each, most in capacity.items()}
    responses[COMMITS] = theory.group_commit(NUMBERS, *theory.fit_group_commit(PROBED[COMMITS], commits))
    return Expected(kind, responses, {each: NUMBERS * times[0] / times for each, times in responses.items()})


def gain(run: Record) -> Ratio | None:
    """How many times the throughput of one connection; both were measured in turns. None before the first slice."""
    many, one = run.column(PER_S), run.column(ONE_PER_S)
    told = np.isfinite(many) & np.isfinite(one)
    return paired_ratio(many[told], one[told]) if told.any() else None


def more_gained(first: Record, second: Record) -> Ratio | None:
    """How many times the gain of the second run that of the first is, by pairs of slices; None without any."""
    gains = [run.column(PER_S) / run.column(ONE_PER_S) for run in (first, second)]
    number = min(map(len, gains))
    pairs = np.array([each[:number] for each in gains])
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    return paired_ratio(*pairs) if pairs.size else None


def mean_response(run: Record) -> float:
    """Mean response (ns) of the connections' queries; NaN of none."""
    times = run.column(RESPONSE)
    return float(times.mean()) if times.size else np.nan


def by_littles_law(run: Record) -> float:
    """Mean response (ns) that the throughput tells: R = N / X."""
    return float(1e9 * run.parameters["connections"] / np.nanmean(run.column(PER_S)))


def what_one_does(kind: str) -> str:
    """A query of this kind, in words."""
    return {
        COMPUTES: f"A query computes for {REPORT_MS:g} ms of CPU time",
        WAITS: f"A query waits {WAIT_MS:g} ms and hardly computes",
        COMMITS: "A query adds a row and waits until it is on the drive; one commit takes all rows that wait by then",
        HOT: "All queries change the same row, and hold its lock until that is on the drive",
    }[kind]


def why(kind: str) -> str:
    """What limits this kind."""
    return {
        COMPUTES: f"More connections find no more CPUs: {effective_cpus():.3g} here.",
        WAITS: "Waits overlap, until the CPUs are busy with what a query does besides.",
        COMMITS: "The more connections wait, the more rows share the next commit.",
        HOT: "The row is locked until its change is on the drive, so commits cannot be shared: one after the other.",
    }[kind]


def all_stored(run: Record) -> Verdict | None:
    """A guard: each commit that was acknowledged is stored."""
    committed, stored = run.count("committed"), run.fact("stored", 0)
    if committed == stored:
        return None
    return Verdict(f"Commits were lost: {count(committed)} were acknowledged, and {count(stored)} are stored.", INVALID)


def told(run: Record) -> Verdict | None:
    """A guard: there is a slice in which both loads came to a number."""
    return None if gain(run) is not None else Verdict("The drive took too long for two commits in a slice.", INVALID)
