"""One real HTTP request, cut into the parts that its time went to: the client's end and what the server told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter_ns, sleep

from perflab.measure.guards import check_number
from perflab.systems.http.connection import Connection, request_bytes
from perflab.systems.http.server_timing import PARTS as SERVER_PARTS
from perflab.systems.http.server_timing import ServerTiming, timing_of

MAX_CLIENTS = 64
LONG_S = 0.5
PARTS = ("connect", "send", *SERVER_PARTS, "receive")


@dataclass(frozen=True)
class Anatomy:
    """A request's time in ns. The values of `parts` follow one another and sum to `total_ns` to the nanosecond.

    "send" holds the way there, until the server has read the request; "receive" the way back, since its answer is ready. Both
    ends read the same clock.
    """

    total_ns: int
    parts: dict[str, int]
    server: ServerTiming
    body: bytes


class Dissector:
    """A client that opens a connection for each request, or keeps one. One thread.

    `added_round_trip_s`: what a relay (`perflab.systems.servers.distance`) adds to the first bytes of a connection in place of
    the handshake; it is counted as "connect".
    """

    def __init__(self, port: int, keep: bool = False, added_round_trip_s: float = 0.0) -> None:
        self._port = port
        self._keep = keep
        self._handshake_ns = round(added_round_trip_s * 1e9)
        self._connection: Connection | None = None

    def dissect(self, path: str) -> Anatomy:
        """GET `path`, which must be answered with 200 and a Server-Timing header; raises OSError or ValueError if not."""
        request = request_bytes(path)
        handshake_ns = 0 if self._connection else self._handshake_ns
        began_ns = perf_counter_ns()
        try:
            if self._connection is None:
                self._connection = Connection(self._port)
            connected_ns = perf_counter_ns()
            reply = self._connection.ask(request)
            complete_ns = perf_counter_ns()
            server = timing_of(reply.checked(path))
        except BaseException:
            self.close()  # a reply may still be on its way
            raise
        if not self._keep:
            self.close()
        return _cut((began_ns, connected_ns, complete_ns), handshake_ns, server, reply.body)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Crowd:
    """Several clients at the same time (a closed loop), for as long as the `with` block lasts."""

    def __init__(self, port: int, clients: int, added_round_trip_s: float = 0.0) -> None:
        checked = int(check_number("clients", clients, 1, MAX_CLIENTS, whole=True))
        self._clients = [Dissector(port, added_round_trip_s=added_round_trip_s) for _ in range(checked)]
        self._threads = ThreadPoolExecutor(checked, thread_name_prefix="perflab-crowd")
        self._is_long = False
        self.left_out: list[Anatomy] = []
        """Requests of the last `dissect` that it did not keep."""

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()
        for client in self._clients:
            client.close()

    def dissect(self, path: str, seconds: float) -> list[Anatomy]:
        """Requests of about so many seconds, at least one of each client. Raises what any of them raises.

        Of several clients the first request of each is `left_out`: all arrive at once. Where the requests before took longer than
        `LONG_S`, that would double the time; the clients begin one after another instead.
        """
        deadline_ns, several = perf_counter_ns() + int(seconds * 1e9), len(self._clients) > 1
        staggered = several and self._is_long

        self.left_out = []

        def ask_again_and_again(number: int) -> list[Anatomy]:
            client = self._clients[number]
            if staggered:
                sleep(LONG_S * number / len(self._clients))
            elif several:
                self.left_out.append(client.dissect(path))
            found = [client.dissect(path)]
            while perf_counter_ns() < deadline_ns:
                found.append(client.dissect(path))
            return found

        each = list(self._threads.map(ask_again_and_again, range(len(self._clients))))
        requests = [request for found in each for request in found]
        self._is_long = min(request.total_ns for request in requests) > LONG_S * 1e9
        return requests


def _cut(moments: tuple[int, int, int], handshake_ns: int, server: ServerTiming, body: bytes) -> Anatomy:
    """The parts between three moments of the client (began, connected, complete) and the two that the server told."""
    began, connected, complete = moments
    answered = server.arrived + server.total
    if not connected <= server.arrived <= answered <= complete:
        raise ValueError("the server's clock is not this one: is it on another machine?")
    handshake = min(handshake_ns, server.arrived - connected)
    parts = {
        "connect": connected - began + handshake,
        "send": server.arrived - connected - handshake,
        **{part: getattr(server, part) for part in SERVER_PARTS},
        "receive": complete - answered,
    }
    return Anatomy(complete - began, parts, server, body)
