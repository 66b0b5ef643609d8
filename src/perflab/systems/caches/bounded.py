"""A cache of bounded size in front of a store, which follows an eviction policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from perflab.measure.guards import BadInput, check_number

MAX_PLACES = 1_000_000
HIT, NOTHING = -1, -2
"""What a policy says of a read: it hits, or nothing leaves; else the key that leaves, the new one if it is not let in."""


class BoundedCache:
    """Keeps the values of at most `capacity` keys; a miss asks `read`. `decisions` says of each read in turn what leaves.

    Raises `BadInput` for a policy that lets go what is not there, calls a hit what is not there, or lets the cache overflow. The
    cache stays as it was then. `misses` counts the reads of the store.
    """

    def __init__(self, capacity: int, decisions: Iterator[int], read: Callable[[int], Any]) -> None:
        self._capacity = int(check_number("capacity", capacity, 1, MAX_PLACES, whole=True))
        self._decisions, self._read = decisions, read
        self._values: dict[int, Any] = {}
        self.misses = 0

    def get(self, key: int) -> Any:
        """The value of the key whose turn it is in the policy's keys."""
        leaves = next(self._decisions)
        if leaves == HIT:
            if key not in self._values:
                raise BadInput(f"The policy calls key {key} a hit, but the cache does not hold it.")
            return self._values[key]
        self._check(leaves, key)
        self.misses += 1
        value = self._read(key)
        if leaves != key:
            self._values.pop(leaves, None)
            self._values[key] = value
        return value

    def _check(self, leaves: int, key: int) -> None:
        held = self._values
        if key in held:
            raise BadInput(f"The policy calls key {key} a miss, but the cache holds it.")
        if leaves not in (NOTHING, key) and leaves not in held:
            raise BadInput(f"The policy evicts key {leaves}, but the cache does not hold it.")
        if leaves == NOTHING and len(held) >= self._capacity:
            raise BadInput(f"The policy evicts nothing, but all {self._capacity} places are taken.")

    def __len__(self) -> int:
        return len(self._values)
