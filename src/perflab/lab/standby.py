"""The worker that stands by: started when it is needed, and given up where it cannot start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from perflab.lab.protocol import AnyWorker, Command, Reply
from perflab.lab.worker_process import remove_stale_folders

MAX_DEATHS = 2
"""Workers that end before they are ready: so many of them, and the next would do the same."""

StartWorker = Callable[[Callable[[Reply], None]], AnyWorker]


class Standby:
    """At most one worker at a time. It is never started again by itself, but by the next run that needs it."""

    def __init__(self, start_worker: StartWorker, deliver: Callable[[Reply], None]) -> None:
        self._start_worker, self._deliver = start_worker, deliver
        self._worker: AnyWorker | None = None
        self._deaths = 0
        self._is_ready = False
        self.environment: Mapping[str, Any] = {}

    def warm_up(self) -> None:
        """Start a worker where there is none."""
        if self._worker is None:
            remove_stale_folders()
            self._is_ready = False
            self._worker = self._start_worker(self._deliver)

    def send(self, *commands: Command) -> None:
        """To the worker, if there is one."""
        for command in commands if self._worker is not None else ():
            self._worker.send(command)  # type: ignore[union-attr]

    def on_ready(self, environment: Mapping[str, Any]) -> None:
        """The worker is ready, and this is where it measures."""
        self.environment, self._is_ready, self._deaths = environment, True, 0

    def is_at_work(self, pid: int) -> bool:
        """Whether that is the worker of now, not one that was discarded before it could report its end."""
        return self._worker is not None and self._worker.pid == pid

    def cannot_start(self) -> bool:
        """The worker has ended: whether that was before it was ready, and not for the first time."""
        if not self._is_ready:
            self._deaths += 1
        return self._deaths >= MAX_DEATHS

    @property
    def is_ready(self) -> bool:
        """Whether the worker, or the one that has just ended, was ready to measure."""
        return self._is_ready

    def log_tail(self) -> str:
        """The end of what the worker printed."""
        return self._worker.log_tail() if self._worker is not None else ""

    def discard(self) -> None:
        """End the worker and all it started, now."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        """Let the worker end by itself, with all it started."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()
