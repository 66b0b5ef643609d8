"""Checks of the exercises of notebook 01. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.highway import road
from perflab.chapters.judging import OPEN, Case, attempt, judge_cases
from perflab.chapters.load_report import mean_response_ns
from perflab.lab import Lab, Record, slider, switch
from perflab.lab.panels import Distribution
from perflab.lab.panels.servers import ResponseAgainstLoad
from perflab.measure.frame import Frame
from perflab.measure.guards import is_number
from perflab.measure.schedule import poisson
from perflab.measure.units import count, duration
from perflab.theory.queues import mean_wait, mmc, priority_wait
from perflab.theory.simulate import Discipline, simulate

WANTED_PER_MIN = 24
LONGEST_TRIP_NS = 60e9
FEW_TRIPS = 40
LOWEST_LIMIT = 81


def check_commute(record: Record | None) -> None:
    """Modify: enough cars a minute, and short trips, on two lanes with hesitating drivers."""
    if record is None:
        print(f"{OPEN}Run the lab with a speed limit of your choice, and keep the record in `commute`.")
        return
    asked = {"lanes": 2, "cars": 30, "hesitation": 0.3, "accident": False}
    wrong = {name: value for name, value in asked.items() if record.parameters[name] != value}
    if wrong:
        name, value = next(iter(wrong.items()))
        print(f"Not yet: `{name}` should stay {value!r}. Change the limit, and nothing else.")
        return
    trips, through, limit = record.column("latency_ns"), road.throughput_per_min(record), record.parameters["limit"]
    # The lowest that does can miss by chance; a lower one cannot be helped by another run.
    again = " Or was it chance? Run it once more." if limit >= LOWEST_LIMIT else ""
    if trips.size < FEW_TRIPS:
        print(f"Not yet: only {count(trips.size)} cars got through. Let the run come to its end.")
        return
    median = float(np.median(trips))
    if through < WANTED_PER_MIN:
        print(f"Not yet: {count(through)} cars a minute get through; at least {WANTED_PER_MIN} should.{again}")
    elif median > LONGEST_TRIP_NS:
        wanted = duration(LONGEST_TRIP_NS)
        print(f"Not yet: the usual trip takes {duration(median)}; it should take at most {wanted}.{again}")
    else:
        good = f"at {limit} km/h {count(through)} cars a minute get through, in {duration(median)} each (p50)."
        print(f"That works: {good} Would a lower one do as well?" if limit > LOWEST_LIMIT else f"Right: {good}")


RATE, MOST_PER_S, SECONDS, SHORT_MS, LONG_MS, SHARE_LONG = 40.0, 50, 120.0, 5.0, 120.0, 0.1
GAIN = 1.5


def check_discipline(rank: Discipline) -> Lab | None:
    """Make: the lowest rank is served next; the mean response must fall by a third against first come, first served."""
    arrivals, services = customers(1)
    how = "`rank` is called with number, service and kind, and returns something to sort by."
    mine = attempt(lambda: simulate(arrivals, services, discipline=rank).responses, how)
    if mine is None:
        return None
    usual = simulate(arrivals, services).responses
    gain = float(usual.mean() / mine.mean())
    means = [duration(responses.mean() * 1e9) for responses in (usual, mine)]
    longest = [duration(responses.max() * 1e9) for responses in (usual, mine)]
    if gain < GAIN:
        print(f"{OPEN}The mean response time is {means[1]}; first come, first served, it is {means[0]}.")
        print("Who should go first, so that as few as possible wait?")
    else:
        print(f"Right: the mean response time falls from {means[0]} to {means[1]}.")
        print(f"The longest goes from {longest[0]} to {longest[1]}. The lab is yours.")
    return _lab_of(rank)


def customers(seed: int, rate: float = RATE) -> tuple[Any, Any]:
    """Arrivals and service times (s): most are short, some are long."""
    arrivals = poisson(rate, SECONDS, seed) / 1e9
    generator = np.random.default_rng(seed)
    long = generator.random(arrivals.size) < SHARE_LONG
    return arrivals, np.where(long, LONG_MS, SHORT_MS) / 1e3 * generator.uniform(0.5, 1.5, arrivals.size)


@dataclass(frozen=True)
class Expected:
    """Mean response (ns) at these rates (per s): first come, first served, and with the best order there is."""

    rates: NDArray[np.float64]
    response_ns: NDArray[np.float64]
    best_ns: NDArray[np.float64]


def expected_responses() -> Expected:
    """M/G/1 by Pollaczek and Khinchine, and, with the shortest first, by Cobham; in the long run."""
    spread = (np.arange(450) + 0.5) / 450 + 0.5
    times = np.sort(np.concatenate([np.repeat(SHORT_MS * spread, 9), LONG_MS * spread])) / 1e3
    mean, second = float(times.mean()), float((times**2).mean())
    rates = np.linspace(1, MOST_PER_S, 50)
    usual = [mean + mean_wait(rate, mean, second) for rate in rates]
    best = [mean + priority_wait(rate, times) for rate in rates]
    return Expected(rates, 1e9 * np.array(usual), 1e9 * np.array(best))


def _lab_of(rank: Discipline) -> Lab:
    on_paper = expected_responses()

    def experiment(rate: int, yours: bool, seed: int) -> Iterator[Frame]:
        generator = np.random.default_rng(seed)
        while True:
            arrivals, services = customers(int(generator.integers(2**31)), rate)
            run = simulate(arrivals, services, discipline=rank) if yours else simulate(arrivals, services)
            yield Frame({"latency_ns": run.responses * 1e9}, {"calls": run.responses.size})

    return Lab(
        question="What does your order of service do to the response times of a simulated queue?",
        experiment=experiment,
        predict=lambda rate, yours: on_paper,
        controls={
            "rate": slider(10, MOST_PER_S, int(RATE), 5, unit="requests/s"),
            "yours": switch(True, label="your order"),
        },
        charts=(
            ResponseAgainstLoad(
                MOST_PER_S * 1.05, (5e6, 1e9), mean_response_ns, "the best order", "first come, first served"
            ),
            Distribution(1e6, 1e11),
        ),
        budget_s=0.5,
    )


RATE_PER_S, STAY_S = 120, 0.2
FEWEST_THREADS, MOST_THREADS = 28, 60


def check_threads(answer: int | None) -> None:
    """Judge: Little's law says how many are busy, and the rest is room for chance."""
    busy = round(RATE_PER_S * STAY_S)
    if answer is None:
        print(f"{OPEN}Write a number of threads.")
    elif not is_number(answer) or answer % 1 != 0:
        print(f"{answer!r} is not a number of threads.")
    elif answer < busy:
        print(
            f"Not yet: 120/s · 0.2 s = {busy} are inside on average. {answer} threads cannot hold them: the queue grows."
        )
    elif answer == busy:
        print(
            f"Not yet: {busy} are inside on average, and often there are more. With {busy} threads the queue grows, slowly."
        )
    elif answer < FEWEST_THREADS:
        wait = duration(mmc(RATE_PER_S, STAY_S, int(answer)).wait * 1e9)
        print(
            f"Not yet: {busy} are inside on average, and {answer} leave little room for chance: each waits {wait} on average."
        )
    elif answer <= MOST_THREADS:
        print(
            f"Right: {busy} are busy on average, and {answer} leave room for chance: they can do {count(answer * 5)}/s."
        )
    else:
        print(f"That works, but {answer - busy} of {answer} threads would stand idle on average. How few would do?")


LOGS: dict[str, tuple[list[tuple[float, float]], float]] = {
    "one after the other": ([(0, 2), (2, 4), (4, 6)], 1.0),
    "two at once": ([(0, 10), (0, 10)], 2.0),
    "a pause in between": ([(0, 5), (15, 20)], 0.5),
    "one that came long before the others": ([(0, 100), (90, 100)], 1.1),
    "in no order": ([(4, 6), (0, 10), (2, 8)], 1.8),
    "the first long after the clock began": ([(10, 12), (14, 16)], 4 / 6),
}
"""Logs of (came, left) in s, and how many were inside on average from the first arrival to the last departure."""


def check_the_lie(mean_inside: Callable[[Sequence[tuple[float, float]]], float]) -> None:
    """Spot the lie: the mean over time is not the mean over what arrivals see."""
    cases = [
        Case(f"{name}: {log}\n ", partial(mean_inside, list(log)), expected, 0.005)
        for name, (log, expected) in LOGS.items()
    ]
    judge_cases(cases, "every second counts, also those in which nobody comes.")
