"""Every lab of the collection, found by looking: tests over all labs cannot forget one."""

from __future__ import annotations

import gc
import importlib
import inspect
import itertools
import pkgutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import perflab.chapters
from perflab.lab import Lab, Record
from perflab.lab.run import Part
from perflab.lab.turns import TURN, in_turns
from perflab.measure.frame import Frame, merge

SEED = 1
"""Of everything that is measured for the tests."""


def find_labs() -> dict[str, Any]:
    """Name ("chapter.lab") and `lab` function of each lab."""
    modules = pkgutil.walk_packages(perflab.chapters.__path__, "perflab.chapters.")
    found = {}
    for info in modules:
        module = importlib.import_module(info.name)
        if not info.ispkg and hasattr(module, "lab"):
            found[info.name.removeprefix("perflab.chapters.")] = module.lab
    return found


def find_lab(name: str) -> Any:
    """The `lab` function of one lab; its chapter's other modules are not imported."""
    return importlib.import_module(f"{perflab.chapters.__name__}.{name}").lab


def small_heap() -> None:
    """Put what is alive out of the collector's sight: it is the whole suite here, and each measurement collects first."""
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Measured:
    """What a run of an experiment brought, and how long each of its slices took, the first with all preparations."""

    frame: Frame
    slices_s: tuple[float, ...]


def measure(lab: Lab, seconds: float, **parameters: Any) -> Frame:
    """Run the lab's experiment here, without worker or widgets, for about so long after its first slice."""
    return measure_slices(lab, seconds, **parameters).frame


def measure_slices(lab: Lab, seconds: float, fewest: int = 1, seed: int = SEED, **parameters: Any) -> Measured:
    """As `measure`, but with at least so many slices, and how long each took."""
    checked = lab.check(parameters)
    seeded = "seed" in inspect.signature(lab.experiment).parameters
    slices = lab.experiment(**checked, **({"seed": seed} if seeded else {}))
    frames: list[Frame] = []
    small_heap()
    moments = [time.monotonic()]
    try:
        for frame in slices:
            frames.append(frame)
            moments.append(time.monotonic())
            # The first slice has the preparations: they can take longer than all the rest.
            if moments[-1] - moments[1] > seconds and len(frames) >= fewest:
                break
    finally:
        slices.close()  # type: ignore[attr-defined]
    return Measured(merge(frames), tuple(end - start for start, end in itertools.pairwise(moments)))


def measured_together(
    lab: Lab, *settings: Mapping[str, Any], seed: int = SEED, budget_s: float | None = None
) -> tuple[Record, ...]:
    """Records of settings measured in turns, as the worker and the session measure them: each has the lab's budget."""
    return next(growing_together(lab, *settings, seed=seed, budgets_s=[lab.budget_s if budget_s is None else budget_s]))


def growing_together(
    lab: Lab, *settings: Mapping[str, Any], seed: int = SEED, budgets_s: Sequence[float]
) -> Iterator[tuple[Record, ...]]:
    """As `measured_together`: the records of one and the same run whenever each setting has had the next of the budgets."""
    checked = [lab.check(each) for each in settings]
    parts = [Part(Record(lab.name, each, seed, "", turns="together", status="complete")) for each in checked]
    slices = in_turns(partial(lab.experiment, **lab.policy), checked, seed)
    try:
        for budget_s in budgets_s:
            while sum(part.seconds for part in parts) < len(parts) * budget_s or not all(part.sizes for part in parts):
                started = time.perf_counter()
                frame = next(slices, None)
                if frame is None:
                    break
                parts[frame.facts[TURN]].add(frame, time.perf_counter() - started)
            yield tuple(part.record() for part in parts)
    finally:
        slices.close()  # type: ignore[attr-defined]


def calibrations_of(lab: Lab) -> list[dict[str, Any]]:
    """The arguments of all calibrations of the lab."""
    names = (lab.calibrated_by(lab.check({})) or {}).keys()
    each: list[Sequence[Any]] = [lab.controls[name].values for name in names]
    return (
        [dict(zip(names, values, strict=True)) for values in itertools.product(*each)]
        if lab.calibrate is not None
        else []
    )


def constants_of(lab: Lab) -> Mapping[str, Any] | None:
    """What the lab's calibrations find on this machine."""
    if lab.calibrate is None:
        return None
    return merge(frame for arguments in calibrations_of(lab) for frame in lab.calibrate(**arguments)).facts
