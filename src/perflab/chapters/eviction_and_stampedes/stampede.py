"""What happens when a hot key expires? Real threads read it at random; its value is a SQLite query that computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from perflab.chapters.changes import only_change
from perflab.chapters.eviction_and_stampedes import stampede_model as model
from perflab.chapters.eviction_and_stampedes.stampede_model import CURES, NONE, RUN_S, THREADS, XFETCH, per_expiry
from perflab.chapters.load_moments import moments_of_queries
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import count_ticks, plain_ticks
from perflab.lab.marks import Line, Rule, measured
from perflab.lab.palette import ALARM, INK, MEASURED, MODEL, MODEL_HERE, PINNED_LINE
from perflab.lab.rows import Texts, named_rows
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, percent, poisson
from perflab.systems.caches.hot_key import Early
from perflab.systems.clients.hot_key_load import hot_key_load
from perflab.systems.servers.hot_key_server import HotKeyServer
from perflab.theory.stampede import computations_apart


def experiment(cure: str, rate: int, query: int, ttl: float, seed: int, early: Early | None = None) -> Iterator[Frame]:
    schedule = poisson(rate, RUN_S, seed)
    with HotKeyServer(THREADS, query) as server:
        server.begin(schedule, model.cure_of(cure, early), ttl, seed)
        yield from hot_key_load(server, schedule, RUN_S)


STEPS: dict[str, Any] = {"drawstyle": "steps-post", "linewidth": 1.8}
CLOSED: dict[str, Any] = {"color": MODEL, "linestyle": "none", "marker": "|", "markersize": 17, "markeredgewidth": 3}
HEIGHTS = (12, 30, 70, 150, 300, 600, 1_200)


def charts(rows: Sequence[str]) -> tuple[Chart, Chart]:
    """A run over time, and how many queries each of these cures lets run."""
    at = {name: row for row, name in enumerate(rows)}

    def closed(expected: model.Expected) -> tuple[list[float], list[int]]:
        known = [name for name in rows if name in expected.closed]
        return [expected.closed[name] for name in known], [at[name] for name in known]

    return (
        Chart(
            "Reads without an answer yet",
            Axis("time since the start (s)", 0, RUN_S),
            Axis(
                "at this moment",
                0,
                12,
                ticks=count_ticks,
                ends=HEIGHTS,
                reach=lambda it: it.waiting.max(),
                run_reach=model.most,
            ),
            Line("one simulated run", model=lambda it: (model.GRID_S, it.waiting), color=MODEL, linewidth=2.5),
            Line("pinned: waiting", pinned=model.waiting, **{**PINNED_LINE, "drawstyle": "steps-post"}),
            Line("reads that wait", run=model.waiting, color=MEASURED, **STEPS),
            Line("queries that run", run=model.computing, color=ALARM, linestyle="--", **STEPS),
            columns=2,
            empty="Reads that wait will appear here.",
        ),
        Chart(
            "Queries for one expiry",
            Axis("until the first of them has filled the cache", 0.8, 900, log=True, ticks=plain_ticks),
            named_rows(rows),
            Rule("x", "threads", setting=lambda _: THREADS, color=INK, linestyle=":", linewidth=1.5),
            Line("formula", model=closed, **CLOSED),
            Line("simulated", model=lambda it: (it.per_expiry, at[it.cure]), **MODEL_HERE),
            *measured(lambda run: (per_expiry(run), at[run.parameters["cure"]]), among=("cure",)),
            Texts(len(rows), runs=lambda runs: model.p99s(rows, runs)),
            columns=3,
            empty="Each cure will be a point in its row.",
        ),
    )


def say(record: Record) -> str:
    """How often the query ran, and what the reads paid for it."""
    chosen, found, each = record.parameters, model.groups(record), per_expiry(record)
    if not found:
        return "The key has not expired yet."
    said = f"{model.number_of(each, 'query')} per expiry, at most {max(found)}, of {model.number_of(len(found), 'expiry')}. "
    said += f"A read took {duration(model.p99_ns(record))} at p99; queries "
    said += f"that ended used {percent(model.cpu_share(record))} of a CPU."
    if chosen["cure"] == NONE:
        apart = computations_apart(chosen["rate"], chosen["query"] / 1e3)
        said += f" With a CPU for each query, 1 + λD = {apart:.3g} would have run."
    return said


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """The same of the pinned run."""
    return f"Pinned run: {model.number_of(per_expiry(pinned), 'query')}, p99 {duration(model.p99_ns(pinned))}.", ""


def finding(record: Record, pinned: Record | None) -> str | None:
    """The headline."""
    chosen, each = record.parameters, per_expiry(record)
    if np.isnan(each):
        return None
    name, p99 = chosen["cure"], duration(model.p99_ns(record))
    if pinned is not None and only_change(record, pinned) == "cure" and not np.isnan(other := per_expiry(pinned)):
        return (
            f"Queries per expiry: {other:.3g} with “{pinned.parameters['cure']}”, {each:.3g} with “{name}”. p99: {p99}."
        )
    ran = f"ran {model.number_of(each, 'time')} for one expiry"
    if name == XFETCH and model.is_stampede(record):
        return (
            f"XFetch has caused a stampede: up to {count(max(model.groups(record)))} queries for one expiry, p99 {p99}."
        )
    return f"With “{name}” the query {ran}; the p99 of all reads is {p99}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What is done."""
    return (
        f"{count(chosen['rate'])} reads/s of one key, by up to {THREADS} threads; its value lives {chosen['ttl']:g} s, and takes "
        f"SQLite {chosen['query']} ms of a CPU."
    )


