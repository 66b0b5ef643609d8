from __future__ import annotations

import itertools
import socket
import threading
from typing import Any

import psutil
import pytest
from relations import two_of_three

from perflab.measure.guards import BadInput
from perflab.systems.clients import calls
from perflab.systems.clients.calls import IN_A_ROW, WAYS, callers
from perflab.systems.http import connection
from perflab.systems.servers.worker_kinds import LOOP
from perflab.systems.servers.worker_server import stages_of, worker_server

pytestmark = pytest.mark.clock


@pytest.mark.parametrize("way", WAYS)
def test_each_way_brings_the_answer_of_every_call(way: str) -> None:
    with worker_server(8, kind=LOOP) as server, callers(server.port, 3) as made:
        for _ in range(2):
            answers = made.ways[way]("/work?wait=1")
            assert len(answers) == 3 and all(stages_of(body).done_ns > 0 for body in answers)


def test_gathered_calls_wait_together_and_calls_in_a_row_one_after_the_other() -> None:
    def spans(bodies: list[bytes]) -> list[tuple[int, int]]:
        return sorted((stages_of(body).started_ns, stages_of(body).done_ns) for body in bodies)

    with worker_server(8, kind=LOOP) as server, callers(server.port, 5) as made:
        in_a_row = spans(made.ways[IN_A_ROW]("/work?wait=60"))
        assert all(done <= started for (_, done), (started, _) in itertools.pairwise(in_a_row))
        for name in set(WAYS) - {IN_A_ROW}:
            two_of_three(
                lambda name=name: spans(made.ways[name]("/work?wait=60")),
                lambda gathered: max(gathered)[0] < min(done for _, done in gathered),
                f"{name}: the last one begins before the first is done",
            )


@pytest.mark.parametrize("way", WAYS)
def test_a_call_that_is_refused_is_an_error_and_not_an_answer(way: str) -> None:
    with worker_server(8, kind=LOOP) as server, callers(server.port, 2) as made, pytest.raises(OSError, match="400"):
        made.ways[way]("/work?wait=never")


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_dies_is_an_error(way: str) -> None:
    with worker_server(8, kind=LOOP) as server, callers(server.port, 2) as made:
        server.kill()
        with pytest.raises(OSError):
            made.ways[way]("/work?wait=1")


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_does_not_answer_is_an_error(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (calls, connection):
        monkeypatch.setattr(module, "TIMEOUT_S", 0.1)
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        callers(mute.getsockname()[1], 2) as made,
        pytest.raises(OSError),
    ):
        made.ways[way]("/work?wait=1")


async def refuse(port: int, number: int) -> Any:
    raise ConnectionRefusedError


def test_callers_that_cannot_all_connect_leave_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_connect", refuse)
    with socket.create_server(("127.0.0.1", 0)) as server:
        before = (psutil.Process().num_fds(), threading.active_count())
        with pytest.raises(ConnectionRefusedError), callers(server.getsockname()[1], 2):
            pass
        assert (psutil.Process().num_fds(), threading.active_count()) == before


@pytest.mark.parametrize("number", [0, 51, 2.5])
def test_a_silly_number_of_calls_is_refused(number: float) -> None:
    with pytest.raises(BadInput, match="calls"), callers(1, number):  # type: ignore[arg-type]
        pass
