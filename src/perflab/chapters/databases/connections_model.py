"""What more connections should bring: as many times the throughput, until what a query needs is in use all the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record, Verdict
from perflab.lab.verdict import INVALID, ratio_text
from perflab.measure import Frame, count, effective_cpus
from perflab.measure.compare import Ratio, paired_ratio
from perflab.systems.databases.closed_loop import Queried
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.process.installed import NotStarted
from perflab.systems.servers.query_kinds import (
    COMMITS,
    COMPUTES,
    HOT,
    KINDS,
    MAX_CONNECTIONS,
    POSTGRES,
    REPORT_MS,
    SQLITE,
    WAITS,
)
from perflab.systems.servers.querying import WAIT_MS, querying
from perflab.systems.servers.real.postgresql import POSTGRESQL
from perflab.theory import connections as theory

PER_S, ONE_PER_S, RESPONSE = "per_s", "one_per_s", "response_ns"
WINDOW_S = 0.05
PROBE_S, PROBES = 0.03, 3
NUMBERS = np.unique(np.round(np.geomspace(1, MAX_CONNECTIONS, 31))).astype(int)
PROBED = {COMPUTES: (1,), WAITS: (1,), COMMITS: (1, 2, 8, 64), HOT: (1, 16)}
SHORT_WAIT_MS = 0.2
"""With a wait this short all connections keep the CPUs busy: what a query costs them that hardly computes."""


WITHOUT_WAIT = "waits, the CPUs always busy"
"""The name of the constant of what a query that waits keeps the CPUs busy for (ns)."""


def databases() -> tuple[str, ...]:
    """Those that are on this machine."""
    return (SQLITE, POSTGRES) if POSTGRESQL.find() else (SQLITE,)


def postgresql_said() -> str:
    """Whether it is measured, and how it would be."""
    return "measured here as well: see the control" if POSTGRES in databases() else POSTGRESQL.why_missing()


def constant(kind: str, connections: int) -> str:
    """The name of the constant of the mean response (ns) of so many connections."""
    return f"{kind}, {connections}"


def calibrate(database: str = SQLITE) -> Iterator[Frame]:
    """Of each kind of query: the response alone, and what limits many connections."""
    found: dict[str, list[float]] = {}

    def note(name: str, connections: int, load: Queried) -> None:
        found.setdefault(f"{database}: {name}", []).append(1e9 * connections / load.per_s)

    with suppress(NotStarted), querying(database) as asked:  # runs of it say so
        for _ in range(PROBES):
            for kind, numbers in PROBED.items():
                for number in numbers:
                    note(constant(kind, number), number, asked.load(kind, number, PROBE_S))
            note(WITHOUT_WAIT, 1, asked.load(WAITS, MAX_CONNECTIONS, PROBE_S, wait_ms=SHORT_WAIT_MS))
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


def predict(kind: str, connections: int, database: str = SQLITE, *, constants: Mapping[str, Any]) -> Expected:
    """Of all kinds, since a chart shows them side by side. Responses of commits lie between those that were probed: how many of
    the others come back in time for the next commit no formula of N alone tells; each waits for one to two commits. No numbers
    of a database that is not known (yet).
    """

    def probed(name: str) -> float:
        return float(constants[f"{database}: {name}"])

    if f"{database}: {WITHOUT_WAIT}" not in constants:
        unknown = dict.fromkeys(KINDS, np.full(NUMBERS.size, np.nan))
        return Expected(kind, unknown, unknown)
    alone = {each: probed(constant(each, 1)) for each in KINDS}
    most = PROBED[HOT][-1]
    capacity = {
        COMPUTES: max(1.0, effective_cpus()) / alone[COMPUTES],
        WAITS: 1 / probed(WITHOUT_WAIT),
        HOT: min(1 / alone[HOT], most / probed(constant(HOT, most))),
    }
    responses = {each: theory.response(NUMBERS, alone[each], limit) for each, limit in capacity.items()}
    commits = [probed(constant(COMMITS, number)) for number in PROBED[COMMITS]]
    responses[COMMITS] = np.interp(NUMBERS, PROBED[COMMITS], commits)
    return Expected(kind, responses, {each: NUMBERS * times[0] / times for each, times in responses.items()})


def gain(run: Record) -> Ratio | None:
    """How many times the throughput of one connection; both were measured in turns. None before the first slice."""
    many, one = run.column(PER_S), run.column(ONE_PER_S)
    told = np.isfinite(many) & np.isfinite(one)
    return paired_ratio(many[told], one[told]) if told.any() else None


def gained(run: Record) -> float:
    """The number alone; NaN before the first slice."""
    found = gain(run)
    return np.nan if found is None else found.value


def gain_said(run: Record) -> str:
    """The number with its interval."""
    found = gain(run)
    return "" if found is None else ratio_text(found)


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


def why(chosen: Mapping[str, Any]) -> str:
    """What limits a query of this kind."""
    cpus = effective_cpus()
    who = "More connections find" if chosen["connections"] >= cpus else "Many connections will find"
    return {
        COMPUTES: f"{who} no more CPUs: {cpus:.3g} here.",
        WAITS: "Waits overlap, until the CPUs are busy with what a query does besides.",
        COMMITS: "The more connections wait, the more rows share the next commit.",
        HOT: "The row is locked until its change is on the drive, so commits cannot be shared: one after the other.",
    }[chosen["kind"]]


def all_stored(run: Record) -> Verdict | None:
    """A guard: each commit that was acknowledged is stored."""
    committed, stored = run.count("committed"), run.fact("stored", 0)
    if committed == stored:
        return None
    return Verdict(f"Commits were lost: {count(committed)} were acknowledged, and {count(stored)} are stored.", INVALID)


def told(run: Record) -> Verdict | None:
    """A guard: there is a slice in which both loads came to a number."""
    return None if gain(run) is not None else Verdict("The drive took too long for two commits in a slice.", INVALID)
