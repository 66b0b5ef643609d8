"""A pool, of connections say, that is fair to the threads that wait for it."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairPool(Generic[Item]):
    """Items for threads, one for each at a time: first come, first served.

    From a queue of the library a thread that comes just now takes what was given back for one that has waited; with more threads
    than connections some waited for over a second while the usual wait was none.
    """

    def __init__(self, items: list[Item]) -> None:
        self._lock = threading.Lock()
        self._free = list(items)
        self._line: deque[queue.SimpleQueue[Item]] = deque()

    @property
    def free(self) -> int:
        """How many nobody has."""
        return len(self._free)

    def get(self) -> Item:
        """One of them, as soon as all who came before have theirs."""
        with self._lock:
            if self._free:
                return self._free.pop()
            mine: queue.SimpleQueue[Item] = queue.SimpleQueue()
            self._line.append(mine)
        return mine.get()

    def put(self, item: Item) -> None:
        """Give it back: it goes to who has waited longest."""
        with self._lock:
            if self._line:
                self._line.popleft().put(item)
            else:
                self._free.append(item)
