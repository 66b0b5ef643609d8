"""Real HTTP under load."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

import numpy as np
import pytest
from relations import two_of_three

from perflab.measure.guards import BadInput
from perflab.measure.http_reply import Reply
from perflab.measure.http_target import HttpTarget
from perflab.measure.load import closed_loop, open_loop
from perflab.measure.schedule import constant
from perflab.systems.http.connection import request_bytes
from perflab.systems.process.child import serve
from perflab.systems.servers.staged_server import staged_server


@pytest.mark.clock
def test_every_request_is_answered_and_the_stall_of_a_real_server_is_seen_by_the_open_loop_only() -> None:
    schedule = constant(200, 0.6)
    with (
        staged_server(("stall", {})) as server,
        HttpTarget(server.port, request_bytes("/"), 100) as target,
    ):

        def slow_ones() -> tuple[int, int]:
            server.ask("stall", after_s=0.1, for_s=0.3)
            open_result = open_loop(schedule, target)
            assert open_result.response_ns.size == schedule.size
            assert (open_result.failures, open_result.not_sent, open_result.timeouts) == (0, 0, 0)
            server.ask("stall", after_s=0.1, for_s=0.3)
            results = (open_result, closed_loop(schedule, target))
            return int(np.sum(results[0].response_ns > 50e6)), int(np.sum(results[1].response_ns > 50e6))

        two_of_three(slow_ones, lambda slow: slow[0] > 20 and slow[1] <= 5, "many in the open loop, few in the closed")


@pytest.mark.clock
def test_a_server_that_dies_in_mid_run_makes_failures_and_drops_not_a_hang() -> None:
    with (
        serve("perflab.systems.servers.echo", http=True) as server,
        HttpTarget(server.port, request_bytes("/"), 4) as target,
    ):
        killer = threading.Timer(0.2, lambda: os.kill(server.pid, signal.SIGKILL))
        killer.start()
        result = open_loop(constant(100, 0.6), target, timeout_s=0.5)
        killer.join()
    assert result.response_ns.size > 5
    assert result.failures + result.not_sent + result.timeouts > 5
    assert result.response_ns.size + result.failures + result.not_sent == 60


@pytest.mark.clock
def test_when_the_server_is_gone_nothing_is_watched_and_waiting_waits() -> None:
    with (
        serve("perflab.systems.servers.echo", http=True) as server,
        HttpTarget(server.port, request_bytes("/"), 4, spin=False) as target,
    ):
        server.kill()
        assert target.send(0)
        ended: list[tuple[int, bool]] = []
        while not ended:  # ends of idle connections come between
            ended = target.poll(1.0)
        assert ended == [(0, False)]
        assert not target.send(1)
        assert len(target._selector.get_map()) == 0
        began = time.perf_counter()
        assert target.poll(0.1) == []
        assert time.perf_counter() - began > 0.09


def test_an_idle_connection_whose_server_hangs_up_keeps_no_cpu_busy_and_the_next_request_finds_it_out() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        HttpTarget(listening.getsockname()[1], b"GET", 1, spin=False) as target,
    ):
        listening.accept()[0].close()
        polls = 0
        until = time.perf_counter() + 0.2
        while (left := until - time.perf_counter()) > 0:
            assert target.poll(left) == []
            polls += 1
        assert polls < 10
        assert target.send(0)
        ended: list[tuple[int, bool]] = []
        while not ended:
            ended = target.poll(1.0)
        assert ended == [(0, False)]
        assert target.send(1), "it has another connection now"


def test_what_is_forgotten_is_never_answered_and_its_connection_is_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, HttpTarget(mute.getsockname()[1], b"GET", 3) as target:
        assert target.send(0) and target.send(1)
        before = set(target._in_flight)
        target.forget()
        assert not target._in_flight and len(target._free) == 3 and not before & {*target._free}
        assert target.send(0) and target.poll(0.0) == []


def test_connections_that_end_together_with_the_one_that_is_read_are_not_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = HttpTarget(server.getsockname()[1], b"?", 3)
        accepted = [server.accept()[0] for _ in range(3)]
    try:
        assert target.send(0)
        for connection in accepted:
            connection.close()
        ended: list[tuple[int, bool]] = []
        while not ended:
            ended = target.poll(1.0)
        assert ended == [(0, False)]
        assert not target.send(1) and len(target._selector.get_map()) == 0
    finally:
        target.close()


@pytest.mark.parametrize("connections", [0.5, 10_000, -1])
def test_more_connections_than_allowed_are_refused_before_any_is_opened(connections: float) -> None:
    with (
        pytest.raises((BadInput, TypeError)),
        HttpTarget(1, b"", connections),  # type: ignore[arg-type]
    ):
        pass


@pytest.mark.clock
@pytest.mark.parametrize("spin", [True, False])
def test_each_request_may_be_another_one_and_its_reply_is_handed_on(spin: bool) -> None:
    replies: dict[int, Reply] = {}
    schedule = constant(200, 0.2)
    with (
        serve("perflab.systems.servers.echo", http=True) as server,
        HttpTarget(server.port, lambda number: request_bytes(f"/{number}"), 8, replies.__setitem__, spin) as target,
    ):
        result = open_loop(schedule, target)
    assert result.numbers.tolist() == sorted(replies) == list(range(schedule.size))
    assert all(reply.is_ok for reply in replies.values())
