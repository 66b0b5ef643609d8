"""The exercise on Lindley's recursion: the learner's waits on small queues, and then on the requests of a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from reprlib import repr as in_short
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.judging import OPEN, RIGHT, attempt, is_function, numbers_of
from perflab.chapters.load import Load, moments, too_late
from perflab.lab import Axis, Chart, Lab, Record, log_slider, slider
from perflab.lab.marks import Line, Rule
from perflab.lab.palette import CLOCK_LINE, MEASURED, MODEL_LINE
from perflab.lab.verdict import table_of, verdict_of
from perflab.measure import Frame, count, duration, percent, poisson, services
from perflab.systems.clients.worker_load import watched_load
from perflab.theory.queues import mmc
from perflab.theory.simulate import lindley

Waits = Callable[[list[float], list[float]], Sequence[float]]

QUEUES: dict[str, tuple[list[float], list[float]]] = {
    "two that do not meet": ([0, 5], [2, 2]),
    "the second comes while the first is served": ([0, 1], [4, 9]),
    "three at the same moment": ([3, 3, 3], [2, 1, 5]),
    "a queue that has emptied again": ([0, 1, 10, 11], [4, 2, 3, 1]),
    "a wait that is handed on": ([0, 1, 2, 3, 4, 20], [6, 1, 3, 2, 0.5, 1]),
    "the first comes late": ([7, 7.5], [1, 1]),
    "only one": ([2], [3]),
}
"""Arrivals and service times (s) of small queues."""
RANDOM, NEAR = 300, 1e-6
RUN_S = 3.0
HEIGHTS = (20, 50, 100, 200, 500, 1_000, 2_000)
HOW = "`waits` is called with two lists, arrivals and services, and returns a list that is as long."


def check_waits(waits: Waits) -> Lab | None:
    """Make: waits at one server, first come, first served. Where they are right, a lab that lays them over a real queue."""
    if not is_function(waits, HOW):
        return None
    generator = np.random.default_rng(5)
    arrivals, times = np.cumsum(generator.exponential(1.0, RANDOM)), generator.exponential(0.8, RANDOM)
    cases = {**QUEUES, f"{RANDOM} at random": (arrivals.tolist(), times.tolist())}
    for name, (came, work) in cases.items():
        found = attempt(lambda came=came, work=work: _found(waits, came, work), HOW)  # type: ignore[misc]
        if found is None:
            return None
        expected = lindley(came, work)
        if found.shape != expected.shape:
            said = f"yours returns {'more' if found.size > expected.size else count(found.size)}"
            print(f"Not yet: {len(came)} requests ({name}) need {len(came)} waits; {said}.")
            return None
        if not np.allclose(found, expected, rtol=NEAR, atol=NEAR):
            shown = f"arrivals {in_short(came)}, services {in_short(work)}"
            wanted = ", ".join(f"{wait:g}" for wait in expected[:6])
            mine = ", ".join(f"{wait:g}" for wait in found[:6])
            print(f"{OPEN}Still wrong for one queue ({name}): {shown}.\nThe waits are {wanted}; yours says {mine}.")
            return None
    print(f"{RIGHT}. Now a real server with one thread: do its requests wait as your recursion says?")
    return waits_lab(waits)


def _found(waits: Waits, arrivals: Sequence[float], services: Sequence[float]) -> NDArray[np.float64]:
    """What `waits` makes of copies, as numbers."""
    return np.array(numbers_of(waits(list(arrivals), list(services)), len(arrivals)))


def experiment(rate: int, trip: int, seed: int) -> Iterator[Frame]:
    schedule = poisson(rate, RUN_S, seed)
    yield from watched_load(1, schedule, services(trip, schedule.size, seed), RUN_S)


def measured(run: Record) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Arrivals, waits for the thread, and services (s) of answered requests, in the order of arrival, as the server noted."""
    arrived, started, done = (run.column(name) / 1e9 for name in ("arrived_ns", "started_ns", "done_ns"))
    order = np.argsort(arrived, kind="stable")
    began = arrived.min(initial=np.inf)
    return arrived[order] - began, (started - arrived)[order], (done - started)[order]


def waits_lab(waits: Waits) -> Lab:
    """A server with one thread, and the waits that this function makes of its arrivals and services."""

    def yours(run: Record) -> NDArray[np.float64]:
        arrived, _, work = measured(run)
        return _found(waits, arrived.tolist(), work.tolist()) if arrived.size else np.empty(0)

    def say(run: Record) -> str:
        real, mine = float(measured(run)[1].mean()), float(yours(run).mean())
        apart = f", {percent(abs(mine / real - 1))} apart" if real > 0 else ""
        said = f"Mean wait: measured {duration(real * 1e9)}; yours, from the same arrivals and services, {duration(mine * 1e9)}"
        return f"{said}{apart}. In the long run a formula (M/M/1) says {duration(predict(**run.parameters) * 1e6)}."

    chart = Chart(
        "The wait of each request",
        Axis("time of arrival (s)", 0, RUN_S),
        Axis("wait (ms)", 0, 20, ends=HEIGHTS, reach=lambda wait_ms: 3 * wait_ms, run_reach=_highest_ms),
        Rule("y", "model: mean in the long run", model=lambda wait_ms: wait_ms, **MODEL_LINE),
        Line("yours", run=lambda run: (measured(run)[0], 1e3 * yours(run)), **CLOCK_LINE),
        Line(
            "measured",
            run=_measured_ms,
            color=MEASURED,
            marker="o",
            linestyle="none",
        ),
        width=1.6,
    )
    return Lab(
        question="Do the requests of a real server wait as your recursion says?",
        experiment=experiment,
        predict=predict,
        controls={
            "rate": slider(10, 90, 50, 10, unit="requests/s", label="arrival rate"),
            "trip": log_slider(5, 20, 10, unit="ms", label="service time"),
        },
        charts=(chart,),
        verdict=verdict_of(say, too_late, empty="No request was answered."),
        table=table_of(
            ("mean wait, measured", lambda run: duration(float(measured(run)[1].mean()) * 1e9)),
            ("mean wait, yours", lambda run: duration(float(yours(run).mean()) * 1e9)),
            ("requests", lambda run: f"{Load(run).response.size}"),
            heading="this run",
        ),
        moments=moments(),
        budget_s=RUN_S + 1,
    )


def predict(rate: int, trip: int) -> float:
    """Mean wait (ms) in the long run, M/M/1; NaN where the queue grows."""
    wait = mmc(rate, trip / 1e3).wait
    return 1e3 * wait if np.isfinite(wait) else np.nan


def _measured_ms(run: Record) -> tuple[NDArray[Any], NDArray[Any]]:
    arrived, waited, _ = measured(run)
    return arrived, 1e3 * waited


def _highest_ms(run: Record) -> float:
    return float(1e3 * measured(run)[1].max(initial=0))
