"""Arrivals around the capacity of a prefork server: a fluid queue, and the next tries of connections that found it full."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import sleep
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record, Verdict
from perflab.lab.verdict import INVALID
from perflab.measure import Frame, count, duration, percent, percentile
from perflab.measure.schedule import constant
from perflab.measure.units import DASH
from perflab.systems.clients.new_connections import NEVER, NewConnections, pauses_s, timer_step_s
from perflab.systems.http.connection import request_bytes
from perflab.systems.servers.web.own import PREFORK
from perflab.systems.servers.web.web_server import web_server
from perflab.theory import listen_backlog as theory

ARRIVED, RESPONSE, CONNECT, LATENESS, REPLY = "arrived_ns", "response_ns", "connect_ns", "lateness_ns", "reply"
MOMENTS = ("connected_ns", "started_ns", "done_ns")
ARRIVALS_S, RUN_S, SLICE_S, SPARE = 1.2, 3.6, 0.15, 2
"""Requests arrive for so long; all of them have their reply by the end of the run, unless one is lost."""
SERVICE = "service_beside_the_wait_s"
AT_ONCE, QUEUED, SECOND, THIRD, LATER, NEVER_SERVED = range(6)
OUTCOMES = ("served at once", "waited in the queue", "2nd try", "3rd try", "4th try or later", "no reply")
SHORT = 1.25
"""A response of at most so many waits had no queue to speak of before it."""
EARLY_S, RESENT_S, MAX_LATE = 0.02, 0.1, 0.5
"""No timer ends earlier; a request that was sent again is at least so late; by which part of a wait one may be sent late."""
PART_NS, PARTS, LITTLE = 1e8, 12, 0.1
"""Two runs are compared by so many parts of the arrivals; a smaller difference of all is not clear."""
PROBED, PROBE_WORKERS, PROBE_MS = 60, 5, 10


def capacity(workers: int, wait: float) -> float:
    """Requests per second that the processes serve: W/S, with nothing but the wait."""
    return 1_000.0 * workers / wait


def rate(load: int, workers: int, wait: int) -> float:
    """Requests per second that arrive."""
    return load / 100 * capacity(workers, wait)


def arrivals(load: int, workers: int, wait: int) -> NDArray[np.int64]:
    """When requests arrive (ns): evenly."""
    return constant(rate(load, workers, wait), ARRIVALS_S)


def slices(clients: NewConnections) -> Iterator[Frame]:
    """What has ended in each slice; the last one has what had no reply by then."""
    told = np.zeros(clients.schedule.size, bool)
    while (left_s := RUN_S - clients.now_ns() / 1e9) > 0:
        sleep(min(SLICE_S, left_s))
        ended = clients.ended() & ~told
        told |= ended
        yield frame_of(clients, ended)
    yield frame_of(clients, ~told)
    for _ in range(SPARE):  # the first of two runs that are measured in turns ends both
        sleep(SLICE_S)
        yield Frame()


def frame_of(clients: NewConnections, which: NDArray[np.bool_]) -> Frame:
    """What became of these requests; one without a reply counts as what it has waited."""
    columns = (clients.schedule, clients.sent, clients.connected, clients.answered)
    scheduled, sent, connected, answered = (column[which] for column in columns)
    has_reply, now = answered != NEVER, clients.now_ns()
    samples = {
        ARRIVED: scheduled,
        RESPONSE: np.where(has_reply, answered, now) - scheduled,
        CONNECT: np.where(connected != NEVER, connected, now) - sent,
        LATENESS: sent - scheduled,
        REPLY: has_reply,
    }
    for name, moments in zip(MOMENTS, (clients.connected, clients.started, clients.done), strict=True):
        samples[name] = np.where(moments[which] != NEVER, moments[which], np.nan)
    return Frame(samples, {"calls": int(which.sum()), "refused": int(clients.refused[which].sum())})


def calibrate() -> Iterator[Frame]:
    """What a process needs for a request beside the wait (s), when it has no pause."""
    request, found = request_bytes(f"/timed?ms={PROBE_MS}"), []
    with web_server(PREFORK, workers=PROBE_WORKERS, keep_alive_s=0) as server:
        for _ in range(3):
            with NewConnections(server.port, request, np.zeros(PROBED, np.int64)) as clients:
                while not clients.ended().all():
                    sleep(0.01)
            found.append(int(clients.answered.max()) / 1e9 * PROBE_WORKERS / PROBED - PROBE_MS / 1e3)
    yield Frame(facts={SERVICE: max(0.0, float(np.median(found)))})


@dataclass(frozen=True)
class Expected:
    """Of each request: arrival and response (ns); `line` is the fluid's for those that found room. Shares of what became of them,
    and how many were connected before there was room.
    """

    arrived: NDArray[np.float64]
    responses: NDArray[np.float64]
    line: tuple[NDArray[np.float64], NDArray[np.float64]]
    shares: NDArray[np.float64]
    early: int


def predict(load: int, workers: int, wait: int, backlog: int, constants: Mapping[str, Any]) -> Expected:
    """The very schedule, one request after the other."""
    per_s, service_s = rate(load, workers, wait), wait / 1e3 + float(constants[SERVICE])
    arrived_s, room = arrivals(load, workers, wait) / 1e9, room_of(backlog)
    handshake = theory.Handshake(pauses_s(), timer_step_s())
    served = theory.simulated(arrived_s, workers, service_s, room, handshake)
    responses = served.ended - arrived_s
    shares = shares_of(outcomes(responses, served.tries, served.ended <= RUN_S, wait))
    moments = np.linspace(0, ARRIVALS_S, 100)
    line = service_s + theory.fluid_wait(moments, per_s, workers, service_s, room)
    return Expected(
        1e9 * arrived_s, 1e9 * responses, (1e9 * moments, 1e9 * line), shares, int(np.count_nonzero(served.early))
    )


def room_of(backlog: int) -> int:
    """How many connections wait to be accepted at a time: Linux takes one more than it is told."""
    return backlog + 1 if sys.platform.startswith("linux") else backlog


def outcomes(responses_s: Any, tries: Any, has_reply: Any, wait: int) -> NDArray[np.int64]:
    """What became of each request, as its place in `OUTCOMES`."""
    at_once = np.asarray(responses_s) < SHORT * wait / 1e3
    by_try = np.where(at_once & (np.asarray(tries) == 1), AT_ONCE, np.minimum(tries, LATER))
    return np.where(has_reply, by_try, NEVER_SERVED)


def shares_of(found: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of each of `OUTCOMES`."""
    return np.bincount(found, minlength=len(OUTCOMES)) / max(1, found.size)


