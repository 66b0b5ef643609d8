"""Does your load test see the stall? One server that stops now and then, measured by three clients."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Lab, Panel, Prediction, Record, Verdict, values_slider
from perflab.lab.axes import duration_ticks, legend_below
from perflab.lab.palette import ALARM, MEASURED, MODEL_LINE, SECOND
from perflab.lab.panels.percentiles import TICKS, Percentiles, nines, percentile_curve
from perflab.lab.verdict import against_pinned
from perflab.measure.compare import block_ratio
from perflab.measure.frame import Frame
from perflab.measure.histogram import Histogram
from perflab.measure.http_target import http_target
from perflab.measure.load import LoadResult, closed_loop, open_loop
from perflab.measure.percentiles import percentile
from perflab.measure.schedule import constant
from perflab.measure.units import count, duration
from perflab.systems.http.connection import request_bytes
from perflab.systems.process.child import serve
from perflab.theory import omission

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

SERVICE_S = 0.0002
WARM_UP_S = 0.1
STALL_AFTER = 0.2
"""When in a period the stall begins, as a share of the period: time is left afterwards to work off what has piled up."""
LOW_NS, HIGH_NS = 1e5, 1e9
BURST = 200
LATENESS_NS = 5e6
"""How late (p99) the generator may be; with a long stall a quarter of it, because the lateness is part of what is shown."""
LOOPS = ("open", "closed", "corrected")


def experiment(rate: int, stall: int, every: int) -> Iterator[Frame]:
    period_s, stall_s = every / 1000, stall / 1000
    schedule = constant(rate, period_s)
    with (
        serve("perflab.systems.servers.stalling", service_s=SERVICE_S) as server,
        http_target(server.port, request_bytes("/"), connections=_connections(rate, stall_s)) as target,
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
        http_target(server.port, request_bytes("/"), connections=BURST) as target,
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
    return Frame(samples, {**counts, "dropped": result.dropped})


def _connections(rate: int, stall_s: float) -> int:
    """Enough for everybody who arrives during a stall, and some to spare."""
    return int(rate * stall_s * 1.5) + 16


@dataclass(frozen=True)
class Tails:
    """Latencies (ns) of the three loops at `Percentiles.SHARES`, and the spacing of requests (ns)."""

    open: NDArray[np.float64]
    closed: NDArray[np.float64]
    corrected: NDArray[np.float64]


def predict(rate: int, stall: int, every: int, constants: Mapping[str, Any]) -> Tails:
    shares, stall_ns, every_ns, base = Percentiles.SHARES, stall * 1e6, every * 1e6, constants["base_ns"]
    per_ns = rate / 1e9
    occupied = min(constants["occupied_ns"], 0.9 / per_ns)
    return Tails(
        open=omission.open_loop(shares, per_ns, occupied, stall_ns, every_ns, base),
        closed=omission.closed_loop(shares, per_ns, stall_ns, every_ns, base),
        corrected=omission.corrected(shares, stall_ns, every_ns, base),
    )


def corrected(record: Record) -> NDArray[np.int64]:
    """The closed loop's latencies with the requests filled in that it did not send."""
    interval = round(1e9 / record.parameters["rate"])
    histogram = Histogram()
    histogram.record(record.column("closed_ns").astype(np.int64), expected_interval=interval)
    return histogram.values()


def latencies_of(record: Record) -> dict[str, NDArray[Any]]:
    """The latencies that each of the three ways reports."""
    return {"open": record.column("open_ns"), "closed": record.column("closed_ns"), "corrected": corrected(record)}


class ThreeTails(Panel):
    """The tail that each loop reports, and the one that theory expects of an honest one."""

    width = 1.25

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="The same stalls, seen by three clients", xlabel="share of requests that are at most as slow")
        axes.set(ylabel="response time (log)", yscale="log", ylim=(LOW_NS, HIGH_NS), xlim=(0, 3))
        axes.set_xticks(nines([share for share in TICKS if share < 0.9999]), list(TICKS.values())[:-1])
        duration_ticks(axes.yaxis)
        styles = {"open": (MEASURED, "-"), "closed": (SECOND, "--"), "corrected": (ALARM, ":")}
        (self._model,) = axes.plot([], [], **MODEL_LINE, alpha=0.6, label="model, open loop")
        self._lines = {
            loop: axes.plot([], [], color=color, linestyle=style, linewidth=2.5, label=f"measured, {loop}")[0]
            for loop, (color, style) in styles.items()
        }
        legend_below(axes, 2)
        return [self._model, *self._lines.values()]

    def show_model(self, parameters: Mapping[str, Any], model: Tails) -> None:
        self._model.set_data(nines(Percentiles.SHARES), model.open)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        latencies = {} if record is None else latencies_of(record)
        for loop, line in self._lines.items():
            line.set_data(*percentile_curve(latencies.get(loop, np.empty(0))))


