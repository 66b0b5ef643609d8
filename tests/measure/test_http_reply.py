"""Replies read as their bytes arrive."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.measure.http_reply import Reply, ReplyReader

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-Kind:  test \r\n\r\n0123456789"


def test_a_reply_in_pieces_is_there_with_its_last_byte_and_not_before() -> None:
    reader = ReplyReader()
    for _ in range(2):
        found = [reader.feed(WHOLE[place : place + 1]) for place in range(len(WHOLE))]
        assert found[:-1] == [None] * (len(WHOLE) - 1)
        assert found[-1] is not None and found[-1].body == b"0123456789"


@given(st.lists(st.integers(0, 3 * len(WHOLE)), max_size=8), st.binary(max_size=20))
def test_however_the_bytes_are_cut_the_replies_are_the_same(cuts: list[int], body: bytes) -> None:
    stream = WHOLE + b"HTTP/1.1 404 Not Found\r\ncontent-length:%d\r\n\r\n%b" % (len(body), body) + WHOLE
    reader, places = ReplyReader(), [0, *sorted(cuts), len(stream)]
    found = [reader.feed(stream[a:b]) for a, b in pairwise(places)]
    while len(replies := [reply for reply in found if reply is not None]) < 3:
        found.append(reader.feed(b""))
    assert [(reply.status, reply.body) for reply in replies] == [
        (200, b"0123456789"),
        (404, body),
        (200, b"0123456789"),
    ]


def test_status_headers_and_body_are_told() -> None:
    reply = ReplyReader().feed(WHOLE)
    assert reply is not None and reply.is_ok and reply.status == 200
    assert reply.headers == {"content-length": "10", "x-kind": "test"}
    assert reply.checked("/a") is reply


def test_any_other_status_is_an_error_in_words() -> None:
    reply = Reply(b"HTTP/1.1 503 Service Unavailable\r\nA: b", "no place – left".encode())
    assert reply.status == 503 and not reply.is_ok
    with pytest.raises(OSError, match="/page: HTTP/1.1 503 Service Unavailable no place – left"):
        reply.checked("/page")


@pytest.mark.parametrize("head", [b"", b"nonsense", b"HTTP/1.1", b"HTTP/1.0 200 OK", b"HTTP/1.1 abc"])
def test_what_is_no_reply_has_no_status(head: bytes) -> None:
    assert Reply(head, b"").status == 0 and not Reply(head, b"").is_ok


def test_a_reply_without_a_length_ends_with_its_head_and_a_length_that_is_none_is_refused() -> None:
    reply = ReplyReader().feed(b"HTTP/1.1 200 OK\r\n\r\n")
    assert reply is not None and reply.body == b""
    with pytest.raises(ValueError):
        ReplyReader().feed(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n")


def test_a_large_reply_in_many_pieces_is_put_together() -> None:
    body = bytes(range(256)) * 4_000
    stream = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    reader = ReplyReader()
    found = [reader.feed(stream[place : place + 65_536]) for place in range(0, len(stream), 65_536)]
    assert found[:-1] == [None] * (len(found) - 1)
    assert found[-1] is not None and found[-1].body == body
