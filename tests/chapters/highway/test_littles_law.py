"""Little's law holds to the last digit over a closed window, and not over one that is cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from labs import measure
from replays import agrees
from turns import side_by_side

from perflab.chapters.highway import littles_law, littles_law_model
from perflab.chapters.highway.littles_law import difference
from perflab.chapters.load import NOT_SHOWN, Load
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.units import duration, number, percent
from perflab.theory.queues import mmc
from perflab.theory.simulate import simulate

START = {"rate": 100, "trip": 50, "workers": 10, "window": 3.0}


def axes_of(artists: dict[str, Any]) -> Any:
    return artists["inside"].axes


def simulated(seed: int = 1, inside: int = 0, late_ns: int = 10_000, **changes: Any) -> Record:
    chosen = {**START, **changes}
    generator = np.random.default_rng(seed)
    came = np.sort(generator.uniform(0, 2, 200))
    run = simulate(came, generator.exponential(chosen["trip"] / 1e3, 200), chosen["workers"])
    order = np.argsort(run.departures)
    samples = {
        "arrived_s": came,
        "completed_s": run.departures[order],
        "latency_ns": (run.departures - came)[order] * 1e9,
        "lateness_ns": np.full(200, late_ns),
    }
    return Record("littles_law", chosen, 1, "", Frame(samples, {"calls": 200}, {"elapsed_s": 3.0, "in_flight": inside}))


@pytest.mark.parametrize("workers", [1, 2, 10])
def test_over_the_closed_window_both_sides_are_the_same(workers: int) -> None:
    record = simulated(workers=workers)
    assert difference(record) < 1e-9
    assert littles_law.lab().verdict(record, None).kind == "clear"


def test_a_cut_window_is_off_and_the_shorter_the_more() -> None:
    gaps = [
        np.mean([difference(simulated(seed, window=window, trip=200)) for seed in range(30)]) for window in (0.5, 2.0)
    ]
    assert gaps[0] > 1.5 * gaps[1] > 1e-3
    assert "the window cuts" in littles_law.lab().verdict(simulated(window=0.5), None).text


def test_a_late_generator_gives_no_time_inside() -> None:
    late = simulated(late_ns=10**8)
    assert "too slow" in littles_law.lab().verdict(late, None).text
    assert dict(row[:2] for row in littles_law.TABLE(late, None))["W, mean time inside"] == NOT_SHOWN
    assert "9.0 ms too late" in littles_law.lab().verdict(simulated(late_ns=9_000_000), None).text


def test_a_window_that_ends_empty_cuts_nothing() -> None:
    samples = {"arrived_s": [0.01, 0.03, 0.2], "completed_s": [0.04, 0.06, 0.3], "latency_ns": [3e7, 3e7, 1e8]}
    chosen = {**START, "window": 0.1}
    record = Record(
        "littles_law", chosen, 1, "", Frame({n: np.array(x) for n, x in samples.items()}, {}, {"elapsed_s": 3.0})
    )
    said = littles_law.lab().verdict(record, None).text
    assert "L = 0.6. No request was inside when the window ended" in said and "apart" not in said


def flooded(seed: int = 1) -> Record:
    """200 requests/s of 200 ms and one worker: hardly any has left when the run ends, and the client knows only of those."""
    generator = np.random.default_rng(seed)
    came = np.sort(generator.uniform(0, 2, 400))
    run = simulate(came, generator.exponential(0.2, 400))
    left = run.departures <= 3.0
    samples = {
        "arrived_s": came,
        "completed_s": run.departures[left],
        "latency_ns": (run.departures - came)[left] * 1e9,
    }
    chosen = {**START, "rate": 200, "trip": 200, "workers": 1}
    facts = {"elapsed_s": 3.0, "in_flight": int((~left).sum())}
    return Record("littles_law", chosen, 1, "", Frame(samples, {"calls": int(left.sum())}, facts))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_requests_that_never_leave_are_inside_until_the_end(seed: int) -> None:
    record = flooded(seed)
    found = littles_law.both_sides(record)
    moments = np.linspace(0, 3, 300_001)
    came, left = (np.searchsorted(record.column(name), moments) for name in ("arrived_s", "completed_s"))
    assert found.inside == pytest.approx((came - left).mean(), rel=1e-3)
    assert found.inside > 200, "not only requests that got out"
    assert found.rate == pytest.approx(400 / 3)
    verdict = littles_law.lab().verdict(record, None)
    assert "never left" in verdict.text and verdict.kind != "clear"


@pytest.mark.parametrize("count", ["failures", "not_sent"])
def test_requests_that_failed_or_were_not_sent_have_not_left_either(count: str) -> None:
    record = simulated()
    record.frame.counts[count] = 2  # type: ignore[index]
    assert littles_law.never_left(record) == 2
    assert "2 requests never left" in littles_law.lab().verdict(record, None).text


@pytest.mark.clock
def test_on_a_real_server_the_law_holds_to_a_billionth_and_its_queue_is_replayed() -> None:
    frame = measure(littles_law.lab(), 5.0, rate=100)
    record = Record("littles_law", START, 1, "", frame, 3.0, "complete")
    assert record.fact("in_flight") == 0
    assert difference(record) < 1e-9
    assert agrees(Load(record).replay(START["workers"]), record)  # type: ignore[arg-type]
    rows = dict(row[:2] for row in littles_law.lab().trust(record, None))
    assert "apart" in rows["queue replayed, mean"]
    due_per_s = float(rows["due; sent per second"].split(";")[0])
    assert due_per_s == pytest.approx(record.column("arrived_s").size / littles_law.ASKED_S, abs=0.5)


def test_requests_that_never_left_are_said() -> None:
    assert "3 requests never left" in littles_law.lab().verdict(simulated(inside=3), None).text


def test_the_model_is_lambda_times_w_and_silent_where_the_queue_grows() -> None:
    assert littles_law.predict(**START) == pytest.approx(100 * mmc(100, 0.05, 10).response)
    assert np.isnan(littles_law.predict(**{**START, "workers": 1}))


def test_the_click_settles_the_prediction_with_the_number_that_was_counted() -> None:
    assert littles_law.PREDICTION.runs == (START,)
    found = littles_law.how_many(simulated())
    assert found is not None and found.choice == "about 5"
    assert found.measured.startswith(f"{littles_law.both_sides(simulated()).inside:.2f} on average")
    for answer in (*littles_law.PREDICTION.choices, None):
        assert "L = λW = 100/s" in littles_law.PREDICTION.comment(answer, found)


def test_a_run_that_some_requests_never_left_or_in_which_they_stayed_much_longer_settles_nothing() -> None:
    assert littles_law.how_many(simulated(inside=3)) is None
    assert littles_law.how_many(simulated(trip=200)) is None
    assert littles_law.how_many(Record("littles_law", START, 1, "")) is None


def test_what_cannot_be_is_named() -> None:
    for choice, answer in littles_law.PREDICTION.choices.items():
        assert bool(answer.reason) == (choice == "about 5")
        assert choice == "about 5" or any(word in answer.misconception for word in ("cannot", "would"))


def test_without_a_departure_there_is_nothing_to_count() -> None:
    empty = Record("littles_law", START, 1, "")
    assert littles_law.lab().verdict(empty, None).kind == "invalid"
    assert littles_law.TABLE(empty, None) == []
    assert np.isnan(difference(empty))


def test_the_number_inside_is_drawn_with_its_mean_up_to_the_end_of_the_window() -> None:
    chart, artists = drawn(littles_law.CHARTS[0])
    chart.show_model(START, 5.0)
    assert artists["model, λW"].get_ydata()[0] == 5
    assert artists["end of the window"].get_xdata()[0] == 3.0
    assert artists["all workers busy"].get_ydata()[0] == 10
    assert axes_of(artists).get_ylim() == (0, 20), "the first end that holds 2.5 times the model"
    run = simulated(window=0.5)
    chart.show_run(run)
    steps = points(artists["inside"])
    assert len(steps) == 400 and steps[-1][1] == 0
    mean = littles_law.both_sides(run).inside
    assert points(artists["L: mean in the window"]) == [(0, mean), (0.5, mean)]
    crowd = flooded()
    chart.show_run(crowd)
    assert axes_of(artists).get_ylim()[1] >= littles_law.most_inside(crowd) > 100


def test_both_sides_are_drawn_and_runs_before_stay() -> None:
    chart, artists = drawn(littles_law.CHARTS[1])
    old, run = (
        replace(simulated(window=window), status=status) for window, status in ((0.5, "complete"), (3.0, "running"))
    )  # type: ignore[arg-type]
    chart.show_run(run, (old, run))
    assert points(artists["this run"]) == [littles_law.sides(run)]
    assert points(artists["before"]) == [littles_law.sides(old)]
    chart.show_run(None)
    assert points(artists["this run"]) == points(artists["before"]) == []


def test_the_headline_is_the_number_inside_and_that_it_is_the_other_side() -> None:
    lab, record = littles_law.lab(), simulated()
    found = littles_law.both_sides(record)
    stays = f"{number(found.rate, 3)} arrive per second and stay for {duration(found.time_inside * 1e9)}"
    assert lab.found(record, None) == f"On average {number(found.inside, 3)} requests are inside, which is λW: {stays}."
    assert littles_law_model.finding(Record("littles_law", START, 1, ""), None) is None


def test_where_the_sides_differ_the_headline_says_why() -> None:
    cut = littles_law.lab().found(simulated(window=0.5, trip=200), None)
    assert cut.startswith("In the first 0.5 s, L is ") and cut.endswith(
        ": the end of the window cuts through requests."
    )
    crowd = littles_law.lab().found(flooded(), None)
    assert "requests never left, so L = λW does not apply: L is " in crowd
    odd = simulated()
    odd.frame.samples["completed_s"][:] += 1e-3 * np.arange(200) / 200  # type: ignore[index]
    assert littles_law.lab().found(odd, None) == "" or difference(odd) < littles_law.EXACT
    for said in (cut, crowd, littles_law.lab().found(simulated(inside=100_000), None)):
        assert len(said) <= 120


def test_beside_another_window_the_headline_is_by_how_much_the_sides_differ_in_each() -> None:
    whole, cut = simulated(trip=200), simulated(trip=200, window=0.5)
    said = f"Over 0.5 s, L and λW differ by {percent(difference(cut))}; over 3 s, they are equal."
    assert littles_law.lab().found(*side_by_side(cut, whole)) == said == littles_law_model.finding(whole, cut)


def test_beside_another_load_the_headline_is_what_became_of_the_number_inside() -> None:
    few, many = simulated(), simulated(trip=20)
    inside = [number(littles_law.both_sides(run).inside, 3) for run in (many, few)]
    assert littles_law_model.finding(many, few) == (
        f"With 20 ms per request instead of 50, the number inside, L = λW, is {inside[0]} instead of {inside[1]} on average."
    )
    crowd = simulated(rate=50, inside=3)
    for other in (few, crowd, simulated(trip=20, workers=2), Record("littles_law", {**START, "rate": 10}, 1, "")):
        assert littles_law_model.finding(few, other) == littles_law_model.finding(few, None)


def test_what_is_done_is_said() -> None:
    assert littles_law_model.scenario(START) == (
        "For 2 s, 100 requests per second arrive at random at 10 threads; each takes 50 ms on average. They are counted until "
        "the last one has left."
    )
    short = littles_law_model.scenario({**START, "workers": 1, "window": 0.5})
    assert "at one thread;" in short and short.endswith("They are counted for 0.5 s.")


def test_the_line_that_gives_the_answer_away_is_not_drawn_before_the_question_is_answered() -> None:
    chart, artists = drawn(littles_law.CHARTS[1])
    chart.show_setting(START)
    assert points(artists["L = λW"]) == []
    chart.show_model(START, 5.0)
    assert points(artists["L = λW"]) == [pytest.approx((end, end)) for end in littles_law.ENDS]
