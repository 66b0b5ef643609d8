"""Which of six improvements makes the API fast? Each is switched on after the others, and measured against the step before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import pairwise
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.where_latency_comes_from.make_it_fast_model import LABELS, START, STEPS, predict, stages
from perflab.lab import Axis, Chart, Lab, Prediction, Record, Verdict, duration_ticks, one_run, switch
from perflab.lab.marks import Line
from perflab.lab.palette import ALARM, INK, MEASURED, MODEL, PINNED, PINNED_POINTS
from perflab.lab.rows import Spans, Texts, intervals_in, named_rows, values_in
from perflab.lab.verdict import INVALID, against_pinned, estimate_text, ratio_text
from perflab.measure import Estimate, Frame, Ratio, compare, count, duration, gc_paused, percentile, summarise
from perflab.measure.units import NOTHING, ratio
from perflab.systems.clients.switched_shop import switched_shop
from perflab.systems.databases.catalogue import sku_of
from perflab.systems.machine.storage import durability_caveat
from perflab.theory.ttl import zipf

KEYS, SKEW, SLICE_S, MAX_ROUNDS, PROBES = 50, 1.0, 0.15, 400, 24


def experiment(seed: int, **wanted: bool) -> Iterator[Frame]:
    generator = np.random.default_rng(seed)
    popularity = zipf(KEYS, SKEW)
    steps = list(stages(**wanted).items())
    with switched_shop() as api:
        done = 0
        while done < MAX_ROUNDS:
            times: dict[str, list[int]] = {label: [] for label, _ in steps}
            deadline_ns = perf_counter_ns() + int(SLICE_S * 1e9)
            with gc_paused(generation=0):
                while done < MAX_ROUNDS and perf_counter_ns() < deadline_ns:
                    done += 1
                    # One product for all steps of a round, in an order that changes: what disturbs one disturbs its neighbours.
                    path = f"/product?sku={sku_of(int(generator.choice(KEYS, p=popularity)))}"
                    for place in generator.permutation(len(steps)):
                        label, switched_on = steps[place]
                        times[label].append(api.time(path, switched_on))
            samples = {f"{label}_ns": np.array(taken, float) for label, taken in times.items()}
            yield Frame(samples, {"calls": sum(map(len, times.values()))}, {"caveat": durability_caveat() or ""})


def calibrate() -> Iterator[Frame]:
    """Medians with all off, with pooled connections, and with each further switch beside these (the cache's hits)."""
    cases = {START: (), "pooled": ("pooled",), "near hit": ("pooled", "cache", "closer")}
    cases |= {name: ("pooled", name) for name in STEPS if name != "pooled"}
    facts = {}
    path = f"/product?sku={sku_of(1)}"
    with switched_shop() as api:
        for name, switched_on in cases.items():
            api.time(path, switched_on)
            facts[name] = float(np.median([api.time(path, switched_on) for _ in range(PROBES)]))
    yield Frame(facts=facts)


def taken(record: Record) -> dict[str, NDArray[Any]]:
    """The response times (ns) of each step that was taken."""
    columns = {label: record.column(f"{label}_ns") for label in LABELS}
    return {label: latencies for label, latencies in columns.items() if latencies.size}


@lru_cache(maxsize=8)
def steps_of(record: Record, share: float) -> dict[str, Estimate]:
    """A percentile of each step that was taken, with its interval where there are samples enough."""
    steps = taken(record).items()
    return {label: summarise(latencies, percentiles=(share,)).percentiles[share] for label, latencies in steps}


@lru_cache(maxsize=8)
def gains(record: Record, share: float = 0.5) -> dict[str, Ratio]:
    """How many times faster each step is than the one before: medians by interleaved pairs, other percentiles as they are."""
    ratio_of = compare.paired_ratio if share == 0.5 else partial(compare.ratio, share=share)
    return {label: ratio_of(before, after) for (_, before), (label, after) in pairwise(taken(record).items())}


def bars(record: Record, share: float, kind: str) -> tuple[list[float], list[float]]:
    """For the row of each step that is faster, slower or too close to call: from the step before to it."""
    steps, found = steps_of(record, share), gains(record, share)
    begins, ends = dict.fromkeys(LABELS, np.nan), dict.fromkeys(LABELS, np.nan)
    for before, after in pairwise(steps):
        begin, end = steps[before].value, steps[after].value
        if kind == ("close" if found[after].verdict != compare.CLEAR else "faster" if end <= begin else "slower"):
            begins[after], ends[after] = begin, end
    return list(begins.values()), list(ends.values())


def gain_text(gain: Ratio | None) -> str:
    if gain is None or gain.verdict != compare.CLEAR:
        return "" if gain is None else "equal" if gain.verdict == compare.EQUAL else "too close"
    return f"{ratio(gain.value)} faster" if gain.value >= 1 else f"{ratio(1 / gain.value)} slower"


def waterfall(title: str, share: float, *model: Line) -> Chart:
    rows = range(len(LABELS))
    return Chart(
        title,
        Axis("response time (log)", 1e5, 1e9, log=True, ticks=duration_ticks),
        named_rows(LABELS),
        Spans(rows, "faster by", run=lambda run: bars(run, share, "faster"), height=0.55, color=MEASURED, alpha=0.8),
        Spans(rows, "slower by", run=lambda run: bars(run, share, "slower"), height=0.55, color=ALARM, hatch="//"),
        Spans(rows, "too close", run=lambda run: bars(run, share, "close"), height=0.3, color=PINNED, alpha=0.6),
        Line("95% interval", run=lambda run: intervals_in(LABELS, steps_of(run, share)), color=INK, linewidth=2),
        *model,
        Line("pinned", pinned=lambda run: values_in(LABELS, steps_of(run, share)), **PINNED_POINTS),
        Texts(len(LABELS), run=lambda run: [gain_text(gains(run, share).get(label)) for label in LABELS]),
    )


TICKS: dict[str, Any] = {"color": MODEL, "marker": "|", "linestyle": "none", "markersize": 19, "markeredgewidth": 3}
CHARTS = (
    waterfall("p50 after each step", 0.5, Line("model", model=lambda steps: values_in(LABELS, steps), **TICKS)),
    waterfall("p99 after each step (nearest rank)", 0.99),
)


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """From where to where, and the step that did most."""
    columns = list(taken(record).values())
    if not columns:
        return Verdict("Nothing was measured.", INVALID)
    if len(columns) == 1:
        return Verdict(f"With everything off a request takes {duration(percentile(columns[0], 0.5))} (p50).")
    best, most = max(gains(record).items(), key=lambda step: step[1].value)
    medians, tails = ([percentile(columns[end], share) for end in (0, -1)] for share in (0.5, 0.99))
    said = (
        f"p50 from {duration(medians[0])} to {duration(medians[1])}, {ratio(medians[0] / medians[1])} faster; "
        f"p99 from {duration(tails[0])} to {duration(tails[1])}. Most in one step: {best.removeprefix('+ ')}, "
        f"{ratio_text(most)} in {count(columns[0].size)} interleaved pairs."
    )
    if pinned is None or pinned is record or not taken(pinned):
        return Verdict(said, most.verdict)
    new, old = columns[-1], list(taken(pinned).values())[-1]
    compared = compare.paired_ratio(new[: old.size], old[: new.size])
    return Verdict(f"{said} The last step's median is {against_pinned(compared)}.", compared.verdict)


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each step: p50 and p99 with their intervals, and the ratio to the step before with its own."""
    heading = ("step", "requests", "p50, 95% interval", "p99, 95% interval", "faster than the step before")
    rows: list[tuple[str, ...]] = [heading]
    for label, latencies in taken(record).items():
        gain = gains(record).get(label)
        numbers = (estimate_text(steps_of(record, share)[label]) for share in (0.5, 0.99))
        rows.append(
            (label, count(latencies.size), *numbers, f"{ratio_text(gain)}, {gain.verdict}" if gain else NOTHING)
        )
    return rows


def greatest(record: Record) -> str | None:
    """The step with the greatest gain in a run with all six switches on."""
    found = gains(record)
    best = max(found, key=lambda label: found[label].value, default="").removeprefix("+ ")
    return None if len(found) < len(STEPS) else best if best in PREDICTION.choices else OTHER


OTHER = "pooling or the join"

PREDICTION = Prediction(
    question="All six are switched on, one after the other. Which one makes the median request most times faster?",
    choices={
        "index": "It spares a scan of 5,000 rows, which is quick in memory: other parts of the request take longer.",
        "cache": "A hit spares every query and the commit at once: whatever else is slow behind it is no longer seen.",
        "SQLite tuned": "It spares the wait for the disk; but once most requests hit the cache, few of them write.",
        "server closer": "What is left when all else is quick is the way: the last step can be the greatest.",
        OTHER: "Each costs a fraction of a millisecond here, because SQLite is a library, not a server across a network.",
    },
    settle=one_run(greatest),
    hint="Measure with all six on.",
)


def lab() -> Lab:
    return Lab(
        question="Which of six improvements makes the API fast?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "pooled": switch(True, label="pooled connections"),
            "index": switch(True),
            "join": switch(True, label="join, not N+1"),
            "cache": switch(True),
            "tuning": switch(True, label="SQLite tuned"),
            "closer": switch(True, label="server closer"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=12.0,
    )
