"""How many requests are inside? Little's law, L = λW, on a real server: each of the three counted for itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from perflab.chapters import load
from perflab.chapters.highway.littles_law_model import (
    ASKED_S,
    EXACT,
    WHOLE_S,
    both_sides,
    difference,
    finding,
    never_left,
    scenario,
    sides,
)
from perflab.lab import (
    Answer,
    Axis,
    Chart,
    Lab,
    Outcome,
    Prediction,
    Record,
    log_slider,
    nearest,
    slider,
    values_slider,
)
from perflab.lab.axes import plain_ticks
from perflab.lab.guesses import Guesses
from perflab.lab.marks import Line, Rule, before, measured
from perflab.lab.palette import ALARM, CLOCK, INK, MEASURED, MODEL_HERE, MODEL_LINE
from perflab.lab.verdict import Verdict, table_of, trust_of, verdict_of
from perflab.measure import Frame, duration, number, percent, poisson, services, things
from perflab.systems.clients.worker_load import watched_load
from perflab.theory.littles_law import steps_inside
from perflab.theory.queues import mmc

ENDS, HEIGHTS = (0.05, 500.0), (5, 10, 20, 50, 100, 200, 500)
NOTHING_YET = "Nothing to count yet: no request has left within the window."
ASKED = {"rate": 100, "trip": 50, "workers": 10, "window": WHOLE_S}
NUMBERS = {"about 0.5": 0.5, "about 5": 5.0, "about 50": 50.0, "about 100": 100.0}


def experiment(rate: int, trip: int, workers: int, window: float, seed: int) -> Iterator[Frame]:
    # Requests arrive for two seconds; in the third the last ones leave: the whole run begins and ends empty.
    schedule = poisson(rate, ASKED_S, seed)
    yield from watched_load(workers, schedule, services(trip, schedule.size, seed), WHOLE_S)


def predict(rate: int, trip: int, workers: int, window: float) -> float:
    """Requests inside in the steady state of M/M/c; NaN where more arrive than the workers can do. L = λW needs no model."""
    inside = mmc(rate, trip / 1e3, workers).inside
    return inside if np.isfinite(inside) else np.nan


def steps(run: Record) -> tuple[np.ndarray, np.ndarray]:
    """Moments (s) at which the number inside changes, and the number from then on."""
    return steps_inside(run.column("arrived_s"), run.column("completed_s"))


def most_inside(run: Record) -> float:
    return float(steps(run)[1].max(initial=0))


def mean_inside(run: Record) -> tuple[list[float], list[float]]:
    """L, from the start to the end of the window."""
    return [0, min(run.parameters["window"], run.column("completed_s").max(initial=0))], [both_sides(run).inside] * 2


CHARTS = (
    Chart(
        "How many are inside",
        Axis("time since the start (s)", 0, WHOLE_S),
        Axis("requests inside", 0, 10, ends=HEIGHTS, reach=lambda inside: 2.5 * inside, run_reach=most_inside),
        Line("inside", run=steps, color=MEASURED, linewidth=1.6, drawstyle="steps-post"),
        Rule("y", "model, λW", model=lambda inside: inside, **MODEL_LINE),
        Line("L: mean in the window", run=mean_inside, color=CLOCK, linestyle="--", linewidth=2.5),
        Rule("x", "end of the window", setting=lambda now: now["window"], color=ALARM, linestyle="-.", linewidth=2),
        Rule("y", "all workers busy", setting=lambda now: now["workers"], color=INK, linestyle=":", linewidth=2),
        width=1.3,
        empty="Each request inside will appear here.",
    ),
    Chart(
        "Both sides of L = λW",
        Axis("λ · W", *ENDS, log=True, ticks=plain_ticks),
        Axis("L, counted inside", *ENDS, log=True, ticks=plain_ticks),
        Line("L = λW", model=lambda _: (ENDS, ENDS), **{**MODEL_LINE, "linewidth": 1.8}),
        Line(model=lambda inside: (inside, inside), **MODEL_HERE),
        Line("before", runs=before(sides), color=CLOCK, marker="o", linestyle="none", markersize=6),
        *measured(sides, label="this run"),
        Guesses(4, setting=lambda _: {said: (5.0, inside) for said, inside in NUMBERS.items()}),
        columns=4,
        empty="Both sides will appear here.",
    ),
)


def say(run: Record) -> Verdict:
    """The two sides, and by how much they differ."""
    found, apart, missing = both_sides(run), difference(run), never_left(run)
    if np.isnan(apart):
        return Verdict(NOTHING_YET, "invalid")
    said = f"λ = {found.rate:.1f}/s and W = {duration(found.time_inside * 1e9)} make λW = {sides(run)[0]:.3g}; "
    said += f"counted inside, on average: L = {found.inside:.3g}.{load.lateness_said(run)}"
    if run.parameters["window"] < WHOLE_S:
        cut = f"They are {percent(apart)} apart: the window cuts through requests that arrived in it and left later."
        none = "No request was inside when the window ended: it cuts nothing, and the law holds."
        return Verdict(f"{said} {none if apart < EXACT else cut}")
    if missing:
        return Verdict(
            f"{said} But {things(missing, 'request')} never left: the window is open: the law does not apply."
        )
    said += f" The window begins and ends empty, and the law holds {f'to {apart:.0e}' if apart else 'exactly'}."
    return Verdict(said, "clear" if apart < EXACT else "invalid")


TABLE = table_of(
    ("L, inside on average", lambda run: number(both_sides(run).inside, 6)),
    ("λ, arrivals per second", lambda run: number(both_sides(run).rate, 6)),
    load.time_row("W, mean time inside", lambda found: duration(both_sides(found.record).time_inside * 1e9, 4)),
    ("λW", lambda run: number(sides(run)[0], 6)),
    load.IN_FLIGHT,
    load.FAILED,
    heading="this run",
)


def how_many(run: Record) -> Outcome | None:
    """The number inside, where all requests have left, and arrivals and times were about those of the question."""
    found = both_sides(run)
    if never_left(run) or not 3.3 < found.inside < 7.5:
        return None
    stayed = f"{found.rate:.0f} requests/s that stayed for {duration(found.time_inside * 1e9)}"
    return Outcome(nearest(NUMBERS, found.inside), f"{found.inside:.2f} on average, of {stayed}")


PREDICTION = Prediction(
    question="100 requests arrive per second, and each stays for 50 ms. How many are inside, on average?",
    choices={
        "about 0.5": Answer(
            "100 · 0.05 is 5. With 0.5 inside, each request could stay for 5 ms only, so it cannot be."
        ),
        "about 5": Answer(
            "That is 100 · 0.05.", "L = λW = 100/s · 0.05 s = 5, however they arrive, in whatever order."
        ),
        "about 50": Answer("50 is the time of one request in milliseconds: with 50 inside, each would stay for 0.5 s."),
        "about 100": Answer("100 arrive in a second, but each has left after a twentieth of it: 100 cannot be inside."),
    },
    runs=(ASKED,),
    find=how_many,
)


def lab() -> Lab:
    return Lab(
        question="How many requests are inside?",
        experiment=experiment,
        predict=predict,
        controls={
            "rate": log_slider(10, 200, 50, unit="requests/s", label="arrival rate, λ"),
            "trip": log_slider(5, 200, 50, unit="ms", label="service time"),
            "workers": slider(1, 50, 10, unit="threads"),
            "window": values_slider((0.1, 0.2, 0.5, 1.0, 2.0, WHOLE_S), WHOLE_S, unit="s"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, load.too_late, empty=NOTHING_YET),
        table=TABLE,
        finding=finding,
        scenario=scenario,
        trust=trust_of(*load.trust(lambda run: run.parameters["workers"], ASKED_S)),
        moments=load.moments(lambda run: run.parameters["workers"]),
        budget_s=WHOLE_S + 1,
    )
