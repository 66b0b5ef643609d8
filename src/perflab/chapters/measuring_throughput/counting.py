"""How many requests per second does this server do? One run, and six ways to count it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters import load
from perflab.chapters.measuring_throughput import counting_model
from perflab.chapters.measuring_throughput.counting_model import (
    CAPACITY,
    HANG,
    INCIDENT_S,
    INCIDENTS,
    LAST,
    MAX_PER_S,
    MOMENTS_S,
    NAIVE,
    OFFERED,
    OVERALL,
    RUN_S,
    SERVICE_MS,
    WAYS,
    WORKERS,
    Rate,
    counted,
    predict,
    with_pause,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, log_slider, values_slider
from perflab.lab.marks import Line, Rule, measured
from perflab.lab.palette import CLOCK, MEASURED, MEASURED_LINE, MODEL, MODEL_LINE, THIRD
from perflab.lab.rows import intervals_in, named_rows, values_in
from perflab.lab.verdict import trust_of, verdict_of
from perflab.measure import Frame, count, poisson
from perflab.systems.clients.worker_load import watch
from perflab.systems.servers.worker_kinds import Work
from perflab.systems.servers.worker_server import worker_server
from perflab.theory.counting import overall, until_last, windowed

MIN_COMPLETED, MAX_IN_FLIGHT = 20, 600


def experiment(rate: int, window: float, incident: str, seed: int) -> Iterator[Frame]:
    schedule = with_pause(poisson(rate, RUN_S, seed), incident)
    with worker_server(WORKERS) as server:
        for frame in watch(server, lambda number: Work(wait_ms=SERVICE_MS), schedule, RUN_S, MAX_IN_FLIGHT):
            if incident == HANG and float(frame.facts["elapsed_s"]) >= INCIDENT_S:
                server.hang()
            yield frame


def over_time(label: str, rate: Callable[[Record, NDArray[np.float64]], NDArray[np.float64]], **style: Any) -> Line:
    """What one way of counting showed at each moment so far."""

    def points(run: Record) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        moments = MOMENTS_S[: np.searchsorted(MOMENTS_S, run.fact("elapsed_s", 0.0), side="right")]
        return moments, rate(run, moments)

    return Line(label, run=points, **style)


def so_far(run: Record, moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Completed requests over the time until nothing was outstanding, at each of these moments."""
    return overall(run.column("completed_s"), run.column("arrived_s"), moments, run.column("failed_s"))


TICK: dict[str, Any] = {"color": MODEL, "linestyle": "none", "marker": "|", "markersize": 18, "markeredgewidth": 4}
DASHED: dict[str, Any] = {"color": THIRD, "linestyle": "--", "linewidth": 2.2}

CHARTS = (
    Chart(
        "Throughput while it runs",
        Axis("time since the start (s)", 0, RUN_S),
        Axis("requests per second", 0, 1.25 * MAX_PER_S),
        Rule("y", "offered", setting=lambda chosen: chosen["rate"], color=MODEL, linestyle=":", linewidth=2),
        Line("model, windowed", model=lambda model: (MOMENTS_S, model[0]), **MODEL_LINE),
        over_time(OVERALL, so_far, color=CLOCK, linestyle="-.", linewidth=2.2),
        over_time(LAST, lambda run, at: until_last(run.column("completed_s"), at), **DASHED),
        over_time(
            "windowed",
            lambda run, at: windowed(run.column("completed_s"), at, run.parameters["window"]),
            **MEASURED_LINE,
        ),
        width=1.25,
        columns=5,
        empty="The throughput will appear here.",
    ),
    Chart(
        "What each way of counting says",
        Axis("requests per second", 0, 1.25 * MAX_PER_S),
        named_rows(WAYS),
        Line("model", model=lambda model: values_in(WAYS, model[1]), alpha=0.7, **TICK),
        Line(run=lambda run: intervals_in(WAYS, counted(run)), color=MEASURED, linewidth=2),
        *measured(lambda run: values_in(WAYS, counted(run)), label="measured, 95% interval"),
        empty="Six rates will appear here.",
    ),
)


