"""How many requests per second does this server do? One run, and five ways to count it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.load_report import load_rows, replay_row, replayed, too_late
from perflab.lab import Lab, Prediction, Record, Verdict, log_slider, slider, values_slider
from perflab.lab.panels.counted import Bar, Counted, OverTime
from perflab.measure.frame import Frame
from perflab.measure.schedule import poisson
from perflab.measure.units import count
from perflab.systems.clients.worker_load import watched_load
from perflab.theory.counting import overall, smoothed, windowed
from perflab.theory.simulate import simulate

WORKERS = 20
SERVICE_MS = 200
CAPACITY = WORKERS * 1_000 / SERVICE_MS
MOST_PER_S = 200
RUN_S = 3.0
PAUSE_AT_S = 1.2
LONGEST_PAUSE_S = 1.0
MOMENTS_S = np.linspace(0.0, RUN_S, 121)
OFFERED, OVERALL, CUT, WINDOW, NAIVE = (
    "offered load",
    "completed ÷ time",
    "… after the warm-up",
    "last window",
    "last window, naive",
)
WAYS = (OFFERED, OVERALL, CUT, WINDOW, NAIVE)


def experiment(rate: int, pause: float, window: float, warm_up: float, seed: int) -> Iterator[Frame]:
    schedule = with_pause(poisson(rate, RUN_S, seed), pause)
    yield from watched_load(WORKERS, schedule, np.full(schedule.size, float(SERVICE_MS)), RUN_S)


def with_pause(schedule_ns: NDArray[np.int64], pause_s: float) -> NDArray[np.int64]:
    """The schedule without those who would come in the pause: nobody asks from `PAUSE_AT_S` on for so long."""
    paused = (schedule_ns >= PAUSE_AT_S * 1e9) & (schedule_ns < (PAUSE_AT_S + pause_s) * 1e9)
    return schedule_ns[~paused]


@dataclass(frozen=True)
class Expected:
    """In requests/s, for requests that come evenly: throughput at `MOMENTS_S`, windowed and overall, and what each way says."""

    windowed: NDArray[np.float64]
    overall: NDArray[np.float64]
    offered: float
    bars: Mapping[str, float]


def predict(rate: int, pause: float, window: float, warm_up: float) -> Expected:
    """Customers who come evenly go through the queue one by one (Kiefer and Wolfowitz 1955): no chance, hence no scatter."""
    arrivals_ns = with_pause(np.round(np.arange(rate * RUN_S) / rate * 1e9).astype(np.int64), pause)
    arrivals = arrivals_ns / 1e9
    done = np.sort(simulate(arrivals, np.full(arrivals.size, SERVICE_MS / 1e3), WORKERS).departures)
    return Expected(
        windowed(done, MOMENTS_S, window),
        overall(done, MOMENTS_S),
        rate,
        ways(done[done <= RUN_S], RUN_S, arrivals.size, window, warm_up),
    )


def ways(done_s: NDArray[Any], elapsed_s: float, offered: int, window_s: float, warm_up_s: float) -> dict[str, float]:
    """What each way of counting says, in requests per second; those without any completion are left out."""
    found = {OFFERED: offered / elapsed_s}
    if done_s.size:
        found[OVERALL] = float(overall(done_s, np.array([elapsed_s]))[0])
        found[WINDOW] = float(windowed(done_s, np.array([elapsed_s]), window_s)[0])
        found[NAIVE] = found[WINDOW] * min(window_s, elapsed_s) / window_s
        rest = done_s[done_s > warm_up_s]
        if rest.size and rest[-1] > warm_up_s:
            found[CUT] = rest.size / (float(rest[-1]) - warm_up_s)
    return found


def counted(record: Record) -> dict[str, Bar]:
    """Each way with what it says and a 95% band: counting n completions leaves ±1.96·√n (Poisson)."""
    elapsed_s = float(record.fact("elapsed_s", 0.0))
    if not elapsed_s:
        return {}
    chosen, done = record.parameters, record.column("done_s")
    found = ways(done, elapsed_s, record.column("came_s").size, chosen["window"], chosen["warm_up"])
    seen = {
        OFFERED: record.column("came_s").size,
        OVERALL: done.size,
        CUT: int((done > chosen["warm_up"]).sum()),
        WINDOW: int((done > elapsed_s - chosen["window"]).sum()),
        NAIVE: int((done > elapsed_s - chosen["window"]).sum()),
    }
    return {
        name: Bar(found[name], 1.96 * found[name] / np.sqrt(max(1, seen[name])), seen[name])
        for name in WAYS
        if name in found
    }


def over_time(record: Record) -> tuple[NDArray[np.float64], Mapping[str, NDArray[np.float64]]]:
    """Moments (s) so far, and the throughput that each way of counting showed at that moment."""
    done = record.column("done_s")
    moments = MOMENTS_S[: np.searchsorted(MOMENTS_S, record.fact("elapsed_s", 0.0), side="right")]
    window = record.parameters["window"]
    lines = {
        "windowed": windowed(done, moments, window),
        "overall": overall(done, moments),
        "smoothed": smoothed(done, moments, window),
    }
    return moments, lines


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """How much was asked for, how much got through, and what the window makes of it."""
    bars = counted(record)
    if OVERALL not in bars:
        return Verdict("Nothing was completed.", "invalid")
    if late := too_late(record):
        return late
    asked, through, rest = bars[OFFERED], bars[OVERALL], bars.get(CUT, bars[OVERALL])
    said = (
        f"{count(asked.value)} requests/s were offered, {count(through.value)} (±{count(through.half)}) got through; "
        f"{count(rest.value)} (±{count(rest.half)}) after the warm-up."
    )
    window = record.parameters["window"]
    if window > record.fact("elapsed_s"):
        said += f" The window of {window:g} s is longer than the run: whoever divides by it reports {count(bars[NAIVE].value)}."
    inside = record.fact("inside", 0)
    if asked.value - asked.half > CAPACITY:
        said += f" More is offered than {CAPACITY:.0f}/s, the server's capacity: {count(inside)} are still inside. Saturated."
    if pinned is None or pinned is record or OVERALL not in counted(pinned):
        return Verdict(said)
    before = counted(pinned)[OVERALL]
    apart = abs(through.value - before.value) > np.hypot(through.half, before.half)
    said += f" The pinned run: {count(before.value)} (±{count(before.half)})."
    return Verdict(said, "clear" if apart else "too close to call")


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each way of counting with its number, band and count; then failures, and how well the generator kept its schedule."""
    rows: list[tuple[str, ...]] = [("way of counting", "requests/s", "95% band", "requests counted")]
    for name, bar in counted(record).items():
        low, high = max(0.0, bar.value - bar.half), bar.value + bar.half
        rows.append((name, count(bar.value), f"{count(low)}–{count(high)}", count(bar.seen)))
    if len(rows) > 1:
        rows.append(("still inside", count(record.fact("inside", 0)), "", ""))
        rows += [(*row, "", "") for row in (replay_row([replayed(record, WORKERS)]), *load_rows([record]))]
    return rows


