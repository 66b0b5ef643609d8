"""What does an idle connection cost? Connections that stay open after their request, and one more request on a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import Any

from perflab.chapters.web_servers import idle_connections_model as model
from perflab.chapters.web_servers.idle_connections_model import GIVEN_UP, LIMIT_S, NUMBERS, OWN, RESPONSE, RSS, response
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import byte_ticks, duration_ticks, from_zero_ticks
from perflab.lab.kinds import measured_kinds
from perflab.lab.marks import Line, before
from perflab.lab.palette import ALARM, CLOCK, INK, MEASURED, MODEL_HERE, MODEL_LINE, PINNED, QUIET, THIRD
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration
from perflab.measure.compare import CLEAR, TOO_CLOSE, lie_apart
from perflab.measure.memory import memory_of
from perflab.systems.clients.idle import IdleConnections
from perflab.systems.servers.web.own import LOOP, PREFORK, PROCESS_EACH, THREADS
from perflab.systems.servers.web.web_server import APACHE, NGINX, NODE, found

SLICE_S, TICK_S, APART = 0.1, 0.1, 1.5


def experiment(architecture: str, idle: int, workers: int, keep_alive: float) -> Iterator[Frame]:
    held = int(model.held_of(architecture, idle, workers))
    with model.serving(architecture, idle, workers, keep_alive) as server:
        with IdleConnections(server.port, idle, held):
            yield model.memory_frame(memory_of(server.pids()))
        while True:
            asked, until = [], perf_counter() + SLICE_S
            while perf_counter() < until:
                with IdleConnections(server.port, idle, held) as connections:
                    connections.ask_one_more(LIMIT_S)
                    while (told := connections.wait(TICK_S)) is None:
                        yield Frame()
                asked.append(told)
            yield model.frame_of(asked, held)


STYLES = {
    PREFORK: ("o", MEASURED),
    PROCESS_EACH: ("s", ALARM),
    THREADS: ("^", THIRD),
    LOOP: ("D", CLOCK),
    NODE: ("v", PINNED),
    APACHE: ("P", INK),
    NGINX: ("X", QUIET),
}
ADDED_UP: dict[str, Any] = {"color": PINNED, "linestyle": "--", "linewidth": 1.8}
CROSSES: dict[str, Any] = {"color": PINNED, "marker": "x", "linestyle": "none", "markersize": 8}
GIVEN_UP_AT: dict[str, Any] = {"color": QUIET, "linestyle": ":", "linewidth": 1.8}
FREE = ("architecture", "idle")
IDLE = Axis("idle connections (0, then ×10 a step)", -0.1, 1_300, ticks=from_zero_ticks)


def place(value: Callable[[Record], float]) -> Callable[[Record], tuple[float, float]]:
    """Where a run stands."""
    return lambda run: (run.parameters["idle"], value(run))


def charts(architectures: tuple[str, ...]) -> tuple[Chart, ...]:
    """Response and memory, a run being a dot of its architecture."""
    styles = {each: STYLES[each] for each in architectures}
    return (
        Chart(
            "Response time of one more request",
            IDLE,
            Axis("median (×10 a step)", 5e4, 8e9, log=True, ticks=duration_ticks),
            Line("given up", setting=lambda _: ([0, 1_000], [1e9 * LIMIT_S] * 2), **GIVEN_UP_AT, at=2),
            Line("model", model=lambda m: m.stairs, **MODEL_LINE),
            Line(model=lambda m: (m.idle, m.response), **MODEL_HERE),
            *measured_kinds(place(response), "architecture", styles, among=FREE),
            columns=4,
            empty="How long it takes will appear here.",
        ),
        Chart(
            "Memory of the server",
            IDLE,
            Axis("bytes (×10 a step)", 2e6, 5e9, log=True, ticks=byte_ticks),
            Line("RSS added up", model=lambda m: (NUMBERS, m.rss), **ADDED_UP, at=2),
            Line("each page once", model=lambda m: (NUMBERS, m.own), **MODEL_LINE, at=2, side="below"),
            Line(model=lambda m: (m.idle, m.own_at(m.idle)), **MODEL_HERE),
            Line(runs=before(place(lambda run: model.bytes_of(run, RSS)), FREE), **CROSSES),
            *measured_kinds(place(lambda run: model.bytes_of(run, OWN)), "architecture", styles, among=FREE),
            columns=4,
            empty="What memory the server takes will appear here.",
        ),
    )


def say(record: Record) -> str:
    """How long one more request takes and why, and what memory that is."""
    times = record.column(RESPONSE)
    said = f"One more request takes {duration(response(record))} (median of {count(times.size)})."
    if gave_up := record.count(GIVEN_UP):
        said = f"{count(gave_up)} of {count(times.size)} requests had no reply within {LIMIT_S:g} s, and were given up."
    return f"{said} {model.why(record)} {model.memory_said(record)}"


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """Clear where all responses of one run are longer than all of the other's; no verdict from very few."""
    times = record.column(RESPONSE), pinned.column(RESPONSE)
    is_apart, told = lie_apart(*times, APART), f"In the pinned run it took {duration(response(pinned))}"
    if is_apart is None:
        return f"{told}: {' and '.join(count(each.size) for each in times)} requests are too few to judge.", ""
    return f"{told}.", CLEAR if is_apart else TOO_CLOSE


