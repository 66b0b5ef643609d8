"""When rows are committed, and with which others: facts on a virtual clock, where a commit takes 10 ms."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from virtual_loop import VirtualHost, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.process.pausable import RunningClock
from perflab.systems.servers.group_commit import BATCHES, NONE, TIMER, WAITING, CommitSettings, GroupCommit, Writer
from perflab.systems.servers.stages import Host

COMMIT_S = 0.01
Stored = list[tuple[float, int]]


class VirtualWriter(Writer):
    """One commit at a time."""

    def __init__(self, host: VirtualHost) -> None:
        self.host, self.written, self.fails = host, list[tuple[int, int]](), False
        self._turn = asyncio.Lock()

    async def write(self, rows: int, commits: int) -> None:
        async with self._turn:
            await self.host.wait(commits * COMMIT_S)
            if self.fails:
                raise sqlite3.OperationalError("database or disk is full")
            self.written.append((rows, commits))


class Storing:
    """Requests whose rows are stored."""

    def __init__(self) -> None:
        self.host = VirtualHost()
        self.writer = VirtualWriter(self.host)
        self._commits = GroupCommit(self.host, self.writer)

    async def store(self, after_s: float, **settings: Any) -> tuple[float, int]:
        await self.host.wait(after_s)
        shared = await self._commits.store(CommitSettings(**settings))
        return round(self.host.now_ns() / 1e9, 4), shared

    async def all(self, *after_s: float, **settings: Any) -> Stored:
        return await asyncio.gather(*(self.store(each, **settings) for each in after_s))


def stored(*after_s: float, **settings: Any) -> tuple[Stored, list[tuple[int, int]]]:
    async def play() -> tuple[Stored, list[tuple[int, int]]]:
        storing = Storing()
        return await storing.all(*after_s, **settings), storing.writer.written

    return run_virtually(play())


def test_without_batches_each_row_is_a_commit_of_its_own() -> None:
    assert stored(0, 0, rows=8, batch=NONE) == ([(0.08, 1), (0.16, 1)], [(8, 8), (8, 8)])


def test_what_waits_is_committed_when_the_commit_before_is_done() -> None:
    found, written = stored(0, 0.001, 0.002, 0.009, 0.015, rows=8, batch=WAITING, size=2)
    assert found == [(0.01, 1), (0.02, 3), (0.02, 3), (0.02, 3), (0.03, 1)]
    assert written == [(8, 1), (24, 1), (8, 1)]


def test_alone_what_waits_waits_for_nothing_and_a_timer_for_all_of_its_time() -> None:
    assert stored(0, rows=8, batch=WAITING)[0] == [(0.01, 1)]
    assert stored(0, rows=8, batch=TIMER, size=20, max_wait_ms=50)[0] == [(0.06, 1)]


def test_a_full_batch_is_committed_before_its_time_is_up_and_never_more_than_fit() -> None:
    settings = {"rows": 1, "batch": TIMER, "size": 3, "max_wait_ms": 50}
    assert stored(0, 0.005, 0.02, **settings)[0] == [(0.03, 3)] * 3
    found, written = stored(0, 0, 0, 0, 0, **settings)
    assert found == [(0.01, 3)] * 3 + [(0.06, 2)] * 2, "the oldest of the rest has waited for 50 ms"
    assert written == [(3, 1), (2, 1)]


def test_a_batch_that_cannot_fill_because_all_who_could_wait_do_takes_its_time_and_the_commit() -> None:
    async def client(storing: Storing, ends_s: float) -> int:
        done = 0
        while storing.host.now_ns() < ends_s * 1e9:
            await storing.store(0, rows=1, batch=TIMER, size=20, max_wait_ms=20)
            done += 1
        return done

    async def play() -> int:
        storing = Storing()
        return sum(await asyncio.gather(*(client(storing, 2.999) for _ in range(8))))

    assert run_virtually(play()) == 8 * 100, "threads / (max_wait + commit): 8 / 30 ms, for 3 s"


def test_a_pause_stops_the_timer() -> None:
    async def play() -> tuple[float, int, float]:
        storing, loop = Storing(), asyncio.get_running_loop()
        loop.call_later(0.02, storing.host.clock.pause)
        loop.call_later(5, storing.host.clock.resume)
        found = await storing.store(0, rows=1, batch=TIMER, max_wait_ms=50)
        return *found, loop.time()

    stored_s, shared, lasted_s = run_virtually(play())
    assert (stored_s, shared) == (pytest.approx(0.06, abs=0.002), 1) and lasted_s == pytest.approx(5.04, abs=0.01)


@pytest.mark.parametrize("batch", BATCHES)
def test_a_failed_commit_fails_its_requests_and_the_next_one_is_tried_anew(batch: str) -> None:
    async def play() -> tuple[list[Any], tuple[float, int]]:
        storing = Storing()
        storing.writer.fails = True
        tasks = [asyncio.ensure_future(storing.store(0, rows=1, batch=batch, size=2, max_wait_ms=5)) for _ in range(2)]
        failed = await asyncio.gather(*tasks, return_exceptions=True)
        storing.writer.fails = False
        return failed, await storing.store(0, rows=1, batch=batch, size=1)

    failed, later = run_virtually(play())
    assert all(isinstance(error, sqlite3.OperationalError) for error in failed)
    assert later[1] == 1


def test_a_request_that_is_cancelled_before_its_commit_began_is_not_written() -> None:
    async def play() -> list[tuple[int, int]]:
        storing = Storing()
        tasks = [asyncio.ensure_future(storing.store(each / 1e3, rows=2, batch=WAITING)) for each in range(3)]
        await asyncio.sleep(0.005)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        tasks = [asyncio.ensure_future(storing.store(0, rows=2, batch=TIMER, max_wait_ms=5)) for _ in range(2)]
        await asyncio.sleep(0.001)
        tasks[0].cancel()
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await storing.store(0, rows=9, batch=WAITING)
        return storing.writer.written

    assert run_virtually(play()) == [(2, 1), (2, 1), (9, 1)]


def test_rows_are_in_the_file_by_so_many_commits(tmp_path: Path) -> None:
    async def play() -> None:
        clock = RunningClock()
        clock.start()
        writer = Writer(Host(clock), tmp_path)
        for rows, commits in ((8, 8), (8, 1)):
            await writer.write(rows, commits)
        assert writer.commits == 9
        writer.close()

    asyncio.run(play())
    with sqlite3.connect(tmp_path / "rows.db") as connection:
        assert connection.execute("select count(*), sum(amount) from ledger").fetchone() == (16, 16)
    connection.close()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("rows", -1), ("rows", 21), ("size", 0), ("max_wait_ms", float("inf")), ("batch", "sometimes")],
)
def test_what_is_not_allowed_is_refused(setting: str, value: Any) -> None:
    with pytest.raises(BadInput, match=f"{setting} must be"):
        CommitSettings(**{setting: value})
