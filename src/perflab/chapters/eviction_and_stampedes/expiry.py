"""How long should an entry live? A cache in front of a SQLite query: load of the store, age of what is read, and peaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter_ns
from typing import Any

import numpy as np

from perflab.chapters.changes import only_change
from perflab.chapters.eviction_and_stampedes import expiry_model as model
from perflab.chapters.eviction_and_stampedes.expiry_model import JITTER, QUERY_MS, RUN_S, TTLS_S, p99_ns, queries_per_s
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.marks import Label, Line, measured
from perflab.lab.palette import INK, MEASURED, MODEL, MODEL_HERE, MODEL_LINE, PINNED_LINE
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, percent
from perflab.systems.databases.report import reports

SLICE_S = 0.15


def experiment(ttl: float, expiry: str, keys: int, rate: int, seed: int) -> Iterator[Frame]:
    reads = model.reads_of(ttl, expiry, keys, rate, seed)
    due, asked, lives = reads.due_ns.tolist(), reads.keys.tolist(), reads.lives_ns.tolist()
    with reports() as store:
        days = int(QUERY_MS * store.days_per_ms())
        first = store.report(days)
        cache = {key: (first, 0, lives_ns) for key, lives_ns in enumerate(reads.first_ns.tolist())}  # all filled at 0
        start_ns, number, held_ns = perf_counter_ns(), 0, -1

        def now() -> int:
            return perf_counter_ns() - start_ns

        for until in np.append(np.arange(SLICE_S, RUN_S - SLICE_S / 2, SLICE_S), RUN_S) * 1e9:
            rows, since = [], number
            while (began := now()) < until:
                wait_ns = (due[number] if number < len(due) else until) - began
                if wait_ns > 0:
                    time.sleep(min(wait_ns, until - began) / 1e9)
                    continue
                value, filled, expires = cache[asked[number]]
                if is_miss := began >= expires:
                    value, filled = store.report(days), now()
                    cache[asked[number]] = value, filled, filled + lives[number]
                done = now()
                rows.append((began, done, is_miss, done - filled))
                number += 1
            told_ns, held_ns = held_ns, now()
            yield model.frame_of(reads, since, np.array(rows or np.empty((0, 4)), float), told_ns, held_ns)
            start_ns += now() - held_ns


def ttl_label(ttl: float) -> Callable[[Any], Any]:
    """The name of a TTL beside the curve; none where the store cannot do what it takes."""

    def at(expected: model.Expected) -> tuple[float, float, str]:
        where = np.log(ttl), np.log(model.CURVE_S)
        x, y = (float(np.exp(np.interp(*where, np.log(each)))) for each in (expected.ages_ns, expected.loads_per_s))
        return x, y, f"{ttl:g} s" if np.isfinite(y) else ""

    return at


STEPS: dict[str, Any] = {"drawstyle": "steps-mid", "linewidth": 2}
HEIGHTS = (120, 250, 600)

CHARTS = (
    Chart(
        "What freshness costs",
        Axis("mean age of what a read gets", 5e6, 3e9, log=True, ticks=duration_ticks),
        Axis("queries per second", 4, 900, log=True, ticks=count_ticks),
        Line("long run", model=lambda it: (it.ages_ns, it.loads_per_s), **MODEL_LINE),
        *(Label(side="above", model=ttl_label(ttl), color=MODEL, fontsize=11) for ttl in TTLS_S),
        Line("this run, simulated", model=lambda it: (it.age_ns, it.queries_per_s), **MODEL_HERE),
        *measured(lambda run: (model.age_ns(run), queries_per_s(run)), among=("ttl", "expiry")),
        columns=2,
        empty="Each TTL will be a point near the curve.",
    ),
    Chart(
        "Queries per second at the store",
        Axis("time since all entries were filled (s)", 0, RUN_S),
        Axis(
            "", 0, 120, ticks=count_ticks, ends=HEIGHTS, reach=lambda it: it.over_time.max(), run_reach=model.most_per_s
        ),
        Line("store busy", setting=lambda _: ((0, RUN_S), [model.STORE_PER_S] * 2), color=INK, linestyle=":", at=0.1),
        Line("model", model=lambda it: (model.BINS_S, it.over_time), color=MODEL, **STEPS),
        Line("pinned", pinned=model.over_time, **{**PINNED_LINE, **STEPS}),
        Line("measured", run=model.over_time, color=MEASURED, **STEPS),
        empty="The queries will appear here.",
    ),
)


def say(record: Record) -> str:
    """Load, peak, age and tail."""
    load, peak = count(queries_per_s(record)), count(model.most_per_s(record))
    age, p99 = duration(model.age_ns(record)), duration(p99_ns(record))
    return f"{load} queries per second, {peak} at the peak. What a read gets is {age} old on average; the p99 is {p99}."


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """The same of the pinned run."""
    return f"Pinned run: {count(queries_per_s(pinned))}/s, p99 {duration(p99_ns(pinned))}.", ""


def finding(record: Record, pinned: Record | None) -> str | None:
    """The headline."""
    if model.is_saturated(record):
        return model.saturated_text(record)
    load, p99 = f"The store gets {count(queries_per_s(record))} queries/s", duration(p99_ns(record))
    if pinned is not None and only_change(record, pinned) == "expiry" and not model.is_saturated(pinned):
        return f"{load} instead of {count(queries_per_s(pinned))}, and the p99 is {p99} instead of {duration(p99_ns(pinned))}."
    return f"{load}, and data is {duration(model.age_ns(record))} old on average; 1 read in 100 takes over {p99}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What is done."""
    lives = f"{chosen['ttl']:g} s" + (" ± 50% at random" if JITTER[chosen["expiry"]] else "")
    return (
        f"{chosen['keys']} keys, all filled at the start, each to live {lives}; {count(chosen['rate'])} reads/s, one thread. "
        f"A miss runs a query of {QUERY_MS} ms."
    )


