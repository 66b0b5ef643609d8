"""What several clients of one stalling server report: the charts and words of labs that compare clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.load import too_late
from perflab.lab import Axis, Chart, Record, Verdict, count_ticks, duration_ticks
from perflab.lab.charts import SHARES, nines, percentile_curve
from perflab.lab.marks import Label, Line, Rule
from perflab.lab.palette import ALARM, INK, MEASURED, MODEL, MODEL_LINE, SECOND
from perflab.lab.verdict import Row
from perflab.measure import count, duration, percent, percentile
from perflab.measure.percentiles import samples_needed

Clients = Mapping[str, Callable[[Record], NDArray[Any]]]
"""The response times (ns) that each client reports of a run."""

SLOW_NS = 10e6
MAX_LATE_NS = 5e6
"""How late (p99) the generator may be; with a long stall a quarter of it, because the lateness is part of what is shown."""

LARGE = {"fontsize": 13, "weight": "bold"}
STYLES: tuple[dict[str, Any], ...] = (
    {"color": MEASURED, "marker": "."},
    {"color": SECOND, "marker": "x", "linestyle": "--"},
    {"color": ALARM, "marker": "", "linestyle": ":"},
)
ON_CURVES: tuple[dict[str, Any], ...] = ({"at": 1.1}, {"at": 1.1, "side": "below"}, {"at": 2.6, "side": "below"})
ON_POINTS: tuple[dict[str, Any], ...] = ({"at": "end", "side": "right"}, {"at": 120, "side": "below"})
"""Where the names of the clients stand."""
NAMES = {"open loop": "sends on schedule (open loop)", "closed loop": "waits for each answer (closed loop)"}
WHO = {"closed loop": "The client that waits for each answer", "your client": "Your client"}
SLOWEST = {0: "all", nines(0.5): "half", 1: "1 in 10 (p90)", 2: "1 in 100 (p99)", 3: "1 in 1,000"}
RESPONSE = Axis("response time", 1e5, 1e9, log=True, ticks=duration_ticks)


def charts(clients: Clients) -> tuple[Chart, Chart]:
    """The percentiles that each client reports beside the model, and each request of the first two."""

    def curve(name: str, **style: Any) -> Line:
        steps = {**style, "linewidth": 2.5, "marker": "", "drawstyle": "steps-post"}
        return Line(NAMES.get(name, name), run=lambda run: percentile_curve(clients[name](run)), **steps)

    def requests(name: str, **style: Any) -> Line:
        def numbered(run: Record) -> tuple[NDArray[Any], NDArray[Any]]:
            return np.arange(clients[name](run).size), clients[name](run)

        return Line(name, run=numbered, **{**style, "linestyle": "none", "markersize": 4})

    def share(name: str, side: Literal["left", "right"], color: str) -> tuple[Line, Label]:
        def dot(run: Record) -> Any:
            slow = share_of(clients[name](run))
            return (nines(1 - slow), SLOW_NS) if 0 < slow < 1 else None

        def text(run: Record) -> Any:
            return (place := dot(run)) and (*place, percent(share_of(clients[name](run))))

        return Line(run=dot, color=color, marker="o", markersize=9), Label(run=text, side=side, color=color, **LARGE)

    model = Line("model, open loop", model=lambda model: (nines(SHARES), model), at=1.5, side="below", **MODEL_LINE)
    first, second = list(clients)[:2]
    return (
        Chart(
            "The same stalls, seen by each client",
            Axis("the slowest …", 0, 3, ticks=SLOWEST),
            RESPONSE,
            Rule("y", setting=lambda _: SLOW_NS, color=INK, linewidth=1, linestyle=":"),
            Label(setting=lambda _: (3, SLOW_NS, "slow"), side="above"),
            model,
            *(curve(name, **look, **at) for name, look, at in zip(clients, STYLES, ON_CURVES, strict=False)),
            *share(first, "left", MEASURED),
            *share(second, "right", SECOND),
            width=1.25,
            empty="What each client reports will appear here.",
        ),
        Chart(
            "Each request, in order",
            Axis("request number", 0, 1_000, ticks=count_ticks),
            RESPONSE,
            *(requests(name, **look, **at) for name, look, at in zip(clients, STYLES, ON_POINTS, strict=False)),
            Rule("x", setting=one_period, color=MODEL, linewidth=1, linestyle=":"),
            Label(setting=lambda chosen: (one_period(chosen), 5e8, "one period"), color=MODEL),
            empty="Each request will appear here.",
        ),
    )


def one_period(chosen: Mapping[str, Any]) -> float:
    """How many requests are due from one stall to the next."""
    return float(chosen["rate"] * chosen["every"] / 1000)


def finding_of(clients: Clients) -> Callable[[Record, Record | None], str]:
    """The share of slow requests that the second client reports, and that of the open loop."""

    def finding(record: Record, pinned: Record | None) -> str:
        on_schedule, other = (percent(share_of(clients[name](record))) for name in list(clients)[:2])
        return f"{WHO[list(clients)[1]]} reports {other} slow requests. On schedule, {on_schedule} are slow."

    return finding


def share_of(times: NDArray[Any]) -> float:
    """The share of requests that were slower than `SLOW_NS`."""
    return float((times > SLOW_NS).sum() / max(1, times.size))


def generator_too_slow(record: Record) -> Verdict | None:
    """A guard: requests were sent too late."""
    return too_late(record, max(MAX_LATE_NS, record.parameters["stall"] * 1e6 / 4))


def say(clients: Clients) -> Callable[[Record], str]:
    """How many requests of the first two were slow, and the p95 of each."""

    def sentence(record: Record) -> str:
        slow = "; ".join(f"{name} {slow_of(clients[name](record))}" for name in list(clients)[:2])
        return f"Slower than {duration(SLOW_NS)}: {slow}. p95: {p95s(record, clients)}."

    return sentence


def p95s(record: Record, clients: Clients) -> str:
    """The p95 of each client."""
    return "; ".join(f"{name} {shown(times(record), 0.95)}" for name, times in clients.items())


def slow_of(times: NDArray[Any]) -> str:
    """How many of the requests were slower than `SLOW_NS`: `2 of 242 (0.83%)`."""
    return f"{count((times > SLOW_NS).sum())} of {count(times.size)} ({percent(share_of(times))})"


def shown(times: NDArray[Any], share: float) -> str:
    """A percentile, or how many samples it needs."""
    needed = samples_needed(share) if share < 1 else 1
    return duration(percentile(times, share)) if times.size >= needed else f"needs {needed} samples, have {times.size}"


def table(clients: Clients) -> Callable[[Record, Record | None], list[Row]]:
    """A row for each client."""

    def rows(record: Record, pinned: Record | None) -> list[Row]:
        shares = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
        found = {name: times(record) for name, times in clients.items() if times(record).size}
        texts = [
            (name, count(times.size), *(shown(times, share) for share in shares.values()))
            for name, times in found.items()
        ]
        return [("", "requests", *shares), *texts]

    return rows
