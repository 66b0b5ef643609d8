"""What checks of exercises have in common: an answer among several, and functions that learners write."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from reprlib import repr as in_short
from textwrap import shorten
from typing import Any, TypeVar

import numpy as np

from perflab.chapters.deadline import TookTooLong, deadline
from perflab.lab import Record
from perflab.lab.front_end import shows_cells
from perflab.lab.verdict import LATENCY
from perflab.measure.guards import BadInput, is_number
from perflab.measure.units import count

OPEN = "Not done yet. " if shows_cells() else "To do in JupyterLab, where cells can be edited. "
RIGHT = "Right"
MAX_MESSAGE_CHARS = 120
FAULTS = (Exception, SystemExit, TookTooLong)
"""Whatever a function of the learner's raises is said, not thrown."""

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


def is_run_of(record: Any, lab: str, needs: str = LATENCY, settings: Iterable[str] = ()) -> bool:
    """Whether this is a run of the lab of that name with samples in the column `needs` and these `settings`; if not, print what
    it is instead.
    """
    fault = ""
    if not isinstance(record, Record):
        fault = f"{in_short(record)} is no run. Keep what `lab.run(...)` returns."
    elif record.lab != lab:
        fault = (
            f"this is a run of the lab {record.lab.replace('_', ' ')!r}; it should be one of {lab.replace('_', ' ')!r}."
        )
    elif missing := [name for name in settings if name not in record.parameters]:
        fault = f"this run has no setting {missing[0]!r}, so it is not one of this notebook's lab {lab.replace('_', ' ')!r}."
    elif record.status == "failed" or not record.column(needs).size:
        fault = "this run has measured nothing that counts. Run it again, and let it come to its end."
    elif np.isnan(record.column(needs)).any():
        fault = "this run has values that are no numbers (NaN). Run it again."
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
        with deadline():
            return call()
    except FAULTS as error:
        print(f"Not yet: {how} {in_words(error)}")
        return None


def as_number(value: Any) -> float | None:
    """A number of any kind (Python's, NumPy's, `Decimal`, an array of one), infinite where it is too large; else None."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if not is_number(value) and not isinstance(value, Decimal):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def numbers_of(returned: Any, most: int) -> list[float]:
    """The numbers in what a function returned: any iterable of them, of which no more than `most` + 1 are looked at."""
    if returned is None:
        raise BadInput("It returned None: is there a `return`?")
    if isinstance(returned, str | bytes | Mapping) or not isinstance(returned, Iterable):
        raise BadInput(f"It returned {in_short(returned)}.")
    found = [as_number(value) for value in islice(returned, most + 1)]
    told = [value for value in found if value is not None]
    if len(told) < len(found):
        raise BadInput("It returned something in which not every value is a number.")
    return told


def decision(returned: Any) -> bool:
    """What a policy returned, if that says yes or no: a truth value (NumPy's too) or a number."""
    value = returned.item() if isinstance(returned, np.bool_ | np.ndarray) and returned.size == 1 else returned
    number = as_number(value)
    if not isinstance(value, bool) and (number is None or math.isnan(number)):
        raise BadInput(f"It returned {in_short(returned)}; it should return True or False.")
    return bool(value)


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
            with deadline():
                found = self.answer()
            value = as_number(found)
            shown = in_short(found) if value is None else f"{value:.6g}{unit}"
        except FAULTS as error:
            return f"{self.asked} yours fails ({in_words(error)}); it is {self.expected:g}{unit}."
        if value is not None and abs(value - self.expected) <= self.near:
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
    said = str(error) if isinstance(error, BadInput | TookTooLong) else f"{type(error).__name__}: {error}"
    return shorten(said, MAX_MESSAGE_CHARS, placeholder=" …")
