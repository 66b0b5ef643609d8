"""The client's end of a TCP connection on loopback, with as little of its own as possible."""

from __future__ import annotations

import socket

from perflab.measure.http_reply import Reply, ReplyReader

TIMEOUT_S = 5.0
CHUNK = 65_536


class Connection:
    """One keep-alive connection to 127.0.0.1. Nagle's algorithm is off, every wait ends after `TIMEOUT_S`."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = ReplyReader()

    def exchange(self, message: bytes) -> bytes:
        """Send `message` and wait for as many bytes in return."""
        self._socket.sendall(message)
        received = b""
        while len(received) < len(message):
            received += self._more()
        return received

    def ask(self, request: bytes) -> Reply:
        """Send a whole request and wait for its reply, whatever its status."""
        self._socket.sendall(request)
        while (reply := self._replies.feed(self._more())) is None:
            pass
        return reply

    def get(self, path: str = "/") -> bytes:
        """The body of `GET path`; raises OSError for any status but 200."""
        return self.ask(request_bytes(path)).checked(path).body

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _more(self) -> bytes:
        data = self._socket.recv(CHUNK)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data


def request_bytes(path: str) -> bytes:
    """A GET request on a keep-alive connection."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("latin-1")
