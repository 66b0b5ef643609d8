"""A cache in front of a SQLite file, in a process of its own, and one client that reads and writes there.

In the process that measures, the threads that flush and refresh would take the CPU from it.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from time import perf_counter, perf_counter_ns, sleep
from typing import Any

from perflab.measure.collector import gc_paused
from perflab.measure.guards import BadInput, check_number
from perflab.systems.caches.strategies import STRATEGIES, CacheAside, WriteBehind
from perflab.systems.databases.versions import Versions
from perflab.systems.process.child import ChildServer, announce, answer_requests, read_config
from perflab.systems.servers.failing_store import checked, told

KEYS, TTL = 3_000, 5_000
BURST, PAUSE_S = 10, 0.001
"""The client rests so long after so many requests; without it, a cache alone would keep a CPU busy."""
WARM_UP = 2 * TTL
SWITCH_S = 0.0005
PROBES, PROBED_ROWS = 25, 100


@dataclass(frozen=True)
class Served:
    """Times (ns) of reads that hit, of reads that missed, and of writes, in the order of the requests of each kind."""

    hit_ns: list[int]
    miss_ns: list[int]
    write_ns: list[int]
    rows: int = 0
    flushes: int = 0


class CachedStore(ChildServer):
    """The process, for as long as its block lasts. `writes` is a share; `store_ms` is added to each access to the store."""

    def __init__(self, strategy: str, writes: float, skew: float, store_ms: float, seed: int) -> None:
        if strategy not in STRATEGIES:
            raise BadInput(f"strategy must be one of {', '.join(STRATEGIES)}; got {strategy!r}.")
        config = {
            "strategy": strategy,
            "writes": check_number("writes", writes, 0, 1),
            "skew": check_number("skew", skew, 0, 3),
            "store_ms": check_number("store_ms", store_ms, 0, 1_000),
            "seed": seed,
        }
        self._folder = tempfile.TemporaryDirectory(prefix="perflab-cached-", ignore_cleanup_errors=True)
        try:
            super().__init__("perflab.systems.servers.cached_store", {**config, "folder": self._folder.name})
        except BaseException:
            self._folder.cleanup()
            raise

    def load(self, seconds: float) -> Served:
        """Requests for so long, from where the last ones ended."""
        return Served(**checked(self.ask("load", seconds=seconds)))

    def probe(self) -> dict[str, float]:
        """What else is needed to predict (ns): a further row of a commit, and by how much a wait of a millisecond is too long."""
        return {name: float(value) for name, value in self.ask("probe").items()}

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Nothing acknowledged is dropped in silence: what is pending is stored before the end; raises where that fails."""
        try:
            if error is None or isinstance(error, GeneratorExit):
                checked(self.ask("finish"))
        finally:
            super().__exit__(kind, error, trace)

    def close(self) -> None:
        """End the process, and remove its store."""
        super().close()
        self._folder.cleanup()


COLUMNS = ("hit_ns", "miss_ns", "write_ns")


class Memory:
    """A store without any wait, in which the requests before the first ones that are timed are done."""

    def __init__(self) -> None:
        self.versions: dict[int, int] = {}

    def read(self, key: int) -> int:
        return self.versions.get(key, 0)

    def write(self, key: int, version: int) -> None:
        self.versions[key] = version

    def write_all(self, versions: Mapping[int, int]) -> None:
        self.versions.update(versions)


