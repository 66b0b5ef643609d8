"""What does async buy? Calls in a row or gathered, and a thousand clients on threads or on one event loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Lab, Prediction, Record, Verdict, log_slider, slider
from perflab.lab.panels.axes import byte_ticks, duration_ticks
from perflab.lab.panels.clients import AgainstClients
from perflab.lab.panels.intervals import Interval, Intervals
from perflab.lab.verdict import against_pinned, estimate_text, ratio_text
from perflab.measure.compare import paired_ratio, ratio
from perflab.measure.frame import Frame
from perflab.measure.guards import machine_limits
from perflab.measure.summary import summarise
from perflab.measure.units import byte_size, count, duration
from perflab.systems.calls import IN_A_ROW, ON_A_LOOP, ON_THREADS, WAYS, callers
from perflab.systems.crowd import crowd
from perflab.systems.worker_kinds import LOOP, THREADS
from perflab.systems.worker_server import worker_server

MOST_CALLS, MOST_CLIENTS, LONGEST_MS = 10, 1_000, 30
KINDS = (THREADS, LOOP)
NUMBERS = np.unique(np.round(np.logspace(0, 3, 31))).astype(int)
SLICE_S = 0.2
TRIED_CLIENTS, TRIED_MS = 200, 5
FEWEST_PAIRS = 6
"""Fewer have no interval."""
FEWEST_SEEN = 30
"""Clients whose memory is seen: the system hands it out in pages, and a few clients take less than that or a lot more."""
SPARE = 8
"""Connections of the server that neither callers nor the crowd need."""


def experiment(calls: int, clients: int, wait: int, seed: int) -> Iterator[Frame]:
    order = np.random.default_rng(seed)
    with _server() as server, callers(server.port, calls) as made:
        pairs = 0
        while True:
            for kind in KINDS:
                frame = rounds(made.ways, f"/work?wait={wait}", order)
                pairs += frame.counts["calls"]
                yield frame
                with crowd(kind, server.port, clients, wait) as people:
                    came = people.ask("connect")
                    yield Frame({f"{kind} bytes": np.array([came["bytes"] / came["connected"]])})
                    yield Frame({f"{kind} ns": np.array(people.ask("call")["reply_ns"], float)})
            # A large crowd takes long: there must be pairs enough before it comes once more.
            while pairs < FEWEST_PAIRS:
                frame = rounds(made.ways, f"/work?wait={wait}", order)
                pairs += frame.counts["calls"]
                yield frame


def _server() -> Any:
    # An event loop with a worker for everybody: what waits here never waits for a worker.
    return worker_server(machine_limits().connections - SPARE, kind=LOOP)


def rounds(ways: Mapping[str, Any], path: str, order: np.random.Generator) -> Frame:
    """Every way once in each round, in another order each time; ns of each."""
    times: dict[str, list[int]] = {name: [] for name in ways}
    ends = monotonic() + SLICE_S
    while monotonic() < ends or not times[IN_A_ROW]:
        for name in order.permutation(list(ways)).tolist():
            began = perf_counter_ns()
            ways[name](path)
            times[name].append(perf_counter_ns() - began)
    return Frame({name: np.array(column, float) for name, column in times.items()}, {"calls": len(times[IN_A_ROW])})


def calibrate() -> Iterator[Frame]:
    """Costs on this machine: of a call beside its waiting, and of one client among many, on threads and on a loop."""
    with _server() as server:
        with callers(server.port, 1) as made:
            trips = rounds(made.ways, "/work?wait=1", np.random.default_rng(0)).samples
            facts = {"call_ns": float(np.median(trips[IN_A_ROW].astype(float))) - 1e6}
        for kind in KINDS:
            with crowd(kind, server.port, TRIED_CLIENTS, TRIED_MS) as people:
                people.ask("connect")
                last_ns = max(people.ask("call")["reply_ns"])
            waited_ns = float(turns(kind, TRIED_CLIENTS)) * TRIED_MS * 1e6
            facts[f"{kind}_ns"] = max(0.0, last_ns - waited_ns) / TRIED_CLIENTS
    yield Frame(facts=facts)


def turns(kind: str, clients: Any) -> Any:
    """How often as many clients as there are threads must wait, one turn after the other; on a loop all wait at once."""
    return np.ceil(clients / machine_limits().threads) if kind == THREADS else np.ones_like(clients)


@dataclass(frozen=True)
class Expected:
    """`calls`: from no overhead to a whole call's for each (ns). `response_ns` of each kind over `NUMBERS`."""

    calls: Mapping[str, Interval]
    response_ns: Mapping[str, NDArray[np.float64]]


def predict(calls: int, clients: int, wait: int, constants: Mapping[str, Any]) -> Expected:
    """In a row the waits add up, gathered they pass together; what remains is CPU time, which nothing makes pass together.

    Half of a crowd is answered after half of the turns, and when half of the work for the whole crowd is done.
    """
    wait_ns, call_ns = wait * 1e6, constants["call_ns"]
    rows = {IN_A_ROW: Interval(np.nan, calls * wait_ns, calls * (wait_ns + call_ns))}
    rows |= {way: Interval(np.nan, wait_ns, wait_ns + calls * call_ns) for way in (ON_THREADS, ON_A_LOOP)}
    crowds = {kind: turns(kind, NUMBERS / 2) * wait_ns + constants[f"{kind}_ns"] * NUMBERS / 2 for kind in KINDS}
    return Expected(rows, crowds)


def of_ways(record: Record) -> dict[str, Interval]:
    """Median of each way with its 95% interval, ns."""
    found = {}
    for way in WAYS:
        if record.column(way).size:
            median = summarise(record.column(way)).percentiles[0.5]
            found[way] = Interval(median.value, _or_nan(median.low), _or_nan(median.high))
    return found


