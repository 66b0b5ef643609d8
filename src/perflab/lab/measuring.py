"""One run after the other with the worker: it is asked for a slice, what came back is drawn, and it is asked again."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from perflab.lab.fault import told_of
from perflab.lab.loop import Action, Loop
from perflab.lab.protocol import (
    Command,
    Died,
    Ended,
    Failed,
    Finish,
    Finished,
    Next,
    Outdated,
    Ready,
    Reply,
    Sliced,
    Start,
)
from perflab.lab.run import Run, RunOwner
from perflab.lab.standby import Standby, StartWorker
from perflab.lab.surroundings import surroundings

PREPARE_S = 30.0
SLICE_S = 10.0
STOP_S = 0.8
SETTLE_S = 0.03
"""Between a picture and the next slice: the browser draws what it was sent, on the CPUs that are about to measure."""

ANSWER, NEXT = "the worker's answer is overdue", "time for the next slice"


class Measuring:
    """Belongs to the thread of `loop`. `is_wanted` says whether another run waits, `on_over` is told when one is over.

    However a run ends, its owner is told, so that nobody waits in vain.
    """

    def __init__(
        self, loop: Loop, start_worker: StartWorker, is_wanted: Callable[[], bool], on_over: Callable[[], None]
    ) -> None:
        self._loop, self._is_wanted, self._on_over = loop, is_wanted, on_over
        self.run: Run | None = None
        self.standby = Standby(start_worker, lambda reply: loop.post(lambda: self._on_reply(reply)))

    def begin(self, run: Run) -> None:
        """Measure `run`; the worker closes the one before."""
        self.run = run
        self.standby.warm_up()
        start = Start(run.number, run.experiment, run.parameters, run.seed, surroundings())
        self._ask(PREPARE_S, start, Next(run.number))

    def stop(self, run: Run) -> None:
        """End it within a second, and keep what it has."""
        run.stop(self._loop.now() + STOP_S)
        self._loop.set_timer(ANSWER, STOP_S, self._on_overdue)

    def do_for(self, owner: RunOwner, action: Action) -> None:
        """What the action raises is told to the owner, whose run is then over."""
        try:
            action()
        except BaseException as error:
            self.blame(owner, error)

    def blame(self, owner: RunOwner, error: BaseException) -> None:
        """Something raised on behalf of this owner: that must be seen, and fail a notebook's test."""
        if self.run is not None and self.run.owner is owner:
            self.standby.send(Finish(self.run.number))
            self.run = None
            self._loop.clear_timer(ANSWER, NEXT)
        try:
            owner.fail(*told_of(error))
        except BaseException as fault:
            traceback.print_exception(fault)
        self._on_over()

    # --- what the worker brings ---------------------------------------------------------------------------------------

    def _on_reply(self, reply: Reply) -> None:
        if isinstance(reply, Ready):
            self.standby.on_ready(reply.environment)
            return
        if isinstance(reply, Died):
            if self.standby.is_at_work(reply.worker):
                self._on_death(reply.log)
            return
        run = self.run
        if run is None or reply.run != run.number:
            return
        if run.superseded:
            self._drop(run, is_closed=isinstance(reply, Finished | Failed | Outdated))
            return
        match reply:
            case Outdated():
                self._begin_again(run)
            case Sliced():
                self._on_slice(run, reply)
            case Ended():
                run.has_ended = True
                self._finish(run)
            case Failed():
                self._end(lambda: run.owner.fail(reply.message, reply.traceback, reply.blame, run))
            case Finished():
                self._end(lambda: run.owner.complete(run, reply.noise, self.standby.environment))

    def _on_slice(self, run: Run, reply: Sliced) -> None:
        self._loop.clear_timer(ANSWER)
        run.add(reply.frame, reply.seconds, self._loop.now())
        run.owner.show_slice(run)
        if run.stopped or run.is_over(self._loop.now()):
            self._finish(run)
        else:
            self._loop.set_timer(NEXT, SETTLE_S, self._continue)

    def _continue(self) -> None:
        run = self.run
        if run is None:
            return
        if run.superseded:
            self._drop(run)
        elif run.stopped:
            self._finish(run)
        else:
            # A calibration prepares all along: one server after the other, where a model needs several.
            self._ask(PREPARE_S if run.prepares or run.calibrates else SLICE_S, Next(run.number))

    def _ask(self, patience_s: float, *commands: Command) -> None:
        self._loop.set_timer(ANSWER, patience_s, self._on_overdue)
        self.standby.send(*commands)

    def _finish(self, run: Run) -> None:
        # A stopped run is waited for no longer than a slice takes, however much it has to clean up.
        self._ask(run.patience_s(SLICE_S, self._loop.now()), Finish(run.number))

    def _drop(self, run: Run, is_closed: bool = False) -> None:
        # The next run closes this one; without a next one its servers would live on.
        if self._is_wanted() or is_closed:
            self._end()
        else:
            self._ask(SLICE_S, Finish(run.number))

    def _end(self, tell: Action | None = None) -> None:
        run, self.run = self.run, None
        self._loop.clear_timer(ANSWER, NEXT)
        if tell is not None and run is not None:
            self.do_for(run.owner, tell)
        self._on_over()

    # --- when it is lost ----------------------------------------------------------------------------------------------

    def _on_overdue(self) -> None:
        self._replace_worker("did not answer in time", self.standby.log_tail())

    def _on_death(self, log: str) -> None:
        run, cannot_start = self.run, self.standby.cannot_start()
        if run is not None and cannot_start:
            self.standby.discard()
            self._end(None if run.superseded else lambda: run.owner.on_no_worker(log, run))
        elif run is not None and not self.standby.is_ready:
            self._begin_again(run)
        else:
            self._replace_worker("ended unexpectedly", log)

    def _begin_again(self, run: Run) -> None:
        """With another worker, because this one has not begun."""
        self.standby.discard()
        if run.superseded:
            self._end()
        elif run.stopped:
            self._end(lambda: run.owner.complete(run, None, self.standby.environment))
        else:
            self.begin(run)

    def _replace_worker(self, how: str, log: str) -> None:
        self.standby.discard()
        run = self.run
        if run is None:
            return  # the next run starts another
        self.standby.warm_up()
        if run.superseded:
            self._end()
        elif run.stopped:  # what it had brought until then is kept
            self._end(lambda: run.owner.complete(run, None, self.standby.environment))
        else:
            self._end(lambda: run.owner.on_worker_lost(how, log, run))
