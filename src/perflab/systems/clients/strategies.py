"""A shop that can be overloaded, and six strategies against it. Each is switched on alone, for a burst of requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.measure.load import LoadResult, open_loop
from perflab.systems.clients.balancer import BalancedTarget
from perflab.systems.clients.loading import Notes, wait_until_open
from perflab.systems.clients.routing import round_robin
from perflab.systems.databases.catalogue import sku_of
from perflab.systems.http.connection import request_bytes
from perflab.systems.http.server_timing import note_queue
from perflab.systems.process.child import ChildServer
from perflab.systems.servers.shop import shop

UNCHANGED = "nothing"
CACHING, POOLING, BATCHING, ASYNC, SERVERS, INDEX = "caching", "pooling", "batching", "async", "more servers", "index"
SWITCHES: dict[str, dict[str, bool]] = {
    CACHING: {"cached": True},
    POOLING: {"pooled": True},
    BATCHING: {"batched": True},
    ASYNC: {"awaited": True},
    SERVERS: {},
    INDEX: {"indexed": True},
}
"""What each strategy changes in the shop's settings; "more servers" asks a second shop too, in turn."""
OFF = dict.fromkeys(("cached", "pooled", "batched", "awaited", "indexed"), False)
START: dict[str, Any] = {**OFF, "counted": True, "ttl_s": 3_600.0}
SHOP_THREADS, PRODUCTS = 4, 10_000
MAX_BURST = 100
TIMEOUT_S = 5.0


class Strategies:
    """Two shops, each with a database of its own; the second one is asked only with more servers."""

    def __init__(self, servers: Sequence[ChildServer]) -> None:
        self._servers = servers
        self._notes = Notes(note_queue)
        self._asked: dict[int, int] = {}

    def burst(self, strategy: str, schedule_ns: NDArray[np.int64], paths: Sequence[str], **settings: Any) -> LoadResult:
        """The requests for `paths` at their times, up to the last answer; caches are empty at the beginning.

        Raises KeyError for an unknown strategy, ValueError for more than `MAX_BURST` requests.
        """
        if len(paths) > MAX_BURST:
            raise ValueError(f"a burst is at most {MAX_BURST} requests; got {len(paths)}")
        switched = {} if strategy == UNCHANGED else SWITCHES[strategy]
        for server in self._servers:
            server.ask("set", **{**START, **switched, **settings})
            server.ask("reset")
        ports = [server.port for server in self._servers][: 2 if strategy == SERVERS else 1]
        notes = self._notes = Notes(note_queue)

        def request(number: int, server: int) -> bytes:
            return request_bytes(paths[number])

        # New connections each time, so that a late answer is not taken for one of the next burst.
        each = MAX_BURST // len(ports)
        with BalancedTarget(ports, request, each, round_robin, on_reply=notes.on_reply) as target:
            for port in ports:
                wait_until_open(port)
            self._asked = target.servers
            return open_loop(schedule_ns, target, timeout_s=TIMEOUT_S)

    def queued(self, done: LoadResult) -> dict[str, NDArray[np.int64]]:
        """Of the answered requests of the last burst, which is `done`: "server", and by `perf_counter_ns` when each was in line
        for a thread, had one, and let go of it: "arrived_ns", "started_ns", "done_ns".
        """
        numbers = [number for number in done.numbers.tolist() if number in self._notes.kept]
        servers = np.array([self._asked[number] for number in numbers], np.int64)
        return {**self._notes.columns(numbers), "server": servers}


def path_of(product: int) -> str:
    """Where the page of a product is."""
    return f"/product?sku={sku_of(product)}"


@contextmanager
def strategies() -> Iterator[Strategies]:
    """The shops, for as long as the block lasts."""
    with shop(PRODUCTS, SHOP_THREADS) as first, shop(PRODUCTS, SHOP_THREADS) as second:
        yield Strategies((first, second))
