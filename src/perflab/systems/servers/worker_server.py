"""A server with workers behind a bounded queue, and a pool of database connections behind the workers.

`GET /work?wait=2.5&compute=0.5&query=1.0` asks for so many milliseconds of waiting, of computing and of holding a database
connection; `copy`, `write` and `reply` for bytes of memory, disk and network. A request that finds all workers busy is rejected
with status 503 (load shedding) unless it may queue. The last line of the reply tells the request's `Stages`. While its clock is
paused (`PausableServer`), so are waiting and computing; the pause returns the `GAUGES`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from perflab.measure.guards import BadInput, check_number, machine_limits
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.machine.resources import MAX_COPIED, MAX_SENT, MAX_WRITTEN
from perflab.systems.process.pausable import PausableServer
from perflab.systems.servers.stage_kinds.admission import MAX_QUEUE, MayQueue
from perflab.systems.servers.staged_server import staged_server
from perflab.systems.servers.stages import Host, Next, NoSettings, SettableStage
from perflab.systems.servers.worker_kinds import KINDS, LOOP, PROCESSES, THREADS, WORKERS, Work

MAX_CONNECTIONS = 64
MAX_STAGE_MS = 1_000.0
GAUGE_S = 0.01
MAX_GAUGES = 2_000
GAUGES = ("noted_ns", "busy", "queued", "in_use")
"""Moments, and how many workers were busy, requests queued, and connections in use."""
MAX_BYTES = {"copy": MAX_COPIED, "write": MAX_WRITTEN, "reply": MAX_SENT}


def work_of(request: Request) -> Work:
    """The work that a request names; raises `BadInput` for what is not a number or too much."""
    stages = [_asked(request, name, MAX_STAGE_MS) for name in ("wait", "compute", "query")]
    sizes = [int(_asked(request, name, most)) for name, most in MAX_BYTES.items()]
    return Work(stages[0], stages[1], stages[2], sizes[0], sizes[1], sizes[2])


def _asked(request: Request, name: str, most: float) -> float:
    value: Any = request.query.get(name, "0")
    try:
        value = float(value)
    except ValueError:
        pass  # refused below
    return check_number(name, value, 0, most)


class Stages(NamedTuple):
    """When a request was in line, had a worker, began, had a connection, and was done: ns of the server's running."""

    arrived_ns: int
    started_ns: int
    begun_ns: int
    connected_ns: int
    done_ns: int

    def encode(self) -> bytes:
        """The reply's body."""
        return " ".join(map(str, self)).encode()


def stages_of(body: bytes) -> Stages:
    """The stages that a reply's body tells; raises ValueError or TypeError when it tells none."""
    return Stages(*map(int, body.rpartition(b"\r\n")[2].split()))


class Workers(SettableStage[NoSettings]):
    """`number` workers of a kind, with so many `connections`; a request waits for one of them."""

    def __init__(self, host: Host, settings: NoSettings, kind: str, number: int, connections: int) -> None:
        super().__init__(host, settings)
        self._number, self._connections = number, connections
        self._workers = WORKERS[kind](number, connections, host)
        self._inside = 0
        self._gauges: list[tuple[int, ...]] = []

    async def answer(self, settings: NoSettings, request: Request, following: Next) -> Reply:
        work = work_of(request)
        self._inside += 1
        arrived_ns = self.host.now_ns()
        try:
            times = await self._workers.do(work)
        finally:
            self._inside -= 1
        return Reply(bytes(work.reply_bytes) + b"\r\n" + Stages(arrived_ns, *times).encode())

    async def look_after_itself(self) -> None:
        """Note the `GAUGES` every 10 ms of running."""
        while True:
            await self.host.sleep_on_loop(GAUGE_S)
            busy = min(self._inside, self._number)
            in_use = self._connections - self._workers.connections.free
            self._gauges.append((self.host.now_ns(), busy, self._inside - busy, in_use))
            del self._gauges[:-MAX_GAUGES]

    def settle(self) -> dict[str, Any]:
        noted, self._gauges = self._gauges, []
        return {name: [row[place] for row in noted] for place, name in enumerate(GAUGES)}

    def close(self) -> None:
        self._workers.close()


def worker_server(
    workers: int,
    queue_length: int = MAX_QUEUE,
    connections: int = 1,
    kind: str = THREADS,
    may_queue: MayQueue | None = None,
) -> PausableServer:
    """The server in a process of its own, for as long as its block lasts. Up to `queue_length` requests wait for a worker, or
    as many as `may_queue` lets in.

    Raises `BadInput` for more workers, places or connections than are allowed.
    """
    limits = machine_limits()
    if kind not in KINDS:
        raise BadInput(f"kind must be one of {', '.join(KINDS)}; got {kind!r}.")
    most = {THREADS: limits.threads, PROCESSES: limits.processes, LOOP: limits.connections}[kind]
    check_number("workers", workers, 1, most, whole=True)
    check_number("queue_length", queue_length, 0, MAX_QUEUE, whole=True)
    check_number("connections", connections, 1, MAX_CONNECTIONS, whole=True)
    admitted = {"served_at_once": int(workers), "queue_length": int(queue_length), "may_queue": may_queue}
    made_of = {"kind": kind, "number": int(workers), "connections": int(connections)}
    return staged_server(("admission", admitted), ("workers", made_of), name="worker", tells=False)
