"""The shop's side of its database: connections, statements one after another or side by side, and how long each took."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from perflab.systems.databases.catalogue import Catalogue, Connections, Files
from perflab.systems.machine.computing import per_ms
from perflab.systems.process.pausable import PausableSleep
from perflab.systems.servers.shop_settings import MAX_CALLS, Settings

PROBED_ROWS = 20_000
Page = dict[str, Any] | None
Spans = tuple[tuple[int, int], ...]
Query = Callable[[Catalogue], Any]


@dataclass(eq=False)
class Views:
    """Views of products that are to be committed."""

    products: list[int]
    stored: bool = False


class Database:
    """Asks a catalogue for pages, as the settings have it. Safe for threads."""

    def __init__(self, files: Files, running: PausableSleep) -> None:
        self._running = running
        self._connections = Connections(files)
        self._threads = ThreadPoolExecutor(MAX_CALLS)
        self._writing = threading.Lock()
        self._gathered: deque[Views] = deque()
        with self._connections.lend(pooled=True, tuned=False) as connection:
            self._rows_per_ms = per_ms(connection.crunch, PROBED_ROWS)

    def ask(self, sku: str, settings: Settings, began_ns: int) -> tuple[Page, Spans]:
        """The page, None if there is no such product, and each call's beginning (since `began_ns`) and duration, ns of running.

        One connection does it all, reads and writes; calls that go side by side need one each.
        """
        spans: list[tuple[int, int]] = []

        def timed(query: Query, connection: Catalogue) -> Any:
            self._running.stand_still()
            start_ns = self._running.now_ns()
            result = query(connection)
            spans.append((start_ns - began_ns, self._running.now_ns() - start_ns))
            return result

        def aside(query: Query) -> None:
            with self._connections.lend(settings.pooled, settings.tuned) as own:
                timed(query, own)

        rows = int(settings.database_ms * self._rows_per_ms / settings.calls)

        def crunch(catalogue: Catalogue) -> int:
            return catalogue.crunch(rows, self._running.stand_still)

        def find(catalogue: Catalogue) -> Page:
            return catalogue.page(sku, settings.indexed, settings.joined)

        with self._connections.lend(settings.pooled, settings.tuned) as connection:
            crunches = settings.calls if rows else 0
            others = [self._threads.submit(aside, crunch) for _ in range(crunches) if settings.parallel]
            page: Page = timed(find, connection)
            for _ in range(crunches - len(others)):
                timed(crunch, connection)
            for other in others:
                other.result()
            if settings.counted and page is not None:
                self._count(page["id"], settings, lambda ids: timed(lambda found: found.count_views(ids), connection))
        return page, tuple(sorted(spans))

    def _count(self, product: int, settings: Settings, write: Callable[[list[int]], object]) -> None:
        # SQLite has one writer at a time; a lock is a fair queue, waiting inside SQLite is a poll with growing pauses.
        if not settings.batched:
            for _ in range(settings.writes):
                with self._writing:
                    write([product])
            return
        views = Views([product] * settings.writes)
        self._gathered.append(views)
        with self._writing:
            if not views.stored:
                self._write_gathered(views, write)

    def _write_gathered(self, mine: Views, write: Callable[[list[int]], object]) -> None:
        """One commit of all that has gathered while the one before was under way."""
        batch = [self._gathered.popleft() for _ in range(len(self._gathered))]
        try:
            write([product for views in batch for product in views.products])
        except BaseException:
            # The others try for themselves: views are stored once, or their own request fails.
            self._gathered.extendleft(views for views in reversed(batch) if views is not mine)
            raise
        for views in batch:
            views.stored = True

    def close(self) -> None:
        """Close idle connections and end the threads."""
        self._threads.shutdown()
        self._connections.close()
