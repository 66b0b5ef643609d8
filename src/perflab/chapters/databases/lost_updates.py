"""Who loses updates? Clients that read a counter, think, and write it plus 1, in ways that databases allow for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.changes import only_change
from perflab.chapters.databases import lost_updates_model as model
from perflab.chapters.databases.lost_updates_model import SLICE_S, adding, effect, frame_of, lost, per_s, writes_between
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import count_ticks
from perflab.lab.marks import Line, Point, before, measured
from perflab.lab.palette import ALARM, MODEL, MODEL_HERE, MODEL_LINE
from perflab.lab.rows import chosen_row, named_rows
from perflab.lab.verdict import ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, number, paired_ratio, percent
from perflab.measure.compare import CLEAR, TOO_CLOSE
from perflab.systems.databases.counters import SQLITE, TWO, WAYS
from perflab.systems.servers.real.postgresql import POSTGRESQL
from perflab.theory.lost_updates import lost_share


def experiment(way: str, clients: int, counters: int, think: float, seed: int) -> Iterator[Frame]:
    with adding(way, clients, counters, think, seed) as running:
        while True:
            yield frame_of(running.add(SLICE_S))


LEFT, RIGHT = 0.0002, 10.0
WRITES = np.geomspace(LEFT, RIGHT, 100)
TICKS = {LEFT: "0", **{each: f"{each:g}" for each in (0.001, 0.01, 0.1, 1.0, 10.0)}}
CHANGING = ("clients", "counters", "think")
TRIANGLE: dict[str, Any] = {"color": ALARM, "marker": "^", "linestyle": "none"}


def shares() -> Chart:
    """The share that is lost, of all settings on one curve."""

    def place(run: Record) -> Point:
        return max(LEFT, writes_between(run)), lost(run)

    return Chart(
        "Lost increments",
        Axis("x = (N − 1)·f/K, writes expected in between", LEFT, RIGHT, log=True, ticks=TICKS),
        Axis("share that is lost", -0.02, 1, ticks={each / 4: f"{25 * each}%" for each in range(5)}),
        Line("x/(1 + x)", model=lambda _: (WRITES, lost_share(WRITES)), **MODEL_LINE, at=0.3),
        Line("simulated", model=lambda m: (max(LEFT, m.writes), m.lost), **MODEL_HERE, clip_on=False),
        *measured(place, among=("way", *CHANGING), earlier="before"),
        columns=2,
        empty="The share that is lost will appear here.",
    )


def prices(ways: tuple[str, ...]) -> Chart:
    """What each way costs: a row for each."""

    def place(column: str) -> Callable[[Record], Point]:
        return lambda run: (per_s(run, column), ways.index(run.parameters["way"]))

    def expected(of: str) -> Callable[[Any], Any]:
        def data(m: model.Expected) -> Any:
            found = getattr(m, of)
            return [found.get(way, np.nan) or np.nan for way in ways], range(len(ways))

        return data

    ring = {**MODEL_HERE, "marker": "^", "color": MODEL, "markersize": 12}
    return Chart(
        "What safety costs",
        Axis("per second", 5, 20_000, log=True, ticks=count_ticks),
        named_rows([way.replace("PostgreSQL: ", "PG ") for way in ways]),
        chosen_row(ways, "way"),
        Line("simulated", model=expected("rates"), **MODEL_HERE),
        Line(model=expected("retries"), **ring),
        Line(runs=before(place("retries_per_s"), ("way",)), **TRIANGLE, markersize=5, alpha=0.6),
        Line("refused writes", run=place("retries_per_s"), **TRIANGLE, markersize=8),
        *measured(place("per_s"), among=("way",), label="increments"),
        width=1.1,
        columns=2,
        empty="What each way costs will appear here.",
    )


def say(record: Record) -> str:
    """What was acknowledged, and what of it is in the database."""
    done, gone = record.calls, record.count("lost")
    stored, retries = count(done - gone), count(record.count("retries"))
    if not gone:
        said = f"All {count(done)} acknowledged increments are in the database, {count(per_s(record))} per second."
        said += model.said_of_none_lost(
            record, " By x/(1 + x) {} were to be lost: this way is not safe, so it was chance."
        )
        return f"{said} {retries} writes were refused and tried again." if record.count("retries") else said
    said = (
        f"{count(done)} increments were acknowledged, and the counters say {stored}: {percent(lost(record))} are lost."
    )
    said += " No statement failed." if not record.count("retries") else ""
    writes = writes_between(record)
    said += f" To be expected between a read and its write are {number(writes)} writes of others; x/(1 + x) is "
    said += f"{percent(lost_share(writes))}"
    few = record.parameters["counters"] < model.FEW_COUNTERS
    return f"{said}, which is a little low where clients rest and counters are few." if few else f"{said}."


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """The lost share and the rate beside those of the pinned run, by pairs of slices."""
    pairs = np.array([*zip(record.column("per_s"), pinned.column("per_s"), strict=False)])
    ratio = paired_ratio(*pairs.T)
    told = f"Pinned run: {percent(lost(pinned))} lost; this run has {ratio_text(ratio)} its increments per second."
    more = model.more_lost(record, pinned)
    return told, CLEAR if more is not None else TOO_CLOSE if lost(record) or lost(pinned) else ratio.verdict


def finding(record: Record, pinned: Record | None) -> str:
    """The headline."""
    if pinned is not None and only_change(record, pinned) == "way":
        return f"{effect(pinned)}, {effect(record)}."
    if record.count("lost"):
        done = count(record.calls)
        return f"{done} increments were acknowledged; {percent(lost(record))} of them are lost, without any error."
    return f"{effect(record)}; {count(record.count('retries'))} writes were refused and tried again."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    clients = f"{chosen['clients']} clients add" if chosen["clients"] > 1 else "One client adds"
    where = f"one of {count(chosen['counters'])} counters" if chosen["counters"] > 1 else "one counter"
    return (
        f"{clients} 1 to {where}, again and again. Each thinks for {chosen['think']:g} ms, and rests for 1 ms (means)."
    )


NONE, FEW, QUARTER, MOST = "none", "about 1 in 10", "about 1/4", "about 3/4"


def how_many(record: Record) -> Outcome | None:
    """The share that a run has lost; None for too few increments."""
    if record.calls < 100:
        return None
    share = lost(record)
    found = NONE if share < 0.02 else FEW if share < 0.17 else QUARTER if share < 0.5 else MOST
    return Outcome(found, f"{count(1_000 * share)} of 1,000 acknowledged increments are lost")


PREDICTION = Prediction(
    question="4 clients add 1 to the same counter: read it, think for 5 ms, write it plus 1, by two statements. No error shows. "
    "How many of 1,000 increments are lost?",
    choices={
        NONE: Answer(
            "Each statement is safe by itself. Between the two, others write, and the second one undoes that."
        ),
        FEW: Answer(
            "A statement takes microseconds, so two of them seldom meet. But what counts is the time from the read to the write.",
            "On this machine clients are between a read and its write for a small part of their time only.",
        ),
        QUARTER: Answer(
            "It is the other way round: about 1 of 4 lasts.",
            "Here fewer writes fell between a read and its write than 5 ms of thinking lets expect.",
        ),
        MOST: Answer(
            "So it is where clients are nearly always between a read and its write. Here they were not.",
            "While a client thinks, each of the 3 others writes about once; its write undoes them all. Of 4 writes 1 lasts: "
            "x/(1 + x) with x near 3.",
        ),
    },
    runs=({"way": TWO, "clients": 4, "counters": 1, "think": 5},),
    find=how_many,
    counted=True,
)


def lab() -> Lab:
    is_here = POSTGRESQL.find() is not None
    ways = WAYS if is_here else SQLITE
    missing = () if is_here else (("ways of PostgreSQL", lambda _: POSTGRESQL.why_missing()),)
    return Lab(
        question="Who loses updates?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "way": choice(ways, TWO, menu=True),
            "clients": values_slider((1, 2, 4, 8), 4, unit="clients"),
            "counters": values_slider((1, 10, 100, 1_000), 1, unit="counters"),
            "think": values_slider((0.5, 1, 2, 5, 10), 5.0, unit="ms", label="think time"),
        },
        charts=(shares(), prices(ways)),
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=compare, needs="per_s"),
        table=table_of(*model.ROWS, *missing, needs="per_s", heading="this run"),
        trust=trust_of(*model.TRUST_ROWS, needs="per_s"),
        finding=finding,
        scenario=scenario,
    )
