"""How many connections does a database need? 1 to 64 at once, with queries that compute, wait, commit, or want the same row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.changes import only_change
from perflab.chapters.databases import connections_model as model
from perflab.chapters.databases.connections_model import (
    NUMBERS,
    ONE_PER_S,
    PER_S,
    WINDOW_S,
    gain,
    gained,
    mean_response,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import duration_ticks
from perflab.lab.controls import Control
from perflab.lab.kinds import HereOfKind, measured_kinds
from perflab.lab.labels import Side
from perflab.lab.marks import Line
from perflab.lab.palette import ALARM, CLOCK, MEASURED, MODEL_LINE, THIRD
from perflab.lab.verdict import percentile_of, ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, number, things
from perflab.measure.compare import CLEAR
from perflab.systems.servers.query_kinds import COMMITS, COMPUTES, HOT, KINDS, SQLITE, WAITS
from perflab.systems.servers.querying import querying


def experiment(kind: str, connections: int, database: str = SQLITE) -> Iterator[Frame]:
    with querying(database) as asked:
        asked.load(kind, connections, WINDOW_S)  # left out: files, threads and the drive have yet to wake up
        before = asked.stored
        while True:
            one, many = (asked.load(kind, each, WINDOW_S) for each in (1, connections))
            yield model.frame_of(kind, one, many, asked.stored - before)


GLYPHS = {"o": "●", "^": "▲", "s": "■", "D": "◆"}  # beside a line's name: what a run of its kind looks like
STYLES = {COMPUTES: ("o", MEASURED), WAITS: ("^", THIRD), COMMITS: ("s", CLOCK), HOT: ("D", ALARM)}
DOUBLED = {2**power: str(2**power) for power in range(7)}
TIMES = {0.5: "½×", 1: "1×", 2: "2×", 5: "5×", 10: "10×", 20: "20×", 50: "50×"}
GAINS = "gains"
PLACES: dict[str, tuple[float, Side]]
PLACES = {WAITS: (6, "above"), COMMITS: (31, "below"), COMPUTES: (30, "below"), HOT: (22, "below")}


def chart(title: str, y: Axis, of: str, value: Callable[[Record], float], empty: str) -> Chart:
    """Against the connections: a thin line for each kind of query, the chosen one's in full; a run is a dot of its kind."""

    def curve(kind: str) -> Callable[[model.Expected], Any]:
        return lambda expected: (NUMBERS, getattr(expected, of)[kind])

    def chosen(expected: model.Expected) -> Any:
        return curve(expected.kind)(expected)

    def thin(kind: str) -> Line:
        (marker, color), (at, side) = STYLES[kind], PLACES[kind]
        name, at_ = (f"{GLYPHS[marker]} {kind}", at) if of == GAINS else ("", None)
        return Line(name, model=curve(kind), at=at_, side=side, color=color, linewidth=1.3, linestyle="--")

    def point(run: Record) -> tuple[float, float]:
        return run.parameters["connections"], value(run)

    return Chart(
        title,
        Axis("connections (×2 a step)", 0.9, 75, log=True, ticks=DOUBLED),
        y,
        *map(thin, KINDS),
        Line("model", model=chosen, **MODEL_LINE),
        HereOfKind("connections", chosen, "kind", STYLES),
        *measured_kinds(point, "kind", STYLES, among=("kind", "connections"), names_kinds=False),
        columns=3,
        empty=empty,
    )


CHARTS = (
    chart(
        "Throughput, against one connection",
        Axis("times as many queries/s", 0.4, 100, log=True, ticks=TIMES),
        GAINS,
        gained,
        "What connections gain over one will appear here.",
    ),
    chart(
        "Response time",
        Axis("mean (×10 a step)", 1e5, 2e9, log=True, ticks=duration_ticks),
        "responses",
        mean_response,
        "How long a query takes then will appear here.",
    ),
)


def say(record: Record) -> str:
    """What the connections get, and what one gets; and what limits them."""
    connections, rate = record.parameters["connections"], count(np.nanmedian(record.column(PER_S)))
    said = f"{things(connections, 'connection')} {'get' if connections > 1 else 'gets'} {rate} queries/s"
    said += f", {model.gain_said(record)} one connection in turns with it" if connections > 1 else ""
    return f"{said}; a query takes {duration(mean_response(record))} on average. {model.why(record.parameters)}"


