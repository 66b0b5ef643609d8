"""Clients that each keep one connection open and ask again as soon as they are answered: a closed loop without think time.

All connect first, and all ask. A server with fewer processes than there are open connections does not get to some of them, so
which clients have ever had an answer is part of the result.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.measure.clock import SYSTEM_CLOCK
from perflab.measure.http_target import HttpTarget


@dataclass(frozen=True)
class Answers:
    """The answers in a window of so many `seconds`: number of the `client` and `response_ns` of each, of shape (n,), in the order
    in which they came; and how many requests failed.
    """

    client: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    failures: int
    seconds: float

    @property
    def per_s(self) -> float:
        """Throughput. Answers may come in bursts, so the window should be a whole number of response times."""
        return self.client.size / self.seconds


class ClosedClients(HttpTarget):
    """So many clients of the server on this port of 127.0.0.1; the number of a request is that of its client.

    `answered` are the clients that have ever had an answer. Where a system's queue for new connections is full, some clients have
    no connection, and so no answer either.
    """

    connect_s = 0.5

    def __init__(self, port: int, request: bytes, clients: int) -> None:
        self.answered: set[int] = set()
        self._answers = 0
        self._clients: list[socket.socket | None] = [None] * clients
        self._sent_ns = [0] * clients
        self._idle = list(range(clients))
        super().__init__(port, request, clients, spin=False)

    @property
    def number(self) -> int:
        """How many clients there are."""
        return len(self._clients)

    @property
    def connected(self) -> int:
        """How many clients have a connection."""
        return sum(each is not None for each in self._clients)

    def window(self, settle_s: float, seconds: float, spread_s: float) -> Answers:
        """The answers within so many `seconds`, after a time to settle.

        What has come since the last window is left out. The clients that were answered begin again, spread evenly over
        `spread_s`: if all asked at one moment, they would wait in line for one another. Raises ConnectionError where no client
        has a connection any more.
        """
        while ended := self.poll(0):
            self._idle += [client for client, _ in ended]
            self.answered.update(client for client, succeeded in ended if succeeded)
        begun_ns, idle, self._idle = SYSTEM_CLOCK.now_ns(), self._idle, []
        for place, client in enumerate(idle):
            self._ask_until(begun_ns + round(1e9 * spread_s * place / len(idle)))
            self._ask(client)
        if not self._in_flight:
            raise ConnectionError("the server has closed all connections")
        settled_ns = begun_ns + round(1e9 * max(settle_s, spread_s))
        self._ask_until(settled_ns)
        found, failures = self._ask_until(settled_ns + round(1e9 * seconds))
        columns = np.array(found, np.int64).reshape(-1, 2)
        return Answers(columns[:, 0], columns[:, 1], failures, seconds)

    def count_answers(self, seconds: float, spread_s: float) -> int:
        """How many answers come in so many seconds, of which the first `spread_s` are for beginning."""
        before = self._answers
        self.window(0, max(0.0, seconds - spread_s), spread_s)
        return self._answers - before

    def _ask_until(self, until_ns: int) -> tuple[list[tuple[int, int]], int]:
        """Clients that are answered ask again, until then; pairs of client and response time (ns), and how many failed."""
        found: list[tuple[int, int]] = []
        failures = 0
        while (left_ns := until_ns - SYSTEM_CLOCK.now_ns()) > 0:
            for client, succeeded in self.poll(left_ns / 1e9):
                if succeeded:
                    self.answered.add(client)
                    self._answers += 1
                    found.append((client, self.seen_ns - self._sent_ns[client]))
                else:
                    failures += 1
                self._ask(client)
        return found, failures

    def _ask(self, client: int) -> None:
        if self.send(client):
            self._sent_ns[client] = self.sent_ns

    # One connection for each client, as `HttpTarget` wants it.

    def _connect_all(self, connections: int) -> None:
        try:
            for client in range(connections):
                self._clients[client] = self._connect(self._port)
        except TimeoutError:
            pass  # nor would the next one get a connection

    def _take(self, number: int) -> socket.socket | None:
        return self._clients[number]

    def _give_back(self, connection: socket.socket) -> None:
        pass

    def _replace(self, connection: socket.socket) -> None:
        client = self._in_flight.pop(connection)
        self._drop(connection)
        try:
            self._clients[client] = self._connect(self._port)
        except OSError:
            self._clients[client] = None
