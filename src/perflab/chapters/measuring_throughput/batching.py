"""What does a batch buy, and who waits for it? Requests written to a real database, one commit a batch."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from time import perf_counter_ns
from typing import Any

import numpy as np

from perflab.chapters.load_report import replay_row
from perflab.chapters.measuring_throughput.batching_model import BAD_EVERY, MOST_ROWS, RESTS_MS, after_rest, predict
from perflab.lab import Lab, Prediction, Record, Verdict, log_slider, switch
from perflab.lab.panels.batches import CostOfBatches, WaitAndWrite
from perflab.lab.verdict import against_pinned, estimate_text, percentile_text
from perflab.measure.compare import block_ratio
from perflab.measure.frame import Frame, merge
from perflab.measure.percentiles import percentile
from perflab.measure.schedule import poisson
from perflab.measure.summary import summarise
from perflab.measure.units import count, duration
from perflab.systems.databases.batcher import Batch, WhenToFlush, batches, frame_of, when_to_flush
from perflab.systems.databases.ledger import ledger
from perflab.systems.machine.storage import durability_caveat
from perflab.theory.batching import Cost, fit_cost, lateness, replay_batches
from perflab.theory.replay import Replay

RUN_S = 2.0
SLICE_NS = 150_000_000
PROBED_ROWS = (1, 5, 20, 100, MOST_ROWS)
PROBES = 12
LATENESS = "the writer's lateness, p99"


def experiment(
    size: int, max_wait: int, rate: int, bad: bool, seed: int, when: WhenToFlush = when_to_flush
) -> Iterator[Frame]:
    schedule = poisson(rate, RUN_S, seed)
    caveat = durability_caveat() or ""
    with ledger() as table:

        def write(numbers: Sequence[int]) -> Sequence[int]:
            return table.write(
                [(number, 0 if bad and number % BAD_EVERY == BAD_EVERY - 1 else 1) for number in numbers]
            )

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


def calibrate() -> Iterator[Frame]:
    """What commits of a few sizes cost here, one after the other: the line s₀ + s₁·b; and what a rest before it adds to one."""
    numbers = itertools.count()
    with ledger() as table:

        def commit(size: int) -> int:
            rows = [(number, 1) for number in itertools.islice(numbers, size)]
            started = perf_counter_ns()
            table.write(rows)
            return perf_counter_ns() - started

        def rested(rest_ms: float) -> int:
            time.sleep(rest_ms / 1e3)
            return commit(1)

        rests = [[rested(rest_ms) for rest_ms in RESTS_MS] for _ in range(PROBES)]
        # The first of those without a rest are those of a drive and a CPU that have yet to wake up.
        busy = [[commit(size) for size in PROBED_ROWS] for _ in range(2 * PROBES)][PROBES:]
    cost = fit_cost(np.tile(PROBED_ROWS, PROBES), np.ravel(busy))
    added = np.maximum(0.0, np.median(rests, axis=0) - float(cost.of(1)))
    more = dict(zip(map(after_rest, RESTS_MS), added.tolist(), strict=True))
    yield Frame(facts={"each_batch_ns": cost.each_batch, "each_row_ns": cost.each_row, **more})


def throughput(record: Record) -> float:
    """Requests per second that were written."""
    elapsed_s = record.fact("elapsed_s", 0.0)
    return record.count("acknowledged") / elapsed_s if elapsed_s else 0.0


def came_per_s(record: Record) -> float:
    """Requests per second that came, by chance not as many as the slider says; NaN before any time has passed."""
    elapsed_s = float(record.fact("elapsed_s", 0.0))
    return (record.count("calls") + record.fact("backlog", 0)) / elapsed_s if elapsed_s else float("nan")


def rows_each(record: Record) -> float:
    """Rows in a commit, on average over commits; those of a batch with a bad row are committed one by one."""
    return record.count("acknowledged") / max(1, record.count("commits"))


def is_saturated(record: Record) -> bool:
    """Whether what waits at the end is more than comes in a tenth of the run, and more than a few batches."""
    chosen = record.parameters
    return record.fact("backlog", 0) > max(3 * chosen["size"], 0.1 * chosen["rate"] * record.fact("elapsed_s", 0.0))


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """How many got through, how long each waited and was written; and whether every one is there exactly once."""
    times = record.column("latency_ns")
    if not times.size:
        return Verdict("Nothing was written.", "invalid")
    if record.fact("stored") != record.count("acknowledged"):
        lost = (
            f"{count(record.count('acknowledged'))} were acknowledged, and {count(record.fact('stored'))} are stored."
        )
        return Verdict(f"Rows were lost or written twice: {lost}", "invalid")
    said = f"{count(throughput(record))} requests/s written, {rows_each(record):.3g} in a commit. "
    if record.count("refused"):
        said += f"{count(record.count('refused'))} bad rows were refused; the others of their batches were written one by one. "
    if is_saturated(record):
        return Verdict(f"{said}Saturated: {count(record.fact('backlog'))} wait, and the response time only grows.")
    waiting, writing = (float(record.column(name).mean()) for name in ("waiting_ns", "writing_ns"))
    said += f"Each waits {duration(waiting)} for its batch and {duration(writing)} for the commit (means)"
    if pinned is None or pinned is record or not pinned.column("latency_ns").size:
        return Verdict(f"{said}; {percentile_text(summarise(times, queued=True).percentiles[0.99])}.")
    compared = block_ratio(times, pinned.column("latency_ns"))
    return Verdict(f"{said}; the p50 is {against_pinned(compared)}.", compared.verdict)


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Throughput, both parts of the response time, percentiles, and the cost line fitted to this run's own batches."""
    runs = [run for run in (record, pinned) if run is not None and run.column("latency_ns").size]
    if not runs:
        return []
    summaries = [summarise(run.column("latency_ns"), run.count("refused"), queued=True) for run in runs]
    return [
        ("", "this run, 95% interval", "pinned run")[: len(runs) + 1],
        ("requests/s that came; written", *(f"{count(came_per_s(run))}; {count(throughput(run))}" for run in runs)),
        ("commits; rows in each", *(f"{count(run.count('commits'))}; {rows_each(run):.3g}" for run in runs)),
        ("waiting for the batch, mean", *(duration(run.column("waiting_ns").mean()) for run in runs)),
        ("the commit, mean", *(duration(run.column("writing_ns").mean()) for run in runs)),
        ("response time, p50", *(estimate_text(each.percentiles[0.5]) for each in summaries)),
        ("response time, p99", *(estimate_text(each.percentiles[0.99]) for each in summaries)),
        ("a batch of b rows costs", *(_cost_text(run) for run in runs)),
        ("acknowledged; stored; refused", *(_once_text(run) for run in runs)),
        ("still waiting at the end", *(count(run.fact("backlog", 0)) for run in runs)),
        replay_row([replayed(run) for run in runs]),
        (LATENESS, *(duration(late_ns(run)) for run in runs)),
    ]


