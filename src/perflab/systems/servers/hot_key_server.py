"""Threads that read one hot key in a process of their own; the value is a report that SQLite computes. No port: reads begin by a
schedule, in an open loop. While the clock is paused, so are schedule and reports; the pause returns what is new.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from itertools import count
from pathlib import Path
from threading import BoundedSemaphore, Condition, Lock, Thread, stack_size
from typing import TYPE_CHECKING, Any

from perflab.measure.guards import check_number, machine_limits
from perflab.systems.caches.hot_key import COMPUTE, REFRESH, WAIT, Cure, HotKey
from perflab.systems.databases import report
from perflab.systems.process.child import Handlers, announce, answer_requests, read_config
from perflab.systems.process.pausable import PausableServer, PausableSleep, RunningClock
from perflab.systems.servers.pickled import packed, unpacked
from perflab.systems.servers.policy import Policy

if TYPE_CHECKING:  # the process itself does without
    import numpy as np
    from numpy.typing import NDArray

MAX_QUERY_MS, SPEED_UP_MS, PROBES = 100.0, 10.0, 12
START_NS = 20_000_000
"""So long threads have to start before the first read may be due."""
STACK_BYTES = 512 * 1024
"""Instead of 8 MB a thread, which 64 of them would not have in a small machine's address space."""
READ = ("number", "started_ns", "done_ns", "kind")
BEGUN = ("begun_number", "begun_ns")
COMPUTED = ("of_ns", "began_ns", "ended_ns", "cpu_ns")
"""What is told of each read that was answered: when a thread began it, when its value was there, and what it did (`HotKey.look`).
Of each report that has begun: of which read, and when. Of each that has ended: when it was decided on, began, and ended, and its
CPU time.
"""


class HotKeyServer(PausableServer):
    """The process, for as long as its block lasts; a report takes `query_ms` of a CPU."""

    def __init__(self, threads: int, query_ms: float) -> None:
        machine_limits().check(threads=threads)
        check_number("query_ms", query_ms, 0.1, MAX_QUERY_MS)
        self._folder = tempfile.TemporaryDirectory(prefix="perflab-hot-key-", ignore_cleanup_errors=True)
        config = {"folder": self._folder.name, "threads": threads, "query_ms": query_ms}
        try:
            super().__init__("perflab.systems.servers.hot_key_server", config)
        except BaseException:
            self._folder.cleanup()
            raise

    def begin(self, schedule_ns: NDArray[np.int64], cure: Cure, ttl_s: float, seed: int) -> None:
        """Read at these moments from now on (ns); the value has just been computed. Once only."""
        settings = {**asdict(cure), "early": packed(cure.early)}
        self.ask("begin", schedule=schedule_ns.tolist(), cure=settings, ttl_s=ttl_s, seed=seed)

    def close(self) -> None:
        """End the process and all its threads, and remove the file."""
        super().close()
        self._folder.cleanup()


