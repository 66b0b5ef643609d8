"""The lab on stale reads: the order of two lines, on a virtual schedule and in real threads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from caching_records import stale_record
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from labs import measured_together
from predictions import assert_each_comment_fits
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.caching_strategies import stale_reads
from perflab.chapters.caching_strategies import stale_reads_model as model
from perflab.lab import Record
from perflab.measure.frame import Frame
from perflab.systems.caches.races import (
    CHECKED,
    DELETE_FIRST,
    ORDERS,
    READ_PAUSE_S,
    READERS,
    THROUGH,
    WRITE_FIRST,
    WRITE_PAUSE_S,
)
from perflab.theory import stale_reads_means as means
from perflab.theory.stale_reads_means import SLICES

LAB = stale_reads.lab()
START = LAB.check({})
NAME = "caching_strategies.stale_reads"


def test_the_model_shows_all_orders_side_by_side() -> None:
    expected = LAB.model(START)
    assert list(expected.stale) == list(ORDERS) == list(expected.wrong)
    mean = {order: spread.mean for order, spread in expected.stale.items()}
    assert mean[DELETE_FIRST] > 7 * mean[WRITE_FIRST] > 0 == mean[CHECKED]
    assert LAB.model({**START, "order": CHECKED}) is expected


@pytest.mark.long
@pytest.mark.parametrize("order", model.KINDS)
@pytest.mark.parametrize(("store", "keys", "writers"), [(5.0, 10, 2), (5.0, 2, 4), (1.0, 20, 8)])
def test_the_model_has_the_means_and_the_ends_of_every_step_of_every_client(
    order: str, store: float, keys: int, writers: int
) -> None:
    expected = LAB.model({**START, "store": store, "keys": keys, "writers": writers})
    runs = [model.simulated(order, store, keys, writers, seed, SLICES) for seed in range(50)]
    for spread, part, whole in (
        (expected.stale[order], model.STALE, model.READS),
        (expected.wrong[order], model.WRONG, model.ENTRIES),
    ):
        shares = np.array([run[part] / run[whole] for run in runs if run[whole]])
        assert abs(spread.mean - shares.mean()) <= 3.5 * shares.std() / 50**0.5
        assert np.mean((shares >= spread.low - 1e-4) & (shares <= spread.high + 1e-4)) > 0.75


def test_real_runs_are_as_long_as_those_of_the_model_and_have_its_clients() -> None:
    assert (READERS, READ_PAUSE_S, WRITE_PAUSE_S) == (means.READERS, means.READ_PAUSE_S, means.WRITE_PAUSE_S)
    assert LAB.budget_s == pytest.approx(means.SLICE_S * means.SLICES, rel=0.15), "what is at rest takes its time, too"
    for name, values in (("store", means.STORES_MS), ("keys", means.KEYS), ("writers", means.WRITERS)):
        assert tuple(LAB.controls[name].values) == values


@pytest.mark.parametrize("name", ["store", "keys", "writers"])
def test_more_time_fewer_keys_and_more_writers_make_more_reads_stale(name: str) -> None:
    values = LAB.controls[name].values
    low, high = (LAB.model({**START, name: value}).stale[WRITE_FIRST].mean for value in (values[0], values[-1]))
    assert (low < high) == (name != "keys") and low != high


def test_a_learners_rules_are_in_the_model() -> None:
    def keep(cache: Any, deleted: Any, key: int, version: int) -> None:
        cache[key] = version

    def drop(cache: Any, deleted: Any, key: int, version: int) -> None:
        cache.pop(key, None)

    lab = replace(LAB, policy={"fill": keep, "delete": drop})
    run = model.simulated(WRITE_FIRST, 5.0, 10, 2, 1, model.RULES_SLICES)
    assert lab.model(START).stale[CHECKED].mean == run["stale"] / run["reads"] > 0
    assert lab.model(START).stale[WRITE_FIRST] == LAB.model(START).stale[WRITE_FIRST]


def test_slices_that_agree_tell_which_run_has_more_stale_reads() -> None:
    deleted, written = stale_record(order=DELETE_FIRST), stale_record(order=WRITE_FIRST)
    assert model.more_stale(deleted, written) is True and model.more_stale(written, deleted) is False
    assert model.more_stale(written, written) is None
    few = replace(written, frame=Frame({"stale_share": np.array([0.1])}))
    assert (
        model.more_stale(deleted, few) is None
        and model.more_stale(deleted, Record("stale_reads", START, 1, "")) is None
    )


def test_the_words_tell_what_was_stale_and_what_stays_wrong() -> None:
    run = stale_record(order=THROUGH, writers=4)
    said = LAB.verdict(run, None).text
    assert f"{run.count('stale'):,} of {run.count('reads'):,} reads were stale" in said
    assert f"{run.count('wrong')} of {run.count('entries')} were wrong, and stay so" in said
    assert LAB.found(run, None).startswith("“write-through”: ")
    assert "none of" in LAB.found(stale_record(order=CHECKED), None)
    assert LAB.scenario({**START, "keys": 1, "writers": 1}).startswith("4 readers and one writer, one key.")  # type: ignore[misc]


def test_the_table_has_the_formula_beside_the_fills_and_the_replay() -> None:
    run = stale_record()
    rows = {row[0]: row[1] for row in (*LAB.table(run, None), *LAB.trust(run, None)) if row[0]}
    measured, formula = rows["fills overtaken by a write; wR/(1 + wR)"].split("; ")
    assert float(measured[:-1]) == pytest.approx(float(formula[:-1]), rel=0.35) and formula == "6.2%"
    assert ";" not in model.overtaken_said(stale_record(order=DELETE_FIRST)), (
        "its fills crowd where a write is on its way"
    )
    assert "measured" in rows["the same on a virtual schedule: stale reads"]


def test_two_orders_share_a_headline_and_are_compared() -> None:
    deleted, written = side_by_side(stale_record(order=DELETE_FIRST), stale_record(order=WRITE_FIRST))
    found = LAB.verdict_of(deleted, written)
    assert found.kind == "clear" and "Pinned run: " in found.text
    assert DELETE_FIRST in LAB.found(deleted, written) and WRITE_FIRST in LAB.found(deleted, written)
    elsewhere = stale_record(order=DELETE_FIRST, keys=1)
    assert LAB.found(*side_by_side(written, elsewhere)) == LAB.found(written, None), "keys differ, too"
    one, other = side_by_side(written, replace(written, seed=2))
    assert LAB.verdict_of(one, other).kind == "too close to call"


def test_the_question_is_settled_whatever_was_found() -> None:
    runs = [stale_record(order=order) for order in (DELETE_FIRST, WRITE_FIRST)]
    found = LAB.prediction.outcome(side_by_side(*runs), LAB.check)  # type: ignore[union-attr]
    assert found is not None and found.choice == DELETE_FIRST and "× as many" in found.measured
    assert_each_comment_fits(stale_reads.PREDICTION, found)
    swapped = [replace(run, parameters=other.parameters) for run, other in zip(runs, reversed(runs), strict=True)]
    found = LAB.prediction.outcome(side_by_side(*reversed(swapped)), LAB.check)  # type: ignore[union-attr]
    assert found is not None and found.choice == WRITE_FIRST
    same = [runs[0], replace(runs[0], parameters=runs[1].parameters)]
    assert LAB.prediction.outcome(side_by_side(*same), LAB.check) is None  # type: ignore[union-attr]


@pytest.mark.long
def test_the_charts_show_it() -> None:
    run, pinned = stale_record(), stale_record(order=CHECKED)
    for chart in LAB.charts:
        check_shows_all_and_can_be_emptied(
            chart, run, pinned, {**START, "order": CHECKED}, LAB.model({**START, "keys": 5})
        )  # type: ignore[arg-type]
    chart, artists = drawn(LAB.charts[0])  # type: ignore[arg-type]
    before, run = run, stale_record(order=DELETE_FIRST)
    chart.show_run(run, (before, run))
    assert points(artists["measured"]) == [(model.stale_share(run), ORDERS.index(DELETE_FIRST))]
    assert len(points(artists["before"])) == 2


def test_a_run_that_has_just_begun_can_be_shown() -> None:
    empty = Record("stale_reads", START, 1, "")
    assert LAB.verdict(empty, None).kind == "invalid" and LAB.table(empty, None) == []
    assert np.isnan(model.stale_share(empty)) and model.overtaken_said(empty) == ""


@pytest.mark.clock
def test_in_real_threads_the_order_of_two_lines_decides_three_times_and_the_check_leaves_nothing() -> None:
    seen: list[int] = []

    def pair() -> tuple[float, float]:
        deleted, written = corpus.click(NAME).records if not seen else again()
        seen.append(1)
        return model.stale_share(deleted), model.stale_share(written)

    def again() -> tuple[Record, ...]:
        return measured_together(LAB, *stale_reads.PREDICTION.runs, budget_s=1.5)

    two_of_three(pair, lambda found: found[0] > 3 * found[1], "more stale reads")
    (checked,) = measured_together(LAB, {"order": CHECKED, "writers": 4, "keys": 5}, budget_s=1.0)
    assert checked.count("stale") == checked.count("wrong") == 0 < checked.count("overtaken")
