"""The lab on strategies: its model, its words, and a real store behind a real cache."""

from __future__ import annotations

from dataclasses import replace

import corpus
import numpy as np
import pytest
from caching_records import COSTS, cache_record
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from labs import measured_together
from predictions import assert_each_comment_fits
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.caching_strategies import strategies
from perflab.chapters.caching_strategies import strategies_model as model
from perflab.chapters.caching_strategies.strategies_model import ORDER, WRITE
from perflab.lab import Record
from perflab.measure import percentile
from perflab.systems.caches.strategies import ASIDE, BUFFER, READ_THROUGH, STRATEGIES, WRITE_BEHIND, WRITE_THROUGH
from perflab.systems.servers.cached_store import KEYS
from perflab.theory.caching import writes_until
from perflab.theory.ttl import zipf

LAB = strategies.lab()
START = LAB.check({})


def means(**changes: object) -> dict[str, tuple[float, float]]:
    """Mean read and write (ns) of each strategy, by the model."""
    found = LAB.model({**START, **changes}, COSTS).means.reshape(-1, 2)
    return {name: (float(read), float(write)) for name, (read, write) in zip(ORDER, found, strict=True)}


def test_all_strategies_have_a_row() -> None:
    assert {*ORDER} == {*STRATEGIES} and LAB.controls["strategy"].values == ORDER


def test_the_mean_read_is_the_share_of_misses_times_the_store() -> None:
    hits, found = model.hit_ratios(0.2, 1.0), means()
    store = 2.05e6 + 5_000
    for name in ORDER:
        assert found[name][0] == pytest.approx(200 + (1 - hits[name]) * (store + 100))
    assert found[ASIDE] == found[READ_THROUGH]
    assert hits[WRITE_THROUGH] > hits[ASIDE] < 0.8, "a write deletes what would have been hit"


def test_writes_through_are_the_sum_and_writes_behind_a_cache_until_its_buffer_is_full() -> None:
    found = means()
    assert found[WRITE_THROUGH][1] == pytest.approx(2.05e6 + 1e6 + 200) and found[ASIDE][1] == pytest.approx(3.05e6)
    assert found[WRITE_BEHIND][1] == 1_000
    full = means(writes=95, store=20.0)
    assert full[WRITE_BEHIND][1] > 100_000
    flush_ns = 20.05e6 + 1e6 + BUFFER * 1_000
    assert full[WRITE_BEHIND][1] < flush_ns / writes_until(zipf(KEYS, 1.0), BUFFER), "drain rate × coalescing"


def test_without_a_way_to_the_store_nothing_is_added() -> None:
    assert means(store=0.0)[ASIDE][1] == 1e6


def test_what_is_often_written_leaves_the_misses_out() -> None:
    expected = LAB.model(START, COSTS)
    often = dict(zip(ORDER, expected.often_written.reshape(-1, 2).tolist(), strict=True))
    assert often[WRITE_THROUGH] == [200, pytest.approx(3.05e6)] and often[WRITE_BEHIND] == [200, 200]
    assert means()[WRITE_THROUGH][0] > 1_000 * often[WRITE_THROUGH][0]


@pytest.mark.parametrize("name", ["writes", "skew", "store"])
def test_each_control_moves_the_model(name: str) -> None:
    ends = [
        LAB.model({**START, name: value}, COSTS).means
        for value in LAB.controls[name].values[:: len(LAB.controls[name].values) - 1]
    ]
    assert not np.allclose(*ends, rtol=0.2)


def test_the_words_tell_reads_and_writes_apart() -> None:
    run = cache_record(strategy=WRITE_THROUGH)
    said = LAB.verdict(run, None).text
    assert "Reads: p50 200 ns, p99 2.1 ms, mean 210 µs; 90% hits." in said and "Writes: p50 3.0 ms" in said
    assert "99.9% of the time of all reads was in misses." in said
    assert LAB.found(run, None).startswith(
        "Write-through: a read takes 210 µs on average, 1,051 times a hit; a write 3.0 ms."
    )
    assert "Nothing was written yet." in LAB.verdict(cache_record(writes=0), None).text
    assert LAB.found(cache_record(writes=0), None) == ""
    assert "misses" not in LAB.verdict(cache_record(misses=0), None).text
    assert "on the same machine" in LAB.scenario({**START, "store": 0.0})  # type: ignore[misc]


