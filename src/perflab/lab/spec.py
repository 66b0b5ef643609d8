"""A lab: a question, controls, an experiment, what theory predicts, and the panels that show both."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cloudpickle

from perflab.lab.controls import Control, check_parameters
from perflab.lab.panel import Panel
from perflab.lab.prediction import Prediction
from perflab.lab.record import Record
from perflab.lab.verdict import (
    Row,
    TableOf,
    Verdict,
    VerdictOf,
    latency_table,
    latency_verdict,
    with_caveat,
    with_failure,
    with_noise,
)
from perflab.measure.frame import Frame

Experiment = Callable[..., Iterator[Frame]]


@dataclass(frozen=True, eq=False)
class LabSpec:
    """Shown by being the last value of a cell; `run(...)` measures from code and returns the record.

    `experiment` is a generator function of the controls' names (and of `seed` if it wants one) that yields a `Frame` per
    50 to 200 ms of measuring. `predict` is a pure function of the same names, at most 5 ms; when it takes `constants` too,
    they are the facts that `calibrate`, an experiment without parameters, measured on this machine.
    """

    question: str
    experiment: Experiment
    controls: Mapping[str, Control]
    panels: Sequence[Panel]
    predict: Callable[..., Any] | None = None
    calibrate: Experiment | None = None
    prediction: Prediction | None = None
    verdict: VerdictOf = latency_verdict
    table: TableOf = latency_table
    budget_s: float = 2.0

    @property
    def name(self) -> str:
        """The file a reader would look for: the name of the module with the experiment."""
        return str(getattr(self.experiment, "__module__", "lab")).rpartition(".")[2].strip("_") or "lab"

    @cached_property
    def code(self) -> str:
        """The source of the experiment that really runs."""
        try:
            return textwrap.dedent(inspect.getsource(inspect.unwrap(self.experiment)))
        except (OSError, TypeError):
            return "The source of this experiment cannot be read."

    def check(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters with starts filled in; raises `BadInput` naming the field and what is allowed."""
        return check_parameters(self.controls, parameters)

    def model(self, parameters: Mapping[str, Any], constants: Mapping[str, Any] | None = None) -> Any:
        """What theory expects of these parameters."""
        assert self.predict is not None
        wants_constants = "constants" in inspect.signature(self.predict).parameters
        return self.predict(**parameters, **({"constants": constants} if wants_constants else {}))

    def pickled(self, calibration: bool = False) -> bytes:
        """The experiment as it travels to the worker: by name from a module, by value from a notebook's cell."""
        return bytes(cloudpickle.dumps(self.calibrate if calibration else self.experiment))

    def verdict_of(self, record: Record, pinned: Record | None) -> Verdict:
        """The verdict on a record, with its caveat; "noisy" where the machine was too busy for it to hold; or how far it came."""
        return with_failure(with_noise(with_caveat(self.verdict(record, pinned), record), record), record)

    def table_of(self, record: Record, pinned: Record | None) -> list[Row]:
        """The result as rows of text, the first of them the heading."""
        return self.table(record, pinned)
