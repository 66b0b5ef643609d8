"""The client's end of a TCP connection on loopback, with as little of its own as possible."""

from __future__ import annotations

import socket

TIMEOUT_S = 5.0
CHUNK = 65_536


class Connection:
    """One keep-alive connection to 127.0.0.1. Nagle's algorithm is off, every wait ends after `TIMEOUT_S`."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, message: bytes) -> bytes:
        """Send `message` and wait for as many bytes in return."""
        self._socket.sendall(message)
        received = b""
        while len(received) < len(message):
            received += self._more()
        return received

    def get(self, path: str = "/") -> bytes:
        """The body of `GET path`; raises OSError for any status but 200."""
        self._socket.sendall(request_bytes(path))
        received = bytearray(self._more())
        while (end := reply_end(received)) is None or len(received) < end:
            received += self._more()
        head, _, body = bytes(received).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            status = head.splitlines()[0].decode("latin-1")
            raise OSError(f"{path}: {status} {body.decode('utf-8', 'replace')}")
        return body

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


def reply_end(received: bytes | bytearray) -> int | None:
    """Where a reply with a Content-Length ends in `received`, which may hold only a part of it; None while unknown."""
    head_end = received.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    for line in bytes(received[:head_end]).split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return head_end + 4 + int(value)
    return head_end + 4
