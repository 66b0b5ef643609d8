"""The balancer: requests go where the route says, the dead get none, and nothing is left behind."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from random import Random

import numpy as np
import psutil
import pytest
from relations import assert_more, two_of_three

from perflab.measure.frame import Frame, merge
from perflab.measure.guards import BadInput
from perflab.measure.schedule import constant
from perflab.systems.clients.balancer import BalancedTarget, _checked, balanced_load
from perflab.systems.clients.routing import Route, at_random, least_outstanding, round_robin
from perflab.systems.http.connection import request_bytes
from perflab.systems.servers.worker_server import worker_server
from perflab.theory.replay import replay

EVEN = constant(50, 1.0)


def load(route: Route = round_robin, slowness: Sequence[float] = (1, 1), **more: float) -> Frame:
    return merge(balanced_load(EVEN, np.full(EVEN.size, 10.0), slowness, route, 1.2, **more))  # type: ignore[arg-type]


def children() -> list[psutil.Process]:
    return psutil.Process().children()


@pytest.mark.clock
def test_each_request_is_answered_by_the_server_that_was_named() -> None:
    before = len(children())
    frame = load()
    assert frame.counts == {"calls": 50 - frame.facts["in_flight"], "rejected": 0, "failures": 0, "not_sent": 0}
    assert frame.counts["calls"] > 25
    assert np.all(frame.samples["server"] == frame.samples["number"] % 2)
    assert len(children()) == before


@pytest.mark.clock
def test_a_slow_server_takes_so_many_times_as_long() -> None:
    def ratio() -> float:
        frame = load(slowness=(5, 1))
        took = frame.samples["done_ns"] - frame.samples["started_ns"]
        usual = [np.median(took[frame.samples["server"] == server]) for server in (0, 1)]
        return float(usual[0] / usual[1])

    two_of_three(ratio, lambda times: 3 < times < 5.5, "5 times as long")


@pytest.mark.clock
def test_the_queue_of_each_server_is_replayed() -> None:
    schedule = constant(60, 1.0)
    waits = np.random.default_rng(1).exponential(20.0, schedule.size)

    def largest_deviation() -> float:
        samples = merge(balanced_load(schedule, waits, (1, 1), at_random, 1.3)).samples
        of_each = [samples["server"] == server for server in (0, 1)]
        names = ("arrived_ns", "started_ns", "done_ns")
        return max(replay(*(samples[name][at] for name in names)).deviation for at in of_each)

    two_of_three(largest_deviation, lambda deviation: deviation < 0.15, "as replayed")


@pytest.mark.clock
def test_when_a_server_is_killed_what_it_had_fails_and_the_others_go_on() -> None:
    frame = load(slowness=(20, 1, 1), dies_at_s=0.4)
    assert 1 <= frame.counts["failures"] <= 17, "its third of them if nobody had noticed"
    assert frame.facts["alive"] == 2
    assert frame.counts["calls"] + frame.counts["failures"] + frame.facts["in_flight"] == 50
    late = frame.samples["completed_s"] > frame.samples["failed_s"].max()
    assert set(frame.samples["server"][late].tolist()) == {1, 2}
    assert frame.samples["failed_s"].size == frame.counts["failures"]


@pytest.mark.clock
def test_when_the_only_server_is_killed_the_rest_is_dropped() -> None:
    frame = load(slowness=(1,), dies_at_s=0.4)
    assert frame.facts["alive"] == 0
    assert frame.counts["not_sent"] > 0
    assert frame.counts["calls"] + frame.counts["failures"] + frame.counts["not_sent"] == 50


@pytest.mark.parametrize("named", [2, -1, 0.5, 2.5, None, True, np.True_, "a", "1", np.int64(2), np.float64(1)])
def test_what_is_no_servers_number_is_refused(named: object) -> None:
    with pytest.raises(BadInput, match="route must return"):
        _checked(named, 2)


@pytest.mark.parametrize("whole", [int, np.int64, np.uint8])
def test_a_route_may_name_a_server_with_a_whole_number_of_numpy(whole: type) -> None:
    assert [_checked(whole(number), 2) for number in (0, 1)] == [0, 1]


@pytest.mark.clock
def test_a_route_that_names_no_server_is_told_so_and_leaves_nothing_behind() -> None:
    before = len(children())
    with pytest.raises(BadInput, match="route must return"):
        load(lambda outstanding, number, random: 2)
    assert len(children()) == before


@pytest.mark.clock
def test_a_dead_server_is_not_watched_any_more_so_that_waiting_waits() -> None:
    with worker_server(1) as mortal, worker_server(1) as other:
        ports = [mortal.port, other.port]
        target = BalancedTarget(ports, lambda *_: request_bytes("/work?wait=1"), 5, round_robin)
        try:
            mortal.kill()
            assert target.send(0), "nobody has told the balancer yet"
            ended: list[tuple[int, bool]] = []
            while not ended:  # ends of idle connections come between
                ended = target.poll(1.0)
            assert ended == [(0, False)]
            assert target.alive == [1]
            watched = [key.fileobj for key in target._selector.get_map().values()]
            assert {connection.getpeername()[1] for connection in watched} == {other.port}  # type: ignore[union-attr]
            assert len(watched) == len(target._server_of) == 5
            began = time.perf_counter()
            assert target.poll(0.1) == []
            assert time.perf_counter() - began > 0.09
        finally:
            target.close()


@pytest.mark.clock
@pytest.mark.skipif(not hasattr(selectors, "EpollSelector"), reason="only epoll waits in whole milliseconds")
def test_short_waits_are_precise_however_many_connections_there_are() -> None:
    with worker_server(1) as server:
        target = BalancedTarget([server.port] * 4, lambda *_: b"", 100, round_robin)
        try:

            def shortest_s(patience_s: float) -> float:
                waits = []
                for _ in range(50):
                    began = time.perf_counter()
                    target.poll(patience_s)
                    waits.append(time.perf_counter() - began)
                return min(waits)

            assert_more(lambda: shortest_s(0.001), lambda: shortest_s(0.0001), 1.5, "a whole millisecond")
        finally:
            target.close()


@pytest.mark.clock
def test_a_run_that_is_closed_early_leaves_nothing_behind() -> None:
    before = len(children())
    frames = balanced_load(EVEN, np.full(EVEN.size, 10.0), (1, 1, 1), least_outstanding, 1.2)
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert len(children()) == before


def test_when_all_connections_are_refused_the_load_does_not_begin() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        BalancedTarget([port, port], lambda *_: request_bytes("/"), 2, round_robin)


def test_more_servers_or_connections_than_the_machine_may_have_are_refused() -> None:
    with pytest.raises(BadInput, match="processes"):
        next(balanced_load(EVEN, np.full(50, 1.0), [1.0] * 1_000, round_robin, 1.0))
    with pytest.raises(BadInput, match="connections"):
        BalancedTarget([1, 2], lambda *_: b"", 10_000, round_robin)


@pytest.mark.clock
def test_a_route_sees_outstanding_requests_of_living_servers_only() -> None:
    seen: list[tuple[int, ...]] = []

    def watching(outstanding: Sequence[int], number: int, random: Random) -> int:
        seen.append(tuple(outstanding))
        return min(range(len(outstanding)), key=outstanding.__getitem__)

    load(watching, slowness=(8, 1), dies_at_s=0.5)
    assert {len(each) for each in seen} == {1, 2}
    assert max(max(each) for each in seen) >= 1
