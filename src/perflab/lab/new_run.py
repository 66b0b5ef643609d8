"""A run as it is ordered: what travels to the worker, and the blank records that it will fill."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from perflab.lab.budget import budget_of
from perflab.lab.record import Record
from perflab.lab.run import Part, Run, RunOwner
from perflab.lab.spec import LabSpec


def new_run(
    lab: LabSpec,
    number: int,
    owner: RunOwner,
    parameters: Mapping[str, Any] | None,
    pinned: Record | None,
    constants: Mapping[str, Any] | None = None,
) -> Run:
    """A run with these parameters, in turns with those of the pinned run if there is one; without parameters a calibration."""
    calibrates = parameters is None
    settings: list[Mapping[str, Any]] = [parameters or {}]
    if pinned is not None and not calibrates:
        settings.append(pinned.parameters)
    seed, started = secrets.randbits(32), datetime.now(UTC).isoformat()
    turns = f"{started} {seed}" if len(settings) > 1 else ""
    blank = Record(
        lab.name, {}, seed, started, code=lab.code, constants=constants or {}, turns=turns, chapter=lab.chapter
    )
    parts = [Part(replace(blank, parameters=each)) for each in settings]
    experiment, sent = lab.sent(settings, calibrates)
    return Run(number, owner, experiment, sent, seed, len(settings) * budget_of(lab, calibrates), parts, calibrates)
