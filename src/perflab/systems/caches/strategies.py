"""Ways to keep a cache in front of a store: who reads the store at a miss, and when a write reaches it.

Entries live for `ttl` requests from when they were filled. Counted in requests, because a slow store would otherwise change which
reads hit. `now` is the number of the request.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

ASIDE, READ_THROUGH, WRITE_THROUGH, WRITE_BEHIND, REFRESH_AHEAD = (
    "cache-aside",
    "read-through",
    "write-through",
    "write-behind",
    "refresh-ahead",
)
FLUSH_S, BUFFER = 0.02, 20
"""Write-behind writes what is pending so often, or as soon as so many keys are."""
AHEAD, REFRESHERS = 0.2, 8
"""Refresh-ahead reads anew in the last fifth of an entry's life, on so many threads."""


class Store(Protocol):
    """What is behind the cache."""

    def read(self, key: int) -> int: ...
    def write(self, key: int, version: int) -> None: ...
    def write_all(self, versions: Mapping[int, int]) -> None: ...


class CacheAside:
    """The application looks into the cache, reads the store at a miss, and fills the cache. A write goes to the store and
    deletes the entry.
    """

    def __init__(self, store: Store, ttl: float) -> None:
        self.store, self.ttl, self.now, self.misses = store, ttl, 0, 0
        self.entries: dict[int, tuple[int, int]] = {}

    def start(self) -> None:
        """From now on what goes on beside requests goes on."""

    def read(self, key: int) -> int:
        """The version of a key."""
        entry = self.entries.get(key)
        if entry is not None and self.now - entry[1] < self.ttl:
            return entry[0]
        self.misses += 1
        version = self.store.read(key)
        self.entries[key] = version, self.now
        return version

    def write(self, key: int, version: int) -> None:
        """Return when the write may be acknowledged."""
        self.store.write(key, version)
        self.entries.pop(key, None)

    def close(self) -> None:
        """End what goes on beside requests."""


class ReadThrough(CacheAside):
    """The same steps, taken by the cache instead of the application: it is asked for a key, and knows the store."""


class WriteThrough(CacheAside):
    """A write goes to the store, and then into the cache."""

    def write(self, key: int, version: int) -> None:
        self.store.write(key, version)
        self.entries[key] = version, self.now


class RefreshAhead(CacheAside):
    """A read of an entry in the last part of its life has it read anew beside it, and hits."""

    def __init__(self, store: Store, ttl: float) -> None:
        super().__init__(store, ttl)
        self._refreshing: set[int] = set()
        self._pool: ThreadPoolExecutor | None = None

    def start(self) -> None:
        self._pool = ThreadPoolExecutor(REFRESHERS, "refresh")

    def read(self, key: int) -> int:
        entry = self.entries.get(key)
        if entry is not None and (1 - AHEAD) * self.ttl <= self.now - entry[1] < self.ttl:
            if self._pool is None:
                self._refresh(key)
            elif key not in self._refreshing and len(self._refreshing) < REFRESHERS:
                self._refreshing.add(key)
                self._pool.submit(self._refresh, key)
            return entry[0]
        return super().read(key)

    def _refresh(self, key: int) -> None:
        # Where it fails, the entry ends its life, and the next read is told by the store itself.
        try:
            before, version = self.entries.get(key), self.store.read(key)
            if before is not None and self.entries.get(key) is before:  # no write has come meanwhile
                self.entries[key] = version, self.now
        finally:
            self._refreshing.discard(key)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


class FlushFailed(RuntimeError):
    """Acknowledged writes could not be stored. The message says how many, and why."""


class WriteBehind(WriteThrough):
    """A write goes into the cache and a buffer, and is acknowledged; a thread writes the buffer to the store, by one commit.

    A write that finds the buffer full waits until it is being written. Once a flush has failed, each write raises `FlushFailed`.
    """

    def __init__(self, store: Store, ttl: float, flush_s: float = FLUSH_S, buffer: int = BUFFER) -> None:
        super().__init__(store, ttl)
        self.flush_s, self.buffer, self.rows, self.flushes = flush_s, buffer, 0, 0
        self._pending: dict[int, int] = {}
        self._flushing: dict[int, int] = {}
        self._has_room = threading.Condition()
        self._is_due = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure, self._closed = "", False

    def start(self) -> None:
        self._thread = threading.Thread(target=self._keep_flushing, daemon=True, name="flush")
        self._thread.start()

    def read(self, key: int) -> int:
        entry = self.entries.get(key)
        if entry is not None and self.now - entry[1] >= self.ttl:
            with self._has_room:
                pending = self._pending.get(key, self._flushing.get(key))
            if pending is not None:  # the store does not have it yet
                self.entries[key] = pending, self.now
        return super().read(key)

    def write(self, key: int, version: int) -> None:
        if self._thread is None and len(self._pending) >= self.buffer:
            self.flush()
        with self._has_room:
            while not self._failure and len(self._pending) >= self.buffer and key not in self._pending:
                self._is_due.set()
                self._has_room.wait()
            if self._failure:
                raise FlushFailed(self._failure)
            self._pending[key] = version
        self.entries[key] = version, self.now
        if len(self._pending) >= self.buffer:
            self._is_due.set()

    def flush(self) -> None:
        """Write what is pending to the store."""
        with self._has_room:
            self._flushing, self._pending = self._pending, {}
            self._has_room.notify_all()
        if self._flushing:
            try:
                self.store.write_all(self._flushing)
            except Exception as error:
                self._fail(error)
                return
            self.rows += len(self._flushing)
            self.flushes += 1
            self._flushing = {}

    def _fail(self, error: Exception) -> None:
        with self._has_room:
            lost = len({*self._flushing, *self._pending})
            self._failure = f"A flush failed ({error}): acknowledged writes of {lost} keys are not stored."
            self._has_room.notify_all()

    def _keep_flushing(self) -> None:
        while not self._closed and not self._failure:
            self._is_due.wait(self.flush_s)
            self._is_due.clear()
            self.flush()

    def close(self) -> None:
        """Store what is pending; raises `FlushFailed` where that is not possible."""
        self._closed = True
        self._is_due.set()
        if self._thread is not None:
            self._thread.join()
        if not self._failure:
            self.flush()
        if self._failure:
            raise FlushFailed(self._failure)


STRATEGIES: Mapping[str, type[CacheAside]] = {
    ASIDE: CacheAside,
    READ_THROUGH: ReadThrough,
    WRITE_THROUGH: WriteThrough,
    WRITE_BEHIND: WriteBehind,
    REFRESH_AHEAD: RefreshAhead,
}
