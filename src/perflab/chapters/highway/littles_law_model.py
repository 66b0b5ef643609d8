"""Both sides of L = λW in the window of a run, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from perflab.chapters import load
from perflab.chapters.changes import only_change
from perflab.chapters.findings import against, change_said
from perflab.lab import Record
from perflab.measure import duration, number, percent, things
from perflab.theory.littles_law import Flow, inside_over_time, observe

ASKED_S, WHOLE_S, EXACT = 2.0, 3.0, 1e-9


def both_sides(run: Record) -> Flow:
    """L, λ and W in the window, each for itself: the number inside integrated, arrivals counted, times averaged; NaN before.

    A window that is cut, by the slider or because some requests are still inside when the run ends, knows only the times of
    those that arrived and left in it; the others count as inside until its end.
    """
    elapsed_s, latencies_s = load.Load(run).elapsed_s, load.Load(run).response / 1e9
    whole = run.parameters["window"] >= WHOLE_S
    window_s = elapsed_s if whole else run.parameters["window"]
    arrived, left = run.column("arrived_s"), run.column("completed_s")
    within = left <= window_s
    if not within.any() or elapsed_s < window_s:
        return Flow(np.nan, np.nan, np.nan)
    if whole and not never_left(run):
        return observe(left - latencies_s, left)
    inside = float(inside_over_time(arrived, left, [0.0, window_s])[0])
    return Flow(inside, float((arrived <= window_s).sum()) / window_s, float(latencies_s[within].mean()))


def never_left(run: Record) -> int:
    """How many requests arrived and were not answered: still inside, failed, or not even sent."""
    return load.Load(run).in_flight + run.count("failures") + run.count("not_sent")


def sides(run: Record) -> tuple[float, float]:
    """λW and L."""
    found = both_sides(run)
    return found.rate * found.time_inside, found.inside


def difference(run: Record) -> float:
    """By what share of λW they differ."""
    product, inside = sides(run)
    return abs(inside / product - 1)


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    threads = f"{chosen['workers']} threads" if chosen["workers"] > 1 else "one thread"
    when = "until the last one has left" if chosen["window"] >= WHOLE_S else f"for {chosen['window']:g} s"
    return (
        f"For {ASKED_S:g} s, {chosen['rate']} requests per second arrive at random at {threads}; each takes {chosen['trip']} ms "
        f"on average. They are counted {when}."
    )


CHANGES = {
    "rate": "With {} requests/s instead of {}",
    "trip": "With {} ms per request instead of {}",
    "workers": "With {} thread{s} instead of {}",
}


def finding(run: Record, pinned: Record | None) -> str | None:
    """Whether both sides are equal, and if not, why; beside another run, what became of L, or of the difference."""
    apart = difference(run)
    if np.isnan(apart):
        return None
    changed = only_change(run, pinned)
    if pinned is not None and changed and not np.isnan(difference(pinned)):
        if changed == "window":
            less, more = sorted((pinned, run), key=lambda each: float(each.parameters["window"]))
            long, longer = (f"{each.parameters['window']:g} s" for each in (less, more))
            return f"Over {long}, L and λW {apart_said(less)}; over {longer}, they {apart_said(more)}."
        if max(apart, difference(pinned)) < EXACT and not never_left(run) and not never_left(pinned):
            said = change_said(changed, run, pinned, CHANGES)
            inside = against(*(number(both_sides(each).inside, 3) for each in (run, pinned)))
            return f"{said}, the number inside, L = λW, is {inside} on average."
    return of_one(run, apart)


def of_one(run: Record, apart: float) -> str | None:
    """Whether both sides of a run are equal, and if not, why."""
    found, missing = both_sides(run), never_left(run)
    product, inside = (number(side, 3) for side in sides(run))
    if run.parameters["window"] < WHOLE_S and apart >= EXACT:
        cut = f"In the first {run.parameters['window']:g} s, L is {inside} and λW is {product}"
        return f"{cut}: the end of the window cuts through requests."
    if missing:
        return f"{things(missing, 'request')} never left, so L = λW does not apply: L is {inside}, λW is {product}."
    if apart >= EXACT:
        return None
    stays = f"{number(found.rate, 3)} arrive per second and stay for {duration(found.time_inside * 1e9)}"
    return f"On average {inside} requests are inside, which is λW: {stays}."


def apart_said(run: Record) -> str:
    """By how much both sides of a run differ."""
    apart = difference(run)
    return "are equal" if apart < EXACT else f"differ by {percent(apart)}"
