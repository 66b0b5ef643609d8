"""Latencies of requests, collected one by one, from many threads if need be."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from perflab.measure.clock import Clock, SystemClock
from perflab.measure.frame import Frame

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Latencies:
    """Durations of operations that succeeded, in the order they started, and how many failed.

    `latencies_ns`: float64, shape (n,); `started_ns`: int64, shape (n,), from the first start. With `batch` > 1 each sample
    is the mean of so many operations, which must never be shown as a percentile of single operations.
    """

    latencies_ns: NDArray[np.float64]
    started_ns: NDArray[np.int64]
    failures: int = 0
    batch: int = 1

    def frame(self) -> Frame:
        """As columns "latency_ns" and "started_ns", counts "calls" and "failures", fact "batch"."""
        return Frame(
            {"latency_ns": self.latencies_ns, "started_ns": self.started_ns},
            {"calls": self.latencies_ns.size * self.batch, "failures": self.failures},
            {"batch": self.batch},
        )


class Recorder:
    """Collects start and end of requests; safe to use from many threads."""

    def __init__(self, capacity: int = 1_024, clock: Clock | None = None) -> None:
        self._now_ns = (clock or SystemClock()).now_ns
        self._lock = threading.Lock()
        self._open: dict[int, int] = {}
        self._next_token = 0
        self._started = np.empty(max(1, capacity), np.int64)
        self._ended = np.empty(max(1, capacity), np.int64)
        self._count = 0
        self._failures = 0

    def start(self) -> int:
        """Note the start of a request; returns the token to finish it with."""
        with self._lock:
            token = self._next_token
            self._next_token += 1
            self._open[token] = self._now_ns()
        return token

    def finish(self, token: int, *, failed: bool = False) -> None:
        """Note the end of a request; a failed one is counted apart. Raises ValueError for a token that is not open."""
        ended = self._now_ns()
        with self._lock:
            started = self._open.pop(token, None)
            if started is None:
                raise ValueError(f"token {token} is not open: it was never started here, or is finished already")
            if failed:
                self._failures += 1
            else:
                self._keep(started, ended)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Time the block; an exception counts as a failure and goes on its way."""
        token = self.start()
        try:
            yield
        except BaseException:
            self.finish(token, failed=True)
            raise
        self.finish(token)

    def timed(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorator: each call is one request."""

        @functools.wraps(function)
        def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.request():
                return function(*args, **kwargs)

        return measured

    def latencies(self) -> Latencies:
        """What has been collected so far, in the order of the starts."""
        with self._lock:
            started, ended = self._started[: self._count].copy(), self._ended[: self._count].copy()
            failures = self._failures
        order = np.argsort(started, kind="stable")
        first = started[order[0]] if order.size else 0
        return Latencies((ended - started)[order].astype(float), started[order] - first, failures)

    def _keep(self, started: int, ended: int) -> None:
        if self._count == self._started.size:
            self._started = np.concatenate([self._started, np.empty_like(self._started)])
            self._ended = np.concatenate([self._ended, np.empty_like(self._ended)])
        self._started[self._count] = started
        self._ended[self._count] = ended
        self._count += 1
