"""A limit on concurrency: facts on a virtual clock."""

from __future__ import annotations

import asyncio

import pytest
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.servers.stage_kinds.concurrency import Settings


@pytest.mark.parametrize(("at_once", "left_s"), [(1, [0.1, 0.2, 0.3, 0.4]), (2, [0.1, 0.1, 0.2, 0.2]), (9, [0.1] * 4)])
def test_so_many_get_on_at_once_and_the_others_in_the_order_of_their_arrival(at_once: int, left_s: list[float]) -> None:
    async def serve() -> list[tuple[str, float]]:
        return await Served(("concurrency", {"at_once": at_once}), ("database", {"query_ms": 100})).crowd(0, 0, 0, 0)

    assert run_virtually(serve()) == list(zip("0123", left_s, strict=True))


def test_a_cancelled_request_gives_its_turn_back_whether_it_waited_or_had_it() -> None:
    async def serve() -> list[tuple[str, float]]:
        served = Served(("concurrency", {"at_once": 1}), ("database", {"query_ms": 100}))
        tasks = [asyncio.ensure_future(served.ask(str(number))) for number in range(3)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        tasks[1].cancel()
        await tasks[2]
        await served.ask("later")
        return served.left

    assert run_virtually(serve()) == [("2", 0.15), ("later", 0.25)]


def test_requests_from_then_on_are_under_the_new_limit() -> None:
    async def serve() -> list[tuple[str, float]]:
        served = Served(("concurrency", {"at_once": 1}), ("database", {"query_ms": 100}))
        before = asyncio.ensure_future(served.crowd(0, 0))
        await asyncio.sleep(0.01)
        served.frame.set(at_once=3)
        await served.crowd(0, 0, 0)
        return await before

    assert [left_s for _, left_s in run_virtually(serve())] == [0.1, 0.11, 0.11, 0.11, 0.2]


def test_a_limit_out_of_range_is_refused() -> None:
    with pytest.raises(BadInput, match="at_once must be a whole number from 1"):
        Settings(at_once=0)
