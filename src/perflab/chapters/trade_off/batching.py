"""What does batching do to latency, and what to throughput? Real commits on two loads, each setting a point in the plane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from perflab.chapters.trade_off import batching_model, plane
from perflab.chapters.trade_off.batching_model import PHASE_S, REST_S, ROWS, SHOWN_MS, bound, frame_of
from perflab.chapters.trade_off.plane import ALONE, BASE, PER_S, capacity_text, change, latency_text, middle
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, count_ticks, values_slider
from perflab.lab.marks import Line
from perflab.lab.palette import MEASURED, PINNED, THIRD
from perflab.lab.verdict import against_pinned, ratio_in_turns, ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, merge, percent, things
from perflab.systems.databases.writing_threads import WhenToCommit, Written
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.servers.writing import Writing

SLICE_S = 0.1
NO_BATCHING: dict[str, Any] = {"size": 1, "max_wait_s": 0.0}


def experiment(size: int, max_wait: int, threads: int, when: WhenToCommit | None = None) -> Iterator[Frame]:
    chosen = {"size": size, "max_wait_s": max_wait / 1e3, "by_rule": when is not None}
    caveat = durability_caveat() or ""
    with Writing(ROWS, when) as writing:

        def written(threads: int, rest_s: float, setting: dict[str, Any]) -> Written:
            return writing.load(threads, PHASE_S + 2 * setting["max_wait_s"], rest_s=rest_s, **setting)

        written(threads, 0.0, NO_BATCHING)  # left out: the first commits wake the drive up
        first, sides = writing.stored, [(BASE, NO_BATCHING), ("", chosen)]
        while True:
            rounds: list[Frame] = []
            ends = perf_counter() + SLICE_S
            while not rounds or perf_counter() < ends:
                alone = {of: written(1, REST_S, setting) for of, setting in sides}
                rounds += [frame_of(of, alone[of], written(threads, 0.0, setting)) for of, setting in sides]
                sides.reverse()  # so that neither always comes first
            yield merge([*rounds, Frame(facts={"stored": writing.stored - first, "caveat": caveat})])


def level(name: str) -> Any:
    """A control as a height across the chart."""
    return lambda chosen: ([0, SHOWN_MS[-1]], [chosen.get(name, np.nan)] * 2)


CHARTS = (
    plane.chart(
        "One setting, two loads",
        (20, 100_000),
        (5e4, 5e8),
        batching_model.setting_of,
        "no batching",
        empty="Two points will appear here.",
    ),
    Chart(
        "Commits while all threads are busy",
        Axis("time (ms)", 0, SHOWN_MS[0], ends=SHOWN_MS, reach=lambda model: model.shown_ms),
        Axis("requests in a commit", 0.8, 150, log=True, ticks=count_ticks),
        Line("all threads", setting=level("threads"), color=PINNED, linestyle=":", linewidth=2, at=0.0, side="below"),
        Line("a full batch", setting=level("size"), color=THIRD, linestyle="--", linewidth=2, at=0.0),
        Line(run=batching_model.commits, color=MEASURED, linewidth=1.5),
        columns=0,
        empty="Each commit will appear here.",
    ),
)


def say(record: Record) -> str:
    """Latency and capacity with their intervals, against those without batching, and what the setting is worth."""
    alone, capacity = latency_text(middle(record, ALONE)), capacity_text(middle(record, PER_S))
    threads = record.parameters["threads"]
    said = f"Alone, a request takes {alone}; {threads} {'threads get' if threads > 1 else 'thread gets'} {capacity}."
    if record.parameters.get("size") == 1:
        return f"{said} This is the baseline: one commit for each request."
    latency, more = (plane.times_said(change(record, name)) for name in (ALONE, PER_S))
    said += f" Against no batching: latency {latency}, capacity {more}. {plane.worth(record)}"
    if np.isfinite(most := bound(record)):
        said += f" A batch of {record.parameters['size']} never fills with {things(threads, 'thread')}: at most {count(most)}/s."
    return said


def finding(record: Record, pinned: Record | None) -> str | None:
    """What the setting does to both axes."""
    setting = batching_model.setting_said(record)
    return plane.both_axes(record, setting) if setting else None


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    size, wait, threads = (chosen[name] for name in ("size", "max_wait", "threads"))
    held = f"up to {size} requests, after {wait} ms at most" if wait else f"what waits, up to {size} requests"
    how = "one commit for each request" if size == 1 else f"a commit holds {held}"
    load = f"One client alone, then {things(threads, 'busy thread')}"
    return f"{ROWS} rows a request; {how}. {load}. Both axes of the plane: ×10 a step."


def compare(record: Record, pinned: Record) -> tuple[str, str] | None:
    compared = ratio_in_turns(record, pinned, PER_S)
    return (f"The capacity is {against_pinned(compared)}.", compared.verdict) if compared else None


TABLE = table_of(
    ("latency alone, p50", lambda run: latency_text(middle(run, ALONE))),
    ("the same without batching", lambda run: latency_text(middle(run, BASE + ALONE))),
    ("capacity, requests/s", lambda run: capacity_text(middle(run, PER_S))),
    ("that without batching", lambda run: capacity_text(middle(run, BASE + PER_S))),
    ("requests in a commit, mean", lambda run: f"{run.column('requests').mean():.3g}"),
    ("the writer is busy", lambda run: percent(float(run.column("busy").mean()))),
    needs="requests",
)
TRUST = trust_of(
    ("rounds", lambda run: count(run.column(PER_S).size)),
    (
        "capacity by the model, with the commits of this run's baseline",
        lambda run: f"{count(batching_model.expected_here(run))}/s",
    ),
    (
        "rows committed; stored",
        lambda run: f"{count(ROWS * run.count('stored_requests'))}; {count(run.fact('stored'))}",
    ),
    ("a commit, mean", lambda run: duration((run.column("ended_ns") - run.column("began_ns")).mean())),
    needs="requests",
)


def what_the_batch_did(record: Record) -> Outcome | None:
    """The capacity with batches of 20 against none; None where it is too close to call."""
    found = change(record, PER_S)
    if found is None or not found.has_interval or (way := plane.direction(found)) is None:
        return None
    return Outcome(
        {1: "more", 0: "the same", -1: "fewer"}[way],
        f"capacity {ratio_text(found)} that of single commits",
    )


PREDICTION = Prediction(
    question="8 threads write to a database, one commit for each request. You gather 20 requests in a commit; a request waits "
    "20 ms at most. Requests per second?",
    choices={
        "more": Answer(
            "A full batch would spare 19 of 20 commits; but only 8 threads can wait for it, so it never fills.",
            "A commit takes so long on this drive that 8 requests in 20 ms are more than single commits can do.",
        ),
        "the same": Answer(
            "There are as many threads as before, but now each request waits for the timer, not for commits.",
            "On this drive the wait for a timer takes about as long as 7 single commits.",
        ),
        "fewer": Answer(
            "8 requests in 20 ms are few on a fast drive; a commit takes longer on this one.",
            "Only 8 threads can wait, so a batch of 20 never fills: every batch waits for its timer, and the drive is idle "
            "meanwhile. 8 requests in 20 ms are at most 400 per second.",
        ),
    },
    runs=({"size": 20, "max_wait": 20, "threads": 8},),
    find=what_the_batch_did,
)


def lab() -> Lab:
    def waits(milliseconds: float) -> str:
        return "" if milliseconds else "what waits"

    return Lab(
        question="What does batching do to latency, and what to throughput?",
        experiment=experiment,
        calibrate=batching_model.calibrate,
        predict=batching_model.predict,
        controls={
            "size": values_slider((1, 2, 4, 8, 16, 20, 32, 64, 100), 1, unit="requests", label="batch size"),
            "max_wait": values_slider((0, 1, 2, 5, 10, 20, 50), 20, unit="ms", label="longest wait", called=waits),
            "threads": values_slider((1, 2, 4, 8, 16, 32, 64), 8, unit="threads"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, batching_model.told, batching_model.all_stored, compare=compare, needs=PER_S),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
    )
