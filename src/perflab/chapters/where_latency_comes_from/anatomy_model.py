"""What theory expects of the parts of one request: they add up, and what waits for the same thread or CPU waits in a queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters import load_moments
from perflab.lab import Record
from perflab.lab.verdict import ratio_in_turns
from perflab.measure import Frame, byte_size, count, duration
from perflab.measure.clock import SYSTEM_CLOCK, Clock
from perflab.measure.compare import EQUAL, TOO_CLOSE
from perflab.systems.clients.anatomy import PARTS, Anatomy
from perflab.systems.servers.distance import LINE_BITS_PER_S, WINDOW_BYTES
from perflab.theory.critical_path import parallel, serial
from perflab.theory.queues import closed
from perflab.theory.tcp import transfer_s

SHOP_THREADS, CALLS, WORK_MS = 2, 4, 5
IN_A_ROW, SIDE_BY_SIDE = "in a row", "side by side"
PROBE_MS, PROBE_BYTES, PROBE_RTT_S = 4, 400_000, 0.002
"""What a calibration asks for: milliseconds of database and of computing, a payload, a distance."""

Parts = Mapping[str, float]
"""Duration (ns) of each of `PARTS`: each begins where the one before ends, so they add up to the whole request."""


def typical(frame: Frame) -> Parts:
    """Means over the middle half of the requests by their whole: means add up, and no interruption is in them."""
    return {part: float(frame.samples[f"{part}_ns"][middle(frame)].mean()) for part in PARTS}


def turn_of(
    requests: Sequence[Anatomy], shops_ns: int, clock: Clock = SYSTEM_CLOCK
) -> Mapping[str, NDArray[np.float64]]:
    """When each request of a slice was where; the shop's clock shows `shops_ns` now, the client's is `clock`. A request is on its
    way until it has been read, then in line for a thread, on a thread, and on its way back.
    """
    rows, ahead_ns = list[tuple[int, ...]](), shops_ns - clock.now_ns()
    for request in requests:
        server, (line_ns, _), (had_ns, held_ns) = request.server, request.server.line, request.server.thread
        began_ns = server.arrived - request.parts["connect"] - request.parts["send"]
        on_thread = (line_ns - ahead_ns, had_ns - ahead_ns, had_ns + held_ns - ahead_ns)
        rows.append((began_ns, *on_thread, began_ns + request.total_ns))
    return load_moments.turn_of(np.array(rows, np.int64).reshape(-1, 5).T)


def middle(frame: Frame) -> NDArray[np.intp]:
    order = np.argsort(frame.samples["latency_ns"])
    return order[order.size // 4 : max(order.size // 4 + 1, order.size - order.size // 4)]


def ways_ns(round_trip_s: float, reply_bytes: float) -> Parts:
    """What a distance adds: a round trip to connect, one way for the request, and the reply in the bursts of slow start."""
    reply_s = transfer_s(reply_bytes, round_trip_s, LINE_BITS_PER_S, WINDOW_BYTES)
    return {"connect": 1e9 * round_trip_s, "send": 1e9 * round_trip_s / 2, "receive": 1e9 * reply_s}


def predict(payload: int, round_trip: int, concurrency: int, calls: str, constants: Mapping[str, Any]) -> Parts:
    """Parts add up; calls side by side take as long as the longest, or as the CPUs need for all of them.

    `concurrency` clients, each of which sends its next request immediately, form a closed system: its threads are one station
    as fast as all of them, the rest of the time in a thread is a delay (Seidmann, Schweitzer and Shalev-Oren 1987), and mean
    value analysis does the rest.
    """
    parts = {part: constants[part] for part in PARTS}
    parts["serialise"] += payload * constants["serialise per byte"]
    if round_trip:
        # Reading the reply goes on while the next burst is under way, and takes no time of its own.
        for part, way_ns in ways_ns(round_trip / 1e3, constants["bytes"] + payload).items():
            parts[part] += way_ns + constants[f"{part} relay"]
    else:
        parts["receive"] += payload * constants["receive per byte"]
    cpus_each = constants["cpus"] / min(concurrency, SHOP_THREADS)
    spans = [WORK_MS * constants["database per ms"] / CALLS / min(1.0, cpus_each)] * CALLS
    parts["database"] += parallel(spans, max(1.0, cpus_each)) if calls == SIDE_BY_SIDE else serial(spans)
    parts["compute"] += WORK_MS * constants["compute per ms"] / min(1.0, cpus_each)
    station = sum(parts[part] for part in ("database", "compute", "serialise")) / SHOP_THREADS
    parts["queue"] += closed(concurrency, [station], think=whole(parts) - station).response - station
    return parts


def costs(base: Parts, worked: Parts, loaded: Parts, distant: Parts, size: int) -> dict[str, float]:
    """The constants of `predict`, from typical requests: without work, and with work, payload or distance; replies of `size`."""
    found = dict(base)
    found |= {f"{part} per ms": (worked[part] - base[part]) / PROBE_MS for part in ("database", "compute")}
    found |= {f"{part} per byte": max(0, loaded[part] - base[part]) / PROBE_BYTES for part in ("serialise", "receive")}
    for part, way_ns in ways_ns(PROBE_RTT_S, size).items():
        found[f"{part} relay"] = max(0.0, distant[part] - base[part] - way_ns)
    return found


def whole(parts: Parts) -> float:
    """The time of the request, ns."""
    return sum(parts.values())


WAY = ("connect", "send", "receive")


def finding(record: Record, pinned: Record | None) -> str | None:
    """Where the time of a typical request goes; or which part the change between two runs is in."""
    runs = [run for run in (pinned, record) if run is not None]
    if not all(run.column("latency_ns").size and whole(typical(run.frame)) for run in runs):
        return None
    parts = typical(record.frame)
    ratio = None if pinned is None else ratio_in_turns(record, pinned)
    if (
        pinned is not None
        and ratio is not None
        and pinned.parameters != record.parameters
        and ratio.verdict != TOO_CLOSE
    ):
        return _change(typical(pinned.frame), parts, ratio.verdict == EQUAL)
    way = sum(parts[part] for part in WAY)
    work = duration(whole(parts) - way - parts["queue"])
    return (
        f"A typical request takes {duration(whole(parts))}: {duration(way)} to connect, send and receive, "
        f"{duration(parts['queue'])} in the queue, {work} in a thread."
    )


def _change(before: Parts, after: Parts, is_equal: bool) -> str:
    wholes = [duration(whole(parts)) for parts in (before, after)]
    if is_equal:
        return f"A typical request takes practically as long with both settings: {wholes[0]} and {wholes[1]}."
    most = max(PARTS, key=lambda part: abs(after[part] - before[part]))
    changed = [duration(parts[most]) for parts in (before, after)]
    return f"A typical request goes from {wholes[0]} to {wholes[1]}; {most} changes most, from {changed[0]} to {changed[1]}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    clients = f"{count(chosen['concurrency'])} clients send" if chosen["concurrency"] > 1 else "One client sends"
    return (
        f"{clients} requests on new connections, at a round trip of {chosen['round_trip']} ms. The shop makes {CALLS} database "
        f"calls {chosen['calls']}, computes {WORK_MS} ms, and replies with {byte_size(chosen['payload'])}."
    )
