"""How many requests per second does this server do? One run, and five ways to count it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters import load
from perflab.lab import Axis, Chart, Lab, Prediction, Record, log_slider, slider, values_slider
from perflab.lab.marks import Line, Rule, measured
from perflab.lab.palette import CLOCK, MEASURED, MEASURED_LINE, MODEL, MODEL_LINE, THIRD
from perflab.lab.rows import intervals_in, named_rows, values_in
from perflab.lab.settle import one_run
from perflab.lab.verdict import trust_of, verdict_of
from perflab.measure import Estimate, Frame, count, poisson
from perflab.systems.clients.worker_load import watched_load
from perflab.theory.counting import overall, smoothed, windowed
from perflab.theory.simulate import simulate

WORKERS, SERVICE_MS = 20, 200
CAPACITY = WORKERS * 1_000 / SERVICE_MS
MAX_PER_S, RUN_S = 200, 3.0
PAUSE_AT_S, MAX_PAUSE_S = 1.2, 1.0
MOMENTS_S = np.linspace(0.0, RUN_S, 121)
WAYS = ("offered load", "completed ÷ time", "… after the warm-up", "last window", "last window, naive")
OFFERED, OVERALL, CUT, WINDOW, NAIVE = WAYS


def experiment(rate: int, pause: float, window: float, warm_up: float, seed: int) -> Iterator[Frame]:
    schedule = with_pause(poisson(rate, RUN_S, seed), pause)
    yield from watched_load(WORKERS, schedule, np.full(schedule.size, float(SERVICE_MS)), RUN_S)


def with_pause(schedule_ns: NDArray[np.int64], pause_s: float) -> NDArray[np.int64]:
    """The schedule without the requests of a pause, which begins at `PAUSE_AT_S`."""
    paused = (schedule_ns >= PAUSE_AT_S * 1e9) & (schedule_ns < (PAUSE_AT_S + pause_s) * 1e9)
    return schedule_ns[~paused]


@dataclass(frozen=True)
class Rate(Estimate):
    """Requests per second with their 95% band, and the number of requests that were counted."""

    requests: int = 0


def rate_of(requests: int, seconds: float) -> Rate:
    """A count of n requests is uncertain by ±1.96·√n (Poisson)."""
    half = 1.96 * np.sqrt(requests)
    low, high = max(0.0, requests - half) / seconds, (requests + half) / seconds
    return Rate(requests / seconds, low, high, requests=requests)


def ways(
    completed_s: NDArray[Any], elapsed_s: float, offered: int, window_s: float, warm_up_s: float
) -> dict[str, Rate]:
    """Each way of counting, from the moments at which requests completed; only the first without any completion."""
    found = {OFFERED: rate_of(offered, elapsed_s)}
    if completed_s.size:
        end_s, in_window = float(completed_s[-1]), int((completed_s > elapsed_s - window_s).sum())
        found[OVERALL] = rate_of(completed_s.size, end_s)
        if end_s > warm_up_s:
            found[CUT] = rate_of(int((completed_s > warm_up_s).sum()), end_s - warm_up_s)
        found[WINDOW] = rate_of(in_window, min(window_s, elapsed_s))
        found[NAIVE] = rate_of(in_window, window_s)
    return found


def counted(record: Record) -> dict[str, Rate]:
    """What each way of counting finds in a run; empty before any time has passed."""
    elapsed_s, chosen = float(record.fact("elapsed_s", 0.0)), record.parameters
    if not elapsed_s:
        return {}
    came, done = record.column("arrived_s"), record.column("completed_s")
    return ways(done, elapsed_s, came.size, chosen["window"], chosen["warm_up"])


def predict(rate: int, pause: float, window: float, warm_up: float) -> tuple[NDArray[np.float64], dict[str, Rate]]:
    """For requests that arrive evenly: the windowed throughput at `MOMENTS_S` (requests/s), and what each way finds.

    They go through the queue one by one (Kiefer and Wolfowitz 1955). Without chance there is no scatter.
    """
    arrivals = with_pause(np.round(np.arange(rate * RUN_S) / rate * 1e9).astype(np.int64), pause) / 1e9
    done = np.sort(simulate(arrivals, np.full(arrivals.size, SERVICE_MS / 1e3), WORKERS).departures)
    return windowed(done, MOMENTS_S, window), ways(done[done <= RUN_S], RUN_S, arrivals.size, window, warm_up)


def over_time(label: str, rate: Callable[..., NDArray[np.float64]], **style: Any) -> Line:
    """What one way of counting showed at each moment so far."""

    def points(run: Record) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        moments = MOMENTS_S[: np.searchsorted(MOMENTS_S, run.fact("elapsed_s", 0.0), side="right")]
        return moments, rate(run.column("completed_s"), moments, run.parameters["window"])

    return Line(label, run=points, **style)


TICK: dict[str, Any] = {"color": MODEL, "linestyle": "none", "marker": "|", "markersize": 18, "markeredgewidth": 4}

CHARTS = (
    Chart(
        "Throughput while it runs",
        Axis("time since the start (s)", 0, RUN_S),
        Axis("requests per second", 0, 1.25 * MAX_PER_S),
        Rule("y", "offered", setting=lambda chosen: chosen["rate"], color=MODEL, linestyle=":", linewidth=2),
        Line("model, windowed", model=lambda model: (MOMENTS_S, model[0]), **MODEL_LINE),
        over_time("overall so far", lambda done, at, _: overall(done, at), color=CLOCK, linestyle="-.", linewidth=2.2),
        over_time("smoothed", smoothed, color=THIRD, linestyle="--", linewidth=2.2),
        over_time("windowed", windowed, **MEASURED_LINE),
        width=1.25,
        columns=5,
    ),
    Chart(
        "What each way of counting says",
        Axis("requests per second", 0, 1.25 * MAX_PER_S),
        named_rows(WAYS),
        Line("model", model=lambda model: values_in(WAYS, model[1]), alpha=0.7, **TICK),
        Line(run=lambda run: intervals_in(WAYS, counted(run)), color=MEASURED, linewidth=2),
        *measured(lambda run: values_in(WAYS, counted(run)), label="measured, 95% band"),
    ),
)


def say(record: Record) -> str:
    """The offered load, how much of it was completed, and what the window makes of it."""
    found, window = counted(record), record.parameters["window"]
    offered, completed = found[OFFERED], found[OVERALL]
    said = f"{count(offered.value)} requests/s were offered, {band(completed)} were completed"
    said += f"; {band(found.get(CUT, completed))} after the warm-up."
    if window > record.fact("elapsed_s"):
        said += f" The window of {window:g} s is longer than the run: dividing by it gives {count(found[NAIVE].value)}."
    if offered.low > CAPACITY:
        said += f" Saturated: the capacity is {CAPACITY:.0f} requests/s, and {count(record.fact('in_flight', 0))} are in flight."
    return said


def band(found: Rate) -> str:
    """A rate with its uncertainty."""
    return f"{count(found.value)} (±{count(found.high - found.value)})"


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """Two rates differ clearly if their bands, added as independent errors, do not explain the difference."""
    now, before = counted(record)[OVERALL], counted(pinned)[OVERALL]
    apart = abs(now.value - before.value) > np.hypot(now.high - now.value, before.high - before.value)
    return f"Pinned run: {band(before)}.", "clear" if apart else "too close to call"


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each way of counting, its band, and how many requests it counted."""
    rows: list[tuple[str, ...]] = [("way of counting", "requests/s", "95% band", "requests counted")]
    for name, rate in counted(record).items():
        rows.append((name, count(rate.value), f"{count(rate.low)}–{count(rate.high)}", count(rate.requests)))
    return [*rows, *((name, text(record), "", "") for name, text in (load.IN_FLIGHT, load.FAILED))]


