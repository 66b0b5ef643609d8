"""The conductor: one thread per kernel that owns the worker, the run lock and every picture.

Widget callbacks arrive on other threads and only post to its loop. It asks the worker for a slice, draws what came back,
and asks again: drawing never overlaps measuring. A newer wish of a lab supersedes the older one.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from perflab.lab.loop import Action, Loop
from perflab.lab.protocol import (
    AnyWorker,
    Command,
    Died,
    Ended,
    Failed,
    Finish,
    Finished,
    Next,
    Ready,
    Reply,
    Sliced,
    Start,
)
from perflab.lab.run import Run, RunOwner
from perflab.lab.run_lock import RunLock
from perflab.lab.worker_process import WorkerProcess, remove_stale_folders
from perflab.measure.shortage import shortage_of

PREPARE_S = 30.0
SLICE_S = 10.0
STOP_S = 0.8
SETTLE_S = 0.03
"""Between a picture and the next slice: the browser draws what it was sent, on the CPUs that are about to measure."""

ANSWER, NEXT, RETRY = "the worker's answer is overdue", "time for the next slice", "time to ask for the lock again"


class Conductor:
    """Runs at most one measurement at a time. All methods but `post` and `close` belong to its own thread."""

    def __init__(
        self,
        start_worker: Callable[[Callable[[Reply], None]], AnyWorker] = WorkerProcess,
        lock: RunLock | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start_worker = start_worker
        self._lock = lock or RunLock()
        self.loop = Loop(self._on_fault, clock)
        self.post = self.loop.post
        self._waiting: deque[RunOwner] = deque()
        self._run: Run | None = None
        self._runs = 0
        self._worker: AnyWorker | None = None
        self._environment: Mapping[str, Any] = {}

    def run_forever(self) -> None:
        """The body of the conductor's thread."""
        self.loop.run_forever()
        if self._worker is not None:
            self._worker.close()
        self._lock.release()

    def close(self) -> None:
        """End the thread, the worker and all it started."""
        self.loop.close()

    # --- wishes of sessions -------------------------------------------------------------------------------------------

    def rest(self, owner: RunOwner, seconds: float) -> None:
        """Request a run for `owner` once it has left its controls alone for so long; what it measures now is moot."""
        self._supersede_measurement(owner)
        self.loop.set_timer(owner, seconds, lambda: self.request(owner))

    def request(self, owner: RunOwner) -> None:
        """Put `owner` in the queue; its run in progress is superseded."""
        self.loop.clear_timer(owner)
        self._supersede_measurement(owner)
        if owner not in self._waiting:
            self._waiting.append(owner)
        if self._run is not None and self._run.owner is not owner:
            owner.wait_for_others(1 + self._waiting.index(owner))
        self._advance()

    def stop(self, owner: RunOwner) -> None:
        """End the run of `owner` within a second and keep what it has; take the owner out of the queue."""
        self.loop.clear_timer(owner)
        if owner in self._waiting:
            self._waiting.remove(owner)
            owner.on_cancelled()
        run = self._run
        if run is not None and run.owner is owner and not run.superseded:
            run.stop(self.loop.now() + STOP_S)
            self.loop.set_timer(ANSWER, STOP_S, self._on_overdue)

    def forget(self, owner: RunOwner) -> None:
        """Nothing that was wished for this owner so far is run or drawn any more."""
        self.loop.clear_timer(owner)
        if owner in self._waiting:
            self._waiting.remove(owner)
        self._supersede(owner)

    def interrupt(self) -> None:
        """The Interrupt button was pressed between two cells: stop whatever is measured, and say so."""
        if self._run is not None and not self._run.superseded:
            self._run.owner.say_interrupted()
            self.stop(self._run.owner)

    def warm_up(self) -> None:
        """Start the worker ahead of the first run."""
        if self._worker is None:
            remove_stale_folders()
            self._worker = self._start_worker(lambda reply: self.post(lambda: self._on_reply(reply)))

    # --- runs ---------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        if self._run is not None:
            return
        if not self._waiting:
            self._lock.release()
            return
        if not self._lock.try_acquire():
            for place, owner in enumerate(self._waiting, self._lock.ahead):
                owner.wait_for_others(place)
            self.loop.set_timer(RETRY, self._lock.poll_s, self._advance)
            return
        self._runs += 1
        run = self._run = self._waiting.popleft().begin(self._runs)
        self.warm_up()
        self._ask(PREPARE_S, Start(run.number, run.experiment, run.parameters, run.seed), Next(run.number))

    def _supersede_measurement(self, owner: RunOwner) -> None:
        # A calibration does not depend on the controls; the model waits for it, so that it goes on while a slider moves.
        if self._run is not None and not self._run.calibrates:
            self._supersede(owner)

    def _supersede(self, owner: RunOwner) -> None:
        # The slice under way cannot be recalled; it is dropped when it arrives.
        if self._run is not None and self._run.owner is owner:
            self._run.superseded = True

    def _ask(self, patience_s: float, *commands: Command) -> None:
        assert self._worker is not None
        self.loop.set_timer(ANSWER, patience_s, self._on_overdue)
        for command in commands:
            self._worker.send(command)

    def _on_reply(self, reply: Reply) -> None:
        if isinstance(reply, Ready):
            self._environment = reply.environment
            return
        if isinstance(reply, Died):
            if self._worker is not None and reply.worker == self._worker.pid:
                self._lose_worker("ended unexpectedly", reply.log)
            return
        run = self._run
        if run is None or reply.run != run.number:
            return
        if run.superseded:
            self._drop(run, is_closed=isinstance(reply, Finished | Failed))
            return
        match reply:
            case Sliced():
                self._on_slice(run, reply)
            case Ended():
                run.has_ended = True
                self._finish(run)
            case Failed():
                self._end(lambda: run.owner.fail(reply.message, reply.traceback, reply.blame, run))
            case Finished():
                self._end(lambda: run.owner.complete(run, reply.noise, self._environment))

    def _on_slice(self, run: Run, reply: Sliced) -> None:
        self.loop.clear_timer(ANSWER)
        run.add(reply.frame, reply.seconds, self.loop.now())
        run.owner.show_slice(run)
        if run.stopped or run.is_over(self.loop.now()):
            self._finish(run)
        else:
            self.loop.set_timer(NEXT, SETTLE_S, self._continue)

    def _continue(self) -> None:
        run = self._run
        if run is None:
            return
        if run.superseded:
            self._drop(run)
        elif run.stopped:
            self._finish(run)
        else:
            self._ask(PREPARE_S if run.prepares else SLICE_S, Next(run.number))

    def _finish(self, run: Run) -> None:
        # A stopped run is waited for no longer than a slice takes, however much it has to clean up.
        self._ask(run.patience_s(SLICE_S, self.loop.now()), Finish(run.number))

    def _drop(self, run: Run, is_closed: bool = False) -> None:
        # The next run closes this one; without a next one its servers would live on.
        if self._waiting or is_closed:
            self._end()
        else:
            self._ask(SLICE_S, Finish(run.number))

    def _end(self, tell: Action | None = None) -> None:
        self._run = None
        self._lock.release()  # other kernels get their turn, also where more runs of this one wait
        self.loop.clear_timer(ANSWER, NEXT)
        try:
            if tell is not None:
                tell()
        finally:
            self._advance()

    # --- faults -------------------------------------------------------------------------------------------------------

    def _on_overdue(self) -> None:
        self._lose_worker("did not answer in time", self._worker.log_tail() if self._worker is not None else "")

    def _lose_worker(self, how: str, log: str) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()
        self.warm_up()
        run = self._run
        if run is None:
            return
        if run.superseded:
            self._end()
        elif run.stopped:  # what it had brought until then is kept
            self._end(lambda: run.owner.complete(run, None, self._environment))
        else:
            self._end(lambda: run.owner.on_worker_lost(how, log, run))

    def _on_fault(self, error: Exception) -> None:
        # A fault in our own drawing or words: it must be seen, fail a notebook's test, and not end the thread.
        trace, words = "".join(traceback.format_exception(error)), shortage_of(error)
        message, blame = (words, "machine") if words else (f"{type(error).__name__}: {error}", "experiment")
        if (run := self._run) is None:
            sys.stderr.write(f"{words}\n" if words else trace)
        else:
            self._end(lambda: run.owner.fail(message, trace, blame))
