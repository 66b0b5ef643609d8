"""A run as it is ordered: what travels to the worker, and the blank records that it will fill."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from perflab.lab.budget import budget_of
from perflab.lab.calibration import Calibration
from perflab.lab.record import Record
from perflab.lab.run import Part, Run, RunOwner
from perflab.lab.spec import LabSpec


def new_run(
    lab: LabSpec,
    number: int,
    owner: RunOwner,
    parameters: Mapping[str, Any],
    pinned: Record | None,
    calibration: Calibration,
) -> Run:
    """A run with these parameters, in turns with those of the pinned run if there is one; or its calibration first."""
    settings = [parameters] if pinned is None else [parameters, pinned.parameters]
    missing = calibration.missing(*settings)
    if calibrates := missing is not None:
        settings = [missing]
    seed, started = secrets.randbits(32), datetime.now(UTC).isoformat()
    turns = f"{started} {seed}" if len(settings) > 1 else ""
    blank = Record(
        lab.name, {}, seed, started, code=lab.code, constants=calibration.constants, turns=turns, chapter=lab.chapter
    )
    parts = [Part(replace(blank, parameters=each)) for each in settings]
    experiment, sent = lab.sent(settings, calibrates)
    return Run(number, owner, experiment, sent, seed, len(settings) * budget_of(lab, calibrates), parts, calibrates)
