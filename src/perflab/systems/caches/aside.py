"""Cache-aside: look into the cache; at a miss read the store, and fill the cache. The cache is a dict, or Redis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from perflab.systems.caches.resp import Resp


class Cache(Protocol):
    """Texts by number."""

    @property
    def get(self) -> Callable[[int], str | None]:
        """The value of a key, or None."""
        ...

    @property
    def put(self) -> Callable[[int, str], None]:
        """Keep a value."""
        ...

    def forget(self, keys: Sequence[int]) -> int:
        """Remove these keys; returns how many of them were there."""
        ...


class InDict:
    """A dict of this process."""

    def __init__(self) -> None:
        self._entries: dict[int, str] = {}
        # The dict's own methods: another call around them would take longer than they do.
        self.get: Callable[[int], str | None] = self._entries.get
        self.put: Callable[[int, str], None] = self._entries.__setitem__

    def forget(self, keys: Sequence[int]) -> int:
        """As in `Cache`."""
        return sum(self._entries.pop(key, None) is not None for key in keys)


class InRedis:
    """A server that keeps everything in memory: each call is a request to it, and its reply."""

    def __init__(self, server: Resp) -> None:
        self._ask = server.ask

    def get(self, key: int) -> str | None:
        """As in `Cache`."""
        found = self._ask(b"GET", b"%d" % key)
        return found.decode() if isinstance(found, bytes) else None

    def put(self, key: int, value: str) -> None:
        """As in `Cache`."""
        self._ask(b"SET", b"%d" % key, value.encode())

    def forget(self, keys: Sequence[int]) -> int:
        """As in `Cache`."""
        found = self._ask(b"DEL", *(b"%d" % key for key in keys)) if keys else 0
        return found if isinstance(found, int) else 0


def reader(cache: Cache, read_store: Callable[[int], str]) -> Callable[[int], str]:
    """A function that reads a key through the cache."""
    get, put = cache.get, cache.put

    def read(key: int) -> str:
        value = get(key)
        if value is None:
            value = read_store(key)
            put(key, value)
        return value

    return read
