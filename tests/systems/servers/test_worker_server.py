from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from asking import ask
from patience import wait_until

from perflab.measure.guards import BadInput
from perflab.systems.process.pausable import PausableServer
from perflab.systems.servers.worker_server import Stages, stages_of, worker_server


def test_stages_survive_their_way_through_a_reply() -> None:
    stages = Stages(1, 2, 3, 4, 5)
    assert stages_of(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n" + stages.encode()) == stages


def test_a_reply_without_stages_is_refused() -> None:
    with pytest.raises((TypeError, ValueError)):
        stages_of(b"HTTP/1.1 503 Service Unavailable\r\n\r\nno place left")


@pytest.mark.clock
def test_a_request_that_finds_no_place_is_rejected_and_the_others_are_served() -> None:
    with worker_server(workers=1, queue_length=1) as server, ThreadPoolExecutor(6) as crowd:
        served = [crowd.submit(ask, server.port, "wait=600") for _ in range(2)]

        def both_are_inside() -> bool:
            noted = server.pause()
            server.resume()
            return (noted["busy"][-1:], noted["queued"][-1:]) == ([1], [1])

        wait_until(both_are_inside)
        assert [ask(server.port, "wait=1")[0] for _ in range(4)] == [503] * 4
        assert [each.result()[0] for each in served] == [200, 200]
        assert ask(server.port, "wait=1")[0] == 200, "the place is free again"


@pytest.mark.clock
def test_in_a_pause_no_request_gets_on_and_the_servers_clock_stands_still() -> None:
    with worker_server(workers=1) as server, ThreadPoolExecutor(1) as crowd:
        began = time.perf_counter_ns()
        asked = crowd.submit(ask, server.port, "wait=200")
        time.sleep(0.1)
        server.pause()
        time.sleep(0.5)
        server.resume()
        stages = stages_of(asked.result()[1])
        took_ns = time.perf_counter_ns() - began
    assert 200e6 <= stages.done_ns - stages.started_ns <= took_ns - 500e6


@pytest.fixture(scope="module")
def server() -> Iterator[PausableServer]:
    with worker_server(workers=1) as running:
        yield running


@pytest.mark.clock
@pytest.mark.parametrize("query", ["wait=soon", "compute=-1", "query=99999"])
def test_bad_work_is_an_error_of_that_request_only(server: PausableServer, query: str) -> None:
    status, body = ask(server.port, query)
    assert status == 400
    assert query.split("=")[0].encode() in body
    assert ask(server.port, "wait=1")[0] == 200


@pytest.mark.parametrize(
    "config", [{"workers": 0}, {"workers": 10**6}, {"workers": 1, "connections": 0}, {"workers": 1, "queue_length": -1}]
)
def test_too_much_is_refused_before_it_starts(config: dict[str, int]) -> None:
    with pytest.raises(BadInput), worker_server(**config):
        pass


@pytest.mark.clock
def test_a_rule_decides_which_requests_may_queue_and_is_not_asked_while_a_worker_is_free() -> None:
    limit = 2
    with worker_server(1, may_queue=lambda queued: queued < limit) as server, ThreadPoolExecutor(8) as crowd:
        asked = [crowd.submit(ask, server.port, "wait=300") for _ in range(8)]
        assert sorted(each.result()[0] for each in asked) == [200] * 3 + [503] * 5
        assert ask(server.port, "wait=1")[0] == 200
    with worker_server(1, may_queue=lambda queued: False) as server:
        assert ask(server.port, "wait=1")[0] == 200
