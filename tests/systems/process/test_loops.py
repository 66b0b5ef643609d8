from __future__ import annotations

import asyncio
import select
import selectors
import socket
from contextlib import ExitStack, closing

import pytest

from perflab.systems.process.loops import precise_loop, precise_loop_for_many


def test_a_precise_loop_waits_in_select_whose_timeout_has_microseconds() -> None:
    async def selector() -> object:
        return asyncio.get_running_loop()._selector  # type: ignore[attr-defined]

    with closing(precise_loop()) as loop:
        assert type(loop.run_until_complete(selector())) is selectors.SelectSelector


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="where there is no epoll, kqueue is precise")
def test_that_for_many_lets_select_wait_for_the_epoll_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[tuple[int, float | None]] = []
    real = select.select

    def noted(read: list[int], write: list[int], other: list[int], timeout: float | None) -> object:
        waits.append((len(read), timeout))
        return real(read, write, other, timeout)

    monkeypatch.setattr(select, "select", noted)
    with closing(precise_loop_for_many()) as loop:
        loop.run_until_complete(asyncio.sleep(0.0015))
    assert any(timeout is not None and 0 < timeout <= 0.0015 for _, timeout in waits), "no whole milliseconds"
    assert {files for files, _ in waits} == {1}


def test_that_for_many_reads_what_comes_on_any_of_them() -> None:
    async def first_byte(reading: socket.socket) -> bytes:
        return await asyncio.get_running_loop().sock_recv(reading, 1)

    with ExitStack() as stack:
        loop = stack.enter_context(closing(precise_loop_for_many()))
        one, other = (stack.enter_context(each) for each in socket.socketpair())
        one.setblocking(False)
        loop.call_later(0.001, other.send, b"x")
        assert loop.run_until_complete(first_byte(one)) == b"x"