def test_the_table_has_the_formula_beside_the_mean() -> None:
    rows = dict(row[:2] for row in LAB.table(cache_record(), None)[1:])
    measured, formula = rows["reads: mean; h·T_c + (1 − h)·(T_c + T_d + T_fill)"].split("; ")
    assert measured == "210 µs" and formula == "206 µs"
    assert rows["hits: measured; model"] == "90%; 65%"
    assert rows["written behind: entries in a flush; writes an entry"] == "–"
    behind = cache_record(strategy=WRITE_BEHIND, writes=300)
    counts = {**behind.frame.counts, "rows": 100, "flushes": 5}
    assert model.coalesced_said(replace(behind, frame=replace(behind.frame, counts=counts))) == "20; 3.0"
    assert model.read_means(replace(behind, constants={})) == "210 µs"


def test_another_strategy_is_compared_by_its_writes() -> None:
    behind, through = side_by_side(
        cache_record(strategy=WRITE_BEHIND, write_ns=1e3), cache_record(strategy=WRITE_THROUGH)
    )
    found = LAB.verdict_of(behind, through)
    assert found.kind == "clear" and "The writes' p50 is" in found.text
    assert LAB.found(behind, through) == "Write-behind writes 3,000× quicker (p50) than write-through."
    assert LAB.found(through, behind).startswith("Write-through writes 3,000× slower")


def test_strategies_whose_stores_are_not_equally_far_share_no_headline() -> None:
    near = cache_record(strategy=WRITE_BEHIND, write_ns=1e3, store=0.0)
    run = cache_record(strategy=WRITE_THROUGH, store=20.0)
    assert LAB.found(*side_by_side(run, near)) == LAB.found(run, None)
    assert LAB.found(*side_by_side(run, cache_record(store=2.0, strategy=WRITE_THROUGH))) == LAB.found(run, None)


@pytest.mark.parametrize(
    ("hits", "misses", "choice"),
    [(900, 100, strategies.MANY), (99_990, 60, strategies.SOME), (100_000, 1, strategies.AS_A_HIT), (50, 10, None)],
)
def test_the_question_is_settled_by_the_mean_read(hits: int, misses: int, choice: str | None) -> None:
    run = cache_record(hits, misses, strategy=WRITE_THROUGH)
    found = LAB.prediction.outcome([run], LAB.check)  # type: ignore[union-attr]
    assert (found and found.choice) == choice
    if choice == strategies.MANY and found is not None:
        assert_each_comment_fits(strategies.PREDICTION, found)


def test_the_charts_show_it() -> None:
    run, pinned = cache_record(), cache_record(strategy=WRITE_BEHIND, write_ns=1e3)
    other = {**START, "strategy": WRITE_BEHIND, "store": 20.0}
    check_shows_all_and_can_be_emptied(LAB.charts[0], run, pinned, other, LAB.model(other, COSTS))  # type: ignore[arg-type]
    chart, artists = drawn(LAB.charts[0])  # type: ignore[arg-type]
    chart.show_run(run, (pinned, run))
    assert [row for _, row in points(artists["measured"])] == [0, 1]
    assert [row for _, row in points_of(artists["before"])] == [8, 9, 0, 1]
    right, _ = drawn(LAB.charts[1])  # type: ignore[arg-type]
    right.show_run(run, (run,))
    right.show_run(None)


def points_of(line: object) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in line.get_xydata()]  # type: ignore[attr-defined]


def test_a_run_that_has_just_begun_can_be_shown() -> None:
    empty = Record("strategies", START, 1, "")
    assert LAB.verdict(empty, None).kind == "invalid" and LAB.table(empty, None) == []
    assert np.isnan(model.times_a_hit(empty)) and np.isnan(model.hit_ratio(empty))


@pytest.mark.clock
def test_writes_behind_are_ten_times_quicker_than_writes_through_a_real_store() -> None:
    def pair() -> tuple[float, float]:
        runs = measured_together(LAB, {"strategy": WRITE_BEHIND}, {"strategy": WRITE_THROUGH}, budget_s=0.6)
        behind, through = (percentile(run.column(WRITE), 0.5) for run in runs)
        return behind, through

    two_of_three(pair, lambda found: found[1] > 10 * found[0], "quicker writes")


@pytest.mark.clock
def test_a_read_through_a_real_cache_takes_what_its_misses_take() -> None:
    (run,) = corpus.click("caching_strategies.strategies").records
    assert model.times_a_hit(run) > 20
    assert 0.4 < model.hit_ratio(run) < 0.99
