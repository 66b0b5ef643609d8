"""Does your load test see the stall? One server that stops now and then, measured by three clients."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.load import LATENESS
from perflab.chapters.measuring_latency import coordinated_omission_model as model
from perflab.chapters.measuring_latency.clients import (
    SLOW_NS,
    Clients,
    charts,
    finding_of,
    generator_too_slow,
    p95s,
    say,
    slow_of,
    table,
)
from perflab.lab import Answer, Lab, Outcome, Prediction, Record, values_slider
from perflab.lab.charts import SHARES, nines
from perflab.lab.guesses import Guesses
from perflab.lab.verdict import trust_of, verdict_of
from perflab.measure import Frame, percentile, summarise
from perflab.measure.clock import SYSTEM_CLOCK
from perflab.measure.histogram import Histogram
from perflab.measure.http_reply import Reply
from perflab.measure.http_target import HttpTarget
from perflab.measure.load import LoadResult, closed_loop, open_loop
from perflab.measure.schedule import constant
from perflab.systems.http.connection import request_bytes
from perflab.systems.servers.staged_server import Config, staged_server
from perflab.theory import omission

Schedule = NDArray[np.int64]
Told = Callable[[LoadResult], model.Turn]

SERVICE_S = 0.0002
STAGES: tuple[Config, ...] = ("concurrency", {"at_once": 1}), ("stall", {}), ("computing", {"service_s": SERVICE_S})
WARM_UP_S = 0.1
STALL_AFTER = 0.2
"""When in a period the stall begins, as a share of the period: time is left afterwards to work off what has piled up."""
BURST = 200
SPARE = 16
"""Connections beyond those that the requests of a stall take."""


def experiment(rate: int, stall: int, every: int) -> Iterator[Frame]:
    for loop, schedule, target, told in turns(rate, stall, every, (open_loop, closed_loop)):
        yield as_frame(result := loop(schedule, target), told(result))


def turns(
    rate: int, stall: int, every: int, clients: Sequence[Any]
) -> Iterator[tuple[Any, Schedule, HttpTarget, Told]]:
    """A client, when its requests are due, their target, and what that told: one after another, each client meets one stall."""
    period_s, stall_s, schedule = every / 1000, stall / 1000, constant(rate, every / 1000)
    replies: dict[int, tuple[int, Reply]] = {}

    def note(number: int, reply: Reply) -> None:
        replies[number] = target.seen_ns, reply  # read later: it would make the client late

    def told(result: LoadResult) -> model.Turn:
        return model.turn_of(result, schedule, replies, server.now_ns - SYSTEM_CLOCK.now_ns())

    with (
        staged_server(*STAGES) as server,
        HttpTarget(server.port, request_bytes("/"), int(rate * stall_s * 1.5) + SPARE, note) as target,
    ):
        for client in itertools.cycle(clients):
            # Not kept: connections and code warm up, and the browser finishes the last picture, before the clock counts.
            target.forget()
            open_loop(constant(rate, WARM_UP_S), target)
            target.forget()
            server.ask("stall", after_s=STALL_AFTER * period_s, for_s=stall_s)
            replies.clear()
            yield client, schedule, target, told


def calibrate() -> Iterator[Frame]:
    """What a request takes here while nothing stalls, and how long it keeps the server from others."""
    with (
        staged_server(*STAGES) as server,
        HttpTarget(server.port, request_bytes("/"), connections=BURST) as target,
    ):
        alone = closed_loop(constant(500, 0.4), target)
        burst = open_loop(np.zeros(BURST, np.int64), target)
    yield Frame(facts={"base_ns": percentile(alone.response_ns, 0.5), "occupied_ns": 1e9 / burst.throughput})


def as_frame(result: LoadResult, told: model.Turn) -> Frame:
    """Columns named after the loop, and those of its turn; counts of what was not answered."""
    name = "closed" if result.closed else "open"
    counts = {"calls": result.response_ns.size, "failures": result.failures, "timeouts": result.timeouts}
    samples = {**told, f"{name}_ns": result.response_ns, f"{name}_service_ns": result.service_ns}
    if not result.closed:
        samples["lateness_ns"] = result.lateness_ns
    return Frame(samples, {**counts, "not_sent": result.not_sent})


def predict(rate: int, stall: int, every: int, constants: Mapping[str, Any]) -> NDArray[np.float64]:
    """Response times (ns) that the open loop meets, at `SHARES`."""
    per_ns = rate / 1e9
    occupied = min(constants["occupied_ns"], min(0.9, 1 - stall / every) / per_ns)
    return omission.open_loop(SHARES, per_ns, occupied, stall * 1e6, every * 1e6, constants["base_ns"])


def corrected(record: Record) -> NDArray[np.int64]:
    """The closed loop's response times with the requests filled in that it did not send."""
    histogram = Histogram()
    interval = round(1e9 / record.parameters["rate"])
    histogram.record(record.column("closed_ns").astype(np.int64), expected_interval=interval)
    return histogram.values()


