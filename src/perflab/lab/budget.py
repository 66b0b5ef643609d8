"""How long a run may measure, and what cuts that short where notebooks are tested."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from perflab.measure.guards import BadInput

if TYPE_CHECKING:
    from perflab.lab.spec import LabSpec

BUDGET, REHEARSAL = "PERFLAB_BUDGET_S", "PERFLAB_REHEARSE"
MAX_BRIEF_S = 10.0
MAX_CALIBRATION_S = 60.0


def rehearsal_s() -> float | None:
    """The seconds of every run in a rehearsal, or None when people are learning.

    In a rehearsal a lab runs in the cell that shows it, and an error in it is an error of that cell.
    """
    return _seconds(REHEARSAL)


def budget_of(lab: LabSpec, calibrates: bool = False) -> float:
    """Seconds of measuring in one run of `lab`; a calibration comes to its own end, unless that is very late."""
    return MAX_CALIBRATION_S if calibrates else rehearsal_s() or _seconds(BUDGET) or lab.budget_s


def _seconds(name: str) -> float | None:
    """The number of seconds in an environment variable, or None where it is not set."""
    text = os.environ.get(name, "")
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_BRIEF_S:
        raise BadInput(f"{name} must be a number of seconds above 0 and up to {MAX_BRIEF_S:g}; got {text!r}.")
    return seconds
