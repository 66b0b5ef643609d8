"""Which of 64 settings meets your objective with the highest capacity? A search in 12 s, and what its promise is worth."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.trade_off import cheapest_model, search
from perflab.chapters.trade_off.cheapest_model import FRESH, SEARCHED, answer_in, found_in, leader, name, target_said
from perflab.chapters.trade_off.plane import capacity_text
from perflab.chapters.trade_off.search import LAST, SHARE, Window
from perflab.chapters.trade_off.service_limits import calibrate
from perflab.chapters.trade_off.service_loads import at_once_of, warm_up
from perflab.chapters.trade_off.switchboard_model import COMMITS, SETTINGS, THREADS, settings_of
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, values_slider
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.marks import Label, Line, Note, Rule
from perflab.lab.palette import INK, MEASURED, MEASURED_POINTS, MODEL, PINNED, PINNED_POINTS, QUIET
from perflab.lab.rows import Texts, intervals_in, values_in
from perflab.lab.verdict import Row, ratio_text, trust_of, verdict_of
from perflab.measure import Frame, count, gc_paused, percentile
from perflab.systems.clients.service import Answered, Service, service

TOTAL_S, WINDOW_S = 12.0, 0.04


def experiment(p95: int, rate: int, clients: int, seed: int) -> Iterator[Frame]:
    settings = [settings_of(chosen) for chosen in SETTINGS]
    target, spent, fresh = cheapest_model.target_of({"p95": p95, "rate": rate}), search.Spent(), 0
    plan = search.looks(len(settings), target, TOTAL_S, lambda: spent.s, np.random.default_rng(seed))
    with service(clients, **settings[0]) as served:
        warm_up(served, {"everything off": settings[0], "everything on": settings[-1]}, THREADS)
        look = search.following(plan)
        while look is not None:
            window, load = yield from spent.on(look_at(served, settings[look.setting], clients))
            yield cheapest_model.frame_of(look, window, load, clients, fresh)
            fresh += look.is_fresh
            look = search.following(plan, window)


def look_at(
    served: Service, settings: Mapping[str, Any], clients: int
) -> Generator[Frame, None, tuple[Window, Answered]]:
    """A setting under load for a moment: a whole turn of what is under way at once, at least, since replies come in bunches. The
    first reply of each client is left out of the p95: it found a shorter queue.
    """
    at_once = at_once_of(settings, clients)
    served.set(**settings)
    with gc_paused(generation=0):
        load = yield from served.load_in_slices(clients, WINDOW_S, 2 * at_once)
    return Window(load.per_s(at_once), percentile(load.took_ns[clients:], SHARE)), load


ROWS = tuple(str(place + 1) for place in range(LAST))
LIMIT: dict[str, Any] = {"color": INK, "linestyle": ":", "linewidth": 1.8}
CORNER: dict[str, Any] = {"ha": "right", "color": INK, "fontsize": 11, "bbox": {"color": "white", "pad": 1}}
SMALL: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 4}
CHARTS = (
    Chart(
        "Each setting under load",
        Axis("requests/s", 40, 10_000, log=True, ticks=count_ticks),
        Axis("p95 of the response time", 3e6, 1e9, log=True, ticks=duration_ticks),
        Rule("y", setting=lambda now: 1e6 * now["p95"], **LIMIT),
        Rule("x", setting=lambda now: now["rate"], **LIMIT),
        Note(0.98, 0.88, run=lambda run: cheapest_model.target_named(run.parameters), **CORNER),
        Note(0.98, 0.06, setting=lambda _: "meets the objective", **CORNER),
        Line("model: mean, 64 settings", model=lambda m: (m.per_s, m.means_ns), color=MODEL, **SMALL),
        Line("the search saw", run=cheapest_model.looks_seen, color=PINNED, alpha=0.5, **SMALL),
        Line("measured anew", run=lambda run: cheapest_model.points(run), **MEASURED_POINTS),
        Label(run=cheapest_model.labelled, color=MEASURED),
        columns=3,
        empty="Each look at a setting will appear here.",
    ),
    Chart(
        f"The last {LAST} settings: promised, and measured anew",
        Axis(
            "requests/s",
            0,
            500,
            ticks=count_ticks,
            ends=(500, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000),
            run_reach=cheapest_model.reach,
        ),
        Axis("", LAST - 0.5, -0.7, ticks=dict(enumerate(ROWS)), grid=False),
        Line("best look of the search", run=cheapest_model.promised, **{**PINNED_POINTS, "markersize": 7}),
        Line(run=lambda run: intervals_in(ROWS, cheapest_model.fresh_rows(run)), color=MEASURED, linewidth=2),
        Line("measured anew, 95%", run=lambda run: values_in(ROWS, cheapest_model.fresh_rows(run)), **MEASURED_POINTS),
        Texts(LAST, x=0.01, above=0.42, ha="left", run=cheapest_model.names, color=QUIET),
        columns=2,
        empty="Promises, and what they are worth, will appear here.",
    ),
)


def say(record: Record) -> str:
    """The answer with its interval, what the search had promised, and whether the objective is met."""
    objective, best, first = target_said(record.parameters), answer_in(record), leader(record)
    if first is None:
        looked = f"{len(np.unique(record.column(SEARCHED)))} of {len(SETTINGS)} settings were looked at"
        return f"Objective: {objective}. {looked}; the last {LAST} were not measured anew."
    curse = f"The best look at one of the last {LAST} had {count(first[0].best_window)}/s, of “{name(first[0])}”; "
    curse += f"measured anew it has {capacity_text(first[0].per_s)}: {ratio_text(first[1])}."
    if best is None:
        return f"None of the last {LAST} settings meets the objective: {objective}. {curse}"
    return f"{cheapest_model.answer_told(record, best)} {curse}"


def finding(record: Record, pinned: Record | None) -> str | None:
    """The answer, and what the best window of the search was worth."""
    first = leader(record)
    return first and f"{cheapest_model.answer_said(record)}; {cheapest_model.curse_said(first[1])}"


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    what = f"{chosen['clients']} clients without a rest, {THREADS} threads, {COMMITS} commits a request. "
    return f"{what}{len(SETTINGS)} settings, the better half again, and so on; the last {LAST} anew, in turns."


def table(record: Record, pinned: Record | None) -> list[Row]:
    """The last settings; before that, how far the search is."""
    heading: Row = ("setting", "best look of the search", "measured anew, 95%", "p95", "objective")
    rows = [cheapest_model.row(each) for each in found_in(record)]
    if not record.column(SEARCHED).size:
        return []
    return [heading, *rows] if rows else [("", "this run"), ("looks so far", count(record.column(SEARCHED).size))]


TRUST = trust_of(
    ("looks of the search", lambda run: count(run.column(SEARCHED).size)),
    (f"the best of the {len(SETTINGS)} first looks", cheapest_model.grid_said),
    ("fresh looks at each of the last settings", lambda run: count(run.column(FRESH).size / LAST)),
    needs=SEARCHED,
)
AS_MUCH, FEWER, MORE = "as many, within chance", "fewer", "more"


def what_the_promise_was_worth(record: Record) -> Outcome | None:
    """The best look of the search beside fresh looks at the same setting."""
    if (first := leader(record)) is None:
        return None
    setting, ratio = first
    told = f"{count(setting.best_window)}/s in its best look, measured anew {capacity_text(setting.per_s)}: {ratio_text(ratio)}"
    return Outcome(FEWER if ratio.high < 1 else MORE if ratio.low > 1 else AS_MUCH, told)


PREDICTION = Prediction(
    question="A search looks at 64 settings for a moment each, drops the worse half, looks again, and so on. Take the best "
    "number that it saw of the last 8 settings, and measure that setting anew. How many requests/s?",
    choices={
        AS_MUCH: Answer(
            "Each look is right on average. But the best of many looks was not drawn at random: luck helped to choose it.",
            "Here the best look lies within what fresh looks at the same setting tell.",
        ),
        FEWER: Answer(
            "Here fresh looks cannot tell the best look from the usual: luck chose less than they scatter.",
            "The best of many noisy numbers was partly lucky: the winner's curse. So only fresh numbers are an answer.",
        ),
        MORE: Answer(
            "Nothing in the search makes its numbers too small on average, and luck chose the largest.",
            "The machine has become quicker since: something else used it during the search.",
        ),
    },
    runs=({},),
    find=what_the_promise_was_worth,
)


def lab() -> Lab:
    return Lab(
        question="Which setting meets your objective with the highest capacity?",
        experiment=experiment,
        calibrate=calibrate,
        predict=cheapest_model.predict,
        controls={
            "p95": values_slider((10, 20, 30, 50, 100, 200), 100, unit="ms", label="wanted p95"),
            "rate": values_slider((100, 200, 500, 800, 1_000, 1_500), 500, unit="requests/s", label="wanted rate"),
            "clients": values_slider((8, 16, 32), 16, unit="clients"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, needs=SEARCHED),
        table=table,
        trust=TRUST,
        finding=finding,
        scenario=scenario,
        budget_s=30.0,
    )
