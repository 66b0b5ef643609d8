"""A lab in a notebook: its description, and what one can do with it. Shown by being the last value of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.lab.budget import rehearsal_s
from perflab.lab.record import Record
from perflab.lab.spec import LabSpec

if TYPE_CHECKING:
    from perflab.lab.session import Session


@dataclass(frozen=True, eq=False)
class Lab(LabSpec):
    """`run(...)` measures from code and returns the record; `records` are all so far."""

    def run(self, **parameters: Any) -> Record:
        """Measure once with these parameters (starts for the rest) in the worker, and return the record.

        Raises `BadInput` for parameters that the controls do not allow, `ExperimentFailed` when the experiment raises.
        The Interrupt button ends the run; what was measured until then is returned.
        """
        session = self.session
        future = session.run(self.check(parameters))
        try:
            return future.result()
        except KeyboardInterrupt:
            print("Interrupted: the run was stopped; what it had measured is kept. The next run works as usual.")
            session.stop()
            return future.result()

    @property
    def records(self) -> tuple[Record, ...]:
        """The lab's finished runs, oldest first."""
        return tuple(self.session.results.finished)

    @property
    def session(self) -> Session:
        """The lab in use, with its widgets; made when it is first shown or run."""
        from perflab.lab.stage import session_of

        return session_of(self)

    def _ipython_display_(self) -> None:
        from perflab.lab.stage import show

        if rehearsal_s() is not None:
            # The run that settles the question is the one that a learner sees first.
            (self.run if self.prediction is None else self.session.predict(None).result)()
        show(self.session)
