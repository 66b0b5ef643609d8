"""A cache whose entries expire: so long after they were filled, however often they were read since."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

from perflab.measure.guards import check_number

MAX_ENTRIES = 100_000
MAX_TTL_S = 3_600.0


MISSING = object()
"""What `get` returns for a key that is not there, so that None can be cached."""


class TtlCache:
    """Entries live for `ttl_s` from `put`; a hit does not renew them. Safe for threads. `clock` returns seconds.

    Two threads that miss the same key at once both count a miss, and both may fill it. When `most_entries` are held, the
    entry filled longest ago makes room. `hits` and `misses` count since the start or the last `clear`.
    """

    def __init__(
        self, ttl_s: float, clock: Callable[[], float] = time.monotonic, most_entries: int = MAX_ENTRIES
    ) -> None:
        self._clock = clock
        self._most_entries = int(check_number("most_entries", most_entries, 1, MAX_ENTRIES, whole=True))
        self._filled: dict[Hashable, tuple[float, Any]] = {}
        self._lock = threading.Lock()
        self.hits = self.misses = 0
        self.set_ttl(ttl_s)

    def set_ttl(self, ttl_s: float) -> None:
        """How long entries live from now on, those already held included. 0 keeps nothing."""
        self.ttl_s = check_number("ttl_s", ttl_s, 0, MAX_TTL_S)

    def get(self, key: Hashable) -> Any:
        """The value of `key`, or `MISSING`."""
        with self._lock:
            filled_s, value = self._filled.get(key, (0.0, MISSING))
            if value is not MISSING and self._clock() - filled_s < self.ttl_s:
                self.hits += 1
                return value
            self._filled.pop(key, None)
            self.misses += 1
            return MISSING

    def put(self, key: Hashable, value: Any) -> None:
        """Keep `value`; its time to live begins now."""
        with self._lock:
            self._filled.pop(key, None)
            if len(self._filled) >= self._most_entries:
                del self._filled[next(iter(self._filled))]
            self._filled[key] = (self._clock(), value)

    def clear(self) -> None:
        """Forget all entries and counts."""
        with self._lock:
            self._filled.clear()
            self.hits = self.misses = 0

    def __contains__(self, key: Hashable) -> bool:
        """Whether `get` would find it; counts as neither hit nor miss."""
        with self._lock:
            return key in self._filled and self._clock() - self._filled[key][0] < self.ttl_s

    def __len__(self) -> int:
        return len(self._filled)
