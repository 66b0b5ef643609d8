"""Check of the handler that learners write in notebook 11: on an event loop in virtual time first, then as a real server."""

from __future__ import annotations

import asyncio
import inspect
import selectors
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from reprlib import repr as in_short
from typing import Any

from perflab.chapters.judging import OPEN, RIGHT, attempt, is_function
from perflab.chapters.web_servers import heavy_request
from perflab.lab import Lab, choice
from perflab.measure import Frame, duration, number
from perflab.measure.guards import BadInput, is_number
from perflab.systems.clients.heavy_among_light import WORKERS, cycles
from perflab.systems.servers.web.handling import Handle
from perflab.systems.servers.web.web_server import LOOP, PREFORK, YOURS, handled_server, web_server, why_missing

HOW = "`handle` gets ms, compute and offload: `async def handle(ms, compute, offload)`."
PROCESSES, HAND_OVER_S, READ_S = 2, 0.0005, 0.0001
"""What computes elsewhere; what it takes to get there and back; and what the loop itself needs for a request."""
MAX_LOOKS = 100_000
"""How often a loop may look for work in one run."""
LIGHT_MS, MAX_LIGHT_S, MAX_HEAVY_S = 1.0, 0.02, 2.0
NEARLY, TWICE = 0.99, 1.5
LIGHT = [(each / 100, 0.0) for each in range(120)]
SMALL = [(0.005 + each / 50, LIGHT_MS) for each in range(60)]
CROWDS: Sequence[Sequence[tuple[float, float]]] = (
    [*LIGHT, (0.1, 200.0)],
    [*LIGHT, *SMALL, (0.1, 300.0), (0.15, 250.0)],
    [*LIGHT, *SMALL, (0.2, 30.0), (0.21, 30.0), (0.6, 90.0)],
    [*LIGHT, (0.1, 21.0), (0.299, 12.0), (0.299, 12.0)],
)
"""When requests are due (s), and for how long they compute (ms)."""


class _Hurrying(selectors.SelectSelector):
    """Where the loop would wait, its time goes on at once. What does not end is told once, and then cancelled."""

    now_s, looks, has_told = 0.0, 0, False

    def select(self, timeout: float | None = None) -> Any:
        self.looks += 1
        found = super().select(0.0)
        fault = "It waits for something that never comes." if not found and timeout is None else ""
        fault = "It goes round and round and does not end." if self.looks > MAX_LOOKS else fault
        if fault and not self.has_told:
            self.has_told, self.looks = True, 0
            raise BadInput(fault)
        if not found:
            self.now_s += max(0.0, timeout or 0.0)
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time. What is handed to threads takes its time beside the loop."""

    def __init__(self) -> None:
        self.clock = _Hurrying()
        self.beside_s: float | None = None
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now_s

    def pass_time(self, seconds: float) -> None:
        """Of computing: here, or in a thread."""
        if self.beside_s is None:
            self.clock.now_s += seconds
        else:
            self.beside_s += seconds

    def run_in_executor(self, _: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        self.beside_s = 0.0
        try:
            result, took_s = func(*args), self.beside_s
        finally:
            self.beside_s = None
        return self.create_task(_later(took_s, result))


async def _later(seconds: float, result: Any) -> Any:
    await asyncio.sleep(seconds)
    return result


@dataclass
class Request:
    """When it was due (s), for how long it should compute and how much of that was done (ms); how long its reply took (s)."""

    due_s: float
    ms: float
    done_ms: float = 0.0
    went_elsewhere: bool = False
    took_s: float = float("nan")


class Machine:
    """An event loop with two processes behind it, on which computing takes virtual time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop, self._free = loop, asyncio.Semaphore(PROCESSES)

    async def ask(self, request: Request, handle: Handle) -> None:
        """Have a request handled, and note what became of it."""
        await asyncio.sleep(request.due_s)
        self._loop.pass_time(READ_S)

        def compute(ms: float) -> None:
            request.done_ms += _checked("compute", ms)
            self._loop.pass_time(ms / 1e3)

        async def offload(ms: float) -> None:
            _checked("offload", ms)
            request.went_elsewhere = True
            async with self._free:
                await asyncio.sleep(HAND_OVER_S + ms / 1e3)
            request.done_ms += ms

        try:
            handled = handle(request.ms, compute, offload)
            if not inspect.isawaitable(handled):
                raise BadInput(f"It returned {in_short(handled)}, and nothing to wait for: is it an `async def`?")
            await handled
        except SystemExit as leaving:  # it would leave the loop with its tasks
            raise BadInput(f"It leaves Python (SystemExit: {leaving}).") from leaving
        request.took_s, done = self._loop.time() - request.due_s, request.done_ms
        if not NEARLY * request.ms <= done <= TWICE * request.ms + 1e-9:
            raise BadInput(
                f"It was asked for {number(request.ms)} ms of computing, and replied after {number(done)} ms."
            )


