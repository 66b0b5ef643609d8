"""How many can wait at once? Clients that keep their connections open, and requests that wait for a slow backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from perflab.chapters.web_servers import waiting_connections_model as model
from perflab.chapters.web_servers.waiting_connections_model import (
    NUMBERS,
    PER_S,
    PREFORK,
    RESPONSE,
    WITH_WORKERS,
    never,
    of_clients,
    rate,
    response,
    who,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import count_ticks, percent_ticks
from perflab.lab.kinds import HereOfKind, measured_kinds
from perflab.lab.marks import Label, Line, Point
from perflab.lab.palette import ALARM, CLOCK, INK, MEASURED, MODEL_LINE, PINNED, PINNED_LINE, THIRD
from perflab.lab.verdict import percentile_of, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration
from perflab.systems.clients.closed_clients import ClosedClients
from perflab.systems.servers.slow_backend import slow_backend
from perflab.systems.servers.web.web_server import (
    APACHE,
    ARCHITECTURES,
    LOOP,
    NGINX,
    NODE,
    PROCESS_EACH,
    THREADS,
    found,
    web_server,
    why_missing,
)


def experiment(architecture: str, connections: int, wait: float, workers: int) -> Iterator[Frame]:
    model.check(architecture, connections)
    with (
        slow_backend() as backend,
        web_server(architecture, workers=workers, backend_port=backend.port) as server,
        ClosedClients(server.port, model.path(wait), connections) as clients,
    ):
        asked = perf_counter()
        model.window(clients, connections, wait)  # left out: the first requests open connections to the backend
        while True:
            answers = model.window(clients, connections, wait)
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
"""Colours of what keeps a process per connection, a thread, an event loop; a real server has that of its kind."""
NO_ANSWER_NS = 10e9
RESPONSES = {1e7: "10 ms", 1e8: "100 ms", 1e9: "1 s", NO_ANSWER_NS: "no answer"}
NOBODY: tuple[Any, Any] = ([], [])


def throughputs(architectures: tuple[str, ...]) -> Chart:
    """Throughput against connections."""

    def chosen(expected: model.Expected) -> Any:
        return NUMBERS, expected.per_s

    def place(run: Record) -> Point:
        return run.parameters["connections"], rate(run)

    styles = {each: STYLES[each] for each in architectures}
    return Chart(
        "Throughput",
        Axis("connections (×10 a step)", 0.8, 1_300, log=True, ticks=count_ticks),
        Axis("requests per second (×10 a step)", 5, 50_000, log=True, ticks=count_ticks),
        Line("N/S", model=lambda m: (NUMBERS, m.unlimited), at=4, color=PINNED, linewidth=1.3, linestyle="--"),
        Line(
            "all CPUs busy",
            model=lambda m: (NUMBERS, np.full(NUMBERS.size, m.most_per_s)),
            at=3,
            color=PINNED,
            linewidth=1.3,
            linestyle="-.",
        ),
        Line("model", model=chosen, **MODEL_LINE),
        HereOfKind("connections", chosen, "architecture", styles),
        *measured_kinds(place, "architecture", styles, among=("architecture", "connections")),
        columns=2,
        empty="The throughput will appear here.",
    )


def clients() -> Chart:
    """What each client gets: its mean response time, or no answer."""

    def expected(m: model.Expected) -> Any:
        return [0, m.served_share, m.served_share, 1], [m.response_ns] * 2 + [NO_ANSWER_NS] * 2

    def served(run: Record) -> Any:
        times = of_clients(run)
        return np.repeat(np.arange(times.size + 1), 2)[1:-1] / run.parameters["connections"], np.repeat(times, 2)

    def starved(run: Record) -> Any:
        share = never(run) / run.parameters["connections"]
        return ([1 - share, 1], [NO_ANSWER_NS] * 2) if share else NOBODY

    def told(run: Record) -> Any:
        times = of_clients(run)
        if not times.size:
            return [], [], ""
        text = f"answered requests: p50 {duration(response(run, 0.5))}, p99 {duration(response(run, 0.99))}"
        return 0.5, times.max(), text

    def warned(run: Record) -> Any:
        return (0.5, NO_ANSWER_NS, f"{count(never(run))} clients get no answer") if never(run) else ([], [], "")

    return Chart(
        "What each client gets",
        Axis("clients, those with the shortest response time first", 0, 1, ticks=percent_ticks),
        Axis("mean response time (×10 a step)", 5e6, 2e10, log=True, ticks=RESPONSES),
        Line("model", model=expected, **MODEL_LINE),
        Line("no answer", run=starved, color=ALARM, linewidth=16, solid_capstyle="butt"),
        Line("pinned run", pinned=served, **PINNED_LINE),
        Line(pinned=starved, **PINNED_LINE),
        Line("answered", run=served, color=MEASURED, linewidth=5, solid_capstyle="butt"),
        Label(side="below", run=warned, color=ALARM),
        Label(side="above", run=told, color=MEASURED),
        empty="What each client gets will appear here.",
    )


def say(record: Record) -> str:
    """Who is answered, how fast; and what limits that."""
    clients, left = record.parameters["connections"], never(record)
    said = f"{count(clients - left)} of {count(clients)} clients are answered: {count(rate(record))} requests/s"
    said += f", p50 {duration(response(record, 0.5))}, p99 {duration(response(record, 0.99))} of the answered requests."
    if left:
        said += f" {count(left)} clients got no answer in {duration(1e9 * record.fact('waited_s'))}."
    return f"{said} {model.why(record)}"


def finding(record: Record, pinned: Record | None) -> str:
    """Who is answered, and who is not."""
    if pinned is not None and record.parameters["architecture"] != pinned.parameters["architecture"]:
        return f"{effect(pinned)}. {effect(record)}."
    clients, left, p99 = record.parameters["connections"], never(record), duration(response(record, 0.99))
    if left:
        return f"{who(record.parameters)}: p99 {p99} for {count(clients - left)} of {count(clients)} clients; {count(left)} get no answer."
    return f"{effect(record)}, p99 {p99}."


def effect(record: Record) -> str:
    """Who is answered, in a few words."""
    clients, left = record.parameters["connections"], never(record)
    answered = f"{count(clients - left)} of {count(clients)} clients" if left else f"all {count(clients)} clients"
    return f"{who(record.parameters)}: {answered if clients > 1 else 'the client'} answered, {count(rate(record))}/s"


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    number = chosen["connections"]
    clients = f"{count(number)} clients keep" if number > 1 else "One client keeps"
    again = "their connections open and ask again as soon as they are answered" if number > 1 else "its connection open"
    return f"{clients} {again}. Each request waits {chosen['wait']:g} ms for a slow backend."


ALL, HALF, TEN, NONE = "all 100, in turns", "about half", "10", "none"


def how_many(prefork: Record, loop: Record) -> Outcome | None:
    """How many clients of the prefork server were answered; None where the run was too short for the event loop's, too."""
    if not prefork.calls or never(loop):
        return None
    answered = prefork.fact("answered")
    found = ALL if answered >= 95 else HALF if answered > 30 else TEN
    return Outcome(found, f"{answered} of 100 clients of the prefork server are answered, and all 100 of an event loop")


