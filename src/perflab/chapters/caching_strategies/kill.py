"""Kill it: what does a cache lose in a crash? A process that writes is killed at a random moment, and its store is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from time import perf_counter, sleep
from typing import Any

import numpy as np

from perflab.chapters.caching_strategies import kill_model as model
from perflab.chapters.caching_strategies.kill_model import SHARES, SHOWN
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import count_ticks, from_zero_ticks, percent_ticks
from perflab.lab.marks import Label, Line, Rule, Whiskers
from perflab.lab.palette import ALARM, CLOCK, INK, MEASURED, MODEL, PINNED_POINTS, THIRD
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, count, number, things
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.servers.victim import BEHIND, STRATEGIES, UNSYNCED, Victim

AT_ONCE, TICK_S = 4, 0.1
"""So many processes write at a time, each to a store of its own, so that a run has many kills."""


def experiment(strategy: str, flush: int, rate: int, keys: int, seed: int) -> Iterator[Frame]:
    chance, number = np.random.default_rng(seed), 0
    caveat = {"caveat": durability_caveat() or ""}
    while True:
        with ExitStack() as stack:
            seeds = chance.integers(2**31, size=AT_ONCE).tolist()
            victims = [stack.enter_context(Victim(strategy, flush, rate, keys, each)) for each in seeds]
            for victim in victims:
                victim.begin()
                yield Frame(facts=caveat)
            # One flush interval, and then a moment at random in the next one.
            moments_s = perf_counter() + flush / 1e3 * np.sort(chance.uniform(1, 2, AT_ONCE))
            for victim, moment_s in zip(victims, moments_s.tolist(), strict=True):
                while (left_s := moment_s - perf_counter()) > TICK_S:
                    sleep(TICK_S)
                    yield Frame(facts=caveat)
                sleep(max(0.0, left_s))
                number += 1
                yield model.frame_of(victim.kill(), number, flush, caveat)


def lost_ticks(axis: Any) -> None:
    """0, 1, 10, …: logarithmic, with room for 0."""
    from_zero_ticks(axis)
    axis.set_ticks([0, 1, 10, 100, 1_000], labels=["0", "1", "10", "100", "1,000"])


INTERVALS = {-2.0: "2 flushes before", -1.0: "1 flush before", 0.0: "killed"}
CHARTS = (
    Chart(
        "The last kill: writes acknowledged, and in the store",
        Axis("time", -SHOWN, 0.8, ticks=INTERVALS),
        Axis(
            "writes",
            0,
            30,
            ticks=count_ticks,
            ends=[30 * 10 ** (each / 4) for each in range(14)],
            run_reach=model.most_writes,
        ),
        Rule("x", setting=lambda _: 0.0, color=INK, linestyle="--", linewidth=1.5),
        Line("acknowledged", run=model.acknowledged, color=MEASURED, linewidth=2.5),
        Line("in the store", run=model.stored, color=CLOCK, linewidth=2.5, drawstyle="steps-post", linestyle="-."),
        Whiskers(run=model.gap, color=ALARM, linewidth=7),
        Label(run=model.lost_label, color=ALARM),
        columns=2,
        empty="The writes before a kill will appear here.",
    ),
    Chart(
        "Lost at each kill",
        Axis("acknowledged writes lost; entries wrong", -0.2, 10_000, ticks=lost_ticks),
        Axis("share of kills with at most that", 0, 1.04, ticks=percent_ticks),
        Line("model: writes", model=lambda m: (m.lost, SHARES), color=MODEL, linewidth=2.5),
        Line("model: entries", model=lambda m: (m.wrong, SHARES), color=MODEL, linewidth=2, linestyle=":"),
        Line("pinned: writes", pinned=model.shares_of("lost"), **PINNED_POINTS),
        Line("entries", run=model.shares_of("wrong"), color=THIRD, marker="^", linestyle="none", markersize=7),
        Line("writes", run=model.shares_of("lost"), color=MEASURED, marker="o", linestyle="none", markersize=7),
        columns=3,
        empty="Each kill will be a point.",
    ),
)


def say(record: Record) -> str:
    """What was lost, and what was stored that was never promised."""
    lost, wrong, ahead = (record.column(name) for name in ("lost", "wrong", "ahead"))
    said = f"{things(lost.size, 'kill')}: {model.range_said(lost)} acknowledged writes lost"
    said += f", {model.range_said(wrong)} entries of the store wrong for it." if lost.any() else "."
    if ahead.any():
        said += (
            f" After {count(int(np.count_nonzero(ahead)))} of them a write was stored that had not been acknowledged."
        )
    said += " The system outlives a killed process, and keeps what it was handed; it does not outlive a power cut"
    if record.parameters["strategy"] == UNSYNCED:
        return f"{said}, which would lose writes here: no commit waits for the drive."
    return f"{said}."


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """What the pinned run had lost."""
    return f"Pinned run: {model.range_said(pinned.column('lost'))} lost.", ""


def finding(record: Record, pinned: Record | None) -> str:
    """The headline."""
    lost = record.column("lost")
    said = f"Killed {things(lost.size, 'time')} with {record.parameters['strategy']}: "
    if not lost.any():
        still = " A power cut would lose some." if record.parameters["strategy"] == UNSYNCED else ""
        return f"{said}no acknowledged write was lost.{still}"
    mean = number(lost.mean()) if lost.mean() < 10 else count(lost.mean())
    return f"{said}up to {things(lost.max(), 'acknowledged write')} lost, {mean} on average."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    how = f"flushes every {chosen['flush']} ms" if chosen["strategy"] == BEHIND else "commits each write"
    what = f"A process writes {count(chosen['rate'])} times a second to {count(chosen['keys'])} keys, and {how}."
    return f"{what} It is killed (SIGKILL) at random."


NOTHING, LAST, INTERVAL, ALL = "nothing", "the last one", "those since the last flush", "all of them"


def what_is_lost(record: Record) -> Outcome | None:
    """How much the kills of a run have lost; None for too few."""
    lost, acknowledged = record.column("lost"), record.column("acknowledged")
    if lost.size < AT_ONCE:
        return None
    most = int(lost.max())
    found = NOTHING if most == 0 else LAST if most == 1 else ALL if np.all(lost > 0.95 * acknowledged) else INTERVAL
    return Outcome(
        found,
        f"{count(lost.size)} kills lost {model.range_said(lost)} acknowledged writes, {count(lost.mean())} on average",
    )


PREDICTION = Prediction(
    question="Write-behind: 2,000 writes per second go into a cache and are acknowledged; every 100 ms they are written to the "
    "store. The process is killed. Which acknowledged writes are lost?",
    choices={
        NOTHING: Answer("A write was acknowledged; but it was in the memory of the process, and that is gone."),
        LAST: Answer(
            "Nothing is half done but the last write. All others since the last flush were only in memory, too."
        ),
        INTERVAL: Answer(
            "",
            "All since the last flush, on average 2,000/s · (flush/2 + commit/2 + kept): half an interval, half a commit, and "
            "the moment until the system has it. That is the price of an answer that does not wait for the drive.",
        ),
        ALL: Answer(
            "What a flush has handed to the system stays: the file and the page cache do not belong to the process."
        ),
    },
    runs=({"strategy": BEHIND},),
    find=what_is_lost,
)


def lab() -> Lab:
    return Lab(
        question="What does a cache lose in a crash?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "strategy": choice(STRATEGIES, BEHIND, menu=True),
            "flush": values_slider((10, 20, 50, 100, 200, 500), 100, unit="ms", label="flush interval"),
            "rate": values_slider((200, 500, 1_000, 2_000, 5_000, 10_000), 2_000, unit="writes/s"),
            "keys": values_slider((10, 100, 1_000, 10_000), 1_000, unit="keys"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=compare, needs="lost", empty="Nothing was killed yet."),
        table=table_of(
            ("kills", lambda run: count(run.column("lost").size)),
            ("acknowledged writes lost at a kill", lambda run: model.range_said(run.column("lost"))),
            ("lost on average: measured; model", model.mean_said),
            ("entries wrong", lambda run: model.range_said(run.column("wrong"))),
            ("entries in a flush; writes that they stand for", model.rows_said),
            needs="lost",
            heading="this run",
        ),
        trust=trust_of(
            ("stored, never acknowledged", lambda run: model.range_said(run.column("ahead"))),
            ("acknowledged before a kill", lambda run: model.range_said(run.column("acknowledged"))),
            ("the newest commits took, median", model.commit_said),
            needs="lost",
        ),
        finding=finding,
        scenario=scenario,
        budget_s=4.0,
    )
