"""Rows of requests are on the disk before they go on; when, `test_group_commit` tells."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from perflab.systems.http.http11 import Reply, Request
from perflab.systems.process.pausable import RunningClock
from perflab.systems.servers.group_commit import BATCHES
from perflab.systems.servers.stage_kinds.batching import Batching
from perflab.systems.servers.staged_server import Frame
from perflab.systems.servers.stages import Host


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("batch", BATCHES)
def test_the_rows_of_every_request_are_in_the_file(tmp_path: Path, batch: str, asynchronous: bool) -> None:
    async def serve() -> list[int]:
        clock = RunningClock()
        clock.start()
        stages = [
            ("threads", {"threads": 4, "asynchronous": asynchronous}),
            ("batching", {"rows": 3, "batch": batch, "size": 2, "max_wait_ms": 1, "folder": str(tmp_path)}),
        ]
        frame = Frame(stages, Host(clock))
        assert isinstance(frame.stages["batching"], Batching)
        asked = [Request("GET", "/", {}, b"") for _ in range(8)]
        replies = await asyncio.gather(*(frame.answer(request) for request in asked))
        assert replies[0].body == Reply(b"served").body
        frame.set(rows=0)
        await frame.answer(Request("GET", "/", {}, b""))
        frame.close()
        return [request.state["commit"] for request in asked]

    shared = asyncio.run(serve())
    with sqlite3.connect(tmp_path / "rows.db") as connection:
        assert connection.execute("select count(*) from ledger").fetchone() == (24,)
    connection.close()
    assert sum(1 / each for each in shared) == pytest.approx(round(sum(1 / each for each in shared))), "whole batches"
