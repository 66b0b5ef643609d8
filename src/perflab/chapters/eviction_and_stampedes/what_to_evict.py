"""What should a full cache evict? Ten policies on keys drawn now, and one of them in a real cache in front of a real database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from perflab.chapters.changes import only_change
from perflab.chapters.eviction_and_stampedes import policy_runs as runs
from perflab.chapters.eviction_and_stampedes import what_to_evict_model as model
from perflab.chapters.eviction_and_stampedes.own_score import YOURS, Score, scored
from perflab.chapters.eviction_and_stampedes.policy_runs import (
    COUNTED,
    IN_LOOP,
    LRU,
    POLICIES,
    SIZES,
    misses_at,
    rows_of,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, log_slider, slider
from perflab.lab.axes import count_ticks
from perflab.lab.guesses import Guesses
from perflab.lab.marks import Here, Line, Rule
from perflab.lab.palette import (
    CLOCK,
    MEASURED,
    MEASURED_LINE,
    MEASURED_POINTS,
    MODEL,
    MODEL_HERE,
    MODEL_LINE,
    PINNED,
    PINNED_LINE,
    PINNED_POINTS,
)
from perflab.lab.rows import Texts, chosen_row, named_rows
from perflab.lab.verdict import table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, percent
from perflab.systems.caches.bounded import BoundedCache
from perflab.systems.databases.orders import Orders, file_of_orders
from perflab.theory.stack_distances import lru_hits, stack_distances

ROWS = 50_000


def experiment(
    capacity: int, skew: float, trace: str, policy: str, seed: int, score: Score | None = None
) -> Iterator[Frame]:
    keys = runs.keys_of(trace, skew, seed)
    policies = POLICIES if score is None else {**POLICIES, YOURS: scored(score)}
    others = [(name, capacity) for name in policies if name != policy]
    sizes = [(policy, size) for size in model.sizes_to_run(capacity)]
    with closing(Orders(file_of_orders(ROWS))) as orders:
        yield Frame({"lru_misses": COUNTED - lru_hits(stack_distances(keys)[runs.WARM_UP :], SIZES)})
        listed = keys.tolist()
        yield from runs.in_slices(runs.run(policies, policy, listed, capacity))
        cache = BoundedCache(capacity, policies[policy](listed, capacity), orders.find)
        yield from runs.in_slices(runs.read(cache, listed))
        yield from runs.in_slices(
            each for name, size in others + sizes for each in runs.run(policies, name, listed, size)
        )


def charts(names: Sequence[str]) -> tuple[Chart, Chart]:
    """Curves over all sizes, and a row for each of these policies at the chosen size."""
    return (
        Chart(
            "Misses at every size",
            Axis("places in the cache", 8, 13_000, log=True, ticks=count_ticks),
            Axis("reads that miss", -0.03, 1.06, ticks=runs.SHARES),
            Rule("x", setting=lambda chosen: chosen["capacity"], color=PINNED, linestyle=":", linewidth=1.5),
            Line("FIFO, random: model", model=lambda m: (SIZES, m.fifo), color=MODEL, linestyle="--", linewidth=2),
            Line("LRU: model", model=lambda m: (SIZES, m.lru), **MODEL_LINE),
            Here("capacity", lambda m: (SIZES, m.lru)),
            Here("capacity", lambda m: (SIZES, m.fifo)),
            Line("pinned policy", pinned=runs.curve_of, **PINNED_LINE),
            Line("LRU: measured", run=runs.lru_curve, **MEASURED_LINE),
            Line("chosen policy", run=runs.curve_of, color=CLOCK, marker="s", linestyle="none", markersize=7),
            Line(pinned=runs.at_capacity, **{**MODEL_HERE, "color": PINNED}),
            Line(run=runs.at_capacity, **{**MODEL_HERE, "color": CLOCK}),
            Guesses(3, setting=lambda _: {said: (1_000, 1 - hits) for said, hits in HITS.items()}),
            columns=2,
            empty="The curves of two policies will appear here.",
        ),
        Chart(
            "Misses at this size, and decisions per second",
            Axis("reads that miss", -0.02, 1.3, ticks=runs.SHARES),
            named_rows(names),
            chosen_row(names, "policy"),
            Line("model", model=lambda m: rows_of(names, m.at_capacity), **MODEL_HERE),
            Line("pinned run", pinned=lambda run: rows_of(names, misses_at(run)), **PINNED_POINTS),
            Line("measured", run=lambda run: rows_of(names, misses_at(run)), **MEASURED_POINTS),
            Texts(len(names), run=lambda run: runs.speeds_said(names, run), color=MEASURED),
            columns=3,
            empty="Each policy will run here, on keys drawn now.",
        ),
    )


def say(record: Record) -> str:
    """The chosen policy against the best of the others and the optimum, and what a read takes through the real cache."""
    found, name = misses_at(record), record.parameters["policy"]
    beside = f", {runs.others_said(found, name)}" if len(found) > 1 else ""
    places = count(record.parameters["capacity"])
    said = f"{places} places: {name} misses {percent(found[name])} of {count(COUNTED)} reads{beside}."
    if not (times := record.column("latency_ns")).size:
        return said
    return f"{said} Through the real cache a read takes {duration(times.mean())} on average: {runs.times_said(record)}."


def finding(record: Record, pinned: Record | None) -> str:
    """The headline."""
    found, chosen = misses_at(record), record.parameters
    name, said = chosen["policy"], f"{count(chosen['capacity'])} places: "
    if pinned is not None and only_change(record, pinned) == "policy":
        other = f"{pinned.parameters['policy']} misses {percent(runs.misses_of_chosen(pinned))}"
        return f"{said}{other} of the reads, {name} {percent(found[name])}."
    beside = f"; {runs.others_said(found, name)}" if len(found) > 1 else ""
    return f"{said}{name} misses {percent(found[name])} of the reads{beside}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    trace = chosen["trace"] if chosen["trace"] == IN_LOOP else f"{chosen['trace']}, skew {chosen['skew']:g}"
    return (
        f"{count(runs.REQUESTS)} keys ({trace}) are drawn now; each policy decides about all, the second half counts."
    )


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """The pinned run's misses."""
    return f"Pinned run: {pinned.parameters['policy']} misses {percent(runs.misses_of_chosen(pinned))}.", ""


