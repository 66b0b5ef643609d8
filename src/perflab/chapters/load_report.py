"""What labs that do not yet use `perflab.chapters.load` by itself take of it, in the form of before."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from perflab.chapters import load
from perflab.chapters.load import (
    NOT_SHOWN,
    Load,
    failures_said,
    is_impossible,
    lateness_said,
    mean_response_ns,
    replay_text,
    too_late,
)
from perflab.lab import Record, Verdict
from perflab.measure.units import count
from perflab.theory.replay import Replay

__all__ = ["NOT_SHOWN", "failures_said", "is_impossible", "lateness_said", "mean_response_ns", "too_late"]

Row = tuple[str, ...]
PARTS, REPLAYED = load.PARTS[0], load.replayed()[0]
TIMES = re.compile("response|time inside")


def too_slow(record: Record, most_late_ns: float) -> Verdict | None:
    return too_late(record, most_late_ns)


def impossible(said: str, most_per_s: float) -> Verdict:
    reason = f"more than the limit of {count(most_per_s)}/s: the machine has changed its speed"
    return Verdict(f"{said}, {reason}. Do not trust this run.", "invalid")


def without_times(rows: Sequence[Row], runs: Sequence[Record]) -> list[Row]:
    late = [too_late(run) is not None for run in runs]
    return [
        (name, *(NOT_SHOWN if hide and TIMES.search(name) else cell for cell, hide in zip(cells, late, strict=True)))
        for name, *cells in rows
    ]


def came_per_s(record: Record) -> float:
    return Load(record).offered_per_s


def per_s_since(record: Record, column: str, since_s: float) -> float:
    found = Load(record, since_s)
    return found.offered_per_s if column == "came_s" else found.throughput_per_s


def load_rows(runs: Sequence[Record], asked_s: float = np.inf) -> list[Row]:
    rows = (load.FAILED, load.sent(asked_s), load.LATENESS)
    return [(name, *map(text, runs)) for name, text in rows]


def replayed(record: Record, servers: int) -> Replay | None:
    return Load(record).replay(servers)


def replayed_each(record: Record, servers: int = 1, prefix: str = "") -> Replay | None:
    return Load(record).replay(servers, prefix)


def replay_row(found: Sequence[Replay | None]) -> Row:
    return (REPLAYED, *map(replay_text, found))


def parts_row(runs: Sequence[Record]) -> Row:
    return (PARTS, *map(load.PARTS[1], runs))
