"""What a read takes through each cache in front of each store, from what their parts take on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.lab.verdict import ratio_text
from perflab.measure import Frame, Ratio, count, duration, number, paired_ratio, percent, percentile
from perflab.measure.units import DASH
from perflab.systems.process.child import ServerFailed
from perflab.systems.process.installed import NotStarted
from perflab.systems.servers.cached_reading import SERVERS, CachedReading, Found, Setting, here
from perflab.systems.servers.cached_reads import CACHES, NONE, SLOW, STORES
from perflab.theory.caching import break_even, mean_read

STEPS = (0, 50, 80, 90, 95, 99, 100)
PLACES = np.linspace(0, len(STEPS) - 1, 121)
PAIRS = tuple((cache, store) for store in STORES for cache in CACHES[1:])
"""As the rows of the chart."""
THROUGH, WITHOUT, SINGLE = "through_ns", "without_ns", "single_ns"
VISITS, VISIT_S, OF_ROUNDS = 4, 0.02, 0.35
RARE = 99
"""Percent of hits among which a hit is calibrated: it takes longer there, as a miss leaves the CPU's caches to the store."""
LABEL_NS, NEVER = 300, "never"
TIMES = {0.1: "0.1×", 1.0: "1×", 10.0: "10×"}
ENDS = 0.01, 100.0
"""Of the axis of the rows, with 1 in the middle."""


def place(hits: Any) -> Any:
    """Where a hit ratio (%) stands on its axis: each step of the slider is as wide as the next."""
    return np.interp(hits, STEPS, range(len(STEPS)))


def frame_of(found: Found) -> Frame:
    """What a slice brings: the mean reads of its rounds, in pairs, and times of single reads."""
    columns = {name: np.array(getattr(found, name)) for name in (THROUGH, WITHOUT, SINGLE)}
    return Frame(columns, {"calls": found.reads, "reads": found.reads, "misses": found.misses})


def calibrate() -> Iterator[Frame]:
    """What reads take of which all miss, nearly all hit, and all hit, and those without the cache (ns): of each pair, in turns.

    Of all rounds a third: one that waits for a CPU takes many times as long. A slow store's scatter hides a hit among its misses.
    """
    pairs = [pair for pair in PAIRS if {*pair} <= {*here(pair)}]
    settings = [(*pair, hits) for pair in pairs for hits in (0, RARE, 100) if hits != RARE or SLOW not in pair]
    while True:
        try:
            return (yield from _calibrated(settings))
        except ServerFailed as error:  # runs of that server say so
            failed = {error.server} if isinstance(error, NotStarted) else {*SERVERS}
            if not any({*each} & failed for each in settings):
                raise
            settings = [each for each in settings if not {*each} & failed]


def _calibrated(settings: Sequence[Setting]) -> Iterator[Frame]:
    taken: dict[str, list[float]] = {}
    with CachedReading(settings, 1) as reading:
        for _ in range(VISITS):
            for at, (cache, store, hits) in enumerate(settings):
                found = reading.read(VISIT_S, at)
                taken.setdefault(name_of(cache, store, hits), []).extend(found.through_ns)
                taken.setdefault(store, []).extend(found.without_ns)
                yield Frame()
    yield Frame(facts={name: percentile(times, OF_ROUNDS) for name, times in taken.items()})


def name_of(cache: str, store: str, hits: int) -> str:
    """The name of a constant: a read through this cache that hits, or misses."""
    return f"{cache}, {store}, {hits}%"


@dataclass(frozen=True)
class Expected:
    """Mean times of a read (ns), through the chosen cache at `PLACES` and at the chosen hit ratio, and without; the hit ratio
    where they are equal, above 1 where there is none; of each row, how many times as many reads as without.
    """

    through: NDArray[np.float64]
    here: tuple[float, float]
    without: float
    break_even: float
    times: NDArray[np.float64]


def predict(cache: str, store: str, hits: float, constants: Mapping[str, Any]) -> Expected:
    """h·T_c + (1 − h)·(T_c + T_d + T_fill), with what these take on this machine."""
    each = np.interp(PLACES, range(len(STEPS)), STEPS)
    hit, read, fill = parts(cache, store, constants)
    return Expected(
        np.array([mean_ns(cache, store, each_hits, constants) for each_hits in each]),
        (float(place(hits)), mean_ns(cache, store, hits, constants)),
        read,
        break_even(hit, read, fill),
        np.array([constants.get(pair[1], np.nan) / mean_ns(*pair, hits, constants) for pair in PAIRS]),
    )


def meeting(expected: Expected) -> float:
    """Where both take as long; NaN where they never do."""
    return float(place(100 * expected.break_even)) if expected.break_even <= 1 else np.nan


def highest(expected: Expected) -> float:
    """The longest time (ns); 0 where none is known."""
    return float(np.fmax.reduce([expected.without, *expected.through], initial=0.0))


def break_even_label(expected: Expected) -> tuple[float, float, str] | None:
    """Where the break-even is, or that there is none."""
    if np.isnan(expected.break_even):
        return None
    at = len(STEPS) / 2 if expected.break_even > 1 else meeting(expected)
    return at, LABEL_NS, f"break-even: {break_even_text(expected.break_even)}"


