"""Pools (of connections, say) that are fair to the threads or tasks that wait for an item."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from asyncio import _get_running_loop
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class _Pool(Generic[Item]):
    """Items for one holder each at a time: first come, first served, the longest free item first.

    In the library's queues a new thread or task may take an item before one that has waited for it, some for over a second.
    """

    _promise: Callable[[], Any]
    """Makes a place into which an item is put with the moment (ns) since when it is there."""

    def __init__(self, items: Iterable[Item] = (), now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._lock = threading.Lock()
        self._now_ns = now_ns
        self._free = deque(items)
        self._line: deque[Any] = deque()

    @property
    def free(self) -> int:
        """How many items are not in use."""
        return len(self._free)

    def put(self, item: Item) -> None:
        """Add an item, or give it back: it goes to the longest wait."""
        with self._lock:
            while self._line:
                if self._line.popleft().put_nowait((item, self._now_ns())) is not False:
                    return
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
        """Stand in line for an item: where it will be put, with the moment (ns) since when it is there."""
        found: queue.SimpleQueue[tuple[Item, int]] = self._ask()
        return found

    def get(self) -> Item:
        """Wait for an item."""
        return self.ask().get()[0]


class _Place(Future[Any]):
    def put_nowait(self, found: tuple[Any, int]) -> bool:
        """Whether it is still wanted."""
        is_wanted = self.set_running_or_notify_cancel()
        if is_wanted:
            self.set_result(found)
        return is_wanted


class FairTaskPool(_Pool[Item]):
    """For tasks of an event loop, which may be cancelled, and for coroutines that a thread drives."""

    _promise = _Place

    async def get(self) -> tuple[Item, int]:
        """Wait for an item; with it the moment (ns) since when it is there."""
        place: Future[tuple[Item, int]] = self._ask()
        if place.done() or _get_running_loop() is None:
            return place.result()
        try:
            return await asyncio.wrap_future(place)
        except asyncio.CancelledError:
            if not place.cancel():  # it was given in the same moment
                self.put(place.result()[0])
            raise
