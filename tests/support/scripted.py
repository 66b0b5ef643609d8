"""A lab in use without a process and without waiting: a conductor on a virtual clock, and a worker that the test answers for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perflab.lab import Lab
from perflab.lab.conductor import Conductor
from perflab.lab.measuring import SETTLE_S
from perflab.lab.protocol import Finished, Ready, Sliced, Start
from perflab.lab.session import Session
from perflab.lab.view import View
from perflab.measure.frame import Frame


@dataclass
class ScriptedWorker:
    """Remembers commands; the test decides what is answered, and when."""

    deliver: Any
    pid: int
    commands: list[Any] = field(default_factory=list)
    killed: bool = False

    def send(self, command: Any) -> None:
        self.commands.append(command)

    def close(self) -> None:
        self.killed = True

    kill = close

    def log_tail(self) -> str:
        return "last words"


class HeldElsewhere:
    """A run lock that another kernel holds until the test gives it free."""

    free, ahead, poll_s, released = False, 1, 0.1, False

    def try_acquire(self) -> bool:
        return self.free

    def release(self) -> None:
        self.released = True


@dataclass
class ListDisplay:
    """Writes down what it is told to show."""

    shown: list[tuple[Any, ...]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.shown.append((name, *arguments))

    def all(self, name: str) -> list[tuple[Any, ...]]:
        return [entry[1:] for entry in self.shown if entry[0] == name]

    @property
    def status(self) -> str:
        return str(self.all("show_progress")[-1][1])


class Stage:
    """A conductor whose thread is the test."""

    def __init__(self, make_lab: Callable[[], Lab], lock: Any = None, can_start: bool = True) -> None:
        self._make_lab, self._can_start = make_lab, can_start
        self.time = 0.0
        self.workers: list[ScriptedWorker] = []
        self.conductor = Conductor(self._worker, lock or HeldElsewhere(), clock=lambda: self.time)
        if lock is None:
            self.conductor._lock.free = True  # type: ignore[attr-defined]

    def _worker(self, deliver: Any) -> ScriptedWorker:
        self.workers.append(ScriptedWorker(deliver, pid=len(self.workers)))
        if self._can_start:
            deliver(Ready({}))
        return self.workers[-1]

    @property
    def worker(self) -> ScriptedWorker:
        return self.workers[-1]

    def shown(self, lab: Lab) -> tuple[Session, View]:
        """A session with its widgets, as a notebook shows it."""
        view = View(lab)
        session = Session(lab, self.conductor, view)
        view.connect(session)
        return session, view

    def session(self, lab: Lab | None = None) -> Session:
        return Session(lab or self._make_lab(), self.conductor, ListDisplay())

    def settle(self) -> None:
        self.conductor.loop.do_posted()
        self.conductor.loop.do_due()
        self.conductor.loop.do_posted()

    def wait(self, seconds: float) -> None:
        self.time += seconds
        self.settle()

    def answer(self, reply: Any) -> None:
        self.worker.deliver(reply)
        self.settle()

    def starts(self) -> list[Start]:
        return [command for worker in self.workers for command in worker.commands if isinstance(command, Start)]

    def slice(self, seconds: float = 0.1, calls: int = 5, frame: Frame | None = None) -> None:
        frame = frame or Frame({"latency_ns": np.full(calls, 1000)}, {"calls": calls})
        self.answer(Sliced(self.starts()[-1].run, frame, seconds))
        self.wait(SETTLE_S)

    def finish(self) -> None:
        self.answer(Finished(self.starts()[-1].run, None))
