"""What does each lever change, alone and under load? Five levers, each against the same service without it, on two loads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.trade_off import levers_model, plane, service_limits, service_loads
from perflab.chapters.trade_off.lever_claims import COLUMNS, arrow, changes_of, claim_text, judged
from perflab.chapters.trade_off.levers_model import CACHING, LEVERS, SWITCHES, rows_of
from perflab.chapters.trade_off.plane import ALONE, BASE, PER_S, capacity_text, change, latency_text, middle
from perflab.chapters.trade_off.service_loads import OFF, both_loads, clients_of, in_turns, warm_up
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.marks import Line, Rule
from perflab.lab.palette import INK, MEASURED, MEASURED_POINTS, MODEL
from perflab.lab.rows import Texts, intervals_in, values_in
from perflab.lab.verdict import ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, byte_size, count, percent
from perflab.measure.units import ratio
from perflab.systems.clients.service import service
from perflab.systems.servers.group_commit import MAX_ROWS

MANY_COMMITS = MAX_ROWS
"""So many that even a quick drive is the bottleneck."""
ROUNDS = 15
"""So many that one disturbed pair does not widen the interval of the median."""


def experiment(lever: str, commits: int, link: int, threads: int) -> Iterator[Frame]:
    same, clients = {**OFF, **service_loads.conditions(commits, link, threads)}, clients_of(threads)
    sides = {BASE: same, "": {**same, **SWITCHES[lever]}}
    with service(clients, **same) as served:
        warm_up(served, sides, clients)
        yield from in_turns(list(sides), ROUNDS, lambda of: both_loads(served, sides[of], clients, of))


ROWS = tuple(row for lever in LEVERS for row in rows_of(lever))
ROW_TEXTS = [
    text for lever in LEVERS for text in (f"{lever} · latency {arrow(lever, 0)}", f"requests/s {arrow(lever, 1)}")
]
TIMES = {x: f"{x:g}×" for x in (0.1, 0.3, 1, 3, 10, 30)}
BAR: dict[str, Any] = {"linewidth": 11, "solid_capstyle": "butt", "alpha": 0.35}
CHARTS = (
    plane.chart(
        "One lever, two loads",
        (20, 5_000),
        (1e6, 3e8),
        lambda run: run.parameters["lever"],
        "without it",
        empty="Two points will appear here.",
    ),
    Chart(
        "Claimed (↑ ↓), and measured",
        Axis("times the number without it", 0.1, 150, log=True, ticks=TIMES),
        Axis("", len(ROWS) - 0.5, -0.5, ticks=dict(enumerate(ROW_TEXTS)), grid=False),
        Rule("x", setting=lambda _: 1.0, color=INK, linewidth=1),
        Line("model", model=lambda model: intervals_in(ROWS, model.changes), color=MODEL, **BAR),
        Line(runs=lambda runs: intervals_in(ROWS, changes_of(runs)), color=MEASURED, linewidth=2),
        Line("measured, 95%", runs=lambda runs: values_in(ROWS, changes_of(runs)), **MEASURED_POINTS),
        Texts(len(ROWS), runs=lambda runs: [judged(runs).get(row, "") for row in ROWS]),
        columns=2,
        width=1.3,
    ),
)


def say(record: Record) -> str:
    """What the lever does to both numbers, what the claims are worth here, and which resource was the bottleneck."""
    lever = record.parameters["lever"]
    latency, more = (plane.times_said(change(record, column)) for column in COLUMNS)
    said = f"{lever.capitalize()}: latency alone {latency}, capacity {more}."
    said += f" Claimed of latency: {claim_text(record, 0)}; of throughput: {claim_text(record, 1)}."
    if not record.constants:
        return said
    without, with_it = (levers_model.bottleneck(record, each) for each in ("", lever))
    return f"{said} Bottleneck by the model: {without} without it, {with_it} with it."


def finding(record: Record, pinned: Record | None) -> str | None:
    """What the lever does to both axes, as far as this run can tell."""
    told = []
    for column, name in ((ALONE, "latency alone"), (PER_S, "requests per second")):
        found = change(record, column)
        if found is not None and (way := plane.direction(found)) is not None:
            times = {1: f"{ratio(found.value)} the", 0: "the same", -1: f"{percent(found.value)} of the"}[way]
            told.append(f"{times} {name}")
    return f"{record.parameters['lever'].capitalize()}: {', '.join(told)}." if told else None


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    often = "once" if chosen["commits"] == 1 else "{commits} times"
    size = byte_size(service_loads.REPLY_BYTES)
    what = f"A request waits {service_loads.QUERY_MS:g} ms for a database, commits {often}, sends {size} "
    load = "over {link:,} Mb/s. One client alone, then {clients}, without {lever} and with it, in turns."
    return (what + load).format(**chosen, clients=clients_of(chosen["threads"]))


TABLE = table_of(
    ("latency alone, p50", lambda run: latency_text(middle(run, ALONE))),
    ("the same without the lever", lambda run: latency_text(middle(run, BASE + ALONE))),
    ("capacity, requests/s", lambda run: capacity_text(middle(run, PER_S))),
    ("that without the lever", lambda run: capacity_text(middle(run, BASE + PER_S))),
    ("claimed of latency", lambda run: claim_text(run, 0)),
    ("claimed of throughput", lambda run: claim_text(run, 1)),
    needs=PER_S,
)
TRUST = trust_of(
    ("pairs", lambda run: count(run.column(PER_S).size)),
    (
        "by the model, with the commits of this run's baseline",
        lambda run: levers_model.expected_in(run) if run.constants else "",
    ),
    needs=PER_S,
)

HARDLY, THRICE, FIVE = "hardly more", "about 3 times as many", "about 5 times as many"
ENDS = {HARDLY: (0.0, 1.7), THRICE: (1.7, 3.9), FIVE: (3.9, np.inf)}
"""Between which ratios of the capacity each choice is right: halfway, as ratios, to the next."""


def what_the_cache_did(record: Record) -> Outcome | None:
    """How many times the capacity the one with a cache is; None where the interval does not lie in one choice."""
    found = change(record, PER_S)
    if found is None or not found.has_interval:
        return None
    told = f"with the cache, capacity is {ratio_text(found)} that without, and latency alone "
    told += plane.times_said(change(record, ALONE))
    return next(
        (Outcome(name, told) for name, (low, high) in ENDS.items() if low < found.low and found.high < high), None
    )


ONE_IN_FIVE = "Only 1 of 5 requests asks the database, "
PREDICTION = Prediction(
    question="Each request waits 8 ms for a database and commits 20 times to one disk; 16 threads serve. Now 4 of 5 requests "
    "find their page in a cache, and need no database, but commit as before. Requests per second, under load?",
    choices={
        HARDLY: Answer(
            "Commits are quick on this drive, so something else was the bottleneck, which a hit of the cache does not need.",
            "The disk makes one commit after the other, 20 for each request as before. The cache shortens a request, but spares "
            "nothing of what is the bottleneck.",
        ),
        THRICE: Answer(
            "A shorter request allows more of them only where they queue for what has become shorter; here they queue "
            "for the disk.",
            "On this drive commits are quick, so the threads and CPUs are the bottleneck, and a hit needs less of them.",
        ),
        FIVE: Answer(
            ONE_IN_FIVE + "but requests do not wait for the database: they wait for the disk.",
            ONE_IN_FIVE + "and on this drive commits are so quick that nothing else is the bottleneck.",
        ),
    },
    runs=({"lever": CACHING, "commits": MANY_COMMITS, "link": 500, "threads": 16},),
    find=what_the_cache_did,
)


def lab() -> Lab:
    return Lab(
        question="What does each lever change, alone and under load?",
        experiment=experiment,
        calibrate=service_limits.calibrate,
        predict=levers_model.predict,
        controls={
            "lever": choice(LEVERS, CACHING, menu=True),
            "commits": values_slider((1, 2, 5, 10, MANY_COMMITS), MANY_COMMITS, unit="a request", label="commits"),
            "link": values_slider((10, 20, 50, 100, 200, 500), 500, unit="Mb/s"),
            "threads": values_slider((1, 2, 4, 8, 16, 32), 16, unit="threads"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=plane.beside_pinned(PER_S, "The capacity"), needs=PER_S),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
        budget_s=15.0,
    )
