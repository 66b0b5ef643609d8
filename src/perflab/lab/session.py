"""A session: one lab in use. It turns a learner's moves into wishes to the conductor, and runs into records and words.

Methods named in the first section may be called from any thread; all others belong to the conductor's thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from traceback import format_exc
from typing import TYPE_CHECKING, Any

from perflab.lab.calibration import Calibration
from perflab.lab.display import Display
from perflab.lab.fault import told_of_failure, told_of_loss, why_in
from perflab.lab.new_run import new_run
from perflab.lab.pending import Pending
from perflab.lab.record import Record
from perflab.lab.results import Results
from perflab.lab.run import Run
from perflab.lab.run_lock import told_of_waiting
from perflab.lab.save import told_of_saving
from perflab.lab.waiters import Waiters
from perflab.measure.noise import NoiseLedger

if TYPE_CHECKING:
    from perflab.lab.conductor import Conductor
    from perflab.lab.spec import LabSpec

REST_S = 0.15


class Session:
    """The live state of one lab: parameters, records, the pinned run, the learner's prediction."""

    def __init__(self, lab: LabSpec, conductor: Conductor, display: Display) -> None:
        self.lab = lab
        self.display = display
        self.results = Results(lab)
        self.parameters = {name: control.start for name, control in lab.controls.items()}
        self.conductor = conductor
        self._post = partial(conductor.post_for, self)
        self._pending = Pending()
        self._waiters = Waiters()
        self.calibration = Calibration(lab)
        self._closed = False

    # --- from any thread ----------------------------------------------------------------------------------------------

    def change(self, parameters: Mapping[str, Any]) -> None:
        """A control moved. Only the newest parameters count; earlier ones not yet looked at are dropped."""
        if self._pending.put(parameters):
            self._post(self._take_pending)

    def run(self, parameters: Mapping[str, Any]) -> Future[Record]:
        """Measure with these parameters now; raises `BadInput` at once when they are not allowed."""
        future, checked = Future[Record](), self.lab.check(parameters)
        self._post(lambda: self._run(checked, future))
        return future

    def predict(self, answer: str | None) -> Future[Record]:
        """The learner answered the lab's question, or skipped it (None): measure what settles it."""
        future = Future[Record]()
        self._post(lambda: self._predict(answer, future))
        return future

    def stop(self) -> None:
        """End the run in progress and keep what it has."""
        self._post(lambda: self.conductor.stop(self))

    def pin(self) -> None:
        """Keep the last run as a ghost to compare with, or let go of the one that is kept."""
        self._post(self._pin)

    def reset(self) -> None:
        """Controls back to their starts, chart empty, nothing pinned."""
        self._post(self._reset)

    def save(self) -> None:
        """Write the last record to files, and say where."""
        self._post(self._save)

    def close(self) -> None:
        """The lab is gone from the notebook."""
        self._post(self._close)

    # --- moves of the learner -----------------------------------------------------------------------------------------

    def _take_pending(self) -> None:
        parameters = self._pending.take()
        if parameters is None or self._closed:
            return
        self.parameters = self.lab.check(parameters)
        self._leave_question()
        if self.lab.starts_by_button:
            self.conductor.stop(self)
            self.display.show_progress(0.0, f"{self.lab.how_to_start} to measure this.")
        else:
            self.conductor.rest(self, REST_S)
        self.redraw_model()

    def _run(self, parameters: Mapping[str, Any], future: Future[Record]) -> None:
        self._waiters.add(future)
        self._leave_question()
        self._measure(parameters)

    def _predict(self, answer: str | None, future: Future[Record]) -> None:
        self._waiters.add(future)
        self.display.show_answer(answer)
        self._measure(self.results.ask(answer))

    def _leave_question(self) -> None:
        self.display.show_answer(None)
        if self.results.unpin_question():
            self.display.show_pinned(None)

    def _measure(self, parameters: Mapping[str, Any]) -> None:
        self.parameters = dict(parameters)
        self.display.set_controls(parameters)
        self.display.show_pinned(self.results.pinned)
        if self.redraw_model():
            self.conductor.request(self)

    def _pin(self) -> None:
        self.results.pin()
        self.display.show_pinned(self.results.pinned)
        self.display.show_words(self.results.last_words)

    def _reset(self) -> None:
        self.conductor.forget(self)
        self._waiters.fail("The lab was reset.")
        self.results.clear()
        self.parameters = {name: control.start for name, control in self.lab.controls.items()}
        self.display.set_controls(self.parameters)
        self.redraw_model()
        self.display.show_run(None, ())
        self.display.show_pinned(None)
        self.display.show_progress(0.0, f"Back at the start. {self.lab.how_to_start} to measure.")
        self.display.show_words(self.results.last_words)
        self.display.keep(False)

    def _save(self) -> None:
        told, paths = told_of_saving(self.results.records)
        self.display.show_details(paths)
        self.display.show_progress(float(bool(paths)), told)

    def _close(self) -> None:
        self._closed = True
        self.conductor.forget(self)
        self._waiters.fail("The lab was closed.")
        self.results.clear()
        self.display.close()

    def begin(self, number: int) -> Run:
        """The next run of this session: its own, or a calibration first where the model needs one."""
        run = new_run(self.lab, number, self, self.parameters, self.results.pinned, self.calibration)
        self.display.show_progress(0.0, "Calibrating …" if run.calibrates else "Preparing …")
        return run

    def wait_for_others(self, ahead: int) -> None:
        """Another run holds the machine, and at least so many come first, that one included."""
        self.display.show_progress(0.0, told_of_waiting(ahead))

    def on_cancelled(self) -> None:
        """Stopped while it was waiting."""
        self.display.show_progress(0.0, "Stopped before it began.")
        self._waiters.fail("Stopped before it began.")

    def say_interrupted(self) -> None:
        """The Interrupt button was pressed."""
        self.display.show_progress(0.0, "Interrupted: this run is stopped. The next one works as usual.")

    def show_slice(self, run: Run) -> None:
        """A slice has come in."""
        if run.calibrates or self._closed:
            return
        record, *pinned = run.records()
        self._show_pinned(pinned)
        self.display.show_run(record, (*self.results.records, record))
        self.display.show_progress(*run.progress(record.calls))
        self.display.show_words(self.results.words(record))

    def complete(self, run: Run, noise: NoiseLedger | None, environment: Mapping[str, Any]) -> None:
        """The run is over, by itself or by Stop."""
        if run.calibrates:
            self._learn(run)
            return
        record, *pinned = run.records("stopped" if run.stopped else "complete", noise, environment)
        self._show_pinned(pinned)
        self.results.add(*pinned)
        self._show_record(record)
        self.display.show_progress(1.0, record.ending)
        self._waiters.succeed(record)

    def _learn(self, run: Run) -> None:
        """Constants of a calibration that came to its end; half of them would be no use to a model."""
        if run.has_ended:
            self.calibration.learn(run.parameters, run.records()[0].frame.facts)
            self.redraw_model()
            self.conductor.request(self)
        elif run.stopped:
            self.on_cancelled()
        else:
            self.fail(f"Calibration took too long. {self.lab.how_to_start} to try again.", "", "machine")

    def fail(self, message: str, traceback: str, blame: str, run: Run | None = None) -> None:
        """The experiment raised: say so, keep the lab usable, and show what had been measured until then."""
        self._break_off(told_of_failure(message, blame), traceback, run, blame == "experiment")

    def on_worker_lost(self, how: str, log: str, run: Run | None = None) -> None:
        """The worker died or hung; the conductor has put a new one in its place."""
        self._break_off(told_of_loss(how, log), log, run)

    def on_no_worker(self, log: str, run: Run) -> None:
        """The worker cannot start here; the end of its log says why."""
        self._break_off(f"The measuring process cannot start: {why_in(log)}", log, run)

    def _break_off(self, message: str, log: str, run: Run | None, shows_log: bool = True) -> None:
        self._waiters.fail(f"{message}\n\n{log}")
        if shows_log:
            message = f"{message} Details are below. {self.lab.how_to_start} to try again."
            self.display.show_details(log)
        self.display.show_progress(0.0, message)
        if run is not None and run.is_begun and not run.calibrates and not self._closed:
            self._show_record(run.records("failed")[0])

    def redraw_model(self) -> bool:
        """Show what theory expects of the parameters as they are now; false when the model raised, which is then said."""
        if self.lab.predict is None or self.calibration.is_needed:
            return True
        try:
            self.display.show_model(self.parameters, self.lab.model(self.parameters, self.calibration.constants))
        except Exception as error:
            self.display.show_progress(0.0, f"The model failed. {type(error).__name__}: {error}")
            self._waiters.fail(f"The model failed.\n{format_exc()}")
            return False
        return True

    def _show_pinned(self, pinned: Sequence[Record]) -> None:
        """The pinned setting was measured again, in turns with the new one: that is what is compared."""
        if pinned and pinned[0].sizes and self.results.pinned is not None:  # not let go of meanwhile
            self.results.pinned = pinned[0]
            self.display.show_pinned(pinned[0])

    def _show_record(self, record: Record) -> None:
        self.results.add(record)
        self.display.show_run(record, self.results.records)
        self.display.show_words(self.results.last_words)
        self.display.keep(True)
