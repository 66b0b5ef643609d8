"""What does async buy? Calls in a row or gathered, and a thousand clients on threads or on one event loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.raising_throughput.async_calls_model import (
    DATABASE,
    HTTP,
    KINDS,
    NUMBERS,
    calibrate,
    path_of,
    predict,
    rounds,
    server,
)
from perflab.lab import Lab, Prediction, Record, Verdict, choice, log_slider, slider
from perflab.lab.axes import byte_ticks, duration_ticks
from perflab.lab.panels.clients import AgainstClients
from perflab.lab.panels.intervals import Intervals
from perflab.lab.verdict import against_pinned, estimate_text, ratio_text
from perflab.measure.compare import paired_ratio, ratio
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame
from perflab.measure.guards import machine_limits
from perflab.measure.summary import summarise
from perflab.measure.units import byte_size, count, duration
from perflab.systems.clients.calls import IN_A_ROW, ON_A_LOOP, WAYS, callers
from perflab.systems.clients.crowd import crowd
from perflab.systems.servers.worker_kinds import LOOP, THREADS

MOST_CALLS, MOST_CLIENTS, LONGEST_MS = 10, 1_000, 30
FEWEST_PAIRS = 6
"""Fewer have no interval."""
FEWEST_SEEN = 30
"""Clients whose memory is seen: the system hands it out in pages, and a few clients take less than that or a lot more."""


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
                with crowd(kind, running.port, clients, wait) as people:
                    came = people.ask("connect")
                    yield Frame({f"{kind} bytes": np.array([came["bytes"] / came["connected"]])})
                    yield Frame({f"{kind} ns": np.array(people.ask("call")["reply_ns"], float)})
            # A large crowd takes long: there must be pairs enough before it comes once more.
            while pairs < FEWEST_PAIRS:
                frame = rounds(made.ways, path, order)
                pairs += frame.counts["calls"]
                yield frame


def of_ways(record: Record) -> dict[str, Estimate]:
    """Median of each way with its 95% interval, ns."""
    found = {}
    for way in WAYS:
        if record.column(way).size:
            median = summarise(record.column(way)).percentiles[0.5]
            found[way] = median
    return found


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
    what, calls, clients, wait = (record.parameters[name] for name in ("what", "calls", "clients", "wait"))
    row, loop = record.column(IN_A_ROW), record.column(ON_A_LOOP)
    if not row.size or not loop.size:
        return Verdict("No call was made.", "invalid")
    gain = paired_ratio(row, loop)
    said = (
        f"{_so_many(calls, what)} of {wait} ms: {duration(np.median(row))} in a row, {duration(np.median(loop))} gathered, "
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
        asked = tuple(record.parameters[name] for name in ("what", "calls", "wait"))
        if asked == (HTTP, 3, 20) and gathered.size:
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
    hint="Measure 3 HTTP calls, each waiting for 20 ms.",
)


def lab() -> Lab:
    return Lab(
        question="What does it buy to wait for many things at once?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "what": choice((HTTP, DATABASE), label="the calls are"),
            "calls": slider(1, MOST_CALLS, 5, unit="calls", label="a page needs"),
            "clients": log_slider(1, MOST_CLIENTS, 100, unit="clients", label="at once"),
            "wait": slider(1, LONGEST_MS, 10, unit="ms", label="each call waits"),
        },
        charts=(
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
