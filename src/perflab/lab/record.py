"""Records: what a run measured, frozen. Charts, verdicts and exports are made from records only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.measure.noise import NoiseLedger
from perflab.measure.units import count, duration

Status = Literal["running", "complete", "stopped", "failed"]


@dataclass(frozen=True, eq=False)
class Record:
    """One run of one lab, or the part of it that has been measured so far (`status` "running")."""

    lab: str
    parameters: Mapping[str, Any]
    seed: int
    started: str
    frame: Frame = field(default_factory=Frame)
    measured_s: float = 0.0
    status: Status = "running"
    noise: NoiseLedger | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """What the lab's calibration had measured on this machine."""
    turns: str = ""
    """Runs with the same name here were measured in turns, slice by slice."""
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of each column, how many samples each slice brought."""
    chapter: str = ""

    def column(self, name: str) -> NDArray[Any]:
        """The samples called `name`, in the order they were taken; empty when there are none."""
        return np.asarray(self.frame.samples.get(name, np.empty(0)))

    def slices(self, name: str) -> list[NDArray[Any]]:
        """The samples called `name`, slice by slice."""
        ends = np.cumsum(self.sizes.get(name, ()), dtype=int)
        return np.split(self.column(name), ends[:-1])

    def count(self, name: str) -> int:
        """The sum of the counts called `name` over all slices; 0 when never counted."""
        return self.frame.counts.get(name, 0)

    def fact(self, name: str, default: Any = None) -> Any:
        """The newest fact called `name`."""
        return self.frame.facts.get(name, default)

    @property
    def ending(self) -> str:
        """How the run ended, how much it measured, and how quiet the machine was."""
        took = f"{'Stopped' if self.status == 'stopped' else 'Done'} after {duration(self.measured_s * 1e9)}"
        quiet = f" · {self.noise.sentence}" if self.noise is not None else ""
        return f"{took} · {count(self.calls)} calls{quiet}"

    @property
    def calls(self) -> int:
        """How many calls were measured: the count "calls", or the length of the longest column where there is no such count."""
        longest = max((len(column) for column in self.frame.samples.values()), default=0)
        return self.frame.counts.get("calls", longest)


def measured_in_turns(first: Record, second: Record) -> bool:
    """Whether two runs were measured slice by slice in turns, so that what disturbed one disturbed the other too."""
    return first is not second and first.turns == second.turns != ""
