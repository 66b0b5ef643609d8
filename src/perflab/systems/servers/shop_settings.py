"""The switches of the shop: everything that can be changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.measure.guards import check_number
from perflab.systems.caches.cache import MAX_TTL_S

MAX_MS, MAX_CALLS, MAX_WRITES = 200, 8, 10
SWITCHES = ("pooled", "indexed", "joined", "tuned", "counted", "cached", "parallel", "batched", "awaited")


@dataclass(frozen=True)
class Settings:
    """`counted`: each page read from the database commits `writes` views (a cache hit does not); `batched`: in one commit, with
    the views that came during the commit before. `wait_ms`: the wait for another service before the database is asked; it
    holds a thread, unless it is `awaited`.

    `database_ms` and `logic_ms` are real work, in an amount that took so long when the server started: rows scanned, in `calls`
    statements one after another or, with `parallel`, each on a connection of its own; and hashing. `payload_bytes` are added
    to each reply.
    """

    pooled: bool = True
    indexed: bool = True
    joined: bool = True
    tuned: bool = False
    counted: bool = False
    cached: bool = False
    ttl_s: float = 1.0
    database_ms: float = 0.0
    logic_ms: float = 0.0
    payload_bytes: int = 0
    calls: int = 1
    parallel: bool = False
    wait_ms: float = 0.0
    writes: int = 1
    batched: bool = False
    awaited: bool = False

    def __post_init__(self) -> None:
        for name in SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false; got {getattr(self, name)!r}.")
        check_number("ttl_s", self.ttl_s, 0, MAX_TTL_S)
        for name in ("database_ms", "logic_ms", "wait_ms"):
            check_number(name, getattr(self, name), 0, MAX_MS)
        check_number("payload_bytes", self.payload_bytes, 0, 1_000_000, whole=True)
        check_number("writes", self.writes, 1, MAX_WRITES, whole=True)
        check_number("calls", self.calls, 1, MAX_CALLS, whole=True)