def what_a_long_window_showed(record: Record) -> str | None:
    """What a window longer than a complete run showed, compared with what was completed."""
    found = counted(record)
    if OVERALL not in found or record.parameters["window"] <= RUN_S or record.fact("elapsed_s") < 0.9 * RUN_S:
        return None
    share = found[NAIVE].value / found[OVERALL].value
    return "the same" if 0.9 < share < 1.1 else "too little" if share < 0.9 else "too much"


PREDICTION = Prediction(
    question="A dashboard divides the requests of the last 60 s by 60. Your run took 3 s. What does it show?",
    choices={
        "the same": "A rate seems to need no more than a count and a duration; but the run did not last for the 60 s.",
        "too little": "The count is that of 3 s, the divisor is 60: twenty times too little.",
        "too much": "That happens where a window is shorter than it says, or where offered load is counted.",
    },
    settle=one_run(what_a_long_window_showed),
    hint="Measure with a window of 60 s.",
)


def lab() -> Lab:
    return Lab(
        question="How many requests per second does this server do?",
        experiment=experiment,
        predict=predict,
        controls={
            "rate": log_slider(20, MAX_PER_S, 50, unit="requests/s", label="arrival rate"),
            "window": values_slider((0.05, 0.1, 0.2, 0.5, 1, 2, 5, 60), 0.5, unit="s"),
            "warm_up": slider(0, 1, 0, 0.1, unit="s", label="warm-up cut", whole=False),
            "pause": slider(0, MAX_PAUSE_S, 0, 0.25, unit="s", whole=False),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, load.too_late, compare=compare, needs="completed_s", empty="Nothing was completed."),
        table=table,
        trust=trust_of(load.replayed(WORKERS), load.sent(), load.LATENESS),
        budget_s=RUN_S + 1,
    )
