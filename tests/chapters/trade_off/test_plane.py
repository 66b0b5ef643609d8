"""The plane: a run's two points, how sure they are, and what the way from one to the other is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from matplotlib.figure import Figure

from perflab.chapters.trade_off import plane
from perflab.chapters.trade_off.plane import ALONE, BASE, PER_S, Arrow, change, chart, middle, worth
from perflab.lab import Record
from perflab.measure.frame import Frame


def record(per_s: Any, alone_ms: Any, base_per_s: Any = 100.0, base_alone_ms: Any = 1.0, rounds: int = 8) -> Record:
    """Rounds scatter by 1% around these numbers."""
    given = {PER_S: per_s, ALONE: 1e6 * np.asarray(alone_ms), BASE + PER_S: base_per_s}
    given[BASE + ALONE] = 1e6 * np.asarray(base_alone_ms)
    scatter = np.linspace(0.99, 1.01, rounds)
    return Record("batching", {}, 1, "", Frame({name: value * scatter for name, value in given.items()}))


@pytest.mark.parametrize(
    ("per_s", "alone_ms", "said"),
    [
        (300, 20, "A trade-off: more throughput, paid for with latency."),
        (300, 1, "More throughput, and nothing to pay for it."),
        (300, 0.5, "Better on both axes."),
        (100, 20, "Only latency is lost."),
        (100, 1, "Nothing changed on either axis."),
        (100, 0.5, "Only latency is gained."),
        (40, 20, "Worse on both axes."),
        (40, 1, "Less throughput, and nothing for it."),
        (40, 0.5, "A trade-off: less latency, paid for with throughput."),
    ],
)
def test_each_way_in_the_plane_has_its_worth(per_s: float, alone_ms: float, said: str) -> None:
    assert worth(record(per_s, alone_ms)) == said
    headline = plane.both_axes(record(per_s, alone_ms), "Batches of 100, 50 ms")
    assert headline is not None and headline.startswith("Batches of 100, 50 ms: ") and headline.endswith(said)
    assert len(headline) <= 120


def test_a_way_that_the_rounds_do_not_agree_on_is_not_judged() -> None:
    doubtful = record(np.array([50, 200] * 4), 1)
    assert "too close to call" in worth(doubtful) and plane.both_axes(doubtful, "What waits") is None
    assert "too close to call" in worth(record(300, 20, rounds=5)), "five rounds have no interval"
    assert "too close to call" in worth(Record("batching", {}, 1, ""))


def test_ratios_are_those_of_pairs_so_that_what_disturbs_both_cancels() -> None:
    disturbed = np.array([1.0, 0.2, 1, 1, 0.1, 1, 0.5, 1])
    found = change(record(300 * disturbed, 1, base_per_s=100 * disturbed), PER_S)
    assert found is not None and found.value == pytest.approx(3) and found.low == pytest.approx(3)


def test_rounds_that_came_to_no_number_are_left_out() -> None:
    rounds = np.array([np.nan, 300, 300, 300, 300, 300, 300, np.nan])
    run = record(rounds, 1)
    assert middle(run, PER_S).value == pytest.approx(300, rel=0.01)
    assert change(run, PER_S) is not None
    nothing = record(np.full(8, np.nan), 1)
    assert np.isnan(middle(nothing, PER_S).value) and change(nothing, PER_S) is None


def test_a_round_that_lacks_one_side_is_left_out() -> None:
    whole = record(300, 20)
    stopped = Record(
        "batching", {}, 1, "", Frame({**whole.frame.samples, BASE + PER_S: whole.column(BASE + PER_S)[:-1]})
    )
    found, expected = change(stopped, PER_S), change(whole, PER_S)
    assert found is not None and expected is not None and found.value == pytest.approx(expected.value)
    assert change(Record("batching", {}, 1, "", Frame({PER_S: np.ones(1)})), PER_S) is None


def test_a_pinned_run_is_compared_round_by_round_whatever_slices_they_had() -> None:
    compare = plane.beside_pinned(PER_S, "The capacity")
    assert compare(record(300, 20), record(100, 20)) == (
        "The capacity is 3.00× (3.00–3.00) above the pinned run.",
        "clear",
    )
    assert compare(record(300, 20), Record("batching", {}, 1, "")) is None


def test_the_interval_of_the_middle_covers_it() -> None:
    """Of 8 rounds with a long tail, in 93 to 99.9 of 100 runs: two of the rounds are its ends."""
    generator = np.random.default_rng(1)
    inside = 0
    for _ in range(1_000):
        rounds = generator.lognormal(0, 1, 8)
        found = middle(Record("batching", {}, 1, "", Frame({PER_S: rounds})), PER_S)
        inside += found.low <= 1.0 <= found.high
    assert 930 <= inside <= 999


def test_texts_have_an_interval_only_where_there_is_one() -> None:
    assert plane.capacity_text(middle(record(300, 20), PER_S)) == "300/s [297–303]"
    assert plane.capacity_text(middle(record(300, 20, rounds=3), PER_S)) == "300/s"
    assert plane.latency_text(middle(record(300, 20), ALONE)) == "20.0 ms [19.8–20.2 ms]"
    assert plane.times_said(None) == "–"
    assert plane.times_said(change(record(100, 20), PER_S)) == "practically the same"
    assert "too close" in plane.times_said(change(record(np.array([50, 200] * 4), 1), PER_S))
    assert "too close" not in plane.times_said(change(record(300, 20, rounds=3), PER_S)), (
        "it has no interval, and says so"
    )


def test_both_points_and_the_runs_before_are_on_the_chart() -> None:
    before, now = record(300, 20), record(40, 0.5)
    before = Record(**{**vars(before), "parameters": {"size": 20}, "status": "complete"})
    built, artists = drawn(chart("Plane", (10, 1e4), (1e5, 1e9), lambda run: "a setting", "no batching"))
    built.show_run(now, (before, now))
    assert points(artists["measured"])[0] == pytest.approx((40, 5e5), rel=0.02)
    squares = [each for each in artists.values() if getattr(each, "get_marker", str)() == "s"]
    assert points(squares[-1])[0] == pytest.approx((100, 1e6), rel=0.02)
    assert points(artists["measured before"])[0] == pytest.approx((300, 2e7), rel=0.02)
    built.show_run(None)
    assert points(artists["measured"]) == []


def test_the_arrow_shows_where_it_leads_and_nothing_without_two_points() -> None:
    arrow, axes = Arrow(run=lambda run: run), Figure().subplots()
    (artist,) = arrow.build(axes)
    assert not artist.get_visible()
    arrow.draw(((1, 2), (3, 4)))
    assert artist.get_visible() and artist.xy == (3, 4)  # type: ignore[attr-defined]
    for nothing in (None, ((1, 2), (1, 2)), ((np.nan, 1), (3, 4))):
        arrow.draw(nothing)
        assert not artist.get_visible()
