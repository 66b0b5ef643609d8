"""Which of the three profiles was the fastest at a work, by rounds of a run; and which one common advice would take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from perflab.chapters.databases.profiles_model import BESIDE, NAMES, PROBE, PROFILES, Expected, column, expected_in
from perflab.lab import Record
from perflab.lab.rows import values_in
from perflab.lab.verdict import against_pinned, estimate_text
from perflab.measure import Estimate, Ratio, duration, number, paired_ratio, summarise
from perflab.measure.units import DASH
from perflab.systems.databases.order_book import INDEXED
from perflab.systems.databases.order_work import FIND, LOAD, LOADED, ORDER, REPORT, WORKS, WRITING
from perflab.systems.servers.real.postgresql import POSTGRESQL

OLTP, OLAP, BALANCED, SERVER, DUCKDB, YOURS = NAMES
NEAR = 1.25
"""A profile that is no slower than that has not lost: the same index in another file makes as much of a difference."""


@lru_cache(maxsize=16)
def times_of(run: Record) -> Mapping[str, Estimate]:
    """The median of each side over the rounds so far, with its interval."""
    columns = {name: run.column(column(name)) for name in (*NAMES, PROBE)}
    found = {name: summarise(times, percentiles=(0.5,)) for name, times in columns.items() if times.size}
    return {name: summary.percentiles[0.5] for name, summary in found.items()}


def against(run: Record, name: str, other: str) -> Ratio | None:
    """How many times that of another a side's time is, by rounds; None before the first."""
    return _paired(run.column(column(name)), run.column(column(other)))


def by_rounds(run: Record, other: Record) -> Ratio | None:
    """How many times yours of another run yours of this one is, by rounds; None before the first."""
    return _paired(run.column(column(YOURS)), other.column(column(YOURS)))


def _paired(first: Any, second: Any) -> Ratio | None:
    """The last round may lack one of the two."""
    pairs = [*zip(first, second, strict=False)]
    return paired_ratio(*np.array(pairs).T) if pairs else None


def best_of(run: Record) -> str | None:
    """The profile of the three with the shortest median; None before all three have one."""
    times = times_of(run)
    return min(PROFILES, key=lambda name: times[name].value) if times.keys() >= PROFILES.keys() else None


@lru_cache(maxsize=16)
def against_best(run: Record) -> Mapping[str, Ratio]:
    """How many times that of the best profile each side's time is."""
    best = best_of(run)
    if best is None:
        return {}
    found = {name: against(run, name, best) for name in NAMES if name != best}
    return {best: Ratio(1.0, 1.0, 1.0), **{name: ratio for name, ratio in found.items() if ratio is not None}}


def undefeated(run: Record) -> list[str]:
    """The best of the three profiles, and each that may be within a quarter of it; nothing where the rounds cannot tell."""
    ratios = {name: ratio for name, ratio in against_best(run).items() if name in PROFILES}
    if not ratios or not all(ratio.has_interval for ratio in ratios.values()):
        return []
    return [name for name, ratio in ratios.items() if ratio.low < NEAR]


def ahead(run: Record) -> list[str]:
    """The fastest database beside the profiles, where it is surely faster than the best of them."""
    faster = [(ratio.value, name) for name, ratio in against_best(run).items() if name in BESIDE and ratio.high < 1]
    return [name for _, name in sorted(faster)[:1]]


def of_oltp(run: Record) -> float:
    """How many times that of OLTP your time is; NaN before the first round."""
    ratio = against(run, YOURS, OLTP)
    return np.nan if ratio is None else ratio.value


