"""Which strategy helps an overloaded server? Six of them, each switched on alone, measured in turns with the server as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perflab.chapters.load_report import NOT_SHOWN, failures_said, lateness_said, replay_row, too_slow
from perflab.chapters.raising_throughput.strategy_bursts import experiment, most_per_s, p99_ns, per_s, replays
from perflab.chapters.raising_throughput.strategy_model import (
    NAMES,
    calibrate,
    expected_gains,
    expected_shortened,
    predict,
)
from perflab.lab import Lab, Prediction, Record, Verdict, log_slider, slider, values_slider
from perflab.lab.axes import times_ticks
from perflab.lab.panels.intervals import Intervals
from perflab.lab.verdict import against_pinned, ratio_text, with_caveat
from perflab.measure.compare import Ratio, paired_ratio, ratio
from perflab.measure.estimate import Estimate
from perflab.measure.percentiles import percentile
from perflab.measure.units import NOTHING as BLANK
from perflab.measure.units import count, duration, percent
from perflab.systems.clients.strategies import ASYNC, BATCHING, CACHING, INDEX, NOTHING, POOLING, SERVERS

WAIT_MS = 50
"""So long that the threads are the bottleneck on slow machines too, where a request computes for 8 ms."""
COSTS = {
    CACHING: ("memory", "pages that are out of date; views not counted"),
    POOLING: ("open connections", "a connection that is never given back"),
    BATCHING: ("nearly nothing", "one failed commit fails for many"),
    ASYNC: ("code of another kind", "one computation holds up everybody"),
    SERVERS: ("machines, and a balancer", "copies of the data that differ"),
    INDEX: ("disk, and longer writes", "the planner may not use it"),
}


def gains(record: Record) -> dict[str, Ratio]:
    """How many times as much each strategy gets through; bursts of the same round are pairs."""
    return _paired(record, per_s, lambda with_it, without: paired_ratio(with_it, without))


def shortened(record: Record) -> dict[str, Ratio]:
    """How many times shorter the p99 of a burst is with each strategy; none where requests were sent too late to tell."""
    if _sent_too_late(record):
        return {}
    return _paired(record, p99_ns, lambda with_it, without: paired_ratio(without, with_it))


def _paired(record: Record, column: Any, compare: Any) -> dict[str, Ratio]:
    found = {}
    without = record.column(column(NOTHING))
    for name in NAMES:
        with_it = record.column(column(name))
        if pairs := min(with_it.size, without.size):
            found[name] = compare(with_it[:pairs], without[:pairs])
    return found


def _intervals(ratios: Mapping[str, Ratio]) -> dict[str, Estimate]:
    """As a chart draws them; an interval of too few pairs is left out."""
    return {
        name: Estimate(each.value, each.low, each.high) if np.isfinite(each.high) else Estimate(each.value)
        for name, each in ratios.items()
    }


def best(record: Record, among: Sequence[str] = NAMES) -> str | None:
    """The strategy with the greatest gain in throughput; None before all were measured."""
    found = gains(record)
    return max(among, key=lambda name: found[name].value) if all(name in found for name in among) else None


def most_late_ns(record: Record) -> float:
    """Half of the shortest p99 that is shown: requests that are sent later than that are what it consists of."""
    tails = (record.column(p99_ns(name)) for name in (NOTHING, *NAMES))
    return 0.5 * min((float(np.median(tail)) for tail in tails if tail.size), default=np.inf)


def _sent_too_late(record: Record) -> Verdict | None:
    return too_slow(record, most_late_ns(record))


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """What the server does without help, and what helps most."""
    without = record.column(per_s(NOTHING))
    if not without.size:
        return Verdict("Nothing was measured.", "invalid")
    if late := _sent_too_late(record):
        return late
    rate = record.parameters["rate"]
    tail = duration(float(np.median(record.column(p99_ns(NOTHING)))))
    said = f"{count(rate)} requests/s come; the server as it is does {count(np.median(without))}, p99 {tail}."
    said += failures_said(record) + lateness_said(record)
    name = best(record)
    if name is None:
        return with_caveat(Verdict(said), record)
    gain = gains(record)[name]
    said += f" Most throughput with {name}: {ratio_text(gain)}."
    quickest = shortened(record)
    shortest = max(quickest, key=lambda each: quickest[each].value)
    said += f" Shortest p99 with {shortest}: {quickest[shortest].value:.1f}× shorter."
    if np.median(record.column(per_s(name)) / record.column(most_per_s(name))) > 0.9:
        said += " That is nearly all that is asked for: a higher rate would show more."
    kind = gain.verdict
    if pinned is not None and pinned is not record and pinned.column(per_s(NOTHING)).size:
        compared = ratio(without, pinned.column(per_s(NOTHING)))
        said, kind = f"{said} Without help, what is done is {against_pinned(compared)}.", compared.verdict
    return with_caveat(Verdict(said, kind), record)


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each strategy: what it does and gains, with the intervals of pairs, what it costs and what it risks."""
    rows: list[tuple[str, ...]] = [
        ("strategy", "requests/s", "throughput, 95% interval", "p99 of a burst", "p99 shorter by", "costs", "risks")
    ]
    more, shorter = gains(record), shortened(record)
    for name in (NOTHING, *NAMES):
        rates, tails = record.column(per_s(name)), record.column(p99_ns(name))
        if rates.size:
            ratios = [ratio_text(each[name]) if name in each else BLANK for each in (more, shorter)]
            tail = NOT_SHOWN if _sent_too_late(record) else duration(float(np.median(tails)))
            numbers = (count(np.median(rates)), ratios[0], tail, ratios[1])
            rows.append((name, *numbers, *COSTS.get(name, (BLANK, BLANK))))
    if (late := record.column("lateness_ns")).size:
        told = f"asked for {count(record.parameters['rate'])}/s; sent {duration(percentile(late, 0.99))} late (p99)"
        rows.append(("the load", told, f"{count(record.count('failures'))} failed", *[BLANK] * 4))
    found = replays(record)
    if NOTHING in found:
        apart = max((each.deviation for name, each in found.items() if name != NOTHING), default=0.0)
        row = replay_row([found[NOTHING]])
        rows.append((*row, f"with a strategy at most {percent(apart)} apart", *[BLANK] * 4))
    return rows


