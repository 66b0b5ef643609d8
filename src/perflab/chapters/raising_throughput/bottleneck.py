"""Which resource runs out first? Four limits of this machine, what one request needs of each, and the server itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.load import falls_behind
from perflab.chapters.load_report import (
    failures_said,
    impossible,
    is_impossible,
    lateness_said,
    load_rows,
    mean_response_ns,
    parts_row,
    replay_row,
    replayed,
    too_late,
    without_times,
)
from perflab.chapters.raising_throughput.bottleneck_model import (
    LARGE,
    MOST_PER_S,
    RESOURCES,
    SMALL,
    held,
    predict,
    work_of,
)
from perflab.lab import Lab, Prediction, Record, Verdict, slider, values_slider
from perflab.lab.panels.roofline import Roofline, TakeOff
from perflab.lab.verdict import estimate_text, percentile_text, ratio_text, with_caveat
from perflab.measure.compare import ratio
from perflab.measure.frame import Frame
from perflab.measure.schedule import poisson
from perflab.measure.summary import summarise
from perflab.measure.units import count, duration, percent
from perflab.systems.clients.worker_load import saturated, watch
from perflab.systems.machine.resources import disk_s, memory_per_s
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.servers.worker_kinds import Work
from perflab.systems.servers.worker_server import worker_server

WORKERS, CLIENTS = 4, 8
WINDOW_S, WINDOWS = 0.15, 8
RUN_S = 1.5
SENT = (100_000, 300_000)


def experiment(cpu: float, memory: int, network: int, disk: int, load: int, seed: int) -> Iterator[Frame]:
    work = work_of(cpu, memory, network, disk)
    caveat = {"caveat": (durability_caveat() or "") if disk else ""}
    with worker_server(WORKERS) as server:
        # What a request costs that asks for nothing is CPU too: it says where on the chart this one lies.
        handling_ms = 1e3 / saturated(server.port, Work(), CLIENTS, WINDOW_S)
        saturated(server.port, work, 1, 0.0)  # the first request sets aside memory and a file
        rates = []
        for _ in range(WINDOWS):
            rates.append(saturated(server.port, work, CLIENTS, WINDOW_S))
            yield Frame({"most_per_s": np.array(rates[-1:])}, facts={**caveat, "handling_ms": handling_ms})
        share = held(load / 100, float(np.median(rates)))
        rate = share * float(np.median(rates))
        for frame in watch(server, lambda number: work, poisson(rate, RUN_S, seed), RUN_S):
            yield Frame(frame.samples, frame.counts, {**frame.facts, "load_share": share})


def calibrate() -> Iterator[Frame]:
    """Four probes. What a request costs that asks for nothing is CPU; a network is probed by what the server sends at most."""
    with worker_server(WORKERS) as server:
        empty = max(saturated(server.port, Work(), CLIENTS, WINDOW_S) for _ in range(3))
        yield Frame(facts={"handling_ms": 1e3 / empty})
        sent = [size * saturated(server.port, Work(reply_bytes=size), CLIENTS, WINDOW_S) for size in SENT]
        yield Frame(facts={"network_per_s": max(sent)})
    yield Frame(facts={"memory_per_s": memory_per_s(WORKERS)})
    yield Frame(facts={"small_write_s": disk_s(SMALL, WORKERS), "large_write_s": disk_s(LARGE, WORKERS)})


def most_per_s(record: Record) -> float:
    """What the server did at most, median of the windows; NaN before the first."""
    rates = record.column("most_per_s")
    return float(np.median(rates)) if rates.size else float("nan")


def computing_limit(record: Record) -> float:
    """What is done per second at most by one who computes all the time; no end where a request computes nothing."""
    cpu_ms = record.parameters["cpu"]
    return 1e3 / cpu_ms if cpu_ms else float("inf")


def measured(record: Record) -> tuple[float, float] | None:
    """Where the run lies on the chart of the limits: ms of CPU that it needs, and what was done at most (per s)."""
    found = most_per_s(record)
    return (record.parameters["cpu"] + record.fact("handling_ms"), found) if np.isfinite(found) else None


def load_share(record: Record) -> float:
    """The load that was offered, as a share of the most that is done: less than asked for where it was held back."""
    return float(record.fact("load_share", record.parameters["load"] / 100))


def response(record: Record) -> tuple[float, float] | None:
    """Load (% of the most) and mean response under it (ns); None before anybody was served, or sent too late."""
    mean_ns = mean_response_ns(record)
    return (100 * load_share(record), mean_ns) if np.isfinite(mean_ns) else None


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """What the server did at most, and how long requests took at the chosen share of it."""
    most = most_per_s(record)
    if not np.isfinite(most):
        return Verdict("No request was answered.", "invalid")
    if late := too_late(record):
        return late
    said = f"The server does {count(most)} requests/s at most"
    if is_impossible(most, computing_limit(record)):
        return impossible(said, computing_limit(record))
    said += f".{_under_load(record, most)}"
    if pinned is None or pinned is record or not pinned.column("most_per_s").size:
        return with_caveat(Verdict(said), record)
    compared = ratio(record.column("most_per_s"), pinned.column("most_per_s"))
    told = f"{said} That is {ratio_text(compared)} of what the pinned run did at most."
    return with_caveat(Verdict(told, compared.verdict), record)


def _under_load(record: Record, most: float) -> str:
    times, share = record.column("latency_ns"), load_share(record)
    said = ""
    if share < record.parameters["load"] / 100:
        said += f" The load is held to {count(MOST_PER_S)}/s, so that the generator keeps up."
    if times.size:
        said += f" At {percent(share)} of that the mean response is {duration(times.mean())}{_p99(times)}."
    if falls_behind(record, share * most, most, WORKERS):
        said += f" Saturated: {count(record.fact('inside'))} are still inside, and the response time only grows."
    return said + failures_said(record) + lateness_said(record)


def _p99(times: NDArray[Any]) -> str:
    found = summarise(times, queued=True).percentiles[0.99]
    return f", the {percentile_text(found)}" if found.stands else ""


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """The most that was done, response times under the load and what they consist of, and the queue for a worker replayed."""
    runs = [run for run in (record, pinned) if run is not None and run.column("most_per_s").size]
    if not runs:
        return []
    rows = [
        ("", "this run, 95% interval", "pinned run")[: len(runs) + 1],
        ("requests/s at most, slowest–fastest window", *(_windows(run) for run in runs)),
    ]
    if all(run.column("latency_ns").size for run in runs):
        summaries = [summarise(run.column("latency_ns"), queued=True) for run in runs]
        rows += [
            ("load asked for; offered", *(f"{run.parameters['load']}%; {percent(load_share(run))}" for run in runs)),
            ("response time, p50", *(estimate_text(each.percentiles[0.5]) for each in summaries)),
            ("response time, p99", *(estimate_text(each.percentiles[0.99]) for each in summaries)),
            ("still inside at the end", *(count(run.fact("inside", 0)) for run in runs)),
            parts_row(runs),
            replay_row([replayed(run, WORKERS) for run in runs]),
            *load_rows(runs),
        ]
    return without_times(rows, runs)


def _windows(record: Record) -> str:
    rates = record.column("most_per_s")
    return f"{count(most_per_s(record))}, {count(rates.min())}–{count(rates.max())}"


def what_a_larger_reply_does(records: Sequence[Record]) -> str | None:
    """The most that is done with replies of 100 kB, as a share of that with 10 kB; 10 ms of CPU, nothing else."""
    asked = {"cpu": 10.0, "memory": 0, "disk": 0}
    trusted = [run for run in records if not is_impossible(most_per_s(run), computing_limit(run))]
    for large in reversed(trusted):
        for small in trusted:
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
        charts=(
            Roofline(RESOURCES, ((0.08, 30), (10, 100_000)), measured),
            TakeOff((1e5, 2e9), response),
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=WINDOWS * WINDOW_S + RUN_S + 1,
    )
