"""A shop's HTTP API in front of a SQLite file, in a process of its own, with a switch for everything that makes it fast.

`GET /product?sku=sku000042` waits for a thread, asks the database (or a cache), computes, serialises, and tells in the reply
where its time went. Switches are changed while it runs: `ask("set", indexed=False)`. While its clock is paused
(`PausableServer`), so are waits, statements, computing, and the ages of cache entries.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from perflab.measure.guards import check_number
from perflab.systems.caches.cache import MISSING, TtlCache
from perflab.systems.databases.catalogue import MAX_PRODUCTS, MIN_PRODUCTS, make_catalogue
from perflab.systems.http.http11 import Reply, Request, start_server
from perflab.systems.http.server_timing import HEADER, ServerTiming
from perflab.systems.machine.computing import per_ms, pieces
from perflab.systems.process.child import Handlers, keep_serving, run_server
from perflab.systems.process.pausable import PausableServer, PausableSleep, RunningClock
from perflab.systems.servers.fair_threads import FairThreads
from perflab.systems.servers.shop_database import Database
from perflab.systems.servers.shop_settings import Settings

MAX_THREADS = 64
PIECE_MS = 0.5
PROBED_ITERATIONS = 1_000
DETAIL = "one more detail about this product, for those who read on"


class Shop:
    """The application: threads, connections, cache and counts behind the API."""

    def __init__(self, folder: Path, products: int, threads: int, clock: str) -> None:
        self._running = PausableSleep(RunningClock(Path(clock)))
        self._now_ns = self._running.now_ns
        self._database = Database(make_catalogue(folder, products), self._running)
        self._threads = FairThreads(threads, self._now_ns)
        self._cache = TtlCache(1.0, lambda: self._now_ns() / 1e9)
        self._settings = Settings()
        self._requests = 0
        self._iterations_per_ms = per_ms(partial(_hash, "probe"), PROBED_ITERATIONS)
        self.requests: Handlers = {
            **self._running.requests,
            "set": self.set,
            "reset": self.reset,
            "counts": self.counts,
        }

    def set(self, **changes: Any) -> dict[str, Any]:
        """Change settings for the requests that come from now on; returns all. Raises ValueError for what is not allowed."""
        self._settings = replace(self._settings, **changes)
        self._cache.set_ttl(self._settings.ttl_s)
        return asdict(self._settings)

    def reset(self) -> None:
        """Empty the cache, and count from zero."""
        self._cache.clear()
        self._requests = 0

    def counts(self) -> dict[str, Any]:
        """Requests answered, and the cache's hits and misses, since the start or `reset`."""
        return {"requests": self._requests, "hits": self._cache.hits, "misses": self._cache.misses}

    async def answer(self, request: Request) -> Reply:
        """One request."""
        parsed_ns = perf_counter_ns()
        self._running.stand_still()
        began_ns = self._now_ns()
        if request.method != "GET":
            return Reply(status=405)
        sku = request.query.get("sku")
        if request.path != "/product" or sku is None:
            return Reply(b'{"error": "ask for /product?sku=..."}', 404)
        settings = self._settings
        if settings.wait_ms and settings.awaited and not (settings.cached and sku in self._cache):
            await self._running.sleep_on_loop(settings.wait_ms / 1e3)
        in_line_ns = self._now_ns()
        body, found, timing = await asyncio.wrap_future(self._threads.submit(partial(self._serve, sku, settings)))
        self._running.stand_still()
        self._requests += 1
        inside_ns = self._now_ns() - began_ns
        had_ns, _ = timing.thread
        timing = replace(
            timing,
            arrived=request.arrived_ns,
            queue=inside_ns - timing.total,
            parse=parsed_ns - request.arrived_ns,
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
            self._running.stand_still()
            signature = _hash(signature, iterations)
        return signature

    def _page(
        self, sku: str, settings: Settings, began_ns: int
    ) -> tuple[dict[str, Any] | None, tuple[tuple[int, int], ...], bool | None]:
        if settings.cached and (page := self._cache.get(sku)) is not MISSING:
            return page, (), True
        if settings.wait_ms and not settings.awaited:
            self._running.sleep(settings.wait_ms / 1e3)
        page, calls = self._database.ask(sku, settings, began_ns)
        if settings.cached and page is not None:
            self._cache.put(sku, page)
        return page, calls, False if settings.cached else None


@contextmanager
def shop(products: int = 5_000, threads: int = 8, **settings: Any) -> Iterator[PausableServer]:
    """The shop in a process of its own, for as long as the block lasts. Its files go away with it.

    Raises `BadInput` for too many products or threads, `ServerFailed` for settings that are not allowed.
    """
    check_number("products", products, MIN_PRODUCTS, MAX_PRODUCTS, whole=True)
    check_number("threads", threads, 1, MAX_THREADS, whole=True)
    with (
        tempfile.TemporaryDirectory(prefix="perflab-shop-", ignore_cleanup_errors=True) as folder,
        PausableServer(
            "perflab.systems.servers.shop", {"folder": folder, "products": products, "threads": threads}
        ) as server,
    ):
        server.ask("set", **settings)
        yield server


def _hash(text: str, iterations: int) -> str:
    # PBKDF2 releases the GIL: two requests can compute at once where there are two CPUs.
    return hashlib.pbkdf2_hmac("sha256", text.encode(), b"shop", max(1, iterations)).hex()


async def _main(folder: str, **config: Any) -> None:
    shop = Shop(Path(folder), **config)
    server = await start_server(shop.answer)
    await keep_serving(server, shop.requests, lambda: shutil.rmtree(folder, ignore_errors=True))


if __name__ == "__main__":
    run_server(_main)