ASKED = (POOLING, BATCHING, ASYNC, INDEX)


def what_helps_most(records: Sequence[Record]) -> str | None:
    """Which of the four in question gained most where requests wait for 50 ms and write once."""
    for record in reversed(records):
        chosen, name = record.parameters, best(record, ASKED)
        if name is not None and (chosen["wait"], chosen["writes"]) == (WAIT_MS, 1) and chosen["rate"] >= 400:
            return name
    return None


PREDICTION = Prediction(
    question="4 threads; each request waits 50 ms for another service. 600/s come. Which of these lifts throughput most?",
    choices={
        POOLING: "It spares the opening of a connection, a fraction of a millisecond; the thread still waits for 50.",
        BATCHING: "It spares commits. They are not what the threads do most of the time: they wait.",
        ASYNC: "4 threads that wait 50 ms each do 80/s at most. Awaited, nobody holds a thread while he waits.",
        INDEX: "It spares the scan of a table, some milliseconds; the thread still waits for 50.",
    },
    settle=what_helps_most,
    hint="Measure with a wait of 50 ms, 1 write, at 600 requests/s.",
)


def lab() -> Lab:
    return Lab(
        question="Which strategy helps this overloaded server?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "rate": values_slider((100, 200, 400, 600, 1_000), 600, unit="requests/s", label="arrival rate"),
            "wait": slider(0, WAIT_MS, WAIT_MS, 5, unit="ms", label="each waits"),
            "writes": slider(1, 10, 1, unit="commits", label="writes"),
            "pages": log_slider(1, 1_000, 50, unit="pages", label="asked for"),
        },
        charts=(
            Intervals(
                NAMES,
                0.25,
                12,
                lambda record: _intervals(gains(record)),
                expected_gains,
                "Throughput, times as much",
                "model",
                "with : without (log)",
                times_ticks,
            ),
            Intervals(
                NAMES,
                0.25,
                120,
                lambda record: _intervals(shortened(record)),
                expected_shortened,
                "p99, times shorter",
                "model",
                "without : with (log)",
                times_ticks,
            ),
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=20.0,
    )
