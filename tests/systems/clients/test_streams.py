"""Load on servers that take many requests on one connection: in slices, with time-outs; and what is left of it: nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pytest
from patience import wait_until, wait_until_gone
from relations import two_of_three

from perflab.measure.frame import Frame, merge
from perflab.measure.guards import BadInput
from perflab.measure.schedule import constant
from perflab.systems.clients.attempts import Attempts, Patience
from perflab.systems.clients.streams import Streams, attempts_load
from perflab.systems.process.child import ServerFailed
from perflab.systems.process.pausable import PausableServer
from perflab.systems.servers.staged_server import MULTIPLEXED, staged_server


def answering(do: Callable[[socket.socket], None]) -> tuple[int, threading.Thread]:
    """The port of a socket that listens, and the thread that does this with the first connection."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, listening:
            do(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    return listening.getsockname()[1], thread


def test_answers_come_whole_however_they_are_cut_and_a_hang_up_is_an_error() -> None:
    def do(connection: socket.socket) -> None:
        assert connection.recv(100) == b"1 2 3\n"
        connection.sendall(b"7 200 1 2 3\n8 5")
        connection.sendall(b"03 rejected\n")

    port, thread = answering(do)
    with Streams([port]) as streams:
        streams.send(0, b"1 2 3\n")
        found = []
        with pytest.raises(ConnectionError, match="closed the connection"):
            while True:
                found += streams.receive(0.05)
    thread.join()
    assert [(each.attempt, each.status, each.body) for each in found] == [(7, 200, b"1 2 3"), (8, 503, b"rejected")]


def test_lines_that_the_connection_does_not_take_at_once_are_sent_later() -> None:
    received, go_on = bytearray(), threading.Event()

    def do(connection: socket.socket) -> None:
        assert go_on.wait(10)
        while len(received) < 8_000_000:
            received.extend(connection.recv(1_000_000))
        connection.sendall(b"1 200 done\n")

    port, thread = answering(do)
    with Streams([port]) as streams:
        for _ in range(8):
            streams.send(0, b"x" * 1_000_000)
        assert streams.receive(0.0) == []
        go_on.set()
        while not (found := streams.receive(0.05)):
            pass
    thread.join()
    assert found[0].body == b"done"


def test_no_connection_is_left_open_where_one_server_is_not_there() -> None:
    port, thread = answering(lambda connection: None)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        nowhere = gone.getsockname()[1]
    with pytest.raises(OSError):
        Streams([port, nowhere])
    thread.join()


def load(server: PausableServer, patience: Patience, rate: float, service_us: int, seconds: float, **more: Any) -> Any:
    schedule = constant(rate, seconds)
    attempts = Attempts(schedule, patience)
    return attempts_load([server], attempts, schedule, np.full(schedule.size, service_us), seconds, **more)


def queue_server(**rules: Any) -> PausableServer:
    return staged_server(("queue", rules), ("stall", {}), front=MULTIPLEXED)


@pytest.mark.clock
def test_a_run_in_slices_is_one_run_of_the_real_server() -> None:
    def seen() -> Frame:
        frames = []
        with queue_server(places=2) as server:
            for frame in load(server, Patience(), 100, 15_000, 0.6):
                frames.append(frame)
                time.sleep(0.1)  # as while a chart is drawn
        return merge(frames)

    def is_the_queue(frame: Frame) -> bool:
        # 10 ms between arrivals and 15 ms of service: waits of 0, 5, 10, … ms, and with 2 places of at most 35 ms.
        waits_ms = (frame.samples["started_ns"] - frame.samples["arrived_ns"]) / 1e6
        inside_ms = (frame.samples["done_ns"] - frame.samples["arrived_ns"]) / 1e6
        beyond_ms = np.median(frame.samples["latency_ns"] / 1e6 - inside_ms)
        return bool(waits_ms.max() < 40 and abs(np.median(waits_ms) - 25) < 8 and 0 < beyond_ms < 10)

    two_of_three(seen, is_the_queue, "as the queue has it")


@pytest.mark.clock
def test_time_outs_and_retries_reach_the_server_and_cancelled_requests_leave_it() -> None:
    patience = Patience(timeout_s=0.04, retry=lambda tries, _: 0.0 if tries < 2 else None, cancels=True)
    with queue_server() as server:
        frame = merge(load(server, patience, 20, 500_000, 0.4))
    assert frame.counts["calls"] == 0 and frame.counts["failures"] >= 5
    assert frame.samples["retried_s"].size >= 5 and frame.counts["needless"] == 0


@pytest.mark.process
def test_requests_read_the_keys_that_they_are_given() -> None:
    keys = np.array([3, 1, 3, 2, 1, 3, 2, 2])
    with staged_server(("lru", {"capacity": 2}), ("queue", {}), front=MULTIPLEXED) as server:
        server.ask("warm", keys=[3])
        frame = merge(load(server, Patience(), 8, 1_000, 1.0, keys=keys))  # one after another, far apart
    assert frame.samples["key"].tolist() == keys.tolist()
    is_hit = frame.samples["started_ns"] == frame.samples["done_ns"]
    assert is_hit.tolist() == [True, False, True, False, False, False, False, True]


@pytest.mark.process
def test_an_error_of_a_rule_in_the_server_is_one_sentence() -> None:
    def may_queue(queued: int, service_s: float, deadline_s: float) -> bool:
        return 1 / queued > 0

    with queue_server(may_queue=may_queue) as server, pytest.raises(BadInput) as caught:
        merge(load(server, Patience(), 200, 50_000, 1.0))
    assert str(caught.value).startswith("The admission rule raised ZeroDivisionError: division by zero (asked with 0, ")


@pytest.mark.process
def test_a_rule_in_the_server_that_does_not_return_is_one_sentence() -> None:
    def may_queue(queued: int, service_s: float, deadline_s: float) -> bool:
        while True:
            pass

    with queue_server(may_queue=may_queue) as server, pytest.raises(BadInput, match="has not returned after 1 s"):
        merge(load(server, Patience(), 200, 50_000, 10.0))
    wait_until_gone(server.pid)


@pytest.mark.process
def test_a_server_that_answers_with_an_error_ends_the_run() -> None:
    with queue_server() as server, pytest.raises(BadInput, match="could not answer: .*service_us"):
        merge(load(server, Patience(), 50, -1, 1.0))


@pytest.mark.process
def test_a_server_that_is_killed_is_told_to_be_dead_and_nothing_is_left() -> None:
    with pytest.raises(ServerFailed, match="died"), queue_server() as server:
        for frame in load(server, Patience(), 200, 4_000, 5.0):
            assert frame.facts["elapsed_s"] < 3
            server.kill()
    wait_until_gone(server.pid)


@pytest.mark.process
def test_a_run_that_is_stopped_leaves_neither_process_nor_connection() -> None:
    def ours() -> int:
        return len(psutil.Process().net_connections())

    before = ours()
    with queue_server() as server:
        run = load(server, Patience(timeout_s=0.04, retry=lambda *_: 0.0), 500, 50_000, 5.0)
        assert next(run).facts["in_flight"] > 0
        run.close()
        pid = server.pid
    wait_until_gone(pid)
    wait_until(lambda: ours() <= before)
