from __future__ import annotations

import psutil
import pytest
from relations import two_of_three

from perflab.measure.guards import BadInput, machine_limits
from perflab.systems.clients.crowd import crowd
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.worker_kinds import LOOP, PROCESSES, THREADS
from perflab.systems.servers.worker_server import worker_server

pytestmark = pytest.mark.clock

KINDS = (THREADS, LOOP)


@pytest.mark.parametrize("kind", KINDS)
def test_each_client_has_its_reply_and_has_waited_for_it(kind: str) -> None:
    with worker_server(64, kind=LOOP) as server, crowd(kind, server.port, 50, 20) as people:
        came = people.ask("connect")
        assert came["connected"] == min(50, machine_limits().threads)
        replies = people.ask("call")["reply_ns"]
    assert len(replies) == 50
    assert min(replies) >= 20e6


@pytest.mark.parametrize("kind", KINDS)
def test_all_wait_at_once(kind: str) -> None:
    with worker_server(64, kind=LOOP) as server:

        def longest_ns() -> float:
            with crowd(kind, server.port, 50, 60) as people:
                people.ask("connect")
                return max(people.ask("call")["reply_ns"])

        two_of_three(longest_ns, lambda found: found < 50 * 60e6 / 5, "far from one after the other")


def test_a_thread_takes_more_memory_than_a_task() -> None:
    each = {}
    with worker_server(512, kind=LOOP) as server:
        for kind in KINDS:
            with crowd(kind, server.port, 200, 1) as people:
                came = people.ask("connect")
                each[kind] = came["bytes"] / came["connected"]
    assert each[THREADS] > 2 * each[LOOP] > 0, each


def test_one_client_does_not_pay_for_the_process() -> None:
    """What is needed once is there before anybody is counted: an event loop, a thread pool, the code of both."""
    with worker_server(8, kind=LOOP) as server:
        for kind in KINDS:
            with crowd(kind, server.port, 1, 1) as people:
                assert people.ask("connect")["bytes"] < 200_000, kind


def test_more_clients_than_threads_take_turns() -> None:
    number = machine_limits().threads + 10
    with worker_server(256, kind=LOOP) as server, crowd(THREADS, server.port, number, 50) as people:
        assert people.ask("connect")["connected"] == number - 10
        replies = people.ask("call")["reply_ns"]
    assert len(replies) == number
    assert max(replies) >= 2 * 50e6


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_gone_is_an_error_and_nothing_is_left(kind: str) -> None:
    before = set(psutil.Process().children(recursive=True))
    with worker_server(8, kind=LOOP) as server, pytest.raises(ServerFailed), crowd(kind, server.port, 5, 1) as people:
        server.kill()
        people.ask("connect")
        people.ask("call")
    assert set(psutil.Process().children(recursive=True)) == before


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": PROCESSES}, "kind"),
        ({"clients": 0}, "clients"),
        ({"clients": 1_025}, "clients"),
        ({"wait_ms": 101}, "wait_ms"),
    ],
)
def test_what_is_out_of_bounds_is_refused(change: dict[str, object], match: str) -> None:
    config = {"kind": LOOP, "port": 1, "clients": 5, "wait_ms": 1.0, **change}
    with pytest.raises(BadInput, match=match), crowd(**config):  # type: ignore[arg-type]
        pass
