"""Group commit: rows of several requests on the disk by one commit."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from perflab.measure.guards import BadInput, check_number
from perflab.systems.databases.flushing import when_to_flush
from perflab.systems.databases.ledger import Ledger
from perflab.systems.process.pausable import PausableSleep
from perflab.systems.servers.fair_threads import FairThreads

NONE, TIMER, WAITING = "none", "size and timer", "what waits"
BATCHES = (NONE, TIMER, WAITING)
MAX_ROWS, MAX_SIZE, MAX_WAIT_MS = 20, 1_000, 1_000.0


@dataclass(frozen=True)
class CommitSettings:
    """`rows` of each request. `batch`: none (a commit for each row), one commit when `size` requests wait or the first of
    them has waited for `max_wait_ms`, or one of what waits as soon as the commit before is done.
    """

    rows: int = 8
    batch: str = NONE
    size: int = 20
    max_wait_ms: float = 20.0

    def __post_init__(self) -> None:
        check_number("rows", self.rows, 0, MAX_ROWS, whole=True)
        check_number("size", self.size, 1, MAX_SIZE, whole=True)
        check_number("max_wait_ms", self.max_wait_ms, 0, MAX_WAIT_MS)
        if self.batch not in BATCHES:
            raise BadInput(f"batch must be one of {', '.join(BATCHES)}; got {self.batch!r}.")


@dataclass(eq=False)
class Pending:
    """A request whose rows wait for a commit."""

    settings: CommitSettings
    since_ns: int
    stored: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, outcome: int | Exception) -> None:
        """Stored with so many, or failed; without effect where the request was cancelled."""
        if self.stored.done():
            return
        if isinstance(outcome, Exception):
            self.stored.set_exception(outcome)
        else:
            self.stored.set_result(outcome)


class Writer:
    """A ledger, and the one thread that writes to it: SQLite has one writer at a time."""

    def __init__(self, host: PausableSleep, folder: Path) -> None:
        self._host, self._thread, self._numbers = host, FairThreads(1, host.now_ns), itertools.count()
        self._ledger = self._thread.submit(lambda _: Ledger(folder / "rows.db")).result()

    @property
    def commits(self) -> int:
        """How many were made."""
        return self._ledger.commits

    async def write(self, rows: int, commits: int) -> None:
        """Return when they are on the disk."""
        await asyncio.wrap_future(self._thread.submit(partial(self._commit, rows, commits)))

    def _commit(self, rows: int, commits: int, had_ns: int) -> None:
        for _ in range(commits):
            self._host.stand_still()
            self._ledger.write([(next(self._numbers), 1) for _ in range(rows // commits)])

    def close(self) -> None:
        """The thread ends when what was submitted is written."""
        self._thread.submit(lambda _: self._ledger.close())
        self._thread.close()


class GroupCommit:
    """Runs on an event loop."""

    def __init__(self, host: PausableSleep, writer: Writer) -> None:
        self._host, self._writer = host, writer
        self._pending: deque[Pending] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._is_full = asyncio.Event()

    async def store(self, settings: CommitSettings) -> int:
        """Return when the rows of a request are stored: how many requests shared the commit."""
        if settings.batch == NONE:
            await self._writer.write(settings.rows, settings.rows)
            return 1
        mine = Pending(settings, self._host.now_ns())
        self._pending.append(mine)
        if len(self._pending) >= settings.size:
            self._is_full.set()
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        return await mine.stored

    async def _flush(self) -> None:
        """One commit after the other, until nothing waits."""
        try:
            while batch := await self._next_batch():
                try:
                    await self._writer.write(sum(each.settings.rows for each in batch), 1)
                except Exception as error:
                    outcome: int | Exception = error
                else:
                    outcome = len(batch)
                for each in batch:
                    each.settle(outcome)
        finally:
            self._flushing = None

    async def _next_batch(self) -> list[Pending]:
        """Wait until it is due; empty when no request waits."""
        while self._pending and self._pending[0].stored.cancelled():
            self._pending.popleft()
        if not self._pending:
            return []
        first, size = self._pending[0], len(self._pending)
        if first.settings.batch == TIMER:
            await self._wait_for(first)
            size = min(len(self._pending), first.settings.size)
        batch = [self._pending.popleft() for _ in range(size)]
        return [each for each in batch if not each.stored.cancelled()] or await self._next_batch()

    async def _wait_for(self, first: Pending) -> None:
        size, max_wait_s = first.settings.size, first.settings.max_wait_ms / 1e3
        while not when_to_flush(len(self._pending), waited_s := self._waited_s(first), size, max_wait_s):
            self._is_full.clear()
            timer = asyncio.create_task(self._host.sleep_on_loop(max_wait_s - waited_s))
            full = asyncio.create_task(self._is_full.wait())
            await asyncio.wait((timer, full), return_when=asyncio.FIRST_COMPLETED)
            timer.cancel()
            full.cancel()

    def _waited_s(self, pending: Pending) -> float:
        return (self._host.now_ns() - pending.since_ns) / 1e9
