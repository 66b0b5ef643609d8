"""Where does the time of one request go? A real HTTP request cut into eight parts, from the connection to the last byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Lab, Prediction, Record, Verdict, choice, log_slider, values_slider
from perflab.lab.panels import Breakdown, Shares, TimeLine
from perflab.lab.verdict import against_pinned
from perflab.measure.compare import ratio
from perflab.measure.frame import Frame
from perflab.measure.machine import effective_cpus
from perflab.measure.units import count, duration, percent
from perflab.systems.clients.anatomy import PARTS, Anatomy, Crowd
from perflab.systems.databases.catalogue import sku_of
from perflab.systems.process.child import ChildServer
from perflab.systems.servers.distance import distance
from perflab.systems.servers.shop import shop
from perflab.theory.critical_path import parallel, serial
from perflab.theory.queues import closed

PRODUCTS = 200
THREADS = 2
CALLS = 4
SLICE_S = 0.15
PATH = f"/product?sku={sku_of(7)}"
IN_A_ROW, SIDE_BY_SIDE = "in a row", "side by side"
PROBE_MS, PROBE_BYTES, PROBE_ROUND_TRIP_S = 4, 400_000, 0.002


def experiment(payload: int, round_trip: int, concurrency: int, work: int, calls: str) -> Iterator[Frame]:
    with _way_to_shop(round_trip / 1000) as (server, port), Crowd(port, concurrency, round_trip / 1000) as crowd:
        server.ask("set", payload_bytes=payload, **_work(work, calls == SIDE_BY_SIDE))
        while True:
            yield as_frame(crowd.dissect(PATH, SLICE_S))


def calibrate() -> Iterator[Frame]:
    """What the parts take here for a request without work, and what a millisecond of work, a byte and the relay add."""
    with _way_to_shop(PROBE_ROUND_TRIP_S) as (server, far), Crowd(server.port, 1) as near_client:
        base = typical(as_frame(near_client.dissect(PATH, SLICE_S))).parts
        server.ask("set", **_work(PROBE_MS, False))
        worked = typical(as_frame(near_client.dissect(PATH, SLICE_S))).parts
        server.ask("set", payload_bytes=PROBE_BYTES, **_work(0, False))
        loaded = typical(as_frame(near_client.dissect(PATH, SLICE_S))).parts
        server.ask("set", payload_bytes=0)
        with Crowd(far, 1, PROBE_ROUND_TRIP_S) as far_client:
            distant = typical(as_frame(far_client.dissect(PATH, SLICE_S))).parts
    facts: dict[str, float] = dict(base)
    for part in ("database", "compute"):
        facts[f"{part} per ms"] = (worked[part] - base[part]) / PROBE_MS
    for part in ("serialise", "receive"):
        facts[f"{part} per byte"] = max(0.0, loaded[part] - base[part]) / PROBE_BYTES
    for part, ways in WAYS.items():
        facts[f"{part} relay"] = max(0.0, distant[part] - base[part] - ways * PROBE_ROUND_TRIP_S * 1e9)
    yield Frame(facts={**facts, "cpus": effective_cpus()})


WAYS = {"connect": 1.0, "send": 0.5, "receive": 0.5}
"""How many round trips each part holds: shaking hands is one, the request goes one way, the answer the other."""


@contextmanager
def _way_to_shop(round_trip_s: float) -> Iterator[tuple[ChildServer, int]]:
    """The shop, and the port at which it seems so far away; without a distance its own."""
    with ExitStack() as stack:
        server = stack.enter_context(shop(PRODUCTS, THREADS))
        port = stack.enter_context(distance(server.port, round_trip_s)).port if round_trip_s else server.port
        yield server, port


def _work(milliseconds: int, parallel_calls: bool) -> dict[str, Any]:
    return {"database_ms": milliseconds, "logic_ms": milliseconds, "calls": CALLS, "parallel": parallel_calls}


def as_frame(requests: Sequence[Anatomy]) -> Frame:
    """Columns "latency_ns" and "<part>_ns", shape (n,); "calls_ns" of each request the begin and duration of its calls."""
    samples: dict[str, NDArray[Any]] = {"latency_ns": np.array([request.total_ns for request in requests], float)}
    for part in PARTS:
        samples[f"{part}_ns"] = np.array([request.parts[part] for request in requests], float)
    spans = np.full((len(requests), CALLS, 2), np.nan)
    for place, request in zip(spans, requests, strict=True):
        calls = request.server.calls[-CALLS:]  # the first one looks for the product, and takes next to nothing
        place[: len(calls)] = calls
    return Frame({**samples, "calls_ns": spans.ravel()}, {"calls": len(requests)})


def typical(frame: Frame) -> Breakdown:
    """Means over the middle half of the requests by their whole: means add up, and no interruption is in them."""
    order = np.argsort(frame.samples["latency_ns"])
    middle = order[order.size // 4 : max(order.size // 4 + 1, order.size - order.size // 4)]
    parts = {part: float(np.asarray(frame.samples[f"{part}_ns"], float)[middle].mean()) for part in PARTS}
    calls = np.asarray(frame.samples["calls_ns"], float).reshape(-1, CALLS, 2)[middle].mean(axis=0)
    return Breakdown(parts, [(float(begin), float(took)) for begin, took in calls])


def measured(record: Record) -> Breakdown:
    """The typical request of a run."""
    return typical(record.frame)


def predict(
    payload: int, round_trip: int, concurrency: int, work: int, calls: str, constants: Mapping[str, Any]
) -> Breakdown:
    """Parts add up; calls side by side take as long as the longest, or as the CPUs need for all of them.

    `concurrency` clients that ask again at once form a closed system: its threads are one station that is as fast as all of
    them, with the rest of the time in a thread as a delay (Seidmann, Schweitzer and Shalev-Oren 1987), by mean value analysis.
    """
    parts = {part: constants[part] for part in PARTS}
    if round_trip:
        for part, ways in WAYS.items():
            parts[part] += ways * round_trip * 1e6 + constants[f"{part} relay"]
    for part in ("serialise", "receive"):
        parts[part] += payload * constants[f"{part} per byte"]
    running = min(concurrency, THREADS)
    cpus_each = constants["cpus"] / running
    spans = [work * constants["database per ms"] / CALLS / min(1.0, cpus_each)] * CALLS
    side_by_side = calls == SIDE_BY_SIDE
    took = parallel(spans, max(1.0, cpus_each)) if side_by_side else serial(spans)
    begins = [0.0] * CALLS if side_by_side else [number * took / CALLS for number in range(CALLS)]
    drawn = took if side_by_side else took / CALLS
    parts["database"] += took
    parts["compute"] += work * constants["compute per ms"] / min(1.0, cpus_each)
    in_thread = sum(parts[part] for part in ("database", "compute", "serialise"))
    station = in_thread / THREADS
    _, response = closed(concurrency, [station], think=sum(parts.values()) - station)
    parts["queue"] += response - station
    return Breakdown(parts, [(begin, drawn) for begin in begins])


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """The whole, and its largest part."""
    if not record.calls:
        return Verdict("Nothing was measured.", "invalid")
    request = measured(record)
    part = max(PARTS, key=lambda name: request.parts[name])
    said = (
        f"A typical request takes {duration(request.total, 3)}; its largest part is {part}: "
        f"{duration(request.parts[part], 3)}, {percent(request.parts[part] / request.total)} ({count(record.calls)} requests)"
    )
    if pinned is None or pinned is record:
        return Verdict(f"{said}.")
    compared = ratio(record.column("latency_ns"), pinned.column("latency_ns"))
    return Verdict(f"{said}. Median {against_pinned(compared)}.", compared.verdict)


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Part, time, share, and time in the pinned run."""
    runs = [measured(run) for run in (record, pinned) if run is not None and run.calls]
    if not runs:
        return []
    rows: list[tuple[str, ...]] = [("part", "this run", "share", "pinned run")[: len(runs) + 2]]
    for part in PARTS:
        times = [duration(request.parts[part]) for request in runs]
        rows.append((part, times[0], percent(runs[0].parts[part] / runs[0].total), *times[1:]))
    return [*rows, ("whole request", duration(runs[0].total), "100%", *(duration(run.total) for run in runs[1:]))]


