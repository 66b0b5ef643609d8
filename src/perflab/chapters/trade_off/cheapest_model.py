"""A search among the settings of the service: what it has seen, what came out, and what the model expects of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from perflab.chapters.trade_off.plane import capacity_text
from perflab.chapters.trade_off.search import LAST, Finalist, Look, Seen, Target, Window, answer, finalists, rivals
from perflab.chapters.trade_off.switchboard_model import SETTINGS, limits_of, mean_ns, name_of
from perflab.lab import Record
from perflab.lab.verdict import Row
from perflab.measure import Estimate, Frame, Ratio, count, duration, percent
from perflab.measure.compare import TOO_CLOSE
from perflab.systems.clients.service import Answered
from perflab.systems.machine.storage import durability_caveat

SEARCHED, FRESH = "searched", "fresh"
COLUMNS = (SEARCHED, "searched_per_s", FRESH, "fresh_per_s", "times_ns", "windows")


def target_of(chosen: Mapping[str, Any]) -> Target:
    """The objective that the controls set."""
    return Target(1e6 * chosen["p95"], chosen["rate"])


def target_said(chosen: Mapping[str, Any]) -> str:
    """The objective in words, and of whom it is asked."""
    return f"{target_named(chosen)} with {chosen['clients']} clients that never rest"


def target_named(chosen: Mapping[str, Any]) -> str:
    """The objective in few words."""
    return f"95% within {chosen['p95']} ms, at least {count(chosen['rate'])}/s"


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


def told_in(run: Record) -> tuple[Finalist, ...]:
    """The same, once enough fresh looks were taken at each of them for its interval; before that none."""
    found = found_in(run)
    return found if all(each.per_s.has_interval for each in found) else ()


def answer_in(run: Record) -> Finalist | None:
    """The setting that the run recommends; None where no setting meets the objective, or too few fresh looks were taken."""
    return answer(told_in(run))


def answer_said(run: Record) -> str:
    """The headline's first half: the best of those that meet the objective, or which are too close to call."""
    best = answer_in(run)
    if best is None:
        return f"None of the last {LAST} settings meets the objective"
    others = len(rivals(told_in(run), best))
    more = f" or {others} other{'s' * (others > 1)}" if others else ""
    if not best.meets:
        return f"{name(best)}{more} may meet the objective"
    if others:
        return f"Too close to call: {name(best)}{more}"
    return f"Meets the objective best: {name(best)}, {count(best.per_s.value)}/s"


def answer_told(run: Record, best: Finalist) -> str:
    """The answer with its numbers, whether it meets the objective, and how many others may do as much."""
    objective, others = target_said(run.parameters), len(rivals(told_in(run), best))
    numbers = f"{capacity_text(best.per_s)}, p95 {duration(best.p95_ns)}"
    if not best.meets:
        told = f"None surely meets the objective ({objective}); “{name(best)}” may: {numbers}"
    elif others:
        told = f"“{name(best)}” meets the objective ({objective}): {numbers}"
    else:
        told = f"Of those that meet the objective ({objective}) “{name(best)}” has the highest capacity: {numbers}"
    return (
        f"{told}. Its capacity is too close to call with {others} other{'s' * (others > 1)}." if others else f"{told}."
    )


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
    if not (found := told_in(run)):
        return None
    first = max(found, key=lambda each: each.best_window)
    value, low, high = (end / first.best_window for end in (first.per_s.value, first.per_s.low, first.per_s.high))
    return first, Ratio(value, low, high)


def curse_said(ratio: Ratio) -> str:
    """The headline's second half: what the best look of the search was worth."""
    if ratio.low <= 1 <= ratio.high:
        return "the best look may be right."
    return f"the best look was {percent(abs(1 / ratio.value - 1))} too {'high' if ratio.high < 1 else 'low'}."


def grid_said(run: Record) -> str:
    """What a grid would have told after its one look at each setting: the highest number, and what that setting has anew."""
    settings, per_s = (run.column(each)[: len(SETTINGS)] for each in (SEARCHED, "searched_per_s"))
    if per_s.size < len(SETTINGS) or not np.isfinite(per_s).any():
        return ""
    place = int(np.nanargmax(per_s))
    anew = {each.setting: capacity_text(each.per_s) for each in told_in(run)}.get(int(settings[place]))
    told = f"{count(per_s[place])}/s, “{name_of(SETTINGS[int(settings[place])])}”"
    return f"{told}; anew {anew}" if anew else f"{told}; not measured anew"


def looks_seen(run: Record) -> Any:
    """What the search saw: requests per second and p95 of each look."""
    return run.column("searched_per_s"), run.column("searched_p95_ns")


def points(run: Record) -> Any:
    """The last settings: requests per second and p95, measured anew."""
    return [each.per_s.value for each in found_in(run)], [each.p95_ns for each in found_in(run)]


def labelled(run: Record) -> Any:
    """The answer's place, and whether it is the only one."""
    if (best := answer_in(run)) is None:
        return None
    is_sure = best.meets and not rivals(told_in(run), best)
    return best.per_s.value, best.p95_ns, "the answer" if is_sure else TOO_CLOSE


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
    return {True: "met", False: "missed", None: TOO_CLOSE}[found.meets]


@dataclass(frozen=True)
class Expected:
    """Requests per second of all settings by the model, and their mean response times (ns)."""

    per_s: list[float]
    means_ns: list[float]


def predict(p95: int, rate: int, clients: int, constants: Mapping[str, Any]) -> Expected:
    """A closed loop: R = N / X, so that all settings lie on one curve."""
    means = [mean_ns(limits_of(chosen, constants, clients), clients) for chosen in SETTINGS]
    return Expected([1e9 * clients / mean for mean in means], means)
