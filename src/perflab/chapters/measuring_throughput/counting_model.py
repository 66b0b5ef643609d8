"""What a count says of a rate, in six ways; and what they should say of requests that arrive evenly, by simulation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.measure import Estimate, count
from perflab.measure.compare import UNKNOWN, Ratio
from perflab.theory.counting import overall, windowed
from perflab.theory.simulate import simulate

WORKERS, SERVICE_MS = 20, 200
CAPACITY = WORKERS * 1_000 / SERVICE_MS
MAX_PER_S, RUN_S = 200, 3.0
INCIDENT_S, PAUSE_S = 1.2, 1.0
NONE, PAUSE, HANG = INCIDENTS = ("none", "clients pause for 1 s", "server hangs")
WARM_UP_S, AT_RANDOM = 0.2, 0.85
MIN_COUNT = 10
"""Of fewer, the logarithm of a count is too skewed for an interval of a ratio."""
MOMENTS_S = np.linspace(0.0, RUN_S, 121)
WAYS = ("offered load", "÷ time", "÷ time, after warm-up", "÷ last completion", "last window", "window, naive")
OFFERED, OVERALL, CUT, LAST, WINDOW, NAIVE = WAYS


def with_pause(schedule_ns: NDArray[np.int64], incident: str) -> NDArray[np.int64]:
    """The schedule, without the requests of the second in which the clients pause."""
    paused = (schedule_ns >= INCIDENT_S * 1e9) & (schedule_ns < (INCIDENT_S + PAUSE_S) * 1e9)
    return schedule_ns[~paused] if incident == PAUSE else schedule_ns


@dataclass(frozen=True)
class Rate(Estimate):
    """Requests per second with their 95% interval, and the number of requests that were counted."""

    requests: int = 0


def rate_of(requests: int, seconds: float, random: bool = True) -> Rate:
    """The rate with the score interval of a Poisson count n, which is near n ± 1.96·√n and holds for small counts too.

    Without an interval where the requests do not come at `random`.
    """
    if not random:
        return Rate(requests / seconds, requests=requests)
    middle, half = requests + 1.96**2 / 2, 1.96 * np.sqrt(requests + 1.96**2 / 4)
    return Rate(requests / seconds, max(0.0, middle - half) / seconds, (middle + half) / seconds, requests=requests)


def ways(
    done_s: NDArray[Any],
    arrived_s: NDArray[Any],
    elapsed_s: float,
    window_s: float,
    failed_s: NDArray[Any],
    per_s: float,
) -> dict[str, Rate]:
    """Each way of counting, from the moments at which requests completed; only the first without any completion.

    Near its capacity a server completes them one after the other, far more evenly than at random: `per_s` arrive.
    """
    found = {OFFERED: rate_of(arrived_s.size, elapsed_s)}
    random = per_s <= AT_RANDOM * CAPACITY
    if done_s.size:
        done_per_s = float(overall(done_s, arrived_s, [elapsed_s], failed_s)[0])
        until_s, in_window = done_s.size / done_per_s, int((done_s > elapsed_s - window_s).sum())
        found[OVERALL] = rate_of(done_s.size, until_s, random)
        if until_s > WARM_UP_S:
            found[CUT] = rate_of(int((done_s > WARM_UP_S).sum()), until_s - WARM_UP_S, random)
        found[LAST] = rate_of(done_s.size, float(done_s[-1]), random)
        found[WINDOW] = rate_of(in_window, min(window_s, elapsed_s), random)
        found[NAIVE] = rate_of(in_window, window_s, random)
    return found


def count_ratio(first: int, second: int) -> Ratio:
    """How many times `second` the first is: two counts of the same length of time, each as uncertain as a Poisson count (on the
    log scale by √(1/n + 1/m)); counts that are more even than that lie well inside. From 0 to infinity below `MIN_COUNT`.
    """
    value = max(first, 0.5) / max(second, 0.5)
    if min(first, second) < MIN_COUNT:
        return Ratio(value, *UNKNOWN)
    factor = math.exp(1.96 * math.sqrt(1 / first + 1 / second))
    return Ratio(value, value / factor, value * factor)


def counted(record: Record) -> dict[str, Rate]:
    """What each way of counting finds in a run; empty before any time has passed."""
    elapsed_s, chosen = float(record.fact("elapsed_s", 0.0)), record.parameters
    if not elapsed_s:
        return {}
    done, arrived, failed = (record.column(name) for name in ("completed_s", "arrived_s", "failed_s"))
    return ways(done, arrived, elapsed_s, chosen["window"], failed, chosen["rate"])


def predict(rate: int, window: float, incident: str) -> tuple[NDArray[np.float64], dict[str, Rate]]:
    """For requests that arrive evenly: the windowed throughput at `MOMENTS_S` (requests/s), and what each way finds.

    They go through the queue one by one (Kiefer and Wolfowitz 1955). Without randomness there is no scatter.
    """
    even = np.round(np.arange(rate * RUN_S) / rate * 1e9).astype(np.int64)
    arrivals = with_pause(even, incident) / 1e9
    done = np.sort(simulate(arrivals, np.full(arrivals.size, SERVICE_MS / 1e3), WORKERS).departures)
    done = done[done <= (INCIDENT_S if incident == HANG else RUN_S)]
    return windowed(done, MOMENTS_S, window), ways(done, arrivals, RUN_S, window, np.empty(0), rate)


APART = 1.2
"""How many times the rate of the whole run another way has to show to be called another rate."""
INCIDENT = {NONE: "no incident", PAUSE: "clients pause", HANG: "server hangs"}


def finding(record: Record, pinned: Record | None) -> str | None:
    """What was completed of what was offered; where a way of counting shows another rate, both; or both runs' rates."""
    found = counted(record)
    if OVERALL not in found:
        return None
    if pinned is not None and pinned.parameters != record.parameters and OVERALL in counted(pinned):
        names = zip(_names(pinned, record), (pinned, record), strict=True)
        told = "; ".join(f"{name}: {count(counted(run)[OVERALL].value)}/s completed" for name, run in names)
        return f"{told[0].upper()}{told[1:]}."
    completed, last = count(found[OVERALL].value), count(found[LAST].value)
    window, elapsed_s = record.parameters["window"], record.fact("elapsed_s", 0.0)
    if found[LAST].value > APART * found[OVERALL].value:
        said = f"Divided by the time of the last completion the rate is {last} requests/s"
        return f"{said}; by all of the {elapsed_s:.2g} s, {completed}."
    if window > elapsed_s:
        said = f"Divided by a window of {window:g} s the rate is {count(found[NAIVE].value)} requests/s"
        return f"{said}; by the {elapsed_s:.2g} s that passed, {completed}."
    said = f"Of {count(found[OFFERED].value)} requests/s offered, {completed} are completed"
    if found[OFFERED].low > CAPACITY:
        return f"{said}; {count(record.fact('in_flight', 0))} requests are in flight at the end."
    return f"{said}; the last {window:g} s alone show {count(found[WINDOW].value)}."


def _names(pinned: Record, record: Record) -> tuple[str, str]:
    """What was changed between the two, in each of them."""
    changed = [name for name in ("rate", "incident") if pinned.parameters[name] != record.parameters[name]]
    if changed == ["incident"]:
        return INCIDENT[pinned.parameters["incident"]], INCIDENT[record.parameters["incident"]]
    if changed == ["rate"]:
        before, after = (f"{count(counted(run)[OFFERED].value)} requests/s offered" for run in (pinned, record))
        return before, after
    return "pinned run", "this run"


HAPPENS = {NONE: "", PAUSE: ", and the clients pause for 1 s after {:g} s", HANG: ", and the server hangs after {:g} s"}


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    happens = HAPPENS[chosen["incident"]].format(INCIDENT_S)
    return (
        f"For {RUN_S:g} s, {count(chosen['rate'])} requests per second go to {WORKERS} workers, {SERVICE_MS} ms each{happens}. "
        f"The window is {chosen['window']:g} s."
    )