TABLE = table_of(
    ("queries per expiry, mean; most", model.queries_text),
    ("expiries", lambda run: count(len(model.groups(run)))),
    ("response time, p50; p99", model.responses_text),
    ("reads: from the cache; expired value; waited; ran the query", model.kinds_text),
    ("queries per second", lambda run: f"{run.column('decided_s').size / run.fact('elapsed_s', np.nan):.3g}"),
    ("CPUs that the queries which ended used, mean", lambda run: f"{model.cpu_share(run):.2f}"),
)
TRUST = trust_of(
    ("CPU time of a query, p50", model.cpu_text),
    ("the same reads simulated with these", model.replay_text),
    ("waited for a thread, p99", lambda run: duration(np.percentile(run.column("waited_ns"), 99))),
    ("CPUs, by how many queries run in the time of one", lambda run: f"{(run.constants or {}).get('cpus', 0):.2f}"),
)

ONE, AS_ARRIVED, MORE = "once", "about 9 times", "15 times or more"
BORDER = 15 / 9


def how_often(record: Record) -> Outcome | None:
    """Queries per expiry against the reads that arrive while one runs."""
    each, chosen = per_expiry(record), record.parameters
    apart = computations_apart(chosen["rate"], chosen["query"] / 1e3)
    if not record.column("of_s").size or np.isnan(each):
        return None
    found = ONE if each < 2 else MORE if each > BORDER * apart else AS_ARRIVED
    return Outcome(
        found, f"the query ran {model.number_of(each, 'time')} for one expiry, p99 {duration(model.p99_ns(record))}"
    )


PREDICTION = Prediction(
    question="200 reads per second of one key are answered from a cache. The value expires; the query that computes it takes "
    "40 ms of a CPU. Each read that finds no value runs it. How often does it run?",
    choices={
        ONE: Answer("That takes a rule: without one, a read does not know that another has begun the same query."),
        AS_ARRIVED: Answer(
            "8 more reads come within 40 ms. But where queries share CPUs, none of them is done after 40 ms.",
            "Here there are nearly CPUs enough for all of them: each takes about 40 ms, and 8 more reads come meanwhile.",
        ),
        MORE: Answer(
            "That needs queries that slow each other down; here each had nearly a CPU of its own.",
            "Queries share the CPUs, so the first of them takes longer, so more begin, so it takes longer still. With c CPUs it "
            "ends after c/λ · e^(λD/c − 1). The number grows exponentially, until all threads compute.",
        ),
    },
    runs=({"cure": NONE, "rate": 200, "query": 40, "ttl": 0.5},),
    find=how_often,
)


def lab() -> Lab:
    return Lab(
        question="What happens when a hot key expires?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "cure": choice(list(CURES), menu=True, label="protection"),
            "rate": values_slider((20, 50, 100, 150, 200, 300, 400), 200, unit="reads/s", label="reads of the key"),
            "query": values_slider((5, 10, 20, 30, 40, 50, 60), 40, unit="ms", label="query (CPU time)"),
            "ttl": values_slider((0.2, 0.5, 0.8, 1.0, 2.0), 0.5, unit="s", label="time to live (TTL)"),
        },
        charts=charts(list(CURES)),
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=compare, empty="No read was answered."),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
        moments=moments_of_queries(lambda run: model.cure_of(run.parameters["cure"]).at_once or THREADS),
        budget_s=RUN_S + 1,
    )
