"""Through, behind, aside: what do reads and writes take? Five strategies, a dict before a SQLite file with fsync."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.caching_strategies import strategies_model as model
from perflab.chapters.caching_strategies.strategies_model import HIT, MISS, ORDER, WRITE
from perflab.chapters.changes import only_change
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import percent_ticks
from perflab.lab.marks import Band, Histogram, Line, measured
from perflab.lab.palette import ALARM, CLOCK, GRID, MEASURED, MODEL_HERE
from perflab.lab.rows import named_rows
from perflab.lab.verdict import percentile_of, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, number, percent, percentile
from perflab.measure.units import ratio
from perflab.systems.caches.strategies import ASIDE, WRITE_THROUGH
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.servers.cached_store import KEYS, TTL, CachedStore

SLICE_S = 0.1


def experiment(strategy: str, writes: int, skew: float, store: float, seed: int) -> Iterator[Frame]:
    with CachedStore(strategy, writes / 100, skew, store, seed) as cached:
        while True:
            found = cached.load(SLICE_S)
            read = {HIT: found.hit_ns, MISS: found.miss_ns, WRITE: found.write_ns}
            times = {name: np.array(column, np.int64) for name, column in read.items()}
            counts = {"calls": sum(map(len, times.values())), "rows": found.rows, "flushes": found.flushes}
            yield Frame(times, counts, {"caveat": durability_caveat() or ""})


LOW, HIGH = 50, 5e8
TICKS = {1e2: "100 ns", 1e4: "10 µs", 1e6: "1 ms", 1e8: "100 ms"}
ROWS = tuple(text for name in ORDER for text in (f"{name}: reads", "writes"))
CHARTS = (
    Chart(
        "Mean times",
        Axis("", LOW, HIGH, log=True, ticks=TICKS),
        named_rows(ROWS),
        Band("y", setting=lambda now: 2 * ORDER.index(now["strategy"]) + np.array([-0.5, 1.5]), color=GRID, alpha=0.5),
        Line("model", model=lambda m: (m.means, range(len(ROWS))), **MODEL_HERE),
        Line(
            "often written",
            model=lambda m: (m.often_written, range(len(ROWS))),
            **{**MODEL_HERE, "color": ALARM, "marker": "x", "markersize": 8},
        ),
        *measured(model.means_of, among=("strategy",), earlier="before"),
        width=1.3,
        columns=3,
        empty="The means of reads and writes will appear here.",
    ),
    Chart(
        "Each request of this run",
        Axis("", LOW, HIGH, log=True, ticks=TICKS),
        Axis("share of reads, of writes", 0, 1, ticks=percent_ticks),
        Histogram("reads", LOW, HIGH, run=model.reads_of, fill=True, color=MEASURED, alpha=0.7),
        Histogram("writes", LOW, HIGH, run=lambda run: run.column(WRITE), color=CLOCK, linewidth=2.5),
        columns=1,
        empty="Times of reads and writes will appear here.",
    ),
)


def say(record: Record) -> str:
    """Reads and writes apart, and what the mean of the reads is made of."""
    reads, writes = model.reads_of(record), record.column(WRITE)

    def told(what: str, times: Any) -> str:
        p50, p99 = (model.percentiles_said(times, share) for share in (0.5, 0.99))
        return f"{what}: p50 {p50}, p99 {p99}, mean {duration(model.mean(times))}"

    said = f"{told('Reads', reads)}; {percent(model.hit_ratio(record))} hits. "
    said += f"{told('Writes', writes)}." if writes.size else "Nothing was written yet."
    misses = record.column(MISS)
    if misses.size:
        part = percent(misses.sum() / reads.sum())
        said += f" {part} of the time of all reads was in misses."
    return said


def finding(record: Record, pinned: Record | None) -> str | None:
    """The headline."""
    name, writes = record.parameters["strategy"], record.column(WRITE)
    if not writes.size:
        return None
    if pinned is not None and pinned.column(WRITE).size and only_change(record, pinned) == "strategy":
        times = percentile(pinned.column(WRITE), 0.5) / percentile(writes, 0.5)
        how, than = (f"{ratio(times)} quicker" if times >= 1 else f"{ratio(1 / times)} slower"), "than"
        if abs(times - 1) < 0.05:
            how, than = "about as quickly", "as"
        return f"{name.capitalize()} writes {how} (p50) {than} {pinned.parameters['strategy']}."
    reads = model.reads_of(record)
    told = f"a read takes {duration(model.mean(reads))} on average, {number(model.times_a_hit(record))} times a hit"
    return f"{name.capitalize()}: {told}; a write {duration(model.mean(writes))}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    far = f"{chosen['store']:g} ms away" if chosen["store"] else "on the same machine"
    what = f"One client, one request after another: a dict before a SQLite file with fsync, {far}. {chosen['writes']}% writes"
    return f"{what}, {count(KEYS)} keys; entries live for {count(TTL)} requests."


AS_A_HIT, SOME, MANY = "about as long as a hit", "2 to 20 times as long", "over 20 times as long"


def how_long_a_read_takes(record: Record) -> Outcome | None:
    """The mean read over the median hit; None for too few reads."""
    times = model.times_a_hit(record)
    if model.reads_of(record).size < 100 or not record.column(MISS).size:
        return None
    found = AS_A_HIT if times < 2 else SOME if times <= 20 else MANY
    mean, hits = duration(model.mean(model.reads_of(record))), percent(model.hit_ratio(record))
    told = f"{mean} on average, {number(times)} times a hit, with {hits} hits"
    return Outcome(found, told)


PREDICTION = Prediction(
    question="Write-through: each write goes to the store and into the cache. 4 of 5 requests are reads, the store is 2 ms away. "
    "How long does a read take on average, compared with a hit?",
    choices={
        AS_A_HIT: Answer(
            "Written values are in the cache. But values that are read before they are written are not, nor those that have "
            "expired: they miss with every strategy."
        ),
        SOME: Answer("Few reads miss. But a miss takes about a thousand times as long as a hit, so few are enough."),
        MANY: Answer(
            "",
            "h·T_c + (1 − h)·(T_c + T_d + T_fill): a hit takes a few microseconds at most, a miss over 2 ms. So the "
            "mean is nearly the share of misses times the store's time, whatever the hits take.",
        ),
    },
    runs=({"strategy": WRITE_THROUGH},),
    find=how_long_a_read_takes,
)


def lab() -> Lab:
    return Lab(
        question="What do reads and writes take?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "strategy": choice(ORDER, ASIDE, menu=True),
            "writes": values_slider((5, 10, 20, 50, 80, 95), 20, unit="%", label="share of writes"),
            "skew": values_slider((0.0, 0.5, 0.8, 1.0, 1.2, 1.5), 1.0, unit="(Zipf)"),
            "store": values_slider((0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0), 2.0, unit="ms", label="way to the store"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(
            say, compare=percentile_of(WRITE, "The writes' p50"), needs=HIT, empty="Nothing has hit yet."
        ),
        table=table_of(
            ("reads: p50; p99", model.read_percentiles),
            ("reads: mean; h·T_c + (1 − h)·(T_c + T_d + T_fill)", model.read_means),
            ("hits: measured; model", model.hits_said),
            ("writes: p50; p99", model.write_percentiles),
            ("writes: mean", lambda run: duration(model.mean(run.column(WRITE)))),
            ("written behind: entries in a flush; writes an entry", model.coalesced_said),
            needs=HIT,
            heading="this run",
        ),
        trust=trust_of(
            (
                "reads; of these misses",
                lambda run: f"{count(model.reads_of(run).size)}; {count(run.column(MISS).size)}",
            ),
            ("writes", lambda run: count(run.column(WRITE).size)),
            needs=HIT,
        ),
        finding=finding,
        scenario=scenario,
    )
