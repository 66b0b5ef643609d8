"""Which of six improvements makes the API fast? Each is switched on after the others, and measured against the step before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Lab, Prediction, Record, Verdict, switch
from perflab.lab.panels import Waterfall
from perflab.lab.panels.waterfall import StepsOf
from perflab.lab.verdict import against_pinned, estimate_text, ratio_text
from perflab.measure.collector import gc_paused
from perflab.measure.compare import Ratio, paired_ratio
from perflab.measure.compare import ratio as ratio_of
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile
from perflab.measure.summary import summarise
from perflab.measure.units import NOTHING, count, duration, ratio
from perflab.systems.clients.switched_shop import switched_shop
from perflab.systems.databases.catalogue import sku_of
from perflab.systems.machine.storage import durability_caveat
from perflab.theory.ttl import zipf

KEYS = 50
SKEW = 1.0
SLICE_S = 0.15
MOST_ROUNDS = 400
PROBES = 24
LOW_NS, HIGH_NS = 1e5, 1e9
START = "all off"
STEPS = {
    "pooled": "+ pooled connections",
    "index": "+ index",
    "join": "+ join, not N+1",
    "cache": "+ cache",
    "tuning": "+ SQLite tuned",
    "closer": "+ server closer",
}
LABELS = (START, *STEPS.values())


def experiment(
    pooled: bool, index: bool, join: bool, cache: bool, tuning: bool, closer: bool, seed: int
) -> Iterator[Frame]:
    generator = np.random.default_rng(seed)
    popularity = zipf(KEYS, SKEW)
    steps = list(stages(pooled, index, join, cache, tuning, closer).items())
    caveat = {"caveat": durability_caveat() or ""}
    with switched_shop() as api:
        done = 0
        while done < MOST_ROUNDS:
            times: dict[str, list[int]] = {label: [] for label, _ in steps}
            deadline_ns = perf_counter_ns() + int(SLICE_S * 1e9)
            with gc_paused(generation=0):
                while done < MOST_ROUNDS and perf_counter_ns() < deadline_ns:
                    done += 1
                    # One product for all steps of a round, in an order that changes: what disturbs one disturbs its neighbours.
                    path = f"/product?sku={sku_of(int(generator.choice(KEYS, p=popularity)))}"
                    for place in generator.permutation(len(steps)):
                        label, switched_on = steps[place]
                        times[label].append(api.time(path, switched_on))
            samples = {f"{label}_ns": np.array(taken, float) for label, taken in times.items()}
            yield Frame(samples, {"calls": sum(map(len, times.values()))}, caveat)


def stages(*wanted: bool) -> dict[str, tuple[str, ...]]:
    """Label of each step and the switches that are on in it: none first, then one more at a time, in the order of `STEPS`."""
    found: dict[str, tuple[str, ...]] = {START: ()}
    switched_on: tuple[str, ...] = ()
    for name, is_wanted in zip(STEPS, wanted, strict=True):
        if is_wanted:
            switched_on = (*switched_on, name)
            found[STEPS[name]] = switched_on
    return found


def calibrate() -> Iterator[Frame]:
    """Medians with all off, with pooled connections, and with each further switch beside these (the cache's hits)."""
    facts = {}
    path = f"/product?sku={sku_of(1)}"
    with switched_shop() as api:
        for name, switched_on in CASES.items():
            api.time(path, switched_on)
            facts[name] = float(np.median([api.time(path, switched_on) for _ in range(PROBES)]))
    yield Frame(facts=facts)


CASES: dict[str, tuple[str, ...]] = {START: (), "pooled": ("pooled",), "near hit": ("pooled", "cache", "closer")}
CASES |= {name: ("pooled", name) for name in STEPS if name != "pooled"}


def predict(
    pooled: bool, index: bool, join: bool, cache: bool, tuning: bool, closer: bool, constants: Mapping[str, Any]
) -> dict[str, Estimate]:
    """Median response time (ns) of each step. Each switch takes off what it takes off alone: savings add up.

    A hit in the cache leaves only the way there and back. Wrong where switches depend on each other, as the lab shows.
    """
    saved = {name: constants["pooled"] - constants[name] for name in STEPS}
    saved["pooled"] = constants[START] - constants["pooled"]
    found = {}
    for label, switched_on in stages(pooled, index, join, cache, tuning, closer).items():
        hit = constants["near hit" if "closer" in switched_on else "cache"]
        added_up = constants[START] - sum(saved[name] for name in switched_on if name != "cache")
        found[label] = Estimate(hit if "cache" in switched_on else max(hit, added_up))
    return found


def steps_of(record: Record, share: float) -> dict[str, Estimate]:
    """A percentile of each step that was taken, with its interval where there are samples enough."""
    return {label: _estimate(_latencies(record, label), share) for label in _taken(record)}


def gains(record: Record, share: float = 0.5) -> dict[str, Ratio]:
    """How many times faster each step is than the one before: medians by interleaved pairs, other percentiles as they are."""
    found = {}
    for before, after in itertools.pairwise(_taken(record)):
        columns = _latencies(record, before), _latencies(record, after)
        found[after] = paired_ratio(*columns) if share == 0.5 else ratio_of(*columns, share)
    return found


def _taken(record: Record) -> list[str]:
    return [label for label in LABELS if _latencies(record, label).size]


def _latencies(record: Record, label: str) -> NDArray[Any]:
    return record.column(f"{label}_ns")


def _estimate(latencies: NDArray[Any], share: float) -> Estimate:
    return summarise(latencies, percentiles=(share,)).percentiles[share]


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """From where to where, and the step that did most."""
    labels = _taken(record)
    if not labels:
        return Verdict("Nothing was measured.", "invalid")
    first, last = (_latencies(record, label) for label in (labels[0], labels[-1]))
    if len(labels) == 1:
        return Verdict(f"With everything off a request takes {duration(percentile(first, 0.5))} (p50).")
    steps = gains(record)
    best = max(steps, key=lambda label: steps[label].value)
    medians, tails = ([percentile(column, share) for column in (first, last)] for share in (0.5, 0.99))
    most = steps[best]
    said = (
        f"p50 from {duration(medians[0])} to {duration(medians[1])}, {ratio(medians[0] / medians[1])} faster; "
        f"p99 from {duration(tails[0])} to {duration(tails[1])}. Most in one step: {best.removeprefix('+ ')}, "
        f"{ratio_text(most)} in {count(first.size)} interleaved pairs."
    )
    before = [] if pinned is None or pinned is record else _taken(pinned)
    if pinned is None or not before:
        return Verdict(said, most.verdict)
    compared = ratio_of(last, _latencies(pinned, before[-1]))
    return Verdict(f"{said} The last step's median is {against_pinned(compared)}.", compared.verdict)


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each step: p50 and p99 with their intervals, and the ratio to the step before with its own."""
    rows: list[tuple[str, ...]] = [
        ("step", "requests", "p50, 95% interval", "p99, 95% interval", "faster than the step before")
    ]
    steps = gains(record)
    for label in _taken(record):
        latencies, gain = _latencies(record, label), steps.get(label)
        told = f"{ratio_text(gain)}, {gain.verdict}" if gain else NOTHING
        numbers = (estimate_text(_estimate(latencies, share)) for share in (0.5, 0.99))
        rows.append((label, count(latencies.size), *numbers, told))
    return rows


def what_does_most(records: Sequence[Record]) -> str | None:
    """The step with the greatest gain in a run with all six switches on."""
    for record in reversed(records):
        steps = gains(record)
        if len(steps) == len(STEPS):
            best = max(steps, key=lambda label: steps[label].value)
            return next((name for name, label in CHOSEN.items() if label == best), OTHER)
    return None


CHOSEN = {
    "the index": "+ index",
    "the cache": "+ cache",
    "SQLite's settings": "+ SQLite tuned",
    "the closer server": "+ server closer",
}
OTHER = "pooling or the join"

PREDICTION = Prediction(
    question="All six are switched on, one after the other. Which one makes the median request most times faster?",
    choices={
        "the index": "It spares a scan of 5,000 rows, which is quick in memory: other parts of the request take longer.",
        "the cache": "A hit spares every query and the commit at once: whatever else is slow behind it is no longer seen.",
        "SQLite's settings": "They spare the wait for the disk; but once most requests hit the cache, few of them write.",
        "the closer server": "What is left when all else is quick is the way: the last step can be the greatest.",
        OTHER: "Each costs a fraction of a millisecond here, because SQLite is a library, not a server across a network.",
    },
    settle=what_does_most,
    hint="Measure with all six on.",
)


def _panel(share: float, title: str, expected: StepsOf | None) -> Waterfall:
    def measured(record: Record) -> dict[str, Estimate]:
        return steps_of(record, share)

    return Waterfall(LABELS, LOW_NS, HIGH_NS, measured, lambda record: gains(record, share), title, expected)


def lab() -> Lab:
    return Lab(
        question="Which of six improvements makes the API fast?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "pooled": switch(True, label="pooled connections"),
            "index": switch(True),
            "join": switch(True, label="join, not N+1"),
            "cache": switch(True),
            "tuning": switch(True, label="SQLite tuned"),
            "closer": switch(True, label="server closer"),
        },
        charts=(
            _panel(0.5, "p50 after each step", lambda steps: steps),
            _panel(0.99, "p99 after each step (nearest rank)", None),
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=12.0,
    )
