"""Which of six improvements makes the API fast? Each is switched on after the others, and measured against the step before."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from time import perf_counter_ns
from typing import Any

import numpy as np

from perflab.chapters.where_latency_comes_from import make_it_fast_model
from perflab.chapters.where_latency_comes_from.make_it_fast_model import (
    CLOSE,
    LABELS,
    OTHER,
    STEPS,
    gains,
    steps_of,
    taken,
)
from perflab.lab import Answer, Axis, Chart, Lab, Prediction, Record, Verdict, duration_ticks, switch
from perflab.lab.marks import Line
from perflab.lab.palette import ALARM, INK, MEASURED, MODEL, PINNED, PINNED_POINTS
from perflab.lab.rows import Spans, Texts, intervals_in, named_rows, values_in
from perflab.lab.verdict import INVALID, against_pinned, estimate_text, ratio_text
from perflab.measure import Frame, Ratio, compare, count, duration, gc_paused, percentile
from perflab.measure.units import DASH, ratio
from perflab.systems.clients.switched_shop import switched_shop
from perflab.systems.databases.catalogue import sku_of
from perflab.systems.machine.storage import durability_caveat
from perflab.theory.ttl import zipf

KEYS, SKEW, SLICE_S, MAX_ROUNDS, PROBES = 50, 1.0, 0.15, 400, 24


def experiment(seed: int, **wanted: bool) -> Iterator[Frame]:
    generator, popularity = np.random.default_rng(seed), zipf(KEYS, SKEW)
    steps = list(make_it_fast_model.stages(**wanted).items())
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
            samples = {f"{label}_ns": np.array(each, float) for label, each in times.items()}
            yield Frame(samples, {"calls": sum(map(len, times.values()))}, {"caveat": durability_caveat() or ""})


def calibrate() -> Iterator[Frame]:
    """Medians with all off, with pooled connections, and with each further switch beside these (the cache's hits)."""
    cases = {LABELS[0]: (), "pooled": ("pooled",), "near hit": ("pooled", "cache", "closer")}
    cases |= {name: ("pooled", name) for name in STEPS if name != "pooled"}
    facts = {}
    path = f"/product?sku={sku_of(1)}"
    with switched_shop() as api:
        for name, switched_on in cases.items():
            api.time(path, switched_on)
            facts[name] = float(np.median([api.time(path, switched_on) for _ in range(PROBES)]))
    yield Frame(facts=facts)


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
    if gain is None or not gain.has_interval:
        return "" if gain is None else "too few"
    if gain.verdict != compare.CLEAR:
        return "equal" if gain.verdict == compare.EQUAL else "too close"
    return f"{ratio(gain.value)} faster" if gain.value >= 1 else f"{ratio(1 / gain.value)} slower"


def waterfall(title: str, share: float, *model: Line) -> Chart:
    rows = range(len(LABELS))
    return Chart(
        title,
        Axis("response time", 1e5, 1e9, log=True, ticks=duration_ticks),
        named_rows(LABELS),
        Spans(rows, "faster by", run=lambda run: bars(run, share, "faster"), height=0.55, color=MEASURED, alpha=0.8),
        Spans(rows, "slower by", run=lambda run: bars(run, share, "slower"), height=0.55, color=ALARM, hatch="//"),
        Spans(rows, "too close", run=lambda run: bars(run, share, "close"), height=0.3, color=PINNED, alpha=0.6),
        Line("95% interval", run=lambda run: intervals_in(LABELS, steps_of(run, share)), color=INK, linewidth=2),
        *model,
        Line("pinned", pinned=lambda run: values_in(LABELS, steps_of(run, share)), **PINNED_POINTS),
        Texts(len(LABELS), run=lambda run: [gain_text(gains(run, share).get(label)) for label in LABELS]),
        empty="Each step will appear here.",
    )


TICKS: dict[str, Any] = {"color": MODEL, "marker": "|", "linestyle": "none", "markersize": 19, "markeredgewidth": 3}
CHARTS = (
    waterfall("p50 after each step", 0.5, Line("model", model=lambda steps: values_in(LABELS, steps), **TICKS)),
    waterfall("p99 after each step (nearest rank)", 0.99),
)


def tails(record: Record) -> str:
    """The p99 before and after, or why there is none."""
    first, *_, last = steps_of(record, 0.99).values()
    return f"p99 from {duration(first.value)} to {duration(last.value)}" if first.has_interval else first.shortage


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """From where to where, and the step that did most."""
    columns = list(taken(record).values())
    if not columns:
        return Verdict("Nothing was measured.", INVALID)
    if len(columns) == 1:
        return Verdict(f"With everything off a request takes {duration(percentile(columns[0], 0.5))} (p50).")
    best, most = max(gains(record).items(), key=lambda step: step[1].value)
    first, last = (percentile(columns[end], 0.5) for end in (0, -1))
    said = (
        f"p50 from {duration(first)} to {duration(last)}, {make_it_fast_model.faster_said(first / last)}; {tails(record)}. "
        f"Most in one step: {best.removeprefix('+ ')}, {ratio_text(most)} in {count(columns[0].size)} interleaved pairs."
    )
    if pinned is None or pinned is record or not taken(pinned):
        return Verdict(said, most.verdict)
    compared = make_it_fast_model.last_gain(record, pinned)
    return Verdict(f"{said} The last step's median is {against_pinned(compared)}.", compared.verdict)


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each step: p50 and p99 with their intervals, and the ratio to the step before with its own."""
    heading = ("step", "requests", "p50, 95% interval", "p99, 95% interval", "faster than the step before")
    rows: list[tuple[str, ...]] = [heading]
    for label, latencies in taken(record).items():
        gain = gains(record).get(label)
        numbers = (estimate_text(steps_of(record, share)[label]) for share in (0.5, 0.99))
        rows.append((label, count(latencies.size), *numbers, f"{ratio_text(gain)}, {gain.verdict}" if gain else DASH))
    return rows


PREDICTION = Prediction(
    question="All six are switched on, one after the other. Which one makes the median request most times faster?",
    choices={
        "index": Answer(
            "It spares a scan of 5,000 rows: in memory, some tenths of a millisecond.",
            "The scan of 5,000 rows was the longest part of what was left.",
        ),
        "cache": Answer(
            "A hit spares the queries and the commit, but not the way there, nor what the steps before have saved.",
            "A hit spares all queries and the commit at once: the longest part of what was left.",
        ),
        "SQLite tuned": Answer(
            "It comes after the cache: the median request is a hit by then, and a hit writes nothing.",
            "In this run few requests hit the cache, so most still waited for the disk.",
        ),
        "server closer": Answer(
            "It saves 1 ms of round trip, and is the greatest step only where all else takes less.",
            "When all else is quick, the way is what is left: 1 ms is several times what a hit takes.",
        ),
        OTHER: Answer(
            "SQLite is a library: a connection or a statement costs little. Across a network each would be a round trip.",
            "A connection to open, or twenty statements more, was the longest part here.",
        ),
        CLOSE: Answer("One step was ahead in most rounds.", "One was ahead in some rounds, the other in others."),
    },
    runs=({},),
    find=make_it_fast_model.greatest,
)


def lab() -> Lab:
    return Lab(
        question="Which of six improvements makes the API fast?",
        experiment=experiment,
        calibrate=calibrate,
        predict=make_it_fast_model.predict,
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
        finding=make_it_fast_model.finding,
        scenario=make_it_fast_model.scenario,
        budget_s=12.0,
    )
