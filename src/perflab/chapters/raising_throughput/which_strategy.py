"""Which strategy helps an overloaded server? Six of them, each switched on alone, measured in turns with the server as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from perflab.chapters import load
from perflab.chapters.raising_throughput.which_strategy_model import (
    COSTS,
    NAMES,
    WAIT_MS,
    best,
    burst_size,
    calibrate,
    finding,
    gains,
    predict,
    replays,
    scenario,
    shortened,
    too_late,
)
from perflab.lab import Lab, Prediction, Record, Verdict, log_slider, slider, times_ticks, values_slider
from perflab.lab.charts import intervals
from perflab.lab.prediction import Answer, Outcome
from perflab.lab.verdict import INVALID, against_pinned, ratio_in_turns, ratio_text, trust_of
from perflab.measure import Frame, count, duration, percent, percentile
from perflab.systems.clients.strategies import UNCHANGED, path_of, strategies
from perflab.systems.machine.storage import durability_caveat

ROUNDS, TRIED = 8, 12  # so few tried requests that a slow disk is done with ten commits of each in time


def experiment(rate: int, wait: int, writes: int, pages: int, seed: int) -> Iterator[Frame]:
    generator = np.random.default_rng(seed)
    facts = {"caveat": durability_caveat() or ""}
    with strategies() as shop:
        pages_tried = [path_of(page) for page in range(TRIED)]
        for _ in range(2):  # the first is slow: files are opened, code is loaded
            tried = shop.burst(UNCHANGED, np.zeros(TRIED, np.int64), pages_tried, wait_ms=wait, writes=writes)
        size = burst_size(rate, tried.throughput)
        for number in range(ROUNDS):
            # The same requests for all, so that only the strategy differs within a round.
            schedule = np.cumsum(generator.exponential(1e9 / rate, size)).astype(np.int64)
            paths = [path_of(page) for page in generator.integers(0, pages, size).tolist()]
            order = generator.permutation([UNCHANGED, *NAMES]).tolist()
            if number == 0:  # so that the first burst has something to compare with
                order.sort(key=lambda name: name != UNCHANGED)
            for name in order:
                done = shop.burst(name, schedule, paths, wait_ms=wait, writes=writes)
                if not done.response_ns.size:
                    raise RuntimeError(f"The server answered none of {count(size)} requests ({name}).")
                # The shortest that the burst can take: its last request answered as quickly as the quickest.
                most_s = (schedule[-1] + done.response_ns.min()) / 1e9
                columns = {
                    f"{name} per_s": np.array([done.throughput]),
                    f"{name} most_per_s": np.array([size / most_s]),
                    f"{name} p99_ns": np.array([float(percentile(done.response_ns, 0.99))]),
                    "lateness_ns": done.lateness_ns,
                }
                columns |= {f"{name} {column}": times for column, times in shop.queued(done).items()}
                failed = done.failures + done.timeouts + done.not_sent
                yield Frame(columns, {"calls": done.response_ns.size, "failures": failed}, facts)


EMPTY = "Each strategy will be a point in its row."
TIMES: dict[str, Any] = {"band": "model", "ticks": times_ticks, "empty": EMPTY}
MORE, LESS = "with : without", "without : with"
CHARTS = (
    intervals(NAMES, 0.25, 12, gains, lambda model: model.gains, "Throughput, times as much", xlabel=MORE, **TIMES),
    intervals(NAMES, 0.25, 120, shortened, lambda model: model.shortened, "p99, times shorter", xlabel=LESS, **TIMES),
)


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """Throughput without a strategy, and what helps most."""
    without = record.column(f"{UNCHANGED} per_s")
    if not without.size:
        return Verdict("Nothing was measured.", INVALID)
    if late := too_late(record):
        return late
    tail = duration(np.median(record.column(f"{UNCHANGED} p99_ns")))
    said = f"{count(record.parameters['rate'])} requests/s arrive; the server as it is serves {count(np.median(without))}, "
    said += f"p99 {tail}.{load.failures_said(record)}{load.lateness_said(record)}"
    if (winner := best(record)) is None:
        return Verdict(said)
    name, second, ahead = winner
    gain, tails = gains(record)[name], shortened(record)
    shortest = max(tails, key=lambda each: tails[each].value)
    close = "" if ahead.low > 1 else f", too close to {second} to call"
    said += f" Most throughput with {name}: {ratio_text(gain)}{close}."
    times = tails[shortest].value
    said += f" Shortest p99 with {shortest}: {f'{times:.1f}× shorter' if times > 1 else 'no shorter than without'}."
    if np.median(record.column(f"{name} per_s") / record.column(f"{name} most_per_s")) > 0.9:
        said += " That is nearly all that is offered: a higher rate would show more."
    compared = ratio_in_turns(record, pinned, f"{UNCHANGED} per_s") if pinned is not None else None
    if compared is None:
        return Verdict(said, gain.verdict)
    return Verdict(f"{said} Without a strategy, throughput is {against_pinned(compared)}.", compared.verdict)


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each strategy: its throughput and p99, what it gains, with the intervals of pairs, what it costs and what it risks."""
    heading = ("strategy", "requests/s", "throughput, 95% interval", "p99 of a burst", "shorter by", "costs", "risks")
    rows: list[tuple[str, ...]] = [heading]
    more, shorter = gains(record), shortened(record)
    for name in (UNCHANGED, *NAMES):
        if (rates := record.column(f"{name} per_s")).size:
            gain, less = (ratio_text(each[name]) if name in each else "–" for each in (more, shorter))
            tail = load.NOT_SHOWN if too_late(record) else duration(np.median(record.column(f"{name} p99_ns")))
            rows.append((name, count(np.median(rates)), gain, tail, less, *COSTS.get(name, ("–", "–"))))
    return rows


