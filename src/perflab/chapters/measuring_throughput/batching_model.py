"""What batches should do: what they cost on this machine, and the waits of requests that arrive at random, by simulation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.changes import only_change
from perflab.lab import Record
from perflab.lab.moments import SERVED, Moments
from perflab.lab.verdict import LATENCY
from perflab.measure import Frame, count, duration, percentile, poisson
from perflab.systems.databases.batcher import batches
from perflab.systems.databases.ledger import ledger
from perflab.theory.batching import Cost, Waits, fit_cost, lateness, replay_batches, simulate_batches
from perflab.theory.replay import Replay

MAX_ROWS = 200
BAD_EVERY = 100
TIMER, ON_ARRIVAL, BAD = WRITERS = ("with a timer", "without a timer", "timer, 1% bad rows")
"""What makes a writer look whether the oldest request has waited for long enough; and rows that the database refuses."""
SIZES = np.unique(np.round(np.logspace(0, np.log10(MAX_ROWS), 9))).astype(int)
# The means are over so many arrivals, and over those of so many batches: steady to a few percent, and computed in a few ms.
REQUESTS, BATCHES = 300, 10
NEARLY_FULL = 0.8
"""Beyond this share of what the writer can do, a commit that takes a fifth longer than calibrated makes the queue endless."""
PROBED_ROWS = (1, 5, 20, 100, MAX_ROWS)
RESTS_MS = (0.5, 3.0, 8.0, 20.0, 50.0)
PROBES = 12


def after_rest(rest_ms: float) -> str:
    """The name of the constant that holds what such a rest adds to a commit (ns)."""
    return f"more after {rest_ms:g} ms"


def calibrate() -> Iterator[Frame]:
    """What commits of a few sizes cost here, one after the other: the line s₀ + s₁·b; and what a rest before it adds to one.

    By the loop that the lab runs: after the same write in a loop of its own, which finds caches warm, a fifth is missing.
    """
    unused = itertools.count()
    with ledger() as table:

        def write(numbers: Sequence[int]) -> Sequence[int]:
            return table.write([(next(unused), 1) for _ in numbers])

        def commit(size: int, rest_ms: float = 0.0) -> int:
            (batch,) = batches(np.full(size, round(1e6 * rest_ms)), write, size, 0.0)
            return batch.ended_ns - batch.began_ns

        # In random order, as in a run: how soon a CPU and a drive are awake again hangs on the rests before, too, and in a row of
        # rests of 3 or 8 ms commits are a fifth quicker than after such a rest among longer ones.
        rests: dict[float, list[int]] = {rest_ms: [] for rest_ms in RESTS_MS}
        for rest_ms in np.random.default_rng(1).permutation(np.repeat(RESTS_MS, PROBES)):
            rests[rest_ms].append(commit(1, rest_ms))
        # The first commits without a rest meet a drive and a CPU that have yet to wake up.
        busy = [[commit(size) for size in PROBED_ROWS] for _ in range(2 * PROBES)][PROBES:]
    cost = fit_cost(np.tile(PROBED_ROWS, PROBES), np.ravel(busy))
    added = np.maximum(0.0, np.median(list(rests.values()), axis=1) - float(cost.of(1)))
    more = dict(zip(map(after_rest, RESTS_MS), added.tolist(), strict=True))
    yield Frame(facts={"each_batch_ns": cost.each_batch, "each_row_ns": cost.each_row, **more})


@dataclass(frozen=True)
class Expected:
    """At batch `sizes`: capacity (requests/s), and mean wait and commit (ns), NaN where it is `NEARLY_FULL`.

    `here` is what to expect at the size of the slider.
    """

    sizes: NDArray[np.int64]
    capacity: NDArray[np.float64]
    waiting: NDArray[np.float64]
    writing: NDArray[np.float64]
    here: Waits


def predict(size: int, max_wait: int, rate: int, writer: str, constants: Mapping[str, Any]) -> Expected:
    """Random arrivals, one writer, and the cost line of this machine; a batch with a bad row is written row by row."""
    bad, timer = writer == BAD, writer != ON_ARRIVAL
    rests = tuple((1e6 * rest_ms, constants[after_rest(rest_ms)]) for rest_ms in RESTS_MS)
    cost = Cost(constants["each_batch_ns"], constants["each_row_ns"], rests)
    longest_s = max_wait / 1e3 + float(cost.of(MAX_ROWS)) / 1e9 + (0 if timer else 1 / rate)
    arrivals = poisson(rate, (REQUESTS + BATCHES * min(MAX_ROWS, 1 + rate * longest_s)) / rate, 1)

    def waits(rows: int) -> Waits:
        # Every hundredth row is bad, and a batch holds consecutive requests.
        spoilt = min(1.0, rows / BAD_EVERY) if bad and rows > 1 else 0.0
        # One by one each row costs a commit of its own: on average, over batches with and without a bad one.
        each = replace(cost, each_row=cost.each_row + spoilt * float(cost.of(1)))
        if rate >= NEARLY_FULL * 1e9 * float(each.throughput(rows)):
            return Waits(np.nan, np.nan, rows)
        enough = REQUESTS + int(BATCHES * min(rows, 1 + rate * longest_s))
        return simulate_batches(arrivals[:enough], rows, max_wait * 1e6, each, timer)

    sizes = np.unique(np.append(SIZES, size))
    found = {int(rows): waits(int(rows)) for rows in sizes}
    waiting, writing = np.array([(each.waiting, each.writing) for each in found.values()]).T
    return Expected(sizes, 1e9 * cost.throughput(sizes), waiting, writing, found[size])


def throughput(record: Record) -> float:
    """Requests written per second."""
    elapsed_s = record.fact("elapsed_s", 0.0)
    return record.count("acknowledged") / elapsed_s if elapsed_s else 0.0


def rows_each(record: Record) -> float:
    """Rows in a commit, on average over commits; rows of a batch with a bad row are committed one by one."""
    return record.count("acknowledged") / max(1, record.count("commits"))


def is_saturated(record: Record) -> bool:
    """Whether the backlog at the end is more than a tenth of the requests, and more than a few batches."""
    chosen = record.parameters
    return record.fact("backlog", 0) > max(3 * chosen["size"], 0.1 * chosen["rate"] * record.fact("elapsed_s", 0.0))


def fitted(record: Record) -> Cost | None:
    """The cost line through this run's own batches; None while there are none without a bad row."""
    rows = record.column("rows")
    return fit_cost(rows, record.column("batch_ns")) if rows.size else None