def finding(record: Record, pinned: Record | None) -> str:
    """The headline."""
    now, then = record.parameters, pinned.parameters if pinned else record.parameters
    if pinned is not None and {**then, "architecture": now["architecture"]} == now != then:
        took = (
            f"takes {model.took(record)} with {now['architecture']}, {model.took(pinned)} with {then['architecture']}"
        )
        return f"{count(now['idle'])} idle connections: one more request {took}."
    if pinned is not None and {**then, "idle": now["idle"]} == now != then:
        took = f"takes {model.took(record)} beside {count(now['idle'])} idle connections, {model.took(pinned)}"
        return f"{model.named(now).capitalize()}: one more request {took} beside {count(then['idle'])}."
    does = "keeps one more request waiting for" if model.has_waited(record) else "answers one more request in"
    return f"With {count(now['idle'])} idle connections, {model.named(now)} {does} {model.took(record)}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    asked = f"{count(chosen['idle'])} connections were asked on once and stay open"
    if not chosen["idle"]:
        asked = "No connection is open"
    server = f"{model.named(chosen)}; idle connections are closed after {chosen['keep_alive']:g} s"
    return f"{server[0].upper()}{server[1:]}. {asked}; then one more request arrives on a new connection."


QUICK, SLOWER, WAITS, REFUSED = "as quick as ever", "about 10% slower", "until a connection times out", "refused"


def how_long(record: Record) -> Outcome | None:
    """Whether the request has waited; None before its reply."""
    if not record.column(RESPONSE).size:
        return None
    took = response(record)
    told = f"one more request took {duration(took)} (median of {count(record.column(RESPONSE).size)})"
    return Outcome(WAITS if model.has_waited(record) else QUICK, told)


PREDICTION = Prediction(
    question="A prefork server has 10 processes, and closes a connection that was idle for 1 s. 10 clients have loaded a page "
    "and keep their connections open. How long does the next client's request take?",
    choices={
        QUICK: Answer(
            "The processes compute nothing, so they seem free. But each waits for the next request of its own connection.",
            "On this machine a process was free.",
        ),
        SLOWER: Answer("One connection more is 10% more, but no process is left that could accept it."),
        WAITS: Answer(
            "On this machine a process was free.",
            "Each process keeps to its connection until that is closed or times out. The 11th connection waits in the listen "
            "backlog, accepted by no process, though no CPU is busy.",
        ),
        REFUSED: Answer(
            "The system accepts connections for the server, up to its listen backlog: nothing is refused, it waits."
        ),
    },
    runs=({"architecture": PREFORK, "idle": 10, "workers": 10, "keep_alive": 1},),
    find=how_long,
    counted=True,
)


def lab() -> Lab:
    here = found()
    return Lab(
        question="What does an idle connection cost?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "architecture": choice(here, PREFORK if PREFORK in here else LOOP, menu=True),
            "idle": values_slider((0, 4, 5, 9, 10, 19, 20, 49, 50, 100, 300, 1_000), 9, unit="idle connections"),
            "workers": values_slider((5, 10, 20, 50), 10, unit="processes", label="workers of prefork"),
            "keep_alive": values_slider((0.2, 0.5, 1.0, 2.0), 1.0, unit="s", label="keep-alive time-out"),
        },
        charts=charts(here),
        prediction=PREDICTION if PREFORK in here else None,
        verdict=verdict_of(say, model.were_idle, compare=compare, needs=model.IDLE),
        table=table_of(*model.ROWS, needs=RESPONSE, heading="this run"),
        trust=trust_of(*model.TRUST_ROWS, needs=RESPONSE),
        finding=finding,
        scenario=scenario,
        budget_s=LIMIT_S + 1.5,
    )
