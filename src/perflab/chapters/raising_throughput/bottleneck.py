"""Which resource runs out first? Four limits of this machine, what one request needs of each, and the server itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.load_report import load_rows, too_slow
from perflab.lab import Lab, Prediction, Record, Verdict, slider, values_slider
from perflab.lab.panels.roofline import Roofline, TakeOff
from perflab.lab.verdict import estimate_text, with_caveat
from perflab.measure.compare import ratio
from perflab.measure.frame import Frame
from perflab.measure.schedule import poisson
from perflab.measure.summary import summarise
from perflab.measure.units import count, duration
from perflab.systems.resources import disk_s, memory_per_s
from perflab.systems.storage import durability_caveat
from perflab.systems.worker_kinds import Work
from perflab.systems.worker_load import saturated, watch
from perflab.systems.worker_server import worker_server

CPU, MEMORY, NETWORK, DISK = "CPU", "memory", "network", "disk"
RESOURCES = (CPU, MEMORY, NETWORK, DISK)
WORKERS, CLIENTS = 4, 8
MEGA, KILO = 1_000_000, 1_000
NEEDS = np.logspace(-1, np.log10(30), 60)
LOADS = np.linspace(0, 99, 100)
WINDOW_S, WINDOWS = 0.2, 5
RUN_S = 1.5
MOST_PER_S = 4_000.0
MOST_LATE_NS = 20e6
SMALL, LARGE = 4_000, 1_000_000
SENT = (100_000, 300_000)


def experiment(cpu: float, memory: int, network: int, disk: int, load: int, seed: int) -> Iterator[Frame]:
    work = work_of(cpu, memory, network, disk)
    caveat = {"caveat": (durability_caveat() or "") if disk else ""}
    with worker_server(WORKERS) as server:
        # What a request costs that asks for nothing is CPU too: it says where on the chart this one lies.
        handling_ms = 1e3 / saturated(server.port, Work(), CLIENTS, WINDOW_S)
        rates = []
        for _ in range(WINDOWS):
            rates.append(saturated(server.port, work, CLIENTS, WINDOW_S))
            yield Frame({"most_per_s": np.array(rates[-1:])}, facts={**caveat, "handling_ms": handling_ms})
        rate = min(MOST_PER_S, float(np.median(rates)) * load / 100)
        yield from watch(server, lambda number: work, poisson(rate, RUN_S, seed), RUN_S)


def work_of(cpu: float, memory: int, network: int, disk: int) -> Work:
    """Milliseconds of CPU, MB of memory copied, kB sent in reply, kB written to the disk."""
    return Work(compute_ms=cpu, copy_bytes=memory * MEGA, write_bytes=disk * KILO, reply_bytes=network * KILO)


def calibrate() -> Iterator[Frame]:
    """Four probes. What a request costs that asks for nothing is CPU; a network is probed by what the server sends at most."""
    with worker_server(WORKERS) as server:
        empty = max(saturated(server.port, Work(), CLIENTS, WINDOW_S) for _ in range(3))
        yield Frame(facts={"handling_ms": 1e3 / empty})
        sent = [size * saturated(server.port, Work(reply_bytes=size), CLIENTS, WINDOW_S) for size in SENT]
        yield Frame(facts={"network_per_s": max(sent)})
    yield Frame(facts={"memory_per_s": memory_per_s(WORKERS)})
    yield Frame(facts={"small_write_s": disk_s(SMALL, WORKERS), "large_write_s": disk_s(LARGE, WORKERS)})


@dataclass(frozen=True)
class Expected:
    """`limits` of each resource (requests per s) over `needs` (ms of CPU); where the request lies, and the smallest limit there.

    `loads` in % of that limit, and the mean response time at each (ns).
    """

    needs: NDArray[np.float64]
    limits: Mapping[str, NDArray[np.float64]]
    here: float
    smallest: str
    loads: NDArray[np.float64]
    response_ns: NDArray[np.float64]


def predict(cpu: float, memory: int, network: int, disk: int, load: int, constants: Mapping[str, Any]) -> Expected:
    """X ≤ 1/D of each resource (Denning and Buzen 1978); the smallest is the bottleneck. One at a time computes, because of
    the interpreter's lock. Only at the bottleneck requests queue, as in M/D/1: R = ΣD + D·ρ/(2(1 − ρ)).
    """
    here = cpu + constants["handling_ms"]
    demands = demands_s(work_of(cpu, memory, network, disk), constants)
    limits = {name: np.full(NEEDS.size, 1 / need if need else np.inf) for name, need in demands.items()}
    limits[CPU] = 1e3 / NEEDS
    longest = max(demands.values())
    share = LOADS / 100
    response_s = sum(demands.values()) + longest * share / (2 * (1 - share))
    return Expected(NEEDS, limits, here, max(demands, key=lambda name: demands[name]), LOADS, 1e9 * response_s)


def demands_s(work: Work, constants: Mapping[str, Any]) -> dict[str, float]:
    """Seconds that each resource has to do for one request: what it needs, over what the resource does in a second."""
    small, large = constants["small_write_s"], constants["large_write_s"]
    each_byte = max(0.0, large - small) / (LARGE - SMALL)
    return {
        CPU: (work.compute_ms + constants["handling_ms"]) / 1e3,
        MEMORY: work.copy_bytes / constants["memory_per_s"],
        NETWORK: work.reply_bytes / constants["network_per_s"],
        DISK: small + each_byte * (work.write_bytes - SMALL) if work.write_bytes else 0.0,
    }


def most_per_s(record: Record) -> float:
    """What the server did at most, median of the windows; NaN before the first."""
    rates = record.column("most_per_s")
    return float(np.median(rates)) if rates.size else float("nan")


def measured(record: Record) -> tuple[float, float] | None:
    """Where the run lies on the chart of the limits: ms of CPU that it needs, and what was done at most (per s)."""
    found = most_per_s(record)
    return (record.parameters["cpu"] + record.fact("handling_ms"), found) if np.isfinite(found) else None


def mean_response_ns(record: Record) -> float:
    """Mean response under the chosen load; NaN before anybody was served."""
    times = record.column("latency_ns")
    return float(times.mean()) if times.size else float("nan")


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """What the server did at most, and how long requests took at the chosen share of it."""
    most, times = most_per_s(record), record.column("latency_ns")
    if not np.isfinite(most):
        return Verdict("No request was answered.", "invalid")
    if late := too_slow(record, MOST_LATE_NS):
        return late
    load = record.parameters["load"]
    said = f"The server does {count(most)} requests/s at most."
    if most * load / 100 > MOST_PER_S:
        said += f" The load is held to {count(MOST_PER_S)}/s, so that the generator keeps up."
    if times.size:
        said += f" At {load}% of that the mean response is {duration(times.mean())}{_p99(times)}."
    if record.fact("inside", 0) > 0.1 * most:
        said += f" Saturated: {count(record.fact('inside'))} still wait."
    if pinned is None or pinned is record or not pinned.column("most_per_s").size:
        return with_caveat(Verdict(said), record)
    compared = ratio(record.column("most_per_s"), pinned.column("most_per_s"))
    told = f"{said} That is {most / most_per_s(pinned):.2f}× of what the pinned run did at most."
    return with_caveat(Verdict(told, compared.verdict), record)


def _p99(times: NDArray[Any]) -> str:
    found = summarise(times).percentiles[0.99]
    return f", the p99 {estimate_text(found)}" if found.high is not None else ""


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """The most that was done, and response times under the load."""
    runs = [run for run in (record, pinned) if run is not None and run.column("most_per_s").size]
    if not runs:
        return []
    rows = [
        ("", "this run, 95% interval", "pinned run")[: len(runs) + 1],
        ("requests/s at most, slowest–fastest window", *(_windows(run) for run in runs)),
    ]
    if all(run.column("latency_ns").size for run in runs):
        summaries = [summarise(run.column("latency_ns")) for run in runs]
        rows += [
            ("load asked for", *(f"{run.parameters['load']}%" for run in runs)),
            ("response time, p50", *(estimate_text(each.percentiles[0.5]) for each in summaries)),
            ("response time, p99", *(estimate_text(each.percentiles[0.99]) for each in summaries)),
            ("still inside at the end", *(count(run.fact("inside", 0)) for run in runs)),
            *load_rows(runs),
        ]
    return rows


def _windows(record: Record) -> str:
    rates = record.column("most_per_s")
    return f"{count(most_per_s(record))}, {count(rates.min())}–{count(rates.max())}"


def what_a_larger_reply_does(records: Sequence[Record]) -> str | None:
    """The most that is done with replies of 100 kB, as a share of that with 10 kB; 10 ms of CPU, nothing else."""
    asked = {"cpu": 10.0, "memory": 0, "disk": 0}
    for large in reversed(records):
        for small in records:
            a, b = dict(large.parameters), dict(small.parameters)
            if any(run[name] != value for run in (a, b) for name, value in asked.items()):
                continue
            if (a["network"], b["network"]) == (100, 10) and np.isfinite(
                share := most_per_s(large) / most_per_s(small)
            ):
                return "a tenth" if share < 0.25 else "half" if share < 0.7 else "nearly the same"
    return None


PREDICTION = Prediction(
    question="A request computes for 10 ms and sends 10 kB. You let it send 100 kB. How much of its throughput is left?",
    choices={
        "a tenth": "Ten times the bytes for each request; but the network was nearly idle, and still is.",
        "half": "Two things to do, and both take time; but while one request is sent, the next one computes.",
        "nearly the same": "The CPU is the bottleneck, at 100 requests/s. Ten megabytes a second are little for the network.",
    },
    settle=what_a_larger_reply_does,
    hint="Measure with 10 ms of CPU and nothing else, first with 10 kB of network, then with 100 kB.",
)


def lab() -> Lab:
    return Lab(
        question="Which resource runs out first?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "cpu": values_slider((0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0), 2.0, unit="ms", label="CPU"),
            "memory": values_slider((0, 1, 2, 4, 8, 16, 32, 64), 0, unit="MB", label="memory copied"),
            "network": values_slider((0, 10, 30, 100, 300, 1_000), 10, unit="kB", label="sent in reply"),
            "disk": values_slider((0, 4, 16, 64, 256, 1_000, 4_000), 0, unit="kB", label="written, fsync"),
            "load": slider(10, 120, 50, 10, unit="%", label="load"),
        },
        panels=(
            Roofline(RESOURCES, ((0.08, 30), (10, 100_000)), measured),
            TakeOff((1e5, 2e9), mean_response_ns),
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=WINDOWS * WINDOW_S + RUN_S + 1,
    )
