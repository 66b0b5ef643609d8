"""The API with a cache."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied
from labs import measure
from relations import two_of_three
from turns import side_by_side

from perflab.chapters import load
from perflab.chapters.where_latency_comes_from import api_cache, api_cache_model
from perflab.lab import Chart
from perflab.lab.picture import Picture
from perflab.lab.prediction import Outcome
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.theory.ttl import hit_ratio_of_window, zipf

START = {"ttl": 0.5, "keys": 50, "database": 5, "rate": 100}
CONSTANTS = {
    "hit inside": 5e4,
    "hit outside": 4.5e5,
    "page inside": 5e4,
    "miss inside": 4.05e6,
    "logic inside": 4.05e6,
}


def expected(**changes: Any) -> api_cache_model.Expected:
    return api_cache_model.predict(**{**START, **changes}, constants=CONSTANTS)


def record(frame: Frame, **changes: Any) -> Record:
    return Record("api_cache", {**START, **changes}, 1, "", frame, 2.0, "complete")


def run(hits: int, misses: int, still_waiting: int = 0, held_ns: float = 1e6) -> Frame:
    size = hits + misses
    samples = {"latency_ns": np.full(size, 1e6), "at_s": np.arange(size) / 100, "hit": np.arange(size) < hits}
    samples |= {"arrived_s": np.linspace(0, 2, size + still_waiting), "completed_s": np.linspace(0, 2, size)}
    samples |= {"started_ns": np.zeros(size), "done_ns": np.full(size, held_ns)}
    return Frame(samples, {"calls": size}, {"elapsed_s": 2.0, "in_flight": still_waiting})


def test_without_a_time_to_live_every_read_goes_to_the_database() -> None:
    model = expected(ttl=0)
    assert model.steady == model.ratio_so_far[-1] == 0
    assert model.mean > model.miss


def test_one_key_follows_the_formula_and_a_run_that_begins_empty_stays_below_it() -> None:
    model = expected(keys=1, ttl=0.1, rate=50)
    assert model.steady == pytest.approx(50 * 0.1 / (1 + 50 * 0.1))
    assert model.ratio_so_far[-1] <= model.steady + 0.01


def test_more_than_the_thread_can_do_has_the_mean_of_those_answered_in_time() -> None:
    model = expected(ttl=0, rate=400)
    # Constant services of 5.55 ms, one arrival every 2.5 ms: the n-th waits for n times the difference, up to the end.
    assert model.mean == pytest.approx(2e9 * (1 - 2.5 / 5.55) / 2, rel=0.05)


@pytest.mark.parametrize(("ttl", "rate"), [(0, 50), (0, 200), (0.05, 400), (0.5, 100), (5, 400)])
def test_the_mean_is_that_of_the_same_run_simulated_with_other_requests(ttl: float, rate: int) -> None:
    hit, miss, keys = 0.0005, 0.0045, 20
    popularity, found = zipf(keys, 0.8), []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        arrivals = np.sort(generator.uniform(0, 2, generator.poisson(2 * rate)))
        asked = generator.choice(keys, arrivals.size, p=popularity)
        filled, free, responses = dict.fromkeys(range(keys), -np.inf), 0.0, []
        for arrived, key in zip(arrivals, asked, strict=True):
            start = max(arrived, free)
            missed = start - filled[key] >= ttl
            free = start + (miss if missed else hit)
            if missed:
                filled[key] = start + miss - hit
            responses += [free - arrived] if free <= 2 else []
        found.append((sum(responses), len(responses)))
    sums, sizes = np.array(found).T
    again = sums.sum() / sizes.sum()
    band = 4 * np.std(sums - again * sizes) * np.sqrt(sizes.size) / sizes.sum()
    mean = api_cache_model.answered_in_run(ttl, keys, 0.8, rate, hit, miss).mean
    assert mean == pytest.approx(again, abs=band + 0.08 * again)


def test_where_only_the_first_are_answered_the_hit_ratio_is_theirs() -> None:
    busy, saturated = expected(ttl=0.5, database=1, rate=400), expected(ttl=0.05, database=20, rate=400)
    assert busy.utilisation < 1 < saturated.utilisation
    assert busy.ratio_so_far[-1] == pytest.approx(hit_ratio_of_window(400, zipf(50, 0.8), 0.5, 2.0))
    assert saturated.ratio_so_far[-1] < 0.7 * hit_ratio_of_window(400, zipf(50, 0.8), 0.05, 2.0)


def test_the_simulated_hit_ratio_is_that_of_the_renewals_where_all_are_answered() -> None:
    windows = (0.2, 0.5, 2.0)
    found = api_cache_model.answered_in_run(0.5, 50, 0.8, 100, 1e-6, 2e-6).ratios(windows)
    assert found == pytest.approx([hit_ratio_of_window(100, zipf(50, 0.8), 0.5, each) for each in windows], abs=0.03)


def test_a_run_in_which_nothing_can_be_answered_has_no_mean() -> None:
    assert np.isnan(api_cache_model.answered_in_run(0, 1, 0, 10, 0.0, 3.0).mean)


@pytest.mark.clock
def test_a_real_cache_hits_as_often_as_predicted_and_hits_are_quicker() -> None:
    def look() -> tuple[float, float]:
        frame = measure(api_cache.lab(), 2.5, ttl=0.2, keys=10, rate=100, database=2)
        hits, latency_ns = frame.samples["hit"].astype(bool), frame.samples["latency_ns"]
        predicted = hit_ratio_of_window(100, zipf(10, 0.8), 0.2, float(frame.facts["elapsed_s"]))
        return hits.mean() - predicted, float(np.median(latency_ns[~hits]) / np.median(latency_ns[hits]))

    two_of_three(look, lambda found: abs(found[0]) < 0.15 and found[1] > 1.5, "as many hits as predicted, and quicker")


@pytest.mark.parametrize(("held_ns", "still_waiting"), [(1.1e7, 30), (1e6, 150)])
def test_a_saturated_api_is_called_so_and_gets_no_mean(held_ns: float, still_waiting: int) -> None:
    verdict = api_cache.lab().verdict(record(run(20, 180, still_waiting, held_ns)), None)
    assert verdict.text.startswith("Saturated") and f"{still_waiting} requests are still waiting" in verdict.text
    assert "mean" not in verdict.text


def test_a_queue_that_chance_makes_is_not_called_saturated() -> None:
    assert api_cache.lab().verdict(record(run(20, 180, 3, 9e6)), None).text.startswith("10% of 200 requests hit")


@pytest.mark.clock
def test_the_queue_goes_on_where_it_was_between_slices() -> None:
    """A thread that is hardly ever idle: were the queue drained at each slice, many requests would find none before them."""
    frame = measure(api_cache.lab(), 2.5, ttl=0, database=10, rate=100)
    found = load.Load(record(frame)).replay(1)
    waited_ns = frame.samples["started_ns"] - frame.samples["arrived_ns"]
    assert found is not None and found.deviation < 0.05
    assert np.count_nonzero(waited_ns > 1e6) > 0.5 * waited_ns.size


def test_a_generator_that_was_late_makes_the_run_invalid() -> None:
    frame = run(10, 10)
    late = Frame({**frame.samples, "lateness_ns": np.full(20, 5e7)}, frame.counts)
    assert api_cache.lab().verdict(record(late), None).kind == "invalid"


def settled(early: Frame, late: Frame, **changes: Any) -> Outcome | None:
    runs = side_by_side(record(early, **changes), record(late, ttl=1, **changes))
    return api_cache.PREDICTION.outcome(runs, api_cache.lab().check)


@pytest.mark.parametrize("answer", [*api_cache.PREDICTION.choices, None])
def test_the_outcome_has_a_comment_that_fits_it(answer: str | None) -> None:
    found = settled(run(100, 100), run(126, 74))
    assert found == Outcome("three quarters", "74% of them, 74 misses instead of 100")
    comment = api_cache.PREDICTION.comment(answer, found)
    assert "rare ones as often" in comment and ("agrees" in comment) == (answer == found.choice)


def test_every_other_choice_is_named_as_impossible_and_settled_by_nothing() -> None:
    possible = [choice for choice, answer in api_cache.PREDICTION.choices.items() if answer.reason]
    assert possible == ["three quarters"]
    for left in (100, 50, 25):
        assert settled(run(100, 100), run(200 - left, left)) is None


def test_other_settings_and_halves_of_a_run_settle_nothing() -> None:
    assert settled(run(100, 100), run(126, 74), keys=10) is None
    half = replace(run(126, 74), facts={"elapsed_s": 1.0})
    assert settled(run(100, 100), half) is None
    assert settled(Frame(), run(126, 74)) is None


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_requests_three_quarters_of_the_misses_are_left(seed: int) -> None:
    generator = np.random.default_rng(seed)
    arrivals = np.sort(generator.uniform(0, 2, generator.poisson(200))).tolist()
    asked = generator.choice(50, len(arrivals), p=zipf(50, api_cache_model.SKEW)).tolist()
    frames = []
    for ttl in (0.5, 1.0):
        filled, hits = [-np.inf] * 50, 0
        for at, key in zip(arrivals, asked, strict=True):
            hits += at - filled[key] < ttl
            filled[key] = filled[key] if at - filled[key] < ttl else at
        frames.append(run(hits, len(arrivals) - hits))
    assert settled(*frames) is not None


def test_the_pinned_run_stands_beside_this_one_with_its_hits_and_is_compared_by_the_p50() -> None:
    lab, this, pinned = api_cache.lab(), record(run(90, 10)), record(run(10, 90))
    text, rows = lab.verdict(this, pinned).text, {name: cells for name, *cells in lab.table(this, pinned)}
    assert text.startswith("90%") and "the pinned run" in text
    assert [cell.split(":")[0].split(";")[0] for cell in rows["hits; mean, p50"]] == ["90 (90%)", "10 (10%)"]


@pytest.mark.long
@pytest.mark.parametrize("chart", api_cache.CHARTS, ids=lambda chart: chart.title)
def test_the_charts_show_reads_model_and_pinned_reads(chart: Chart) -> None:
    nothing = Frame({name: values[:0] for name, values in run(1, 1).samples.items()}, {"calls": 2})
    for odd in (record(nothing), record(Frame({**run(3, 0).samples, "latency_ns": np.array([0, 1e12, 5])}))):
        Picture(chart, 400, 250, lambda png: None).show_run(odd, (odd,))
    slower = run(30, 70)
    slow = Frame({**slower.samples, "latency_ns": slower.samples["latency_ns"] * 3}, slower.counts)
    check_shows_all_and_can_be_emptied(chart, record(run(60, 40)), record(slow), START, expected())


def test_hits_and_misses_are_shares_of_all_requests_and_the_ratio_is_that_so_far() -> None:
    (at_s, times), (missed_at_s, _) = (api_cache.requests_of(record(run(60, 40)), hit) for hit in (True, False))
    assert at_s.size == times.size == 60 and missed_at_s.size == 40
    moments, ratios = api_cache.ratio_so_far(record(run(60, 40)))
    assert moments.size == 100 and ratios[59] == 1 and ratios[-1] == pytest.approx(0.6)


def test_what_tells_how_far_a_run_can_be_trusted_stands_in_a_table_of_its_own() -> None:
    lab, this = api_cache.lab(), record(run(60, 40))
    assert [name for name, _ in load.TRUST] == [row[0] for row in lab.trust(this, None)[1:]]
    assert not {row[0] for row in lab.trust(this, None)[1:]} & {row[0] for row in lab.table(this, None)}


FINDING, LETTERS = api_cache_model.finding, 120


def timed(hits: int, misses: int, **changes: Any) -> Record:
    """Hits take 0.6 ms, misses 6 ms."""
    frame = run(hits, misses)
    times = np.where(frame.samples["hit"], 6e5, 6e6)
    return record(replace(frame, samples={**frame.samples, "latency_ns": times}), **changes)


def test_the_headline_is_how_many_hit_and_what_hits_and_misses_take() -> None:
    assert FINDING(timed(132, 68), None) == (
        "66% of 200 requests hit the cache; on average a hit takes 600 µs, a miss takes 6.0 ms."
    )
    assert api_cache.lab().found(timed(132, 68), None) == FINDING(timed(132, 68), None)
    assert FINDING(timed(0, 200), None) == "0% of 200 requests hit the cache; on average a miss takes 6.0 ms."
    assert FINDING(timed(200, 0), None) == "100% of 200 requests hit the cache; on average a hit takes 600 µs."


def test_the_headline_of_a_saturated_api_has_no_times() -> None:
    said = FINDING(record(run(20, 180, 150, 1.1e7)), None)
    assert said == "More arrives than the API's one thread can serve: 150 requests are still waiting at the end."


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"ttl": 1}, ("TTL 0.5 s", "TTL 1 s")),
        ({"keys": 1_000}, ("Different products: 50", "different products: 1,000")),
        ({"database": 100}, ("5 ms in the database", "100 ms in the database")),
        ({"rate": 400}, ("100 requests/s", "400 requests/s")),
        ({"rate": 400, "ttl": 1}, ("Pinned run", "this run")),
    ],
)
def test_beside_another_setting_the_headline_is_how_many_miss_in_both(
    change: dict[str, Any], names: tuple[str, str]
) -> None:
    said = FINDING(timed(126, 74, **change), timed(90, 110))
    assert said == f"{names[0]}: 110 of 200 miss, p50 6.0 ms; {names[1]}: 74 of 200 miss, p50 600 µs."
    assert len(said) <= LETTERS
    full = record(run(20, 980, 1_500, 1.1e7), **change)
    both = FINDING(full, record(run(0, 1_000, 1_500, 1.1e7)))
    assert both is not None and both.count("saturated") == 2 and len(both) <= LETTERS


def test_without_requests_there_is_no_headline() -> None:
    assert FINDING(record(Frame()), None) is None
    assert (
        FINDING(timed(1, 1), record(Frame(), ttl=1)) == FINDING(timed(1, 1), timed(2, 3)) == FINDING(timed(1, 1), None)
    )


def test_what_a_run_does_is_said() -> None:
    assert api_cache_model.scenario(START) == (
        "For 2 s, 100 requests per second ask for 50 products, popular ones more often. The cache keeps a page for 0.5 s; a miss "
        "needs the database for 5 ms."
    )
    said = api_cache_model.scenario({**START, "ttl": 0, "keys": 1})
    assert "ask for one product." in said and "The cache keeps nothing" in said