def what_a_far_server_takes(records: Sequence[Record]) -> str | None:
    """The whole of a request over 20 ms with 10 ms of work, as a choice."""
    for record in reversed(records):
        asked = {"round_trip": 20, "work": 5, "concurrency": 1, "calls": IN_A_ROW}
        if record.calls and all(record.parameters[name] == value for name, value in asked.items()):
            return min(CHOICES, key=lambda text: abs(CHOICES[text] - measured(record).total))
    return None


CHOICES = {"10 ms": 10e6, "30 ms": 30e6, "50 ms": 50e6, "100 ms": 100e6}

PREDICTION = Prediction(
    question="The server is a round trip of 20 ms away and works for 10 ms. A request on a new connection takes about …",
    choices={
        "10 ms": "That is the server's own view: it does not see the way.",
        "30 ms": "One round trip for the request and its answer; but the connection had to be made first, which is one more.",
        "50 ms": "One round trip to connect, one for the request and its answer, and the work.",
        "100 ms": "There are only two round trips in it; encryption, which we leave out, would add one or two.",
    },
    settle=what_a_far_server_takes,
    hint="Measure with 20 ms of round trip, 5 ms of work, one client, calls in a row.",
)


def lab() -> Lab:
    return Lab(
        question="Where does the time of one request go?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "payload": log_slider(1_000, 1_000_000, 10_000, unit="bytes"),
            "round_trip": values_slider((0, 1, 2, 5, 10, 20, 50, 100), 20, unit="ms", label="round trip added"),
            "concurrency": values_slider((1, 2, 4, 8, 16), 1, unit="at once", label="clients"),
            "work": values_slider((1, 2, 5, 10), 5, unit="ms each", label="database, computing"),
            "calls": choice((IN_A_ROW, SIDE_BY_SIDE), label="database calls"),
        },
        charts=(TimeLine(PARTS, measured, CALLS, "database"), Shares(PARTS, measured)),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
    )
