"""Three tiers of tests: facts, and tests with the marker `process`, which start processes but judge no time, run in parallel;
tests with the marker `clock` measure, and run four at a time.

A test without a marker that starts a process or sleeps fails at once and says why, so that the tiers cannot mix.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

MAX_SLEEP_S = 0.05
MARKERS = ("process", "clock")
WHY = "a test without a marker {did}: mark it `process` or `clock`, or make it a fact on a virtual clock"


class OutOfTier(Exception):
    """A test of facts did what only tests with a marker may do."""


class Guard:
    """Stands before what starts processes and what waits; closed while a test of facts runs."""

    def __init__(self) -> None:
        self.is_closed = False

    def refuse(self, did: str) -> None:
        """Raise where the guard is closed."""
        if self.is_closed:
            raise OutOfTier(WHY.format(did=did))

    @contextmanager
    def closed(self, closed: bool) -> Iterator[None]:
        """For the length of a test."""
        before, self.is_closed = self.is_closed, closed
        try:
            yield
        finally:
            self.is_closed = before

    def install(self) -> Callable[[], None]:
        """Put it before `Popen`, `os.fork` and `time.sleep`; returns what takes it away again."""
        popen, fork, sleep = subprocess.Popen.__init__, getattr(os, "fork", None), time.sleep

        def guarded_popen(process: Any, *args: Any, **kwargs: Any) -> None:
            self.refuse("started a process")
            popen(process, *args, **kwargs)

        def guarded_fork() -> int:
            self.refuse("started a process")
            return int(fork())  # type: ignore[misc]

        def guarded_sleep(seconds: float) -> None:
            if seconds > MAX_SLEEP_S:
                self.refuse(f"slept for {seconds:g} s")
            sleep(seconds)

        def remove() -> None:
            subprocess.Popen.__init__, time.sleep = popen, sleep  # type: ignore[method-assign]
            if fork is not None:
                os.fork = fork

        subprocess.Popen.__init__ = guarded_popen  # type: ignore[method-assign,assignment]
        time.sleep = guarded_sleep
        if fork is not None:
            os.fork = guarded_fork
        return remove


GUARD = Guard()
