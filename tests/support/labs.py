"""Every lab of the collection, found by looking: tests over all labs cannot forget one."""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Mapping
from typing import Any

import perflab.chapters
from perflab.lab import Lab
from perflab.measure.frame import Frame, merge


def find_labs() -> dict[str, Any]:
    """Name ("chapter.lab") and `lab` function of each lab."""
    modules = pkgutil.walk_packages(perflab.chapters.__path__, "perflab.chapters.")
    found = {}
    for info in modules:
        module = importlib.import_module(info.name)
        if not info.ispkg and hasattr(module, "lab"):
            found[info.name.removeprefix("perflab.chapters.")] = module.lab
    return found


def measure(lab: Lab, seconds: float, **parameters: Any) -> Frame:
    """Run the lab's experiment here, without worker or widgets, for about so long."""
    checked = lab.check(parameters)
    seeded = "seed" in lab.experiment.__code__.co_varnames[: lab.experiment.__code__.co_argcount]
    slices = lab.experiment(**checked, **({"seed": 1} if seeded else {}))
    frames, started = [], time.monotonic()
    try:
        for frame in slices:
            frames.append(frame)
            if time.monotonic() - started > seconds:
                break
    finally:
        slices.close()  # type: ignore[attr-defined]
    return merge(frames)


def constants_of(lab: Lab) -> Mapping[str, Any] | None:
    """What the lab's calibration finds on this machine."""
    return merge(lab.calibrate()).facts if lab.calibrate is not None else None
