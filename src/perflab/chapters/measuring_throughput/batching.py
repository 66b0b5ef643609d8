"""What does a batch buy, and how long do requests wait for it? Requests written to a real database, one commit a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from perflab.chapters import load
from perflab.chapters.measuring_throughput import batching_model
from perflab.chapters.measuring_throughput.batching_model import BAD, MAX_ROWS, is_saturated, rows_each, throughput
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, Verdict, choice, log_slider
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.marks import Here, Line, Rule, measured
from perflab.lab.palette import CLOCK, MEASURED, MEASURED_POINTS, MODEL, MODEL_LINE, PINNED_POINTS, SECOND, THIRD
from perflab.lab.verdict import (
    INVALID,
    LATENCY,
    percentile_of,
    percentile_text,
    ratio_in_turns,
    ratio_text,
    table_of,
    trust_of,
    verdict_of,
)
from perflab.measure import Frame, count, duration, merge, percentile, poisson
from perflab.systems.databases.batcher import Batch, batches, frame_of
from perflab.systems.databases.flushing import WhenToFlush, when_to_flush
from perflab.systems.databases.ledger import ledger
from perflab.systems.machine.storage import durability_caveat

RUN_S, SLICE_S = 2.0, 0.15
MIN_REQUESTS, ALIKE = 20, (0.8, 1.25)


def experiment(
    size: int, max_wait: int, rate: int, writer: str, seed: int, when: WhenToFlush = when_to_flush
) -> Iterator[Frame]:
    schedule, caveat = poisson(rate, RUN_S, seed), durability_caveat() or ""
    has_timer = writer != batching_model.ON_ARRIVAL
    with ledger() as table:

        def write(numbers: Sequence[int]) -> Sequence[int]:
            is_bad = [writer == BAD and (number + 1) % batching_model.BAD_EVERY == 0 for number in numbers]
            return table.write([(number, 0 if bad else 1) for number, bad in zip(numbers, is_bad, strict=True)])

        done: list[Batch] = []
        began_ns = commits = 0
        for batch in batches(schedule, write, size, max_wait / 1e3, when, timer=has_timer, tick_s=SLICE_S):
            done.append(batch)
            if batch.ended_ns - began_ns >= SLICE_S * 1e9 or batch.ended_ns >= schedule[-1]:
                facts: dict[str, Any] = {"stored": table.count(), "caveat": caveat}
                yield merge([frame_of(done, schedule), Frame({}, {"commits": table.commits - commits}, facts)])
                done, began_ns, commits = [], batch.ended_ns, table.commits
            if batch.ended_ns > RUN_S * 1e9:
                break


def mean_of(column: str) -> Callable[[Record], tuple[float, float]]:
    """The mean of a column, as a point at the batch size."""
    return lambda run: (run.parameters["size"], float(run.column(column).mean()) if run.column(column).size else np.nan)


ENDS = (0.9, 1.15 * MAX_ROWS)
DOTS: dict[str, Any] = {"color": MEASURED, "marker": ".", "linestyle": "none", "alpha": 0.25, "markersize": 6}

CHARTS = (
    Chart(
        "Response time, in its two parts (means)",
        Axis("batch size", *ENDS, log=True, ticks=count_ticks),
        Axis("time", 1e5, 5e9, log=True, ticks=duration_ticks),
        Line("model: both", model=lambda m: (m.sizes, m.waiting + m.writing), **MODEL_LINE),
        Line("model: waiting", model=lambda m: (m.sizes, m.waiting), linestyle="--", linewidth=2.2, color=THIRD),
        Line("model: commit", model=lambda m: (m.sizes, m.writing), linestyle=":", linewidth=2.5, color=SECOND),
        Here("size", lambda m: (m.sizes, m.waiting + m.writing)),
        Line("pinned: both", pinned=mean_of(LATENCY), **PINNED_POINTS),
        Line("waiting", run=mean_of("waiting_ns"), marker="^", linestyle="none", markersize=9, color=THIRD),
        Line("commit", run=mean_of("writing_ns"), marker="s", linestyle="none", markersize=8, color=SECOND),
        Line("measured: both", run=mean_of(LATENCY), **MEASURED_POINTS),
        columns=4,
        empty="Both parts of the time will appear here.",
    ),
    Chart(
        "Throughput",
        Axis("rows in a batch", *ENDS, log=True, ticks=count_ticks),
        Axis("requests per second", 5, 2e6, log=True, ticks=count_ticks),
        Line("model: capacity", model=lambda m: (m.sizes, m.capacity), **MODEL_LINE),
        Line("fitted to this run", run=batching_model.fitted_line, color=CLOCK, linestyle="--", linewidth=2),
        Rule("y", "offered", setting=lambda chosen: chosen["rate"], color=MODEL, linestyle=":", linewidth=2),
        Line("each batch", run=lambda r: (r.column("rows"), 1e9 * r.column("rows") / r.column("batch_ns")), **DOTS),
        *measured(lambda run: (run.count("calls") / max(1, run.count("batches")), throughput(run)), label="written"),
        empty="Each batch will appear here.",
    ),
)


def all_stored(record: Record) -> Verdict | None:
    """A guard: each acknowledged request is stored exactly once."""
    acknowledged, stored = record.count("acknowledged"), record.fact("stored")
    if stored == acknowledged:
        return None
    numbers = f"{count(acknowledged)} were acknowledged, and {count(stored)} are stored"
    return Verdict(f"Rows were lost or written twice: {numbers}.", INVALID)


def say(record: Record) -> str | Verdict:
    """The throughput, and the two parts of the response time."""
    said = f"{count(throughput(record))} requests/s written, {rows_each(record):.3g} in a commit."
    if refused := record.count("refused"):
        said += f" {count(refused)} bad rows were refused; the other rows of their batches were written one by one."
    backlog = record.fact("backlog", 0)
    if backlog and record.parameters["writer"] == batching_model.ON_ARRIVAL:
        said += f" {count(backlog)} still wait for the next arrival."
    if is_saturated(record):
        return Verdict(f"{said} Saturated: {count(backlog)} requests wait, and the response time only grows.")
    waiting, writing = (duration(record.column(name).mean()) for name in ("waiting_ns", "writing_ns"))
    p99 = percentile_text(load.Load(record).summary.percentiles[0.99])
    return f"{said} A request waits {waiting} for its batch and {writing} for the commit (means); {p99}."


TABLE = table_of(
    ("requests/s that arrived", lambda run: count((run.count("calls") + run.fact("backlog")) / run.fact("elapsed_s"))),
    ("requests/s written", lambda run: count(throughput(run))),
    ("commits; rows in each", lambda run: f"{count(run.count('commits'))}; {rows_each(run):.3g}"),
    ("waiting for the batch, mean", lambda run: duration(run.column("waiting_ns").mean())),
    ("the commit, mean", lambda run: duration(run.column("writing_ns").mean())),
    load.P50,
    load.P99,
    ("a batch of b rows costs", batching_model.cost_text),
    ("acknowledged; stored", lambda run: f"{count(run.count('acknowledged'))}; {count(run.fact('stored'))}"),
    ("refused, bad rows", lambda run: count(run.count("refused"))),
    ("still waiting at the end", lambda run: count(run.fact("backlog"))),
)

TRUST = trust_of(
    ("batches replayed, mean", lambda run: load.replay_text(batching_model.replayed(run))),
    ("the writer's lateness, p99", lambda run: duration(batching_model.late_ns(run))),
)


def what_batching_did(single: Record, batched: Record) -> Outcome | None:
    """The p50 with batches against single rows; None where its interval fits no choice, or there are few requests."""
    ratio, times = ratio_in_turns(batched, single), [run.column(LATENCY) for run in (single, batched)]
    if ratio is None or not ratio.has_interval or min(map(len, times)) < MIN_REQUESTS:
        return None
    alone, together = (duration(percentile(each, 0.5)) for each in times)
    told = f"p50 {alone} with single rows, {together} with batches, {ratio_text(ratio)}"
    if ratio.low > ALIKE[0] and ratio.high < ALIKE[1]:
        return Outcome("the same", told)
    return Outcome("longer" if ratio.low > 1 else "shorter", told) if ratio.low > 1 or ratio.high < 1 else None


PREDICTION = Prediction(
    question="50 requests arrive per second. You write batches of up to 100 instead of one commit for each request; the oldest "
    "waits 50 ms at most. How long does a request take?",
    choices={
        "shorter": Answer(
            "A batch spares commits. That shortens a response only where requests wait for a busy writer.",
            "Here a commit takes so long that 50 per second nearly fill the drive: single rows wait for the commits before "
            "them, and a batch spares most of these.",
        ),
        "the same": Answer(
            "Each request still takes one commit; but it waits for its batch, and no longer waits for other commits.",
            "On this drive the wait for the batch is as long as the wait for other commits was.",
        ),
        "longer": Answer(
            "The wait for a batch makes a response longer unless the writer is busy. Commits are so slow here that it is.",
            "A batch of 100 never fills at this rate, so each one waits for the timer, while the writer had time for each row.",
        ),
    },
    runs=({"size": 1}, {"size": 100}),
    find=what_batching_did,
)


def lab() -> Lab:
    return Lab(
        question="What does a batch buy, and how long do requests wait for it?",
        experiment=experiment,
        calibrate=batching_model.calibrate,
        predict=batching_model.predict,
        controls={
            "size": log_slider(1, MAX_ROWS, 1, unit="rows", label="batch size"),
            "max_wait": log_slider(1, 1_000, 50, unit="ms", label="longest wait"),
            "rate": log_slider(10, 5_000, 50, unit="requests/s", label="arrival rate"),
            "writer": choice(batching_model.WRITERS, label="writer"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, all_stored, compare=percentile_of(), empty="Nothing was written."),
        table=TABLE,
        finding=batching_model.finding,
        scenario=batching_model.scenario,
        trust=TRUST,
        moments=batching_model.moments,
        budget_s=RUN_S + 1,
    )
