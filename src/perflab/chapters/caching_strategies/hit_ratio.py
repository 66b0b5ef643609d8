"""From hit ratio to p99: what does a larger cache do to the slowest reads? An LRU cache before a store with a queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters import load as loads
from perflab.chapters.caching_strategies import cached_load
from perflab.chapters.caching_strategies import hit_ratio_model as model
from perflab.chapters.caching_strategies.cached_load import KEYS, KINDS
from perflab.chapters.caching_strategies.hit_ratio_model import RUN_S, SIZES, SURE, hit_ratio, load_on_store
from perflab.chapters.changes import only_change
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, nearest, values_slider
from perflab.lab.axes import duration_ticks, percent_ticks
from perflab.lab.marks import Band, Here, Line, Whiskers, before
from perflab.lab.palette import ALARM, CLOCK, MEASURED, MODEL, MODEL_HERE, MODEL_LINE, PINNED_POINTS, THIRD
from perflab.lab.verdict import percentile_of, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, percent


def experiment(capacity: int, skew: float, rate: int, kind: str, seed: int) -> Iterator[Frame]:
    reads = model.asked(skew, rate, kind, seed)
    before = cached_load.held(capacity, skew, seed)
    yield from cached_load.load(reads, before, {"capacity": capacity}, {"workers": 1}, seconds=RUN_S)


def dots(value: Callable[[Record], float], marker: str, label: str = "") -> tuple[Line, ...]:
    """A run, those before it at other capacities, and the pinned one."""
    style: dict[str, Any] = {"color": MEASURED, "marker": marker, "linestyle": "none"}

    def point(run: Record) -> tuple[float, float]:
        return run.parameters["capacity"], value(run)

    return (
        Line(runs=before(point, ("capacity",)), **style, markersize=4, alpha=0.5),
        Line(pinned=point, **{**PINNED_POINTS, "marker": marker}),
        Line(label, run=point, **style, markersize=9),
    )


def curve(name: str) -> Callable[[Any], tuple[Any, Any]]:
    def points(expected: Any) -> tuple[Any, Any]:
        values = getattr(expected.long_run, name)
        return SIZES[np.isfinite(values)], values[np.isfinite(values)]

    return points


X = Axis(
    f"capacity of the cache (of {KEYS:,} keys)", 0, 1_030, ticks={each: f"{each:,}" for each in range(0, 1_001, 200)}
)
SATURATED = Band("x", "store saturated", model=lambda m: (0, m.saturated), color=ALARM, alpha=0.2)

CHARTS = (
    Chart(
        "Hit ratio, and load on the store",
        X,
        Axis("share", 0, 1.25, ticks=percent_ticks, ends=(1.25, 2.5, 5.2), reach=lambda m: m.long_run.load[0]),
        SATURATED,
        Line("hit ratio", at=860, model=curve("hit_ratio"), **MODEL_LINE),
        Line("load on the store", model=curve("load"), color=THIRD, linestyle="--", linewidth=2.5),
        *(Here("capacity", curve(name)) for name in ("hit_ratio", "load")),
        *dots(hit_ratio, "o", "measured"),
        *dots(load_on_store, "s"),
        columns=2,
        width=0.85,
        empty="Hits and load will appear here.",
    ),
    Chart(
        "Response time of a read",
        X,
        Axis("response time", 3e4, 5e9, log=True, ticks=duration_ticks),
        SATURATED,
        Band("x", "99% hit", model=lambda m: (m.sure, 1_030), color=CLOCK, alpha=0.15),
        Line("p99", at=620, model=curve("p99_ns"), **MODEL_LINE),
        Line("mean", at=600, model=curve("mean_ns"), **{**MODEL_LINE, "linestyle": "--"}),
        Line(
            "h·Tc + (1−h)·Td",
            at=210,
            side="below",
            model=curve("unqueued_ns"),
            color=MODEL,
            linestyle=":",
            linewidth=1.8,
        ),
        Whiskers("waiting", model=model.waiting_ns, color=THIRD, linewidth=3, alpha=0.35),
        Line("a run, simulated", model=lambda m: ([m.capacity] * 2, [m.mean_ns, m.p99_ns]), **MODEL_HERE),
        *dots(lambda run: model.measured_ns(run)[1], "^", "measured p99"),
        *dots(lambda run: model.measured_ns(run)[0], "o", "mean"),
        columns=3,
        width=1.15,
        empty="The mean and p99 of each run will appear here.",
    ),
)


def say(record: Record) -> str:
    """The path: from hits to the store's load, to the times."""
    (mean, p99), hits = model.measured_ns(record), hit_ratio(record)
    said = f"{percent(hits)} of the reads hit, so {count(model.reads_per_s(record))} per second reach the store, which can do "
    said += f"{count(model.CAPACITY)}: a load of {percent(load_on_store(record))}. Mean {duration(mean)}, p99 {duration(p99)}."
    if model.is_saturated(record):
        said += f" Saturated: {count(loads.Load(record).in_flight)} requests are still in flight, and their times only grow."
    else:
        said += f" h·Tc + (1−h)·Td says {model.unqueued_text(record)}."
    return said + loads.failures_said(record) + loads.lateness_said(record)