def replays_said(record: Record) -> str:
    found = replays(record)
    without, apart = found.pop(UNCHANGED, None), max((each.deviation for each in found.values()), default=0.0)
    return f"{load.replay_text(without)}; with a strategy at most {percent(apart)} apart" if without else ""


def what_helps_most(record: Record) -> Outcome | None:
    """The one of the four in question that gains most."""
    if (winner := best(record, tuple(PREDICTION.choices))) is None or winner[2].low <= 1:
        return None
    told = (f"{name} {ratio_text(gains(record)[name])}" for name in winner[:2])
    return Outcome(winner[0], " and ".join(told))


PREDICTION = Prediction(
    question="4 threads. A request waits 50 ms for another service, and commits once to this machine's disk. 600/s arrive. "
    "What raises throughput most?",
    choices={
        "pooling": Answer(
            "A pool spares the opening of a connection; something else keeps the threads for longer.",
            "Opening a connection takes so long here that a pool spares more than anything else does.",
        ),
        "batching": Answer(
            "Batching spares commits; something else keeps the threads for longer than a commit does on this disk.",
            "A commit takes long on this disk, which takes one at a time. A batch makes one commit of many.",
        ),
        "async": Answer(
            "With await, a waiting request holds no thread; but then requests queue for something else: the disk, or the CPU.",
            "4 threads that wait 50 ms each serve 80 requests/s at most. With await, a waiting request holds no thread.",
        ),
        "index": Answer(
            "An index spares the scan of a table; something else keeps the threads for longer.",
            "The scan takes so long on this machine that the CPU is the bottleneck, before the threads are.",
        ),
    },
    runs=({},),
    find=what_helps_most,
)


def lab() -> Lab:
    return Lab(
        question="Which strategy helps this overloaded server?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "rate": values_slider((100, 200, 400, 600, 1_000), 600, unit="requests/s", label="arrival rate"),
            "wait": slider(0, WAIT_MS, WAIT_MS, 5, unit="ms", label="wait of a request"),
            "writes": slider(1, 10, 1, unit="commits", label="writes"),
            "pages": log_slider(1, 1_000, 50, unit="pages", label="different pages"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        finding=finding,
        scenario=scenario,
        trust=trust_of(
            ("failed", lambda run: count(run.count("failures"))),
            load.LATENESS,
            (load.replayed()[0], replays_said),
            needs="lateness_ns",
        ),
        budget_s=20.0,
    )
