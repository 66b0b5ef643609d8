"""The shop as a slow API with six switches, each of which makes it faster. It can be asked with any of them on, in turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from time import perf_counter_ns
from typing import Any

from perflab.systems.http.connection import Connection
from perflab.systems.process.child import ChildServer
from perflab.systems.servers.distance import distance
from perflab.systems.servers.shop import shop

PRODUCTS = 5_000
SHOP_THREADS = 2
ROUND_TRIP_S = 0.001
SWITCHES: dict[str, dict[str, bool]] = {
    "pooled": {"pooled": True},
    "index": {"indexed": True},
    "join": {"joined": True},
    "cache": {"cached": True},
    "tuning": {"tuned": True},
    "closer": {},
}
"""What each switch changes in the shop's settings; "closer" is asked for at another door."""
OFF = dict.fromkeys(("pooled", "indexed", "joined", "cached", "tuned"), False)
START: dict[str, Any] = {**OFF, "counted": True, "ttl_s": 1.0}


class SwitchedShop:
    """One keep-alive connection to the shop itself, and one to a relay that makes it far away. One thread."""

    def __init__(self, server: ChildServer, far_port: int) -> None:
        self._server = server
        self._near, self._far = Connection(server.port), Connection(far_port)
        self._switched_on: tuple[str, ...] | None = None

    def time(self, path: str, switched_on: tuple[str, ...]) -> int:
        """ns of one GET with these of the `SWITCHES` on; to throw them is not part of it. Raises KeyError for others."""
        if switched_on != self._switched_on:
            settings = dict(START)
            for name in switched_on:
                settings |= SWITCHES[name]
            self._server.ask("set", **settings)
            self._switched_on = switched_on
        connection = self._near if "closer" in switched_on else self._far
        started = perf_counter_ns()
        connection.get(path)
        return perf_counter_ns() - started

    def close(self) -> None:
        """Hang up."""
        self._near.close()
        self._far.close()


@contextmanager
def switched_shop() -> Iterator[SwitchedShop]:
    """The shop and its relay, for as long as the block lasts."""
    with (
        shop(PRODUCTS, SHOP_THREADS) as server,
        distance(server.port, ROUND_TRIP_S) as far,
        closing(SwitchedShop(server, far.port)) as switched,
    ):
        yield switched
