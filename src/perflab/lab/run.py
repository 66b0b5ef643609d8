"""A run in progress: what was asked, what has come in, and when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from perflab.lab.record import Record, Status
from perflab.lab.turns import TURN
from perflab.measure.frame import Frame, merge
from perflab.measure.noise import NoiseLedger
from perflab.measure.units import count

MAX_FIRST_SLICE_S = 0.2
MAX_SAMPLES = 500_000
MIN_TIMEOUT_S = 0.05


class RunOwner(Protocol):
    """What asks the conductor for runs, and is told what becomes of them."""

    def __hash__(self) -> int: ...
    def begin(self, number: int) -> Run: ...
    def wait_for_others(self, ahead: int) -> None: ...
    def on_cancelled(self) -> None: ...
    def say_interrupted(self) -> None: ...
    def show_slice(self, run: Run) -> None: ...
    def complete(self, run: Run, noise: NoiseLedger | None, environment: Mapping[str, Any]) -> None: ...
    def fail(self, message: str, traceback: str, blame: str, run: Run | None = None) -> None: ...
    def on_worker_lost(self, how: str, log: str, run: Run | None = None) -> None: ...
    def on_no_worker(self, log: str, run: Run) -> None: ...


@dataclass
class Part:
    """What the slices of one setting have brought."""

    blank: Record
    seconds: float = 0.0
    frames: list[Frame] = field(default_factory=list)
    sizes: list[dict[str, int]] = field(default_factory=list)

    def add(self, frame: Frame, seconds: float) -> None:
        """One slice more. The first holds the experiment's preparations, which do not count against its budget."""
        self.seconds += seconds if self.sizes else min(seconds, MAX_FIRST_SLICE_S)
        self.frames.append(frame)
        self.sizes.append({name: column.size for name, column in frame.samples.items()})

    def record(self) -> Record:
        """All of them as one record."""
        merged = merge(self.frames)
        self.frames = [merged] if self.frames else []
        sizes = {name: tuple(slice_.get(name, 0) for slice_ in self.sizes) for name in merged.samples}
        return replace(self.blank, frame=merged, measured_s=self.seconds, sizes=sizes)


@dataclass(eq=False)
class Run:
    """Mutable, and owned by the conductor's thread. Where it measures the pinned setting in turns, that is `parts[1]`."""

    number: int
    owner: RunOwner
    experiment: bytes
    parameters: Mapping[str, Any]
    seed: int
    budget_s: float
    parts: Sequence[Part]
    calibrates: bool = False
    superseded: bool = False
    has_ended: bool = False
    """The experiment came to its own end; otherwise it was cut off."""
    stop_by: float | None = None
    """By when a stopped run has to be over, on the conductor's clock."""
    _prepared_at: float | None = None

    def add(self, frame: Frame, seconds: float, now: float) -> None:
        """Take in one slice."""
        self.parts[int(frame.facts.get(TURN, 0))].add(frame, seconds)
        if self._prepared_at is None and not self.prepares:
            self._prepared_at = now

    @property
    def measured_s(self) -> float:
        """How long it has measured, all settings together."""
        return sum(part.seconds for part in self.parts)

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
        return any(part.sizes for part in self.parts)

    @property
    def prepares(self) -> bool:
        """Whether the first slice of a setting is still to come."""
        return not all(part.sizes for part in self.parts)

    @property
    def left_s(self) -> float:
        """What is left of its budget."""
        return max(0.0, self.budget_s - self.measured_s)

    def progress(self, calls: int) -> tuple[float, str]:
        """The share of its budget that is used, and what is left, in words."""
        return 1 - self.left_s / self.budget_s, f"{self.left_s:.1f} s left · {count(calls)} calls"

    def is_over(self, now: float) -> bool:
        """Measured for as long as its budget, or twice as long by the wall clock, or as much as memory allows."""
        waited_s = 0.0 if self._prepared_at is None else now - self._prepared_at
        samples = sum(column.size for part in self.parts for frame in part.frames for column in frame.samples.values())
        return self.measured_s >= self.budget_s or waited_s >= 2 * self.budget_s or samples >= MAX_SAMPLES

    def records(
        self, status: Status = "running", noise: NoiseLedger | None = None, environment: Mapping[str, Any] | None = None
    ) -> list[Record]:
        """What has been measured so far, frozen: of the setting that was asked for, then of the pinned one if it is measured."""
        ended: dict[str, Any] = {"status": status, "noise": noise, "environment": environment or {}}
        return [replace(part.record(), **ended) for part in self.parts]