TABLE = table_of(
    ("queries per second, mean; peak", lambda run: f"{count(queries_per_s(run))}; {count(model.most_per_s(run))}"),
    ("hit ratio", lambda run: percent(1 - run.count("queries") / run.calls)),
    ("age of what is read, mean", lambda run: duration(model.age_ns(run))),
    ("response time, p50; p99", model.responses_text),
)
TRUST = trust_of(
    ("the same reads simulated with these queries", model.replay_text),
    ("a query, p50", lambda run: duration(np.median(run.column("query_ns"))) if run.count("queries") else ""),
    ("reads answered", lambda run: f"{count(run.calls)} of {count(run.column('arrived_s').size)} that were due"),
)

FEWER, SHORTER, SAME = "fewer queries", "as many queries, shorter waits", "as many queries, the same waits"
CLEARLY = 1.5


def what_jitter_does(aligned: Record, jittered: Record) -> Outcome | None:
    """The p99 with jitter against that without."""
    if min(run.fact("elapsed_s", 0.0) for run in (aligned, jittered)) < 0.95 * RUN_S:
        return None
    loads = [f"{count(queries_per_s(run))}/s" for run in (aligned, jittered)]
    told = (
        f"{loads[0]} and a p99 of {duration(p99_ns(aligned))}; with jitter {loads[1]} and {duration(p99_ns(jittered))}"
    )
    return Outcome(SHORTER if p99_ns(aligned) > CLEARLY * p99_ns(jittered) else SAME, told)


PREDICTION = Prediction(
    question="A cache is filled all at once, and each entry lives 0.5 s. Instead, each gets a TTL of its own, between 0.25 "
    "and 0.75 s at random. What changes for the store?",
    choices={
        FEWER: Answer(
            "Half of the entries live longer, but the others expire earlier: the mean cycle is as long as before."
        ),
        SHORTER: Answer(
            "Here the store was quick enough to answer the peaks, or too slow to be done with any.",
            "The mean TTL is the same, so as many reads miss. But they no longer miss together, so the store's queue is short.",
        ),
        SAME: Answer(
            "As many, but when? With one TTL all misses come at the same moment.",
            "Here no queue formed at the store, or it never ended: it did not matter when the queries came.",
        ),
    },
    runs=tuple({"expiry": expiry, "ttl": 0.5, "keys": 200, "rate": 1_000} for expiry in JITTER),
    find=what_jitter_does,
)


def lab() -> Lab:
    return Lab(
        question="How long should an entry live, and all of them equally long?",
        experiment=experiment,
        predict=model.predict,
        controls={
            "ttl": values_slider(TTLS_S, 0.5, unit="s", label="time to live (TTL)"),
            "expiry": choice([*JITTER], label="lifetime of entries"),
            "keys": values_slider((20, 50, 100, 200), 200, unit="keys"),
            "rate": values_slider((100, 200, 500, 1_000), 1_000, unit="reads/s", label="reads"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, model.saturated, compare=compare, empty="No read was answered."),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
        moments=model.moments,
        budget_s=RUN_S + 1,
    )
