"""Does your load test see the stall? One server that stops now and then, measured by three clients."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.load import LATENESS, too_late
from perflab.lab import Axis, Chart, Lab, Prediction, Record, Verdict, duration_ticks, values_slider
from perflab.lab.charts import SHARES, nines, percentile_axis, percentile_curve
from perflab.lab.marks import Line, Rule
from perflab.lab.palette import ALARM, MEASURED, MODEL, MODEL_LINE, SECOND
from perflab.lab.settle import nearest, one_run
from perflab.lab.verdict import trust_of, verdict_of
from perflab.measure import Frame, count, duration, percentile
from perflab.measure.histogram import Histogram
from perflab.measure.http_target import HttpTarget
from perflab.measure.load import LoadResult, closed_loop, open_loop
from perflab.measure.schedule import constant
from perflab.systems.http.connection import request_bytes
from perflab.systems.process.child import serve
from perflab.theory import omission

SERVICE_S = 0.0002
WARM_UP_S = 0.1
STALL_AFTER = 0.2
"""When in a period the stall begins, as a share of the period: time is left afterwards to work off what has piled up."""
BURST, MAX_LATE_NS = 200, 5e6
"""How late (p99) the generator may be; with a long stall a quarter of it, because the lateness is part of what is shown."""


def experiment(rate: int, stall: int, every: int) -> Iterator[Frame]:
    period_s, stall_s = every / 1000, stall / 1000
    schedule = constant(rate, period_s)
    with (
        serve("perflab.systems.servers.stalling", service_s=SERVICE_S) as server,
        HttpTarget(server.port, request_bytes("/"), connections=_connections(rate, stall_s)) as target,
    ):
        for loop in itertools.cycle((open_loop, closed_loop)):
            # Not kept: connections and code warm up, and the browser finishes the last picture, before the clock counts.
            open_loop(constant(rate, WARM_UP_S), target)
            server.ask("stall", after_s=STALL_AFTER * period_s, for_s=stall_s)
            yield as_frame(loop(schedule, target))


def calibrate() -> Iterator[Frame]:
    """What a request takes here while nothing stalls, and how long it keeps the server from others."""
    with (
        serve("perflab.systems.servers.stalling", service_s=SERVICE_S) as server,
        HttpTarget(server.port, request_bytes("/"), connections=BURST) as target,
    ):
        alone = closed_loop(constant(500, 0.4), target)
        burst = open_loop(np.zeros(BURST, np.int64), target)
    yield Frame(facts={"base_ns": percentile(alone.response_ns, 0.5), "occupied_ns": 1e9 / burst.throughput})


def as_frame(result: LoadResult) -> Frame:
    """Columns named after the loop; what was not answered is counted."""
    name = "closed" if result.closed else "open"
    counts = {"calls": result.response_ns.size, "failures": result.failures, "timeouts": result.timeouts}
    samples = {f"{name}_ns": result.response_ns, f"{name}_service_ns": result.service_ns}
    if not result.closed:
        samples["lateness_ns"] = result.lateness_ns
    return Frame(samples, {**counts, "not_sent": result.not_sent})


def _connections(rate: int, stall_s: float) -> int:
    """Enough for all requests that arrive during a stall, and some to spare."""
    return int(rate * stall_s * 1.5) + 16


def predict(rate: int, stall: int, every: int, constants: Mapping[str, Any]) -> NDArray[np.float64]:
    """Response times (ns) that the open loop meets, at `SHARES`."""
    per_ns = rate / 1e9
    occupied = min(constants["occupied_ns"], min(0.9, 1 - stall / every) / per_ns)
    return omission.open_loop(SHARES, per_ns, occupied, stall * 1e6, every * 1e6, constants["base_ns"])


def corrected(record: Record) -> NDArray[np.int64]:
    """The closed loop's response times with the requests filled in that it did not send."""
    histogram = Histogram()
    interval = round(1e9 / record.parameters["rate"])
    histogram.record(record.column("closed_ns").astype(np.int64), expected_interval=interval)
    return histogram.values()


LOOPS: dict[str, Callable[[Record], NDArray[Any]]] = {
    "open loop": lambda run: run.column("open_ns"),
    "closed loop": lambda run: run.column("closed_ns"),
    "corrected": corrected,
}
"""The response times (ns) that each of the three ways reports of a run."""


