"""Where does the time of one request go? A real HTTP request cut into eight parts, from the connection to the last byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.where_latency_comes_from import anatomy_model
from perflab.chapters.where_latency_comes_from.anatomy_model import CALLS, IN_A_ROW, SIDE_BY_SIDE, Parts, whole
from perflab.lab import Axis, Chart, Lab, Prediction, Record, choice, log_slider, nearest, one_run, values_slider
from perflab.lab.axes import percent_ticks
from perflab.lab.marks import Line
from perflab.lab.palette import INK, MEASURED, MODEL_OUTLINE, PINNED_OUTLINE, SEGMENTS
from perflab.lab.rows import Spans, in_turn, named_rows, strokes
from perflab.lab.verdict import percentile_of, table_of, verdict_of
from perflab.measure import Frame, count, duration, effective_cpus, percent
from perflab.systems.clients.anatomy import PARTS, Anatomy, Crowd
from perflab.systems.databases.catalogue import sku_of
from perflab.systems.process.child import ChildServer
from perflab.systems.servers.distance import distance
from perflab.systems.servers.shop import shop

PRODUCTS, PATH, SLICE_S = 200, f"/product?sku={sku_of(7)}", 0.15
PROBE_MS, PROBE_BYTES, PROBE_RTT_S = 4, 400_000, 0.002
AXIS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


def experiment(payload: int, round_trip: int, concurrency: int, work: int, calls: str) -> Iterator[Frame]:
    with way_to_shop(round_trip / 1000) as (server, port), Crowd(port, concurrency, round_trip / 1000) as crowd:
        server.ask("set", payload_bytes=payload, **working(work, calls == SIDE_BY_SIDE))
        while True:
            yield as_frame(crowd.dissect(PATH, SLICE_S))


@contextmanager
def way_to_shop(round_trip_s: float) -> Iterator[tuple[ChildServer, int]]:
    """The shop, and the port at which it seems to be that far away: its own without a distance."""
    with ExitStack() as stack:
        server = stack.enter_context(shop(PRODUCTS, anatomy_model.THREADS))
        port = stack.enter_context(distance(server.port, round_trip_s)).port if round_trip_s else server.port
        yield server, port


def working(milliseconds: int, side_by_side: bool = False) -> dict[str, Any]:
    return {"database_ms": milliseconds, "logic_ms": milliseconds, "calls": CALLS, "parallel": side_by_side}


def as_frame(requests: Sequence[Anatomy]) -> Frame:
    """Columns "latency_ns" and "<part>_ns"; "calls_ns" holds begin and duration of each request's database calls."""
    parts = {f"{part}_ns": np.array([request.parts[part] for request in requests], float) for part in PARTS}
    # The first call looks up the product, and takes next to nothing.
    calls = [[*[(np.nan, np.nan)] * CALLS, *request.server.calls][-CALLS:] for request in requests]
    wholes = np.array([request.total_ns for request in requests], float)
    return Frame({"latency_ns": wholes, **parts, "calls_ns": np.ravel(calls)}, {"calls": len(requests)})


def typical(frame: Frame) -> Parts:
    """Means over the middle half of the requests by their whole: means add up, and no interruption is in them."""
    return {part: float(frame.samples[f"{part}_ns"][middle(frame)].mean()) for part in PARTS}


