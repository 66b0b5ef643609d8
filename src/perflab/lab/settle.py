"""What settles a prediction or judges a claim: the newest run, or pair of runs, with the settings in question."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from perflab.lab.record import Record

Found = TypeVar("Found")
Settle = Callable[[Sequence[Record]], Found | None]


def nearest(choices: Mapping[str, float], value: float) -> str:
    """The choice whose number is nearest to `value`, as a ratio."""
    return min(choices, key=lambda text: abs(math.log(max(value, 1e-9) / choices[text])))


def one_run(find: Callable[[Record], Found | None], **where: Any) -> Settle[Found]:
    """What the newest run with these parameters shows; runs that show nothing (None) are passed over."""

    def settle(records: Sequence[Record]) -> Found | None:
        asked = (run for run in reversed(records) if where.items() <= run.parameters.items())
        return next((found for run in asked if (found := find(run)) is not None), None)

    return settle


def two_runs(control: str, find: Callable[[Record, Record], Found | None]) -> Settle[Found]:
    """What the newest pair of runs shows that differ in one control only: `find` gets the one with less of it first."""

    def settle(records: Sequence[Record]) -> Found | None:
        return next((found for less, more in pairs(records, control) if (found := find(less, more)) is not None), None)

    return settle


def pairs(records: Sequence[Record], control: str) -> list[tuple[Record, Record]]:
    """Pairs of runs that differ in one control only, (less, more) of it, the newest first."""
    return [
        (less, more)
        for more in reversed(records)
        for less in reversed(records)
        if {**less.parameters, control: 0} == {**more.parameters, control: 0}
        and less.parameters[control] < more.parameters[control]
    ]
