"""Threads that write to one database, each again as soon as its request is stored; one writer commits what has gathered."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Condition, Lock
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from perflab.measure.collector import gc_paused
from perflab.measure.guards import machine_limits

WhenToCommit = Callable[[int, float, int], bool]
"""Whether to commit now: how many requests wait, for how long the oldest has waited (s), how many the last commit held."""
LOOK_S = 0.0005
FEWEST, PATIENCE_S = 2, 0.25
"""So many commits a load has at least, for which it goes on up to that long."""


@dataclass(frozen=True)
class Written:
    """`response_ns` of each request, from its thread asking until that is told; of each commit when it began and ended (ns since
    the start), and how many requests it held.
    """

    response_ns: NDArray[np.int64]
    began_ns: NDArray[np.int64]
    ended_ns: NDArray[np.int64]
    requests: NDArray[np.int64]

    @property
    def per_s(self) -> float:
        """Requests stored per second, from the end of the first commit to that of the last; NaN for fewer than two."""
        if self.ended_ns.size < 2:
            return float("nan")
        return float(1e9 * self.requests[1:].sum() / (self.ended_ns[-1] - self.ended_ns[0]))


class Desk:
    """Where requests wait for the writer, in the order in which they came."""

    def __init__(self, size: int, max_wait_s: float, when: WhenToCommit | None = None) -> None:
        self._size, self._max_wait_s, self._when = size, max_wait_s, when
        self._changed = Condition(Lock())
        self._waiting: deque[tuple[int, Lock]] = deque()
        self._taken: list[Lock] = []
        self._last, self._closed = 0, False
        self.left: frozenset[Lock] = frozenset()

    def enter(self, asked_ns: int, told: Lock) -> bool:
        """Wait for the writer, which releases `told`; false once the desk is closed."""
        with self._changed:
            if not self._closed:
                self._waiting.append((asked_ns, told))
                # Other arrivals change nothing for a writer that knows when the oldest has waited long enough.
                if self._when is not None or len(self._waiting) in (1, self._size):
                    self._changed.notify()
            return not self._closed

    def take(self, until_ns: int) -> list[Lock]:
        """The next batch, as soon as it is to be committed; none when it is that late."""
        with self._changed:
            while (now := perf_counter_ns()) < until_ns:
                wait_s = self._wait_s(now) if self._waiting else np.inf
                if wait_s <= 0:
                    number = min(len(self._waiting), self._size) if self._when is None else len(self._waiting)
                    self._last = number
                    self._taken = [self._waiting.popleft()[1] for _ in range(number)]
                    return self._taken
                self._changed.wait(min(wait_s, (until_ns - now) / 1e9))
            return []

    def tell(self) -> None:
        """The batch that was taken is committed: its threads go on."""
        told, self._taken = self._taken, []
        for each in told:
            each.release()

    def close(self) -> None:
        """Nothing more is committed: `left` are the requests that wait, or were taken in vain, and their threads go on."""
        with self._changed:
            self._closed = True
            self.left = frozenset([*self._taken, *(told for _, told in self._waiting)])
            for told in self.left:
                told.release()

    def _wait_s(self, now: int) -> float:
        waiting, oldest_wait_s = len(self._waiting), (now - self._waiting[0][0]) / 1e9
        if self._when is not None:  # it may want to commit at any moment
            return 0.0 if self._when(waiting, oldest_wait_s, self._last) else LOOK_S
        return 0.0 if waiting >= self._size else self._max_wait_s - oldest_wait_s


def write_for(
    write: Callable[[int], object],
    threads: int,
    seconds: float,
    size: int = 1,
    max_wait_s: float = 0.0,
    rest_s: float = 0.0,
    when: WhenToCommit | None = None,
) -> Written:
    """So many threads for so long, each of which rests between a reply and its next request; `write(n)` commits n requests.

    A commit begins when `size` requests wait, or the oldest has waited `max_wait_s`; `when` decides instead, and takes all. What
    is not committed when the time is over never is. Raises what `write` or `when` raises, and `BadInput` for too many threads.
    """
    machine_limits().check(threads=threads)
    desk, responses = Desk(size, max_wait_s, when), deque[int]()
    commits: list[tuple[int, int, int]] = []

    def client() -> None:
        told = Lock()
        told.acquire()
        while True:
            if rest_s:
                time.sleep(rest_s)
            if not desk.enter(asked_ns := perf_counter_ns(), told):
                return
            told.acquire()
            if told in desk.left:
                return
            responses.append(perf_counter_ns() - asked_ns)

    with gc_paused(generation=0), ThreadPoolExecutor(threads) as pool:
        try:
            clients = [pool.submit(client) for _ in range(threads)]
            start_ns = perf_counter_ns()
            until_ns, patient_ns = (start_ns + round(1e9 * each) for each in (seconds, max(seconds, PATIENCE_S)))
            while batch := desk.take(until_ns if len(commits) >= FEWEST else patient_ns):
                began_ns = perf_counter_ns()
                write(len(batch))
                commits.append((began_ns - start_ns, perf_counter_ns() - start_ns, len(batch)))
                desk.tell()
        finally:
            desk.close()
        for each in clients:
            each.result()
    times = np.array(commits, np.int64).reshape(-1, 3)
    return Written(np.array(responses, np.int64), *times.T)
