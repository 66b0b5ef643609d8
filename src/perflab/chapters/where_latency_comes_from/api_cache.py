"""What does a cache with a time to live save? An HTTP API in front of SQLite, asked by independent users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.load import Load, falls_behind, replayed, too_late
from perflab.chapters.where_latency_comes_from.api_cache_model import RUN_S, mean_of_run
from perflab.lab import Lab, Prediction, Record, Verdict, log_slider, values_slider
from perflab.lab.panels import HitRatio, Humps, Reads
from perflab.lab.verdict import against_pinned
from perflab.measure.compare import block_ratio
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile
from perflab.measure.schedule import poisson
from perflab.measure.units import count, duration, percent
from perflab.systems.clients.anatomy import Dissector
from perflab.systems.clients.loading import load_on
from perflab.systems.databases.catalogue import sku_of
from perflab.systems.http.connection import request_bytes
from perflab.systems.http.server_timing import note_queue
from perflab.systems.servers.shop import shop
from perflab.theory.ttl import hit_ratio_of_window, mean_hit_ratio, zipf

MOST_KEYS = 1_000
WINDOWS_S = (0.05, 0.2, 0.5, 1.0, 1.5, RUN_S)
LOW_NS, HIGH_NS = 2e5, 1e9
PROBE_MS = 4
PROBES = 60
REPLAYED = replayed(servers=1)


def experiment(
    ttl: float, keys: int, skew: float, database: int, logic: float, rate: int, seed: int
) -> Iterator[Frame]:
    schedule = poisson(rate, RUN_S, seed)
    asked = np.random.default_rng((seed, 1)).choice(keys, schedule.size, p=zipf(keys, skew))
    with shop(MOST_KEYS, threads=1, cached=True, ttl_s=ttl, database_ms=database, logic_ms=logic) as server:
        for frame in load_on(
            server, lambda number: request_bytes(f"/product?sku={sku_of(asked[number])}"), schedule, RUN_S, note_queue
        ):
            at_s = schedule[np.asarray(frame.samples["number"])] / 1e9
            yield Frame({**frame.samples, "at_s": at_s}, frame.counts, frame.facts)


def calibrate() -> Iterator[Frame]:
    """What a hit takes here, outside and inside the API's one thread, and what a millisecond of database and logic adds."""
    facts: dict[str, float] = {}
    with shop(MOST_KEYS, threads=1, cached=True, ttl_s=60.0) as server:
        client = Dissector(server.port, keep=True)
        for name, changes in CASES.items():
            server.ask("set", **changes)
            requests = [client.dissect(f"/product?sku={sku_of(1)}") for _ in range(PROBES)]
            facts[f"{name} inside"] = float(np.median([request.server.thread[1] for request in requests]))
            facts[f"{name} whole"] = float(np.median([request.total_ns for request in requests]))
        client.close()
    yield Frame(facts=facts)


CASES: dict[str, dict[str, Any]] = {
    "hit": {},
    "miss": {"ttl_s": 0, "database_ms": PROBE_MS},
    "logic": {"ttl_s": 60.0, "database_ms": 0, "logic_ms": PROBE_MS},
}


@dataclass(frozen=True)
class Expected:
    """Shares and ns. `ratio_so_far` are the hit ratios up to `at_s`; `steady` is that long after the empty start.

    `mean` is that of the requests answered within the run. `utilisation` is what the API's thread is asked for, as a share of
    what it can do; above 1 the queue only grows.
    """

    at_s: Sequence[float]
    ratio_so_far: NDArray[np.float64]
    steady: float
    hit: float
    miss: float
    mean: float
    utilisation: float


def predict(
    ttl: float, keys: int, skew: float, database: int, logic: float, rate: int, constants: Mapping[str, Any]
) -> Expected:
    """Hit ratios by renewal theory; the mean from the same run simulated: one thread serves hits and misses in their order."""
    popularity = zipf(keys, skew)
    so_far = np.array([hit_ratio_of_window(rate, popularity, ttl, window) for window in WINDOWS_S])
    ratio = float(so_far[-1])
    of_logic = logic / PROBE_MS * (constants["logic inside"] - constants["hit inside"])
    of_database = database / PROBE_MS * (constants["miss inside"] - constants["hit inside"])
    outside = constants["hit whole"] - constants["hit inside"]
    hit = constants["hit inside"] + of_logic
    miss = hit + of_database
    occupied = ratio * hit + (1 - ratio) * miss
    mean = outside + 1e9 * mean_of_run(ttl, keys, skew, rate, hit / 1e9, miss / 1e9)
    steady = mean_hit_ratio(rate, popularity, ttl)
    return Expected(WINDOWS_S, so_far, steady, outside + hit, outside + miss, mean, rate / 1e9 * occupied)


