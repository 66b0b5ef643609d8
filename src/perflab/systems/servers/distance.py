"""A relay that makes a server far away: each segment is held back for the time of the way, and sent only when TCP would.

Each direction of a connection has a line of its own and a congestion window (`slow_start`).

Setting up a connection costs one more round trip. The system accepts the client's connection before the relay is asked, so the
relay holds the client's first bytes for that round trip instead; a client has to count it as part of connecting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from perflab.measure.guards import check_number
from perflab.systems.process.child import ChildServer, keep_serving, run_server, serve
from perflab.systems.process.loops import precise_loop
from perflab.systems.servers.slow_start import SEGMENT, Line, Sender

MAX_ROUND_TRIP_S = 1.0
MAX_CONNECTIONS = 200
"""With two sockets each, this stays below the 1,024 files that `select` can watch."""
LINE_BITS_PER_S = 100e6
WINDOW_BYTES = 4_000_000
"""The receiver's window: about as far as today's systems let it grow. Without that (window scaling) it is 65,535 bytes."""


class Relay:
    """Where it leads to, how long a byte takes from one side to the other (s), and the connections of clients."""

    def __init__(self, port: int, round_trip_s: float, bits_per_s: float, window_bytes: float) -> None:
        self.port = port
        self.line = Line(bits_per_s, window_bytes)
        self.open_ends: set[ClientEnd] = set()
        self.set_round_trip(round_trip_s)

    def set_round_trip(self, round_trip_s: float) -> None:
        """Half of it is taken each way. What is already on its way keeps its time of arrival."""
        self.one_way_s = check_number("round_trip_s", round_trip_s, 0, MAX_ROUND_TRIP_S) / 2


class Lane:
    """One direction of one connection: what goes in comes out later, in the same order."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._sender = Sender(relay.line)
        self._loop = asyncio.get_running_loop()
        self._held: deque[tuple[float, bytes | None]] = deque()
        self._exit: asyncio.WriteTransport | None = None
        self.ended = False
        self.on_end: Callable[[], None] = lambda: None

    def lead_to(self, transport: asyncio.WriteTransport) -> None:
        """Where it comes out. What came in before is let out when it is due."""
        self._exit = transport
        self._let_out()

    def enter(self, data: bytes | None, extra_s: float = 0.0) -> None:
        """Data, or None for the end of the stream."""
        ready_s, waiting = self._loop.time() + extra_s, bool(self._held)
        for segment in [data] if data is None else _segments(data):
            due = self._sender.leaves(len(segment or b""), ready_s, 2 * self._relay.one_way_s) + self._relay.one_way_s
            # Whatever becomes of the distance, nothing overtakes.
            self._held.append((max(due, self._held[-1][0]) if self._held else due, segment))
        if not waiting:
            self._let_out()

    def end(self) -> None:
        """Nothing comes out any more, and what is on its way is lost."""
        self._held.clear()
        self.ended = True
        self.on_end()

    def _let_out(self) -> None:
        if self._exit is None:
            return
        while self._held and self._held[0][0] <= self._loop.time():
            data = self._held.popleft()[1]
            if self._exit.is_closing():
                continue
            if data is not None:
                self._exit.write(data)
                continue
            self._exit.write_eof()
            self.end()
        if self._held:
            self._loop.call_at(self._held[0][0], self._let_out)


class End(asyncio.Protocol):
    """One end of a connection: what it receives enters the lane `away`; the lane `towards` comes out at it."""

    def __init__(self, away: Lane, towards: Lane, first_extra_s: float = 0.0) -> None:
        self._away, self._towards = away, towards
        self._extra_s = first_extra_s

    def data_received(self, data: bytes) -> None:
        self._away.enter(data, self._extra_s)
        self._extra_s = 0.0

    def eof_received(self) -> bool:
        self._away.enter(None)
        return True  # the other direction may still have something to bring

    def connection_lost(self, error: Exception | None) -> None:
        self._towards.end()
        if not self._away.ended:
            self._away.enter(None)


class ClientEnd(End):
    """The end at which a client arrives; it opens the other one, and closes both when both lanes have ended."""

    def __init__(self, relay: Relay) -> None:
        super().__init__(Lane(relay), Lane(relay), first_extra_s=2 * relay.one_way_s)
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._relay.open_ends) >= MAX_CONNECTIONS:
            transport.abort()
            return
        self._relay.open_ends.add(self)
        self._opening = asyncio.get_running_loop().create_task(self._open())

    def connection_lost(self, error: Exception | None) -> None:
        self._relay.open_ends.discard(self)
        super().connection_lost(error)

    async def _open(self) -> None:
        loop, away, towards = asyncio.get_running_loop(), self._away, self._towards
        try:
            server, _ = await loop.create_connection(lambda: End(towards, away), "127.0.0.1", self._relay.port)
        except OSError:
            self._transport.abort()  # the client sees what it would see of a server that is gone
            return

        def close_both() -> None:
            if away.ended and towards.ended:
                server.close()
                self._transport.close()

        away.on_end = towards.on_end = close_both
        close_both()
        towards.lead_to(self._transport)
        away.lead_to(server)


def distance(
    port: int,
    round_trip_s: float = 0.0,
    bits_per_s: float = LINE_BITS_PER_S,
    window_bytes: float = WINDOW_BYTES,
) -> ChildServer:
    """A relay to `port` in a process of its own, for as long as its block lasts. `ask("set", round_trip_s=…)` moves it."""
    line = {"bits_per_s": bits_per_s, "window_bytes": window_bytes}
    return serve("perflab.systems.servers.distance", port=port, round_trip_s=round_trip_s, **line)


def place(round_trip_ms: float) -> str:
    """Where a server may be that is so far away, by what is commonly quoted: 1–5 ms, 10–50 ms, 100–300 ms."""
    names = {1: "this machine", 10: "same city", 100: "same country"}
    return next((name for below, name in names.items() if round_trip_ms < below), "overseas")


def _segments(data: bytes) -> list[bytes]:
    return [data[start : start + SEGMENT] for start in range(0, len(data), SEGMENT)]


async def _main(port: int, **way: float) -> None:
    relay, loop = Relay(port, **way), asyncio.get_running_loop()
    server = await loop.create_server(lambda: ClientEnd(relay), "127.0.0.1", 0, backlog=MAX_CONNECTIONS)
    await keep_serving(server, {"set": relay.set_round_trip})


if __name__ == "__main__":
    run_server(_main, precise_loop)
