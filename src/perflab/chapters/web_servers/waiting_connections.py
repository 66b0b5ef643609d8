"""How many can wait at once? Clients that keep their connections open, and requests that wait for a slow backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from perflab.chapters.changes import only_change
from perflab.chapters.web_servers import waiting_connections_model as model
from perflab.chapters.web_servers.waiting_connections_model import NUMBERS, PER_S, RESPONSE, never, rate, response
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import count_ticks, percent_ticks
from perflab.lab.guesses import Guesses
from perflab.lab.kinds import HereOfKind, measured_kinds
from perflab.lab.marks import Label, Line, Point
from perflab.lab.palette import ALARM, CLOCK, INK, MEASURED, MODEL_LINE, PINNED, PINNED_LINE, THIRD
from perflab.lab.verdict import percentile_of, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, things
from perflab.systems.clients.closed_clients import ClosedClients
from perflab.systems.servers.slow_backend import slow_backend
from perflab.systems.servers.web.own import LOOP, PREFORK, PROCESS_EACH, THREADS
from perflab.systems.servers.web.web_server import APACHE, NGINX, NODE, found, web_server


def experiment(architecture: str, connections: int, wait: float, workers: int) -> Iterator[Frame]:
    with (
        slow_backend() as backend,
        web_server(architecture, workers=workers, backend_port=backend.port) as server,
        ClosedClients(server.port, model.path(wait), connections) as clients,
    ):
        asked = perf_counter()
        model.warm_up(clients, architecture, wait)
        while True:
            answers = model.window(clients, wait)
            yield model.frame_of(clients, answers, perf_counter() - asked)


STYLES = {
    PROCESS_EACH: ("s", INK),
    PREFORK: ("o", MEASURED),
    THREADS: ("^", THIRD),
    LOOP: ("D", CLOCK),
    NODE: ("v", CLOCK),
    APACHE: ("P", MEASURED),
    NGINX: ("X", CLOCK),
}
"""A real server has the colour of ours of its kind: a fixed number of processes, or event loops."""
THIN: dict[str, Any] = {"color": PINNED, "linewidth": 1.3}
NO_ANSWER_NS = 10e9
RESPONSES = {1e7: "10 ms", 1e8: "100 ms", 1e9: "1 s", NO_ANSWER_NS: "no answer"}


def throughputs(architectures: tuple[str, ...]) -> Chart:
    """Throughput against connections."""

    def curve(expected: model.Expected) -> Any:
        return NUMBERS, expected.curve

    def place(run: Record) -> Point:
        return run.parameters["connections"], rate(run)

    styles = {each: STYLES[each] for each in architectures}
    return Chart(
        "Throughput",
        Axis("connections (×10 a step)", 0.8, 1_300, log=True, ticks=count_ticks),
        Axis("requests/s (×10 a step)", 5, 50_000, log=True, ticks=count_ticks),
        Line("N/S", model=lambda m: (NUMBERS, m.unlimited), at=3, linestyle="--", **THIN),
        Line("CPUs' limit", model=lambda m: (NUMBERS[[0, -1]], [m.most_per_s] * 2), at=3, linestyle="-.", **THIN),
        Line("model", model=curve, **MODEL_LINE),
        HereOfKind("connections", curve, "architecture", styles),
        *measured_kinds(place, "architecture", styles, among=("architecture", "connections")),
        width=1.2,
        columns=3,
        empty="The throughput will appear here.",
    )


def shares() -> Chart:
    """What each client gets: its mean response time, or no answer."""

    def expected(m: model.Expected) -> Any:
        ends, values = [0, m.served_share, m.served_share, 1], [m.response_ns] * 2 + [NO_ANSWER_NS] * 2
        return (ends, values) if m.served_share < 1 else (ends[:2], values[:2])

    def answered(run: Record) -> Any:
        times = model.of_clients(run)
        return np.repeat(np.arange(times.size + 1), 2)[1:-1] / run.parameters["connections"], np.repeat(times, 2)

    def starved(run: Record) -> Any:
        return [model.served_share(run), 1], [NO_ANSWER_NS if never(run) else np.nan] * 2

    def percentiles(run: Record) -> Any:
        p50, p99 = (duration(response(run, share)) for share in (0.5, 0.99))
        return model.served_share(run) / 2, model.of_clients(run).max(initial=1e6), f"answered: p50 {p50}, p99 {p99}"

    def alarm(run: Record) -> Any:
        return (1 + model.served_share(run)) / 2, NO_ANSWER_NS / 1.4, f"{count(never(run))} clients get no answer"

    return Chart(
        "What each client gets",
        Axis("clients, the shortest response times first", 0, 1, ticks=percent_ticks),
        Axis("mean response (×10 a step)", 5e6, 2e10, log=True, ticks=RESPONSES),
        Line("model", model=expected, **MODEL_LINE),
        Line(run=starved, color=ALARM, linewidth=16, solid_capstyle="butt"),
        *(Line(name, pinned=of, **PINNED_LINE) for name, of in (("pinned run", answered), ("", starved))),
        Line("answered", run=answered, color=MEASURED, linewidth=5, solid_capstyle="butt"),
        Label(side="below", run=lambda run: alarm(run) if never(run) else None, color=ALARM),
        Label(side="below", run=lambda run: percentiles(run) if never(run) else None, color=MEASURED),
        Label(run=lambda run: None if never(run) else percentiles(run), side="above", color=MEASURED),
        Guesses(3, side="left", setting=lambda _: {said: (share, 1e9) for said, share in SHARES.items()}),
        empty="What each client gets will appear here.",
    )


def say(record: Record) -> str:
    """Who is answered, and how fast; and what limits that."""
    clients, left = record.parameters["connections"], never(record)
    said = f"{count(clients - left)} of {count(clients)} clients get answers: {count(rate(record))} requests/s, "
    said += f"p50 {duration(response(record, 0.5))}, p99 {duration(response(record, 0.99))} of these."
    said += f" {things(left, 'client')} got none in {duration(1e9 * record.fact('asked_s'))}." if left else ""
    return f"{said} {model.why(record)}".strip()


def finding(record: Record, pinned: Record | None) -> str:
    """Who is answered, and who is not."""
    if pinned is not None and only_change(record, pinned) in ("architecture", "workers"):
        return f"{model.effect(pinned)}. {model.effect(record)}."
    left, effect = never(record), model.effect(record)
    return f"{effect}, no answer for {count(left)}." if left else f"{effect}, {count(rate(record))} requests/s."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    number = chosen["connections"]
    who = f"{count(number)} clients keep their connections" if number > 1 else "One client keeps its connection"
    return f"{who} open. Each asks again when it is answered; a request waits {chosen['wait']:g} ms for a backend."


SHARES = {"all, in turns": 1.0, "about half": 0.5, "10": 0.1}
ALL, HALF, TEN = SHARES


def how_many(loop: Record, prefork: Record) -> Outcome | None:
    """How many clients of the prefork server get answers; None where an event loop had too little time, too."""
    if not prefork.calls or never(loop):
        return None
    answered = prefork.fact("answered")
    found = TEN if answered < 20 else ALL if answered > 80 else HALF
    return Outcome(found, f"{answered} of 100 clients of the prefork server get answers, and all 100 of an event loop")


PREDICTION = Prediction(
    question="A prefork server has 10 processes. 100 clients keep their connections open and ask again and again; each request "
    "waits 50 ms for a backend. How many of the clients get answers?",
    choices={
        ALL: Answer(
            "That would be fair, but a process that has accepted a connection stays with it as long as it is open.",
            "Here the processes changed between connections.",
        ),
        HALF: Answer(
            "No process takes another connection before its client closes the one that it has.",
            "Here some processes changed between connections.",
        ),
        TEN: Answer(
            "So it is where a process stays with its connection. Here the processes changed.",
            "A process stays with the connection that it has accepted, and waits when its request waits. The other connections "
            "stay in the backlog, and no percentile of answered requests shows them. An event loop waits for all at once.",
        ),
    },
    runs=tuple({"architecture": each, "connections": 100, "wait": 50, "workers": 10} for each in (LOOP, PREFORK)),
    find=how_many,
    counted=True,
)


def lab() -> Lab:
    here = found()
    workers = (*model.WORKERS, model.APACHES) if APACHE in here else model.WORKERS
    return Lab(
        question="How many can wait at once?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "architecture": choice(here, PREFORK if PREFORK in here else None, menu=True),
            "connections": values_slider(model.CONNECTIONS, 100, unit="connections"),
            "wait": values_slider(model.WAITS, 50, unit="ms", label="wait of a request"),
            "workers": values_slider(workers, 10, unit="processes", label="workers (prefork, Apache)"),
        },
        charts=(throughputs(here), shares()),
        prediction=PREDICTION if PREFORK in here else None,
        verdict=verdict_of(say, compare=percentile_of(PER_S, "The throughput"), needs=RESPONSE),
        table=table_of(*model.ROWS, *model.missing_rows(), needs=RESPONSE, heading="this run"),
        trust=trust_of(*model.TRUST_ROWS, needs=RESPONSE),
        finding=finding,
        scenario=scenario,
    )
