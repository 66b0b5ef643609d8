"""What does a batch buy, and how long do requests wait for it? Requests written to a real database, one commit a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from perflab.chapters import load
from perflab.chapters.measuring_throughput import batching_model
from perflab.chapters.measuring_throughput.batching_model import BAD_EVERY, MAX_ROWS
from perflab.lab import Axis, Chart, Lab, Prediction, Record, Verdict, log_slider, switch
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.marks import Here, Line, Rule, measured
from perflab.lab.palette import CLOCK, MEASURED, MEASURED_POINTS, MODEL, MODEL_LINE, PINNED_POINTS, SECOND, THIRD
from perflab.lab.settle import two_runs
from perflab.lab.verdict import INVALID, LATENCY, percentile_of, percentile_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, merge, poisson
from perflab.systems.databases.batcher import Batch, WhenToFlush, batches, frame_of, when_to_flush
from perflab.systems.databases.ledger import ledger
from perflab.systems.machine.storage import durability_caveat

RUN_S, SLICE_NS = 2.0, 150_000_000
MIN_REQUESTS = 20


def experiment(
    size: int, max_wait: int, rate: int, bad: bool, seed: int, when: WhenToFlush = when_to_flush
) -> Iterator[Frame]:
    schedule = poisson(rate, RUN_S, seed)
    caveat = durability_caveat() or ""
    with ledger() as table:

        def write(numbers: Sequence[int]) -> Sequence[int]:
            return table.write([(number, 0 if bad and (number + 1) % BAD_EVERY == 0 else 1) for number in numbers])

        done: list[Batch] = []
        began_ns = commits = 0
        for batch in batches(schedule, write, size, max_wait / 1e3, when):
            done.append(batch)
            if batch.ended_ns - began_ns > SLICE_NS or batch.end == schedule.size:
                facts: dict[str, Any] = {"stored": table.count(), "caveat": caveat}
                yield merge([frame_of(done, schedule), Frame({}, {"commits": table.commits - commits}, facts)])
                done, began_ns, commits = [], batch.ended_ns, table.commits
            if batch.ended_ns > RUN_S * 1e9:
                break


def throughput(record: Record) -> float:
    """Requests written per second."""
    elapsed_s = record.fact("elapsed_s", 0.0)
    return record.count("acknowledged") / elapsed_s if elapsed_s else 0.0


def rows_each(record: Record) -> float:
    """Rows in a commit, on average over commits; rows of a batch with a bad row are committed one by one."""
    return record.count("acknowledged") / max(1, record.count("commits"))


def mean_of(column: str) -> Callable[[Record], tuple[float, float]]:
    """The mean of a column, as a point at the batch size."""
    return lambda run: (run.parameters["size"], float(run.column(column).mean()) if run.column(column).size else np.nan)


def fitted_line(run: Record) -> Any:
    """Throughput by the cost line of the run; None where its sizes are too alike to tell what a row adds."""
    cost, sizes = batching_model.fitted(run), np.geomspace(1, MAX_ROWS, 30)
    return (sizes, 1e9 * cost.throughput(sizes)) if cost and cost.each_row else None


ENDS = (0.9, 1.15 * MAX_ROWS)
DOTS: dict[str, Any] = {"color": MEASURED, "marker": ".", "linestyle": "none", "alpha": 0.25, "markersize": 6}

CHARTS = (
    Chart(
        "Response time, in its two parts (means)",
        Axis("batch size (log)", *ENDS, log=True, ticks=count_ticks),
        Axis("time (log)", 1e5, 5e9, log=True, ticks=duration_ticks),
        Line("model: both", model=lambda m: (m.sizes, m.waiting + m.writing), **MODEL_LINE),
        Line("model: waiting", model=lambda m: (m.sizes, m.waiting), linestyle="--", linewidth=2.2, color=THIRD),
        Line("model: commit", model=lambda m: (m.sizes, m.writing), linestyle=":", linewidth=2.5, color=SECOND),
        Here("size", lambda m: (m.sizes, m.waiting + m.writing)),
        Line("pinned: both", pinned=mean_of(LATENCY), **PINNED_POINTS),
        Line("waiting", run=mean_of("waiting_ns"), marker="^", linestyle="none", markersize=9, color=THIRD),
        Line("commit", run=mean_of("writing_ns"), marker="s", linestyle="none", markersize=8, color=SECOND),
        Line("measured: both", run=mean_of(LATENCY), **MEASURED_POINTS),
        columns=4,
    ),
    Chart(
        "Throughput",
        Axis("rows in a batch (log)", *ENDS, log=True, ticks=count_ticks),
        Axis("requests per second (log)", 5, 2e6, log=True, ticks=count_ticks),
        Line("model: capacity", model=lambda m: (m.sizes, m.capacity), **MODEL_LINE),
        Line("fitted to this run", run=fitted_line, color=CLOCK, linestyle="--", linewidth=2),
        Rule("y", "offered", setting=lambda chosen: chosen["rate"], color=MODEL, linestyle=":", linewidth=2),
        Line("each batch", run=lambda r: (r.column("rows"), 1e9 * r.column("rows") / r.column("batch_ns")), **DOTS),
        *measured(lambda run: (run.count("calls") / max(1, run.count("batches")), throughput(run)), label="written"),
    ),
)


def all_stored(record: Record) -> Verdict | None:
    """A guard: each acknowledged request is stored exactly once."""
    acknowledged, stored = record.count("acknowledged"), record.fact("stored")
    if stored == acknowledged:
        return None
    numbers = f"{count(acknowledged)} were acknowledged, and {count(stored)} are stored"
    return Verdict(f"Rows were lost or written twice: {numbers}.", INVALID)


def is_saturated(record: Record) -> bool:
    """Whether the backlog at the end is more than a tenth of the requests, and more than a few batches."""
    chosen = record.parameters
    return record.fact("backlog", 0) > max(3 * chosen["size"], 0.1 * chosen["rate"] * record.fact("elapsed_s", 0.0))


def say(record: Record) -> str | Verdict:
    """The throughput, and the two parts of the response time."""
    said = f"{count(throughput(record))} requests/s written, {rows_each(record):.3g} in a commit."
    if refused := record.count("refused"):
        said += f" {count(refused)} bad rows were refused; the other rows of their batches were written one by one."
    if is_saturated(record):
        backlog = count(record.fact("backlog"))
        return Verdict(f"{said} Saturated: {backlog} requests wait, and the response time only grows.")
    waiting, writing = (duration(record.column(name).mean()) for name in ("waiting_ns", "writing_ns"))
    p99 = percentile_text(load.Load(record).summary.percentiles[0.99])
    return f"{said} A request waits {waiting} for its batch and {writing} for the commit (means); {p99}."


def cost_text(record: Record) -> str:
    """The cost line of the run."""
    cost = batching_model.fitted(record)
    if cost is None:
        return ""
    more = f" + b · {duration(cost.each_row)}" if cost.each_row else "; too alike in size to tell what a row adds"
    return duration(cost.each_batch) + more


TABLE = table_of(
    ("requests/s that arrived", lambda run: count((run.count("calls") + run.fact("backlog")) / run.fact("elapsed_s"))),
    ("requests/s written", lambda run: count(throughput(run))),
    ("commits; rows in each", lambda run: f"{count(run.count('commits'))}; {rows_each(run):.3g}"),
    ("waiting for the batch, mean", lambda run: duration(run.column("waiting_ns").mean())),
    ("the commit, mean", lambda run: duration(run.column("writing_ns").mean())),
    load.P50,
    load.P99,
    ("a batch of b rows costs", cost_text),
    ("acknowledged; stored", lambda run: f"{count(run.count('acknowledged'))}; {count(run.fact('stored'))}"),
    ("refused, bad rows", lambda run: count(run.count("refused"))),
    ("still waiting at the end", lambda run: count(run.fact("backlog"))),
)

TRUST = trust_of(
    ("batches replayed, mean", lambda run: load.replay_text(batching_model.replayed(run))),
    ("the writer's lateness, p99", lambda run: duration(batching_model.late_ns(run))),
)


def what_batching_did(single: Record, batched: Record) -> str | None:
    """Median response with batches of 50 or more against single rows, at 50 requests/s or fewer."""
    a, b = single.column(LATENCY), batched.column(LATENCY)
    sizes, rate = (single.parameters["size"], batched.parameters["size"]), single.parameters["rate"]
    if sizes[0] > 1 or sizes[1] < 50 or rate > 50 or min(a.size, b.size) < MIN_REQUESTS:
        return None
    ratio = float(np.median(b) / np.median(a))
    return "longer" if ratio > 1.2 else "shorter" if ratio < 0.8 else "the same"


PREDICTION = Prediction(
    question="50 requests arrive per second. You write batches of 100 instead of one commit each. How long does a request take?",
    choices={
        "shorter": "A batch saves commits, but this writer has time enough for a commit each.",
        "the same": "The commit takes about as long as before; but first the batch has to fill.",
        "longer": "At this rate a batch never fills: every request waits for the timer. Batching pays where the writer is busy.",
    },
    settle=two_runs("size", what_batching_did),
    hint="Measure at 50 requests/s with a batch size of 1, and then of 100.",
)


def lab() -> Lab:
    return Lab(
        question="What does a batch buy, and how long do requests wait for it?",
        experiment=experiment,
        calibrate=batching_model.calibrate,
        predict=batching_model.predict,
        controls={
            "size": log_slider(1, MAX_ROWS, 1, unit="rows", label="batch size"),
            "max_wait": log_slider(1, 200, 50, unit="ms", label="longest wait"),
            "rate": log_slider(10, 5_000, 50, unit="requests/s", label="arrival rate"),
            "bad": switch(False, label="1% bad rows"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, all_stored, compare=percentile_of(), empty="Nothing was written."),
        table=TABLE,
        trust=TRUST,
        budget_s=RUN_S + 1,
    )