class Requests(Panel):
    """Each request of the open and of the closed loop, in the order it was meant to be sent."""

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Each request, in order", xlabel="request number", ylabel="response time (log)")
        axes.set(yscale="log", ylim=(LOW_NS, HIGH_NS), xlim=(0, 1_000))
        duration_ticks(axes.yaxis)
        (self._open,) = axes.plot([], [], ".", color=MEASURED, markersize=4, label="open loop")
        (self._closed,) = axes.plot([], [], "x", color=SECOND, markersize=4, label="closed loop")
        (self._period,) = axes.plot([], [], **{**MODEL_LINE, "linewidth": 1.5}, label="requests in one period")
        legend_below(axes, 2)
        return [self._open, self._closed, self._period]

    def show_model(self, parameters: Mapping[str, Any], model: Tails) -> None:
        number = parameters["rate"] * parameters["every"] / 1000
        self._period.set_data([number, number], [LOW_NS, HIGH_NS])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        for line, name in ((self._open, "open_ns"), (self._closed, "closed_ns")):
            values = np.empty(0) if record is None else record.column(name)[:1_000]
            line.set_data(np.arange(values.size), values)


def verdict(record: Record, pinned: Record | None) -> Verdict:
    lateness = record.column("lateness_ns")
    if lateness.size and percentile(lateness, 0.99) > max(LATENESS_NS, record.parameters["stall"] * 1e6 / 4):
        late = duration(percentile(lateness, 0.99))
        return Verdict(f"The generator itself was late by {late} (p99): it is too slow here for this rate.", "invalid")
    tails = {loop: percentile(values, 0.99) for loop, values in latencies_of(record).items() if values.size}
    if len(tails) < len(LOOPS):
        return Verdict("Measuring the first stall …")
    hidden = int((record.column("open_ns") > 10e6).sum()), int((record.column("closed_ns") > 10e6).sum())
    said = (
        f"p99: open loop {duration(tails['open'])}, closed loop {duration(tails['closed'])}, "
        f"corrected {duration(tails['corrected'])}. Slower than 10 ms: {count(hidden[0])} requests of the open loop, "
        f"{count(hidden[1])} of the closed one."
    )
    if pinned is None or pinned is record or not pinned.column("open_ns").size:
        return Verdict(said)
    # Those who wait for the same stall are neighbours, and alike.
    compared = block_ratio(record.column("open_ns"), pinned.column("open_ns"), 0.99)
    return Verdict(f"{said} Open loop's p99 {against_pinned(compared)}.", compared.verdict)


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    shares = (0.5, 0.9, 0.99)
    rows: list[tuple[str, ...]] = [("", "requests", *(f"p{100 * share:g}" for share in shares), "max")]
    named = {f"{loop} loop" if loop != "corrected" else loop: values for loop, values in latencies_of(record).items()}
    for name, values in {**named, "sent too late by": record.column("lateness_ns")}.items():
        if values.size:
            numbers = [duration(percentile(values, share)) for share in (*shares, 1.0)]
            rows.append((name, count(values.size), *numbers))
    return rows


def what_the_closed_loop_reports(records: Sequence[Record]) -> str | None:
    """The closed loop's p99 as a choice, from a run at the starting settings."""
    for record in reversed(records):
        closed = record.column("closed_ns")
        if record.parameters == {"rate": 400, "stall": 100, "every": 400} and closed.size >= 200:
            p99 = percentile(closed, 0.99)
            return next((text for text, limit in P99_LIMITS.items() if p99 < limit), "about 100 ms")
    return None


P99_LIMITS = {"about 1 ms": 10e6, "about 50 ms": 75e6}

PREDICTION = Prediction(
    question="A server stops for 100 ms in every 400 ms. A client sends, waits for the answer, sends the next: its p99 is …",
    choices={
        "about 1 ms": "It waits through each stall with a single request, and never sends those that would have waited with it.",
        "about 50 ms": "That is the mean wait of those who come during a stall; this client comes only once.",
        "about 100 ms": "A quarter of the time is a stall, but not a quarter of this client's requests.",
    },
    settle=what_the_closed_loop_reports,
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
            "every": values_slider((300, 400, 500, 600), 400, unit="ms", label="one stall every"),
        },
        charts=(ThreeTails(), Requests()),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
    )
