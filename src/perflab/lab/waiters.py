"""Code that waits for a run: it gets the record, or the reason why there is none."""

from __future__ import annotations

from concurrent.futures import Future

from perflab.lab.record import Record


class ExperimentFailed(Exception):
    """An experiment raised, or its worker was lost. The message is for the person at the slider."""


class Waiters:
    """The futures of `lab.run(...)` calls that are still open."""

    def __init__(self) -> None:
        self._futures: list[Future[Record]] = []

    def add(self, future: Future[Record]) -> None:
        """One more waits; those before it are told that a newer run took their place."""
        self.fail("A newer run took the place of this one.")
        self._futures.append(future)

    def succeed(self, record: Record) -> None:
        """The run is over."""
        futures, self._futures = self._futures, []
        for future in futures:
            future.set_result(record)

    def fail(self, message: str) -> None:
        """There will be no record."""
        futures, self._futures = self._futures, []
        for future in futures:
            future.set_exception(ExperimentFailed(message))
