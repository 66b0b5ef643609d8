"""Threads that do jobs in the order of their submission, and tell since when a job has had its thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from perflab.systems.servers.fair_pool import FairPool

Result = TypeVar("Result")
Tell = Callable[[], object]


class FairThreads:
    """So many threads; a job that finds one idle is that thread's from this moment on.

    In the library's executor a job waits until a thread that was woken for it has the GIL. While other threads compute that
    takes milliseconds, in which a thread that has just become free may take the job instead.
    """

    def __init__(self, threads: int, now_ns: Callable[[], int]) -> None:
        self._jobs: FairPool[Callable[[int], Tell] | None] = FairPool(now_ns=now_ns)
        self._threads = threads
        for _ in range(threads):
            threading.Thread(target=self._serve, daemon=True).start()

    def submit(self, job: Callable[[int], Result]) -> Future[Result]:
        """Have it called on a thread, with the moment (ns) since when it has had that thread."""
        told: Future[Result] = Future()

        def do(since_ns: int) -> Tell:
            if not told.set_running_or_notify_cancel():
                return lambda: None
            try:
                return partial(told.set_result, job(since_ns))
            except BaseException as error:
                return partial(told.set_exception, error)

        self._jobs.put(do)
        return told

    def close(self) -> None:
        """The threads end when what was submitted before is done; this does not wait for them."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _serve(self) -> None:
        asked = self._jobs.ask()
        while True:
            do, since_ns = asked.get()
            if do is None:
                return
            tell = do(since_ns)
            # Ask before telling, which releases the GIL: the next job has this thread all the same.
            asked = self._jobs.ask()
            tell()
            del do, tell  # what they hold need not live until the next job comes