def parts(cache: str, store: str, constants: Mapping[str, Any]) -> tuple[float, float, float]:
    """T_c, T_d and T_fill (ns), which is what a miss takes beside them; NaN for what is not measured here, or not there.

    T_c is a hit's time among misses, as far as it is known.
    """
    names = *(name_of(cache, store, hits) for hits in (100, 0, RARE)), store
    hit, miss, mean, read = (float(constants.get(name, np.nan)) for name in names)
    if mean == mean:
        hit = max(hit / 2, (mean - (1 - RARE / 100) * miss) / (RARE / 100))
    return hit, read, max(0.0, miss - hit - read) if miss == miss else miss


def mean_ns(cache: str, store: str, hits: float, constants: Mapping[str, Any]) -> float:
    """The mean read by the formula; without a cache that of the store. Where nothing misses, it is a hit among hits."""
    hit, read, fill = parts(cache, store, constants)
    if cache == NONE:
        return read
    if hits <= RARE:
        return mean_read(hits / 100, hit, read, fill)
    last, every = mean_read(RARE / 100, hit, read, fill), float(constants.get(name_of(cache, store, 100), np.nan))
    return last + (every - last) * (hits - RARE) / (100 - RARE)


def median(run: Record, column: str) -> float:
    """Of a column; NaN before its first sample."""
    return percentile(run.column(column), 0.5) if run.column(column).size else np.nan


def gained(run: Record) -> Ratio | None:
    """How many times as many reads as without the cache, by pairs of rounds; None before the first."""
    pairs = np.array([*zip(run.column(WITHOUT), run.column(THROUGH), strict=False)])
    return paired_ratio(*pairs.T) if pairs.size else None


def row_of(run: Record) -> tuple[float, float]:
    """Times as many reads as without, in the row of its pair; beyond the ends of the axis, at its end."""
    found, pair = gained(run), (run.parameters["cache"], run.parameters["store"])
    if found is None or pair not in PAIRS:
        return np.nan, np.nan
    return float(on_axis(found.value)), PAIRS.index(pair)


def on_axis(times: Any) -> Any:
    """A number as it is drawn."""
    return np.clip(times, *ENDS)


def texts(runs: Sequence[Record]) -> list[str]:
    """The newest number of each row, of runs with the hit ratio of the newest run."""
    newest = {
        (run.parameters["cache"], run.parameters["store"]): gained(run)
        for run in runs
        if run.parameters["hits"] == runs[-1].parameters["hits"]
    }
    return [times_text(found.value) if (found := newest.get(pair)) else "" for pair in PAIRS]


def times_text(times: float) -> str:
    """How many times as many reads, with an arrow where it lies beyond the axis."""
    return f"{number(times)}×" + (" →" if times > ENDS[1] else "")


def times_said(run: Record) -> str:
    """How many times as many reads as without."""
    return f"{number(found.value)}× the reads" if (found := gained(run)) else DASH


def pair_said(chosen: Mapping[str, Any]) -> str:
    """Which cache is in front of which store, and how many reads hit."""
    cache = chosen["cache"].capitalize()
    return f"{cache} in front of {store_said(chosen['store'])}, {chosen['hits']}% hits"


def store_said(store: str) -> str:
    """A store in a sentence."""
    return f"the {store}" if store == SLOW else store


def break_even_text(found: float) -> str:
    """The hit ratio from which on the cache pays."""
    return NEVER if found > 1 else percent(found) if np.isfinite(found) else DASH


def parts_said(run: Record) -> str:
    """What a hit, a read of the store and a fill take."""
    return ", ".join(map(duration, parts(run.parameters["cache"], run.parameters["store"], run.constants)))


def break_even_said(run: Record) -> str:
    """By this run's parts."""
    return break_even_text(break_even(*parts(run.parameters["cache"], run.parameters["store"], run.constants)))


def against_model(run: Record) -> str:
    """The mean read, measured and by the model."""
    chosen = run.parameters
    expected = mean_ns(chosen["cache"], chosen["store"], chosen["hits"], run.constants)
    return f"{duration(median(run, THROUGH))}; {duration(expected)}"


def hits_said(run: Record) -> str:
    """Reads, and how many of them hit, counted by what they have filled."""
    reads, misses = run.count("reads"), run.count("misses")
    return f"{count(reads)}; {count(reads - misses)}"


ROWS = (
    (
        "mean read: through the cache; without it",
        lambda run: "; ".join(duration(median(run, each)) for each in (THROUGH, WITHOUT)),
    ),
    ("times as many reads as without", lambda run: ratio_text(found) if (found := gained(run)) else DASH),
    ("p50 of single reads through the cache", lambda run: duration(median(run, SINGLE))),
    ("T_c, T_d, T_fill", parts_said),
    ("break-even hit ratio (T_c + T_fill)/(T_d + T_fill)", break_even_said),
)
TRUST_ROWS = (
    ("mean read: measured; model", against_model),
    ("reads through the cache; of these hits", hits_said),
    ("pairs of rounds", lambda run: count(run.column(THROUGH).size)),
    ("a mean read", lambda _: "the mean of a round of reads, and of all rounds the median"),
    ("client and servers", lambda _: "on one CPU (Linux): on two, a request may take three times as long"),
    ("T_c", lambda _: "of hits among misses: these have the CPU's caches filled with what the store needs"),
    ("a single read", lambda _: "has the clock's cost in it"),
)
