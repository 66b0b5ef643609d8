"""Is there a setting that beats the presets? All levers of one service on a switchboard, and the front of what was tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from perflab.chapters.trade_off import plane, switchboard_model
from perflab.chapters.trade_off.plane import ALONE, PER_S, capacity_text, latency_text, middle
from perflab.chapters.trade_off.service_limits import calibrate
from perflab.chapters.trade_off.service_loads import QUERY_MS, REPLY_BYTES, both_loads, in_turns, warm_up
from perflab.chapters.trade_off.switchboard_model import (
    CLIENTS,
    COMMITS,
    ENDS,
    FAST,
    LINK_MBITS,
    MANY,
    PRESETS,
    RESOURCES,
    THREADS,
    settings_of,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, count_ticks, duration_ticks
from perflab.lab.marks import Label, Line, Note, Rule, Whiskers, measured
from perflab.lab.palette import CLOCK, INK, MEASURED, MODEL, MODEL_HERE, QUIET
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, byte_size, count, number
from perflab.systems.clients.service import service

ROUNDS = 9


def experiment(batching: str, cache: bool, server: str, compression: bool) -> Iterator[Frame]:
    chosen = {"batching": batching, "cache": cache, "server": server, "compression": compression}
    sides = {of: settings_of(each) for of, each in {"": chosen, **PRESETS}.items()}
    with service(CLIENTS, **sides[""]) as served:
        warm_up(served, sides, CLIENTS)
        yield from in_turns(list(sides), ROUNDS, lambda of: both_loads(served, sides[of], CLIENTS, of))


BAR: dict[str, Any] = {"color": MODEL, "linewidth": 11, "solid_capstyle": "butt", "alpha": 0.35}
CORNER: dict[str, Any] = {"color": QUIET, "fontsize": 11}
FRONT: dict[str, Any] = {"color": CLOCK, "linestyle": "--", "linewidth": 2}
DOTS: dict[str, Any] = {"color": MEASURED, "marker": "o", "linestyle": "none", "markersize": 5, "alpha": 0.6}
STROKE: dict[str, Any] = {"color": MEASURED, "linewidth": 1.2, "alpha": 0.6}
SQUARE: dict[str, Any] = {"color": INK, "marker": "s", "linestyle": "none", "markersize": 8}


def preset(name: str) -> tuple[Any, ...]:
    """The marks of a preset: where it was measured, where the model has it, and its name."""
    ring = {**MODEL_HERE, "marker": "s", "markersize": 15}
    return (
        Line(model=lambda model: model.presets[name], **ring),
        Line(run=lambda run: plane.point(run, name), **SQUARE),
        Label(run=lambda run: (*plane.point(run, name), name), side="left", color=INK),
    )


CHARTS = (
    Chart(
        "Your setting and two presets, two loads",
        Axis("capacity: requests/s while all threads are busy", 50, 5_000, log=True, ticks=count_ticks),
        Axis("latency of a request alone", 3e5, 2e8, log=True, ticks=duration_ticks),
        Note(0.98, 0.03, setting=lambda _: "more, and sooner", ha="right", **CORNER),
        Note(0.02, 0.93, setting=lambda _: "fewer, and later", **CORNER),
        Note(0.98, 0.93, runs=switchboard_model.front_said, ha="right", color=CLOCK, fontsize=11),
        Line("Pareto front", runs=lambda runs: switchboard_model.dots(runs, best=True), **FRONT),
        Line(runs=switchboard_model.across, **STROKE),
        Whiskers(runs=switchboard_model.upright, **STROKE),
        Line("measured before", runs=switchboard_model.dots, **DOTS),
        Line("model", model=lambda model: model.here, **MODEL_HERE),
        *(mark for name in PRESETS for mark in preset(name)),
        *measured(plane.point),
        Label(run=lambda run: (*plane.point(run), "your setting"), color=MEASURED),
        columns=4,
        width=1.4,
        empty="Your setting and two presets will appear here.",
    ),
    Chart(
        "What each resource allows",
        Axis("requests/s", *ENDS, log=True, ticks=count_ticks),
        Axis("", len(RESOURCES) - 0.5, -0.5, ticks=dict(enumerate(["threads or loop", *RESOURCES[1:]])), grid=False),
        Line("model: at most", model=switchboard_model.bars, **BAR),
        Rule("x", "measured", run=lambda run: plane.point(run)[0], color=MEASURED, linewidth=2),
        columns=2,
        empty="The capacity will appear here.",
    ),
)


def say(record: Record) -> str:
    """Both numbers with their intervals, and against each preset."""
    alone, capacity = latency_text(middle(record, ALONE)), capacity_text(middle(record, PER_S))
    said = f"Alone, a request takes {alone}; the capacity is {capacity}."
    for preset in PRESETS:
        more, later = map(plane.times_said, switchboard_model.versus(record, preset))
        said += f" Against the preset “{preset}”: capacity {more}, latency alone {later}."
    return said


def finding(record: Record, pinned: Record | None) -> str | None:
    """Where the setting lies beside the presets."""
    more, later = switchboard_model.ways(record)
    if None in more + later:
        return None
    (capacity, _), (_, latency) = switchboard_model.versus(record, MANY), switchboard_model.versus(record, FAST)
    assert capacity is not None and latency is not None
    told = f"{number(capacity.value)}× the capacity of “{MANY}”, {number(latency.value)}× the latency of “{FAST}”"
    if more == [1, 1] and 1 not in later:
        return f"{'More than both presets, and no later' if 0 in later else 'Better than both presets'}: {told}."
    return f"{told[0].upper()}{told[1:]}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    what = f"A request commits {COMMITS} times, waits {QUERY_MS:g} ms, sends {byte_size(REPLY_BYTES)} over {LINK_MBITS} Mb/s. "
    return f"{what}{THREADS} threads. One client alone, then {CLIENTS}: your setting and two presets, in turns."


def row(of: str, axis: str) -> tuple[str, Callable[[Record], str]]:
    """A row of the table: one number of the setting, or of a preset."""
    text = latency_text if axis == ALONE else capacity_text
    name = "latency alone, p50" if axis == ALONE else "capacity"
    return f"{name}{of and f', preset “{of}”'}", lambda run: text(middle(run, of + axis))


TABLE = table_of(*(row(of, axis) for of in ("", *PRESETS) for axis in (ALONE, PER_S)), needs=PER_S)
TRUST = trust_of(("rounds", lambda run: count(run.column(PER_S).size)), needs=PER_S)

BETWEEN, DEARER, BETTER = (
    "not above both presets",
    "more capacity, but a longer latency",
    "more capacity, no longer latency",
)


def beside_the_presets(record: Record) -> Outcome | None:
    """Whether the setting has more capacity than both, and whether it pays for it; None where that is too close to call."""
    more, later = switchboard_model.ways(record)
    (capacity, _), (_, latency) = switchboard_model.versus(record, MANY), switchboard_model.versus(record, FAST)
    told = f"capacity {plane.times_said(capacity)} that of “{MANY}”, latency alone {plane.times_said(latency)} that of “{FAST}”"
    if -1 in more or 0 in more:
        return Outcome(BETWEEN, told)
    if None in more:
        return None
    if 1 in later:
        return Outcome(DEARER, told)
    return None if None in later else Outcome(BETTER, told)


PREDICTION = Prediction(
    question="The preset “for latency” has a cache and a pool; “for throughput” has batches of 50, a cache, async, a pool and "
    "compression. You take the latter, but commit what waits instead of batches with a timer. Where does it lie?",
    choices={
        BETWEEN: Answer(
            "Between the presets would be a compromise. But no law says that each setting must pay in one for the other.",
            "On this machine one of the presets has as much capacity: what limits it is not what your levers spare.",
        ),
        DEARER: Answer(
            "Only a wait that is added makes a request alone slower: the timer of a batch. “What waits” has none.",
            "On this machine the event loop costs a request alone more than the spared commits save.",
        ),
        BETTER: Answer(
            "A commit shared by what waits spares work under load. On this machine that work is not what limits.",
            f"One commit in place of {COMMITS}, also for a request alone, and no timer. One preset keeps "
            "all its commits, the other adds a wait that no other request ends.",
        ),
    },
    runs=(switchboard_model.UNTIMED,),
    find=beside_the_presets,
)


def lab() -> Lab:
    return Lab(
        question="Is there a setting that beats both presets?",
        experiment=experiment,
        calibrate=calibrate,
        predict=switchboard_model.predict,
        controls=switchboard_model.CONTROLS,
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=plane.beside_pinned(PER_S, "The capacity"), needs=PER_S),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
        budget_s=15.0,
    )