def fitted_line(run: Record) -> Any:
    """Throughput by the cost line of the run; None where its sizes are too alike to tell what a row adds."""
    cost, sizes = fitted(run), np.geomspace(1, MAX_ROWS, 30)
    return (sizes, 1e9 * cost.throughput(sizes)) if cost and cost.each_row else None


def cost_text(record: Record) -> str:
    """The cost line of the run."""
    cost = fitted(record)
    if cost is None:
        return ""
    more = f" + b · {duration(cost.each_row)}" if cost.each_row else "; too alike in size to tell what a row adds"
    return duration(cost.each_batch) + more


def _as_written(record: Record) -> tuple[Any, ...]:
    """The batches of a run, with the rule by which they were written."""
    columns = (record.column(name) for name in ("arrived_ns", "members", "began_ns", "took_ns"))
    chosen = record.parameters
    return (*columns, chosen["size"], chosen["max_wait"] * 1e6, chosen["writer"] != ON_ARRIVAL)


def replayed(record: Record) -> Replay | None:
    """The batches of a run, simulated with the times that they took; None while there are none."""
    return replay_batches(*_as_written(record)) if record.column("arrived_ns").size else None


def moments(record: Record) -> Moments | None:
    """Requests wait for their batch, and are at work while it is written. None where rows were refused: which is not recorded."""
    arrived_ns, rows, began_ns, took_ns = (
        record.column(name) for name in ("arrived_ns", "members", "began_ns", "took_ns")
    )
    if not rows.size or record.count("refused"):
        return None
    due_s, began_s, done_s = (
        arrived_ns / 1e9,
        np.repeat(began_ns, rows) / 1e9,
        np.repeat(began_ns + took_ns, rows) / 1e9,
    )
    became, server = np.full(due_s.size, SERVED), np.zeros(due_s.size, int)
    return Moments(due_s, due_s, began_s, done_s, done_s, became, server, float(done_s.max()), int(rows.max()))


def late_ns(record: Record) -> float:
    """p99 of how late the writer, which also takes in requests, began a batch (ns); NaN without batches."""
    return percentile(lateness(*_as_written(record)), 0.99) if record.column("arrived_ns").size else float("nan")


def finding(record: Record, pinned: Record | None) -> str | None:
    """How long requests wait for their batch and for the commit; or commits and p50 of both runs, where one control differs."""
    if not _has_begun(record):
        return None
    if pinned is not None and (name := only_change(record, pinned)) and _has_begun(pinned):
        before, after = (f"{where(run, name)}: {_commits(run)}" for run in (pinned, record))
        return f"{before[0].upper()}{before[1:]}; {after}."
    rows = f"{rows_each(record):.3g}"
    rows += " row" if rows == "1" else " rows"
    if is_saturated(record):
        asked, left = count(record.parameters["rate"]), count(record.fact("backlog", 0))
        return f"With {rows} in a commit, {count(throughput(record))} of {asked} requests/s are written; {left} wait."
    waiting, writing = (duration(record.column(name).mean()) for name in ("waiting_ns", "writing_ns"))
    what = "the writer" if record.parameters["size"] == 1 else "its batch"
    return f"With {rows} in a commit, a request waits {waiting} for {what} and {writing} for the commit, on average."


def _has_begun(record: Record) -> bool:
    return record.column(LATENCY).size > 0 and record.fact("elapsed_s", 0.0) > 0


def _commits(record: Record) -> str:
    """Commits per second, and what they do to the response time."""
    response = "saturated" if is_saturated(record) else f"p50 {duration(percentile(record.column(LATENCY), 0.5))}"
    return f"{count(record.count('commits') / record.fact('elapsed_s'))} commits/s, {response}"


WHERE = {
    "size": "with batches of up to {}",
    "max_wait": "with a longest wait of {:,} ms",
    "rate": "at {:,} requests/s",
    "writer": "“{}”",
}


def where(record: Record, control: str) -> str:
    """The setting of one control: `with batches of up to 100`."""
    value = record.parameters[control]
    if (control, value) == ("size", 1):
        return "with single rows"
    return WHERE[control].format(value)


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    said = f"{count(chosen['rate'])} requests per second arrive at random. "
    if chosen["size"] == 1:
        said += "Each is written by a commit of its own."
    else:
        said += f"A batch is written when it has {chosen['size']} rows or its oldest has waited {count(chosen['max_wait'])} ms."
    return (
        said
        + {TIMER: "", ON_ARRIVAL: " It is checked on arrivals only.", BAD: " 1 row in 100 is bad."}[chosen["writer"]]
    )
