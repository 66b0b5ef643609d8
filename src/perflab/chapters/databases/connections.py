"""How many connections does a database need? 1 to 64 at once, with queries that compute, wait, commit, or want the same row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.databases import connections_model as model
from perflab.chapters.databases.connections_model import NUMBERS, ONE_PER_S, PER_S, WINDOW_S, gain, mean_response
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import duration_ticks
from perflab.lab.kinds import HereOfKind, measured_kinds
from perflab.lab.labels import At, Side
from perflab.lab.marks import Line
from perflab.lab.palette import ALARM, CLOCK, MEASURED, MODEL_LINE, THIRD
from perflab.lab.verdict import against_pinned, ratio_in_turns, ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, number
from perflab.measure.compare import CLEAR
from perflab.systems.servers.querying import COMMITS, COMPUTES, HOT, KINDS, WAITS, Querying


def experiment(kind: str, connections: int) -> Iterator[Frame]:
    with Querying() as database:
        database.load(kind, connections, WINDOW_S)  # left out: files, threads and the drive have yet to wake up
        before = database.stored
        while True:
            one, many = (database.load(kind, each, WINDOW_S) for each in (1, connections))
            yield model.frame_of(kind, one, many, database.stored - before)


STYLES = {COMPUTES: ("o", MEASURED), WAITS: ("^", THIRD), COMMITS: ("s", CLOCK), HOT: ("D", ALARM)}
DOUBLED = {2**power: str(2**power) for power in range(7)}
TIMES = {0.5: "½×", 1: "1×", 2: "2×", 5: "5×", 10: "10×", 20: "20×", 50: "50×"}
Place = tuple[At, Side]


def chart(
    title: str, y: Axis, of: str, value: Callable[[Record], float], places: Mapping[str, Place], **style: Any
) -> Chart:
    """Against the connections: a thin line for each kind of query, the chosen one's in full; a run is a dot of its kind."""

    def curve(kind: str) -> Callable[[model.Expected], Any]:
        return lambda expected: (NUMBERS, getattr(expected, of)[kind])

    def chosen(expected: model.Expected) -> Any:
        return curve(expected.kind)(expected)

    thin: dict[str, Any] = {"linewidth": 1.3, "linestyle": "--"}
    return Chart(
        title,
        Axis("connections (×2 a step)", 0.9, 75, log=True, ticks=DOUBLED),
        y,
        *(
            Line(kind, model=curve(kind), color=STYLES[kind][1], at=at, side=side, **thin)
            for kind, (at, side) in places.items()
        ),
        Line("model", model=chosen, **MODEL_LINE),
        HereOfKind("connections", chosen, "kind", STYLES),
        *measured_kinds(
            lambda run: (run.parameters["connections"], value(run)), "kind", STYLES, among=("kind", "connections")
        ),
        columns=0,
        **style,
    )


def gained(run: Record) -> float:
    """How many times the throughput of one connection; NaN before the first slice."""
    found = gain(run)
    return np.nan if found is None else found.value


CHARTS = (
    chart(
        "Throughput, against one connection",
        Axis("times as many queries per second", 0.4, 100, log=True, ticks=TIMES),
        "gains",
        gained,
        {WAITS: (5, "above"), COMMITS: (24, "above"), COMPUTES: (5, "above"), HOT: (24, "below")},
        empty="What more connections gain will appear here.",
    ),
    chart(
        "Response time",
        Axis("mean of all queries (×10 a step)", 1e5, 2e9, log=True, ticks=duration_ticks),
        "responses",
        mean_response,
        {},
        empty="How long a query takes will appear here.",
    ),
)


def say(record: Record) -> str:
    """What the connections get, and what one gets; and what limits them."""
    found, kind, connections = gain(record), record.parameters["kind"], record.parameters["connections"]
    assert found is not None
    who = f"{connections} connections get" if connections > 1 else "One connection gets"
    said = f"{who} {count(np.nanmedian(record.column(PER_S)))} queries/s"
    if connections > 1:
        said += f", {ratio_text(found)} one connection, which was measured in turns"
    return f"{said}; a query takes {duration(mean_response(record))} on average. {model.why(kind)}"


