"""Why does a server stay down after a stall of a moment? Clients with time-outs and retries, and what ends the storm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from perflab.chapters import load as loads
from perflab.chapters.changes import only_change
from perflab.chapters.tails_and_overload import storm_model
from perflab.chapters.tails_and_overload.storm_model import (
    BINS,
    CAPACITY,
    DOWN,
    END_S,
    RECOVERED,
    RETRIES,
    RUN_S,
    STALL_AT_S,
    TIMEOUT_MS,
    good_at_the_end,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, slider, values_slider
from perflab.lab.axes import count_ticks
from perflab.lab.marks import Band, Line, Rule, Whiskers, measured
from perflab.lab.palette import ALARM, CLOCK, INK, MEASURED, MODEL, PINNED_LINE
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, count, percent
from perflab.systems.clients.attempts import Retry
from perflab.systems.clients.streams import attempts_load
from perflab.systems.servers.staged_server import MULTIPLEXED, staged_server
from perflab.theory.retries import offered_load

too_late = partial(loads.too_late, limit_ns=0.2 * TIMEOUT_MS * 1e6)


def experiment(
    load: int, retries: str, stall: float, cure: str, seed: int, retry: Retry | None = None
) -> Iterator[Frame]:
    client, schedule, work_us = storm_model.client(load / 100, retries, cure, seed, retry)
    with staged_server(("queue", storm_model.server(cure)), ("stall", {}), front=MULTIPLEXED, tells=False) as server:
        server.ask("stall", after_s=STALL_AT_S, for_s=stall)
        yield from attempts_load([server], client, schedule, work_us, RUN_S, 1_000 * TIMEOUT_MS)


STEPS: dict[str, Any] = {"drawstyle": "steps-mid", "linewidth": 2}
ENDS = 0, RUN_S
REACH: dict[str, Any] = {"reach": storm_model.expected_most, "run_reach": storm_model.most_sent}

CHARTS = (
    Chart(
        "Requests due, attempts sent, and answers in time, per second",
        Axis("time since the start (s)", *ENDS),
        Axis("per second", 0, 600, ticks=count_ticks, ends=(600, 1_200, 2_000), **REACH),
        Band("x", "stall", setting=lambda now: (STALL_AT_S, STALL_AT_S + now["stall"]), color=ALARM, alpha=0.25),
        Line("capacity", setting=lambda _: (ENDS, [CAPACITY] * 2), color=INK, linestyle=":", linewidth=1.8, at=0.2),
        Line("model: sent", model=lambda m: (BINS, m.sent), color=MODEL, linestyle="--", **STEPS),
        Line("model: in time", model=lambda m: (BINS, m.good), color=MODEL, **STEPS),
        Line("pinned: in time", pinned=storm_model.in_time, **{**PINNED_LINE, **STEPS}),
        Whiskers("retries", run=storm_model.retried, color=MEASURED, linewidth=10, alpha=0.3),
        Line("requests due", run=storm_model.due, color=INK, **STEPS),
        Line("sent", run=storm_model.sent, color=MEASURED, **STEPS),
        Line("in time", run=storm_model.in_time, color=CLOCK, **STEPS),
        width=1.4,
        columns=4,
        empty="Attempts and answers will appear here.",
    ),
    Chart(
        f"Answered in time in the last {END_S:g} s",
        Axis("load without retries (% of the capacity)", 5, 85, ticks=range(10, 81, 10)),
        Axis("share of the requests", -0.03, 1.05, ticks={each / 4: f"{25 * each}%" for each in range(5)}),
        Band("x", "retries keep it down", model=lambda m: (m.edge, 85), color=ALARM, alpha=0.2),
        Rule("x", "1/(1 + retries)", model=lambda m: m.edge, color=ALARM, linestyle="--", linewidth=2),
        *measured(lambda run: (run.parameters["load"], good_at_the_end(run)), among=("load",)),
        columns=2,
        empty="Each run will be a point.",
    ),
)


def say(record: Record) -> str:
    """How the run ended, and what the condition says."""
    chosen, good = record.parameters, good_at_the_end(record)
    if np.isnan(good):
        return "The end of the run has not come yet."
    said = f"In the last {END_S:g} s {percent(good)} of the requests were answered in time, by one of their attempts; attempts "
    said += f"were sent at {storm_model.offered_at_the_end(record):.2f} × the capacity."
    if chosen["stall"] and np.isfinite(storm_model.edge(chosen)):
        worst = offered_load(chosen["load"] / 100, RETRIES[chosen["retries"]])
        told = "it stays down" if storm_model.is_predicted_down(chosen) else "it recovers"
        if np.isclose(worst, 1):
            told = "the backlog neither grows nor shrinks"
        said += f" Where all attempts time out, ρ(1 + k) = {worst:.2f} is offered: {told}, says the condition."
    return said + loads.lateness_said(record)


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """How the pinned run ended."""
    return f"Pinned run: {percent(good_at_the_end(pinned))} at the end.", ""


def finding(record: Record, pinned: Record | None) -> str | None:
    """The headline."""
    chosen, good = record.parameters, good_at_the_end(record)
    if np.isnan(good):
        return None
    answered = f"{percent(good)} of the requests are answered in time"
    if not chosen["stall"]:
        return f"Without a stall {answered} at the end."
    if good > DOWN:
        return f"The server has recovered{'' if good > RECOVERED else ' only in part'}: {answered} again."
    after_s, changed = RUN_S - STALL_AT_S - chosen["stall"], only_change(record, pinned)
    still = f"{after_s:.1f} s after the stall {percent(1 - good)} of the requests still fail"
    if pinned is not None and changed in ("retries", "cure") and good_at_the_end(pinned) <= DOWN:
        return f"{still}, with “{chosen[changed]}” as with “{pinned.parameters[changed]}”."
    return f"{still}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What is done."""
    stalls = f"After {STALL_AT_S:g} s the server stalls for {chosen['stall']:g} s."
    offered = count(chosen["load"] / 100 * CAPACITY)
    return f"{offered} requests/s; the server can do {CAPACITY}/s, clients wait for {TIMEOUT_MS} ms. {stalls}"


