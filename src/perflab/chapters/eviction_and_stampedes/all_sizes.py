"""How many runs tell the misses at every size? One pass over a trace, runs at single sizes, and samples of the keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import perf_counter_ns
from typing import Any

import numpy as np

from perflab.chapters.eviction_and_stampedes import all_sizes_model as model
from perflab.chapters.eviction_and_stampedes import policy_runs as runs
from perflab.chapters.eviction_and_stampedes.all_sizes_model import NUMBERS, RAW, one_pass_ns, one_run_ns
from perflab.chapters.eviction_and_stampedes.policy_runs import BELADY, FIFO, LARGEST, POLICIES, SIZES, STRING
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, values_slider
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.guesses import Guesses
from perflab.lab.marks import Line
from perflab.lab.palette import CLOCK, MEASURED_LINE, MODEL, MODEL_LINE, PINNED, PINNED_LINE, PINNED_POINTS
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration
from perflab.measure.units import DASH
from perflab.theory.stack_distances import lru_hits, sampled, stack_distances


def experiment(trace: str, policy: str, sample: float, estimate: str, seed: int) -> Iterator[Frame]:
    keys, warm_up = model.keys_of(trace, seed)
    reads = keys.size - warm_up
    for number in range(model.PASSES):
        started_ns = perf_counter_ns()
        misses = reads - lru_hits(stack_distances(keys)[warm_up:], SIZES)
        found = {"pass_ns": np.array([perf_counter_ns() - started_ns])}
        yield Frame(found if number else {**found, "lru_misses": misses}, {"calls": keys.size})
    listed, sizes = keys.tolist(), model.sizes_of(trace)
    yield from runs.in_slices(each for size in sizes for each in runs.run(POLICIES, policy, listed, size, warm_up))
    for number in range(model.HASHES):
        part = sampled(keys, sample / 100, SIZES, model.HASHES * seed + number, warm_up)
        yield Frame(
            {"raw": part.raw, "corrected": part.corrected, "sampled": np.array([part.reads])}, {"calls": keys.size}
        )


def time_of_single_runs(record: Record) -> tuple[Any, Any]:
    """How many sizes have been run one after another, and how long that took until then."""
    times = record.column("took_ns")
    return np.arange(1, times.size + 1), np.cumsum(times)


def time_of_the_pass(record: Record) -> tuple[Any, Any]:
    """It is the same for any number of sizes."""
    return ([1, LARGEST], [one_pass_ns(record)] * 2) if record.column("pass_ns").size else ([], [])


BAND: dict[str, Any] = {"color": MODEL, "linestyle": ":", "linewidth": 1.5}
CHOSEN: dict[str, Any] = {"color": CLOCK, "marker": "s", "linestyle": "none", "markersize": 7}
CHARTS = (
    Chart(
        "Misses at every size",
        Axis("places in the cache", 0.9, 11_000, log=True, ticks=count_ticks),
        Axis("reads that miss", -0.03, 1.06, ticks=runs.SHARES),
        Line("samples", run=model.samples_of, color=PINNED, linewidth=1, alpha=0.7),
        Line("model: most samples", model=lambda m: (SIZES, m.low), **BAND, at=30.0, side="below"),
        Line(model=lambda m: (SIZES, m.high), **BAND),
        Line("LRU, model", model=lambda m: (SIZES, m.lru), **MODEL_LINE),
        Line("chosen, model", model=lambda m: m.policy, color=MODEL, linestyle="--", linewidth=2),
        Line("pinned policy", pinned=runs.curve_of, **PINNED_LINE),
        Line("LRU, one pass", run=runs.lru_curve, **MEASURED_LINE),
        Line("chosen, runs", run=runs.curve_of, **CHOSEN),
        Guesses(3, setting=lambda _: {f"{misses} times": (4, misses / 12) for misses in (7, 9, 10)}),
        columns=3,
        width=1.2,
        empty="The misses at every size will appear here.",
    ),
    Chart(
        "How long it takes to know so many sizes",
        Axis("different sizes", 0.9, 11_000, log=True, ticks=count_ticks),
        Axis("", 1e4, 1e12, log=True, ticks=duration_ticks),
        Line("a run each: model", model=lambda m: (NUMBERS, m.runs_ns), color=MODEL, linestyle="--", linewidth=2),
        Line("one pass: model", model=lambda m: ([1, LARGEST], [m.pass_ns] * 2), **MODEL_LINE),
        Line("pinned: a run each", pinned=time_of_single_runs, **PINNED_POINTS),
        Line("one pass", run=time_of_the_pass, **MEASURED_LINE),
        Line("a run each", run=time_of_single_runs, **CHOSEN),
        columns=3,
        empty="The times of both ways will appear here.",
    ),
)


def say(record: Record) -> str:
    """What both ways cost and what the samples are worth; of Belady's reads, the misses."""
    sizes, misses = model.misses_of(record)
    if record.parameters["trace"] == BELADY and sizes:
        listed = ", ".join(map(str, misses))
        return f"With {sizes[0]} to {sizes[-1]} places {record.parameters['policy']} misses {listed} of the 12 reads."
    said = f"One pass tells LRU's misses at every size in {duration(one_pass_ns(record))}."
    if sizes:
        said += f" A run at one size takes {duration(one_run_ns(record))}; for {count(LARGEST)} sizes that is {whole(record)}."
    if np.isfinite(raw := model.error(record, "raw")):
        said += f" From {record.parameters['sample']:g}% of the keys the miss ratio is off by {model.points(raw)} on average"
        said += f" (raw), {model.points(model.error(record, 'corrected'))} (corrected)."
    return said


