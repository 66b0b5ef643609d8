"""What is claimed of each lever, and what the runs so far say of it: holds, reversed, or depends on a condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from perflab.chapters.trade_off.levers_model import (
    ASYNC,
    AT_ONCE,
    CACHING,
    COMPRESSION,
    CONDITIONS,
    POOLING,
    TIMED,
    rows_of,
)
from perflab.chapters.trade_off.plane import ALONE, PER_S, change, direction, times_said
from perflab.lab import Record
from perflab.lab.verdict import NOISY
from perflab.measure import Ratio, count
from perflab.measure.compare import TOO_CLOSE


class Claimed(NamedTuple):
    """What is commonly said that a lever does: the words, 1 for up and -1 for down, and whether it always does."""

    text: str
    way: int
    is_firm: bool = True


BATCHING = Claimed("up", 1), Claimed("up", 1)
CLAIMED: dict[str, tuple[Claimed, Claimed]] = {
    TIMED: BATCHING,
    AT_ONCE: BATCHING,
    CACHING: (Claimed("down", -1), Claimed("up", 1)),
    POOLING: (Claimed("slightly up", 1), Claimed("significantly up", 1)),
    COMPRESSION: (Claimed("up", 1), Claimed("maybe up", 1, is_firm=False)),
    ASYNC: (Claimed("may rise", 1, is_firm=False), Claimed("up", 1)),
}
"""Of latency and of throughput, in this order."""
COLUMNS = ALONE, PER_S
MIN_TOLD = 4
HOLDS, REVERSED, NO_CHANGE = "holds", "reversed", "no change"


def way_of(run: Record, column: str) -> int | None:
    """1 for more than the baseline, -1 for less, 0 for practically as much; None where the run cannot tell."""
    found = change(run, column)
    return None if found is None or is_noisy(run) else direction(found)


def is_noisy(run: Record) -> bool:
    """Whether the machine was too busy during the run for it to judge anything."""
    return run.noise is not None and run.noise.noisy


def verdict_on(run: Record, axis: int) -> str:
    """What a run says of the claim on latency (0) or throughput (1)."""
    way = way_of(run, COLUMNS[axis])
    if way is None:
        return NOISY if is_noisy(run) else TOO_CLOSE
    return NO_CHANGE if way == 0 else HOLDS if way == CLAIMED[run.parameters["lever"]][axis].way else REVERSED


def claim_text(run: Record, axis: int) -> str:
    """The claim and what a run says of it."""
    return f"“{CLAIMED[run.parameters['lever']][axis].text}”, {verdict_on(run, axis)}"


def arrow(lever: str, axis: int) -> str:
    """The claim as an arrow."""
    return "↑" if CLAIMED[lever][axis].way > 0 else "↓"


def same_conditions(runs: Sequence[Record]) -> dict[str, Record]:
    """Of each lever the newest run under the conditions of the newest run."""
    return {run.parameters["lever"]: run for run in runs if not differing(run, runs[-1])}


def changes_of(runs: Sequence[Record]) -> dict[str, Ratio]:
    """Row by row, how many times the baseline's number a lever's is, of the runs under the newest conditions."""
    found: dict[str, Ratio] = {}
    for lever, run in same_conditions(runs).items():
        ratios = (change(run, column) for column in COLUMNS)
        found |= {row: ratio for row, ratio in zip(rows_of(lever), ratios, strict=True) if ratio is not None}
    return found


def differing(first: Record, second: Record) -> list[str]:
    """In which conditions two runs differ."""
    return [name for name in CONDITIONS if first.parameters[name] != second.parameters[name]]


def depends_on(run: Record, runs: Sequence[Record], axis: int) -> tuple[str, Record] | None:
    """The condition in which alone another run of this lever differs whose number went another way, and that run."""
    way = way_of(run, COLUMNS[axis])
    for other in reversed(runs):
        if other.parameters["lever"] != run.parameters["lever"] or len(differing(run, other)) != 1:
            continue
        if None not in (way, theirs := way_of(other, COLUMNS[axis])) and theirs != way:
            return differing(run, other)[0], other
    return None


def judged(runs: Sequence[Record]) -> dict[str, str]:
    """Row by row, what the runs so far say of each claim; nothing while one is under way."""
    found = {}
    for lever, run in same_conditions(runs).items():
        if run.status == "running":
            continue
        for axis, row in enumerate(rows_of(lever)):
            depends = depends_on(run, runs, axis)
            found[row] = f"depends on {depends[0]}" if depends else verdict_on(run, axis)
    return found


def both_claims(run: Record) -> tuple[bool, str] | None:
    """Whether both claims on a run's lever hold, with the numbers; None where neither is refuted and one cannot be told."""
    fits = [_fits(run, axis) for axis in (0, 1)]
    if None in fits and False not in fits:
        return None
    return False not in fits, changes_said(run)


def _fits(run: Record, axis: int) -> bool | None:
    """Whether a run agrees with the claim on an axis; with one that something may change does no change as well."""
    way, claim = way_of(run, COLUMNS[axis]), CLAIMED[run.parameters["lever"]][axis]
    return None if way is None else way == claim.way or (way == 0 and not claim.is_firm)


def of_lever(lever: str, runs: Sequence[Record]) -> Iterator[tuple[bool, str] | None]:
    """What each run of a lever says of both claims, the newest first; where one condition turns it, both runs."""
    own = [run for run in reversed(runs) if run.parameters["lever"] == lever]
    for run in own:
        found = both_claims(run)
        if found is not None and not found[0]:
            wrong = [axis for axis in (0, 1) if _fits(run, axis) is False]
            others = (other for other in own if all(_fits(other, axis) for axis in wrong))
            turned = next((other for other in others if len(differing(run, other)) == 1), None)
            if turned is not None:
                said = f"it depends on {differing(run, turned)[0]}: {changes_said(run)[:-1]}; {changes_said(turned)}"
                found = False, said
        yield found


def changes_said(run: Record) -> str:
    """Both numbers of a run, and its conditions."""
    latency, capacity = (times_said(change(run, column)) for column in COLUMNS)
    return f"{conditions_text(run)}: latency alone {latency}, capacity {capacity}."


def conditions_text(run: Record) -> str:
    """The conditions of a run, as its controls show them."""
    commits, link, threads = (run.parameters[name] for name in CONDITIONS)
    return f"{commits} commit{'s' * (commits > 1)}, {count(link)} Mb/s, {threads} thread{'s' * (threads > 1)}"


def favour_one(runs: Sequence[Record]) -> tuple[bool, str] | None:
    """Whether most settings that were tried gain on one axis what they lose on the other; None before four of them can tell."""
    ways = {tuple(run.parameters.values()): [way_of(run, column) for column in COLUMNS] for run in runs if _tells(run)}
    if len(ways) < MIN_TOLD:
        return None
    traded = sum(latency == capacity != 0 for latency, capacity in ways.values())
    return 2 * traded > len(ways), f"{traded} of {len(ways)} settings gained on one axis and lost on the other."


def _tells(run: Record) -> bool:
    return all(way_of(run, column) is not None for column in COLUMNS)
