"""Pools, of connections say, that are fair to the threads or tasks that wait for one."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class _Pool(Generic[Item]):
    """Items for one holder each at a time: first come, first served, and the item that is free the longest first.

    From a queue of the library, a thread or task that comes just now may take what was given back for one that has waited;
    with more threads than connections some waited for over a second while the usual wait was none.
    """

    _promise: Callable[[], Any]
    """Makes a place for one item, and the moment (ns) since when it is there. Who asked has to take it from there."""

    def __init__(self, items: Iterable[Item] = (), now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._lock = threading.Lock()
        self._now_ns = now_ns
        self._free = deque(items)
        self._line: deque[Any] = deque()

    @property
    def free(self) -> int:
        """How many are not in use."""
        return len(self._free)

    def put(self, item: Item) -> None:
        """Give one, or give it back: it goes to who has waited longest."""
        with self._lock:
            if self._line:
                self._line.popleft().put_nowait((item, self._now_ns()))
            else:
                self._free.append(item)

    def _ask(self) -> Any:
        mine = self._promise()
        with self._lock:
            if self._free:
                mine.put_nowait((self._free.popleft(), self._now_ns()))
            else:
                self._line.append(mine)
        return mine


class FairPool(_Pool[Item]):
    """For threads."""

    _promise = queue.SimpleQueue

    def ask(self) -> queue.SimpleQueue[tuple[Item, int]]:
        """Stand in line for one: it is there, and since when (ns), as soon as all who came before have theirs."""
        found: queue.SimpleQueue[tuple[Item, int]] = self._ask()
        return found

    def get(self) -> Item:
        """One of them, as soon as all who came before have theirs."""
        return self.ask().get()[0]


class FairTaskPool(_Pool[Item]):
    """For tasks of one event loop."""

    _promise = asyncio.Queue

    async def get(self) -> tuple[Item, int]:
        """One of them, and since when it is there (ns), as soon as all who came before have theirs."""
        found: tuple[Item, int] = await self._ask().get()
        return found