def replayed(record: Record) -> Replay | None:
    """The batches of a run once more, on paper, with the times that they took; None while there are none."""
    return replay_batches(*_written(record)) if record.column("arrived_ns").size else None


def late_ns(record: Record) -> float:
    """p99 of how late the writer began (ns), who is the one that lets requests come, too; NaN while there are no batches."""
    return percentile(lateness(*_written(record)), 0.99) if record.column("arrived_ns").size else float("nan")


def _written(record: Record) -> tuple[Any, ...]:
    columns = (record.column(name) for name in ("arrived_ns", "members", "began_ns", "took_ns"))
    return (*columns, record.parameters["size"], record.parameters["max_wait"] * 1e6)


def fitted(record: Record) -> Cost | None:
    """The cost line through this run's own batches; None while there are none without a bad row."""
    rows = record.column("rows")
    return fit_cost(rows, record.column("batch_ns")) if rows.size else None


def _cost_text(record: Record) -> str:
    cost = fitted(record)
    if cost is None:
        return ""
    if not cost.each_row:
        return f"{duration(cost.each_batch)}; too alike in size to tell what a row adds"
    return f"{duration(cost.each_batch)} + b · {duration(cost.each_row)}"


def _once_text(record: Record) -> str:
    counts = (record.count("acknowledged"), record.fact("stored", 0), record.count("refused"))
    return "; ".join(map(count, counts))


FEW_REQUESTS = 20


def what_batching_did(records: Sequence[Record]) -> str | None:
    """Median response with batches of 50 or more against single rows, at 50 requests/s or fewer, all else equal."""
    for batched in reversed(records):
        for single in records:
            a, b = dict(batched.parameters), dict(single.parameters)
            alike = {**a, "size": 0} == {**b, "size": 0} and a["rate"] <= 50
            enough = min(len(run.column("latency_ns")) for run in (batched, single)) >= FEW_REQUESTS
            if alike and a["size"] >= 50 and b["size"] == 1 and enough:
                gain = np.median(batched.column("latency_ns")) / np.median(single.column("latency_ns"))
                return "longer" if gain > 1.2 else "shorter" if gain < 0.8 else "the same"
    return None


PREDICTION = Prediction(
    question="50 requests a second come. Instead of one commit each, you write batches of 100. How long does a request take?",
    choices={
        "shorter": "A batch spares commits, but this writer has time enough for a commit each.",
        "the same": "The commit takes about as long as before; but first the batch has to fill.",
        "longer": "At this rate a batch never fills: everybody waits for the timer. Batching pays where the writer is busy.",
    },
    settle=what_batching_did,
    hint="Measure at 50 requests/s with a batch size of 1, and then of 100.",
)


def lab() -> Lab:
    return Lab(
        question="What does a batch buy, and who waits for it?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "size": log_slider(1, MOST_ROWS, 1, unit="rows", label="batch size"),
            "max_wait": log_slider(1, 200, 50, unit="ms", label="longest wait"),
            "rate": log_slider(10, 5_000, 50, unit="requests/s", label="arrival rate"),
            "bad": switch(False, label="1% bad rows"),
        },
        charts=(WaitAndWrite(MOST_ROWS), CostOfBatches(MOST_ROWS, throughput, fitted)),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=RUN_S + 1,
    )