def tail(loop: str, **style: Any) -> Line:
    return Line(f"measured, {loop}", run=lambda run: percentile_curve(LOOPS[loop](run)), linewidth=2.5, **style)


def requests(loop: str, **style: Any) -> Line:
    def numbered(record: Record) -> tuple[NDArray[Any], NDArray[Any]]:
        return np.arange(LOOPS[loop](record).size), LOOPS[loop](record)

    return Line(loop, run=numbered, markersize=4, linestyle="none", **style)


RESPONSE = Axis("response time (log)", 1e5, 1e9, log=True, ticks=duration_ticks)

CHARTS = (
    Chart(
        "The same stalls, seen by three clients",
        percentile_axis("requests", 3),
        RESPONSE,
        Line("model, open loop", model=lambda model: (nines(SHARES), model), **MODEL_LINE, alpha=0.6),
        tail("open loop", color=MEASURED),
        tail("closed loop", color=SECOND, linestyle="--"),
        tail("corrected", color=ALARM, linestyle=":"),
        width=1.25,
        columns=2,
    ),
    Chart(
        "Each request, in order",
        Axis("request number", 0, 1_000),
        RESPONSE,
        requests("open loop", color=MEASURED, marker="."),
        requests("closed loop", color=SECOND, marker="x"),
        Rule("x", "requests in one period", setting=lambda at: at["rate"] * at["every"] / 1000, color=MODEL),
        columns=2,
    ),
)


def generator_too_slow(record: Record) -> Verdict | None:
    return too_late(record, max(MAX_LATE_NS, record.parameters["stall"] * 1e6 / 4))


def p99s(record: Record) -> str:
    return ", ".join(f"{loop} {duration(percentile(times(record), 0.99))}" for loop, times in LOOPS.items())


def beside(record: Record, pinned: Record) -> tuple[str, str]:
    return f"In the pinned run: {p99s(pinned)}.", ""


def say(record: Record) -> str:
    slow = [count((record.column(name) > 10e6).sum()) for name in ("open_ns", "closed_ns")]
    return f"p99: {p99s(record)}. Slower than 10 ms: {slow[0]} requests of the open loop, {slow[1]} of the closed loop."


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    rows: list[tuple[str, ...]] = [("", "requests", *shares)]
    for loop, times in LOOPS.items():
        if (found := times(record)).size:
            rows.append((loop, count(found.size), *(duration(percentile(found, share)) for share in shares.values())))
    return rows


def closed_p99(record: Record) -> str | None:
    """The p99 of at least 200 requests of the closed loop, as one of the choices."""
    closed = record.column("closed_ns")
    return nearest(CHOICES_NS, percentile(closed, 0.99)) if closed.size >= 200 else None


CHOICES_NS = {"about 1 ms": 1e6, "about 50 ms": 50e6, "about 100 ms": 100e6}

PREDICTION = Prediction(
    question="A server stops for 100 ms in every 400 ms. A client sends, waits for the answer, sends the next: its p99 is …",
    choices={
        "about 1 ms": "It waits through each stall with one request, and never sends those that would have waited too.",
        "about 50 ms": "That is the mean wait of requests that arrive during a stall; this client sends only one of them.",
        "about 100 ms": "A quarter of the time is a stall, but not a quarter of this client's requests.",
    },
    settle=one_run(closed_p99, rate=400, stall=100, every=400),
    hint="Measure with the starting settings: 400 requests/s, 100 ms, every 400 ms.",
)


def lab() -> Lab:
    return Lab(
        question="Does your load test see the stall?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "rate": values_slider((50, 100, 200, 400, 600, 800, 1000), 400, unit="requests/s"),
            "stall": values_slider((0, 10, 20, 50, 100, 150), 100, unit="ms", label="stall length"),
            "every": values_slider((300, 400, 500, 600), 400, unit="ms", label="stall period"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(
            say, generator_too_slow, compare=beside, needs="closed_ns", empty="The closed loop comes next …"
        ),
        table=table,
        trust=trust_of(LATENESS, needs="lateness_ns"),
    )
