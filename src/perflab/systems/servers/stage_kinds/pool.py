"""Connections to a database: kept in a pool, or opened for each request, with a handshake.

A handshake is real: a TCP connection, a challenge, and a proof that takes so many iterations of PBKDF2, as in SCRAM (RFC 5802),
with which PostgreSQL logs its clients in; its default is 4,096.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import socket
from dataclasses import dataclass

from perflab.measure.guards import BadInput, check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.fair_pool import FairTaskPool
from perflab.systems.servers.stages import Host, Next, SettableStage

MAX_POOL, MAX_ITERATIONS = 128, 100_000
SALT_BYTES, NONCE_BYTES, COUNT_BYTES, PROOF_BYTES, WELCOME = 16, 16, 4, 32, b"+"
CHALLENGE_BYTES = SALT_BYTES + NONCE_BYTES + COUNT_BYTES
TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Settings:
    """`pooled`: up to `connections` stay open, and a request waits for one. Else each request opens one of its own."""

    pooled: bool = False
    connections: int = 8
    iterations: int = 4_096

    def __post_init__(self) -> None:
        if not isinstance(self.pooled, bool):
            raise BadInput(f"pooled must be true or false; got {self.pooled!r}.")
        check_number("connections", self.connections, 1, MAX_POOL, whole=True)
        check_number("iterations", self.iterations, 1, MAX_ITERATIONS, whole=True)


class Kept:
    """So many places, each for one connection at a time; the connection used last is used next, as in most pools."""

    def __init__(self, number: int) -> None:
        self.number, self.places = number, FairTaskPool(range(number))
        self._idle: list[socket.socket] = []
        self._is_closed = False

    def idle(self) -> socket.socket | None:
        """An open connection, which is the caller's from now on; None when there is none."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def keep(self, connection: socket.socket) -> None:
        """For later; after the end of the pool the connection ends too."""
        self._idle.append(connection)
        if self._is_closed:
            self.close()

    def close(self) -> None:
        """End what is idle, and, once that is given back, what is in use."""
        self._is_closed = True
        while connection := self.idle():
            connection.close()


class Pool(SettableStage[Settings]):
    """A request holds its connection for as long as it is behind this stage."""

    settings_type = Settings

    def __init__(self, host: Host, settings: Settings) -> None:
        super().__init__(host, settings)
        self._salt = os.urandom(SALT_BYTES)
        self._login = self._login_of(settings)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1_024)
        self._kept = Kept(settings.connections)

    def change(self, settings: Settings) -> None:
        if settings.iterations != self._login[0]:
            self._login = self._login_of(settings)
        if settings.connections != self._kept.number:
            before, self._kept = self._kept, Kept(settings.connections)
            before.close()

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        if not settings.pooled:
            with await self._open():
                return await following(request)
        kept = self._kept
        place, _ = await kept.places.get()
        try:
            connection = kept.idle() or await self._open()
            try:
                return await following(request)
            finally:
                kept.keep(connection)
        finally:
            kept.places.put(place)

    async def _open(self) -> socket.socket:
        """A connection on which the client has proved that it knows the password."""
        address, client = self._listener.getsockname(), socket.socket()
        try:
            if self.host.is_on_thread:
                client.settimeout(TIMEOUT_S)
                client.connect(address)
                client.sendall(_proof(client.recv(CHALLENGE_BYTES)))
                welcome = client.recv(1)
            else:
                client.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(client, address)
                await loop.sock_sendall(client, _proof(await loop.sock_recv(client, CHALLENGE_BYTES)))
                welcome = await loop.sock_recv(client, 1)
            if welcome != WELCOME:
                raise ConnectionError("the database closed the connection")
        except BaseException:
            client.close()
            raise
        return client

    def _login_of(self, settings: Settings) -> tuple[int, bytes]:
        """What the database keeps of a user: how many iterations, and what proves the password."""
        iterations = int(settings.iterations)
        return iterations, _salted(self._salt, iterations)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The database's side of a handshake; it has kept what proves the password, so it computes no iterations."""
        (iterations, stored), nonce = self._login, os.urandom(NONCE_BYTES)
        writer.write(self._salt + nonce + iterations.to_bytes(COUNT_BYTES))
        try:
            if await reader.readexactly(PROOF_BYTES) == hmac.digest(stored, nonce, "sha256"):
                writer.write(WELCOME)
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writer.close()

    async def look_after_itself(self) -> None:
        async with await asyncio.start_server(self._greet, sock=self._listener) as server:
            await server.serve_forever()

    def close(self) -> None:
        self._kept.close()


def _salted(salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", b"password", salt, iterations)


def _proof(challenge: bytes) -> bytes:
    """The client's side."""
    salt, nonce = challenge[:SALT_BYTES], challenge[SALT_BYTES:-COUNT_BYTES]
    return hmac.digest(_salted(salt, int.from_bytes(challenge[-COUNT_BYTES:])), nonce, "sha256")
