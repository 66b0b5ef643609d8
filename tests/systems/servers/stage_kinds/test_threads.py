"""A thread for each request, or one event loop for all: real threads that wait for each other, not for the clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from patience import PATIENCE_S

from perflab.measure.guards import BadInput
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.process.pausable import RunningClock
from perflab.systems.servers.stage_kinds.threads import Settings, Threads
from perflab.systems.servers.stages import Host, Next


def play(main: Callable[[Host], Awaitable[Any]]) -> Any:
    async def start() -> Any:
        clock = RunningClock()
        clock.start()
        return await main(Host(clock))

    return asyncio.run(start())


def request(path: str = "/") -> Request:
    return Request("GET", path, {}, b"")


async def where(_: Request) -> Reply:
    return Reply(str(threading.get_ident()).encode())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_is_behind_it_runs_on_a_thread_or_on_the_event_loop(asynchronous: bool) -> None:
    async def serve(host: Host) -> bool:
        stage = Threads(host, settings := Settings(2, asynchronous))
        ran_on = int((await stage.answer(settings, request(), where)).body)
        stage.close()
        return ran_on == threading.get_ident()

    assert play(serve) is asynchronous


@pytest.mark.parametrize("threads", [1, 3])
def test_so_many_run_at_once_and_the_others_begin_in_the_order_of_their_arrival(threads: int) -> None:
    begun: list[str] = []
    may_end = threading.Event()

    async def hold(asked: Request) -> Reply:
        begun.append(asked.path)
        assert may_end.wait(PATIENCE_S)
        return Reply()

    async def serve(host: Host) -> list[str]:
        stage = Threads(host, settings := Settings(threads))
        tasks = [asyncio.ensure_future(stage.answer(settings, request(str(number)), hold)) for number in range(6)]
        while len(begun) < threads:
            await asyncio.sleep(0.001)
        first = list(begun)
        may_end.set()
        await asyncio.gather(*tasks)
        stage.close()
        return first

    assert sorted(play(serve)) == [str(number) for number in range(threads)]
    assert sorted(begun) == [str(number) for number in range(6)]
    assert threads > 1 or begun == sorted(begun)


def test_more_threads_are_there_for_the_requests_from_then_on_and_those_before_end_on_theirs() -> None:
    together = threading.Barrier(3)

    async def meet(_: Request) -> Reply:
        together.wait(PATIENCE_S)
        return Reply()

    async def serve(host: Host) -> int:
        stage = Threads(host, Settings(1))
        first = asyncio.ensure_future(stage.answer(Settings(1), request(), meet))
        await asyncio.sleep(0)
        stage.change(settings := Settings(2))
        await asyncio.gather(first, *(stage.answer(settings, request(), meet) for _ in range(2)))
        stage.close()
        return 3

    assert play(serve) == 3


async def fail(_: Request) -> Reply:
    raise KeyError("price")


async def suspend(_: Request) -> Reply:
    await asyncio.sleep(0)
    return Reply()


@pytest.mark.parametrize(("behind", "error"), [(fail, KeyError("price")), (suspend, RuntimeError("a stage awaited"))])
def test_an_error_behind_it_is_the_requests_and_the_thread_goes_on(behind: Next, error: Exception) -> None:
    async def serve(host: Host) -> Reply:
        stage = Threads(host, settings := Settings(1))
        with pytest.raises(type(error), match=str(error.args[0])):
            await stage.answer(settings, request(), behind)
        reply = await stage.answer(settings, request(), where)
        stage.close()
        return reply

    assert play(serve).status == 200


def test_a_request_that_is_cancelled_in_line_never_gets_a_thread() -> None:
    begun: list[str] = []
    may_end = threading.Event()

    async def hold(asked: Request) -> Reply:
        begun.append(asked.path)
        assert may_end.wait(PATIENCE_S)
        return Reply()

    async def serve(host: Host) -> None:
        stage = Threads(host, settings := Settings(1))
        tasks = [asyncio.ensure_future(stage.answer(settings, request(name), hold)) for name in "abc"]
        while not begun:
            await asyncio.sleep(0.001)
        tasks[1].cancel()
        await asyncio.sleep(0)
        may_end.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        stage.close()

    play(serve)
    assert begun == ["a", "c"]


@pytest.mark.parametrize(("setting", "value"), [("threads", 0), ("threads", 10**6), ("asynchronous", "yes")])
def test_what_is_not_allowed_is_refused(setting: str, value: Any) -> None:
    with pytest.raises(BadInput, match=f"{setting} must be"):
        Settings(**{setting: value})
