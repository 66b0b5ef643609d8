"""A process that writes to a store through a cache, and is killed in the middle of it.

What it has acknowledged stands in a file that both processes map into their memory, so it is known after a SIGKILL. Each kill
needs a new process, so this module imports little.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Self

from perflab.interpreter import open_channel, start_python
from perflab.systems.caches.strategies import CacheAside, Store, WriteBehind, WriteThrough
from perflab.systems.databases.versions import Versions, stored_in

ASIDE, THROUGH, UNSYNCED, BEHIND = "cache-aside", "write-through", "write-through, no fsync", "write-behind"
STRATEGIES = (ASIDE, THROUGH, UNSYNCED, BEHIND)
WORD_BYTES, COMMITS = 8, 4_096
HEAD_WORDS = 2 + 3 * COMMITS
END_S = 5.0
TICK_S = 0.001
SKEW = 1.0


class VictimFailed(RuntimeError):
    """The process ended before it was killed. The message holds the end of what it printed."""


class Ledger:
    """What was acknowledged and committed, in memory that two processes share."""

    def __init__(self, path: Path, keys: int) -> None:
        size = WORD_BYTES * (HEAD_WORDS + keys)
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)
        self._words = memoryview(self._map).cast("q")

    @property
    def acknowledged(self) -> int:
        """How many writes were acknowledged."""
        return self._words[0]

    def acknowledge(self, key: int, version: int) -> None:
        """From now on the client of this write relies on it."""
        self._words[HEAD_WORDS + key] = version
        self._words[0] += 1

    def committed(self, began_ns: int, ended_ns: int, writes: int) -> None:
        """A commit is done, and so many writes are in the store, all that were acknowledged when it began."""
        number = self._words[1]
        at = 2 + 3 * (number % COMMITS)
        self._words[at], self._words[at + 1], self._words[at + 2] = began_ns, ended_ns, writes
        self._words[1] = number + 1

    def commits(self) -> list[tuple[int, int, int]]:
        """Of the last commits, oldest first: when each began and ended (ns), and how many writes were in the store then."""
        number = self._words[1]
        places = [2 + 3 * (each % COMMITS) for each in range(max(0, number - COMMITS), number)]
        return [(self._words[at], self._words[at + 1], self._words[at + 2]) for at in places]

    def versions(self) -> list[int]:
        """The newest acknowledged version of each key."""
        return self._words[HEAD_WORDS:].tolist()

    def close(self) -> None:
        """Let go of the memory."""
        self._words.release()
        self._map.close()


@dataclass(frozen=True)
class Kill:
    """What a kill has left: how many writes were acknowledged; how many of them are `lost`, and how many entries of the store are
    `wrong` for it; how many writes are stored that were not acknowledged; when it was killed (ns), and the commits before.
    """

    acknowledged: int
    lost: int
    wrong: int
    ahead: int
    killed_ns: int
    commits: Sequence[tuple[int, int, int]]


class Victim:
    """The process, from its start to its kill or the end of its block; nothing is left of it then."""

    def __init__(self, strategy: str, flush_ms: float, rate: float, keys: int, seed: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="perflab-victim-", ignore_cleanup_errors=True)
        self._path = Path(self._folder.name)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._ledger = Ledger(self._path / "acknowledged", keys)
            config = {"strategy": strategy, "flush_s": flush_ms / 1e3, "rate": rate, "keys": keys, "seed": seed}
            told = json.dumps({**config, "folder": self._folder.name})
            with (self._path / "log").open("wb") as log:
                self._process, self._channel = start_python(
                    "perflab.systems.servers.victim", told, stdout=log, stderr=log
                )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> None:
        """Wait until it is ready, and have it write from now on."""
        assert self._process is not None and self._process.stdin is not None
        if not self._channel.readline():
            raise self._failure()
        try:
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._failure() from None

    def kill(self) -> Kill:
        """Kill it as a crash would, and read its store; raises `VictimFailed` where it was dead already."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise self._failure()
        self._process.kill()
        sent_ns = time.perf_counter_ns()
        self._process.wait()
        stored, acknowledged = stored_in(self._path / "entries.db"), self._ledger.versions()
        behind = [version - stored.get(key, 0) for key, version in enumerate(acknowledged)]
        lost = [each for each in behind if each > 0]
        ahead = -sum(each for each in behind if each < 0)
        commits = self._ledger.commits()
        # A signal takes effect some microseconds after it was sent: a commit that ended then was done alive.
        killed_ns = max([sent_ns, *(ended_ns for _, ended_ns, _ in commits)])
        return Kill(self._ledger.acknowledged, sum(lost), len(lost), ahead, killed_ns, commits)

    def close(self) -> None:
        """End the process if it still runs, and remove its files."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None
            try:
                self._process.stdin.close()
            except OSError:
                pass
            self._channel.close()
            self._process = None
        if hasattr(self, "_ledger"):
            self._ledger.close()
            del self._ledger
        self._folder.cleanup()

    def _failure(self) -> VictimFailed:
        assert self._process is not None
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            return VictimFailed("The process that writes does not answer. Measure again.")
        log = self._path / "log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return VictimFailed(f"The process that writes ended before it was killed. {lines[-1] if lines else ''}".strip())


class Recorded:
    """A store that tells the ledger of each commit."""

    def __init__(self, store: Versions, ledger: Ledger) -> None:
        self._store, self._ledger = store, ledger

    def read(self, key: int) -> int:
        return self._store.read(key)

    def write(self, key: int, version: int) -> None:
        began_ns = time.perf_counter_ns()
        self._store.write(key, version)
        self._ledger.committed(began_ns, time.perf_counter_ns(), self._ledger.acknowledged + 1)

    def write_all(self, versions: Mapping[int, int]) -> None:
        began_ns, writes = time.perf_counter_ns(), self._ledger.acknowledged
        self._store.write_all(versions)
        self._ledger.committed(began_ns, time.perf_counter_ns(), writes)


def cached_by(strategy: str, store: Store, flush_s: float) -> CacheAside:
    """The cache of that strategy; its buffer holds what a flush interval brings."""
    if strategy == BEHIND:
        return WriteBehind(store, float("inf"), flush_s, buffer=sys.maxsize)
    return CacheAside(store, float("inf")) if strategy == ASIDE else WriteThrough(store, float("inf"))


def begin_flushing(cached: CacheAside) -> None:
    """Now, and then after each interval."""
    if isinstance(cached, WriteBehind):
        cached.flush()
    cached.start()


def write_on(cached: CacheAside, ledger: Ledger, rate: float, keys: int, seed: int) -> None:
    """Writes at that rate until the process is killed; keys by Zipf's law, each write a version more."""
    chance, versions = random.Random(seed), [0] * keys
    weights = list(accumulate((rank + 1) ** -SKEW for rank in range(keys)))
    began, done = time.perf_counter(), 0
    while True:
        due = int(rate * (time.perf_counter() - began))
        for key in chance.choices(range(keys), cum_weights=weights, k=due - done):
            versions[key] += 1
            cached.write(key, versions[key])
            ledger.acknowledge(key, versions[key])
        done = due
        time.sleep(TICK_S)


def _main(folder: str, strategy: str, flush_s: float, rate: float, keys: int, seed: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ledger = Ledger(Path(folder) / "acknowledged", keys)
    store = Versions(Path(folder) / "entries.db", durable=strategy != UNSYNCED)
    cached = cached_by(strategy, Recorded(store, ledger), flush_s)
    with open_channel(sys.argv[-1]) as channel:
        channel.write(b"ready\n")
    if sys.stdin.readline():
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
        # So that the last flush before a kill may be of any age, the first one is at a random moment.
        first = threading.Timer(random.Random(seed).uniform(0, flush_s), begin_flushing, (cached,))
        first.daemon = True
        first.start()
        write_on(cached, ledger, rate, keys, seed)


if __name__ == "__main__":
    _main(**json.loads(sys.argv[1]))