TABLE = table_of(
    ("reads that miss, chosen policy", lambda run: percent(runs.misses_of_chosen(run))),
    ("best of the others; the optimum", lambda run: runs.others_said(misses_at(run), run.parameters["policy"])),
    ("reads of the database per 1,000", lambda run: count(1_000 * runs.misses_of_chosen(run))),
    ("a read through the real cache", runs.times_said),
    needs="misses",
    heading="this run",
)
TRUST = trust_of(
    ("misses: by the policy; by the real cache", runs.misses_twice),
    ("LRU's misses: by its run; by one pass for all sizes", runs.lru_twice),
    ("mean read: by hit ratio and times; measured", runs.mean_by_parts),
    needs="misses",
)
HITS = {"0% hit": 0.0, "40% hit": 0.4, "80% hit": 0.8}
NOTHING, HALF, MOST = HITS


def hits_in_a_loop(record: Record) -> Outcome | None:
    """The share of reads that hit, as the nearest of the choices."""
    found = misses_at(record)
    hit, others = 1 - found[LRU], f", random {percent(1 - found[runs.RANDOM])}" if runs.RANDOM in found else ""
    told = f"LRU hits {percent(hit)} of the reads{others}"
    return Outcome(min(HITS, key=lambda each: abs(HITS[each] - hit)), told)


PREDICTION = Prediction(
    question="1,250 pages are read one after another, again and again. The cache holds 1,000 of them and evicts the least "
    "recently used (LRU). Which share of the reads hits?",
    choices={
        MOST: Answer("It always holds 80% of the pages, but never the one that is read next."),
        HALF: Answer("That would be so if hits were a matter of luck. In a loop LRU is wrong at every single read."),
        NOTHING: Answer(
            "",
            "The page that is read next is the one that was read longest ago, so LRU has evicted it. Evicting at random keeps "
            "more than half of them.",
        ),
    },
    runs=({"trace": IN_LOOP, "capacity": 1_000, "policy": LRU},),
    find=hits_in_a_loop,
    counted=True,
)


def lab() -> Lab:
    return Lab(
        question="What should a full cache evict?",
        experiment=experiment,
        predict=model.predict,
        controls={
            "policy": choice(tuple(POLICIES), menu=True),
            "capacity": log_slider(runs.SMALLEST, runs.LARGEST, 1_000, unit="places"),
            "trace": choice(runs.TRACES, menu=True),
            "skew": slider(0, 1.5, 1, 0.1, unit="(Zipf)", whole=False),
        },
        charts=charts(tuple(POLICIES)),
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=compare, needs="misses"),
        table=TABLE,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
        budget_s=3.0,
    )
