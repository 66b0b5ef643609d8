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


class _Place:
    """Where a task of an event loop finds its item, or a coroutine that a thread drives."""

    def __init__(self, give_back: Callable[[Any], None]) -> None:
        self._loop, self._give_back = _get_running_loop(), give_back
        self.found: Any = self._loop.create_future() if self._loop else Future()

    def put_nowait(self, found: tuple[Any, int]) -> bool:
        """Whether it is still wanted."""
        if self._loop not in (None, _get_running_loop()):
            self._loop.call_soon_threadsafe(self._put_on_loop, found)
            return True
        is_wanted = not self.found.done()
        if is_wanted:
            self.found.set_result(found)
        return is_wanted

    def _put_on_loop(self, found: tuple[Any, int]) -> None:
        if not self.put_nowait(found):
            self._give_back(found[0])


class FairTaskPool(_Pool[Item]):
    """For tasks of an event loop, which may be cancelled, and for coroutines that a thread drives."""

    def _promise(self) -> _Place:
        return _Place(self.put)

    async def get(self) -> tuple[Item, int]:
        """Wait for an item; with it the moment (ns) since when it is there."""
        found = self._ask().found
        if isinstance(found, Future):
            return found.result()
        try:
            return await found
        except asyncio.CancelledError:
            if not found.cancelled():  # it was given in the same moment
                self.put(found.result()[0])
            raise