def finding(record: Record, pinned: Record | None) -> str | None:
    """The p99 beside the mean; beside another run, what became of it and of the store's load."""
    (mean, p99), hits = model.measured_ns(record), hit_ratio(record)
    if (changed := only_change(record, pinned)) and (said := model.effect_said(changed, record, pinned)):
        return said
    if model.is_saturated(record):
        return f"{percent(hits)} of the reads hit, and the rest are more than the store can do: p99 {model.tail_text(record)}."
    if hits > SURE:
        return f"{100 * hits:.1f}% of the reads hit, so even the p99 is a hit's: {duration(p99)}."
    return f"{percent(hits)} of the reads hit and the mean is {duration(mean)}, but 1 read in 100 takes over {duration(p99)}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What is done."""
    how = "always" if chosen["kind"] == cached_load.CONSTANT else "on average"
    return (
        f"{count(chosen['rate'])} reads/s of {KEYS:,} keys through an LRU cache of {count(chosen['capacity'])}; the store serves "
        f"one at a time, {how} in {model.SERVICE_MS} ms."
    )


TABLE = table_of(
    ("hit ratio", lambda run: f"{100 * hit_ratio(run):.1f}%"),
    ("load on the store", model.load_text),
    ("reads of the store per second (it can do 50)", lambda run: count(model.reads_per_s(run))),
    ("response time: mean; p99", model.times_text),
    ("h·Tc + (1−h)·Td, as if no read had to wait", model.unqueued_text),
    loads.IN_FLIGHT,
    needs="latency_ns",
)
TRUST = trust_of(("the same reads simulated: mean; p99", model.replay_text), loads.sent(), loads.LATENESS)

SAME, HALF, HIT = "it stays as it is", "it halves", "it falls to the time of a hit"
CHOICES, UNCLEAR = {SAME: 1.0, HALF: 0.5, HIT: 0.05}, (0.6, 0.8)


def what_the_tail_does(less: Record, more: Record) -> Outcome | None:
    """The p99 with twice as many misses against that with half of them; None where even the p99 hits, or it is too close."""
    if min(run.fact("elapsed_s", 0.0) for run in (less, more)) < 0.95 * RUN_S or hit_ratio(more) > SURE:
        return None
    p99 = [model.measured_ns(run)[1] for run in (less, more)]
    tails = f"{model.tail_text(less)} and {model.tail_text(more)}"
    told = f"hit ratio {100 * hit_ratio(less):.1f}% and {100 * hit_ratio(more):.1f}%: "
    told += f"load on the store {model.load_text(less)} and {model.load_text(more)}, p99 {tails}"
    is_close = UNCLEAR[0] < p99[1] / p99[0] < UNCLEAR[1]
    return None if is_close else Outcome(nearest(CHOICES, p99[1] / p99[0]), told)


PREDICTION = Prediction(
    question="A cache answers in less than 1 ms, its store takes 20 ms for a read. The hit ratio rises from 96% to 98%, so the "
    "store has half as much to do. What becomes of the p99?",
    choices={
        HALF: Answer(
            "The mean and the store's load halve. The p99 is one read of the slowest hundredth, not a share of them.",
            "Here the misses had to queue, and half as many queue far less.",
        ),
        HIT: Answer("It will, from a hit ratio of 99% on. Until then the slowest hundredth holds only misses."),
        SAME: Answer(
            "With fewer misses the store's queue is shorter. But at this load, hardly any miss meets a queue.",
            "2 reads in 100 still miss, so the slowest 1 in 100 is a read of the store: 20 ms. What halved is the store's load.",
        ),
    },
    runs=({"capacity": 800}, {"capacity": 900}),
    find=what_the_tail_does,
)


def lab() -> Lab:
    return Lab(
        question="What does a larger cache do to the slowest reads?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "capacity": values_slider(model.CAPACITIES, 500, unit="keys"),
            "rate": values_slider((25, 50, 75, 100, 150, 200, 250), 150, unit="reads/s", label="offered"),
            "skew": values_slider((0.6, 0.8, 1.0, 1.2, 1.4), 1.0, unit="(Zipf)"),
            "kind": choice(KINDS, label="service times"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, model.too_late, compare=percentile_of(), empty="No read was answered."),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
        moments=loads.moments(),
        budget_s=RUN_S + 1,
    )
