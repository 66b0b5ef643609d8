"""What should a server do with up to three times what it can serve? Which request is next, and which is rejected or dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from perflab.chapters import load
from perflab.chapters.changes import only_change
from perflab.chapters.tails_and_overload import overload_model, overload_outcomes
from perflab.chapters.tails_and_overload.overload_model import CAPACITY, LOADS, RUN_S, SERVICE_MS
from perflab.chapters.tails_and_overload.overload_outcomes import goodput, per_s
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, Verdict, choice, values_slider
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.marks import Here, Label, Line, Rule, Whiskers, measured
from perflab.lab.palette import ALARM, CLOCK, INK, MODEL, MODEL_LINE, PINNED
from perflab.lab.verdict import ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, percent, poisson
from perflab.systems.clients.attempts import Attempts, Patience
from perflab.systems.clients.streams import attempts_load
from perflab.systems.servers.staged_server import MULTIPLEXED, staged_server
from perflab.systems.servers.waiting_line import MayQueue, Rank

LATE_SHARE = 0.2


def experiment(
    offered: float, discipline: str, deadline: int, services: str, seed: int, **yours: MayQueue | Rank
) -> Iterator[Frame]:
    schedule = poisson(offered * CAPACITY, RUN_S, seed)
    work_us = overload_model.service_us(services, schedule.size, seed)
    queue = {**overload_model.rules(discipline, deadline), **yours}
    with staged_server(("queue", queue), front=MULTIPLEXED, tells=False) as server:
        in_server_us = 1_000 * deadline - overload_model.WAY_US
        yield from attempts_load([server], Attempts(schedule, Patience()), schedule, work_us, RUN_S, in_server_us)


def name_of(part: int) -> Callable[[Record], Any]:
    """What a part of the bar is, beside it, where no line crosses the text; nothing where there is no place for one."""

    def text(record: Record) -> Any:
        (x,), (low,), (high,) = overload_outcomes.bar(part)(record)
        middle = (low + high) / 2
        if x <= 1:
            middle = 1.3 * CAPACITY + 65 * part
        elif abs(middle - CAPACITY) < 45:
            middle = CAPACITY + 55
        return (x + 0.08, middle, f"{[*PARTS][part]}: {count(high - low)}/s") if high - low > 40 else None

    return text


ENDS = 0.35, 4.1
PARTS = {"in time": (CLOCK, "o"), "late": (ALARM, "^"), "rejected": (PINNED, "|")}
LIMIT: dict[str, Any] = {"color": INK, "linestyle": ":", "linewidth": 1.8}
DOTS: dict[str, Any] = {"linestyle": "none", "markersize": 4, "alpha": 0.7}

CHARTS = (
    Chart(
        "Requests per second: in time, late, rejected",
        Axis("offered load (× capacity)", *ENDS, ticks={each / 2: f"{each / 2:g}" for each in range(1, 7)}),
        Axis("requests per second", 0, 800, ticks=count_ticks),
        *(
            Whiskers(run=overload_outcomes.bar(part), color=color, linewidth=16)
            for part, (color, _) in enumerate(PARTS.values())
        ),
        Line("capacity", setting=lambda _: (ENDS, [CAPACITY] * 2), at=3.7, side="below", **LIMIT),
        Line("long run", model=lambda m: (m.loads, m.long_run), color=MODEL, linewidth=1, linestyle="--"),
        Line("model: in time", model=lambda m: (LOADS, m.goodput), **MODEL_LINE),
        Here("offered", lambda m: (LOADS, m.goodput)),
        *measured(lambda run: (run.parameters["offered"], goodput(run)), among=("offered",), label="measured"),
        *(Label(run=name_of(part), color=color, fontsize=11) for part, (color, _) in enumerate(PARTS.values())),
        columns=4,
        empty="What becomes of the requests will appear here.",
    ),
    Chart(
        "Each request",
        Axis("time since the start (s)", 0, RUN_S, ticks=(0, 0.5, 1, 1.5, 2)),
        Axis("response time", 1e6, 3e9, log=True, ticks=duration_ticks),
        *(
            Line(name, run=overload_outcomes.each(part), color=color, marker=marker, **DOTS)
            for part, (name, (color, marker)) in enumerate(PARTS.items())
        ),
        Line(
            "no answer yet",
            run=overload_outcomes.each(overload_outcomes.OVERDUE),
            **{**DOTS, "color": ALARM, "marker": ".", "alpha": 0.25},
        ),
        Rule("y", "deadline", setting=lambda now: 1e6 * now["deadline"], color=INK, linestyle="-.", linewidth=1.8),
        columns=4,
        empty="Each request will appear here.",
    ),
)


def say(record: Record) -> str:
    """What became of the offered requests."""
    good, late, rejected = per_s(record)
    said = f"{count(good)} of {count(load.Load(record).offered_per_s)} requests/s were answered within "
    said += f"{record.parameters['deadline']} ms: {percent(good / CAPACITY)} of the capacity of {count(CAPACITY)}/s."
    said += f" {count(late)}/s were answered later or still wait." if late else ""
    said += f" {count(rejected)}/s were rejected or dropped." if rejected else ""
    return said + load.failures_said(record) + load.lateness_said(record)


def finding(record: Record, pinned: Record | None) -> str:
    """The headline."""
    name = record.parameters["discipline"]
    if pinned is not None and only_change(record, pinned) == "discipline":
        other = pinned.parameters["discipline"]
        return f"“{other}” answers {count(goodput(pinned))} requests/s in time, “{name}” {count(goodput(record))}."
    return answered(record, f"“{name}”")


def answered(record: Record, name: str) -> str:
    """What a server that is called so has answered in time."""
    good, share = count(goodput(record)), percent(goodput(record) / CAPACITY)
    return f"At {record.parameters['offered']:g} × capacity, {name} answers {good} requests/s in time: {share} of the capacity."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What is done."""
    each = "exactly" if chosen["services"] == overload_model.CONSTANT else "on average"
    return (
        f"{count(chosen['offered'] * CAPACITY)} requests/s at one worker, which takes {each} {SERVICE_MS} ms for each."
    )


