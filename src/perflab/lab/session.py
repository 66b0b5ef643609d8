"""A session: one lab in use. It turns a learner's moves into wishes to the conductor, and runs into records and words.

Methods named in the first section may be called from any thread; all others belong to the conductor's thread.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from traceback import format_exc
from typing import TYPE_CHECKING, Any

from perflab.lab.budget import budget_of
from perflab.lab.face import Face
from perflab.lab.record import Record
from perflab.lab.run import Run
from perflab.lab.save import told_of_saving
from perflab.lab.waiters import Waiters
from perflab.measure.noise import NoiseLedger
from perflab.measure.units import count

if TYPE_CHECKING:
    from perflab.lab.conductor import Conductor
    from perflab.lab.spec import LabSpec

REST_S = 0.15
MOST_RECORDS = 20
WAITING = "Waiting: another measurement is running on this machine."


class Session:
    """The live state of one lab: parameters, records, the pinned run, the learner's prediction."""

    def __init__(self, lab: LabSpec, conductor: Conductor, face: Face) -> None:
        self.lab = lab
        self.face = face
        self.records: list[Record] = []
        self.pinned: Record | None = None
        self.answer: str | None = None
        self.parameters = {name: control.start for name, control in lab.controls.items()}
        self._conductor = conductor
        self._mail: dict[str, Any] | None = None
        self._mail_lock = threading.Lock()
        self._waiters = Waiters()
        self._constants: Mapping[str, Any] | None = None
        self._closed = False

    # --- from any thread ----------------------------------------------------------------------------------------------

    def change(self, parameters: Mapping[str, Any]) -> None:
        """A control moved. Only the newest parameters count; earlier ones not yet looked at are dropped."""
        with self._mail_lock:
            first = self._mail is None
            self._mail = dict(parameters)
        if first:
            self._conductor.post(self._open_mail)

    def run(self, parameters: Mapping[str, Any]) -> Future[Record]:
        """Measure with these parameters now; raises `BadInput` at once when they are not allowed."""
        checked = self.lab.check(parameters)
        future: Future[Record] = Future()
        self._conductor.post(lambda: self._run(checked, future))
        return future

    def predict(self, answer: str | None) -> None:
        """The learner answered the lab's question, or skipped it (None): now the lab may show what it measures."""
        self._conductor.post(lambda: self._begin_with(answer))

    def stop(self) -> None:
        """End the run in progress and keep what it has."""
        self._conductor.post(lambda: self._conductor.stop(self))

    def pin(self) -> None:
        """Keep the last run as a ghost to compare with."""
        self._conductor.post(self._pin)

    def reset(self) -> None:
        """Controls back to their starts, chart empty, nothing pinned."""
        self._conductor.post(self._reset)

    def save(self) -> None:
        """Write the last record to files, and say where."""
        self._conductor.post(self._save)

    def close(self) -> None:
        """The lab is gone from the notebook."""
        self._conductor.post(self._close)

    # --- moves of the learner -----------------------------------------------------------------------------------------

    def _open_mail(self) -> None:
        with self._mail_lock:
            parameters, self._mail = self._mail, None
        if parameters is None or self._closed:
            return
        self.parameters = self.lab.check(parameters)
        self._conductor.rest(self, REST_S)
        self.redraw_model()

    def _run(self, parameters: dict[str, Any], future: Future[Record]) -> None:
        self.parameters = parameters
        self.face.set_controls(parameters)
        self._waiters.add(future)
        if self.redraw_model():
            self._conductor.request(self)

    def _begin_with(self, answer: str | None) -> None:
        self.answer = answer
        if self.redraw_model():
            self._conductor.request(self)

    def _pin(self) -> None:
        self.pinned = self.records[-1] if self.records else None
        self.face.show_pinned(self.pinned)
        self._show_words()

    def _reset(self) -> None:
        self._conductor.forget(self)
        self._waiters.fail("The lab was reset.")
        self.records, self.pinned = [], None
        self.parameters = {name: control.start for name, control in self.lab.controls.items()}
        self.face.set_controls(self.parameters)
        self.redraw_model()
        self.face.show_run(None)
        self.face.show_pinned(None)
        self.face.show_progress(0.0, "Back at the start. Move a slider to measure.")
        self.face.show_words("", [], "")

    def _save(self) -> None:
        told = told_of_saving(self.records[-1]) if self.records else "Nothing to save yet: run the lab first."
        self.face.show_progress(float(bool(self.records)), told)

    def _close(self) -> None:
        self._closed = True
        self._conductor.forget(self)
        self._waiters.fail("The lab was closed.")
        self.records, self.pinned = [], None
        self.face.close()

    # --- called by the conductor --------------------------------------------------------------------------------------

    def begin(self, number: int) -> Run:
        """The next run of this session: its own, or a calibration first where the model needs one."""
        calibrates = self.lab.calibrate is not None and self._constants is None
        parameters = {} if calibrates else self.parameters
        seed = secrets.randbits(32)
        blank = Record(self.lab.name, parameters, seed, datetime.now(UTC).isoformat(), code=self.lab.code)
        self.face.show_progress(0.0, "Getting to know this machine …" if calibrates else "Preparing …")
        budget_s = budget_of(self.lab, calibrates)
        return Run(number, self, self.lab.pickled(calibrates), parameters, seed, budget_s, blank, calibrates)

    def wait_for_others(self) -> None:
        """Another run holds the machine."""
        self.face.show_progress(0.0, WAITING)

    def give_up(self) -> None:
        """Stopped while it was waiting."""
        self.face.show_progress(0.0, "Stopped before it began.")
        self._waiters.fail("Stopped before it began.")

    def say_interrupted(self) -> None:
        """The Interrupt button was pressed."""
        self.face.show_progress(0.0, "Interrupted: this run is stopped. The next one works as usual.")

    def show_slice(self, run: Run) -> None:
        """A slice has come in."""
        if run.calibrates or self._closed:
            return
        record = run.record()
        self.face.show_run(record)
        said = f"{run.left_s:.1f} s left · {count(record.calls)} calls"
        self.face.show_progress(1 - run.left_s / run.budget_s, said)
        self.face.show_words(self.lab.verdict_of(record, self.pinned).text, self.lab.table_of(record, self.pinned), "")

    def complete(self, run: Run, noise: NoiseLedger | None, environment: Mapping[str, Any]) -> None:
        """The run is over, by itself or by Stop."""
        if run.calibrates:
            self._learn(run)
            return
        self._keep(run.record("stopped" if run.stopped else "complete", noise, environment))

    def _learn(self, run: Run) -> None:
        """Constants of a calibration that came to its end; half of them would be no use to a model."""
        if run.has_ended:
            self._constants = run.record().frame.facts
            self.redraw_model()
            self._conductor.request(self)
        elif run.stopped:
            self.give_up()
        else:
            self.fail("This machine took too long to get to know. Move a slider to try again.", "", "machine")

    def fail(self, message: str, traceback: str, blame: str, run: Run | None = None) -> None:
        """The experiment raised: say so, keep the lab usable, and show what had been measured until then."""
        if blame == "experiment":
            self.face.show_details(traceback)
            message = f"This run failed. {message.rstrip('. ')}. Details are below; move a slider to try again."
        self._break_off(message, traceback, run)

    def lose_worker(self, how: str, log: str, run: Run | None = None) -> None:
        """The worker died or hung; the conductor has put a new one in its place."""
        self.face.show_details(log)
        self._break_off(f"The measuring process {how} and was replaced. Move a slider to measure again.", log, run)

    def _break_off(self, message: str, log: str, run: Run | None) -> None:
        self.face.show_progress(0.0, message)
        self._waiters.fail(f"{message}\n\n{log}")
        if run is not None and run.is_begun and not run.calibrates and not self._closed:
            self._show_record(run.record("failed"))

    # --- words and pictures -------------------------------------------------------------------------------------------

    def redraw_model(self) -> bool:
        """Show what theory expects of the parameters as they are now; false when the model raised, which is then said."""
        if self.lab.predict is None or (self.lab.calibrate is not None and self._constants is None):
            return True
        try:
            self.face.show_model(self.parameters, self.lab.model(self.parameters, self._constants))
        except Exception as error:
            self.face.show_progress(0.0, f"The model failed. {type(error).__name__}: {error}")
            self._waiters.fail(f"The model failed.\n{format_exc()}")
            return False
        return True

    @property
    def finished(self) -> list[Record]:
        """The runs that came to their end, oldest first: what predictions and claims are judged by."""
        return [record for record in self.records if record.status != "failed"]

    def _show_record(self, record: Record) -> None:
        self.records = [*self.records, record][-MOST_RECORDS:]
        self.face.show_run(record)
        self._show_words()

    def _keep(self, record: Record) -> None:
        self._show_record(record)
        self.face.show_progress(1.0, record.ending)
        self._waiters.succeed(record)

    def _show_words(self) -> None:
        if not self.records:
            return
        record = self.records[-1]
        comment = self.lab.prediction.comment(self.answer, self.finished) if self.lab.prediction else ""
        self.face.show_words(
            str(self.lab.verdict_of(record, self.pinned)), self.lab.table_of(record, self.pinned), comment
        )
