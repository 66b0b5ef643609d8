"""Connections that each send their next query as soon as the last one is answered: a closed loop without think time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter_ns

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Queried:
    """`done` queries in so many `seconds`, up to the end of the last one, and how long each took (`response_ns`)."""

    response_ns: list[int]
    done: int
    seconds: float

    @property
    def per_s(self) -> float:
        """Throughput."""
        return self.done / self.seconds


def query_for(
    pool: ThreadPoolExecutor,
    queries: Sequence[Callable[[], object]],
    seconds: float,
    left_out: int = 0,
    longest_s: float = 0.2,
) -> Queried:
    """Each of `queries` again and again on a thread of its own, for so long; all start at one moment, once each thread is there.

    The first responses of each connection may be `left_out`: all first queries arrive at once, so where they are served in order
    of arrival they wait half as long as those that follow. Then a connection goes on until one response counts, or `longest_s`
    have passed. The pool needs a thread for each. Raises what a query raises.
    """
    starts: list[int] = []
    gate = threading.Barrier(len(queries), action=lambda: starts.append(perf_counter_ns()))

    def repeat(query: Callable[[], object]) -> tuple[list[int], int]:
        gate.wait(PATIENCE_S)
        times: list[int] = []
        now = starts[0]
        until, latest = (now + round(1e9 * each) for each in (seconds, longest_s))
        while not times or now < until or (len(times) <= left_out and now < latest):
            query()
            ended = perf_counter_ns()
            times.append(ended - now)
            now = ended
        return times, now

    try:
        asked = [pool.submit(repeat, query) for query in queries]
    except RuntimeError:  # the system allows no more threads
        gate.abort()
        raise
    found = [each.result() for each in asked]
    took_s = (max(ended for _, ended in found) - starts[0]) / 1e9
    counted = [time for times, _ in found for time in times[left_out:]]
    return Queried(counted, sum(len(times) for times, _ in found), took_s)
