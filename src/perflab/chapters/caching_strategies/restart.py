"""What happens when the cache restarts? A store built for the misses gets all reads, and what shortens the overload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from perflab.chapters import load as loads
from perflab.chapters.caching_strategies import cached_load
from perflab.chapters.caching_strategies import restart_model as model
from perflab.chapters.caching_strategies.restart_model import BINS, FLUSH_S, LIMIT_MS, NOTHING, RUN_S, TIMES, WELL
from perflab.chapters.changes import only_change
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import count_ticks, percent_ticks
from perflab.lab.marks import Line, Rule
from perflab.lab.palette import ALARM, INK, MEASURED_LINE, MODEL_LINE, PINNED_LINE
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, count, percent

too_late = partial(loads.too_late, limit_ns=0.2 * LIMIT_MS * 1e6)


def experiment(load: float, keys: int, cure: str, seed: int) -> Iterator[Frame]:
    reads, before = model.asked(load, keys, seed), model.held(keys, seed)
    yield from cached_load.load(reads, before, *model.stages(keys, cure), seconds=RUN_S, flush_s=FLUSH_S)


STEPS: dict[str, Any] = {"drawstyle": "steps-mid"}
X = Axis("time since the start (s)", 0, RUN_S, ticks=(0, 1, 2, 3))
FLUSHED = Rule("x", "the cache is emptied", setting=lambda _: FLUSH_S, color=ALARM, linestyle="-.", linewidth=2)

HEIGHTS = (120, 300, 700, 1_500, 4_000)


def most(expected: Any) -> float:
    return float(expected.in_flight.max())


CHARTS = (
    Chart(
        f"Reads answered within {LIMIT_MS} ms",
        X,
        Axis("share of the reads", 0, 1.05, ticks=percent_ticks),
        FLUSHED,
        Line(
            "95%",
            at=0.3,
            side="below",
            setting=lambda _: ((0, RUN_S), [WELL] * 2),
            color=INK,
            linestyle=":",
            linewidth=1.5,
        ),
        Line("model", model=lambda m: (BINS, m.good), **{**MODEL_LINE, **STEPS}),
        Line("pinned run", pinned=lambda run: (BINS, model.good_share(run)), **{**PINNED_LINE, **STEPS}),
        Line("measured", run=lambda run: (BINS, model.good_share(run)), **{**MEASURED_LINE, **STEPS}),
        width=1.2,
        empty=f"The share of reads within {LIMIT_MS} ms will appear here.",
    ),
    Chart(
        "Reads without an answer",
        X,
        Axis("reads in flight", 0, 120, ticks=count_ticks, ends=HEIGHTS, reach=most, run_reach=model.most_in_flight),
        FLUSHED,
        Line("model", model=lambda m: (TIMES, m.in_flight), **MODEL_LINE),
        Line("pinned run", pinned=lambda run: (TIMES, model.in_flight(run)), **PINNED_LINE),
        Line("measured", run=lambda run: (TIMES, model.in_flight(run)), **MEASURED_LINE),
        columns=2,
        empty="Reads that wait will appear here.",
    ),
)


def say(record: Record) -> str:
    """What came of the flush."""
    if np.isnan(model.recovery_s(record)):
        return "The end of the run has not come yet."
    late, due = model.not_in_time(record)
    served, keys = model.reads_of_store(record)
    offered, after = record.parameters["load"], model.recovery_text(record)
    said = f"The store was offered {offered:g} × what it can do: {count(late)} of {count(due)} reads were not answered within "
    said += f"{LIMIT_MS} ms, and {percent(WELL)} were again after {after}. It served {count(served)} reads of {count(keys)} "
    said += f"keys; {count(served - keys)} brought nothing new."
    return said + loads.lateness_said(record)


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """How long the pinned run took."""
    return f"Pinned run: {model.recovery_text(pinned)}." if model.recovery_text(pinned) else "", ""


def finding(record: Record, pinned: Record | None) -> str | None:
    """The headline."""
    after_s = model.recovery_s(record)
    if np.isnan(after_s):
        return None
    if after_s == 0:
        return f"The cache was emptied, and at least {percent(WELL)} of the reads were still answered within {LIMIT_MS} ms."
    what = f"After the cache was emptied, the store was overloaded for {model.recovery_text(record)}"
    changed = only_change(record, pinned)
    if pinned is None or not changed or not (other := model.recovery_text(pinned)):
        return f"{what}."
    return f"{what} {model.setting_said(changed, record)}, {other} {model.setting_said(changed, pinned)}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What is done."""
    offered = count(chosen["load"] * model.CAPACITY)
    return (
        f"{offered} reads/s of {count(chosen['keys'])} keys; the cache holds {count(model.capacity(chosen['keys']))}, the store "
        f"can do {model.CAPACITY}/s. After {FLUSH_S:g} s the cache is emptied."
    )


