"""What checks of exercises have in common: an answer among several, and functions that learners write."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from reprlib import repr as in_short
from textwrap import shorten
from typing import Any, TypeVar

from perflab.lab import Record
from perflab.lab.front_end import shows_cells
from perflab.lab.verdict import LATENCY
from perflab.measure.guards import BadInput, is_number
from perflab.measure.units import count

OPEN = "Not done yet. " if shows_cells() else "To do in JupyterLab, where cells can be edited. "
RIGHT = "Right"
MAX_MESSAGE_CHARS = 120

Returned = TypeVar("Returned")


def judge(answer: str | None, told: Mapping[str, str]) -> None:
    """Print what is `told` of the answer; of the right one it begins with "Right"."""
    choices = ", ".join(f'"{choice}"' for choice in told)
    found = {plain(choice): said for choice, said in told.items()}.get(plain(answer)) if answer is not None else None
    if answer is None:
        print(f"{OPEN}Write one of: {choices}.")
    elif found is None:
        print(f"{in_short(answer)} is none of: {choices}.")
    else:
        print(found if found.startswith(RIGHT) else f"Not yet: {found}")


def plain(answer: Any) -> str:
    """Without regard to case, blanks, hyphens, or quotes that were typed twice."""
    return " ".join(re.findall(r"\w+", answer.replace("_", " ").lower())) if isinstance(answer, str) else ""


def is_run_of(record: Any, lab: str, needs: str = LATENCY) -> bool:
    """Whether this is a run of the lab of that name with samples in the column `needs`; if not, print what it is instead."""
    fault = ""
    if not isinstance(record, Record):
        fault = f"{in_short(record)} is no run. Keep what `lab.run(...)` returns."
    elif record.lab != lab:
        fault = (
            f"this is a run of the lab {record.lab.replace('_', ' ')!r}; it should be one of {lab.replace('_', ' ')!r}."
        )
    elif record.status == "failed" or not record.column(needs).size:
        fault = "this run has measured nothing that counts. Run it again, and let it come to its end."
    if fault:
        print(f"Not yet: {fault}")
    return not fault


def is_function(value: Any, how: str) -> bool:
    """Whether this can be called; if not, print what it is instead, and `how` to hand over a function."""
    if not callable(value):
        print(f"Not yet: {in_short(value)} is no function. {how}")
    return callable(value)


def attempt(call: Callable[[], Returned], how: str) -> Returned | None:
    """What a call of the learner's function returns; where it fails, print `how` it is used, and what it raised."""
    try:
        return call()
    except (Exception, SystemExit) as error:  # whatever a function of the learner's raises is said, not thrown
        print(f"Not yet: {how} {in_words(error)}")
        return None


@dataclass(frozen=True)
class Case:
    """One question to a function of the learner's, whose answer is right within `near`."""

    asked: str
    answer: Callable[[], Any]
    expected: float
    near: float

    def fault(self, unit: str) -> str:
        """What is wrong with the answer; empty where it is right."""
        try:
            found = self.answer()
            shown = f"{float(found):.6g}{unit}" if is_number(found) else in_short(found)
        except (Exception, SystemExit) as error:  # as above
            return f"{self.asked} yours fails ({in_words(error)}); it is {self.expected:g}{unit}."
        if is_number(found) and abs(found - self.expected) <= self.near:
            return ""
        return f"{self.asked} yours says {shown}; it is {self.expected:g}{unit}."


def judge_cases(cases: Sequence[Case], right: str, what: str = "logs", unit: str = "") -> bool:
    """Print how many answers are wrong, and the first of them; `right` where none is, which is returned."""
    if wrong := [fault for case in cases if (fault := case.fault(unit))]:
        print(f"{OPEN}Still wrong for {count(len(wrong))} of {count(len(cases))} {what}. The first, {wrong[0]}")
    else:
        print(f"{RIGHT}: {right}")
    return not wrong


def in_words(error: BaseException) -> str:
    """What was raised, in short."""
    said = str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
    return shorten(said, MAX_MESSAGE_CHARS, placeholder=" …")
