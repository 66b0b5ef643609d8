"""One request, cut into parts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from statistics import median

import pytest
from relations import assert_more, two_of_three

from perflab.measure.guards import BadInput
from perflab.systems.clients.anatomy import PARTS, Crowd, Dissector, _cut
from perflab.systems.databases.catalogue import sku_of
from perflab.systems.http.server_timing import ServerTiming
from perflab.systems.process.child import ChildServer, serve
from perflab.systems.servers.distance import distance
from perflab.systems.servers.shop import shop

PATH = f"/product?sku={sku_of(3)}"


@pytest.fixture(scope="module")
def server() -> Iterator[ChildServer]:
    with shop(100, 4, database_ms=2) as running:
        yield running


@pytest.mark.clock
def test_the_parts_are_all_there_in_order_and_sum_to_the_total(server: ChildServer) -> None:
    for keep in (False, True):
        client = Dissector(server.port, keep)
        for _ in range(10):
            anatomy = client.dissect(PATH)
            assert tuple(anatomy.parts) == PARTS
            assert sum(anatomy.parts.values()) == anatomy.total_ns
            assert all(part >= 0 for part in anatomy.parts.values())
        client.close()


@pytest.mark.clock
def test_a_connection_that_is_kept_need_not_be_opened_again(server: ChildServer) -> None:
    client = Dissector(server.port, keep=True)

    def kept() -> int:
        return client.dissect(PATH).parts["connect"]

    def opened() -> int:
        client.close()
        return kept()

    assert_more(opened, kept, 10)
    client.close()


@pytest.mark.clock
def test_distance_shows_up_in_connecting_and_on_both_ways_only(server: ChildServer) -> None:
    added = {"connect": 40_000_000, "send": 19_000_000, "receive": 19_000_000}
    with distance(server.port, 0.04) as relay:

        def elsewhere() -> list[tuple[str, int]]:
            """Parts that take as long near by, and those of the server if they take as long as the way."""
            far = Dissector(relay.port, added_round_trip_s=0.04).dissect(PATH)
            near = Dissector(server.port).dissect(PATH)
            assert all(far.parts[name] >= least for name, least in added.items())
            assert sum(far.parts.values()) == far.total_ns
            found = [(name, near.parts[name]) for name, least in added.items() if near.parts[name] >= least]
            return found + ([("server", far.server.total)] if far.server.total >= 40_000_000 else [])

        two_of_three(elsewhere, lambda found: not found, "nowhere else")


def test_the_cut_falls_where_the_moments_are() -> None:
    server = ServerTiming(arrived=1_300, queue=10, parse=20, database=30, compute=40, serialise=50)
    anatomy = _cut((1_000, 1_100, 2_000), 150, server, b"")
    assert list(anatomy.parts.values()) == [250, 50, 10, 20, 30, 40, 50, 550]
    assert anatomy.total_ns == 1_000


def test_a_server_on_another_clock_is_refused() -> None:
    server = ServerTiming(arrived=5, queue=1, parse=1, database=1, compute=1, serialise=1)
    with pytest.raises(ValueError, match="clock"):
        _cut((1_000, 1_100, 2_000), 0, server, b"")


@pytest.mark.clock
def test_replies_that_cannot_be_dissected_are_refused_and_the_next_request_works(server: ChildServer) -> None:
    client = Dissector(server.port, keep=True)
    with pytest.raises(OSError, match="404"):
        client.dissect("/product?sku=none")
    assert client.dissect(PATH).total_ns > 0
    client.close()
    with serve("perflab.systems.servers.echo", http=True) as echo, pytest.raises(ValueError, match="no Server-Timing"):
        Dissector(echo.port).dissect("/")


@pytest.mark.clock
def test_a_crowd_asks_at_the_same_time_and_is_gone_afterwards(server: ChildServer) -> None:
    before = threading.active_count()
    with Crowd(server.port, 8) as crowd:
        requests = crowd.dissect(PATH, 0.1)
        left_out = crowd.left_out
    assert len(requests) >= 8 == len(left_out) and not set(map(id, left_out)) & set(map(id, requests))
    assert all(sum(request.parts.values()) == request.total_ns for request in requests)
    assert threading.active_count() == before


@pytest.mark.clock
def test_clients_of_a_crowd_queue_for_each_other(server: ChildServer) -> None:
    def queue_ns(crowd: Crowd) -> float:
        return median(request.parts["queue"] for request in crowd.dissect(PATH, 0.1))

    with Crowd(server.port, 8) as many, Crowd(server.port, 1) as alone:
        assert_more(lambda: queue_ns(many), lambda: queue_ns(alone), 1.5)


@pytest.mark.parametrize("clients", [0, 65, 1.5, float("nan")])
def test_too_many_clients_are_refused_before_any_is_there(clients: float) -> None:
    with pytest.raises(BadInput, match="clients"):
        Crowd(1, clients)  # type: ignore[arg-type]


@pytest.mark.clock
def test_a_crowd_whose_server_is_gone_says_so() -> None:
    with shop(50) as running:
        port = running.port
    with Crowd(port, 3) as crowd, pytest.raises(OSError):
        crowd.dissect(PATH, 0.1)


@pytest.mark.clock
def test_clients_whose_requests_take_long_begin_one_after_another_and_each_of_their_requests_is_kept(
    server: ChildServer,
) -> None:
    with distance(server.port, 0.3) as relay, Crowd(relay.port, 4, 0.3) as crowd:
        assert [len(crowd.dissect(PATH, 0.01)) for _ in range(2)] == [4, 4]
        third = crowd.dissect(PATH, 0.01)
    assert min(request.total_ns for request in third) > 0.6e9
    assert max(request.parts["queue"] for request in third) < 0.3e9
