"""What happens beyond the limit? New connections arrive around the capacity of a prefork server and its listen backlog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.load_moments import moments_of_connections
from perflab.chapters.web_servers import beyond_the_limit_model as model
from perflab.chapters.web_servers.beyond_the_limit_model import ARRIVALS_S, OUTCOMES, RESPONSE, RUN_S
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, values_slider
from perflab.lab.marks import Line
from perflab.lab.palette import ALARM, CLOCK, INK, MEASURED, MODEL, MODEL_HERE, MODEL_LINE, PINNED_POINTS
from perflab.lab.rows import Spans, named_rows
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, number, percent, things
from perflab.measure.compare import CLEAR, TOO_CLOSE, more_of
from perflab.systems.clients.new_connections import NewConnections
from perflab.systems.http.connection import request_bytes
from perflab.systems.servers.web.web_server import PREFORK, web_server


def experiment(load: int, workers: int, wait: int, backlog: int) -> Iterator[Frame]:
    request, schedule = request_bytes(f"/timed?ms={wait}"), model.arrivals(load, workers, wait)
    with web_server(PREFORK, workers=workers, keep_alive_s=0, backlog=backlog) as server:
        yield Frame()  # where two runs are measured in turns, both servers are up before the first request
        with NewConnections(server.port, request, schedule) as clients:
            for frame in model.slices(clients):
                server.check()
                yield frame


STYLES = ((CLOCK, "o"), (MEASURED, "s"), *[(ALARM, "^")] * 3, (INK, "x"))
"""Of each outcome: colour and marker."""
FEWEST = 10
SECONDS = {each * 1e9: f"{each:g} s" for each in range(5)}
SHARES = {each / 5: f"{20 * each}%" for each in range(6)}
SIMULATED: dict[str, Any] = {"color": MODEL, "marker": ".", "linestyle": "none", "markersize": 3}


def dots(label: str, *places: int) -> Line:
    """The requests with these outcomes."""
    color, marker = STYLES[places[0]]
    return Line(label, run=model.requests_that(*places), color=color, marker=marker, linestyle="none", markersize=5)


CHARTS = (
    Chart(
        "Response time of each request",
        Axis("moment of its arrival (s)", -0.02, ARRIVALS_S + 0.02),
        Axis("response time", 0, 4e9, ticks=SECONDS),
        dots("served at once", model.AT_ONCE),
        dots("queued", model.QUEUED),
        dots("tried again", *range(model.SECOND, model.NEVER_SERVED)),
        dots("no reply", model.NEVER_SERVED),
        Line("fluid queue", model=lambda m: (m.line[0] / 1e9, m.line[1]), **MODEL_LINE),
        Line("simulated", model=lambda m: (m.arrived / 1e9, m.responses), **SIMULATED),
        columns=3,
        empty="Each request will appear here.",
    ),
    Chart(
        "What became of all requests",
        Axis("share of the requests", -0.03, 1, ticks=SHARES),
        named_rows(OUTCOMES),
        Spans(range(len(OUTCOMES)), each=[{"color": color} for color, _ in STYLES], run=model.bars),
        Line("simulated", model=lambda m: (m.shares, range(len(OUTCOMES))), **MODEL_HERE, clip_on=False),
        Line("pinned run", pinned=model.marks, **PINNED_POINTS, clip_on=False),
        columns=3,
        empty="Their shares will appear here.",
    ),
)


def say(record: Record) -> str:
    """What became of the requests, and how long they took."""
    at_once, queued, *again, lost = model.shares_of(model.became(record))
    said = f"Of {things(record.calls, 'request')} {percent(at_once)} were served at once, {percent(queued)} waited in the queue"
    if tried_again := float(sum(again)):
        longest = record.column(RESPONSE)[model.by_later_tries(record)].max()
        said += (
            f", {percent(tried_again)} found it full and were served by a later try, after up to {duration(longest)}"
        )
    if lost:
        said += f", {percent(lost)} had no reply within {RUN_S:g} s"
    return f"{said}. {model.queue_said(record.parameters)}"


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """The shares that found the queue full, by pairs of the same tenths of a second."""
    is_more = more_of(*(model.full_in_parts(run) for run in (record, pinned)))
    is_clear = is_more is not None and abs(model.full(record) - model.full(pinned)) > model.LITTLE
    return f"In the pinned run {percent(model.full(pinned))} found the queue full.", CLEAR if is_clear else TOO_CLOSE


def effect(record: Record) -> str:
    """What the requests met, in a few words."""
    if full := model.full(record):
        return f"{percent(full)} of the requests found the queue full, and waited 1 s or more for their next try"
    waited_ns = record.column(RESPONSE).max() - 1e6 * record.parameters["wait"]
    if model.shares_of(model.became(record))[model.QUEUED]:
        return f"all requests found room, and waited up to {duration(waited_ns)} in the queue"
    return "all requests were served at once"


def finding(record: Record, pinned: Record | None) -> str:
    """The headline."""
    now, then = record.parameters, pinned.parameters if pinned else record.parameters
    if pinned is not None and {**then, "backlog": now["backlog"]} == now != then:
        both = (f"{percent(model.full(run))} with a backlog of {run.parameters['backlog']}" for run in (record, pinned))
        return "Queue full, next try 1 s later or more: {}, {}.".format(*both)
    return f"At {now['load']}% load {effect(record)}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    load, workers, wait = (chosen[name] for name in ("load", "workers", "wait"))
    rate, most = number(model.rate(load, workers, wait)), number(model.capacity(workers, wait))
    said = f"{rate} requests arrive per second for {ARRIVALS_S:g} s, each on a new connection. "
    said += f"{workers} processes take" if workers > 1 else "One process takes"
    return f"{said} {wait} ms for each: {most} per second. Listen backlog {chosen['backlog']}."


SOON, PAUSE, REFUSED, LOST = (
    "after some 50 ms, once there is room",
    "after 1 s or more",
    "refused at once",
    "never answered",
)


def what_happens(record: Record) -> Outcome | None:
    """What became of the requests that found the queue full; None where too few did, or all were in time."""
    late, lost = model.by_later_tries(record), model.became(record) == model.NEVER_SERVED
    if np.count_nonzero(late | lost) < FEWEST:
        return None
    if late.sum() >= lost.sum():
        times, full = record.column(RESPONSE)[late], percent(late.mean())
        took = f"{duration(times.min())} to {duration(times.max())}"
        return Outcome(PAUSE, f"{full} of all requests found the queue full; their replies took {took}")
    told = f"{percent(lost.mean())} of all requests had no reply, {count(record.count('refused'))} were refused"
    return Outcome(REFUSED if record.count("refused") >= lost.sum() / 2 else LOST, told)


PREDICTION = Prediction(
    question="10 processes serve 200 requests per second, 50 ms each. 300 arrive per second, each on a new connection; the "
    "listen backlog is 10. What becomes of a connection that finds it full?",
    choices={
        SOON: Answer(
            "Room is free again after some milliseconds, but the client does not learn that. Its system asks again when a timer "
            "ends."
        ),
        PAUSE: Answer(
            "This system treats a connection that finds no room otherwise.",
            "The server's system ignores the request to connect (SYN) without a word. The client's system takes it for lost and "
            "sends it again after 1 s; room that is free sooner goes to newer requests.",
        ),
        REFUSED: Answer(
            "The server's system does not refuse it, it says nothing, in the hope that there is room at the next try.",
            "This system refuses a connection that finds the queue full (on Linux: tcp_abort_on_overflow).",
        ),
        LOST: Answer(
            "Not at this load: when the arrivals have ended, the next tries find room.",
            "Most of them had no reply before the run ended.",
        ),
    },
    runs=({"load": 150, "workers": 10, "wait": 50, "backlog": 10},),
    find=what_happens,
    counted=True,
)


def lab() -> Lab:
    return Lab(
        question="What happens beyond the limit?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "load": values_slider(
                (50, 80, 90, 100, 110, 120, 150, 200), 150, unit="% of the capacity", label="offered load"
            ),
            "workers": values_slider((1, 5, 10, 20), 10, unit="processes", label="workers of prefork"),
            "wait": values_slider((50, 100, 200, 500), 50, unit="ms", label="wait of a request"),
            "backlog": values_slider((5, 10, 50, 500), 10, unit="connections", label="listen backlog"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, model.sent_late, model.all_told, compare=compare, needs=RESPONSE),
        table=table_of(*model.ROWS, needs=RESPONSE, heading="measured; model"),
        trust=trust_of(*model.TRUST_ROWS, needs=RESPONSE),
        finding=finding,
        scenario=scenario,
        moments=moments_of_connections(lambda run: run.parameters["workers"]),
        budget_s=RUN_S + 1,
    )