class Reading:
    """The threads, each with a connection of its own."""

    def __init__(self, running: PausableSleep, path: Path, threads: int, query_ms: float) -> None:
        self._running, self._threads = running, threads
        self._connections = [report.Reports(path, running.stand_still) for _ in range(threads)]
        self._days_per_ms = self._connections[0].days_per_ms()
        self._query_ms, self._days = query_ms, int(query_ms * self._days_per_ms)
        self._value = self._connections[0].report(self._days)
        self._changed, self._fills = Condition(Lock()), 0
        self._done, self._decided, self._begun, self._computed = deque[Any](), deque[int](), deque[Any](), deque[Any]()
        self._rule: Policy | None = None
        self._error: Exception | None = None

    def begin(self, schedule: list[int], cure: dict[str, Any], ttl_s: float, seed: int) -> None:
        """Start the threads; they take the reads in their order."""
        early = unpacked(cure["early"])
        if early is not None:
            early = self._rule = Policy("The rule", early)
        places = cure["places"]
        self._places: AbstractContextManager[Any] = BoundedSemaphore(places) if places else nullcontext()
        self._schedule, self._numbers = schedule, count()
        key = HotKey(Cure(**{**cure, "early": early}), ttl_s, self._query_ms / 1e3, random.Random(seed).random)
        key.value = self._value
        self._start_ns = self._running.now_ns() + START_NS
        for each in self._connections:
            Thread(target=self._read_on, args=(each, key), daemon=True).start()

    def settle(self) -> dict[str, Any]:
        """What is new."""
        self._running.settle()
        if self._rule is not None:
            self._rule.check()
        if self._error is not None:
            raise ValueError(f"{type(self._error).__name__}: {self._error}")
        told = ((READ, _taken(self._done)), (BEGUN, _taken(self._begun)), (COMPUTED, _taken(self._computed)))
        found: dict[str, Any] = {"elapsed_ns": self._now(), "decided_ns": _taken(self._decided)}
        return found | {name: [row[place] for row in rows] for names, rows in told for place, name in enumerate(names)}

    def speed_up(self, threads: int) -> dict[str, float]:
        """How many reports that run at once do in the time in which one of them does its own, both undisturbed."""
        days = int(SPEED_UP_MS * self._days_per_ms)

        def timed(number: int) -> float:
            started = time.perf_counter()
            list(pool.map(lambda each: each.report(days), self._connections[:number]))
            return time.perf_counter() - started

        with ThreadPoolExecutor(threads) as pool:
            alone_s, at_once_s = zip(*((timed(1), timed(threads)) for _ in range(PROBES)), strict=True)
        return {"times": threads * min(alone_s) / min(at_once_s)}

    def _now(self) -> int:
        return self._running.now_ns() - self._start_ns

    def _read_on(self, connection: report.Reports, key: HotKey) -> None:
        try:
            while (number := next(self._numbers)) < len(self._schedule):
                self._running.sleep((self._schedule[number] - self._now()) / 1e9)
                self._read(number, connection, key)
        except Exception as error:  # told at the next pause
            self._error = error

    def _read(self, number: int, connection: report.Reports, key: HotKey) -> None:
        started = self._now()
        with self._changed:
            does, fills = key.look(started / 1e9), self._fills
            if does == WAIT:
                self._changed.wait_for(lambda: self._fills != fills)
        if does == COMPUTE:
            self._compute(number, connection, key, started)
        if key.value != self._value:
            raise ValueError(f"a read got {key.value}")
        self._done.append((number, started, self._now(), does))
        if does == REFRESH:
            self._compute(number, connection, key, started)

    def _compute(self, number: int, connection: report.Reports, key: HotKey, decided: int) -> None:
        self._decided.append(decided)
        with self._places:
            began, cpu_ns = self._now(), time.thread_time_ns()
            self._begun.append((number, began))
            value = connection.report(self._days)
            ended, cpu_ns = self._now(), time.thread_time_ns() - cpu_ns
        with self._changed:
            key.fill(ended / 1e9, (ended - began) / 1e9, value)
            self._fills += 1
            self._changed.notify_all()
        self._computed.append((decided, began, ended, cpu_ns))


def _taken(events: deque[Any]) -> list[Any]:
    return [events.popleft() for _ in range(len(events))]


def _main(clock: str, folder: str, threads: int, query_ms: float) -> None:
    stack_size(STACK_BYTES)
    path = Path(folder) / "report.db"
    report.create(path)
    running = PausableSleep(RunningClock(Path(clock)))
    reading = Reading(running, path, threads, query_ms)
    announce(0)  # it listens on no port
    own: Handlers = {"begin": reading.begin, "settle": reading.settle, "speed_up": reading.speed_up}
    try:
        answer_requests({**running.requests, **own})
    finally:
        os._exit(0)  # no thread ends a report first


if __name__ == "__main__":
    _main(**read_config())
