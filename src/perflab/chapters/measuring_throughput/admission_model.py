"""What a server does with more requests than it can serve: each arrival simulated, with the rule that admits it to the queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.measure import count, poisson
from perflab.theory.workers import admitted, admitted_to

RUN_S, LIMIT_S = 2.0, 0.5
QUEUES = (0, 1, 3, 10, 30, 100, 300, 1_000)
BETWEEN = (50, 65, 75)
"""Where the model's goodput bends most."""
Admit = Callable[[int, int, int, float], bool]
"""Gets queued, places, workers and service_s of a request that finds all workers busy: whether it may queue."""


def if_there_is_a_place(queued: int, places: int, workers: int, service_s: float) -> bool:
    """The usual rule."""
    return queued < places


@dataclass(frozen=True)
class Expected:
    """At each length of `queues`: throughput and goodput (requests/s) of a run, and the mean response of the served (ns)."""

    queues: NDArray[np.int64]
    throughput: NDArray[np.float64]
    goodput: NDArray[np.float64]
    response_ns: NDArray[np.float64]


def predict(workers: int, queue: int, rate: int, processing: int, admit: Admit = if_there_is_a_place) -> Expected:
    """Random arrivals at an empty server, simulated one by one for as long as the run takes."""
    arrivals, service_s = poisson(rate, RUN_S, 1) / 1e9, processing / 1e3
    queues = np.unique([*QUEUES, *BETWEEN, queue])
    found = np.array([of_a_run(arrivals, service_s, workers, places, admit) for places in queues.tolist()])
    return Expected(queues, *found.T)


def of_a_run(
    arrivals: NDArray[np.float64], service_s: float, workers: int, places: int, admit: Admit
) -> tuple[float, float, float]:
    """Throughput, goodput and mean response (ns) of a run with so many places to queue; NaN where nothing is served in time."""
    if admit is if_there_is_a_place:
        done = admitted_to(arrivals, service_s, workers, places)
    else:
        done = admitted(arrivals, service_s, workers, lambda queued: admit(queued, places, workers, service_s))
    # NaN where it was rejected, which is not less than anything.
    responses = (done - arrivals)[done <= RUN_S]
    in_time = np.count_nonzero(responses <= LIMIT_S)
    return responses.size / RUN_S, in_time / RUN_S, 1e9 * float(responses.mean()) if responses.size else np.nan


def where(chosen: Mapping[str, Any], control: str) -> str:
    """The setting of one control: `with 30 places`."""
    value = chosen[control]
    return {
        "queue": f"with {count(value)} place{'s' * (value != 1)} in the queue" if value else "without a queue",
        "rate": f"at {count(value)} requests/s",
        "workers": f"with {value} worker{'s' * (value != 1)}",
        "processing": f"with {value} ms of processing",
    }[control]


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    workers, takes = chosen["workers"], f"{chosen['processing']} ms for each"
    at = f"{workers} workers, which take {takes}" if workers > 1 else f"one worker, which takes {takes}"
    capacity = count(1e3 * workers / chosen["processing"])
    arrive = f"For {RUN_S:g} s, {count(chosen['rate'])} requests per second arrive at {at} (at most {capacity}/s)"
    queue = f"The queue has {count(chosen['queue'])} place{'s' * (chosen['queue'] != 1)}"
    return f"{arrive}. {queue if chosen['queue'] else 'There is no queue'}; further requests are rejected."