def compare(record: Record, pinned: Record) -> tuple[str, str] | None:
    compared = ratio_in_turns(record, pinned, PER_S)
    return (f"The throughput is {against_pinned(compared)}.", compared.verdict) if compared else None


def finding(record: Record, pinned: Record | None) -> str | None:
    """What the connections gain, and what for."""
    connections, kind = record.parameters["connections"], record.parameters["kind"]
    if connections == 1:
        return None
    if pinned is not None and (other := pinned.parameters)["kind"] != kind and other["connections"] == connections:
        gains = f"“{kind}” {number(gained(record))}× the throughput, “{other['kind']}” {number(gained(pinned))}×"
        return f"{connections} connections instead of one: {gains}."
    return f"{connections} connections instead of one, “{kind}”: {number(gained(record))}× the throughput."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    who = f"{chosen['connections']} connections ask" if chosen["connections"] > 1 else "One connection asks"
    return f"{who} again and again. {model.what_one_does(chosen['kind'])}."


def gain_said(run: Record) -> str:
    found = gain(run)
    return ratio_text(found) if found else ""


TABLE = table_of(
    ("queries/s", lambda run: count(np.nanmedian(run.column(PER_S)))),
    ("queries/s of one connection", lambda run: count(np.nanmedian(run.column(ONE_PER_S)))),
    ("times as many", gain_said),
    ("response, mean", lambda run: duration(mean_response(run))),
    ("the slowest query", lambda run: duration(run.column(model.RESPONSE).max(initial=0))),
    needs=PER_S,
)
TRUST = trust_of(
    ("pairs of loads, one connection and all", lambda run: count(run.column(PER_S).size)),
    ("mean response by Little's law, connections / throughput", lambda run: duration(model.by_littles_law(run))),
    ("commits acknowledged; stored", lambda run: f"{count(run.count('committed'))}; {count(run.fact('stored', 0))}"),
    needs=PER_S,
)

ALIKE_WITHIN = 1.3
REPORTS, WRITES, ALIKE = "the reports", "the commits", "both alike"


def which_gains_more(reports: Record, commits: Record) -> Outcome | None:
    """The gain of durable commits against that of reports; None where it is too close to call."""
    ratio, gains = model.more_gained(commits, reports), [gain(run) for run in (reports, commits)]
    if ratio is None or not ratio.has_interval or None in gains:
        return None
    told = "32 connections instead of one: reports {}, commits {}".format(*map(ratio_text, filter(None, gains)))
    if max(ratio.high, 1 / ratio.low) < ALIKE_WITHIN:
        return Outcome(ALIKE, told)
    if ratio.verdict != CLEAR:
        return None
    return Outcome(WRITES if ratio.low > 1 else REPORTS, told)


PREDICTION = Prediction(
    question="A common advice: few connections for transactions, many for reports. You give a database 32 connections instead of "
    "one. Which gains more queries per second: reports that compute, or durable commits?",
    choices={
        REPORTS: Answer(
            "A report takes long, so more of them seem worth having at once; but each needs a CPU all the time, and there are "
            "no more CPUs than before.",
            "This machine has CPUs enough for many reports at once, or its drive takes so little time for a commit that "
            "there is little to share.",
        ),
        WRITES: Answer(
            "Here a commit hardly waits for the drive, so there is little that many connections could share.",
            "A commit waits for the drive, and the rows of all connections that wait by then share the next one (group commit). "
            "A report computes: what gets through is what the CPUs can do, and the other connections make it wait.",
        ),
        ALIKE: Answer(
            "The number of connections is the same; what their queries wait for is not.",
            "On this machine the CPUs and the drive happen to give about as much to share.",
        ),
    },
    runs=({"kind": COMPUTES, "connections": 32}, {"kind": COMMITS, "connections": 32}),
    find=which_gains_more,
)


def lab() -> Lab:
    return Lab(
        question="How many connections does a database need?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "kind": choice(KINDS, label="a query"),
            "connections": values_slider(tuple(DOUBLED), 8, unit="connections"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, model.told, model.all_stored, compare=compare, needs=PER_S),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
    )
