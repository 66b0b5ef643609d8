"""What does async buy? Calls in a row or gathered, and a thousand clients on threads or on one event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.raising_throughput.async_calls_model import (
    DATABASE,
    HTTP,
    KINDS,
    NUMBERS,
    calibrate,
    calls_text,
    clients_said,
    finding,
    medians,
    path_of,
    predict,
    rounds,
    scenario,
    server,
    sizes,
)
from perflab.lab import Axis, Chart, Lab, Prediction, Record, Verdict, choice, intervals, log_slider, slider
from perflab.lab.axes import byte_ticks, count_ticks, duration_ticks
from perflab.lab.marks import Here, Line, Mark, before
from perflab.lab.palette import CLOCK, MEASURED, MODEL, PINNED_POINTS
from perflab.lab.prediction import Answer, Outcome
from perflab.lab.settle import nearest
from perflab.lab.verdict import INVALID, against_pinned, estimate_text, ratio_in_turns, ratio_text, table_of
from perflab.measure import Estimate, Frame, byte_size, duration, paired_ratio, summarise
from perflab.systems.clients.calls import IN_A_ROW, ON_A_LOOP, WAYS, callers
from perflab.systems.clients.crowd import crowd
from perflab.systems.servers.worker_kinds import LOOP, THREADS

MAX_CALLS, MAX_CLIENTS, MAX_WAIT_MS = 10, 1_000, 30
MIN_PAIRS = 6  # fewer have no interval


def experiment(what: str, calls: int, clients: int, wait: int, seed: int) -> Iterator[Frame]:
    order = np.random.default_rng(seed)
    path = path_of(what, wait)
    with server() as running, callers(running.port, calls) as made:
        pairs = 0
        while True:
            for kind in KINDS:
                frame = rounds(made.ways, path, order)
                pairs += frame.counts["calls"]
                yield frame
                with crowd(kind, running.port, clients, wait) as running_clients:
                    came = running_clients.ask("connect")
                    yield Frame({f"{kind} bytes": np.array([came["bytes"] / came["connected"]])})
                    yield Frame({f"{kind} ns": np.array(running_clients.ask("call")["reply_ns"], float)})
            # A large crowd takes long: before it is measured again there must be enough pairs.
            while pairs < MIN_PAIRS:
                frame = rounds(made.ways, path, order)
                pairs += frame.counts["calls"]
                yield frame


def of_ways(record: Record) -> dict[str, Estimate]:
    """Median time of all calls of a page (ns), for each way of making them."""
    return {way: summarise(record.column(way)).percentiles[0.5] for way in WAYS if record.column(way).size}


def against_clients(
    title: str, y: Axis, of: Callable[[Record], Mapping[str, float]], modelled: bool, empty: str
) -> Chart:
    """A quantity of each kind of clients against their number; `of(record)` is what was measured."""
    marks: list[Mark] = []
    for kind, dashes, color, marker in ((THREADS, "-", MEASURED, "s"), (LOOP, "--", CLOCK, "o")):

        def curve(model: Any, kind: str = kind) -> Any:
            return NUMBERS, model.response_ns[kind]

        def point(run: Record, kind: str = kind) -> tuple[float, float]:
            return run.parameters["clients"], of(run).get(kind, np.nan)

        if modelled:
            marks.append(Line(f"{kind}, model", model=curve, color=MODEL, linestyle=dashes, linewidth=2.2))
            marks.append(Here("clients", curve))
        style: dict[str, Any] = {"color": color, "marker": marker, "linestyle": "none"}
        marks.append(Line(runs=before(point, ("clients",)), markersize=7, **style))
        marks.append(Line(kind, run=point, markersize=12, markeredgecolor="white", **style))

    def pinned(run: Record) -> Any:
        found = list(of(run).values())
        return [run.parameters["clients"]] * len(found), found

    x = Axis("clients", 0.8, 1.3 * MAX_CLIENTS, log=True, ticks=count_ticks)
    return Chart(title, x, y, *marks, Line("pinned run", pinned=pinned, **PINNED_POINTS), columns=2, empty=empty)


RESPONSE = Axis("response time, p50", 5e5, 2e9, log=True, ticks=duration_ticks)
MEMORY = Axis("memory", 5e2, 2e6, log=True, ticks=byte_ticks)
HERE = "will appear here."
CHARTS = (
    intervals(
        WAYS,
        9e5,
        5e8,
        of_ways,
        lambda model: model.calls,
        "All calls of one page",
        "model",
        empty="Each way is a row.",
    ),
    against_clients("Many clients", RESPONSE, lambda run: medians(run, "ns"), True, f"Replies {HERE}"),
    against_clients("Memory of a client", MEMORY, sizes, False, f"Memory {HERE}"),
)


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """How many times faster gathered calls are, in interleaved pairs; what the clients wait for and take."""
    row, loop = record.column(IN_A_ROW), record.column(ON_A_LOOP)
    if not row.size or not loop.size:
        return Verdict("No call was made.", INVALID)
    gain = paired_ratio(row, loop)
    said = (
        f"{calls_text(record.parameters)}: {duration(np.median(row))} in a row, {duration(np.median(loop))} "
        f"gathered, {ratio_text(gain)} as fast.{clients_said(record)}"
    )
    compared = ratio_in_turns(record, pinned, ON_A_LOOP) if pinned is not None else None
    if compared is None:
        return Verdict(said, gain.verdict)
    return Verdict(f"{said} The p50 of gathered calls is {against_pinned(compared)}.", compared.verdict)


def percentile_row(name: str, column: str, share: float) -> tuple[str, Callable[[Record], str]]:
    def text(run: Record) -> str:
        samples, together = run.column(column), run.parameters["clients"] > 1
        return estimate_text(summarise(samples, queued=together).percentiles[share]) if samples.size else "–"

    return f"{name}: p{100 * share:g}", text


def rows_of(kind: str, name: str) -> Iterator[tuple[str, Callable[[Record], str]]]:
    """What the clients of a kind wait for and take."""
    for share in (0.5, 0.99):
        yield percentile_row(f"a client on {name}", f"{kind} ns", share)
    yield f"memory for a client on {name}", lambda run: byte_size(sizes(run)[kind]) if kind in sizes(run) else "–"


def what_gathering_does(record: Record) -> Outcome | None:
    """How long all gathered calls took."""
    if ON_A_LOOP not in (found := of_ways(record)) or not (taken := found[ON_A_LOOP]).has_interval:
        return None
    if nearest(TIMES_NS, taken.low) != nearest(TIMES_NS, taken.high):
        return None
    return Outcome(nearest(TIMES_NS, taken.value), f"{estimate_text(taken)} for all three")


TIMES_NS = {"7 ms": 7e6, "20 ms": 20e6, "60 ms": 60e6}

PREDICTION = Prediction(
    question="A page needs three independent calls of 20 ms. One thread gathers them with asyncio. How long does it take?",
    choices={
        "7 ms": Answer("That cannot be: the calls wait in parallel, but none of them waits for less than its 20 ms."),
        "20 ms": Answer(
            "The waits do overlap; but here the CPU time of the calls, which adds up, was longer than the waits.",
            "Waiting needs no CPU: one thread sends all three, and the replies come 20 ms later.",
        ),
        "60 ms": Answer(
            "One thread does one thing at a time; but while it waits it does nothing, and it can wait for all three.",
            "The waits overlap, but the CPU time of the calls adds up. On this machine that was longer than the waits.",
        ),
    },
    runs=({"calls": 3, "wait": 20},),
    find=what_gathering_does,
)


def lab() -> Lab:
    return Lab(
        question="What does it buy to wait for many things in parallel?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "what": choice((HTTP, DATABASE), label="kind of call"),
            "calls": slider(1, MAX_CALLS, 5, unit="calls", label="calls of a page"),
            "clients": log_slider(1, MAX_CLIENTS, 100, unit="clients"),
            "wait": slider(1, MAX_WAIT_MS, 10, unit="ms", label="wait of a call"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict,
        finding=finding,
        scenario=scenario,
        table=table_of(
            *(percentile_row(f"all calls, {way}", way, 0.5) for way in WAYS),
            *rows_of(THREADS, "threads"),
            *rows_of(LOOP, "an event loop"),
            needs=IN_A_ROW,
        ),
        budget_s=5.0,
    )
