"""What does a cache with a time to live (TTL) save? An HTTP API in front of SQLite, asked by independent users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters import load
from perflab.chapters.where_latency_comes_from import api_cache_model
from perflab.chapters.where_latency_comes_from.api_cache_model import (
    LOGIC_MS,
    PROBE_MS,
    RUN_S,
    SKEW,
    WINDOWS_S,
    hit_ratio,
    hits_said,
    ratio_so_far,
    requests_of,
    saturated,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, log_slider, values_slider
from perflab.lab.axes import duration_ticks, percent_ticks
from perflab.lab.marks import Histogram, Line, Rule
from perflab.lab.palette import INK, MEASURED, MEASURED_LINE, MODEL, MODEL_LINE, PINNED_LINE, SECOND
from perflab.lab.verdict import percentile_of, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, merge, percent, percentile, poisson
from perflab.systems.clients.loading import load_on
from perflab.systems.databases.catalogue import sku_of
from perflab.systems.http.connection import request_bytes
from perflab.systems.http.server_timing import note_queue
from perflab.systems.servers.shop import shop
from perflab.theory.ttl import zipf

MAX_KEYS, PROBES_PER_S, PROBED_S, ENDS_NS = 1_000, 100, 0.5, (2e5, 3e9)


def experiment(ttl: float, keys: int, database: int, rate: int, seed: int) -> Iterator[Frame]:
    schedule = poisson(rate, RUN_S, seed)
    asked = np.random.default_rng((seed, 1)).choice(keys, schedule.size, p=zipf(keys, SKEW))
    requests = [request_bytes(f"/product?sku={sku_of(key)}") for key in asked]
    with shop(MAX_KEYS, threads=1, cached=True, ttl_s=ttl, database_ms=database, logic_ms=LOGIC_MS) as server:
        for frame in load_on(server, requests.__getitem__, schedule, RUN_S, note_queue):
            at_s = schedule[np.asarray(frame.samples["number"])] / 1e9
            yield Frame({**frame.samples, "at_s": at_s}, frame.counts, frame.facts)


def calibrate() -> Iterator[Frame]:
    """What a hit takes here, inside the API's one thread and outside; what the page of a miss adds, and database and logic."""
    cases: dict[str, dict[str, Any]] = {
        "hit": {},
        "page": {"ttl_s": 0},
        "miss": {"ttl_s": 0, "database_ms": PROBE_MS},
        "logic": {"ttl_s": 60.0, "database_ms": 0, "logic_ms": PROBE_MS},
    }
    facts: dict[str, float] = {}
    with shop(MAX_KEYS, threads=1, cached=True, ttl_s=60.0) as server:
        # By the same generator, with pauses: in an endless row of requests nothing would have to wake up.
        request, probes = request_bytes(f"/product?sku={sku_of(1)}"), poisson(PROBES_PER_S, PROBED_S, 1)
        for name, changes in cases.items():
            server.ask("set", **changes)
            found = merge(load_on(server, request, probes, PROBED_S, note_queue)).samples
            arrived, started, done, latency = (np.asarray(found[each], float) for each in (*load.QUEUE, "latency_ns"))
            times = {"inside": done - started, "outside": latency - (done - arrived)}
            facts |= {f"{name} {part}": float(np.median(each)) for part, each in times.items()}
    yield Frame(facts=facts)


def of_times(statistic: Callable[[NDArray[Any]], Any]) -> Callable[[Record], Any]:
    return lambda run: statistic(run.column("latency_ns")) if run.column("latency_ns").size else None


TIME = Axis("seconds of the run", 0, RUN_S, ticks=(0, 0.5, 1, 1.5, 2))
RESPONSE = Axis("response time", *ENDS_NS, log=True, ticks=duration_ticks)
MISSES: dict[str, Any] = {"color": MEASURED, "hatch": "xx", "fill": True, "alpha": 0.85}
HITS: dict[str, Any] = {"color": SECOND, "fill": True, "alpha": 0.85}