def hit_ratio(record: Record) -> float:
    """Share of the answered requests that the cache answered."""
    return float(record.column("hit").mean())


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """Hit ratio and mean; or that more was asked than the API can do."""
    latencies = record.column("latency_ns")
    if not latencies.size:
        return Verdict("Nothing was measured.", "invalid")
    said = f"{percent(hit_ratio(record))} of {count(latencies.size)} requests hit the cache"
    if late := too_late(record):
        return late
    if is_saturated(record):
        return Verdict(
            f"Saturated: more is asked than the API's one thread can do. {count(Load(record).in_flight)} requests are still "
            f"waiting, {count(Load(record).not_sent)} could not even be sent; {said}. There is no steady response time to report."
        )
    mean, tail = float(latencies.mean()), percentile(latencies, 0.95)
    said += f"; mean {duration(mean)}, p50 {duration(percentile(latencies, 0.5))}, p95 {duration(tail)}"
    if pinned is None or pinned is record or not pinned.column("latency_ns").size:
        return Verdict(f"{said}.")
    # Requests wait for each other: neighbours are alike, and count for less than as many independent ones.
    compared = block_ratio(latencies, pinned.column("latency_ns"))
    return Verdict(
        f"{said}. Median {against_pinned(compared)}, which had {percent(hit_ratio(pinned))} hits.", compared.verdict
    )


def is_saturated(record: Record) -> bool:
    """Whether more is asked than the API's one thread can do, by how long it was held, or its queue grows."""
    held_s = (record.column("done_ns") - record.column("started_ns")) / 1e9
    rate = record.parameters["rate"]
    return falls_behind(record, rate, 1 / held_s.mean() if held_s.size else rate, servers=1)


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Requests, share, mean and percentiles of hits, misses and all."""
    latencies, hits = record.column("latency_ns"), record.column("hit").astype(bool)
    rows: list[tuple[str, ...]] = [("", "requests", "share", "mean", "p50", "p95")]
    for name, chosen in (("hits", hits), ("misses", ~hits), ("all", np.ones_like(hits))):
        times = latencies[chosen]
        if times.size:
            numbers = (float(times.mean()), percentile(times, 0.5), percentile(times, 0.95))
            rows.append((name, count(times.size), percent(times.size / hits.size), *map(duration, numbers)))
    lateness = record.column("lateness_ns")
    if lateness.size:
        rows.append(("sent too late by (p99)", count(lateness.size), "", duration(percentile(lateness, 0.99)), "", ""))
    rows.append((REPLAYED[0], REPLAYED[1](record), "", "", "", ""))
    left = f"{count(Load(record).in_flight)}; {count(Load(record).not_sent)}"
    return [*rows, ("in flight at the end; not sent", left, "", "", "", "")]


def what_twice_the_time_to_live_brings(records: Sequence[Record]) -> str | None:
    """How misses change when entries live twice as long, from two runs that differ in nothing else."""
    for late in reversed(records):
        for early in records:
            same = {**early.parameters, "ttl": 0} == {**late.parameters, "ttl": 0}
            if same and late.parameters["ttl"] == 2 * early.parameters["ttl"] > 0 and early.calls and late.calls:
                left = (1 - hit_ratio(late)) / max(1e-9, 1 - hit_ratio(early))
                return min(CHOICES, key=lambda text: abs(CHOICES[text] - left))
    return None


CHOICES = {"the same": 1.0, "three quarters": 0.75, "half": 0.5, "a quarter": 0.25}

PREDICTION = Prediction(
    question="You let entries live twice as long: 1 s instead of 0.5 s. How many of the misses are left?",
    choices={
        "the same": "Longer lives save reads, unless nobody asks for the key again before it expires.",
        "three quarters": "Popular keys miss half as often, rare ones as often as before, and all begin with a miss.",
        "half": "True of a key that is read many times in its life: one miss per life. Rare keys do not profit.",
        "a quarter": "No key misses less than once per life, and twice as long a life is half as many lives.",
    },
    settle=what_twice_the_time_to_live_brings,
    hint="Measure with 0.5 s, then with 1 s, and leave the other sliders alone.",
)


def lab() -> Lab:
    return Lab(
        question="What does a cache with a time to live save?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "ttl": values_slider((0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5), 0.5, unit="s", label="time to live"),
            "keys": log_slider(1, MOST_KEYS, 50, unit="keys"),
            "skew": values_slider((0, 0.5, 0.8, 1, 1.2, 1.5), 0.8, unit="(0: all alike)", label="skew"),
            "database": values_slider((1, 2, 5, 10, 20), 5, unit="ms", label="database time"),
            "logic": values_slider((0, 0.5, 1, 2, 5), 0.5, unit="ms", label="logic time"),
            "rate": values_slider((10, 20, 50, 100, 200, 400), 100, unit="requests/s", label="arrival rate"),
        },
        charts=(Reads(RUN_S, LOW_NS, HIGH_NS), HitRatio(RUN_S), Humps(LOW_NS, HIGH_NS)),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=RUN_S + 1,
    )
