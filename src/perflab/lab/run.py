"""A run in progress: what was asked, what has come in, and when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from perflab.lab.record import Record, Status
from perflab.measure.frame import Frame, merge
from perflab.measure.noise import NoiseLedger

MAX_FIRST_SLICE_S = 0.2
MAX_SAMPLES = 500_000
MIN_TIMEOUT_S = 0.05


class RunOwner(Protocol):
    """What asks the conductor for runs, and is told what becomes of them."""

    def __hash__(self) -> int: ...
    def begin(self, number: int) -> Run: ...
    def wait_for_others(self) -> None: ...
    def on_cancelled(self) -> None: ...
    def say_interrupted(self) -> None: ...
    def show_slice(self, run: Run) -> None: ...
    def complete(self, run: Run, noise: NoiseLedger | None, environment: Mapping[str, Any]) -> None: ...
    def fail(self, message: str, traceback: str, blame: str, run: Run | None = None) -> None: ...
    def on_worker_lost(self, how: str, log: str, run: Run | None = None) -> None: ...


@dataclass(eq=False)
class Run:
    """Mutable, and owned by the conductor's thread."""

    number: int
    owner: RunOwner
    experiment: bytes
    parameters: Mapping[str, Any]
    seed: int
    budget_s: float
    blank: Record
    calibrates: bool = False
    superseded: bool = False
    has_ended: bool = False
    """The experiment came to its own end; otherwise it was cut off."""
    measured_s: float = 0.0
    stop_by: float | None = None
    """By when a stopped run has to be over, on the conductor's clock."""
    _frames: list[Frame] = field(default_factory=list)
    _first_at: float | None = None

    def add(self, frame: Frame, seconds: float, now: float) -> None:
        """Take in one slice. The first holds the experiment's preparations, which do not count against its budget."""
        if self._first_at is None:
            self._first_at = now
            seconds = min(seconds, MAX_FIRST_SLICE_S)
        self._frames.append(frame)
        self.measured_s += seconds

    def stop(self, by: float) -> None:
        """Keep what there is, and be over by then."""
        self.stop_by = by

    @property
    def stopped(self) -> bool:
        """Whether it was ended before its time."""
        return self.stop_by is not None

    def patience_s(self, usual_s: float, now: float) -> float:
        """How long to wait for the end of this run: less where it was stopped."""
        return usual_s if self.stop_by is None else max(MIN_TIMEOUT_S, self.stop_by - now)

    @property
    def is_begun(self) -> bool:
        """Whether anything was measured."""
        return self._first_at is not None

    @property
    def left_s(self) -> float:
        """What is left of its budget."""
        return max(0.0, self.budget_s - self.measured_s)

    def is_over(self, now: float) -> bool:
        """Measured for as long as its budget, or twice as long by the wall clock, or as much as memory allows."""
        waited_s = 0.0 if self._first_at is None else now - self._first_at
        samples = sum(column.size for frame in self._frames for column in frame.samples.values())
        return self.measured_s >= self.budget_s or waited_s >= 2 * self.budget_s or samples >= MAX_SAMPLES

    def record(
        self, status: Status = "running", noise: NoiseLedger | None = None, environment: Mapping[str, Any] | None = None
    ) -> Record:
        """What has been measured so far, frozen."""
        merged = merge(self._frames)
        self._frames = [merged] if self._frames else []
        whole = replace(self.blank, frame=merged, measured_s=self.measured_s, status=status)
        return replace(whole, noise=noise, environment=environment or {})