TABLE = table_of(
    (f"until {percent(WELL)} are answered in {LIMIT_MS} ms", model.recovery_text),
    ("after the flush: not in time; of", lambda run: "; ".join(map(count, model.not_in_time(run)))),
    ("rejected", lambda run: count(run.count("rejected"))),
    ("the store since: reads; of keys", lambda run: "; ".join(map(count, model.reads_of_store(run)))),
    ("most reads in flight", lambda run: count(model.most_in_flight(run))),
    ("hit ratio before", lambda run: percent(model.hit_ratio_before(run))),
    needs="number",
)

REPLAYED = "the same reads simulated: overloaded for; most in flight", model.replay_text

MOMENT, SECONDS, NEVER = "in less than half a second", "after half a second or more", "never, without help"


def how_long(run: Record) -> Outcome | None:
    """When the run was well again; a run that was not shows by its trend that it would have been."""
    after_s, good = model.recovery_s(run), model.good_share(run)
    if np.isnan(after_s) or (np.isinf(after_s) and good[-3:].mean() < 2 * WELL - 1):
        return None
    told = f"{percent(WELL)} were answered in time after {model.recovery_text(run)}; at worst {percent(float(good.min()))} were"
    return Outcome(MOMENT if after_s < 0.5 else SECONDS, told)


PREDICTION = Prediction(
    question="A cache answers 9 of 10 reads; 600 reads/s arrive, and the store can do 200/s. The cache is emptied. When are 95% "
    "of the reads answered within 100 ms again?",
    choices={
        MOMENT: Answer(
            "The hottest keys return with their first read. But all other keys have to be read too, by a store that has a queue "
            "of requests for the same keys.",
            "Here the hottest keys returned before the store had a long queue.",
        ),
        SECONDS: Answer(
            "Here it was quicker: the hottest keys returned before the store had a long queue.",
            "The store was built for the misses and gets all reads, several times what it can do. A queue builds up, and while a "
            "read waits in it, others of the same key join. It empties only when enough keys are back.",
        ),
        NEVER: Answer(
            "Each served miss fills the cache, so it ends. With clients that time out and retry it need not."
        ),
    },
    runs=({"cure": NOTHING, "load": 3, "keys": 700},),
    find=how_long,
)


def lab() -> Lab:
    return Lab(
        question="What happens when the cache restarts?",
        experiment=experiment,
        predict=model.predict,
        controls={
            "cure": choice(list(model.CURES), label="cure"),
            "load": values_slider((0.5, 1, 1.5, 2, 2.5, 3, 4), 3, unit="× the store", label="offered load"),
            "keys": values_slider((200, 500, 700, 1_000, 2_000), 700, unit="keys", label="different keys"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, too_late, compare=compare, needs="arrived_s"),
        table=TABLE,
        trust=trust_of(REPLAYED, loads.sent(), loads.LATENESS, needs="arrived_s"),
        finding=finding,
        scenario=scenario,
        moments=loads.moments(),
        budget_s=RUN_S + 1,
    )
