"""What the findings of several labs share: a median that the clock can tell, and numbers beside those of the pinned run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from perflab.lab import Record
from perflab.lab.verdict import LATENCY, step_of, summary_of


def median_told(record: Record) -> float:
    """The median (ns) that the verdict tells; NaN without any call, and below a step of the clock."""
    if not record.column(LATENCY).size:
        return np.nan
    summary = summary_of(record)
    return summary.median if summary.median > 0 and summary.median >= step_of(record, summary) else np.nan


def change_said(changed: str, record: Record, pinned: Record, says: Mapping[str, str]) -> str:
    """How a sentence about that change begins, by a format of both values and the plural's `s`: `With 4 threads instead of 2`."""
    now, then = record.parameters[changed], pinned.parameters[changed]
    return says[changed].format(now, then, s="" if now == 1 else "s")


def against(now: str, then: str) -> str:
    """A text beside that of the pinned run: `20 instead of 50`; `50, as before` where both are the same."""
    return f"{now}, as before" if now == then else f"{now} instead of {then}"
