"""What six improvements of an API should do, one after the other, and what they did: what each saves alone adds up."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

from numpy.typing import NDArray

from perflab.chapters.changes import only_change
from perflab.lab import Outcome, Record
from perflab.lab.verdict import ratio_text
from perflab.measure import Estimate, Ratio, compare, count, duration, percentile, summarise
from perflab.measure.units import ratio

START = "all off"
STEPS = {
    "pooled": "+ pooled connections",
    "index": "+ index",
    "join": "+ join, not N+1",
    "cache": "+ cache",
    "tuning": "+ SQLite tuned",
    "closer": "+ server closer",
}
OTHER, CLOSE, ALIKE = "pooling or the join", "two of them equally", 1.25
LABELS = (START, *STEPS.values())


def faster_said(times: float) -> str:
    """How many times as fast, or as slow."""
    return f"{ratio(times)} faster" if times >= 1 else f"{ratio(1 / times)} slower"


def stages(**wanted: bool) -> dict[str, tuple[str, ...]]:
    """Label of each step and the switches that are on in it: none first, then one more at a time, in the order of `STEPS`."""
    names = [name for name in STEPS if wanted[name]]
    return {START: (), **{STEPS[name]: tuple(names[: place + 1]) for place, name in enumerate(names)}}


def predict(constants: Mapping[str, Any], **wanted: bool) -> dict[str, Estimate]:
    """Median response time (ns) of each step. Each switch takes off what it takes off alone: savings add up.

    A hit in the cache leaves only the way there and back. Wrong where switches depend on each other, as the lab shows.
    """
    saved = {name: constants["pooled"] - constants[name] for name in STEPS}
    saved["pooled"] = constants[START] - constants["pooled"]
    found = {}
    for label, switched_on in stages(**wanted).items():
        hit = constants["near hit" if "closer" in switched_on else "cache"]
        added_up = constants[START] - sum(saved[name] for name in switched_on if name != "cache")
        found[label] = Estimate(hit if "cache" in switched_on else max(hit, added_up))
    return found


def taken(record: Record) -> dict[str, NDArray[Any]]:
    """The response times (ns) of each step that was taken."""
    columns = {label: record.column(f"{label}_ns") for label in LABELS}
    return {label: latencies for label, latencies in columns.items() if latencies.size}


@lru_cache(maxsize=8)
def steps_of(record: Record, share: float) -> dict[str, Estimate]:
    """A percentile of each step that was taken, with its interval where there are samples enough."""
    steps = taken(record).items()
    return {label: summarise(latencies, percentiles=(share,)).percentiles[share] for label, latencies in steps}


@lru_cache(maxsize=8)
def gains(record: Record, share: float = 0.5) -> dict[str, Ratio]:
    """How many times faster each step is than the one before: medians by interleaved pairs, other percentiles as they are."""
    ratio_of = compare.paired_ratio if share == 0.5 else partial(compare.ratio, share=share)
    return {label: ratio_of(before, after) for (_, before), (label, after) in pairwise(taken(record).items())}


def greatest(record: Record) -> Outcome | None:
    """The step with the greatest gain in a run with all six switches on, if it is ahead of the next one in interleaved rounds."""
    found = sorted(gains(record).items(), key=lambda step: step[1].value, reverse=True)
    if len(found) < len(STEPS):
        return None
    columns = taken(record)
    first, second = (columns[LABELS[LABELS.index(label) - 1]] / columns[label] for label, _ in found[:2])
    ahead = compare.paired_ratio(first, second)
    measured = ", then ".join(f"{label.removeprefix('+ ')} {ratio_text(gain)}" for label, gain in found[:2])
    if ahead.low > 1:
        best = found[0][0].removeprefix("+ ")
        return Outcome(OTHER if found[0][0] in (STEPS["pooled"], STEPS["join"]) else best, measured)
    return Outcome(CLOSE, measured) if ahead.low > 1 / ALIKE and ahead.high < ALIKE else None


def finding(record: Record, pinned: Record | None) -> str | None:
    """From where to where all steps lead, and which did most; or what one switch does where all else is equal."""
    medians = [percentile(times, 0.5) for times in taken(record).values()]
    if not medians or min(medians) <= 0:
        return None
    if pinned is not None and pinned.parameters != record.parameters and taken(pinned):
        return _beside(record, pinned)
    if len(medians) == 1:
        return f"With everything off, the median request takes {duration(medians[0])}."
    names, most = leaders(record)
    said = f"p50 from {duration(medians[0])} to {duration(medians[-1])}"
    if most.verdict == compare.TOO_CLOSE:
        return None
    if most.verdict == compare.EQUAL or most.value < 1:
        return f"{said}: no single step made it much faster."
    times = medians[0] / medians[-1]
    said += f", {ratio(times)} faster" if times >= 1 else f", {ratio(1 / times)} slower"
    return f"{said}; most by {' or '.join(names)}{f', {ratio(most.value)}' if len(names) == 1 else ''}."


def leaders(record: Record) -> tuple[list[str], Ratio]:
    """The step with the greatest gain, with the next one where it is not clearly ahead of it; and the greatest gain."""
    found = sorted(gains(record).items(), key=lambda step: step[1].value, reverse=True)
    names = [label for label, _ in found[:2]]
    if len(names) > 1:
        columns, labels = taken(record), list(taken(record))
        first, second = (columns[labels[labels.index(label) - 1]] / columns[label] for label in names)
        if compare.paired_ratio(first, second).low > 1:
            names = names[:1]
    return [label.removeprefix("+ ") for label in names], found[0][1]


def last_gain(record: Record, pinned: Record) -> Ratio:
    """How many times the time after the pinned run's last step that after this run's is, by pairs."""
    new, old = (list(taken(run).values())[-1] for run in (record, pinned))
    return compare.paired_ratio(new[: old.size], old[: new.size])


def _beside(record: Record, pinned: Record) -> str:
    changed = only_change(record, pinned)
    times = [percentile(list(taken(run).values())[-1], 0.5) for run in (pinned, record)]
    names = ["in the pinned run", "in this one"]
    if changed:
        name = f"“{STEPS[changed].removeprefix('+ ')}”"
        names = [f"{'with' if run.parameters[changed] else 'without'} {name}" for run in (pinned, record)]
    said = f"After the last step the p50 is {duration(times[0])} {names[0]}, {duration(times[1])} {names[1]}"
    return f"{said}: practically equal." if last_gain(record, pinned).verdict == compare.EQUAL else f"{said}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    steps = sum(bool(chosen[name]) for name in STEPS)
    after = {0: "", 1: ", and with one improvement switched on"}.get(
        steps, f", and after each of {count(steps)} improvements, which are switched on one after the other"
    )
    return f"Again and again, one product is asked for with everything off{after}."
