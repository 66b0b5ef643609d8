"""A chain of stages: the order, errors, cancellation, and the time in each; all facts on a virtual clock."""

from __future__ import annotations

import asyncio

import pytest
from virtual_loop import VirtualHost, run_virtually

from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stages import Next, Stage, chain, timed


def request() -> Request:
    return Request("GET", "/", {}, b"")


async def last(_: Request) -> Reply:
    return Reply(b"last")


def marking(name: str, seen: list[str]) -> Stage:
    async def mark(request: Request, following: Next) -> Reply:
        seen.append(f"+{name}")
        try:
            return await following(request)
        finally:
            seen.append(f"-{name}")

    return mark


def test_a_request_enters_the_first_stage_first_and_leaves_it_last() -> None:
    seen: list[str] = []
    handler = chain([marking("a", seen), marking("b", seen), marking("c", seen)], last)
    assert run_virtually(handler(request())).body == b"last"  # type: ignore[arg-type]
    assert seen == ["+a", "+b", "+c", "-c", "-b", "-a"]


def test_no_stages_are_what_answers_last() -> None:
    assert chain([], last) is last


def test_a_stage_may_answer_itself_and_change_what_comes_back() -> None:
    async def refuse(_: Request, __: Next) -> Reply:
        return Reply(status=503)

    async def add(request: Request, following: Next) -> Reply:
        return Reply((await following(request)).body + b"!")

    seen: list[str] = []
    assert run_virtually(chain([add, refuse, marking("never", seen)], last)(request())).body == b"!"  # type: ignore[arg-type]
    assert seen == []


def test_an_error_passes_through_every_stage_from_the_inside_out() -> None:
    async def fail(_: Request, __: Next) -> Reply:
        raise KeyError("price")

    seen: list[str] = []
    asked = request()
    handler = chain([timed("a", marking("a", seen), lambda: 1), marking("b", seen), fail], last)
    with pytest.raises(KeyError, match="price"):
        run_virtually(handler(asked))  # type: ignore[arg-type]
    assert seen == ["+a", "+b", "-b", "-a"]
    assert asked.state == {"a": (1, 1)}, "its time is noted all the same"


def test_a_cancelled_request_leaves_every_stage() -> None:
    async def hang(_: Request, __: Next) -> Reply:
        await asyncio.sleep(60)
        raise AssertionError

    async def cancel() -> list[str]:
        seen: list[str] = []
        task = asyncio.ensure_future(chain([marking("a", seen), hang], last)(request()))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    assert run_virtually(cancel()) == ["+a", "-a"]


def test_the_time_of_all_stages_adds_up() -> None:
    async def serve() -> dict[str, tuple[int, int]]:
        host = VirtualHost()

        def taking(before_s: float, after_s: float) -> Stage:
            async def take(request: Request, following: Next) -> Reply:
                await host.wait(before_s)
                reply = await following(request)
                await host.wait(after_s)
                return reply

            return take

        asked, parts = request(), {"a": (1.0, 2.0), "b": (3.0, 4.0), "c": (5.0, 6.0)}
        await chain([timed(name, taking(*part), host.now_ns) for name, part in parts.items()], last)(asked)
        return asked.state

    state = run_virtually(serve())
    inside_s = {name: round((left - entered) / 1e9, 6) for name, (entered, left) in state.items()}
    assert inside_s == {"c": 11, "b": 18, "a": 21}
    assert state["c"][0] - state["b"][0] == 3e9 and state["a"][1] - state["b"][1] == 2e9


def test_no_time_passes_in_a_pause() -> None:
    async def serve() -> tuple[int, float]:
        host, loop = VirtualHost(), asyncio.get_running_loop()
        loop.call_later(1, host.clock.pause)
        loop.call_later(11, host.clock.resume)
        await host.wait(3)
        return host.now_ns(), loop.time()

    running_ns, lasted_s = run_virtually(serve())
    assert running_ns == pytest.approx(3e9, rel=1e-3) and lasted_s == pytest.approx(13, rel=1e-3)
