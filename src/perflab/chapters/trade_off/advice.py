"""Latency or throughput: what should you optimise? A rule that reads the mean response time, put to the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.trade_off import advice_model, plane
from perflab.chapters.trade_off.advice_model import ADVICE, COMMITS, MEAN, NO_LEVER, NO_TIMER, ROWS, SIDES, advised
from perflab.chapters.trade_off.plane import PER_S, change, direction, latency_text, middle
from perflab.chapters.trade_off.service_limits import calibrate
from perflab.chapters.trade_off.service_loads import FEWEST, QUERY_MS, Measure, at_once_of, in_turns, warm_up
from perflab.chapters.trade_off.switchboard_model import FAST, MANY, THREADS, settings_of
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, values_slider
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.marks import Label, Line, Rule, before
from perflab.lab.palette import ALARM, CLOCK, INK, MEASURED, MEASURED_POINTS, MODEL, PINNED, PINNED_POINTS
from perflab.lab.rows import Texts, intervals_in, values_in
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, number
from perflab.systems.clients.service import service

ROUNDS, WINDOW_S, NEEDED = 7, 0.3, NO_LEVER + MEAN


def experiment(clients: int, commits: int) -> Iterator[Frame]:
    sides = {name: settings_of(chosen, commits) for name, chosen in SIDES.items()}

    def measure(of: str) -> Measure:
        """The first reply of each client is left out: it found a shorter queue than the ones after it."""
        served.set(**sides[of])
        fewest = clients + at_once_of(sides[of], clients) + FEWEST
        made = served.commits()
        load = yield from served.load_in_slices(clients, WINDOW_S, fewest)
        columns = {of + MEAN: np.array([load.mean_ns(clients)]), of + PER_S: np.array([load.per_s(clients)])}
        columns[of + COMMITS] = np.array([(served.commits() - made) / load.took_ns.size])
        return columns, load.took_ns.size

    with service(clients, **sides[NO_LEVER]) as served:
        warm_up(served, sides, min(clients, THREADS))
        yield from in_turns(list(sides), ROUNDS, measure)


STYLES: dict[str, dict[str, Any]] = {
    NO_LEVER: {"color": PINNED, "marker": "s"},
    FAST: {"color": MODEL, "marker": "^"},
    MANY: {"color": ALARM, "marker": "v"},
    NO_TIMER: {"color": CLOCK, "marker": "o"},
}


def at(name: str) -> Callable[[Record], Any]:
    """Where a setting lies with the clients of a run."""
    return lambda run: (run.parameters["clients"], advice_model.mean_of(run, name))


def lines(name: str) -> tuple[Line, ...]:
    """The marks of a setting: its model, what was measured, and what was measured before."""
    style = STYLES[name]
    return (
        Line(model=lambda model: (advice_model.CLIENTS, model.means[name]), color=style["color"], linewidth=2),
        Line(runs=before(at(name), ("clients",)), **style, linestyle="none", markersize=5, alpha=0.6),
        Line(name, run=at(name), **style, linestyle="none", markersize=9),
    )


TIMES = {x: f"{x:g}×" for x in (0.1, 1, 10)}
BAR: dict[str, Any] = {"linewidth": 11, "solid_capstyle": "butt", "alpha": 0.35}
CHARTS = (
    Chart(
        "Mean response time (lines: R = max(R₁, N / X))",
        Axis("clients without a rest", 0.9, 115, log=True, ticks=count_ticks),
        Axis("", 3e6, 4e9, log=True, ticks=duration_ticks),
        Rule("y", setting=lambda _: 1e6 * advice_model.LIMIT_MS, color=INK, linestyle=":", linewidth=1.8),
        Label(setting=lambda _: (1, 1.35e6 * advice_model.LIMIT_MS, "above this: “latency”"), color=INK),
        *(mark for name in SIDES for mark in lines(name)),
        columns=2,
        empty="The means of four settings will appear here.",
    ),
    Chart(
        "Against everything off",
        Axis("times that with everything off", 0.02, 60, log=True, ticks=TIMES),
        Axis("", len(ROWS) - 0.5, -0.5, ticks=dict(enumerate(ROWS)), grid=False),
        Rule("x", setting=lambda _: 1.0, color=INK, linewidth=1),
        Line("model", model=lambda model: intervals_in(ROWS, model.changes), color=MODEL, **BAR),
        Line("pinned run", pinned=lambda run: values_in(ROWS, advice_model.changes_of(run)), **PINNED_POINTS),
        Line(run=lambda run: intervals_in(ROWS, advice_model.changes_of(run)), color=MEASURED, linewidth=2),
        Line("measured, 95%", run=lambda run: values_in(ROWS, advice_model.changes_of(run)), **MEASURED_POINTS),
        Texts(len(ROWS), runs=advice_model.advice_in_rows),
        columns=2,
        empty="The changes will appear here.",
    ),
)


def say(record: Record) -> str:
    """The mean, what the rule advises, and both presets beside each other."""
    advice = advised(record)
    if advice is None:
        return "The mean is too close to the limit of the rule."
    other, mean = advice_model.other_than(advice), middle(record, NEEDED)
    clients = advice_model.clients_named(record.parameters)
    said = f"{clients}: mean {latency_text(mean)} with everything off, so the rule says “{ADVICE[advice]}”."
    more, later = (plane.times_said(change(record, column, advice, other)) for column in (PER_S, MEAN))
    return f"{said} The preset “{advice}” against the other one: requests/s {more}, mean response time {later}."


def finding(record: Record, pinned: Record | None) -> str | None:
    """Whether the advised preset is the better one."""
    advice = advised(record)
    ratio = None if advice is None else change(record, MEAN, advice, advice_model.other_than(advice))
    if advice is None or ratio is None or (way := direction(ratio)) is None:
        return None
    many, mean = advice_model.clients_named(record.parameters), duration(advice_model.mean_of(record, NO_LEVER), 2)
    said = f"With {many} the mean is {mean}, so the rule says “{ADVICE[advice]}”"
    if way == 0:
        return f"{said}; both presets are practically the same."
    if way < 0:
        return f"{said}, and that preset is {number(1 / ratio.value)}× as fast as the other."
    return f"{said}; the other preset is {number(ratio.value)}× as fast."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    many, often = advice_model.clients_named(chosen), "once" if chosen["commits"] == 1 else f"{chosen['commits']} times"
    return f"{many} without a rest. A request commits {often}, waits {QUERY_MS:g} ms. {THREADS} threads; four settings in turns."


TABLE = table_of(
    ("the rule says", lambda run: f"“{ADVICE[advice]}”" if (advice := advised(run)) else "nothing"),
    *((f"{name}: mean; requests/s", lambda run, of=name: advice_model.both_said(run, of)) for name in SIDES),
    needs=NEEDED,
)
TRUST = trust_of(
    ("rounds", lambda run: count(run.column(NO_LEVER + MEAN).size)),
    ("clients by Little's law, X · R", advice_model.clients_said),
    ("commits a request", advice_model.commits_said),
    needs=NEEDED,
)
SAME = "practically the same"


def the_shorter_mean(record: Record) -> Outcome | None:
    """Which preset has the shorter mean response time."""
    ratio = change(record, MEAN, MANY, FAST)
    way = None if ratio is None else direction(ratio)
    if ratio is None or way is None:
        return None
    return Outcome({-1: MANY, 0: SAME, 1: FAST}[way], f"the mean “{MANY}” is {plane.times_said(ratio)} that “{FAST}”")


PREDICTION = Prediction(
    question="A rule: mean response time above 200 ms → optimise for latency, else for throughput. 100 clients, everything "
    "off: the mean is above. Which preset makes it shorter?",
    choices={
        FAST: Answer(
            "A cache and a pool shorten a request alone. But each of 100 requests waits in a queue for most of its time.",
            "On this machine what the cache spares is the bottleneck, and batches wait for their timer.",
        ),
        MANY: Answer(
            "Batches raise throughput, and with it shorten the queue; here something else than the commits is the bottleneck.",
            "The mean is long because throughput is short: R = N / X. More requests per second shorten the queue for all.",
        ),
        SAME: Answer(
            "One of them spares what is the bottleneck.", "On this machine neither preset spares the bottleneck."
        ),
    },
    runs=({"clients": 100},),
    find=the_shorter_mean,
)


def lab() -> Lab:
    return Lab(
        question="Latency or throughput: what should you optimise?",
        experiment=experiment,
        calibrate=calibrate,
        predict=advice_model.predict,
        controls={
            "clients": values_slider((1, 3, 10, 30, 100), 10, unit="clients"),
            "commits": values_slider((1, 2, 4, 8), 8, unit="a request", label="commits"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=plane.beside_pinned(NEEDED, "The mean with everything off"), needs=NEEDED),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
        budget_s=30.0,
    )