CHARTS = (
    Chart(
        "Each request",
        TIME,
        RESPONSE,
        Line("miss", run=lambda run: requests_of(run, False), color=MEASURED, marker="x", ls="none", markersize=5),
        Line("hit", run=lambda run: requests_of(run, True), color=SECOND, marker="o", ls="none", markersize=3.5),
        Rule("y", "model, no queue", model=lambda model: model.miss, color=MODEL, linewidth=1.8),
        Rule("y", model=lambda model: model.hit, linewidth=1.8, color=MODEL, linestyle="--"),
        Rule("y", "pinned median", pinned=of_times(np.median), **PINNED_LINE),
        width=1.2,
        empty="Each request will appear here.",
    ),
    Chart(
        "Hit ratio so far",
        TIME,
        Axis("", 0, 1, ticks=percent_ticks),
        Line("model", model=lambda model: ((0, *WINDOWS_S), (0, *model.ratio_so_far)), **MODEL_LINE),
        Rule("y", "model, steady state", model=lambda model: model.steady, linewidth=1.5, color=MODEL, linestyle="--"),
        Line("pinned", pinned=ratio_so_far, **PINNED_LINE),
        Line("measured", run=ratio_so_far, **MEASURED_LINE),
        width=0.9,
        empty="Hits will appear here.",
    ),
    Chart(
        "Two humps",
        RESPONSE,
        Axis("share of requests", 0, 0.6, ticks=percent_ticks),
        Histogram("misses", *ENDS_NS, run=lambda run: (requests_of(run, False)[1], run.column("hit").size), **MISSES),
        Histogram("hits", *ENDS_NS, run=lambda run: (requests_of(run, True)[1], run.column("hit").size), **HITS),
        Histogram("pinned", *ENDS_NS, pinned=lambda run: run.column("latency_ns"), **PINNED_LINE),
        Rule("x", "model's mean", model=lambda model: model.mean, linewidth=2.5, color=MODEL, linestyle="--"),
        Rule("x", "mean", run=of_times(np.mean), color=INK, linewidth=2, linestyle="-."),
        empty="Their times will appear here.",
    ),
)


def say(record: Record) -> str:
    latencies = record.column("latency_ns")
    return f"{hits_said(record)}; mean {duration(latencies.mean())}, p50 {duration(percentile(latencies, 0.5))}."


def row_of(name: str, hit: bool) -> load.Row:
    def cell(run: Record) -> str:
        times = requests_of(run, hit)[1]
        numbers = [duration(times.mean()), duration(percentile(times, 0.5))] if times.size else []
        return "; ".join([f"{count(times.size)} ({percent(times.size / run.column('hit').size)})", *numbers])

    return f"{name}; mean, p50", cell


TABLE = table_of(row_of("hits", True), row_of("misses", False), load.MEAN, load.P50, load.IN_FLIGHT, load.FAILED)


def misses_left(early: Record, late: Record) -> Outcome | None:
    """How many of the misses are left when entries live twice as long; the requests of both whole runs are the same ones."""
    elapsed_s = [run.fact("elapsed_s", 0.0) for run in (early, late) if run.calls]
    if len(elapsed_s) < 2 or min(elapsed_s) < WHOLE * RUN_S:
        return None
    before, after = (int((1 - run.column("hit")).sum()) for run in (early, late))
    left = (1 - hit_ratio(late)) / max(1e-9, 1 - hit_ratio(early))
    said = f"{percent(left)} of them, {count(after)} misses instead of {count(before)}"
    return Outcome("three quarters", said) if LEFT[0] < left < LEFT[1] else None


WHOLE, LEFT = 0.9, (0.61, 0.87)  # between a half and three quarters, and these and all of them, as ratios

PREDICTION = Prediction(
    question="You let entries live twice as long: 1 s instead of 0.5 s. How many of the misses are left?",
    choices={
        "the same": Answer("That cannot be: popular products are read again within the second, and now hit."),
        "three quarters": Answer(
            "That is what theory expects of these requests; something went wrong in this run.",
            "Popular products miss half as often, rare ones as often as before, and all begin with a miss.",
        ),
        "half": Answer("True of a product that is read many times in its life; it cannot be true of the rare ones."),
        "a quarter": Answer("That cannot be: a life twice as long is half as many lives, with one miss each."),
    },
    runs=({"ttl": 0.5}, {"ttl": 1}),
    find=misses_left,
)


def lab() -> Lab:
    return Lab(
        question="What does a cache with a time to live save?",
        experiment=experiment,
        calibrate=calibrate,
        predict=api_cache_model.predict,
        controls={
            "ttl": values_slider((0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 60, 300), 0.5, unit="s", label="time to live (TTL)"),
            "keys": log_slider(1, MAX_KEYS, 50, unit="products", label="different products"),
            "database": values_slider((1, 2, 5, 10, 20, 50, 100), 5, unit="ms", label="database time"),
            "rate": values_slider((10, 20, 50, 100, 200, 400), 100, unit="requests/s", label="arrival rate"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, load.too_late, saturated, compare=percentile_of()),
        table=TABLE,
        trust=trust_of(*load.TRUST),
        finding=api_cache_model.finding,
        scenario=api_cache_model.scenario,
        moments=load.moments(),
        budget_s=RUN_S + 1,
    )