def say(record: Record) -> str:
    """The offered load, how much of it was completed, and where another way of counting says something else."""
    found, window, in_flight = counted(record), record.parameters["window"], count(record.fact("in_flight", 0))
    offered, completed, last = found[OFFERED], found[OVERALL], found[LAST]
    said = f"{count(offered.value)} requests/s were offered, and {with_interval(completed)} were completed."
    if last.value > 1.2 * completed.value:
        since = f"{record.column('completed_s')[-1]:.1f} s"
        said += f" Nothing has been completed since {since}, and {in_flight} requests are outstanding;"
        said += f" divided by the time of the last completion the rate is still {count(last.value)}."
    if window > record.fact("elapsed_s"):
        said += f" The window of {window:g} s is longer than the run: dividing by it gives {count(found[NAIVE].value)}."
    if offered.low > CAPACITY:
        said += f" Saturated: the capacity is {CAPACITY:.0f} requests/s, and {in_flight} are in flight."
    return said


def with_interval(found: Rate) -> str:
    """A rate with its 95% interval, if it has one."""
    return (
        f"{count(found.value)} ({count(found.low)}–{count(found.high)})" if found.has_interval else count(found.value)
    )


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """Two rates differ clearly if the errors of two independent Poisson counts do not explain the difference."""
    now, before = counted(record)[OVERALL], counted(pinned)[OVERALL]
    errors = [found.value / np.sqrt(found.requests) for found in (now, before)]
    apart = abs(now.value - before.value) > 1.96 * np.hypot(*errors)
    return f"Pinned run: {with_interval(before)}.", "clear" if apart else "too close to call"


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each way of counting, its interval, and how many requests it counted; empty before any time has passed."""
    if not counted(record):
        return []
    rows: list[tuple[str, ...]] = [("way of counting", "requests/s", "95% interval", "requests counted")]
    for name, rate in counted(record).items():
        ends = f"{count(rate.low)}–{count(rate.high)}" if rate.has_interval else "none: not random"
        rows.append((name, count(rate.value), ends, count(rate.requests)))
    return [*rows, *((name, text(record), "", "") for name, text in (load.IN_FLIGHT, load.FAILED))]


HANGS = {"incident": HANG}


def what_the_report_says(record: Record) -> Outcome | None:
    """How the rate up to the last completion stands to that of the whole run, when the server has hung for over a second."""
    found, done = counted(record), record.column("completed_s")
    if done.size < MIN_COMPLETED or record.fact("elapsed_s") < 0.95 * RUN_S:
        return None
    stays = found[LAST].value > 1.5 * found[OVERALL].value
    told = f"{count(found[LAST].value)} requests/s in the report, {count(found[OVERALL].value)} over the {RUN_S:g} s"
    return Outcome("it stays as it was", told) if stays else None


PREDICTION = Prediction(
    question=f"A server hangs {INCIDENT_S:g} s after the start: requests arrive, none is answered. A report divides the "
    f"completed requests by the time of the last completion. What becomes of its rate until {RUN_S:g} s?",
    choices={
        "it falls to 0": Answer(
            "A count over a recent window falls to 0. This report keeps all completed requests, so it cannot reach 0."
        ),
        "it falls slowly": Answer(
            "That is what dividing by the time since the start gives. This report's time stands still with the last completion, "
            "so its rate cannot fall."
        ),
        "it stays as it was": Answer(
            "",
            "No completion, no later time to divide by: count and time both stand still, so the report looks healthy for ever. "
            "Divide by the time until nothing is outstanding.",
        ),
    },
    runs=(HANGS,),
    find=what_the_report_says,
)


def lab() -> Lab:
    return Lab(
        question="How many requests per second does this server do?",
        experiment=experiment,
        predict=predict,
        controls={
            "rate": log_slider(20, MAX_PER_S, 50, unit="requests/s", label="arrival rate"),
            "window": values_slider((0.05, 0.1, 0.2, 0.5, 1, 2, 5, 60), 0.5, unit="s"),
            "incident": choice(INCIDENTS, label="incident after 1.2 s"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, load.too_late, compare=compare, needs="completed_s", empty="Nothing was completed."),
        table=table,
        trust=trust_of(load.replayed(WORKERS), load.sent(), load.LATENESS),
        finding=counting_model.finding,
        scenario=counting_model.scenario,
        moments=load.moments(WORKERS),
        budget_s=RUN_S + 1,
    )
