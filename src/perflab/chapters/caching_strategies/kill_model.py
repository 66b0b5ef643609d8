"""What a killed process should lose, by the time for which writes are gathered and what a commit takes; what it did lose."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.measure import Frame, count, duration
from perflab.measure.units import DASH
from perflab.systems.databases.versions import Versions
from perflab.systems.servers.victim import BEHIND, SKEW, Kill
from perflab.theory.caching import lost_writes, rows_per_commit
from perflab.theory.ttl import zipf

SHARES = np.append(0, np.geomspace(0.003, 1, 30))
PROBES, PROBED_ROWS = 20, 200
SHOWN, MAX_COMMITS = 2.5, 300
"""How many flush intervals before a kill are shown, and how many commits at most."""


def calibrate() -> Iterator[Frame]:
    """What a commit takes on this machine: until it is on the drive, and until it is handed to the system (ns)."""
    for durable in (True, False):
        with (
            tempfile.TemporaryDirectory(prefix="perflab-commits-", ignore_cleanup_errors=True) as folder,
            closing(Versions(Path(folder) / "entries.db", durable=durable)) as store,
        ):
            one, many = (_commits(store, rows) for rows in (1, PROBED_ROWS))
        if durable:
            yield Frame(facts={"commit_ns": float(one.mean())})
        else:
            row_ns = max(0.0, float(np.median(many) - np.median(one))) / PROBED_ROWS
            yield Frame(facts={"kept_ns": float(np.median(one)), "row_ns": row_ns})


def _commits(store: Versions, rows: int) -> NDArray[np.int64]:
    moments = [perf_counter_ns()]
    for version in range(PROBES):
        store.write_all(dict.fromkeys(range(rows), version))
        moments.append(perf_counter_ns())
    return np.diff(moments)


@dataclass(frozen=True)
class Expected:
    """At each of `SHARES` of all kills: how many acknowledged writes are lost at most, and how many entries are wrong for it; and
    the rows of a commit.
    """

    lost: NDArray[np.float64]
    wrong: NDArray[np.float64]
    rows: float

    @property
    def mean(self) -> float:
        """Writes lost on average."""
        return float((self.lost[0] + self.lost[-1]) / 2)


def predict(strategy: str, flush: int, rate: int, keys: int, constants: Mapping[str, Any]) -> Expected:
    """A write that was acknowledged once it was committed is never lost."""
    if strategy != BEHIND:
        return Expected(np.zeros(SHARES.size), np.zeros(SHARES.size), 1.0)
    popularity, flush_s = zipf(keys, SKEW), flush / 1e3
    rows = float(rows_per_commit(popularity, rate * flush_s))
    commit_s, kept_s = ((constants[name] + rows * constants["row_ns"]) / 1e9 for name in ("commit_ns", "kept_ns"))
    low, high = lost_writes(rate, flush_s, commit_s, kept_s)
    lost = low + SHARES * (high - low)
    return Expected(lost, rows_per_commit(popularity, lost), rows)


def frame_of(kill: Kill, number: int, flush: int, facts: Mapping[str, str]) -> Frame:
    """What a kill has lost; and the commits shortly before it, in flush intervals before the kill."""
    shown = [each for each in kill.commits if _before(each[0], kill, flush) > -SHOWN][-MAX_COMMITS:]
    began, ended, writes = np.array(shown, float).reshape(-1, 3).T
    return Frame(
        {
            "lost": np.array([kill.lost]),
            "wrong": np.array([kill.wrong]),
            "ahead": np.array([kill.ahead]),
            "acknowledged": np.array([kill.acknowledged]),
            "commit_kill": np.full(began.size, number),
            "commit_began": _before(began, kill, flush),
            "commit_ended": _before(ended, kill, flush),
            "commit_writes": writes,
        },
        {"calls": kill.acknowledged, "kills": 1},
        facts,
    )


def _before(moment_ns: Any, kill: Kill, flush: int) -> Any:
    return (moment_ns - kill.killed_ns) / (1e6 * flush)


@dataclass(frozen=True)
class LastKill:
    """Time in flush intervals before the newest kill of a run, and writes since the first commit that is shown."""

    began: NDArray[np.float64]
    ended: NDArray[np.float64]
    writes: NDArray[np.float64]
    acknowledged: float
    lost: int


def last_kill(run: Record) -> LastKill | None:
    """The newest kill of a run; None where no commit was before it."""
    kills = run.column("commit_kill")
    if not kills.size or not run.column("lost").size:
        return None
    began, ended, writes = (run.column(f"commit_{name}")[kills == kills[-1]] for name in ("began", "ended", "writes"))
    acknowledged = run.column("acknowledged")[-1] - writes[0]
    return LastKill(began, ended, writes - writes[0], float(acknowledged), int(run.column("lost")[-1]))


def acknowledged(run: Record) -> Any:
    """The line of acknowledged writes up to the newest kill."""
    kill = last_kill(run)
    return None if kill is None else (np.append(kill.began, 0.0), np.append(kill.writes, kill.acknowledged))


def stored(run: Record) -> Any:
    """The steps of stored writes up to the newest kill."""
    kill = last_kill(run)
    return None if kill is None else (np.append(kill.ended, 0.0), np.append(kill.writes, kill.writes[-1]))


def gap(run: Record) -> Any:
    """Where writes were lost at the newest kill."""
    kill = last_kill(run)
    return None if kill is None or not kill.lost else ([0.0], [kill.acknowledged - kill.lost], [kill.acknowledged])


def lost_label(run: Record) -> Any:
    """What the gap is, beside it."""
    kill = last_kill(run)
    if kill is None or not kill.lost:
        return None
    return 0.0, kill.acknowledged - kill.lost / 2, f" lost: {count(kill.lost)}"


def most_writes(run: Record) -> float:
    """The highest point of the lines above."""
    kill = last_kill(run)
    return np.nan if kill is None else 1.15 * max(1.0, kill.acknowledged)


def shares_of(column: str) -> Callable[[Record], Any]:
    """Each kill's number in order, and which share of kills had at most that."""

    def points(run: Record) -> Any:
        found = np.sort(run.column(column))
        return found, np.arange(1, found.size + 1) / max(1, found.size)

    return points


def range_said(numbers: Sequence[int] | NDArray[Any]) -> str:
    """`3 to 211`, or one number."""
    low, high = (count(int(end)) for end in (np.min(numbers), np.max(numbers)))
    return low if low == high else f"{low} to {high}"


def mean_said(run: Record) -> str:
    """The mean of lost writes, and the model's."""
    if not run.constants:
        return count(run.column("lost").mean())
    return f"{count(run.column('lost').mean())}; {count(predict(**run.parameters, constants=run.constants).mean)}"


def rows_said(run: Record) -> str:
    """Entries in a commit: by the formula, and how many writes they stand for."""
    chosen = run.parameters
    if chosen["strategy"] != BEHIND:
        return "1; 1"
    writes = chosen["rate"] * chosen["flush"] / 1e3
    rows = float(rows_per_commit(zipf(chosen["keys"], SKEW), writes))
    return f"{rows:.4g}; {count(writes)}"


def commit_said(run: Record) -> str:
    """How long the commits before the newest kill took."""
    kill = last_kill(run)
    if kill is None:
        return DASH
    return duration(1e6 * run.parameters["flush"] * float(np.median(kill.ended - kill.began)))
