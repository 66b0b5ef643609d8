"""Which cache, which store? Reads through a dict and through Redis, in front of SQLite, of PostgreSQL and of a slow store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.caching_strategies import which_cache_model as model
from perflab.chapters.caching_strategies.which_cache_model import PAIRS, THROUGH, WITHOUT, gained, median
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import duration_ticks
from perflab.lab.marks import Band, Label, Line, Rule, measured
from perflab.lab.palette import CLOCK, GRID, INK, MODEL, MODEL_HERE, MODEL_LINE, PINNED, QUIET
from perflab.lab.rows import Texts, named_rows
from perflab.lab.verdict import percentile_of, ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, Ratio, count, duration, number
from perflab.measure.compare import EQUAL, TOO_CLOSE
from perflab.systems.databases.values import ROWS
from perflab.systems.servers.cached_reading import CachedReading, here, missing
from perflab.systems.servers.cached_reads import CACHES, HOT, IN_REDIS, NONE, SQLITE, STORES

SLICE_S = 0.1


def experiment(cache: str, store: str, hits: int, seed: int) -> Iterator[Frame]:
    with CachedReading([(cache, store, hits)], seed) as reading:
        while True:
            yield model.frame_of(reading.read(SLICE_S))  # rounds through the cache and without it, over the same keys


TICKS = {float(at): f"{each}%" for at, each in enumerate(model.STEPS)}
ALONE: dict[str, Any] = {"color": INK, "linestyle": "--", "linewidth": 2, "at": "end"}
BREAK_EVEN: dict[str, Any] = {"color": MODEL, "linestyle": ":", "linewidth": 2}
TOPS = (1.2e5, 1.2e6, 1.2e7)
"""Of the axis of times (ns): SQLite, PostgreSQL and the slow store are far apart."""


def point(column: str) -> Any:
    """The median of a column, where the hit ratio stands."""
    return lambda run: (model.place(run.parameters["hits"]), median(run, column))


MEANS = Chart(
    "Mean time of a read",
    Axis("hit ratio (each step about halves the misses)", -0.3, len(TICKS) - 0.7, ticks=TICKS),
    Axis("", 60, TOPS[0], log=True, ticks=duration_ticks, ends=TOPS, reach=model.highest),
    Line("through the cache", model=lambda m: (model.PLACES, m.through), **MODEL_LINE, at=2.8, side="below"),
    Line("no cache", model=lambda m: (model.PLACES, [m.without] * len(model.PLACES)), **ALONE),
    Rule("x", model=model.meeting, **BREAK_EVEN),
    Label(model=model.break_even_label, side="right", color=MODEL),
    Line(model=lambda m: m.here, **MODEL_HERE),
    Line("no cache", run=point(WITHOUT), marker="s", color=INK, markersize=8, linestyle="none"),
    *measured(point(THROUGH), among=("hits",)),
    Line("p50 of reads", run=point(model.SINGLE), marker="v", color=CLOCK, markersize=6, linestyle="none"),
    columns=3,
    empty="The mean read will appear here.",
)


def row_chosen(now: Mapping[str, Any]) -> Any:
    """The row of a setting; None without a cache."""
    pair = now["cache"], now["store"]
    return PAIRS.index(pair) + np.array([-0.4, 0.4]) if pair in PAIRS else None


def not_here(_: Any) -> list[str]:
    """What stands in the rows that are not measured here."""
    return ["" if {*pair} <= {*here(pair)} else "not measured here" for pair in PAIRS]


def all_pairs() -> Chart:
    """How much each cache gains in front of each store, at the chosen hit ratio."""
    return Chart(
        "Reads per second, against no cache",
        Axis("← fewer · times as many as without · more →", *model.ENDS, log=True, ticks=model.TIMES),
        named_rows([f"{cache} → {store}" for cache, store in PAIRS]),
        Band("y", setting=row_chosen, color=GRID, alpha=0.5),
        Rule("x", setting=lambda _: 1, color=PINNED, linestyle=":", linewidth=2),
        Line("model", model=lambda m: (model.on_axis(m.times), range(len(PAIRS))), **MODEL_HERE),
        *measured(model.row_of, among=("cache", "store"), earlier="before"),
        Texts(len(PAIRS), 0.19, runs=model.texts, color=INK),
        Texts(len(PAIRS), setting=not_here, color=QUIET),
        columns=3,
        width=1.15,
        empty="What a cache gains will appear here.",
    )


def say(record: Record) -> str:
    """The mean read with and without, and from which hit ratio on the cache pays."""
    chosen, found = record.parameters, gained(record)
    took, alone = (duration(median(record, column)) for column in (THROUGH, WITHOUT))
    if chosen["cache"] == NONE or found is None:
        return f"A read of {model.store_said(chosen['store'])} takes {took} on average."
    said = f"{model.pair_said(chosen)}: a read takes {took} on average, {alone} without it: {ratio_text(found)} as many reads."
    if model.break_even_said(record) == model.NEVER:
        return f"{said} A hit alone takes longer than the store, so no hit ratio is enough."
    return f"{said} It pays from {model.break_even_said(record)} hits on."


def finding(record: Record, pinned: Record | None) -> str | None:
    """The headline."""
    runs = [run for run in (pinned, record) if run is not None and run.parameters["cache"] != NONE]
    if not runs or record is not runs[-1] or not (found := gained(record)):
        return None
    if len(runs) > 1:
        return "; ".join(f"{model.pair_said(run.parameters)}: {model.times_said(run)}" for run in runs) + "."
    said = f"{model.pair_said(record.parameters)}: reads become"
    if found.verdict == TOO_CLOSE:
        return None
    if found.verdict == EQUAL:
        return f"{said} neither faster nor slower."
    if found.value > 1:
        return f"{said} {number(found.value)} times faster."
    never = model.break_even_said(record) == model.NEVER
    return f"{said} {number(1 / found.value)} times slower{', and no hit ratio can help' if never else ''}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    what = f"Reads of one of {count(ROWS)} rows by its key, from {model.store_said(chosen['store'])}"
    if chosen["cache"] == NONE:
        return f"{what}, without a cache."
    return f"{what}, through the cache and without it, in turns. The cache holds {count(HOT)} keys."


MUCH, LESS, ALIKE, MORE = "about a twentieth", "somewhat less", "about the same", "longer"
NEAR, FAR = 1.3, 5.0


def how_long(record: Record) -> Outcome | None:
    """The mean read through Redis over that of SQLite alone; None where a run cannot tell."""
    found = gained(record)
    if found is None or not found.has_interval or found.low <= 0:
        return None
    low, high = 1 / found.high, 1 / found.low
    told = f"a read takes {ratio_text(Ratio(1 / found.value, low, high))} as long as without Redis"
    if max(high, 1 / low) < NEAR:
        return Outcome(ALIKE, told)
    if low <= 1 <= high:
        return None
    return Outcome(MORE if low > 1 else MUCH if found.value > FAR else LESS, told)


PREDICTION = Prediction(
    question="A team puts Redis on the same machine in front of SQLite; 95% of the reads hit, so SQLite gets one in twenty. "
    "How long does a read take on average, compared with before?",
    choices={
        MUCH: Answer(
            "19 of 20 reads no longer reach SQLite. But each of them is a request to Redis, which takes its time, too.",
            "On this machine a look-up in SQLite takes far longer than a request to Redis.",
        ),
        LESS: Answer(
            "That is so where a hit takes a little less time than the store.",
            "On this machine a look-up in SQLite takes longer than a request to Redis.",
        ),
        ALIKE: Answer(
            "A hit and a look-up would have to take about the same time.",
            "On this machine a look-up in SQLite takes about as long as a request to Redis.",
        ),
        MORE: Answer(
            "That is so where a request to another process takes longer than a look-up in this one. Here it did not.",
            "SQLite runs in this process, with its pages in memory: a look-up is some function calls. A request to Redis goes to "
            "another process and back. The mean read is never below T_c, whatever the hit ratio.",
        ),
    },
    runs=({"cache": IN_REDIS, "store": SQLITE, "hits": 95},),
    find=how_long,
)


def lab() -> Lab:
    caches, stores = here(CACHES), here(STORES)
    absent = missing((*CACHES, *STORES))
    has_redis = IN_REDIS in caches
    return Lab(
        question="When is a cache slower than the store?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "cache": choice(caches, caches[-1]),
            "store": choice(stores),
            "hits": values_slider(model.STEPS, 95, unit="%", label="hit ratio"),
        },
        charts=(MEANS, all_pairs()),
        prediction=PREDICTION if has_redis else None,
        verdict=verdict_of(say, compare=percentile_of(THROUGH, "The mean read"), needs=THROUGH),
        table=table_of(
            *model.ROWS,
            *((("not measured here", lambda _: absent),) if absent else ()),
            needs=THROUGH,
            heading="this run",
        ),
        trust=trust_of(*model.TRUST_ROWS, needs=THROUGH),
        finding=finding,
        scenario=scenario,
    )
