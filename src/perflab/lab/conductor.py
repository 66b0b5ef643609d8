"""The conductor: one thread per kernel that owns the worker, the run lock and every picture.

Widget callbacks arrive on other threads and only post to its loop. It says who measures next; `measuring` does that, so that
drawing never overlaps measuring. A newer wish of a lab supersedes the older one.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable

from perflab.lab.fault import told_of
from perflab.lab.loop import Action, Loop
from perflab.lab.measuring import Measuring
from perflab.lab.run import RunOwner
from perflab.lab.run_lock import RunLock
from perflab.lab.standby import StartWorker
from perflab.lab.worker_process import WorkerProcess

RETRY = "time to ask for the lock again"


class Conductor:
    """Runs at most one measurement at a time. All methods but `post` and `close` belong to its own thread."""

    def __init__(
        self,
        start_worker: StartWorker = WorkerProcess,
        lock: RunLock | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = lock or RunLock()
        self.loop = Loop(self._on_fault, clock)
        self.post = self.loop.post
        self._waiting: deque[RunOwner] = deque()
        self._runs = 0
        self._measuring = Measuring(self.loop, start_worker, lambda: bool(self._waiting), self._on_over)
        self.warm_up = self._measuring.standby.warm_up

    def run_forever(self) -> None:
        """The body of the thread."""
        self.loop.run_forever()
        self._measuring.standby.close()
        self._lock.release()

    def close(self) -> None:
        """End the thread, the worker and all it started."""
        self.loop.close()

    @property
    def is_measuring(self) -> bool:
        """Whether a run is in progress, or its calibration."""
        return self._measuring.run is not None

    # --- wishes of sessions -------------------------------------------------------------------------------------------

    def post_for(self, owner: RunOwner, action: Action) -> None:
        """As `post`; what the action raises is told to the owner."""
        self.post(lambda: self._measuring.do_for(owner, action))

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
        if self._measuring.run is not None and self._measuring.run.owner is not owner:
            owner.wait_for_others(1 + self._waiting.index(owner))
        self._advance()

    def stop(self, owner: RunOwner) -> None:
        """End the run of `owner` within a second and keep what it has; take the owner out of the queue."""
        wished = self.loop.clear_timer(owner)
        if owner in self._waiting:
            self._waiting.remove(owner)
            wished = True
        if wished:
            owner.on_cancelled()
        run = self._measuring.run
        if run is not None and run.owner is owner and not run.superseded:
            self._measuring.stop(run)

    def forget(self, owner: RunOwner) -> None:
        """Nothing that was wished for this owner so far is run or drawn any more."""
        self.loop.clear_timer(owner)
        if owner in self._waiting:
            self._waiting.remove(owner)
        self._supersede(owner)

    def interrupt(self) -> None:
        """The Interrupt button was pressed between two cells: stop whatever is measured, and say so."""
        run = self._measuring.run
        if run is not None and not run.superseded:
            run.owner.say_interrupted()
            self.stop(run.owner)

    # --- turns --------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        if self._measuring.run is not None:
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
        owner = self._waiting.popleft()
        self._measuring.do_for(owner, lambda: self._measuring.begin(owner.begin(self._runs)))

    def _on_over(self) -> None:
        if self._measuring.run is None:
            self._lock.release()  # other kernels get their turn, also where more runs of this one wait
        self._advance()

    def _supersede_measurement(self, owner: RunOwner) -> None:
        # The model waits for a calibration, so that this goes on while a slider moves.
        if self._measuring.run is not None and not self._measuring.run.calibrates:
            self._supersede(owner)

    def _supersede(self, owner: RunOwner) -> None:
        # The slice under way cannot be recalled; it is dropped when it arrives.
        if self._measuring.run is not None and self._measuring.run.owner is owner:
            self._measuring.run.superseded = True

    def _on_fault(self, error: BaseException) -> None:
        # In the loop itself: the run in progress or the next one is told, or else the terminal, and the thread goes on.
        if self._measuring.run is not None:
            self._measuring.blame(self._measuring.run.owner, error)
        elif self._waiting:
            self._measuring.blame(self._waiting.popleft(), error)
        else:
            message, trace, blame = told_of(error)
            sys.stderr.write(f"{message}\n" if blame == "machine" else trace)
