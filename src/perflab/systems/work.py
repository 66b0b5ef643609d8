"""Four kinds of work, done by as many threads as you like: waiting, computing, locking, and moving memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from time import perf_counter

import numpy as np

from perflab.measure.guards import check_number, machine_limits
from perflab.systems.computing import compute

WAITING, COMPUTING, LOCKING, MEMORY = "waiting", "computing", "locking", "memory"
KINDS = (WAITING, COMPUTING, LOCKING, MEMORY)
WAIT_S = 0.004
COMPUTED_STEPS = 10_000
COPIED_BYTES = 4_000_000
LONGEST_WINDOW_S = 1.0
START_S = 5.0
WARM_UP = 0.25

Operation = Callable[[], object]


def operations(kind: str, workers: int, locked: float = 0.0) -> list[Operation]:
    """One operation for each worker. `locked` is the share of "locking" that is done while holding the lock they share.

    Raises `BadInput` for more workers than this machine's limit of threads.
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
        source = np.ones(COPIED_BYTES // 8)
        return [_copier(source) for _ in range(workers)]
    raise ValueError(f"work is one of {', '.join(KINDS)}; got {kind!r}")


def throughput(todo: list[Operation], window_s: float) -> float:
    """Operations per second of threads that each repeat theirs: completions in a window of `window_s`, after a warm-up.

    All are counted together: who holds the interpreter's lock finishes several in a row, and then none for a while.
    """
    check_number("window_s", window_s, 0.001, LONGEST_WINDOW_S)
    completed = [0] * len(todo)
    window: list[float] = []

    def begin() -> None:
        # One window for all: a thread that has to wait for the interpreter's lock would begin its own later.
        now = perf_counter()
        window[:] = now + WARM_UP * window_s, now + (1 + WARM_UP) * window_s

    gate = threading.Barrier(len(todo), action=begin)

    def work(place: int, operation: Operation) -> None:
        gate.wait(START_S)
        counted, until = window
        now = perf_counter()
        while now < until:
            operation()
            now = perf_counter()
            completed[place] += counted <= now < until

    threads = [threading.Thread(target=work, args=each, name="perflab-work") for each in enumerate(todo)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(completed) / window_s


def _with_lock(lock: threading.Lock, locked: float) -> None:
    with lock:
        time.sleep(WAIT_S * locked)
    time.sleep(WAIT_S * (1 - locked))


def _copier(source: np.ndarray) -> Operation:
    target = np.empty_like(source)
    return lambda: np.copyto(target, source)