def too_late(record: Record) -> Verdict | None:
    """A guard: the generator was late by more than a fifth of the deadline."""
    return load.too_late(record, LATE_SHARE * overload_outcomes.deadline_ns(record))


TABLE = table_of(
    ("requests/s offered", lambda run: count(load.Load(run).offered_per_s)),
    ("goodput: answered in time, per second", lambda run: count(goodput(run))),
    ("late; rejected, per second", lambda run: "; ".join(map(count, per_s(run)[1:]))),
    ("answered at all, per second (capacity 250)", lambda run: count(load.Load(run).throughput_per_s)),
    load.P50,
    load.IN_FLIGHT,
)
TRUST = trust_of(("the same requests simulated", overload_model.replay_text), load.sent(), load.LATENESS)

EARLY, DROPPING, SAME = "the one with a short queue", "the one that drops late requests", "both the same"


def which_serves_more(dropping: Record, short: Record) -> Outcome | None:
    """The goodput of a short queue against that of a server that drops what is late."""
    ratio = overload_outcomes.goodput_ratio(short, dropping)
    if not ratio.has_interval or min(run.fact("elapsed_s", 0.0) for run in (dropping, short)) < 0.95 * RUN_S:
        return None
    told = f"{count(goodput(dropping))}/s in time by dropping, {count(goodput(short))}/s with a short queue: {ratio_text(ratio)}"
    return Outcome(EARLY if ratio.low > 1 else DROPPING if ratio.high < 1 else SAME, told)


PREDICTION = Prediction(
    question="500 requests per second arrive at a server that can do 250; each is useless after 80 ms. One server drops each "
    "request that has waited longer. Another has a queue of 10 places and rejects the rest. Which answers more in time?",
    choices={
        DROPPING: Answer("It begins no request that is late already. But what it begins has waited for nearly 80 ms."),
        SAME: Answer("Both are busy all the time. The question is with what."),
        EARLY: Answer(
            "",
            "With 10 places a request waits for at most 44 ms, so each that is let in is answered in time. The other server "
            "serves the oldest request that is not late yet, and most of these are about to be. In the long run it answers x of "
            "its capacity in time, x = e^(−ρ(1−x)): 20% at ρ = 2.",
        ),
    },
    runs=({"discipline": overload_model.DROP_LATE}, {"discipline": overload_model.SHORT_QUEUE}),
    find=which_serves_more,
)


def lab() -> Lab:
    return Lab(
        question="What should a server do with more requests than it can serve?",
        experiment=experiment,
        predict=overload_model.predict,
        controls={
            "offered": values_slider(LOADS, 2.0, unit="× capacity", label="offered load"),
            "discipline": choice(list(overload_model.DISCIPLINES), menu=True),
            "deadline": values_slider((20, 40, 60, 80, 120, 200), 80, unit="ms"),
            "services": choice(overload_model.KINDS, label="service times"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, too_late, compare=overload_outcomes.compare, empty="Nothing was answered."),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
        moments=load.moments(),
        budget_s=RUN_S + 1,
    )
