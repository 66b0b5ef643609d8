"""The client of Redis's protocol: what it sends, and how it reads replies, in whatever pieces they come."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from real_servers import require

from perflab.systems.caches.resp import Reply, Resp
from perflab.systems.servers.real.redis import REDIS


class Scripted:
    """A socket that keeps what is sent, and brings these pieces; then the other side has closed it."""

    def __init__(self, *pieces: bytes) -> None:
        self.sent, self._pieces = b"", list(pieces)

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def recv(self, most: int) -> bytes:
        return self._pieces.pop(0)[:most] if self._pieces else b""


def asked(*pieces: bytes, words: tuple[bytes, ...] = (b"GET", b"7")) -> Reply:
    connection: Any = Scripted(*pieces)
    return Resp(connection).ask(*words)


def test_a_request_is_an_array_of_words_with_their_lengths() -> None:
    connection: Any = Scripted(b"+OK\r\n")
    assert Resp(connection).ask(b"SET", b"7", "größe\r\n".encode()) == b"OK"
    assert connection.sent == b"*3\r\n$3\r\nSET\r\n$1\r\n7\r\n$9\r\ngr\xc3\xb6\xc3\x9fe\r\n\r\n"


REPLIES = [
    (b"$5\r\nvalue\r\n", b"value"),
    (b"$0\r\n\r\n", b""),
    (b"$4\r\n\r\n\r\n\r\n", b"\r\n\r\n"),
    (b"$-1\r\n", None),
    (b":12\r\n", 12),
    (b":-3\r\n", -3),
    (b"+OK\r\n", b"OK"),
]


@pytest.mark.parametrize(("data", "reply"), REPLIES)
def test_a_reply_is_read_whole_or_byte_by_byte(data: bytes, reply: Reply) -> None:
    assert asked(data) == reply
    assert asked(*(bytes([each]) for each in data)) == reply


def test_a_long_value_comes_in_many_pieces() -> None:
    value = os.urandom(200_000)
    pieces = [b"$200000\r\n%b\r\n" % value][0]
    assert asked(*(pieces[at : at + 65_536] for at in range(0, len(pieces), 65_536))) == value


def test_what_the_server_refuses_is_said() -> None:
    with pytest.raises(RuntimeError, match="refuses GET: ERR wrong number of arguments"):
        asked(b"-ERR wrong number of arguments\r\n")
    with pytest.raises(RuntimeError, match="not understood: b'\\*1"):
        asked(b"*1\r\n:1\r\n")


@pytest.mark.parametrize("pieces", [(), (b"$5\r",), (b"$5\r\nval",)])
def test_a_server_that_is_gone_is_an_error_of_the_connection(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(ConnectionError, match="has closed the connection"):
        asked(*pieces)


@pytest.mark.process
def test_redis_answers_it() -> None:
    require(REDIS)
    with REDIS.start() as server, socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server.socket_path))
        redis, value = Resp(connection), os.urandom(100_000)
        assert redis.ask(b"GET", b"key") is None
        assert redis.ask(b"SET", b"key", value) == b"OK"
        assert redis.ask(b"GET", b"key") == value
        assert redis.ask(b"DEL", b"key", b"other") == 1
        with pytest.raises(RuntimeError, match="refuses GET"):
            redis.ask(b"GET")
        assert redis.ask(b"PING") == b"PONG", "it goes on after an error"