def _checked(what: str, ms: Any) -> float:
    if not is_number(ms) or not 0 <= ms < float("inf"):
        raise BadInput(f"It calls {what}({in_short(ms)}).")
    return float(ms)


def handled(handle: Handle, crowd: Sequence[tuple[float, float]]) -> list[Request]:
    """What becomes of these requests."""
    requests = [Request(*each) for each in crowd]

    async def all_of_them() -> None:
        machine = Machine(asyncio.get_running_loop())  # type: ignore[arg-type]
        await asyncio.gather(*(machine.ask(each, handle) for each in requests))

    def run() -> None:
        with warnings.catch_warnings(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
            warnings.simplefilter("ignore")  # of what was not awaited: it is said in a sentence
            runner.run(all_of_them())

    with ThreadPoolExecutor(1) as beside:  # where this is called, a notebook's loop runs already
        beside.submit(run).result()
    return requests


def fault(handle: Handle) -> str:
    """What is wrong with a handler, in one sentence; empty where nothing is."""
    for crowd in CROWDS:
        requests = handled(handle, crowd)
        heavy = [each for each in requests if each.ms > LIGHT_MS]
        slowest = max((each for each in requests if each.ms <= LIGHT_MS), key=lambda each: each.took_s)
        if slowest.took_s > MAX_LIGHT_S:
            beside = "Beside requests of " + " and ".join(f"{each.ms:g} ms" for each in heavy)
            what = f"a request that computes for {slowest.ms:g} ms" if slowest.ms else "a light request"
            both_busy = "both processes are busy. Does it have to go there?"
            why = both_busy if slowest.went_elsewhere else "what keeps the loop?"
            return f"{beside}, {what} takes {duration(1e9 * slowest.took_s)}: {why}"
        last = max(heavy, key=lambda each: each.took_s)
        if last.took_s > MAX_HEAVY_S:
            return f"A request of {last.ms:g} ms takes {duration(1e9 * last.took_s)}."
    return ""


def experiment(architecture: str, heavy: int, rate: int, pieces: int, seed: int, handle: Handle) -> Iterator[Frame]:
    with handled_server(handle) if architecture == YOURS else web_server(architecture, workers=WORKERS) as server:
        yield from cycles(server, heavy, rate, seed, pieces)


def check_handle(handle: Handle) -> Lab | None:
    """Make: a handler that keeps no other request waiting. Returns the lab with this handler."""
    if not is_function(handle, HOW):
        return None
    found = attempt(lambda: fault(handle), HOW)
    if found is None:
        return None
    if found:
        print(f"{OPEN}{found}")
        return None
    print(f"{RIGHT}: no light request waits for a heavy one. The lab runs your handler.")
    lab = heavy_request.lab()
    servers = (YOURS, LOOP, *(() if why_missing(PREFORK) else (PREFORK,)))
    return replace(
        lab,
        question="Who waits with your handler?",
        experiment=experiment,
        controls={**lab.controls, "architecture": choice(servers)},
        charts=(heavy_request.time_line(), heavy_request.all_rows(servers)),
        policy={"handle": handle},
        prediction=None,
    )
