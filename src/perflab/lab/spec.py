"""A lab: a question, controls, an experiment, what theory predicts, and the charts that show both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from perflab.lab.controls import Control, check_parameters
from perflab.lab.moments import Moments
from perflab.lab.panel import Panel
from perflab.lab.prediction import Prediction
from perflab.lab.record import Record, measured_in_turns
from perflab.lab.source_text import text_of
from perflab.lab.travel import packed
from perflab.lab.turns import in_turns
from perflab.lab.verdict import (
    INVALID,
    NOISY,
    TableOf,
    Verdict,
    VerdictOf,
    judged,
    latency_table,
    latency_verdict,
    no_rows,
)
from perflab.measure.compare import TOO_CLOSE
from perflab.measure.frame import Frame

ALONE = "Not compared: this run or the pinned run is noisy, or cannot be trusted."
APART = "Not compared: this run and the pinned run were not measured side by side."

SHARED = ("__main__", "exercises")
LONGEST_AT_A_SLIDER_S = 5.0

Experiment = Callable[..., Iterator[Frame]]
FindingOf = Callable[[Record, Record | None], str | None]


@dataclass(frozen=True, eq=False)
class LabSpec:
    """Shown by being the last value of a cell; `run(...)` measures from code and returns the record.

    `experiment` is a generator function of the controls' names (and of `seed` if it wants one) that yields a `Frame` per
    50 to 200 ms of measuring. `predict` is a pure function of the same names, at most 5 ms; when it takes `constants` too,
    they are the facts that `calibrate` measured on this machine: an experiment without parameters, or of some of the controls.
    Then it is run for each of their values when that is first chosen, and `predict` does without what is not known yet.
    `policy` holds functions of the learner's that the experiment takes beside its controls, and `predict` where it has an
    argument of that name: `replace(lab(), policy={"route": route})`. `trust` is a second table, of what tells how far a run
    can be trusted.

    `finding(record, pinned)` is the headline over the lab once a run is finished: what it found, in one sentence; None where
    there is nothing to say. It is only asked about a run that can be trusted, and gets a pinned run only where the two can be
    compared and are not too close to call. Otherwise the headline is the question. `scenario(parameters)` says in one line
    what is done with them. `moments` reads the moments of a record's requests, of which a replay in slow motion is made.
    """

    question: str
    experiment: Experiment
    controls: Mapping[str, Control]
    charts: Sequence[Panel]
    predict: Callable[..., Any] | None = None
    calibrate: Experiment | None = None
    prediction: Prediction | None = None
    verdict: VerdictOf = latency_verdict
    table: TableOf = latency_table
    trust: TableOf = no_rows
    finding: FindingOf | None = None
    scenario: Callable[[Mapping[str, Any]], str] | None = None
    moments: Callable[[Record], Moments | None] | None = None
    budget_s: float = 2.0
    policy: Mapping[str, Any] = field(default_factory=dict)
    _trusted: WeakKeyDictionary[Record, bool] = field(default_factory=WeakKeyDictionary, init=False, repr=False)

    @property
    def name(self) -> str:
        """The file a reader would look for: the module of the experiment; its own name where many stand in one place."""
        module = self._module[-1]
        return str(getattr(self.experiment, "__name__", "lab")) if module in SHARED else module

    @property
    def chapter(self) -> str:
        """The chapter that the lab belongs to; "notebook" for one that was written in a cell."""
        return "notebook" if self._module == ["__main__"] else "".join(self._module[-2:-1])

    @property
    def _module(self) -> list[str]:
        return str(getattr(self.experiment, "__module__", None) or "__main__").split(".")

    @property
    def first(self) -> dict[str, Any]:
        """The parameters that are measured first: those that the question is about, or the starts."""
        return self.check({} if self.prediction is None else self.prediction.runs[-1])

    @property
    def starts_by_button(self) -> bool:
        """Whether a run is too long to begin whenever a slider rests."""
        return self.budget_s > LONGEST_AT_A_SLIDER_S

    @property
    def how_to_start(self) -> str:
        """What a learner does to measure."""
        return "Press Measure" if self.starts_by_button else "Move a slider"

    @property
    def code(self) -> str:
        """The source of the experiment that really runs."""
        return text_of(self.experiment)

    def check(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters with starts filled in; raises `BadInput` naming the field and what is allowed."""
        return check_parameters(self.controls, parameters)

    def model(self, parameters: Mapping[str, Any], constants: Mapping[str, Any] | None = None) -> Any:
        """What theory expects of these parameters."""
        assert self.predict is not None
        beside = {"constants": constants, **self.policy}
        taken = {name: beside[name] for name in inspect.signature(self.predict).parameters if name in beside}
        return self.predict(**parameters, **taken)

    def calibrated_by(self, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        """The arguments of the calibration that a run with these parameters needs; None where it needs none."""
        if self.calibrate is None:
            return None
        return {name: parameters[name] for name in inspect.signature(self.calibrate).parameters if name in parameters}

    def sent(self, settings: Sequence[Mapping[str, Any]], calibration: bool = False) -> tuple[bytes, Mapping[str, Any]]:
        """What travels to the worker: the experiment (by name from a module, by value from a notebook's cell) and its parameters.

        Several settings are measured in turns.
        """
        if calibration:
            return packed(self.calibrate), settings[0]
        measured: Any = partial(self.experiment, **self.policy) if self.policy else self.experiment
        if len(settings) == 1:
            return packed(measured), settings[0]
        return packed(partial(in_turns, measured)), {"settings": settings}

    def verdict_of(self, record: Record, pinned: Record | None) -> Verdict:
        """The verdict on a record, with its caveat; "noisy" where the machine was too busy for it to hold; or how far it came.

        It is compared with the pinned run only where both can be trusted, and were measured in turns.
        """
        if pinned is None or pinned is record:
            return judged(self.verdict(record, None), record)
        if why := self._not_compared(record, pinned):
            alone = judged(self.verdict(record, None), record)
            return replace(alone, text=f"{alone.text} {why}")
        return judged(self.verdict(record, pinned), record)

    def _not_compared(self, record: Record, pinned: Record) -> str:
        """Why not, or ""."""
        if not measured_in_turns(record, pinned):
            return APART
        return "" if self.can_be_trusted(record) and self.can_be_trusted(pinned) else ALONE

    def found(self, record: Record, pinned: Record | None) -> str:
        """The finding of a run, or "": the headline claims no more than the verdict does."""
        if self.finding is None or not self.can_be_trusted(record):
            return ""
        if pinned is record or (pinned is not None and self._not_compared(record, pinned)):
            return self.found(record, None)
        if self.verdict_of(record, pinned).kind == TOO_CLOSE:
            return "" if pinned is None else self.found(record, None)
        return self.finding(record, pinned) or ""

    def may_settle(self, record: Record) -> bool:
        """Whether the run may settle the prediction: it can be trusted, or noise does not matter to what is counted."""
        is_counted = self.prediction is not None and self.prediction.counted
        return self.can_be_trusted(record) or (is_counted and self.verdict_of(record, None).kind == NOISY)

    def can_be_trusted(self, record: Record) -> bool:
        """Whether the run may be compared: it is neither invalid, nor noisy, nor failed."""
        if record not in self._trusted:
            self._trusted[record] = self.verdict_of(record, None).kind not in (INVALID, NOISY)
        return self._trusted[record]