def apart(chosen: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """What sets yours of a run apart from yours of another one, as far as the work can tell; "" where nothing does."""
    pairs = zip(_parts(chosen), _parts(other), strict=True)
    return ", ".join(mine for mine, others in pairs if mine != others)


def _parts(chosen: Mapping[str, Any]) -> tuple[str, str, str]:
    work, indexes, batch = (chosen[name] for name in ("work", "indexes", "batch"))
    known = {0: "without indexes", len(INDEXED): "all indexes"}
    often = {1: "single commits", LOADED: "in one commit"}.get(batch, f"{batch} a commit") if work == LOAD else ""
    durable = ("durable" if chosen["durable"] else "not durable") if work in WRITING else ""
    return known.get(indexes, f"{indexes} of {len(INDEXED)} indexes"), often, durable


def recommend(is_complex: bool, users: int, reads_per_write: float) -> str:
    """Common advice, here put to the test: which profile for which work."""
    if not is_complex and users > 1_000:
        return OLTP
    return OLAP if is_complex and reads_per_write > 10 else BALANCED


ASKED: Mapping[str, tuple[str, str]] = {
    FIND: ("simple, 2,000 users", recommend(False, 2_000, 20)),
    ORDER: ("simple, 2,000 users", recommend(False, 2_000, 0.5)),
    LOAD: ("simple, 1 user, only writes", recommend(False, 1, 0)),
    REPORT: ("complex, 100 reads for each write", recommend(True, 10, 100)),
}
"""How each work looks to the advice, and what it says of it."""


def advised(work: str) -> str:
    """The profile that is advised for a work."""
    return ASKED[work][1]


STEP = 0.11
"""Of a row, so that equal times do not hide each other."""


def height(work: str, name: str) -> float:
    """Where a side lies within the row of a work."""
    return WORKS.index(work) + STEP * (NAMES.index(name) - (len(NAMES) - 1) / 2)


def newest(runs: Sequence[Record]) -> dict[str, Record]:
    """Of each work, the newest run in which all three profiles have been measured."""
    return {run.parameters["work"]: run for run in runs if against_best(run)}


def places(name: str) -> Callable[[Sequence[Record]], Any]:
    """Times the best profile's time, of each work; of yours with the settings of the newest run."""

    def of(runs: Sequence[Record]) -> Any:
        def is_shown(run: Record) -> bool:
            same = {**runs[-1].parameters, "work": run.parameters["work"]} == run.parameters
            return name in against_best(run) and (name != YOURS or same)

        shown = {work: run for work, run in newest(runs).items() if is_shown(run)}
        return [against_best(run)[name].value for run in shown.values()], [height(work, name) for work in shown]

    return of


def expected_places(model: Expected) -> Any:
    """The same by the model, of all sides."""
    found = [(ratio, height(work, name)) for work, of in model.against_best.items() for name, ratio in of.items()]
    return tuple(zip(*found, strict=True))


def judged(runs: Sequence[Record]) -> list[str]:
    """What was advised for each work, and whether it is among the fastest."""
    known = newest(runs)
    return [f"advice: {advised(work)}, {worth(known[work])}" if work in known else "" for work in WORKS]


def worth(run: Record) -> str:
    """Whether the advised profile is the fastest of the three, or near it."""
    first = undefeated(run)
    if len(first) in (0, len(PROFILES)):
        return "all alike" if first else "too few rounds"
    return "right" if advised(run.parameters["work"]) in first else "wrong"


def fastest(run: Record) -> str:
    """The fastest of the three profiles, or those that share the first place."""
    return " or ".join(undefeated(run)) or "too few rounds"


def times_texts(names: Sequence[str]) -> Callable[[Record], list[str]]:
    """How many times the best profile's time each of these sides took."""

    def of(run: Record) -> list[str]:
        known = against_best(run)
        return [
            ("1×" if name == best_of(run) else f"{number(known[name].value)}×") if name in known else ""
            for name in names
        ]

    return of


ROW_NAMES = {
    OLTP: "OLTP: 5 indexes",
    OLAP: "OLAP: 1 covering",
    BALANCED: "balanced: 2",
    DUCKDB: "DuckDB: none",
    SERVER: "PostgreSQL: 2",
    YOURS: "yours",
}
TOLD = {
    FIND: "The 10 orders of a customer are found",
    ORDER: "One order is added",
    LOAD: "1,000 orders are added",
    REPORT: "All are summed up",
}
SET_UP = {
    OLTP: "5 indexes, 1 order a commit",
    OLAP: "1 covering index, 10,000 a commit",
    BALANCED: "2 indexes, 100 a commit",
    DUCKDB: "columns, no index, 1,000 a commit",
    SERVER: "2 indexes, 100 a commit by COPY, a server",
    YOURS: "as chosen",
}


def time_text(name: str, run: Record) -> str:
    """A side's time with its interval; where it writes, also in synced writes of this run."""
    synced = against(run, name, PROBE)
    if name not in times_of(run):
        return str(run.fact("missing", DASH)) if name == SERVER else DASH
    said = estimate_text(times_of(run)[name])
    return said if synced is None or name == PROBE else f"{said}; {number(synced.value)} synced writes"


def rows_of(names: Sequence[str]) -> Iterator[tuple[str, Callable[[Record], str]]]:
    """Rows of a table, one for each of these sides; and why PostgreSQL is missing, where it is none of them."""
    yield from ((f"{name}: {SET_UP[name]}", partial(time_text, name)) for name in names)
    if SERVER not in names:
        yield SERVER, lambda _: POSTGRESQL.why_missing()


def compare(record: Record, pinned: Record) -> tuple[str, str] | None:
    """Yours beside the pinned run's, by rounds that were measured in turns."""
    ratio = by_rounds(record, pinned)
    if ratio is None or record.parameters["work"] != pinned.parameters["work"]:
        return None
    return f"Yours is {against_pinned(ratio)}.", ratio.verdict


def advice_text(run: Record) -> str:
    """What is advised for the work, and why."""
    how, profile = ASKED[run.parameters["work"]]
    return f"{profile} ({how})"


def expected_text(name: str, run: Record) -> str:
    """What the model expects of a side, with writes that wait as long as this run's."""
    found = expected_in(run)
    return duration(found[name].value) if name in found else DASH


def with_its_fsync(names: Sequence[str], run: Record) -> Any:
    """Data of a `Line`: the model of a work that writes, with writes that wait as long as this run's."""
    return values_in(names, expected_in(run)) if run.parameters["work"] in WRITING else None