def tries_of(run: Record) -> NDArray[np.int64]:
    """By which try each request was connected: the pauses are seconds, a connection takes less than a millisecond."""
    return 1 + np.searchsorted(np.cumsum(pauses_s()) - EARLY_S, run.column(CONNECT) / 1e9, side="right")


def became(run: Record) -> NDArray[np.int64]:
    """What became of each request of a run."""
    return outcomes(run.column(RESPONSE) / 1e9, tries_of(run), run.column(REPLY).astype(bool), run.parameters["wait"])


def full_in_parts(run: Record) -> NDArray[np.float64]:
    """The share that found the queue full in each tenth of a second of arrivals; NaN without any."""
    late, part = became(run) >= SECOND, run.column(ARRIVED) // PART_NS
    return np.array([late[part == each].mean() if (part == each).any() else np.nan for each in range(PARTS)])


def by_later_tries(run: Record) -> NDArray[np.bool_]:
    """Which requests found the queue full, and have their reply."""
    found = became(run)
    return (found >= SECOND) & (found < NEVER_SERVED)


def full(run: Record) -> float:
    """The share of requests that found the queue full."""
    return float(shares_of(became(run))[SECOND:].sum())


def requests_that(*places: int) -> Callable[[Record], tuple[Any, Any]]:
    """For a chart: arrival (s) and response (ns) of the requests with these outcomes."""

    def points(run: Record) -> tuple[Any, Any]:
        which = np.isin(became(run), places)
        return run.column(ARRIVED)[which] / 1e9, run.column(RESPONSE)[which]

    return points


def marks(run: Record) -> tuple[Any, Any]:
    """For a chart of rows: each outcome's share in its row."""
    return shares_of(became(run)), range(len(OUTCOMES))


def bars(run: Record) -> tuple[Any, Any]:
    """The same as bars that begin at 0."""
    ends = shares_of(became(run))
    return np.zeros(ends.size), ends


def sent_late(run: Record) -> Verdict | None:
    """A guard: the requests arrived as they were meant to."""
    late_ns = percentile(run.column(LATENESS), 0.99)
    if late_ns < MAX_LATE * 1e6 * run.parameters["wait"]:
        return None
    return Verdict(f"Requests were sent up to {duration(late_ns)} late (p99): this machine was too busy.", INVALID)


def all_told(run: Record) -> Verdict | None:
    """A guard: what waits longest is told last."""
    left = arrivals(*(run.parameters[name] for name in ("load", "workers", "wait"))).size - run.calls
    if left <= 0:
        return None
    said = f"{count(left)} requests still waited when this run was stopped: they would take the longest."
    return Verdict(said, INVALID)


def expected_of(run: Record) -> Expected | None:
    """What the model expects of a run; None where nothing was calibrated."""
    return predict(**run.parameters, constants=run.constants) if run.constants else None


def beside_model(place: int) -> Callable[[Record], str]:
    """The text of a share: measured and by the model."""

    def text(run: Record) -> str:
        expected = expected_of(run)
        by_model = DASH if expected is None else percent(expected.shares[place])
        return f"{percent(shares_of(became(run))[place])}; {by_model}"

    return text


def _early(run: Record) -> str:
    """Connected at once, answered later than a full queue takes: their request had to be sent again."""
    workers, wait = run.parameters["workers"], run.parameters["wait"]
    queue_s = room_of(run.parameters["backlog"]) / capacity(workers, wait) + wait / 1e3
    waited_s = (run.column(RESPONSE) - run.column(CONNECT)) / 1e9
    expected = expected_of(run)
    return f"{count(int(np.count_nonzero(waited_s > queue_s + RESENT_S)))}; {DASH if expected is None else count(expected.early)}"


def queue_said(chosen: Mapping[str, Any]) -> str:
    """What the queue holds, and where the others are."""
    room = room_of(chosen["backlog"])
    work_ns = 1e9 * room / capacity(chosen["workers"], chosen["wait"])
    tries = " s, ".join(f"{each:g}" for each in np.cumsum(pauses_s())[:3])
    said = f"The queue has room for {count(room)}, {duration(work_ns)} of work. What finds it full waits in its client"
    return f"{said}, which tries again after {tries} s."


ROWS = tuple((name, beside_model(place)) for place, name in enumerate(OUTCOMES))
TRUST_ROWS = (
    ("requests; refused", lambda run: f"{count(run.calls)}; {count(run.count('refused'))}"),
    ("sent late, p99", lambda run: duration(percentile(run.column(LATENESS), 0.99))),
    ("connected before there was room, request sent again: measured; model", _early),
    ("this system tries again after", lambda _: ", ".join(f"{each:g} s" for each in np.cumsum(pauses_s())[:4])),
    ("its timers fire in steps of", lambda _: duration(1e9 * timer_step_s()) if timer_step_s() else DASH),
)
