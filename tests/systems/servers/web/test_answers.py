"""What is asked for, and what is answered; nothing is started."""

from __future__ import annotations

import itertools
import socket
import time

import pytest

from perflab.measure.http_reply import ReplyReader
from perflab.systems.http.connection import request_bytes
from perflab.systems.http.http11 import BadRequest, Reply
from perflab.systems.servers.real.http import PAGE
from perflab.systems.servers.web import answers
from perflab.systems.servers.web.answers import NOTHING_BEHIND, Asked, WaitBehind, answer, converse, read_head


@pytest.mark.parametrize(
    ("head", "asked"),
    [
        (b"GET / HTTP/1.1\r\nHost: x", Asked("/", "/", 0, True)),
        (b"GET /wait?ms=50 HTTP/1.1\r\nHost: x", Asked("/wait?ms=50", "/wait", 50, True)),
        (b"GET /compute?ms=0.5 HTTP/1.1", Asked("/compute?ms=0.5", "/compute", 0.5, True)),
        (b"GET / HTTP/1.1\r\nConnection: Close", Asked("/", "/", 0, False)),
        (b"GET / HTTP/1.0\r\nHost: x", Asked("/", "/", 0, False)),
    ],
)
def test_a_head_says_path_milliseconds_and_whether_the_connection_is_kept(head: bytes, asked: Asked) -> None:
    assert read_head(head) == asked


@pytest.mark.parametrize("target", ["/wait?ms=long", "/wait?ms=nan", "/wait?ms=-1", "/compute?ms=1e9", "/a b"])
def test_what_cannot_be_read_is_refused(target: str) -> None:
    with pytest.raises(BadRequest):
        read_head(f"GET {target} HTTP/1.1".encode())
    with pytest.raises(BadRequest):
        read_head(b"\xff\xfe")


def test_computing_lasts_so_long_on_the_cpu_and_not_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu_ns, done = itertools.count(0, 40_000), []
    monkeypatch.setattr(time, "thread_time_ns", lambda: next(cpu_ns))
    monkeypatch.setattr(answers, "compute", done.append)
    assert answer(read_head(b"GET /compute?ms=2 HTTP/1.1"), lambda *_: NOTHING_BEHIND) == Reply(b"ok")
    assert len(done) == 2_000_000 // 40_000 - 1


def test_a_wait_is_what_waits_and_another_path_is_not_found() -> None:
    waited = []

    def wait(target: str, ms: float) -> Reply:
        waited.append((target, ms))
        return Reply(b"waited")

    assert answer(read_head(b"GET /wait?ms=5 HTTP/1.1"), wait) == Reply(b"waited")
    assert waited == [("/wait?ms=5", 5)]
    assert answer(read_head(b"GET /other HTTP/1.1"), wait).status == 404


def test_a_timed_wait_is_answered_with_when_it_began_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = [7_000]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now_ns[0])

    def wait(target: str, ms: float) -> Reply:
        assert target == "/wait?ms=5"
        now_ns[0] += round(1e6 * ms)
        return Reply(b"ok")

    assert answer(read_head(b"GET /timed?ms=5 HTTP/1.1"), wait) == Reply(b"7000 5007000")
    assert answer(read_head(b"GET /timed?ms=5 HTTP/1.1"), lambda *_: NOTHING_BEHIND) == NOTHING_BEHIND


def test_where_nothing_is_behind_any_more_the_reply_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert WaitBehind(port)("/wait?ms=1", 1) == NOTHING_BEHIND


@pytest.mark.parametrize(("keep_alive_s", "replies"), [(1.0, 3), (0.0, 1)])
def test_a_conversation_is_one_reply_or_many_and_ends_with_the_connection(keep_alive_s: float, replies: int) -> None:
    client, server = socket.socketpair()
    with client:
        client.sendall(2 * request_bytes("/") + request_bytes("/other"))
        client.shutdown(socket.SHUT_WR)
        converse(_Tcp(server), 0, keep_alive_s)
        received = b"".join(iter(lambda: client.recv(65_536), b""))
    reader = ReplyReader()
    found = [reader.feed(received), *(reader.feed(b"") for _ in range(2))]
    assert [each.body for each in found if each] == [PAGE.encode(), PAGE.encode(), b""][:replies]


def test_an_idle_connection_is_closed_after_its_time() -> None:
    client, server = socket.socketpair()
    with client:
        client.sendall(request_bytes("/"))
        converse(_Tcp(server), 0, 0.01)
        assert client.recv(65_536).endswith(PAGE.encode())
        assert client.recv(1) == b""


def test_a_request_that_cannot_be_read_is_answered_and_closed() -> None:
    client, server = socket.socketpair()
    with client:
        client.sendall(b"nonsense\r\n\r\n" + request_bytes("/"))
        converse(_Tcp(server), 0, 1.0)
        received = b"".join(iter(lambda: client.recv(65_536), b""))
    assert received.startswith(b"HTTP/1.1 400") and received.count(b"HTTP/1.1") == 1


class _Tcp(socket.socket):
    """A socket of a pair, which knows nothing of TCP."""

    def __init__(self, pair: socket.socket) -> None:
        super().__init__(pair.family, pair.type, pair.proto, fileno=pair.detach())

    def setsockopt(self, *_: object) -> None:
        pass
