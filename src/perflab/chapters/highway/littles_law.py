"""How many are inside? Little's law, L = λW, on a real server: each of the three counted for itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from perflab.chapters.load_report import lateness_said, load_rows, replay_row, replayed, too_late, without_times
from perflab.lab import Lab, Prediction, Record, Verdict, log_slider, slider, values_slider
from perflab.lab.panels.inside import Inside, Sides
from perflab.measure.frame import Frame
from perflab.measure.schedule import poisson, services
from perflab.measure.units import count, duration, percent
from perflab.systems.clients.worker_load import watched_load
from perflab.theory.littles_law import Flow, inside_over_time, observe
from perflab.theory.queues import mmc

ASKED_S, WHOLE_S = 2.0, 3.0
MOST_WORKERS = 50
MOST_PER_S = 200
LOWEST, HIGHEST = 0.05, 500.0
EXACT = 1e-9


def experiment(rate: int, trip: int, workers: int, window: float, seed: int) -> Iterator[Frame]:
    # They come for two seconds; the third is for the last ones to leave: then the whole run begins and ends empty.
    schedule = poisson(rate, ASKED_S, seed)
    yield from watched_load(workers, schedule, services(trip, schedule.size, seed), WHOLE_S)


@dataclass(frozen=True)
class Expected:
    """In the steady state: requests inside, mean response (s). The window (s) that is looked at, and the number of workers."""

    inside: float
    response_s: float
    window_s: float
    workers: int


def predict(rate: int, trip: int, workers: int, window: float) -> Expected:
    """M/M/c; L = λW needs no such assumption. NaN where more comes than the workers can do."""
    steady = mmc(rate, trip / 1e3, workers)
    inside = steady.inside if np.isfinite(steady.inside) else np.nan
    return Expected(inside, steady.response, window, workers)


def both_sides(record: Record) -> Flow | None:
    """L, λ and W in the window, each counted for itself: the number inside integrated, arrivals counted, times averaged.

    A window that is cut, by the slider or because some are still inside when the run ends, knows only the times of those who
    both came and left in it; the others count as inside until its end.
    """
    whole = record.parameters["window"] >= WHOLE_S
    elapsed_s = float(record.fact("elapsed_s", 0.0))
    window_s = elapsed_s if whole else record.parameters["window"]
    latencies_s = record.column("latency_ns") / 1e9
    left = record.column("done_s")
    within = left <= window_s
    if not within.any() or elapsed_s < window_s:
        return None
    if whole and not never_left(record):
        return observe(left - latencies_s, left)
    arrivals = record.column("came_s")
    inside = float(inside_over_time(arrivals, left, [0.0, window_s])[0])
    return Flow(inside, float((arrivals <= window_s).sum()) / window_s, float(latencies_s[within].mean()))


def never_left(record: Record) -> int:
    """How many came and were not answered: still inside, failed, or not even sent."""
    return int(record.fact("inside", 0)) + record.count("failures") + record.count("dropped")


def steps_inside(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Moments (s) at which the number inside changes, and the number from then on."""
    came, left = record.column("came_s"), record.column("done_s")
    moments = np.concatenate([came, left])
    order = np.argsort(moments, kind="stable")
    steps = np.concatenate([np.ones(came.size), -np.ones(left.size)])[order]
    return moments[order], np.cumsum(steps)


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """The two sides, and by how much they differ."""
    found = both_sides(record)
    if found is None:
        return Verdict("Nothing to count yet: nobody has left within the window.", "invalid")
    if late := too_late(record):
        return late
    product = found.rate * found.time_inside
    apart = abs(found.inside - product) / product
    said = (
        f"λ = {found.rate:.1f}/s and W = {duration(found.time_inside * 1e9)} make λW = {product:.3g}; "
        f"counted inside, on average: L = {found.inside:.3g}.{lateness_said(record)}"
    )
    if record.parameters["window"] < WHOLE_S:
        if apart < EXACT:
            return Verdict(f"{said} Nobody was inside when the window ended: it cuts nothing, and the law holds.")
        return Verdict(
            f"{said} They are {percent(apart)} apart: the window cuts through requests that came before its end and left later."
        )
    if missing := never_left(record):
        return Verdict(
            f"{said} But {count(missing)} never left: the window is not closed, and the law does not apply yet."
        )
    sure = "exactly" if apart == 0 else f"to {apart:.0e}"
    return Verdict(
        f"{said} The window begins and ends empty, and the law holds {sure}.", "clear" if apart < EXACT else "invalid"
    )


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """The three quantities of both runs, their difference, and how well the generator kept its schedule."""
    runs = [run for run in (record, pinned) if run is not None and both_sides(run) is not None]
    flows = [flow for run in runs if (flow := both_sides(run)) is not None]
    if not runs:
        return []
    rows = [
        ("", "this run", "pinned run")[: len(runs) + 1],
        ("L, inside on average", *(f"{flow.inside:.6g}" for flow in flows)),
        ("λ, arrivals per second", *(f"{flow.rate:.6g}" for flow in flows)),
        ("W, mean time inside", *(duration(flow.time_inside * 1e9, 4) for flow in flows)),
        ("λW", *(f"{flow.rate * flow.time_inside:.6g}" for flow in flows)),
        ("still inside at the end", *(count(run.fact("inside", 0)) for run in runs)),
        replay_row([replayed(run, run.parameters["workers"]) for run in runs]),
        *load_rows(runs, ASKED_S),
    ]
    return without_times(rows, runs)


ASKED_RATE, ASKED_TRIP = 100, 50
LONG_ENOUGH_S = 0.5


def how_many(records: Sequence[Record]) -> str | None:
    """The number inside at 100 requests/s of 50 ms, with workers and time enough."""
    for record in reversed(records):
        chosen = record.parameters
        found = both_sides(record)
        if (
            found is not None
            and (chosen["rate"], chosen["trip"]) == (ASKED_RATE, ASKED_TRIP)
            and chosen["workers"] >= 10
            and chosen["window"] >= LONG_ENOUGH_S
            and not record.fact("inside", 0)
        ):
            inside = found.inside
            return min(NUMBERS, key=lambda name: abs(np.log(NUMBERS[name] / inside)))
    return None


NUMBERS = {"about 0.5": 0.5, "about 5": 5.0, "about 50": 50.0, "about 100": 100.0}

PREDICTION = Prediction(
    question="100 requests a second come, and each stays for 50 ms. How many are inside, on average?",
    choices={
        "about 0.5": "100 · 0.05 is 5, not 0.5.",
        "about 5": "L = λW = 100/s · 0.05 s: no matter how they come, how long each stays, or in which order they are served.",
        "about 50": "That is how long each one stays, in milliseconds.",
        "about 100": "100 come in a second, but each has left again after a twentieth of it.",
    },
    settle=how_many,
    hint="Measure with 100 requests/s, 50 ms, and 10 workers or more.",
)


def lab() -> Lab:
    return Lab(
        question="How many are inside?",
        experiment=experiment,
        predict=predict,
        controls={
            "rate": log_slider(10, MOST_PER_S, 50, unit="requests/s", label="arrival rate, λ"),
            "trip": log_slider(5, 200, 50, unit="ms", label="service time"),
            "workers": slider(1, MOST_WORKERS, 10, unit="threads"),
            "window": values_slider((0.1, 0.2, 0.5, 1.0, 2.0, WHOLE_S), WHOLE_S, unit="s"),
        },
        charts=(Inside(WHOLE_S, steps_inside, both_sides), Sides(LOWEST, HIGHEST, both_sides)),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=WHOLE_S + 1,
    )
