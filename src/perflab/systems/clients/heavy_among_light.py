"""A load of many light requests and a heavy one among them, whole or in pieces: what makes the light ones wait."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from perflab.measure.clock import SYSTEM_CLOCK, Clock
from perflab.measure.frame import Frame
from perflab.measure.http_target import HttpTarget
from perflab.measure.load import LoadResult, Target, open_loop
from perflab.systems.http.connection import request_bytes
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.web.answers import COMPUTE
from perflab.systems.servers.web.web_server import APACHE, PREFORK, PROCESS_EACH, THREADS, WebServer

CYCLE_S, LEAD_S = 0.6, 0.06
"""A heavy request comes every so often, and so long after the first light one. Its pieces come evenly spaced, each as long after
the first light one of its part of the cycle as that part is shorter.
"""
TIMEOUT_S, DEATH_S = 8.0, 0.5
WORKERS = 24
CONNECTIONS = {PROCESS_EACH: WORKERS, PREFORK: WORKERS, APACHE: WORKERS, THREADS: 64}
MOST_CONNECTIONS = 240
"""Where connections cost little: more than light requests can be under way when one of 500 ms blocks all."""
LIGHT = request_bytes("/")
WARM_UP_MS = 20.0
"""Of the first request of all: what a language makes ready when it computes first."""


def schedule(per_s: float, phase: float, pieces: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When the requests of one cycle are due (ns), and which of them are the pieces of the heavy one: one, several or none.

    `phase` from 0 to 1 shifts the light ones by as much of their distance.
    """
    light_s = (np.arange(round(per_s * CYCLE_S)) + phase) / per_s
    heavy_s = (LEAD_S + CYCLE_S * np.arange(pieces)) / max(1, pieces)
    places = np.searchsorted(light_s, heavy_s)
    times_s = np.insert(light_s, places, heavy_s)
    return np.round(1e9 * times_s).astype(np.int64), places + np.arange(pieces)


def cycles(server: WebServer, heavy_ms: float, per_s: float, seed: int, pieces: int = 1) -> Iterator[Frame]:
    """A frame per cycle, as `frame_of` has it; each begins and ends with an idle server, and has another phase of the light ones.

    Each client keeps its connection, over which it has asked before the first cycle. Raises `ServerFailed` without an answer.
    """
    phases = np.random.default_rng(seed)
    heavy = request_bytes(f"{COMPUTE}?ms={heavy_ms / pieces:g}")
    special = {0: request_bytes(f"{COMPUTE}?ms={WARM_UP_MS:g}")}
    connections = CONNECTIONS.get(server.architecture, MOST_CONNECTIONS)
    with HttpTarget(server.port, lambda number: special.get(number, LIGHT), connections, spin=False) as target:
        one_cycle(target, np.zeros(connections, np.int64))
        while True:
            times_ns, numbers = schedule(per_s, phases.random(), pieces if heavy_ms else 0)
            special = dict.fromkeys(numbers.tolist(), heavy)
            frame = frame_of(one_cycle(target, times_ns), times_ns, numbers)
            if sum(frame.counts[name] for name in ("failures", "timeouts")):
                server.check(DEATH_S)
                if frame.counts["timeouts"]:
                    raise ServerFailed(f"The {server.architecture} server did not answer within {TIMEOUT_S:g} s.")
            yield frame


def one_cycle(target: Target, times_ns: NDArray[np.int64], clock: Clock = SYSTEM_CLOCK) -> LoadResult:
    """Send the requests of one cycle, and wait for all replies."""
    return open_loop(times_ns, target, timeout_s=TIMEOUT_S, clock=clock)


def frame_of(load: LoadResult, times_ns: NDArray[np.int64], heavy: NDArray[np.int64]) -> Frame:
    """Columns: of the light requests "latency_ns", and "since_ns", how long after the last heavy one or piece they were due;
    whether each has "waited": it was due while that was under way, and had its reply no earlier. "heavy_ns" of the heavy ones.
    """
    is_light = ~np.isin(load.numbers, heavy)
    due_ns, latency_ns = times_ns[load.numbers][is_light], load.response_ns[is_light]
    begun_ns = times_ns[heavy] if heavy.size else np.array([int(LEAD_S * 1e9)])
    heavy_ns = load.response_ns[~is_light]
    took_ns = np.full(begun_ns.size, -1)  # of one that failed
    took_ns[np.searchsorted(heavy, load.numbers[~is_light])] = heavy_ns
    last = np.maximum(0, np.searchsorted(begun_ns, due_ns, side="right") - 1)
    since_ns, ended_ns = due_ns - begun_ns[last], took_ns[last]
    waited = (since_ns >= 0) & (since_ns < ended_ns) & (since_ns + latency_ns >= ended_ns)
    samples = {"latency_ns": latency_ns, "since_ns": since_ns, "waited": waited, "heavy_ns": heavy_ns}
    counts = {
        "calls": int(is_light.sum()),
        "failures": load.failures,
        "not_sent": load.not_sent,
        "timeouts": load.timeouts,
    }
    return Frame({**samples, "lateness_ns": load.lateness_ns}, counts)
