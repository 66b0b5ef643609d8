"""A page needs many calls: how many pages are slow, and when does a second copy of a late call (a hedge) help?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from perflab.chapters import load
from perflab.chapters.load import Load
from perflab.chapters.tails_and_overload import fan_out_model as fan
from perflab.chapters.tails_and_overload.fan_out_model import (
    CANCELLED,
    LIMIT_MS,
    PART_S,
    copies,
    p95_text,
    slow_text,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, Verdict, choice, values_slider
from perflab.lab.axes import duration_ticks, percent_ticks
from perflab.lab.marks import Line, Rule, measured
from perflab.lab.palette import ALARM, CLOCK, MEASURED, MODEL, MODEL_HERE, MODEL_LINE
from perflab.lab.verdict import INVALID, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, percent
from perflab.systems.clients.attempts import Attempts, HedgeAfter, Patience
from perflab.systems.clients.streams import attempts_load
from perflab.systems.servers.staged_server import MULTIPLEXED, staged_server
from perflab.theory.fan_out import is_unstable

PLAIN, HEDGED = "plain_", ""
PARTS = {"without hedges": PLAIN, "with hedges": HEDGED}
"""What the columns of the two parts begin with."""
MOMENTS = load.moments(lambda run: run.parameters["workers"], fan.SERVERS)


def experiment(
    calls: int, workers: int, hedge: int, hedges: str, seed: int, hedge_after: HedgeAfter | None = None
) -> Iterator[Frame]:
    work, stage = fan.calls_of(calls, seed, hedges), ("queue", {"workers": workers})
    clients = {PLAIN: Patience(), HEDGED: fan.patience(hedge, hedges, hedge_after)}
    with staged_server(stage, front=MULTIPLEXED) as one, staged_server(stage, front=MULTIPLEXED) as other:
        for part, client in clients.items():
            attempts = Attempts(work.due_ns, client, servers=2)
            seconds, (first_us, again_us) = PART_S + fan.REST_S, work.services_us
            for frame in attempts_load((one, other), attempts, work.due_ns, first_us, seconds, again_us=again_us):
                yield named(frame, part, {"own_rule": 1.0} if hedge_after else {})


def named(frame: Frame, part: str, more: Mapping[str, float] = {}) -> Frame:
    """The frame of a part, and `more` facts; the generator's lateness is that of both."""
    columns = {name if name == "lateness_ns" else f"{part}{name}": column for name, column in frame.samples.items()}
    return Frame(columns, frame.counts, {f"{part}{name}": fact for name, fact in frame.facts.items()} | dict(more))


WITHOUT: dict[str, Any] = {
    "color": CLOCK,
    "marker": "s",
    "linestyle": "none",
    "fillstyle": "none",
    "markeredgewidth": 1.5,
}
CROSS: dict[str, Any] = {"color": MODEL, "marker": "x", "linestyle": "none", "markersize": 9, "markeredgewidth": 2.5}
WITH: dict[str, Any] = {"color": MEASURED, "marker": "o", "linestyle": "none"}

CHARTS = (
    Chart(
        "The same pages, without and with hedges",
        Axis("time at which a page was due (s)", 0, PART_S),
        Axis("until its last answer", 4e6, 2e9, log=True, ticks=duration_ticks),
        Rule("y", f"{LIMIT_MS:g} ms", setting=lambda chosen: 1e6 * LIMIT_MS, color=ALARM, linestyle=":", linewidth=1.5),
        Line("without hedges", run=fan.page_dots(PLAIN), **WITHOUT, markersize=6),
        Line("with hedges", run=fan.page_dots(HEDGED), **WITH, markersize=4),
        empty="Each page will appear here, twice.",
    ),
    Chart(
        f"Slow pages (over {LIMIT_MS:g} ms)",
        Axis("calls per page", 0, 52),
        Axis("share of slow pages", 0, 1, ticks=percent_ticks),
        Line("hedges", at=34, model=lambda m: (fan.NUMBERS, m.hedged), **MODEL_LINE),
        Line("no hedges", at=34, model=lambda m: (fan.NUMBERS, m.plain), **{**MODEL_LINE, "linestyle": "--"}),
        Line("typical run, simulated", model=lambda m: ([m.calls] * 2, m.slow), **MODEL_HERE),
        Line("this run, simulated", run=fan.slow_replayed, **CROSS),
        Line("measured without", run=fan.slow_share(PLAIN), **WITHOUT, markersize=9),
        *measured(fan.slow_share(HEDGED), among=("calls",), label="measured with"),
        columns=2,
    ),
)


def scenario(chosen: Mapping[str, Any]) -> str:
    """What is done."""
    calls, busy = chosen["calls"], percent(fan.utilisation(chosen["workers"]))
    each = f"each {calls} call{'s' * (calls != 1)}"
    said = f"{count(fan.CALLS_PER_S / calls)} pages per second, {each}, to two servers that are {busy} busy. "
    said += f"1 call in 100 takes {fan.UNLUCKY_MS:g} ms, others {fan.USUAL_MS:g} ms."
    return f"{said} Then again, with a copy after {chosen['hedge']} ms: {chosen['hedges']}."


