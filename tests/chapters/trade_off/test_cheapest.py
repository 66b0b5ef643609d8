"""The search for the setting that meets an objective: what is said of it, before and after the last ones were measured anew."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from lever_runs import CONSTANTS
from predictions import assert_each_comment_fits
from switchboard_runs import LAST, searched

from perflab.chapters.trade_off import cheapest, cheapest_model, search
from perflab.chapters.trade_off.cheapest_model import answer_in, found_in, grid_said, leader, names, predict, target_of
from perflab.chapters.trade_off.search import MIN_ROUNDS
from perflab.chapters.trade_off.switchboard_model import SETTINGS, name_of
from perflab.measure import Frame, merge
from perflab.systems.clients.service import Answered

LAB = cheapest.lab()
PREDICTION = cheapest.PREDICTION
BEST = name_of(SETTINGS[LAST[0]])


ASKED = "95% within 50 ms, at least 500/s with 16 clients that never rest"


def test_the_answer_is_told_with_its_interval_and_what_the_best_look_had_promised() -> None:
    assert LAB.verdict_of(searched(), None).text == (
        f"Of those that meet the objective ({ASKED}) “{BEST}” has the highest capacity: 1,000/s [984–1,016], p95 20 ms. "
        f"The best look at one of the last 8 had 1,250/s, of “{BEST}”; measured anew it has 1,000/s [984–1,016]: "
        "0.800× (0.788–0.812)."
    )
    told = f"Meets the objective best: {BEST}, 1,000/s; the best look was"
    assert LAB.found(searched(), None) == f"{told} 25% too high."
    assert LAB.found(searched(promised=1.0), None) == f"{told.removesuffix(' was')} may be right."


def test_none_is_best_among_capacities_whose_intervals_overlap() -> None:
    close = searched(step=0.99)
    assert LAB.found(close, None) == f"Too close to call: {BEST} or 3 others; the best look was 25% too high."
    said = LAB.verdict_of(close, None).text
    assert f"“{BEST}” meets the objective" in said and "too close to call with 3 others." in said
    assert "highest" not in said
    labels = [cheapest_model.labelled(run) for run in (searched(), close, searched(p95_ms=80.0))]
    assert [label and label[2] for label in labels] == ["the answer", "too close to call", None]


def test_a_faster_setting_that_may_meet_the_objective_makes_the_answer_no_best() -> None:
    doubtful = searched(late={0: 0.1})
    best = answer_in(doubtful)
    assert best is not None and best.setting == LAST[1], "the one that surely meets it"
    assert LAB.found(doubtful, None).startswith(f"Too close to call: {name_of(SETTINGS[LAST[1]])} or 1 other; ")
    assert "too close to call with 1 other." in LAB.verdict_of(doubtful, None).text
    missed = searched(late={0: 0.6})
    assert LAB.found(missed, None).startswith(f"Meets the objective best: {name_of(SETTINGS[LAST[1]])}, 950/s; ")


def test_where_all_that_are_left_only_may_meet_the_objective_none_is_said_to() -> None:
    doubtful = searched(late=dict.fromkeys(range(len(LAST)), 0.1))
    assert LAB.found(doubtful, None).startswith(f"{BEST} may meet the objective; ")
    assert LAB.verdict_of(doubtful, None).text.startswith(
        f"None surely meets the objective ({ASKED}); “{BEST}” may: 1,000/s"
    )


def test_headlines_are_short_whatever_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = max(map(name_of, SETTINGS), key=len)
    monkeypatch.setattr(cheapest_model, "name", lambda _: longest)
    runs = [
        searched(promised=promised, step=step, late=dict.fromkeys(range(8), late), best=1_845)
        for promised in (1.25, 1.0, 0.8)
        for step in (0.95, 0.99)
        for late in (0.0, 0.1, 0.6)
    ]
    assert max(len(LAB.found(run, None)) for run in runs) <= 120


def test_while_some_of_the_last_ones_lack_an_interval_none_is_said_to_miss_the_objective() -> None:
    early = searched(fresh=MIN_ROUNDS)
    samples = {**early.frame.samples}
    for name in ("fresh", "fresh_per_s"):
        samples[name] = samples[name][:-1]
    partly = replace(early, frame=replace(early.frame, samples=samples))
    assert LAB.found(partly, None) == "" and "None of the last" not in LAB.verdict_of(partly, None).text
    assert PREDICTION.find(partly) is None


def test_a_setting_that_misses_the_objective_is_no_answer() -> None:
    slow = searched(p95_ms=80.0)
    assert answer_in(slow) is None and LAB.found(slow, None).startswith(
        "None of the last 8 settings meets the objective; "
    )
    assert "None of the last 8 settings meets the objective: 95% within 50 ms" in LAB.verdict_of(slow, None).text
    assert answer_in(searched(rate=1_500)) is None


def test_before_the_last_ones_were_measured_anew_nothing_is_promised() -> None:
    early = searched(fresh=0)
    assert found_in(early) == () and answer_in(early) is None and leader(early) is None
    assert LAB.verdict_of(early, None).text == (
        f"Objective: {ASKED}. 64 of 64 settings were looked at; the last 8 were not measured anew."
    )
    assert LAB.found(early, None) == "" and PREDICTION.find(early) is None
    assert LAB.table(early, None) == [("", "this run"), ("looks so far", "72")]
    assert answer_in(searched(fresh=MIN_ROUNDS - 1)) is None, "too few for an interval"
    assert LAB.table(replace(early, frame=merge([])), None) == []


def test_the_table_has_the_last_settings_the_most_requests_first() -> None:
    heading, *rows = LAB.table(searched(), None)
    assert heading[1:3] == ("best look of the search", "measured anew, 95%")
    assert rows[0] == (BEST, "1,250/s", "1,000/s [984–1,016]", "20 ms", "met") and len(rows) == len(LAST)
    assert dict(LAB.trust(searched(), None)[1:]) == {  # type: ignore[arg-type]
        "looks of the search": "72",
        "the best of the 64 first looks": f"400/s, “{name_of(SETTINGS[-1])}”; not measured anew",
        "fresh looks at each of the last settings": "10",
    }


def test_what_a_grid_would_promise_is_its_best_first_look() -> None:
    run = searched()
    per_s = run.column("searched_per_s").copy()
    per_s[LAST[2]] = 1_300.0
    grid = replace(run, frame=replace(run.frame, samples={**run.frame.samples, "searched_per_s": per_s}))
    assert grid_said(grid) == f"1,300/s, “{name_of(SETTINGS[LAST[2]])}”; anew 902/s [888–917]"
    few = replace(run, frame=replace(run.frame, samples={**run.frame.samples, "searched_per_s": per_s[:9]}))
    assert grid_said(few) == ""


@pytest.mark.parametrize(
    ("promised", "choice"), [(1.25, cheapest.FEWER), (1.0, cheapest.AS_MUCH), (0.8, cheapest.MORE)]
)
def test_the_question_is_settled_by_fresh_looks_at_the_setting_of_the_best_look(promised: float, choice: str) -> None:
    found = PREDICTION.find(searched(promised=promised))
    assert found is not None and found.choice == choice
    assert_each_comment_fits(PREDICTION, found)


def test_charts_show_the_looks_the_objective_and_the_answer() -> None:
    chart, artists = drawn(LAB.charts[0])
    chart.show_run(searched(), [searched()])
    assert len(points(artists["the search saw"])) == 72 and len(points(artists["measured anew"])) == len(LAST)
    texts = [artist.get_text() for artist in artists.values() if hasattr(artist, "get_text")]
    assert "the answer" in texts and "95% within 50 ms, at least 500/s" in texts
    chart.show_model(LAB.check({}), LAB.model(LAB.check({}), CONSTANTS))
    assert len(points(artists["model: mean, 64 settings"])) == len(SETTINGS)
    chart, artists = drawn(LAB.charts[1])
    chart.show_run(searched(), [searched()])
    assert points(artists["best look of the search"])[0] == pytest.approx((1_250, 0))
    assert points(artists["measured anew, 95%"])[0] == pytest.approx((1_000, 0))


def test_names_in_the_chart_are_short() -> None:
    assert names(searched())[0] == "waits · cache · zlib" and max(map(len, names(searched()))) < 40
    assert names(searched(fresh=0)) == [""] * len(LAST)


def test_by_the_model_all_settings_lie_on_one_curve() -> None:
    model = predict(50, 500, 16, CONSTANTS)
    assert np.array(model.per_s) * np.array(model.means_ns) == pytest.approx(16e9)
    assert target_of({"p95": 50, "rate": 500}).p95_ns == 50e6


class Scripted:
    """A service that gives 16 clients a reply each, again and again; `what waits` is twice as fast. Nothing else takes time."""

    def __init__(self) -> None:
        self.settings: list[dict[str, Any]] = []
        self.now_s = 0.0

    def set(self, **settings: Any) -> None:
        self.settings.append(settings)

    def load(self, clients: int, seconds: float) -> None: ...

    def load_in_slices(self, clients: int, seconds: float, fewest: int) -> Generator[Frame, None, Answered]:
        yield from ()
        took = np.full(60, 5_000_000 if self.settings[-1]["batch"] == "what waits" else 10_000_000)
        done_ns = np.cumsum(took) // 16
        self.now_s += done_ns[-1] / 1e9
        return Answered(done_ns, took, 10**12)


def test_the_search_measures_all_settings_and_the_last_ones_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = Scripted()
    monkeypatch.setattr(cheapest, "service", lambda *_, **__: nullcontext(scripted))
    monkeypatch.setattr(search, "perf_counter", lambda: scripted.now_s)
    monkeypatch.setattr(cheapest, "TOTAL_S", 6.0)
    frames = list(LAB.experiment(p95=50, rate=100, clients=16, seed=1))
    record = replace(searched(), frame=merge(frames))
    assert record.column("searched").size == 64 + 32 + 16
    rounds, rest = divmod(record.column("fresh").size, 8)
    assert rounds >= MIN_ROUNDS and not rest and record.column("times_ns").size == 8 * rounds * 44
    best = answer_in(replace(record, parameters={"p95": 50, "rate": 100, "clients": 16}))
    assert best is not None and "what waits" in name_of(SETTINGS[best.setting])
    assert best.per_s.value == pytest.approx(16 * 200)