TABLE = table_of(
    (f"answered in time, last {END_S:g} s", lambda run: percent(good_at_the_end(run))),
    (f"offered, last {END_S:g} s (× capacity)", lambda run: f"{storm_model.offered_at_the_end(run):.2f}"),
    ("requests: due; answered in time; given up", lambda run: "; ".join(map(count, storm_model.outcomes(run)))),
    ("retries", lambda run: count(run.column("retried_s").size)),
    ("answers that came after the time-out", lambda run: count(run.count("needless"))),
    needs="arrived_s",
)


BOTH_UP, JITTER_UP, BOTH_DOWN = "both recover", "only with pauses it recovers", "both stay down"


def what_pauses_do(at_once: Record, with_pauses: Record) -> Outcome | None:
    """Whether the server has recovered at the end of each run."""
    found = [good_at_the_end(run) for run in (at_once, with_pauses)]
    if np.isnan(found).any() or any(DOWN < good <= RECOVERED for good in found):
        return None
    up = [good > RECOVERED for good in found]
    told = f"at the end {percent(found[0])} were answered in time with retries at once, {percent(found[1])} with pauses"
    return None if up == [True, False] else Outcome(BOTH_UP if all(up) else JITTER_UP if any(up) else BOTH_DOWN, told)


PREDICTION = Prediction(
    question="A server is at 50% of its capacity and stalls for 0.3 s. Clients wait for 40 ms and try up to 3 times more: at "
    "once, or after pauses at random (backoff with jitter). Does the server recover within the 2.1 s after the stall?",
    choices={
        BOTH_UP: Answer(
            "Without retries it would: the backlog is served in 0.3 s. But each request that times out is sent again.",
            "Here too few attempts timed out to keep the queue longer than the time-out.",
        ),
        JITTER_UP: Answer(
            "Pauses and jitter spread retries over time. They delay them, and do not make them fewer.",
            "Here the pauses left the server enough time to empty its queue.",
        ),
        BOTH_DOWN: Answer(
            "They would, were all attempts to time out. Here some did not.",
            "Each request is sent four times, so twice the capacity is offered, and all of it is answered too late. The cause "
            "has gone, and the state stays (a metastable failure). Pauses only delay the retries; a budget makes them fewer.",
        ),
    },
    runs=({"retries": storm_model.AT_ONCE}, {"retries": storm_model.JITTER}),
    find=what_pauses_do,
)


def lab() -> Lab:
    return Lab(
        question="Why does a server stay down after a stall of a moment?",
        experiment=experiment,
        predict=storm_model.predict,
        controls={
            "load": slider(10, 80, 50, 10, unit="%"),
            "retries": choice(list(RETRIES), storm_model.AT_ONCE, menu=True),
            "stall": values_slider((0.0, 0.05, 0.1, 0.2, 0.3, 0.4), 0.3, unit="s"),
            "cure": choice(list(storm_model.CURES), menu=True, label="cure"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, too_late, compare=compare, needs="arrived_s"),
        table=TABLE,
        trust=trust_of(loads.sent(), loads.LATENESS, needs="arrived_s"),
        finding=finding,
        scenario=scenario,
        moments=loads.moments(),
        budget_s=RUN_S + 1,
    )
