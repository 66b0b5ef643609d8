"""The part of Redis's protocol that a cache needs: a request as an array of words, and the reply to it.

Source: Redis documentation, "Redis serialization protocol specification" (RESP 2).
"""

from __future__ import annotations

from socket import socket

END = b"\r\n"
MOST_AT_ONCE = 65_536
NO_VALUE = -1
Reply = bytes | int | None


class Resp:
    """One request after the other over a connected socket. Not thread-safe."""

    def __init__(self, connection: socket) -> None:
        self._connection = connection

    def ask(self, *words: bytes) -> Reply:
        """The reply to a request such as (b"GET", key): a value, None where there is none, a number, or a word such as b"OK".

        Raises `ConnectionError` where the server is gone, RuntimeError with what it says where it refuses the request.
        """
        parts = (b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
        self._connection.sendall(b"*%d\r\n%b" % (len(words), b"".join(parts)))
        reply = self._more(b"")
        while (ends := reply.find(END)) < 0:
            reply = self._more(reply)
        kind, told, begins = reply[:1], reply[1:ends], ends + len(END)
        if kind == b"-":
            raise RuntimeError(f"The server refuses {words[0].decode()}: {told.decode()}.")
        if kind == b":":
            return int(told)
        if kind == b"+":
            return told
        if kind != b"$":
            raise RuntimeError(f"The server's reply to {words[0].decode()} is not understood: {reply[:20]!r}.")
        length = int(told)
        if length == NO_VALUE:
            return None
        while len(reply) < begins + length + len(END):
            reply = self._more(reply)
        return reply[begins : begins + length]

    def _more(self, reply: bytes) -> bytes:
        data = self._connection.recv(MOST_AT_ONCE)
        if not data:
            raise ConnectionResetError("The server has closed the connection.")
        return reply + data