def what_was_wrong(records: Sequence[Record]) -> str | None:
    """What a window of 60 s said about a complete run, compared with what got through."""
    for record in reversed(records):
        bars = counted(record)
        if OVERALL in bars and record.parameters["window"] > RUN_S and record.fact("elapsed_s", 0) > 0.9 * RUN_S:
            share = bars[NAIVE].value / bars[OVERALL].value
            return "the same" if 0.9 < share < 1.1 else "too little" if share < 0.9 else "too much"
    return None


PREDICTION = Prediction(
    question="A dashboard divides the requests of the last 60 s by 60. Your run took 3 s. What does it show?",
    choices={
        "the same": "A rate seems to need no more than a count and a duration; but the run did not last for the 60 s.",
        "too little": "The count is that of 3 s, the divisor is 60: twenty times too little.",
        "too much": "That happens where a window is shorter than it says, or where offered load is counted.",
    },
    settle=what_was_wrong,
    hint="Measure with a window of 60 s.",
)


def lab() -> Lab:
    return Lab(
        question="How many requests per second does this server do?",
        experiment=experiment,
        predict=predict,
        controls={
            "rate": log_slider(20, MOST_PER_S, 50, unit="requests/s", label="arrival rate"),
            "window": values_slider((0.05, 0.1, 0.2, 0.5, 1, 2, 5, 60), 0.5, unit="s"),
            "warm_up": slider(0, 1, 0, 0.1, unit="s", label="warm-up cut", whole=False),
            "pause": slider(0, LONGEST_PAUSE_S, 0, 0.25, unit="s", whole=False),
        },
        charts=(
            OverTime(MOMENTS_S, MOST_PER_S * 1.25, over_time),
            Counted(WAYS, MOST_PER_S * 1.25, counted, lambda model: model.bars),
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=RUN_S + 1,
    )
