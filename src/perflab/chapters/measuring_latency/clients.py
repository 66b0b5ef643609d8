"""What several clients of one stalling server report: the charts and words of labs that compare clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.load import too_late
from perflab.lab import Axis, Chart, Record, Verdict, duration_ticks
from perflab.lab.charts import SHARES, nines, percentile_axis, percentile_curve
from perflab.lab.marks import Line, Rule
from perflab.lab.palette import ALARM, MEASURED, MODEL, MODEL_LINE, SECOND
from perflab.lab.verdict import Row
from perflab.measure import count, duration, percent, percentile
from perflab.measure.percentiles import samples_needed

Clients = Mapping[str, Callable[[Record], NDArray[Any]]]
"""The response times (ns) that each client reports of a run."""

SLOW_NS = 10e6
MAX_LATE_NS = 5e6
"""How late (p99) the generator may be; with a long stall a quarter of it, because the lateness is part of what is shown."""

STYLES: tuple[dict[str, Any], ...] = (
    {"color": MEASURED, "marker": "."},
    {"color": SECOND, "marker": "x", "linestyle": "--"},
    {"color": ALARM, "marker": "", "linestyle": ":"},
)
RESPONSE = Axis("response time (log)", 1e5, 1e9, log=True, ticks=duration_ticks)


def charts(clients: Clients) -> tuple[Chart, Chart]:
    """The percentiles that each client reports beside the model, and each request of the first two."""

    def tail(name: str, style: dict[str, Any]) -> Line:
        return Line(
            name, run=lambda run: percentile_curve(clients[name](run)), linewidth=2.5, **{**style, "marker": ""}
        )

    def requests(name: str, style: dict[str, Any]) -> Line:
        def numbered(run: Record) -> tuple[NDArray[Any], NDArray[Any]]:
            return np.arange(clients[name](run).size), clients[name](run)

        return Line(name, run=numbered, **{**style, "linestyle": "none", "markersize": 4})

    styled = list(zip(clients, STYLES, strict=False))
    return (
        Chart(
            "The same stalls, seen by each client",
            percentile_axis("requests", 3),
            RESPONSE,
            Line("model, open loop", model=lambda model: (nines(SHARES), model), **MODEL_LINE, alpha=0.6),
            *(tail(*each) for each in styled),
            width=1.25,
            columns=2,
        ),
        Chart(
            "Each request, in order",
            Axis("request number", 0, 1_000),
            RESPONSE,
            *(requests(*each) for each in styled[:2]),
            Rule("x", "requests in one period", setting=lambda at: at["rate"] * at["every"] / 1000, color=MODEL),
            columns=2,
        ),
    )


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
    slow = int((times > SLOW_NS).sum())
    return f"{count(slow)} of {count(times.size)} ({percent(slow / max(1, times.size))})"


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
