"""Connections with a real handshake: facts on a virtual clock, with real sockets."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import psutil
import pytest
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.process.pausable import RunningClock
from perflab.systems.servers.stage_kinds import pool
from perflab.systems.servers.stage_kinds.pool import Pool, Settings
from perflab.systems.servers.stages import Host

ITERATIONS = 10


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many iterations were computed, in each proof."""
    computed: list[int] = []
    salted = pool._salted

    def count(salt: bytes, iterations: int) -> bytes:
        computed.append(iterations)
        return salted(salt, iterations)

    monkeypatch.setattr(pool, "_salted", count)
    return computed


def serve(proofs: list[int], *after_s: float, then: dict[str, Any] | None = None, **settings: Any) -> list[float]:
    """When requests that query for 0.1 s are answered; `proofs` holds those of their handshakes."""

    async def play() -> list[float]:
        served = Served(("pool", {"iterations": ITERATIONS, **settings}), ("database", {"query_ms": 100}))
        proofs.clear()
        database = asyncio.ensure_future(served.frame.stages["pool"].look_after_itself())
        await served.crowd(*after_s)
        if then:
            served.frame.set(**then)
            await served.crowd(*after_s)
        served.frame.close()
        database.cancel()
        return [left_s for _, left_s in served.left]

    return run_virtually(play())


def test_without_a_pool_each_request_makes_a_handshake_and_none_waits_for_another(proofs: list[int]) -> None:
    assert serve(proofs, 0, 0, 0, 1) == pytest.approx([0.1, 0.1, 0.1, 1.1], abs=0.001)
    assert proofs == [ITERATIONS] * 4


def test_a_pool_makes_one_handshake_for_each_of_its_connections_and_requests_wait_in_order(proofs: list[int]) -> None:
    left_s = serve(proofs, 0, 0, 0, 0, 0, 1, pooled=True, connections=2)
    assert left_s == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.3, 1.1], abs=0.001)
    assert proofs == [ITERATIONS] * 2


def test_a_large_pool_opens_no_more_than_it_needs(proofs: list[int]) -> None:
    serve(proofs, 0, 0.2, 0.4, pooled=True, connections=64)
    assert proofs == [ITERATIONS]


def test_switched_on_and_made_larger_it_opens_connections_anew(proofs: list[int]) -> None:
    serve(proofs, 0, 0, then={"pooled": True, "connections": 2}, pooled=False)
    assert proofs == [ITERATIONS] * 4


@pytest.mark.parametrize("settings", [{}, {"pooled": True, "connections": 1}])
def test_cancelled_requests_leave_no_connection_open_and_every_place_free(
    proofs: list[int], settings: dict[str, Any]
) -> None:
    def open_connections() -> int:
        return len([each for each in psutil.Process().net_connections("tcp") if each.status == "ESTABLISHED"])

    async def play() -> int:
        served = Served(("pool", {"iterations": ITERATIONS, **settings}), ("database", {"query_ms": 100}))
        database = asyncio.ensure_future(served.frame.stages["pool"].look_after_itself())
        before = open_connections()
        tasks = [asyncio.ensure_future(served.ask()) for _ in range(3)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await served.ask()
        served.frame.close()
        await asyncio.sleep(0.01)
        database.cancel()
        return open_connections() - before

    assert run_virtually(play()) == 0


def test_on_a_thread_it_is_the_same_handshake(proofs: list[int]) -> None:
    async def play() -> list[str]:
        clock = RunningClock()
        clock.start()
        stage, seen = Pool(Host(clock), Settings(iterations=ITERATIONS)), list[str]()
        proofs.clear()
        database = asyncio.ensure_future(stage.look_after_itself())

        def open_one() -> None:
            with pytest.raises(StopIteration) as opened:
                stage._open().send(None)
            opened.value.value.close()
            seen.append(threading.current_thread().name)

        await asyncio.get_running_loop().run_in_executor(None, open_one)
        database.cancel()
        stage.close()
        return seen

    assert asyncio.run(play()) != [threading.main_thread().name]
    assert proofs == [ITERATIONS]


@pytest.mark.parametrize(
    ("setting", "value"), [("pooled", 1), ("connections", 0), ("connections", 129), ("iterations", 0)]
)
def test_what_is_not_allowed_is_refused(setting: str, value: Any) -> None:
    with pytest.raises(BadInput, match=f"{setting} must be"):
        Settings(**{setting: value})
