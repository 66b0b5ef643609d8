"""A search among the settings of the service: what it has seen, what came out, and what the model expects of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from perflab.chapters.trade_off.plane import capacity_text
from perflab.chapters.trade_off.search import LAST, Finalist, Look, Seen, Target, Window, answer, finalists
from perflab.chapters.trade_off.switchboard_model import SETTINGS, limits_of, mean_ns, name_of
from perflab.lab import Record
from perflab.lab.verdict import Row
from perflab.measure import Estimate, Frame, Ratio, count, duration, percent
from perflab.systems.clients.service import Answered
from perflab.systems.machine.storage import durability_caveat

SEARCHED, FRESH = "searched", "fresh"
COLUMNS = (SEARCHED, "searched_per_s", FRESH, "fresh_per_s", "times_ns", "windows")


def target_of(chosen: Mapping[str, Any]) -> Target:
    """The objective that the controls set."""
    return Target(1e6 * chosen["p95"], chosen["rate"])


def target_said(chosen: Mapping[str, Any]) -> str:
    """The objective in words."""
    return f"95% within {chosen['p95']} ms at {count(chosen['rate'])} requests/s"


def frame_of(look: Look, window: Window, load: Answered, clients: int, number: int) -> Frame:
    """What a look brings; of a fresh one, whose number among these is given, also the times, without the first of each client."""
    if not look.is_fresh:
        columns = {SEARCHED: [look.setting], "searched_per_s": [window.per_s], "searched_p95_ns": [window.p95_ns]}
    else:
        times = load.took_ns[clients:]
        columns = {FRESH: [look.setting], "fresh_per_s": [window.per_s], "times_ns": times}
        columns["windows"] = np.full(times.size, number)
    arrays = {name: np.array(column, float) for name, column in columns.items()}
    return Frame(arrays, {"calls": load.took_ns.size}, {"caveat": durability_caveat() or ""})


@lru_cache(maxsize=8)
def found_in(run: Record) -> tuple[Finalist, ...]:
    """The last settings of a run, the most requests per second first; none before the search is over."""
    seen = Seen(*(run.column(name) for name in COLUMNS))
    return tuple(finalists(seen, target_of(run.parameters)))


def answer_in(run: Record) -> Finalist | None:
    """The setting that the run recommends; None where no setting meets the objective, or too few fresh looks were taken."""
    found = found_in(run)
    return answer(found) if found and all(each.per_s.has_interval for each in found) else None


def name(found: Finalist) -> str:
    """Its setting in words."""
    return name_of(SETTINGS[found.setting])


SHORT = {"batches of ": "", "what waits": "waits", "compression": "zlib", " + ": " · "}


def names(run: Record) -> list[str]:
    """The last settings in few letters, in their rows."""
    found = [name(each) for each in found_in(run)]
    for long, short in SHORT.items():
        found = [each.replace(long, short) for each in found]
    return found + [""] * (LAST - len(found))


def leader(run: Record) -> tuple[Finalist, Ratio] | None:
    """The setting of the best window that the search saw, of the last ones; and how many times that the fresh looks found."""
    found = [each for each in found_in(run) if each.per_s.has_interval]
    if not found:
        return None
    first = max(found, key=lambda each: each.best_window)
    value, low, high = (end / first.best_window for end in (first.per_s.value, first.per_s.low, first.per_s.high))
    return first, Ratio(value, low, high)


def curse_said(ratio: Ratio) -> str:
    """What the best look of the search was worth."""
    if ratio.low <= 1 <= ratio.high:
        return "The best single look was right."
    return (
        f"The best single look had promised {percent(abs(1 / ratio.value - 1))} {'more' if ratio.high < 1 else 'less'}."
    )


def looks_seen(run: Record) -> Any:
    """What the search saw: requests per second and p95 of each look."""
    return run.column("searched_per_s"), run.column("searched_p95_ns")


def points(run: Record) -> Any:
    """The last settings: requests per second and p95, measured anew."""
    return [each.per_s.value for each in found_in(run)], [each.p95_ns for each in found_in(run)]


def labelled(run: Record) -> Any:
    """The answer's place and name."""
    best = answer_in(run)
    return None if best is None else (best.per_s.value, best.p95_ns, "the answer")


def promised(run: Record) -> Any:
    """The best windows that the search saw of the last settings, in their rows."""
    return [each.best_window for each in found_in(run)], list(range(len(found_in(run))))


def fresh_rows(run: Record) -> dict[str, Estimate]:
    """What fresh looks found, row by row."""
    return {str(place + 1): each.per_s for place, each in enumerate(found_in(run))}


def reach(run: Record) -> float:
    """What the axis has to hold."""
    return max((max(each.best_window, each.per_s.value) for each in found_in(run)), default=np.nan)


def row(found: Finalist) -> Row:
    """A last setting in the table."""
    fresh, objective = (capacity_text(found.per_s), duration(found.p95_ns)), meets_said(found)
    return name(found), f"{count(found.best_window)}/s", *fresh, objective


def meets_said(found: Finalist) -> str:
    """What the fresh looks say of the objective."""
    return {True: "met", False: "missed", None: "too close to call"}[found.meets]


@dataclass(frozen=True)
class Expected:
    """Requests per second of all settings by the model, and their mean response times (ns)."""

    per_s: list[float]
    means_ns: list[float]


def predict(p95: int, rate: int, clients: int, constants: Mapping[str, Any]) -> Expected:
    """A closed loop: R = N / X, so that all settings lie on one curve."""
    means = [mean_ns(limits_of(chosen, constants, clients), clients) for chosen in SETTINGS]
    return Expected([1e9 * clients / mean for mean in means], means)