def finding(record: Record, pinned: Record | None) -> str | None:
    """How many pages were slow, and what that cost."""
    plain, hedged = (slow_text(record, part) for part in (PLAIN, HEDGED))
    if not hedged:
        return None
    return f"{plain} pages were slow without hedges; {hedged} with {percent(copies(record))} more calls."


def say(record: Record) -> str:
    """Slow pages and p95 of both parts, the copies, and whether the servers can bear them."""
    told = {
        what: f"{slow} pages were slow, p95 {p95_text(record, part)}"
        for what, part in PARTS.items()
        if (slow := slow_text(record, part))
    }
    said = " ".join(f"{what.capitalize()} {each}." for what, each in told.items())
    sent, busy = copies(record), fan.utilisation(record.parameters["workers"])
    said += f" Copies: {percent(sent)} of the calls." if sent else ""
    # How long a copy that is cancelled holds its worker, nobody knows.
    if record.parameters["hedges"] != CANCELLED and is_unstable(busy, 1 + sent):
        said += f" That is more than the servers can do: {percent(busy)} busy without, {percent(busy * (1 + sent))} with them."
    return said


def too_late(record: Record) -> Verdict | None:
    """Hedges that compete with the generator's own lateness tell nothing."""
    late_ns, delay_ns = Load(record).lateness_p99_ns, 1e6 * record.parameters["hedge"]
    said = (
        f"Generator too slow: calls were sent {duration(late_ns)} too late (p99), and copies after {duration(delay_ns)}"
    )
    return Verdict(f"{said}. Choose a longer delay.", INVALID) if late_ns > MAX_LATE * delay_ns else None


MAX_LATE = 1 / 5
IDLE, BUSY = 32, 4
"""Workers of a server in the question."""
ALWAYS, LUCK, NEVER = "it always helps", "it helps against bad luck, not against a queue", "it never helps"


def what_hedges_do(idle: Record, busy: Record) -> Outcome | None:
    """What they change with idle workers and with busy ones."""
    if (fan.helped(idle), fan.helped(busy)) != (1, -1):
        return None
    told = [f"{slow_text(run, PLAIN)} pages slow, {slow_text(run, HEDGED)} with hedges" for run in (idle, busy)]
    return Outcome(LUCK, f"{told[0]} with {IDLE} workers per server; {told[1]} with {BUSY}")


PREDICTION = Prediction(
    question="A page needs 10 calls. 1 call in 100 is slow by bad luck. A call that takes over 30 ms is sent to the other "
    "server, too, and the first answer counts. When does this make fewer pages slow?",
    choices={
        ALWAYS: Answer("A copy is work. Where calls are late because the servers are busy, copies make them busier."),
        LUCK: Answer(
            "",
            "Unlucky calls are rare: copies cost 1%, and nearly all of them are lucky. In a queue most calls are late and are "
            "sent twice, so the queue grows: three quarters of the servers' time was in use already.",
        ),
        NEVER: Answer("Two copies are both unlucky once in 10,000 calls. With idle workers they cost next to nothing."),
    },
    runs=({"workers": IDLE}, {"workers": BUSY}),
    find=what_hedges_do,
)


def lab() -> Lab:
    return Lab(
        question="How many pages are slow when 1 call in 100 is, and when does a second copy help?",
        experiment=experiment,
        predict=fan.predict,
        controls={
            "calls": values_slider((1, 2, 5, 10, 20, 50), 10, unit="calls", label="calls per page"),
            "workers": values_slider((BUSY, 6, 8, 16, IDLE), IDLE, unit="workers", label="workers per server"),
            "hedge": values_slider((12, 20, 30, 60, 150), 30, unit="ms", label="hedge delay"),
            "hedges": choice(fan.HEDGES, label="hedges", menu=True),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, too_late, needs=f"{PLAIN}latency_ns"),
        finding=finding,
        scenario=scenario,
        table=table_of(
            *((f"slow pages, {what}", partial(slow_text, part=part)) for what, part in PARTS.items()),
            *((f"p95 of a page, {what}", partial(p95_text, part=part)) for what, part in PARTS.items()),
            *((f"p99 of a call, {what}", partial(fan.p99_text, part=part)) for what, part in PARTS.items()),
            ("copies, of all calls", lambda run: percent(copies(run))),
            needs=f"{PLAIN}latency_ns",
        ),
        trust=trust_of(
            ("slow pages, model: without; with hedges", partial(fan.expected, name="slow", text=percent)),
            ("p95 of a page, model: without; with hedges", partial(fan.expected, name="p95_ns", text=duration)),
            ("p95 of a page, this very run simulated", fan.p95_replayed),
            (load.replayed()[0], lambda run: load.replay_text(Load(run).replay(run.parameters["workers"], PLAIN))),
            load.LATENESS,
            needs=f"{PLAIN}latency_ns",
        ),
        # When a copy that was cancelled stood in line, or had a worker, is not recorded.
        moments=lambda run: None if run.parameters["hedges"] == CANCELLED else MOMENTS(run),
        budget_s=2 * (PART_S + fan.REST_S) + 1,
    )