def whole(record: Record) -> str:
    """What a run for each size would take; a dash where there are hardly any."""
    return DASH if record.parameters["trace"] == BELADY else duration(LARGEST * one_run_ns(record))


def finding(record: Record, pinned: Record | None) -> str | None:
    """The headline."""
    if found := model.anomaly(record):
        name = record.parameters["policy"]
        return f"More places, more misses: {name} misses {found[1]} with {found[0]} places, {found[3]} with {found[2]}."
    if record.parameters["trace"] == BELADY or not record.column("took_ns").size:
        return None
    one_pass = duration(one_pass_ns(record))
    return f"One pass tells LRU's misses at every size in {one_pass}; a run each would take {whole(record)}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    short = chosen["trace"] == BELADY
    keys = "The 12 reads" if short else f"{count(runs.REQUESTS)} reads ({chosen['trace']})"
    what = f"{keys}: one pass for LRU, {chosen['policy']} at {len(model.sizes_of(chosen['trace']))} single sizes"
    return f"{what}, and LRU from {chosen['sample']:g}% of the keys, {model.HASHES} times."


def compare(record: Record, pinned: Record) -> tuple[str, str] | None:
    """How long both take for a size."""
    if not (record.column("took_ns").size and pinned.column("took_ns").size):
        return None
    times = duration(one_run_ns(pinned)), duration(one_run_ns(record))
    return f"A run at one size: {times[0]} in the pinned run, {times[1]} in this one.", ""


def what_one_more_place_did(record: Record) -> Outcome | None:
    """The misses with 4 places."""
    found = dict(zip(*model.misses_of(record), strict=True))
    if not {3, 4} <= set(found):
        return None
    choices = {f"{number} times": number for number in (7, 9, 10)}
    nearest = min(choices, key=lambda each: abs(choices[each] - found[4]))
    return Outcome(nearest, f"{found[3]} misses with 3 places, {found[4]} with 4")


PREDICTION = Prediction(
    question=f"A FIFO cache reads the pages {' '.join(map(str, STRING))}. With 3 places, 9 of the 12 reads miss. How often does "
    "it miss with 4 places?",
    choices={
        "7 times": Answer(
            "With one more place, LRU misses less often. Under FIFO the larger cache may hold other pages."
        ),
        "9 times": Answer(
            "That would need the same pages in both. But FIFO evicts in the order in which pages were filled."
        ),
        "10 times": Answer(
            "",
            "With 4 places, pages 1 and 2 hit where they missed before. FIFO does not renew what hits, so they leave next, and "
            "from then on each page leaves shortly before it is read. LRU holds with C + 1 places all that it holds with C.",
        ),
    },
    runs=({"trace": BELADY, "policy": FIFO},),
    find=what_one_more_place_did,
    counted=True,
)


def lab() -> Lab:
    return Lab(
        question="How many runs does it take to know the misses at every size?",
        experiment=experiment,
        calibrate=model.calibrate,
        predict=model.predict,
        controls={
            "trace": choice(model.TRACES, menu=True),
            "policy": choice(model.COMPARED, label="policy run at each size", menu=True),
            "sample": values_slider((1, 3, 10, 30, 100), 10, unit="% of keys", label="sample"),
            "estimate": choice((RAW, model.CORRECTED)),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=compare, needs="pass_ns"),
        table=table_of(
            ("all sizes of LRU, one pass", lambda run: duration(one_pass_ns(run))),
            ("one size, one run", lambda run: duration(one_run_ns(run))),
            ("a run for each of 10,000 sizes", whole),
            ("mean error of a sample with 10 places or more: raw; corrected", model.errors_text),
            needs="pass_ns",
            heading="this run",
        ),
        trust=trust_of(
            ("LRU's misses by one pass; by single runs", model.both_ways),
            ("sampled reads, least to most", model.reads_text),
            needs="pass_ns",
        ),
        finding=finding,
        scenario=scenario,
        budget_s=3.0,
    )
