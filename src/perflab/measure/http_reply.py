"""Reading HTTP/1.1 replies with a Content-Length as their bytes arrive: what every client of ours does, and nothing more."""

from __future__ import annotations

from typing import NamedTuple

HEAD_END = b"\r\n\r\n"
LENGTH = b"\r\nContent-Length:"


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

    __slots__ = ("_needed", "_received")

    def __init__(self) -> None:
        self._received = bytearray()
        self._needed = 0

    def feed(self, data: bytes) -> Reply | None:
        """The reply that is complete with `data`; None while it is not. Raises ValueError for a length that is no number."""
        # Most replies come in one piece. Of those that do not, only the head may be looked at more than once.
        if self._received:
            self._received += data
            if len(self._received) < self._needed:
                return None
            data = bytes(self._received)
            self._received.clear()
        head, found, body = data.partition(HEAD_END)
        if found:
            length = _length(head)
            if len(body) >= length:
                self._received += body[length:]
                self._needed = 0
                return Reply(head, body[:length])
            self._needed = len(head) + len(HEAD_END) + length
        self._received += data
        return None


def _length(head: bytes) -> int:
    """The body's length that a head tells; 0 where it tells none."""
    _, found, rest = head.partition(LENGTH)
    if not found:
        _, found, rest = head.lower().partition(LENGTH.lower())
    return int(rest.partition(b"\r\n")[0]) if found else 0
