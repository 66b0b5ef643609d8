"""Checks of the exercises of notebook 01. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from reprlib import repr as in_short
from typing import Any

import numpy as np

from perflab.chapters.highway.road_model import throughput_per_min
from perflab.chapters.judging import OPEN, Case, as_number, attempt, is_function, is_run_of, judge_cases
from perflab.lab import Axis, Chart, Lab, Record, distribution, latencies_of, slider, switch
from perflab.lab.axes import duration_ticks
from perflab.lab.marks import Here, Line, measured
from perflab.lab.palette import CLOCK, MODEL_LINE
from perflab.measure import Frame, count, duration, percentile, poisson
from perflab.measure.guards import BadInput
from perflab.theory.queues import mean_wait, mmc, priority_wait
from perflab.theory.simulate import Discipline, fifo, simulate

MAX_TRIP_NS, MIN_TRIPS, MIN_LIMIT = 60e9, 40, 81


def check_commute(record: Record | None) -> None:
    """Modify: short trips on two lanes with drivers who hesitate, at a limit that is no higher than it must be."""
    if record is None:
        print(f"{OPEN}Run the lab with a speed limit of your choice, and keep the record in `commute`.")
        return
    asked = {"lanes": 2, "cars": 30, "hesitation": 0.3}
    if not is_run_of(record, "road", settings=(*asked, "limit")):
        return
    wrong = {name: value for name, value in asked.items() if record.parameters[name] != value}
    if wrong:
        name, value = next(iter(wrong.items()))
        print(f"Not yet: `{name}` should stay {value!r}. Change the limit, and nothing else.")
        return
    trips, limit = latencies_of(record), record.parameters["limit"]
    if trips.size < MIN_TRIPS:
        print(f"Not yet: only {count(trips.size)} cars got through. Let the run come to its end.")
        return
    median = percentile(trips, 0.5)
    through = f"at {limit} km/h {count(throughput_per_min(record))} cars a minute get through"
    if median > MAX_TRIP_NS:
        # The lowest limit that is enough can miss at random; for a lower one, another run does not help.
        again = " Or was it chance? Run it once more." if limit >= MIN_LIMIT else ""
        wanted = f"but the median trip takes {duration(median)}; it should take at most {duration(MAX_TRIP_NS)}"
        print(f"Not yet: {through}, {wanted}.{again}")
    else:
        good = f"{through}, in {duration(median)} each (p50)."
        print(f"That works: {good} Would a lower limit do as well?" if limit > MIN_LIMIT else f"Right: {good}")


RATE, MAX_PER_S, SECONDS, SHORT_MS, LONG_MS, SHARE_LONG = 40, 50, 120.0, 5.0, 120.0, 0.1
MIN_GAIN = 1.5


def check_discipline(rank: Discipline) -> Lab | None:
    """Make: the lowest rank is served next; the mean response must fall by a third against first come, first served."""
    arrivals, services, kinds = requests(1)
    how = "`rank` is called with number, service and kind, and returns something to sort by."
    if not is_function(rank, how):
        return None
    mine = attempt(lambda: simulate(arrivals, services, discipline=_orders(rank), kinds=kinds).responses, how)
    if mine is None:
        return None
    usual = simulate(arrivals, services).responses
    means = [duration(responses.mean() * 1e9) for responses in (usual, mine)]
    longest = [duration(responses.max() * 1e9) for responses in (usual, mine)]
    if usual.mean() / mine.mean() < MIN_GAIN:
        print(f"{OPEN}The mean response time is {means[1]}; first come, first served, it is {means[0]}.")
        print("Which request should be served next, so that as few requests as possible wait?")
    else:
        print(f"Right: the mean response time falls from {means[0]} to {means[1]}.")
        print(f"The longest goes from {longest[0]} to {longest[1]}. The lab is yours.")
    return replace(order_lab(), policy={"rank": rank})


def _orders(rank: Discipline) -> Discipline:
    """The same rank, if it is one: NaN is neither before nor behind another number."""

    def checked(number: int, service: float, kind: int) -> Any:
        found = rank(number, service, kind)
        if (value := as_number(found)) is not None and np.isnan(value):
            raise BadInput("It returned NaN, which nothing can be sorted by.")
        return found

    return checked


def requests(seed: int, rate: float = RATE) -> tuple[Any, Any, Any]:
    """Arrivals, service times (s) and kinds: most are look-ups (0), which are short, some are reports (1), which are long."""
    arrivals = poisson(rate, SECONDS, seed) / 1e9
    generator = np.random.default_rng(seed)
    long = generator.random(arrivals.size) < SHARE_LONG
    services = np.where(long, LONG_MS, SHORT_MS) / 1e3 * generator.uniform(0.5, 1.5, arrivals.size)
    return arrivals, services, long.astype(int)


def experiment(rate: int, yours: bool, seed: int, rank: Discipline = fifo) -> Iterator[Frame]:
    generator = np.random.default_rng(seed)
    while True:
        arrivals, services, kinds = requests(int(generator.integers(2**31)), rate)
        run = simulate(arrivals, services, discipline=rank if yours else fifo, kinds=kinds)
        yield Frame({"latency_ns": run.responses * 1e9}, {"calls": run.responses.size})


def expected_responses() -> dict[str, tuple[Any, Any]]:
    """Arrival rates (per s) and mean responses (ns) in the long run: M/G/1 by Pollaczek and Khinchine, and, with the shortest
    first, which is the best order there is, by Cobham.
    """
    spread = (np.arange(450) + 0.5) / 450 + 0.5
    times = np.sort(np.concatenate([np.repeat(SHORT_MS * spread, 9), LONG_MS * spread])) / 1e3
    mean, second = float(times.mean()), float((times**2).mean())
    rates = np.linspace(1, MAX_PER_S, 50)
    usual = [mean + mean_wait(rate, mean, second) for rate in rates]
    best = [mean + priority_wait(rate, times) for rate in rates]
    return {"usual": (rates, 1e9 * np.array(usual)), "best": (rates, 1e9 * np.array(best))}


RESPONSE_AGAINST_LOAD = Chart(
    "Response time against load",
    Axis("arrival rate (requests/s)", 0, MAX_PER_S * 1.05),
    Axis("mean response time", 5e6, 1e9, log=True, ticks=duration_ticks),
    Line("the best order", model=lambda curves: curves["best"], color=CLOCK, linestyle="--", linewidth=2),
    Line("first come, first served", model=lambda curves: curves["usual"], **MODEL_LINE),
    Here("rate", lambda curves: curves["usual"]),
    *measured(lambda run: (run.parameters["rate"], latencies_of(run).mean()), among=("rate",)),
    columns=2,
)


def order_lab() -> Lab:
    """First come, first served, until it gets another rank."""
    expected = expected_responses()
    return Lab(
        question="What does your order of service do to the response times of a simulated queue?",
        experiment=experiment,
        predict=lambda rate, yours: expected,
        controls={
            "rate": slider(10, MAX_PER_S, RATE, 5, unit="requests/s", label="arrival rate"),
            "yours": switch(True, label="your order"),
        },
        charts=(RESPONSE_AGAINST_LOAD, distribution(1e6, 1e11)),
        budget_s=0.5,
    )


RATE_PER_S, STAY_S, MIN_THREADS, MAX_THREADS, FAR_TOO_MANY = 120, 0.2, 28, 60, 240


def check_threads(answer: Any) -> None:
    """Judge: Little's law says how many threads are busy on average; the others leave room for bursts."""
    busy = round(RATE_PER_S * STAY_S)
    average = f"{busy} requests are in flight on average"
    if answer is None:
        print(f"{OPEN}Write a number of threads.")
        return
    written = answer.strip() if isinstance(answer, str) else ""
    number = float(written) if written.isdecimal() else as_number(answer)
    if number is None or not np.isfinite(number) or number % 1 != 0:
        print(f"{in_short(answer)} is not a number of threads.")
        return
    threads = int(number)
    if threads >= FAR_TOO_MANY:
        print(f"Not yet: {average}. Ten times as many threads and more are idle nearly always, and each takes memory.")
    elif threads < busy:
        print(f"Not yet: 120/s · 0.2 s = {average}. {count(threads)} threads cannot hold them, so the queue grows.")
    elif threads == busy:
        print(f"Not yet: {average}, and often more. With {busy} threads the queue grows, slowly.")
    elif threads < MIN_THREADS:
        wait = duration(mmc(RATE_PER_S, STAY_S, threads).wait * 1e9)
        room = f"{threads} threads leave little room for bursts: the mean wait is {wait}, more than a tenth of the stay"
        print(f"Not yet: {average}, and {room}.")
    else:
        idle = f"{count(threads - busy)} of {count(threads)} threads are idle on average, and with 36 hardly any request waits"
        room = f"{count(threads)} threads leave room for bursts: they can do {count(threads * 5)}/s."
        print(f"Right: {average}, and {room}" + (f" But {idle}: more buy nothing." if threads > MAX_THREADS else ""))


LOGS: dict[str, tuple[list[tuple[float, float]], float]] = {
    "one after the other": ([(0, 2), (2, 4), (4, 6)], 1.0),
    "two at the same time": ([(0, 10), (0, 10)], 2.0),
    "a pause in between": ([(0, 5), (15, 20)], 0.5),
    "one that arrived long before the others": ([(0, 100), (90, 100)], 1.1),
    "in no order": ([(4, 6), (0, 10), (2, 8)], 1.8),
    "the first long after the clock started": ([(10, 12), (14, 16)], 4 / 6),
}
"""Logs of (came, left) in s, and how many requests were inside on average from the first arrival to the last departure."""


def check_the_lie(mean_inside: Callable[[Sequence[tuple[float, float]]], float]) -> None:
    """Spot the lie: the mean over time is not the mean over what arrivals see."""
    if not is_function(mean_inside, "Hand over `mean_inside` itself, without parentheses."):
        return
    cases = [
        Case(f"{name}: {log}\n ", partial(mean_inside, list(log)), expected, 0.005)
        for name, (log, expected) in LOGS.items()
    ]
    judge_cases(cases, "every second counts, also those in which no request arrives.")
