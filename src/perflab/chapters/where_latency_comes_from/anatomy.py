"""Where does the time of one request go? A real HTTP request cut into eight parts, from the connection to the last byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from perflab.chapters.load_moments import moments_of_turns
from perflab.chapters.where_latency_comes_from import anatomy_model
from perflab.chapters.where_latency_comes_from.anatomy_model import CALLS, IN_A_ROW, SIDE_BY_SIDE, Parts, typical, whole
from perflab.lab import Axis, Chart, Lab, Record, choice, latencies_of, log_slider, nearest, values_slider
from perflab.lab.axes import percent_ticks
from perflab.lab.guesses import Guesses
from perflab.lab.marks import Line
from perflab.lab.palette import INK, MEASURED, MODEL_OUTLINE, PINNED_OUTLINE, SEGMENTS
from perflab.lab.prediction import Answer, Outcome, Prediction
from perflab.lab.rows import Spans, in_turn, named_rows, strokes
from perflab.lab.verdict import percentile_of, table_of, verdict_of
from perflab.measure import Frame, count, duration, duration_range, effective_cpus, percent, summarise
from perflab.systems.clients.anatomy import PARTS, Anatomy, Crowd
from perflab.systems.databases.catalogue import sku_of
from perflab.systems.process.pausable import PausableServer
from perflab.systems.servers.distance import distance, place
from perflab.systems.servers.shop import shop

PRODUCTS, PATH, SLICE_S = 200, f"/product?sku={sku_of(7)}", 0.15
ROUND_TRIPS_MS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 300)
AXIS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


def experiment(payload: int, round_trip: int, concurrency: int, calls: str) -> Iterator[Frame]:
    with way_to_shop(round_trip / 1000) as (server, port), Crowd(port, concurrency, round_trip / 1000) as crowd:
        server.ask("set", payload_bytes=payload, **working(anatomy_model.WORK_MS, calls == SIDE_BY_SIDE))
        while True:
            kept = crowd.dissect(PATH, SLICE_S)
            yield as_frame(kept, anatomy_model.turn_of([*crowd.left_out, *kept], server.now_ns))


@contextmanager
def way_to_shop(round_trip_s: float) -> Iterator[tuple[PausableServer, int]]:
    """The shop, and the port at which it seems to be that far away: its own without a distance."""
    with ExitStack() as stack:
        server = stack.enter_context(shop(PRODUCTS, anatomy_model.SHOP_THREADS))
        port = stack.enter_context(distance(server.port, round_trip_s)).port if round_trip_s else server.port
        yield server, port


def working(milliseconds: int, side_by_side: bool = False) -> dict[str, Any]:
    return {"database_ms": milliseconds, "logic_ms": milliseconds, "calls": CALLS, "parallel": side_by_side}


def as_frame(requests: Sequence[Anatomy], turn: Mapping[str, Any] | None = None) -> Frame:
    """Columns "latency_ns", "<part>_ns", `turn`; "calls_ns" holds begin and duration of each request's database calls."""
    parts = {f"{part}_ns": np.array([request.parts[part] for request in requests], float) for part in PARTS}
    # The first call looks up the product, and takes next to nothing.
    calls = [[*[(np.nan, np.nan)] * CALLS, *request.server.calls][-CALLS:] for request in requests]
    wholes = np.array([request.total_ns for request in requests], float)
    return Frame({"latency_ns": wholes, **parts, **(turn or {}), "calls_ns": np.ravel(calls)}, {"calls": len(requests)})


def calibrate() -> Iterator[Frame]:
    """What the parts take here for a request without work, and what a millisecond of work, a byte and the relay add."""

    def parts(crowd: Crowd) -> Parts:
        return typical(as_frame(crowd.dissect(PATH, SLICE_S)))

    with (
        way_to_shop(anatomy_model.PROBE_RTT_S) as (server, port),
        Crowd(server.port, 1) as near,
        Crowd(port, 1, anatomy_model.PROBE_RTT_S) as far,
    ):
        base, distant, size = parts(near), parts(far), len(near.dissect(PATH, 0)[0].body)
        server.ask("set", **working(anatomy_model.PROBE_MS))
        worked = parts(near)
        server.ask("set", payload_bytes=anatomy_model.PROBE_BYTES, **working(0))
        loaded = parts(near)
    costs = anatomy_model.costs(base, worked, loaded, distant, size)
    yield Frame(facts={**costs, "cpus": effective_cpus(), "bytes": size})


