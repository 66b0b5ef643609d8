"""The conductor: one thread per kernel that owns the worker, the run lock and every picture.

Widget callbacks arrive on other threads and only post to its inbox. It asks the worker for a slice, draws what came back,
and asks again: drawing never overlaps measuring. A newer wish of a lab supersedes the older one.
"""

from __future__ import annotations

import functools
import queue
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Protocol

from perflab.lab.protocol import Command, Died, Ended, Failed, Finish, Finished, Next, Ready, Reply, Sliced, Start
from perflab.lab.run import Run
from perflab.lab.run_lock import RunLock
from perflab.lab.session import Session
from perflab.lab.worker_process import WorkerProcess, remove_stale_folders

PREPARE_S = 30.0
SLICE_S = 5.0
STOP_S = 0.8
LOCK_RETRY_S = 0.1
SETTLE_S = 0.03
"""Between a picture and the next slice: the browser draws what it was sent, on the CPUs that are about to measure."""


class AnyWorker(Protocol):
    """What the conductor needs of a worker; a test brings its own."""

    pid: int

    def send(self, command: Command) -> None: ...
    def close(self) -> None: ...
    def kill(self) -> None: ...
    def log_tail(self) -> str: ...


class Conductor:
    """Runs at most one measurement at a time. All methods but `post` belong to its own thread."""

    def __init__(
        self,
        start_worker: Callable[[Callable[[Reply], None]], AnyWorker] = WorkerProcess,
        lock: RunLock | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start_worker = start_worker
        self._lock = lock or RunLock()
        self._clock = clock
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting: deque[Session] = deque()
        self._rests: dict[Session, float] = {}
        self._retry_at: float | None = None
        self._next_at: float | None = None
        self._run: Run | None = None
        self._runs = 0
        self._worker: AnyWorker | None = None
        self._closed = False

    def post(self, action: Callable[[], None]) -> None:
        """Have `action` done on the conductor's thread; callable from any thread."""
        self._inbox.put(action)

    def now(self) -> float:
        """The conductor's clock, in seconds."""
        return self._clock()

    # --- wishes of sessions -------------------------------------------------------------------------------------------

    def rest(self, session: Session, seconds: float) -> None:
        """Request a run for `session` once it has left its controls alone for so long; what it measures now is moot."""
        self._supersede(session)
        self._rests[session] = self._clock() + seconds

    def request(self, session: Session) -> None:
        """Put `session` in the queue; its run in progress is superseded."""
        self._rests.pop(session, None)
        self._supersede(session)
        if session not in self._waiting:
            self._waiting.append(session)
        if self._run is not None and self._run.session is not session:
            session.wait_for_others()
        self._advance()

    def stop(self, session: Session) -> None:
        """End the run of `session` within a second and keep what it has; take the session out of the queue."""
        self._rests.pop(session, None)
        if session in self._waiting:
            self._waiting.remove(session)
            session.give_up()
        run = self._run
        if run is not None and run.session is session and not run.superseded:
            run.stopped = True
            run.due = min(run.due, self._clock() + STOP_S)

    def interrupt(self) -> None:
        """The Interrupt button was pressed between two cells: stop whatever is measured, and say so."""
        if self._run is not None and not self._run.superseded:
            self._run.session.say_interrupted()
            self.stop(self._run.session)

    def forget(self, session: Session) -> None:
        """The session is closed: nothing is run or drawn for it any more."""
        self._rests.pop(session, None)
        if session in self._waiting:
            self._waiting.remove(session)
        self._supersede(session)

    def warm_up(self) -> None:
        """Start the worker ahead of the first run."""
        if self._worker is None:
            remove_stale_folders()
            self._worker = self._start_worker(self._deliver)

    # --- the loop -----------------------------------------------------------------------------------------------------

    def run_forever(self) -> None:
        """The body of the conductor's thread."""
        while not self._closed:
            due = self.next_due()
            try:
                action = self._inbox.get(timeout=None if due is None else max(0.0, due - self._clock()))
            except queue.Empty:
                action = None
            self.turn(action)
        self._replace_worker(restart=False)
        self._lock.release()

    def close(self) -> None:
        """End the thread, the worker and all it started."""
        self.post(lambda: setattr(self, "_closed", True))

    def next_due(self) -> float | None:
        """When `turn` must be called at the latest, though nothing arrives."""
        run_due = [self._run.due] if self._run is not None else []
        others = [at for at in (self._retry_at, self._next_at) if at is not None]
        return min([*self._rests.values(), *run_due, *others], default=None)

    def turn(self, action: Callable[[], None] | None = None) -> None:
        """Do one posted action, then whatever is due. A fault in it is reported and never ends the thread."""
        try:
            if action is not None:
                action()
            self._do_what_is_due(self._clock())
        except Exception as error:
            self._on_fault(error)

    def _do_what_is_due(self, now: float) -> None:
        for session in [session for session, at in self._rests.items() if at <= now]:
            self.request(session)
        if self._retry_at is not None and self._retry_at <= now:
            self._retry_at = None
            self._advance()
        if self._next_at is not None and self._next_at <= now:
            self._next_at = None
            self._ask_for_more()
        if self._run is not None and self._run.due <= now:
            self._on_overdue(self._run)

    # --- runs ---------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        if self._run is not None:
            return
        if not self._waiting:
            self._lock.release()
            return
        if not self._lock.try_acquire():
            for session in self._waiting:
                session.wait_for_others()
            self._retry_at = self._clock() + LOCK_RETRY_S
            return
        session = self._waiting.popleft()
        self._runs += 1
        run = session.begin(self._runs)
        if run is None:  # the parameters were refused, and the session has said why
            self._advance()
            return
        self._run = run
        self.warm_up()
        run.due = self._clock() + PREPARE_S
        self._send(Start(run.number, run.experiment, run.parameters, run.seed))
        self._send(Next(run.number))

    def _supersede(self, session: Session) -> None:
        # The slice under way cannot be recalled; it is dropped when it arrives.
        if self._run is not None and self._run.session is session:
            self._run.superseded = True

    def _deliver(self, reply: Reply) -> None:
        self.post(lambda: self._on_reply(reply))

    def _on_reply(self, reply: Reply) -> None:
        if isinstance(reply, Ready):
            return
        if isinstance(reply, Died):
            if self._worker is not None and reply.worker == self._worker.pid:
                self._on_death(reply.log)
            return
        run = self._run
        if run is None or reply.run != run.number:
            return
        if run.superseded:
            self._end(run)
            return
        match reply:
            case Sliced():
                self._on_slice(run, reply)
            case Ended():
                self._finish(run)
            case Failed():
                self._end(run, lambda: run.session.fail(run, reply.message, reply.traceback, reply.blame))
            case Finished():
                self._end(run, lambda: run.session.complete(run, reply.noise))

    def _on_slice(self, run: Run, reply: Sliced) -> None:
        run.add(reply.frame, reply.seconds, self._clock())
        run.session.show_slice(run)
        if run.stopped or run.is_over(self._clock()):
            self._finish(run)
        else:
            run.due = self._clock() + SLICE_S
            self._next_at = self._clock() + SETTLE_S

    def _ask_for_more(self) -> None:
        run = self._run
        if run is None:
            return
        if run.superseded:
            self._end(run)
        elif run.stopped:
            self._finish(run)
        else:
            self._send(Next(run.number))

    def _finish(self, run: Run) -> None:
        run.due = self._clock() + SLICE_S
        self._send(Finish(run.number))

    def _end(self, run: Run, tell: Callable[[], None] | None = None) -> None:
        self._run = None
        self._next_at = None
        try:
            if tell is not None:
                tell()
        finally:
            self._advance()

    def _on_overdue(self, run: Run) -> None:
        log = self._worker.log_tail() if self._worker is not None else ""
        self._replace_worker()
        if run.superseded:
            self._end(run)
        elif run.stopped:
            self._end(run, lambda: run.session.complete(run, None))
        else:
            self._end(run, lambda: run.session.lose_worker(run, "did not answer in time", log))

    def _on_death(self, log: str) -> None:
        run = self._run
        self._replace_worker()
        if run is not None:
            superseded = run.superseded
            self._end(run, None if superseded else lambda: run.session.lose_worker(run, "ended unexpectedly", log))

    def _on_fault(self, error: Exception) -> None:
        # A fault in our own drawing or words: it must be seen, fail a notebook's test, and not end the thread.
        run, self._run = self._run, None
        trace = "".join(traceback.format_exception(error))
        if run is None:
            sys.stderr.write(trace)
        else:
            run.session.fail(run, f"{type(error).__name__}: {error}", trace, "experiment")
            self._advance()

    def _replace_worker(self, restart: bool = True) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill() if restart else worker.close()
        if restart:
            self.warm_up()

    def _send(self, command: Command) -> None:
        assert self._worker is not None
        self._worker.send(command)


@functools.cache
def this_kernels_conductor() -> Conductor:
    """The one conductor of this process, started when it is first needed."""
    conductor = Conductor()
    threading.Thread(target=conductor.run_forever, name="perflab-conductor", daemon=True).start()
    return conductor
