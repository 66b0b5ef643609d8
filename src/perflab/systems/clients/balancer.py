"""A load balancer in front of real servers: it sends each request to the server that a routing function names.

A server that refuses a connection is left out from then on; the requests it had are failures, and are not repeated.
"""

from __future__ import annotations

import operator
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from random import Random

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.measure.guards import BadInput, machine_limits
from perflab.measure.http_target import HttpTarget, OnReply
from perflab.systems.clients.loading import MAX_IN_FLIGHT, Notes, Settled, load_slices, wait_until_open
from perflab.systems.clients.routing import Route
from perflab.systems.clients.worker_load import note_stages, work_request
from perflab.systems.process.child import ServerFailed
from perflab.systems.process.pausable import PausableServer
from perflab.systems.servers.worker_kinds import Work
from perflab.systems.servers.worker_server import MAX_STAGE_MS, worker_server

RequestOf = Callable[[int, int], bytes]


class BalancedTarget(HttpTarget):
    """As `HttpTarget`, over several ports with so many connections each; `request` gets the number and the server.

    `servers` tells which server each request was sent to. `route` sees only the servers that are alive.
    """

    def __init__(
        self,
        ports: Sequence[int],
        request: RequestOf,
        connections_each: int,
        route: Route,
        seed: int = 0,
        on_reply: OnReply | None = None,
    ) -> None:
        self.servers: dict[int, int] = {}
        self.alive = list(range(len(ports)))
        self._ports, self._route, self._random = ports, route, Random(seed)
        self._idle: list[deque[socket.socket]] = [deque() for _ in ports]
        self._server_of: dict[socket.socket, int] = {}
        self._outstanding = [0] * len(ports)

        def request_of(number: int) -> bytes:
            return request(number, self.servers[number])

        super().__init__(ports[0], request_of, connections_each * len(ports), on_reply, spin=False)

    def _connect_all(self, connections: int) -> None:
        for server, port in enumerate(self._ports):
            for _ in range(connections // len(self._ports)):
                self._add(server, port)

    def _add(self, server: int, port: int) -> None:
        connection = self._connect(port)
        self._server_of[connection] = server
        self._idle[server].append(connection)

    def _take(self, number: int) -> socket.socket | None:
        if not self.alive:
            return None
        chosen = self._route([self._outstanding[server] for server in self.alive], number, self._random)
        server = self.alive[_checked(chosen, len(self.alive))]
        if not self._idle[server]:
            return None
        self.servers[number] = server
        self._outstanding[server] += 1
        return self._idle[server].popleft()

    def _give_back(self, connection: socket.socket) -> None:
        server = self._server_of[connection]
        self._outstanding[server] -= 1
        self._idle[server].append(connection)

    def _replace(self, connection: socket.socket) -> None:
        server = self._server_of.pop(connection)
        self._outstanding[server] -= 1
        del self._in_flight[connection]
        self._drop(connection)
        try:
            self._add(server, self._ports[server])
        except OSError:
            if server in self.alive:
                self.alive.remove(server)
            self._hang_up(self._idle[server])

    def _drop(self, connection: socket.socket) -> None:
        self._server_of.pop(connection, None)
        super()._drop(connection)


def _checked(chosen: object, servers: int) -> int:
    """The number of a server that a route returned: any whole number, numpy's too, but no truth value."""
    try:
        number = -1 if isinstance(chosen, bool) else operator.index(chosen)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if not 0 <= number < servers:
        raise BadInput(f"route must return a server's number from 0 to {servers - 1}; got {chosen!r}.")
    return number


def balanced_load(
    schedule_ns: NDArray[np.int64],
    services_ms: NDArray[np.float64],
    slowness: Sequence[float],
    route: Route,
    seconds: float,
    seed: int = 0,
    dies_at_s: float = np.inf,
) -> Iterator[Frame]:
    """Frames of `seconds` of load on new servers with one worker each, which waits `slowness` times a request's service.

    Schedule and services have shape (requests,). Server 0 is killed at the first slice that ends after `dies_at_s`.
    Columns as in `load_slices`, the server's `Stages`, and "server" of each that succeeded; the fact "alive" counts servers.
    """
    machine_limits().check(processes=len(slowness))
    notes = Notes(note_stages)

    def request(number: int, server: int) -> bytes:
        return work_request(Work(wait_ms=min(MAX_STAGE_MS, services_ms[number] * slowness[server])))

    with ExitStack() as stack:
        servers = _start(len(slowness), stack)
        each = MAX_IN_FLIGHT // len(servers)
        ports = [server.port for server in servers]
        target = stack.enter_context(BalancedTarget(ports, request, each, route, seed, notes.on_reply))
        for server in servers:
            wait_until_open(server.port)

        def tell(each: Callable[[PausableServer], object]) -> None:
            for number in list(target.alive):
                try:
                    each(servers[number])
                except ServerFailed:
                    pass  # the next request to it will find it dead

        def pause() -> Settled:
            # All clocks are read before the first server is paused: pausing takes some time.
            read = {"paused_server": list(target.alive), "paused_ns": [servers[each].now_ns for each in target.alive]}
            tell(PausableServer.pause)
            return read

        resume = partial(tell, PausableServer.resume)
        for frame in load_slices(target, notes, schedule_ns, seconds, pause, resume):
            by = np.array([target.servers[number] for number in frame.samples["number"].tolist()], np.int64)
            facts = {**frame.facts, "alive": len(target.alive)}
            if frame.facts["elapsed_s"] >= dies_at_s:  # type: ignore[operator]
                servers[0].kill()
            yield Frame({**frame.samples, "server": by}, frame.counts, facts)


def _start(number: int, stack: ExitStack) -> list[PausableServer]:
    """Servers started side by side: each takes a quarter of a second to begin."""
    with ThreadPoolExecutor(number) as starters:
        return list(starters.map(lambda _: stack.enter_context(worker_server(1)), range(number)))