def times_ms(parts: Parts) -> Any:
    return in_turn([parts[part] / 1e6 for part in PARTS])


def shares(parts: Parts) -> Any:
    return in_turn([parts[part] / whole(parts) for part in PARTS])


def database_calls(record: Record) -> Any:
    """A stroke (ms) for each call of the typical request, one below the other within the database part."""
    row, calls_ns = PARTS.index("database"), record.column("calls_ns").reshape(-1, CALLS, 2)
    begins, took = calls_ns[anatomy_model.middle(record.frame)].mean(axis=0).T / 1e6
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
        Guesses(4, side="left", model=lambda _: {f"{ms} ms": (ms, len(PARTS) - 1) for ms in (10, 30, 50, 100)}),
        width=1.3,
        columns=4,
        empty="A typical request will appear here.",
    ),
    Chart(
        "Share of each part",
        Axis("share of the whole", 0, 1, ticks=percent_ticks),
        named_rows(("model", "measured", "pinned")),
        Spans([0] * len(PARTS), model=shares, each=NAMED, **STACK),
        Spans([1] * len(PARTS), run=lambda run: shares(typical(run.frame)), each=SEGMENTS, **STACK),
        Spans([2] * len(PARTS), pinned=lambda run: shares(typical(run.frame)), each=SEGMENTS, **STACK),
        columns=4,
        empty="The share of each part will appear here.",
    ),
)


def share_text(part: str, run: Record) -> str:
    parts = typical(run.frame)
    return f"{duration(parts[part])}, {percent(parts[part] / whole(parts))}"


def say(record: Record) -> str:
    """The whole, and its largest part."""
    parts = typical(record.frame)
    largest = max(parts, key=lambda part: parts[part])
    told = f"its largest part is {largest}: {share_text(largest, record)} ({count(record.calls)} requests)."
    return f"A typical request takes {duration(whole(parts), 3)}; {told}"


WHOLE = "whole request", lambda run: duration(whole(typical(run.frame)))
ROW_OF = {part: partial(share_text, part) for part in PARTS}
TABLE = table_of(*ROW_OF.items(), WHOLE, heading="this run, share of the whole")


def whole_of(run: Record) -> Outcome | None:
    """What the median request takes, once there are requests enough for its interval."""
    median = summarise(latencies_of(run), percentiles=(0.5,)).percentiles[0.5] if run.calls else None
    if median is None or not median.has_interval:
        return None
    return Outcome(
        nearest(POSSIBLE, median.value), f"{duration(median.value)} ({duration_range(median.low, median.high)})"
    )


POSSIBLE = {"50 ms": 50e6, "100 ms": 100e6}

PREDICTION = Prediction(
    question="The server is a round trip of 20 ms away and works for 10 ms. A request on a new connection takes about …",
    choices={
        "10 ms": Answer("That is what the server measures. It cannot be the whole: no request is faster than its way."),
        "30 ms": Answer("One round trip carries request and reply; opening the connection takes another."),
        "50 ms": Answer(
            "The round trips take 40 ms of it, and what is left is work, which took longer than usual in this run.",
            "One round trip opens the connection, one carries the request and its reply, and 10 ms are work.",
        ),
        "100 ms": Answer(
            "There are only two round trips in it; encryption, which this lab leaves out, would add one (TLS 1.3) or two (1.2).",
            "Only two round trips, 40 ms, are on the way: the work took many times its 10 ms, because this machine was busy.",
        ),
    },
    runs=({"round_trip": 20},),
    find=whole_of,
)


def lab() -> Lab:
    return Lab(
        question="Where does the time of one request go?",
        experiment=experiment,
        calibrate=calibrate,
        predict=anatomy_model.predict,
        controls={
            "payload": log_slider(1_000, 1_000_000, 10_000, unit="bytes"),
            "round_trip": values_slider(ROUND_TRIPS_MS, 20, unit="ms", label="round trip (RTT)", called=place),
            "concurrency": values_slider((1, 2, 4, 8, 16), 1, unit="clients", label="clients"),
            "calls": choice((IN_A_ROW, SIDE_BY_SIDE), label="database calls"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=percentile_of(what="The median")),
        table=TABLE,
        finding=anatomy_model.finding,
        scenario=anatomy_model.scenario,
        moments=moments_of_turns(anatomy_model.SHOP_THREADS),
    )