LOOPS: Clients = {
    "open loop": lambda run: run.column("open_ns"),
    "closed loop": lambda run: run.column("closed_ns"),
    "corrected": corrected,
}
"""The response times (ns) that each of the three ways reports of a run."""


def beside(record: Record, pinned: Record) -> tuple[str, str]:
    return f"In the pinned run: {p95s(pinned, LOOPS)}.", ""


def slow_in_closed_loop(record: Record) -> Outcome | None:
    """How many of the closed loop's requests were slow: less than 5%, where the interval of its p95 lies below that."""
    closed, opened = record.column("closed_ns"), record.column("open_ns")
    if not opened.size or not (closed > SLOW_NS).any():
        return None
    p95 = summarise(closed).percentiles[0.95]
    if not p95.has_interval or p95.high > SLOW_NS:
        return None
    return Outcome("about 1 in 100", f"{slow_of(closed)} in the closed loop, {slow_of(opened)} in the open loop")


PREDICTION = Prediction(
    question="A server stops for 100 ms in every 400 ms. How many requests does a client that waits find slow?",
    choices={
        "none of them": Answer("One request waits through each stall, so it cannot be none."),
        "about 1 in 100": Answer(
            "This client meets each stall with one request.",
            "The closed loop waits through each stall with one request, and never sends the forty that were due meanwhile.",
        ),
        "about 1 in 4": Answer(
            "A quarter of the time is a stall, but this client cannot have a quarter of its requests in it: while it waits for "
            "one answer, it sends nothing."
        ),
    },
    runs=({"rate": 400, "stall": 100, "every": 400},),
    find=slow_in_closed_loop,
)


def scenario(parameters: Mapping[str, Any]) -> str:
    """What the two clients do."""
    return (
        "The server stops for {stall} ms in every {every} ms. {rate} requests are due per second; the client that waits sends "
        "the next one after the answer."
    ).format(**parameters)


SLOW_SHARES = {"none of them": 0.0, "about 1 in 100": 0.01, "about 1 in 4": 0.25}


def guessed(_: Any) -> dict[str, tuple[float, float]]:
    """Where the share of slow requests would be read."""
    return {said: (nines(1 - share) if share else np.inf, SLOW_NS) for said, share in SLOW_SHARES.items()}


def lab() -> Lab:
    percentiles, in_order = charts(LOOPS)
    return Lab(
        question="Does your load test see the stall?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "rate": values_slider((50, 100, 200, 400, 600, 800, 1000), 400, unit="requests/s"),
            "stall": values_slider((0, 10, 20, 50, 100, 150), 100, unit="ms", label="stall length"),
            "every": values_slider((300, 400, 500, 600), 400, unit="ms", label="stall period"),
        },
        charts=(percentiles.plus(Guesses(3, side="below", setting=guessed)), in_order),
        prediction=PREDICTION,
        verdict=verdict_of(
            say(LOOPS), generator_too_slow, compare=beside, needs="closed_ns", empty="The closed loop comes next …"
        ),
        table=table(LOOPS),
        trust=trust_of(LATENESS, needs="lateness_ns"),
        finding=finding_of(LOOPS),
        scenario=scenario,
        moments=model.moments,
    )