def finding(record: Record, pinned: Record | None) -> str | None:
    """What the connections gain, and what for."""
    connections, kind = record.parameters["connections"], record.parameters["kind"]
    if connections == 1:
        return None
    if pinned is not None and only_change(record, pinned) == "kind":
        gains = f"“{kind}” {number(gained(record))}× the throughput, “{pinned.parameters['kind']}” {number(gained(pinned))}×"
        return f"{connections} connections instead of one: {gains}."
    return f"{connections} connections instead of one, “{kind}”: {number(gained(record))}× the throughput."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    who = f"{chosen['connections']} connections ask" if chosen["connections"] > 1 else "One connection asks"
    return f"{who} again and again. {model.what_one_does(chosen['kind'])}."


TABLE = table_of(
    ("queries/s", lambda run: count(np.nanmedian(run.column(PER_S)))),
    ("queries/s of one connection", lambda run: count(np.nanmedian(run.column(ONE_PER_S)))),
    ("times as many", model.gain_said),
    ("response, mean", lambda run: duration(mean_response(run))),
    ("the slowest query", lambda run: duration(run.column(model.RESPONSE).max(initial=0))),
    needs=PER_S,
)
TRUST = trust_of(
    ("pairs of loads, one connection and all", lambda run: count(run.column(PER_S).size)),
    ("mean response by Little's law, connections / throughput", lambda run: duration(model.by_littles_law(run))),
    ("commits acknowledged; stored", lambda run: f"{count(run.count('committed'))}; {count(run.fact('stored', 0))}"),
    ("PostgreSQL", lambda _: model.postgresql_said()),
    needs=PER_S,
)

MORE, ALIKE_WITHIN = percentile_of(PER_S, "The throughput"), 1.3
REPORTS, WRITES, ALIKE = "the reports", "the commits", "both alike"


def which_gains_more(reports: Record, commits: Record) -> Outcome | None:
    """The gain of durable commits against that of reports; None where it is too close to call."""
    ratio, gains = model.more_gained(commits, reports), [gain(run) for run in (reports, commits)]
    if ratio is None or not ratio.has_interval or None in gains:
        return None
    told = "32 connections instead of one: reports {}, commits {}".format(*map(ratio_text, filter(None, gains)))
    if max(ratio.high, 1 / ratio.low) < ALIKE_WITHIN:
        return Outcome(ALIKE, told)
    return Outcome(WRITES if ratio.low > 1 else REPORTS, told) if ratio.verdict == CLEAR else None


PREDICTION = Prediction(
    question="A common advice: few connections for transactions, many for reports. You give a database 32 connections instead of "
    "one. Which gains more queries per second: reports that compute, or durable commits?",
    choices={
        REPORTS: Answer(
            "A report takes long, so it seems worth having more of them at once; but each needs a CPU all the time.",
            "This machine has CPUs for many reports at once, or a commit hardly waits for its drive.",
        ),
        WRITES: Answer(
            "Here a commit takes so little time that there is little for many connections to share.",
            "The rows of all connections that wait by then share the next commit (group commit), and so the wait for the drive. "
            "Reports compute: the CPUs decide what gets through, and more connections only wait for them.",
        ),
        ALIKE: Answer(
            "The number of connections is the same; what their queries wait for is not.",
            "On this machine the CPUs and the drive happen to have about as much to share.",
        ),
    },
    runs=({"kind": COMPUTES, "connections": 32}, {"kind": COMMITS, "connections": 32}),
    find=which_gains_more,
)


def lab() -> Lab:
    found = model.databases()
    other: dict[str, Control] = {"database": choice(found)} if len(found) > 1 else {}
    return Lab(
        question="How many connections does a database need?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "kind": choice(KINDS, label="kind of query"),
            "connections": values_slider(tuple(DOUBLED), 8, unit="connections"),
            **other,
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, model.told, model.all_stored, compare=MORE, needs=PER_S),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
    )