def _or_nan(end: float | None) -> float:
    return np.nan if end is None else end


def _medians(record: Record, what: str) -> dict[str, float]:
    columns = {kind: record.column(f"{kind} {what}") for kind in KINDS}
    return {kind: float(np.median(column)) for kind, column in columns.items() if column.size}


def responses(record: Record) -> dict[str, float]:
    """Time until half of the crowd had its reply, ns."""
    return _medians(record, "ns")


def sizes(record: Record) -> dict[str, float]:
    """Bytes that a connected client takes, of a crowd large enough to tell."""
    if record.parameters["clients"] < FEWEST_SEEN:
        return {}
    return {kind: size for kind, size in _medians(record, "bytes").items() if size > 0}


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """How many times faster gathered is, in interleaved pairs; what a client of the crowd waits for and takes."""
    calls, clients, wait = (record.parameters[name] for name in ("calls", "clients", "wait"))
    row, loop = record.column(IN_A_ROW), record.column(ON_A_LOOP)
    if not row.size or not loop.size:
        return Verdict("No call was made.", "invalid")
    gain = paired_ratio(row, loop)
    said = (
        f"{_so_many(calls, 'calls')} of {wait} ms: {duration(np.median(row))} in a row, {duration(np.median(loop))} gathered, "
        f"{ratio_text(gain)} as fast."
    )
    times, bytes_each = responses(record), sizes(record)
    if len(times) == len(KINDS):
        here = min(clients, machine_limits().threads)
        said += (
            f" {_whose(clients)} within {duration(times[THREADS])} on {_so_many(here, 'threads')}, "
            f"{duration(times[LOOP])} on one event loop."
        )
    if len(bytes_each) == len(KINDS):
        said += f" A client takes {byte_size(bytes_each[THREADS])} and {byte_size(bytes_each[LOOP])}."
    if pinned is None or pinned is record or not pinned.column(ON_A_LOOP).size:
        return Verdict(said, gain.verdict)
    compared = ratio(loop, pinned.column(ON_A_LOOP))
    return Verdict(f"{said} The p50 of gathered calls is {against_pinned(compared)}.", compared.verdict)


def _so_many(number: int, things: str) -> str:
    return f"{count(number)} {things if number != 1 else things[:-1]}"


def _whose(clients: int) -> str:
    return f"Half of {count(clients)} clients have their reply" if clients > 1 else "1 client has its reply"


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Medians of each way; percentiles and memory of both crowds."""
    runs = [run for run in (record, pinned) if run is not None and run.column(IN_A_ROW).size]
    if not runs:
        return []
    rows: list[tuple[str, ...]] = [("", "this run, 95% interval", "pinned run")[: len(runs) + 1]]
    for way in WAYS:
        rows.append((f"all calls, {way}: p50", *(_text(run.column(way), 0.5) for run in runs)))
    for kind in KINDS:
        for share, name in ((0.5, "p50"), (0.99, "p99")):
            rows.append((f"a client on {_on(kind)}: {name}", *(_text(run.column(f"{kind} ns"), share) for run in runs)))
        memory = (sizes(run).get(kind) for run in runs)
        rows.append((f"memory for a client on {_on(kind)}", *("–" if b is None else byte_size(b) for b in memory)))
    return rows


def _on(kind: str) -> str:
    return "threads" if kind == THREADS else "an event loop"


def _text(column: NDArray[Any], share: float) -> str:
    return estimate_text(summarise(column).percentiles[share]) if column.size else "–"


def what_gathering_does(records: Sequence[Record]) -> str | None:
    """Three calls of 20 ms, gathered on one thread."""
    for record in reversed(records):
        gathered = record.column(ON_A_LOOP)
        if (record.parameters["calls"], record.parameters["wait"]) == (3, 20) and gathered.size:
            answers = {"7 ms": 7e6, "20 ms": 20e6, "60 ms": 60e6}
            return min(answers, key=lambda name: abs(np.log(answers[name] / np.median(gathered))))
    return None


PREDICTION = Prediction(
    question="A page needs three calls of 20 ms that do not need each other. One thread gathers them with asyncio. How long?",
    choices={
        "7 ms": "The calls wait at the same time, but none of them waits for less than its 20 ms.",
        "20 ms": "Waiting needs no CPU: one thread sends all three, and the answers come 20 ms later.",
        "60 ms": "One thread does one thing at a time; but here it does nothing while it waits, and can wait for all three.",
    },
    settle=what_gathering_does,
    hint="Measure 3 calls, each waiting for 20 ms.",
)


def lab() -> Lab:
    return Lab(
        question="What does it buy to wait for many things at once?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "calls": slider(1, MOST_CALLS, 5, unit="calls", label="a page needs"),
            "clients": log_slider(1, MOST_CLIENTS, 100, unit="clients", label="at once"),
            "wait": slider(1, LONGEST_MS, 10, unit="ms", label="each call waits"),
        },
        panels=(
            Intervals(
                WAYS,
                9e5,
                5e8,
                of_ways,
                lambda model: model.calls,
                title="All calls of one page",
                band="model",
            ),
            AgainstClients(
                "A crowd of clients",
                "response time, p50 (log)",
                (5e5, 2e9),
                KINDS,
                NUMBERS,
                responses,
                duration_ticks,
                lambda model: model.response_ns,
            ),
            AgainstClients("What a client takes", "memory (log)", (5e2, 2e6), KINDS, NUMBERS, sizes, byte_ticks),
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=5.0,
    )