def middle(frame: Frame) -> NDArray[np.intp]:
    order = np.argsort(frame.samples["latency_ns"])
    return order[order.size // 4 : max(order.size // 4 + 1, order.size - order.size // 4)]


def calibrate() -> Iterator[Frame]:
    """What the parts take here for a request without work, and what a millisecond of work, a byte and the relay add."""

    def parts(crowd: Crowd) -> Parts:
        return typical(as_frame(crowd.dissect(PATH, SLICE_S)))

    with way_to_shop(PROBE_RTT_S) as (server, port), Crowd(server.port, 1) as near, Crowd(port, 1, PROBE_RTT_S) as far:
        base, distant = parts(near), parts(far)
        server.ask("set", **working(PROBE_MS))
        worked = parts(near)
        server.ask("set", payload_bytes=PROBE_BYTES, **working(0))
        loaded = parts(near)
    facts = {**base, "cpus": effective_cpus()}
    facts |= {f"{part} per ms": (worked[part] - base[part]) / PROBE_MS for part in ("database", "compute")}
    facts |= {f"{part} per byte": max(0, loaded[part] - base[part]) / PROBE_BYTES for part in ("serialise", "receive")}
    for part, ways in anatomy_model.WAYS.items():
        facts[f"{part} relay"] = max(0.0, distant[part] - base[part] - ways * PROBE_RTT_S * 1e9)
    yield Frame(facts=facts)


def times_ms(parts: Parts) -> Any:
    return in_turn([parts[part] / 1e6 for part in PARTS])


def shares(parts: Parts) -> Any:
    return in_turn([parts[part] / whole(parts) for part in PARTS])


def database_calls(record: Record) -> Any:
    """A stroke (ms) for each call of the typical request, one below the other within the database part."""
    row, calls_ns = PARTS.index("database"), record.column("calls_ns").reshape(-1, CALLS, 2)
    begins, took = calls_ns[middle(record.frame)].mean(axis=0).T / 1e6
    begins = begins + times_ms(typical(record.frame))[0][row]
    return strokes(begins, begins + took, row + 0.13 * (np.arange(CALLS) - (CALLS - 1) / 2))


ROWS = range(len(PARTS))
STACK: dict[str, Any] = {"height": 0.7, "edgecolor": "white"}
NAMED = [{**style, "label": part} for style, part in zip(SEGMENTS, PARTS, strict=True)]

CHARTS = (
    Chart(
        "Time line of a typical request",
        Axis("ms since its beginning", 0, 1, ends=AXIS_MS, reach=lambda parts: 1.1 * whole(parts) / 1e6),
        named_rows(PARTS),
        Spans(ROWS, "measured", run=lambda run: times_ms(typical(run.frame)), color=MEASURED),
        Spans(ROWS, "model", model=times_ms, height=0.84, **MODEL_OUTLINE),
        Spans(ROWS, "pinned", pinned=lambda run: times_ms(typical(run.frame)), height=0.36, **PINNED_OUTLINE),
        Line("one call to the database", run=database_calls, color=INK, linewidth=2),
        width=1.3,
        columns=4,
    ),
    Chart(
        "Share of each part",
        Axis("share of the whole", 0, 1, ticks=percent_ticks),
        named_rows(("model", "measured", "pinned")),
        Spans([0] * len(PARTS), model=shares, each=NAMED, **STACK),
        Spans([1] * len(PARTS), run=lambda run: shares(typical(run.frame)), each=SEGMENTS, **STACK),
        Spans([2] * len(PARTS), pinned=lambda run: shares(typical(run.frame)), each=SEGMENTS, **STACK),
        columns=4,
    ),
)


def say(record: Record) -> str:
    """The whole, and its largest part."""
    parts = typical(record.frame)
    part = max(parts, key=lambda name: parts[name])
    return (
        f"A typical request takes {duration(whole(parts), 3)}; its largest part is {part}: "
        f"{duration(parts[part], 3)}, {percent(parts[part] / whole(parts))} ({count(record.calls)} requests)."
    )


def part_row(part: str) -> tuple[str, Callable[[Record], str]]:
    def cell(run: Record) -> str:
        parts = typical(run.frame)
        return f"{duration(parts[part])}, {percent(parts[part] / whole(parts))}"

    return part, cell


WHOLE = "whole request", lambda run: duration(whole(typical(run.frame)))
TABLE = table_of(*map(part_row, PARTS), WHOLE, heading="this run, share of the whole")


def choice_of(run: Record) -> str | None:
    return nearest(CHOICES, whole(typical(run.frame))) if run.calls else None


CHOICES = {"10 ms": 10e6, "30 ms": 30e6, "50 ms": 50e6, "100 ms": 100e6}

PREDICTION = Prediction(
    question="The server is a round trip of 20 ms away and works for 10 ms. A request on a new connection takes about …",
    choices={
        "10 ms": "That is the server's own view: it does not see the way.",
        "30 ms": "One round trip for the request and its answer; but the connection had to be made first, which is one more.",
        "50 ms": "One round trip to connect, one for the request and its answer, and the work.",
        "100 ms": "There are only two round trips in it; encryption, which we leave out, would add one or two.",
    },
    settle=one_run(choice_of, payload=10_000, round_trip=20, work=5, concurrency=1, calls=IN_A_ROW),
    hint="Measure with a payload of 10,000 bytes, 20 ms of round trip, 5 ms of work, one client, calls in a row.",
)


def lab() -> Lab:
    return Lab(
        question="Where does the time of one request go?",
        experiment=experiment,
        calibrate=calibrate,
        predict=anatomy_model.predict,
        controls={
            "payload": log_slider(1_000, 1_000_000, 10_000, unit="bytes"),
            "round_trip": values_slider((0, 1, 2, 5, 10, 20, 50, 100), 20, unit="ms", label="added round trip"),
            "concurrency": values_slider((1, 2, 4, 8, 16), 1, unit="clients"),
            "work": values_slider((1, 2, 5, 10), 5, unit="ms each", label="database, computing"),
            "calls": choice((IN_A_ROW, SIDE_BY_SIDE), label="database calls"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=percentile_of(what="The median")),
        table=TABLE,
    )
