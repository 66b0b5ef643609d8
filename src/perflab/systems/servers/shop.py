"""A shop's HTTP API in front of a SQLite file, in a process of its own, with a switch for everything that makes it fast.

`GET /product?sku=sku000042` waits for a thread, asks the database (or a cache), computes, serialises, and tells in the reply
where its time went. Switches are changed while it runs: `ask("set", indexed=False)`. While its clock is paused
(`PausableServer`), so are waits, statements, computing, and the ages of cache entries.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from perflab.measure.guards import check_number
from perflab.systems.caches.cache import MISSING, TtlCache
from perflab.systems.databases.catalogue import MAX_PRODUCTS, MIN_PRODUCTS, make_catalogue
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.http.server_timing import HEADER, ServerTiming
from perflab.systems.machine.computing import per_ms, pieces
from perflab.systems.process.pausable import PausableServer
from perflab.systems.servers.fair_threads import FairThreads
from perflab.systems.servers.shop_database import Database
from perflab.systems.servers.shop_settings import Settings
from perflab.systems.servers.staged_server import staged_server
from perflab.systems.servers.stages import Host, Next, SettableStage

MAX_THREADS = 64
PIECE_MS = 0.5
PROBED_ITERATIONS = 1_000
DETAIL = "one more detail about this product, for those who read on"


class Shop(SettableStage[Settings]):
    """The application: threads, connections, cache and counts behind the API."""

    settings_type = Settings

    def __init__(self, host: Host, settings: Settings, folder: str, products: int, threads: int) -> None:
        super().__init__(host, settings)
        self._now_ns = host.now_ns
        self._database = Database(make_catalogue(Path(folder), products), host)
        self._threads = FairThreads(threads, self._now_ns)
        self._cache = TtlCache(settings.ttl_s, lambda: self._now_ns() / 1e9)
        self._requests = 0
        self._iterations_per_ms = per_ms(partial(_hash, "probe"), PROBED_ITERATIONS)
        self.requests = {"reset": self.reset, "counts": self.counts}

    def change(self, settings: Settings) -> None:
        self._cache.set_ttl(settings.ttl_s)

    def reset(self) -> None:
        """Empty the cache, and count from zero."""
        self._cache.clear()
        self._requests = 0

    def counts(self) -> dict[str, Any]:
        """Requests answered, and the cache's hits and misses, since the start or `reset`."""
        return {"requests": self._requests, "hits": self._cache.hits, "misses": self._cache.misses}

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        began_ns = self._now_ns()
        if request.method != "GET":
            return Reply(status=405)
        sku = request.query.get("sku")
        if request.path != "/product" or sku is None:
            return Reply(b'{"error": "ask for /product?sku=..."}', 404)
        if settings.wait_ms and settings.awaited and not (settings.cached and sku in self._cache):
            await self.host.sleep_on_loop(settings.wait_ms / 1e3)
        in_line_ns = self._now_ns()
        body, found, timing = await asyncio.wrap_future(self._threads.submit(partial(self._serve, sku, settings)))
        self.host.stand_still()
        self._requests += 1
        inside_ns = self._now_ns() - began_ns
        had_ns, _ = timing.thread
        timing = replace(
            timing,
            arrived=request.arrived_ns,
            queue=inside_ns - timing.total,
            parse=request.parsed_ns - request.arrived_ns,
            line=(in_line_ns, had_ns - in_line_ns),
        )
        headers = (("Content-Type", "application/json"), (HEADER, timing.encode()))
        return Reply(body, 200 if found else 404, headers)

    def _serve(self, sku: str, settings: Settings, had_ns: int) -> tuple[bytes, bool, ServerTiming]:
        """On a thread: the reply's body, whether there is such a product, and where the time on the thread went."""
        began_ns = self._now_ns()
        page, calls, hit = self._page(sku, settings, began_ns)
        read_ns = self._now_ns()
        signature = self._sign(sku, settings.logic_ms)
        computed_ns = self._now_ns()
        details = [DETAIL] * (settings.payload_bytes // (len(DETAIL) + 4))
        body = json.dumps({"product": page, "signature": signature, "details": details}).encode()
        done_ns = self._now_ns()
        timing = ServerTiming(
            database=read_ns - began_ns,
            compute=computed_ns - read_ns,
            serialise=done_ns - computed_ns,
            calls=calls,
            hit=hit,
            thread=(had_ns, done_ns - had_ns),
        )
        return body, page is not None, timing

    def _sign(self, sku: str, milliseconds: float) -> str:
        signature = sku if milliseconds else ""
        for iterations in pieces(milliseconds, PIECE_MS, self._iterations_per_ms):
            self.host.stand_still()
            signature = _hash(signature, iterations)
        return signature

    def _page(
        self, sku: str, settings: Settings, began_ns: int
    ) -> tuple[dict[str, Any] | None, tuple[tuple[int, int], ...], bool | None]:
        if settings.cached and (page := self._cache.get(sku)) is not MISSING:
            return page, (), True
        if settings.wait_ms and not settings.awaited:
            self.host.sleep(settings.wait_ms / 1e3)
        page, calls = self._database.ask(sku, settings, began_ns)
        if settings.cached and page is not None:
            self._cache.put(sku, page)
        return page, calls, False if settings.cached else None


def shop(products: int = 5_000, threads: int = 8, **settings: Any) -> PausableServer:
    """The shop in a process of its own, for as long as its block lasts. Its files go away with it.

    Raises `BadInput` for too many products or threads, and for settings that are not allowed.
    """
    check_number("products", products, MIN_PRODUCTS, MAX_PRODUCTS, whole=True)
    check_number("threads", threads, 1, MAX_THREADS, whole=True)
    given = {"products": products, "threads": threads, **settings}
    return staged_server(("shop", given), name="shop", tells=False)


def _hash(text: str, iterations: int) -> str:
    # PBKDF2 releases the GIL: two requests can compute at once where there are two CPUs.
    return hashlib.pbkdf2_hmac("sha256", text.encode(), b"shop", max(1, iterations)).hex()
