"""Five kinds of work for as many threads as you like: waiting, computing, locking, moving memory, keeping replicas alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from perflab.measure.guards import check_number, machine_limits
from perflab.systems.machine.computing import compute
from perflab.systems.machine.resources import Room

WAITING, COMPUTING, LOCKING, MEMORY, REPLICATING = "waiting", "computing", "locking", "memory", "replicating"
KINDS = (WAITING, COMPUTING, LOCKING, MEMORY, REPLICATING)
WAIT_S = 0.004
COMPUTED_STEPS = 10_000
COPIED_BYTES = 2_000_000
CHANGED_ROWS = 1_500
MAX_WINDOW_S = 1.0
TIMEOUT_S = 30.0
HEAD_START_S = 0.003


@dataclass(frozen=True)
class Work:
    """What each worker repeats: `operation` gets the number of workers. `in_rounds`: all finish before any begins the next."""

    operation: Callable[[int], object]
    in_rounds: bool = False


def work_of(kind: str, most: int, locked: float = 0.0) -> Work:
    """Work of a kind for at most so many workers; `locked` is the share of "locking" and "replicating" that holds a common lock.

    Raises `BadInput` for more workers than threads allowed.
    """
    machine_limits().check(threads=most)
    check_number("locked", locked, 0, 1)
    if kind == WAITING:
        return Work(lambda workers: time.sleep(WAIT_S))
    if kind == COMPUTING:
        return Work(lambda workers: compute(COMPUTED_STEPS))
    if kind == LOCKING:
        return Work(partial(_with_lock, threading.Lock(), locked))
    if kind == MEMORY:
        room = Room()
        return Work(lambda workers: room.copy(COPIED_BYTES))
    if kind == REPLICATING:
        return Work(partial(_replicate, threading.Lock(), locked, replicas(most)), in_rounds=True)
    raise ValueError(f"work is one of {', '.join(KINDS)}; got {kind!r}")


def throughput(work: Work, workers: int, window_s: float) -> float:
    """Operations per second of threads that each repeat theirs for `window_s`, up to the end of the last one.

    An operation (or a round) under way at the end of the window counts whole, and so does its time. All threads are counted
    together: one that holds the GIL finishes several operations in a row, and then none for a while.
    """
    check_number("window_s", window_s, 0.001, MAX_WINDOW_S)
    completed, ended = [0] * workers, [0.0] * workers
    begins: list[float] = []
    over: list[bool] = []

    # All start at one moment, which lies a little ahead: to wake many takes a while.
    gate = threading.Barrier(workers, action=lambda: begins.append(perf_counter() + HEAD_START_S))
    meeting = threading.Barrier(workers, action=lambda: over.append(perf_counter() >= begins[0] + window_s))

    def is_over(now: float) -> bool:
        if work.in_rounds:
            return over[-1:] == [True]
        # Something is measured also by a machine that has stood still.
        return now >= begins[0] + window_s and any(completed)

    def repeat(place: int) -> None:
        try:
            gate.wait(TIMEOUT_S)
        except threading.BrokenBarrierError:  # not all could be started
            return
        time.sleep(max(0.0, begins[0] - perf_counter()))
        while not is_over(perf_counter()):
            work.operation(workers)
            completed[place] += 1
            ended[place] = perf_counter()
            if work.in_rounds:
                meeting.wait(TIMEOUT_S)

    threads = [threading.Thread(target=repeat, args=(place,), name="perflab-work") for place in range(workers)]
    start_all(threads, gate)
    for thread in threads:
        thread.join()
    return sum(completed) / (max(ended) - begins[0])


def start_all(threads: Sequence[threading.Thread], gate: threading.Barrier) -> None:
    """Start threads that meet at a gate; where the system lets fewer start, open it, wait for the end of those, and raise."""
    for number, thread in enumerate(threads):
        try:
            thread.start()
        except RuntimeError:
            gate.abort()
            for started in threads[:number]:
                started.join()
            raise


def replicas(number: int) -> list[dict[int, int]]:
    """So many copies of one table."""
    table = {row: row for row in range(CHANGED_ROWS)}
    return [dict(table) for _ in range(number)]


def _with_lock(lock: threading.Lock, locked: float, workers: int) -> None:
    with lock:
        _wait(WAIT_S * locked)
    _wait(WAIT_S * (1 - locked))


def _replicate(lock: threading.Lock, locked: float, copies: list[dict[int, int]], workers: int) -> None:
    _wait(WAIT_S * (1 - locked))
    with lock:
        _wait(WAIT_S * locked)
        for copy in copies[:workers]:
            copy.update(copies[0])


def _wait(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)
