"""Reading HTTP/1.1 replies with a Content-Length as their bytes arrive: what every client of ours does, and nothing more."""

from __future__ import annotations

from typing import NamedTuple

HEAD_END = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"


class Reply(NamedTuple):
    """A whole reply: `head` up to the empty line, `body` after it."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        """The status code; 0 for what is not HTTP/1.1."""
        protocol, _, rest = self.head.partition(b" ")
        return int(rest[:3]) if protocol == b"HTTP/1.1" and rest[:3].isdigit() else 0

    @property
    def is_ok(self) -> bool:
        """Whether the status is 200."""
        return self.head.startswith(b"HTTP/1.1 200 ")

    @property
    def headers(self) -> dict[str, str]:
        """Values of the headers by their names in lower case."""
        lines = (line.partition(":") for line in self.head.decode("latin-1").split("\r\n")[1:])
        return {name.lower(): value.strip() for name, _, value in lines}

    def checked(self, path: str) -> Reply:
        """The reply itself; raises OSError, with the path that was asked for, for any status but 200."""
        if self.is_ok:
            return self
        status = self.head.partition(b"\r\n")[0].decode("latin-1")
        raise OSError(f"{path}: {status} {self.body.decode('utf-8', 'replace')}")


class ReplyReader:
    """Replies of one connection, one after another."""

    __slots__ = ("_received",)

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Reply | None:
        """The reply that is complete with `data`; None while it is not. Raises ValueError for a length that is no number."""
        if self._received:
            self._received += data
            reply, end = _first_reply(self._received)
            del self._received[:end]
            return reply
        reply, end = _first_reply(data)
        if end < len(data):
            self._received += data[end:]
        return reply


def _first_reply(received: bytes | bytearray) -> tuple[Reply | None, int]:
    """The reply at the beginning and where it ends; None and 0 while that is not all of it."""
    head_end = received.find(HEAD_END)
    if head_end < 0:
        return None, 0
    head = bytes(received[:head_end])
    body = head_end + len(HEAD_END)
    place = head.lower().find(LENGTH)
    end = body if place < 0 else body + int(head[place + len(LENGTH) :].partition(b"\r\n")[0])
    return (Reply(head, bytes(received[body:end])), end) if len(received) >= end else (None, 0)
