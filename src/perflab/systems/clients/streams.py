"""Load on servers that take many requests on one connection: one thread, an open loop, and clients that do not wait for ever.

Between two slices client and servers stand still, so a run in slices is one run: the queue, the time-outs and the pauses before
retries go on where they were.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from perflab.measure.clock import SYSTEM_CLOCK
from perflab.measure.frame import Frame
from perflab.measure.guards import BadInput
from perflab.systems.clients.attempt_frames import AttemptFrames
from perflab.systems.clients.attempts import Attempts
from perflab.systems.clients.loading import REJECTED, SLICE_S
from perflab.systems.http.connection import CHUNK, TIMEOUT_S
from perflab.systems.http.multiplexed import cancel_line, request_line
from perflab.systems.process.pausable import PausableServer


@dataclass(frozen=True)
class Answer:
    """Attempt, status, and the reply's body."""

    attempt: int
    status: int
    body: bytes


class Streams:
    """A connection to each of these ports on 127.0.0.1; nothing here waits for one of them alone."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._rest, self._unsent = [b""] * len(ports), [b""] * len(ports)
        with ExitStack() as opened:
            self._sockets = [
                opened.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT_S)) for port in ports
            ]
            for each in self._sockets:
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                each.setblocking(False)
            self.close = opened.pop_all().close

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, server: int, lines: bytes) -> None:
        """Send these lines, as soon as the connection takes them."""
        lines = self._unsent[server] + lines
        try:
            self._unsent[server] = lines[self._sockets[server].send(lines) :]
        except BlockingIOError:
            self._unsent[server] = lines

    def receive(self, timeout_s: float) -> list[Answer]:
        """What has come; waits at most so long for the first. Raises ConnectionError when a server has hung up."""
        full = [each for each, lines in zip(self._sockets, self._unsent, strict=True) if lines]
        readable, writable, _ = select.select(self._sockets, full, [], max(0.0, timeout_s))
        for each in writable:
            self.send(self._sockets.index(each), b"")
        found: list[Answer] = []
        for each in readable:
            server = self._sockets.index(each)
            if not (data := each.recv(CHUNK)):
                raise ConnectionError("a server has closed the connection")
            *lines, self._rest[server] = (self._rest[server] + data).split(b"\n")
            for line in lines:
                number, status, body = line.split(b" ", 2)
                found.append(Answer(int(number), int(status), body))
        return found


def attempts_load(
    servers: Sequence[PausableServer],
    attempts: Attempts,
    schedule_ns: NDArray[np.int64],
    services_us: NDArray[np.int64],
    seconds: float,
    deadline_us: int = 0,
    slice_s: float = SLICE_S,
    again_us: NDArray[np.int64] | None = None,
    keys: NDArray[np.int64] | None = None,
) -> Iterator[Frame]:
    """Frames of `seconds` of load; `services_us` of the requests of the schedule, both of shape (n,). `again_us` are the services
    of their second attempts and later ones, where these differ; `keys` are what the requests read.

    What is in them, `AttemptFrames` says; and where the clock of each server stood ("paused_ns", "paused_server") when the slice
    ended ("paused_s"). A server that answers with an error, or whose rule has failed, raises `BadInput`.
    """
    with Streams([server.port for server in servers]) as streams:
        services = services_us.tolist(), (services_us if again_us is None else again_us).tolist()
        run = _Run(attempts, streams, schedule_ns, services, deadline_us, keys)
        ends = [*np.arange(slice_s, seconds - slice_s / 2, slice_s).tolist(), seconds]
        for end_s in ends:
            run.until(round(end_s * 1e9))
            held_ns, clocks = run.now(), np.array([server.now_ns for server in servers])
            for server in servers:
                server.pause()
            if run.fault:
                raise BadInput(run.fault)
            try:
                frame = run.frames.next(held_ns)
                read = {"paused_s": np.full(clocks.size, held_ns / 1e9), "paused_ns": clocks}
                yield replace(frame, samples={**frame.samples, **read, "paused_server": np.arange(clocks.size)})
            finally:
                for server in servers:
                    server.resume()
            run.start_ns += run.now() - held_ns


class _Run:
    """What drives the attempts: a clock, the sockets, and what has been told of them already."""

    def __init__(
        self,
        attempts: Attempts,
        streams: Streams,
        schedule_ns: NDArray[np.int64],
        services_us: tuple[list[int], list[int]],
        deadline_us: int,
        keys: NDArray[np.int64] | None,
    ) -> None:
        self._attempts, self._streams = attempts, streams
        self._keys = None if keys is None else keys.tolist()
        self.frames = AttemptFrames(attempts, schedule_ns, keys)
        self._services, self._deadline_us = services_us, deadline_us
        self.fault = ""
        self.start_ns = SYSTEM_CLOCK.now_ns()

    def now(self) -> int:
        """Time since the start, pauses left out."""
        return SYSTEM_CLOCK.now_ns() - self.start_ns

    def until(self, end_ns: int) -> None:
        """Do what is due, and take what comes, until then."""
        attempts, streams, now = self._attempts, self._streams, self.now
        while (moment := now()) < end_ns and not self.fault:
            attempts.advance(moment)
            if attempts.outbox:
                self._send_all()
            for answer in streams.receive((min(attempts.next_ns, end_ns) - now()) / 1e9):
                self._take(answer)

    def _send_all(self) -> None:
        lines: dict[int, list[bytes]] = {}
        for what, attempt in self._attempts.outbox:
            tried = self._attempts.all[attempt]
            service_us = self._services[tried.kind != "first"][tried.number]
            key = None if self._keys is None else self._keys[tried.number]
            line = request_line(attempt, service_us, self._deadline_us, key) if what == "send" else cancel_line(attempt)
            lines.setdefault(tried.server, []).append(line)
        self._attempts.outbox.clear()
        for server, for_it in lines.items():
            self._streams.send(server, b"".join(for_it))

    def _take(self, answer: Answer) -> None:
        is_ok = answer.status == 200
        if not is_ok and answer.status != REJECTED:
            self.fault = f"The server could not answer: {answer.body.decode(errors='replace')}"
        is_awaited = self._attempts.on_reply(answer.attempt, is_ok, self.now())
        if is_ok:
            self.frames.note(answer.attempt, is_awaited, tuple(map(int, answer.body.split())))