class Client:
    """Reads and writes keys by their popularity, proportional to 1/rank^skew. Each write raises the key's version."""

    def __init__(self, cached: CacheAside, writes: float, skew: float, seed: int) -> None:
        self._cached, self._writes, self._random = cached, writes, random.Random(seed)
        self._weights = list(accumulate((rank + 1) ** -skew for rank in range(KEYS)))
        self._versions: dict[int, int] = {}

    def warm_up(self, store: Versions) -> None:
        """The cache as it is after many requests, and a store that has all that they wrote."""
        memory = Memory()
        self._cached.store = memory
        for key, version in self._requests(WARM_UP):
            self._ask(key, version)
        if isinstance(self._cached, WriteBehind):
            self._cached.flush()
        wait_s, store.wait_s = store.wait_s, 0.0
        store.write_all(memory.versions)
        store.wait_s, self._cached.store = wait_s, store

    def load(self, seconds: float) -> dict[str, Any]:
        """Requests for so long: their times, and what was flushed meanwhile."""
        times: tuple[list[int], list[int], list[int]] = ([], [], [])
        before, ends_s = flushed(self._cached), perf_counter() + seconds
        with gc_paused(generation=0):
            while perf_counter() < ends_s:
                for key, version in self._requests(BURST):
                    began_ns = perf_counter_ns()
                    kind = self._ask(key, version)
                    times[kind].append(perf_counter_ns() - began_ns)
                    if perf_counter() > ends_s:
                        break
                sleep(PAUSE_S)
        rows, flushes = (now - then for now, then in zip(flushed(self._cached), before, strict=True))
        return {**dict(zip(COLUMNS, times, strict=True)), "rows": rows, "flushes": flushes}

    def _requests(self, number: int) -> Iterator[tuple[int, int]]:
        """The next keys, each with the version that it is to be written with; 0 for a read."""
        for key in self._random.choices(range(KEYS), cum_weights=self._weights, k=number):
            if self._random.random() < self._writes:
                self._versions[key] = self._versions.get(key, 0) + 1
                yield key, self._versions[key]
            else:
                yield key, 0

    def _ask(self, key: int, version: int) -> int:
        """Do one request; returns which of the columns it belongs to."""
        cached = self._cached
        cached.now += 1
        if version:
            cached.write(key, version)
            return 2
        misses = cached.misses
        cached.read(key)
        return int(cached.misses > misses)


def flushed(cached: CacheAside) -> tuple[int, int]:
    """Rows and commits that were written behind."""
    return (cached.rows, cached.flushes) if isinstance(cached, WriteBehind) else (0, 0)


def probe(store: Versions) -> dict[str, float]:
    """Medians (ns) of many rows in a commit less one row, by row, and of a wait less its time. The store need not be durable."""

    def median(call: Callable[[int], object]) -> float:
        moments = [perf_counter_ns()]
        for number in range(PROBES):
            call(number)
            moments.append(perf_counter_ns())
        return float(sorted(later - earlier for earlier, later in pairwise(moments))[PROBES // 2])

    one, many = (
        median(lambda version: store.write_all(dict.fromkeys(range(rows), version)))  # noqa: B023
        for rows in (1, PROBED_ROWS)
    )
    late_ns = median(lambda _: sleep(PAUSE_S)) - 1e9 * PAUSE_S
    return {"row_ns": max(0.0, many - one) / (PROBED_ROWS - 1), "late_ns": max(0.0, late_ns)}


def _main(folder: str, strategy: str, writes: float, skew: float, store_ms: float, seed: int) -> None:
    # A thread that flushes would otherwise wait up to 5 ms for each turn at the GIL.
    sys.setswitchinterval(SWITCH_S)
    with (
        closing(Versions(Path(folder) / "entries.db", store_ms / 1e3)) as store,
        closing(Versions(Path(folder) / "undurable.db", durable=False)) as undurable,
    ):
        cached = STRATEGIES[strategy](store, TTL)
        client = Client(cached, writes, skew, seed)
        client.warm_up(store)
        cached.start()
        announce(0)  # it listens on no port
        calls: dict[str, Callable[..., Any]] = {
            "load": client.load,
            "finish": cached.close,
            "probe": lambda: probe(undurable),
        }
        try:
            answer_requests({name: told(call) for name, call in calls.items()})
        finally:
            cached.close()


if __name__ == "__main__":
    _main(**read_config())