PREDICTION = Prediction(
    question="A prefork server has 10 processes. 100 clients keep their connections open, and ask again and again; each request "
    "waits 50 ms for a backend. How many of the clients get an answer?",
    choices={
        ALL: Answer(
            "Connections are not shared fairly: a process that has accepted one stays with it as long as it is open.",
            "Here the processes change between connections.",
        ),
        HALF: Answer("No process takes another connection before its client has closed the one that it has."),
        TEN: Answer(
            "That is what prefork does elsewhere: each process stays with the connection that it has accepted.",
            "Each process stays with the connection that it has accepted, and waits along with it. The other 90 wait in the "
            "backlog, and no percentile of the answered requests shows them. An event loop waits for all of them at once.",
        ),
        NONE: Answer("10 of them get a process at once, and keep it."),
    },
    runs=(
        {"architecture": PREFORK, "connections": 100, "wait": 50, "workers": 10},
        {"architecture": LOOP, "connections": 100, "wait": 50, "workers": 10},
    ),
    find=how_many,
    counted=True,
)


def lab() -> Lab:
    here = found()
    missing = tuple((each, lambda _, each=each: why_missing(each)) for each in ARCHITECTURES if each not in here)
    return Lab(
        question="How many can wait at once?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "architecture": choice(here, PREFORK if PREFORK in here else LOOP, menu=True),
            "connections": values_slider(model.CONNECTIONS, 100, unit="connections"),
            "wait": values_slider(model.WAITS, 50, unit="ms", label="wait of a request"),
            "workers": values_slider(model.WORKERS, 10, unit="processes", label=f"{' and '.join(WITH_WORKERS)}"),
        },
        charts=(throughputs(here), clients()),
        prediction=PREDICTION,
        verdict=verdict_of(
            say, compare=percentile_of(PER_S, "The throughput"), needs=RESPONSE, empty="No client was answered."
        ),
        table=table_of(*model.ROWS, *missing, needs=RESPONSE, heading="this run"),
        trust=trust_of(*model.TRUST_ROWS, needs=RESPONSE),
        finding=finding,
        scenario=scenario,
    )
