"""The line before waiting workers, on a virtual clock: as the simulation has it, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_loop import VirtualHost, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.policy import PolicyFailed
from perflab.systems.servers.stage_kinds.queue import DROPPED, REJECTED
from perflab.systems.servers.staged_server import Frame
from perflab.systems.servers.waiting_line import FIRST, LAST, LATE, SHORTEST
from perflab.theory.simulate import fifo, lifo, shortest_first, simulate

ORDERS = {FIRST: fifo, LAST: lifo, SHORTEST: shortest_first}
MS = st.integers(0, 40)
TIMES = st.lists(st.tuples(MS, st.integers(1, 40)), min_size=1, max_size=40)


def asked(service_ms: float) -> Request:
    return Request("GET", "/", {"service_us": str(round(1_000 * service_ms)), "deadline_us": "40000"}, b"")


def moments(reply: Reply) -> list[float]:
    """When it arrived, started and was done (ms)."""
    assert reply.status == 200, reply
    return [int(word) / 1e6 for word in reply.body.split()]


Serve = Callable[[Frame, VirtualHost], Awaitable[Any]]


def served(serve: Serve, *stages: Any, **rules: Any) -> Any:
    """What the coroutine returns that uses such a server."""

    async def main() -> Any:
        host = VirtualHost()
        return await serve(Frame([("queue", rules), *stages], host), host)

    return run_virtually(main())


def all_at(arrivals_ms: Any, services_ms: Any) -> Serve:
    async def serve(frame: Frame, _: VirtualHost) -> list[Reply]:
        async def one(arrival_ms: float, service_ms: float) -> Reply:
            await asyncio.sleep(arrival_ms / 1e3)
            return await frame.answer(asked(service_ms))

        return await asyncio.gather(*map(one, arrivals_ms, services_ms))

    return serve


@pytest.mark.long
@given(TIMES, st.integers(1, 3), st.sampled_from([*ORDERS]), st.integers(0, 5))
def test_it_serves_request_for_request_as_the_simulation(
    pairs: list[tuple[int, int]], workers: int, order: str, places: int
) -> None:
    # No two arrivals, and no arrival and the end of a service, at the same moment: which is first then is not said.
    gaps, services = np.array(pairs).T
    arrivals = np.cumsum(gaps + 1 / 128 + np.arange(len(gaps)) / 4096)
    replies = served(all_at(arrivals, services), workers=workers, order=order, places=places)
    expected = simulate(arrivals, services, workers, places, ORDERS[order])
    starts = [moments(reply)[1] if reply.status == 200 else np.nan for reply in replies]
    assert starts == pytest.approx(expected.starts.tolist(), abs=0.01, nan_ok=True)


def test_what_is_too_late_is_dropped_when_its_turn_has_come() -> None:
    replies = served(all_at([0, 1, 60], [50, 50, 50]), drop=LATE)
    assert replies[1].status == DROPPED.status and replies[1].body == DROPPED.body
    assert moments(replies[2]) == pytest.approx([60, 60, 110], abs=0.01)


def test_a_full_line_rejects() -> None:
    replies = served(all_at([0, 1, 2], [50, 50, 50]), places=1)
    assert [reply.status for reply in replies] == [200, 200, 503] and replies[2].body == REJECTED.body


def test_a_service_begins_when_the_one_before_should_have_ended_however_late_that_was_noticed() -> None:
    async def serve(frame: Frame, host: VirtualHost) -> list[Reply]:
        tasks = [asyncio.ensure_future(frame.answer(asked(4))) for _ in range(10)]
        await asyncio.sleep(0.001)
        asyncio.get_running_loop()._hurrying.now_s += 0.0215  # type: ignore[attr-defined]
        return await asyncio.gather(*tasks)

    replies = served(serve)
    assert [moments(reply)[2] for reply in replies] == pytest.approx([4 * at for at in range(1, 11)], abs=0.01)


def test_a_worker_is_held_while_the_next_stages_answer() -> None:
    async def serve(frame: Frame, host: VirtualHost) -> list[Reply]:
        frame.requests["stall"](0.010, 0.300)
        return await all_at([0, 20, 21], [4, 4, 4])(frame, host)  # type: ignore[no-any-return]

    replies = served(serve, ("stall", {}))
    assert [moments(reply)[2] for reply in replies] == pytest.approx([4, 314, 318], abs=0.1)


@pytest.mark.parametrize("after_ms", [2, 4.5, 6])
def test_a_request_that_is_given_up_leaves_the_line_or_its_worker_at_once(after_ms: float) -> None:
    async def serve(frame: Frame, _: VirtualHost) -> tuple[Reply, list[Reply]]:
        first = asyncio.ensure_future(frame.answer(asked(4)))
        await asyncio.sleep(0)
        given_up = asyncio.ensure_future(frame.answer(asked(50)))
        asyncio.get_running_loop().call_later(after_ms / 1e3, given_up.cancel)
        last = [asyncio.ensure_future(frame.answer(asked(4))) for _ in range(2)]
        await asyncio.wait([given_up])
        assert given_up.cancelled()
        return await first, await asyncio.gather(*last)

    first, last = served(serve, places=2)
    assert last[1].status == 503, "the places were taken"
    assert moments(first)[2] == pytest.approx(4, abs=0.01)
    assert moments(last[0])[1] == pytest.approx(max(4, after_ms), abs=0.01)


def test_a_request_that_is_given_up_in_the_moment_it_gets_its_worker_hands_it_on() -> None:
    async def serve(frame: Frame, _: VirtualHost) -> Reply:
        stage: Any = frame.stages["queue"]
        busy = asyncio.ensure_future(frame.answer(asked(4)))
        await asyncio.sleep(0)
        given_up, last = (asyncio.ensure_future(frame.answer(asked(4))) for _ in range(2))
        await asyncio.sleep(0)
        free = stage._free

        def and_cancel(since_ns: int) -> None:
            free(since_ns)
            given_up.cancel()

        stage._free = and_cancel
        reply = await last
        await busy
        assert given_up.cancelled() and stage._busy == 0 and stage._line.length == 0
        return reply

    assert moments(served(serve))[1] == pytest.approx(4, abs=0.01)


def test_nothing_goes_on_in_a_pause() -> None:
    async def serve(frame: Frame, host: VirtualHost) -> list[Reply]:
        loop = asyncio.get_running_loop()
        loop.call_later(0.002, host.clock.pause)
        loop.call_later(0.502, host.clock.resume)
        return await asyncio.gather(*(frame.answer(asked(4)) for _ in range(3)))

    assert [moments(reply)[2] for reply in served(serve)] == pytest.approx([4, 8, 12], abs=0.01)


def test_settings_change_for_what_arrives_from_then_on() -> None:
    async def serve(frame: Frame, _: VirtualHost) -> list[Reply]:
        tasks = [asyncio.ensure_future(frame.answer(asked(10))) for _ in range(4)]
        await asyncio.sleep(0)
        frame.set(workers=3)
        await asyncio.sleep(0.001)
        tasks.append(asyncio.ensure_future(frame.answer(asked(1))))
        await asyncio.sleep(0.015)
        frame.set(workers=1)
        return await asyncio.gather(*tasks)

    ends = [moments(reply)[2] for reply in served(serve)]
    assert ends == pytest.approx([10, 12, 20, 22, 2], abs=0.01)


def test_errors_of_a_rule_pass_on_and_free_what_was_held() -> None:
    def may_queue(queued: int, service_s: float, deadline_s: float) -> bool:
        raise ZeroDivisionError("by zero")

    async def serve(frame: Frame, _: VirtualHost) -> Any:
        stage: Any = frame.stages["queue"]
        first = asyncio.ensure_future(frame.answer(asked(4)))
        await asyncio.sleep(0)
        with pytest.raises(PolicyFailed, match="The admission rule raised ZeroDivisionError: by zero"):
            await frame.answer(asked(4))
        await first
        with pytest.raises(PolicyFailed, match="by zero"):
            frame.settle()
        return stage._busy, stage._line.length

    assert served(serve, may_queue=may_queue) == (0, 0)


@pytest.mark.parametrize("wrong", ["-1", "99999999999"])
def test_a_service_that_cannot_be_is_refused(wrong: str) -> None:
    async def serve(frame: Frame, _: VirtualHost) -> Reply:
        return await frame.answer(Request("GET", "/", {"service_us": wrong}, b""))

    found = served(serve)
    assert found.status == 400 and b"service_us" in found.body


def test_wrong_rules_are_refused_before_anything_starts() -> None:
    async def nothing(frame: Frame, host: VirtualHost) -> None: ...

    with pytest.raises(BadInput, match="order must be"):
        served(nothing, order="any")
