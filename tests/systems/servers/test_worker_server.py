from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from asking import ask

from perflab.measure.guards import BadInput
from perflab.systems.servers.worker_server import Stages, stages_of, worker_server

pytestmark = pytest.mark.clock


def test_stages_survive_their_way_through_a_reply() -> None:
    stages = Stages(1, 2, 3, 4, 5)
    assert stages_of(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n" + stages.encode()) == stages


def test_a_reply_without_stages_is_refused() -> None:
    with pytest.raises((TypeError, ValueError)):
        stages_of(b"HTTP/1.1 503 Service Unavailable\r\n\r\nno place left")


def test_a_request_takes_what_it_asks_for_stage_after_stage() -> None:
    with worker_server(workers=2, connections=2) as server:
        status, body = ask(server.port, "wait=30&compute=5&query=20")
    stages = stages_of(body)
    assert status == 200
    assert stages.arrived_ns <= stages.started_ns <= stages.connected_ns <= stages.done_ns
    assert stages.connected_ns - stages.started_ns >= 30e6
    assert stages.done_ns - stages.connected_ns >= 20e6


def test_one_connection_serves_one_after_the_other() -> None:
    with worker_server(workers=4, connections=1) as server, ThreadPoolExecutor(4) as crowd:
        replies = list(crowd.map(lambda _: ask(server.port, "query=30"), range(4)))
    held = sorted((stages_of(body).connected_ns, stages_of(body).done_ns) for _, body in replies)
    assert all(done <= connected + 1e6 for (_, done), (connected, _) in itertools.pairwise(held))


def test_more_workers_do_more_at_once() -> None:
    with worker_server(workers=8) as server, ThreadPoolExecutor(8) as crowd:
        replies = list(crowd.map(lambda _: stages_of(ask(server.port, "wait=100")[1]), range(8)))
    assert max(stages.started_ns for stages in replies) < min(stages.done_ns for stages in replies)


def test_whoever_finds_no_place_is_turned_away_and_the_others_are_served() -> None:
    with worker_server(workers=1, queue_length=1) as server, ThreadPoolExecutor(6) as crowd:
        statuses = [status for status, _ in crowd.map(lambda _: ask(server.port, "wait=200"), range(6))]
        assert sorted(set(statuses)) == [200, 503]
        assert statuses.count(200) == 2
        assert ask(server.port, "wait=1")[0] == 200, "the place is free again"


def test_in_a_pause_no_request_gets_on_and_the_servers_clock_stands_still() -> None:
    with worker_server(workers=1) as server, ThreadPoolExecutor(1) as crowd:
        began = time.monotonic()
        asked = crowd.submit(ask, server.port, "wait=200")
        time.sleep(0.1)
        server.pause()
        time.sleep(0.5)
        server.resume()
        stages = stages_of(asked.result()[1])
    assert time.monotonic() - began > 0.65
    assert stages.done_ns - stages.started_ns < 600e6


@pytest.mark.parametrize("query", ["wait=soon", "compute=-1", "query=99999"])
def test_bad_work_is_an_error_of_that_request_only(query: str) -> None:
    with worker_server(workers=1) as server:
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
