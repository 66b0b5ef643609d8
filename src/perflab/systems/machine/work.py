"""Four kinds of work, done by as many threads as you like: waiting, computing, locking, and moving memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from time import perf_counter

from perflab.measure.guards import check_number, machine_limits
from perflab.systems.machine.computing import compute
from perflab.systems.machine.resources import Room

WAITING, COMPUTING, LOCKING, MEMORY = "waiting", "computing", "locking", "memory"
KINDS = (WAITING, COMPUTING, LOCKING, MEMORY)
WAIT_S = 0.004
COMPUTED_STEPS = 10_000
COPIED_BYTES = 2_000_000
MAX_WINDOW_S = 1.0
TIMEOUT_S = 30.0
HEAD_START_S = 0.003

Operation = Callable[[], object]


def operations(kind: str, workers: int, locked: float = 0.0) -> list[Operation]:
    """One operation for each worker; the first n of them are those of n workers.

    `locked` is the share of "locking" that holds the common lock. Raises `BadInput` for more workers than threads allowed.
    """
    machine_limits().check(threads=workers)
    check_number("locked", locked, 0, 1)
    if kind == WAITING:
        return [lambda: time.sleep(WAIT_S)] * workers
    if kind == COMPUTING:
        return [lambda: compute(COMPUTED_STEPS)] * workers
    if kind == LOCKING:
        lock = threading.Lock()
        return [lambda: _with_lock(lock, locked)] * workers
    if kind == MEMORY:
        room = Room()
        return [lambda: room.copy(COPIED_BYTES)] * workers
    raise ValueError(f"work is one of {', '.join(KINDS)}; got {kind!r}")


def throughput(todo: Sequence[Operation], window_s: float) -> float:
    """Operations per second of threads that each repeat theirs for `window_s`, up to the end of the last one.

    An operation under way at the end of the window counts whole, and so does its time. All threads are counted together: one
    that holds the GIL finishes several operations in a row, and then none for a while.
    """
    check_number("window_s", window_s, 0.001, MAX_WINDOW_S)
    completed, ended = [0] * len(todo), [0.0] * len(todo)
    begins: list[float] = []

    # All start at one moment, which lies a little ahead: to wake many takes a while.
    gate = threading.Barrier(len(todo), action=lambda: begins.append(perf_counter() + HEAD_START_S))

    def work(place: int, operation: Operation) -> None:
        gate.wait(TIMEOUT_S)
        time.sleep(max(0.0, begins[0] - perf_counter()))
        until, now = begins[0] + window_s, perf_counter()
        while now < until or not any(completed):  # something is measured also by a machine that has stood still
            operation()
            completed[place] += 1
            ended[place] = now = perf_counter()

    threads = [threading.Thread(target=work, args=each, name="perflab-work") for each in enumerate(todo)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(completed) / (max(ended) - begins[0])


def _with_lock(lock: threading.Lock, locked: float) -> None:
    with lock:
        time.sleep(WAIT_S * locked)
    time.sleep(WAIT_S * (1 - locked))
