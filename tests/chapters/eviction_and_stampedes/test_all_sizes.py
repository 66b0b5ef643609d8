"""The lab on all sizes: the pass and single runs agree, samples lie where the model says, and more places can miss more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from eviction_records import sizes_record
from predictions import assert_each_comment_fits

from perflab.chapters.eviction_and_stampedes import all_sizes
from perflab.chapters.eviction_and_stampedes import all_sizes_model as model
from perflab.chapters.eviction_and_stampedes.all_sizes_model import CORRECTED, RAW
from perflab.chapters.eviction_and_stampedes.policy_runs import BELADY, FIFO, IN_LOOP, LRU, SIZES, ZIPF
from perflab.measure.frame import Frame
from perflab.theory.stack_distances import sampled

LAB = all_sizes.lab()
START = LAB.check({})
CONSTANTS = {"pass_ns": 2e7, **{f"{name}_ns": 4e6 for name in model.COMPARED}}


def expected(**parameters: Any) -> model.Expected:
    return LAB.model({**START, **parameters}, CONSTANTS)  # type: ignore[no-any-return]


@pytest.mark.long
@pytest.mark.parametrize("trace", model.TRACES)
def test_one_pass_and_single_runs_count_the_same_misses(trace: str) -> None:
    run = sizes_record(trace=trace, policy=LRU)
    by_pass, by_runs = dict(LAB.trust(run, None))["LRU's misses by one pass; by single runs"].split("; ")
    assert by_runs.startswith(f"{by_pass} at ")
    assert dict(LAB.trust(sizes_record(trace=trace), None))["LRU's misses by one pass; by single runs"] == ""


@pytest.mark.parametrize("estimate", [RAW, CORRECTED])
@pytest.mark.parametrize("share", [0.03, 0.1, 0.3])
def test_most_samples_lie_in_the_band(estimate: str, share: float) -> None:
    curve = expected().lru
    low, high = model.band(curve, share, estimate)
    inside = []
    for seed in range(12):
        keys, warm_up = model.keys_of(ZIPF, seed)
        part = sampled(keys, share, SIZES, 500 + seed, warm_up)
        found = part.raw if estimate == RAW else part.corrected
        known = np.isfinite(low) & (30 / share <= SIZES)
        inside.append(np.mean((found[known] >= low[known] - 0.005) & (found[known] <= high[known] + 0.005)))
    assert np.mean(inside) > 0.8


@pytest.mark.long
def test_the_correction_helps_and_more_keys_do() -> None:
    tenth, third = sizes_record(), sizes_record(sample=30)
    assert model.error(tenth, RAW) > 1.5 * model.error(tenth, CORRECTED) > 1.5 * model.error(third, CORRECTED)
    assert max(model.error(sizes_record(sample=100), each) for each in (RAW, CORRECTED)) < 1e-12
    assert np.isnan(model.error(sizes_record(trace=BELADY), RAW))


def test_with_four_places_fifo_misses_more_than_with_three() -> None:
    run = sizes_record(trace=BELADY)
    assert model.misses_of(run) == ([1, 2, 3, 4, 5, 6], [12, 12, 9, 10, 5, 5])
    assert LAB.found(run, None) == "More places, more misses: FIFO misses 9 with 3 places, 10 with 4."
    assert "With 1 to 6 places FIFO misses 12, 12, 9, 10, 5, 5 of the 12 reads." in LAB.verdict(run, None).text
    assert model.anomaly(sizes_record(trace=BELADY, policy=LRU)) is None
    assert model.anomaly(sizes_record()) is None
    sizes, ratios = expected(trace=BELADY).policy
    assert (12 * ratios).round().tolist() == [12, 12, 9, 10, 5, 5] and sizes.tolist() == [1, 2, 3, 4, 5, 6]


def test_a_loop_is_a_cliff() -> None:
    ratios = dict(
        zip(SIZES.tolist(), (sizes_record(trace=IN_LOOP).column("lru_misses") / 20_000).tolist(), strict=True)
    )
    assert {ratio for size, ratio in ratios.items() if size < 1_250} == {1}
    assert {ratio for size, ratio in ratios.items() if size >= 1_250} == {0}


def test_the_words_tell_what_both_ways_cost_and_what_samples_are_worth() -> None:
    run = sizes_record()
    assert LAB.found(run, None) == "One pass tells LRU's misses at every size in 20 ms; a run each would take 40 s."
    said = LAB.verdict(run, None).text
    assert "A run at one size takes 4.0 ms; for 10,000 sizes that is 40 s." in said and "10% of the keys" in said
    assert "points (corrected)" in LAB.table(run, None)[-1][-1] or "points; " in LAB.table(run, None)[-1][-1]
    assert "A run at one size: 4.0 ms in the pinned run" in LAB.verdict(run, sizes_record(policy=LRU)).text
    assert "12 reads: one pass for LRU, FIFO at 6 single sizes" in LAB.scenario({**START, "trace": BELADY})  # type: ignore[misc]
    begun = replace(run, frame=Frame({name: run.column(name) for name in ("pass_ns", "lru_misses")}))
    assert LAB.verdict(begun, None).text == "One pass tells LRU's misses at every size in 20 ms."
    assert LAB.found(begun, None) == ""


def test_the_model_of_the_times_is_a_run_for_each_size() -> None:
    found = expected()
    assert found.pass_ns == 2e7 and found.runs_ns[[0, -1]].tolist() == [4e6, pytest.approx(4e10)]
    assert np.isnan(expected(trace=BELADY).pass_ns), "a dozen reads take what a call takes"
    assert np.isnan(model.predict(ZIPF, FIFO, 10, RAW).pass_ns), "before the calibration"


@pytest.mark.long
def test_the_charts_show_it() -> None:
    run, pinned = sizes_record(), sizes_record(policy="SIEVE")
    for chart in LAB.charts:
        check_shows_all_and_can_be_emptied(chart, run, pinned, START, expected())  # type: ignore[arg-type]
    times, artists = drawn(LAB.charts[1])  # type: ignore[arg-type]
    times.show_run(run, (run,))
    assert points(artists["a run each"])[-1] == (13, 13 * 4e6)
    curves, artists = drawn(LAB.charts[0])  # type: ignore[arg-type]
    curves.show_run(run, (run,))
    samples = np.array(points(artists["samples"]))
    assert len(samples) == model.HASHES * (SIZES.size + 1)
    assert np.isnan(samples[: np.searchsorted(SIZES, 10), 1]).all(), "a tenth of fewer than ten places is none"
    short = sizes_record(trace=BELADY)
    curves.show_run(short, (short,))
    assert points(artists["samples"]) == []


def test_the_question_is_settled_by_belady_s_reads() -> None:
    found = LAB.prediction.outcome([sizes_record(trace=BELADY)], LAB.check)  # type: ignore[union-attr]
    assert found is not None and found.choice == "10 times" and found.measured == "9 misses with 3 places, 10 with 4"
    assert_each_comment_fits(all_sizes.PREDICTION, found)
    assert LAB.prediction.outcome([sizes_record()], LAB.check) is None  # type: ignore[union-attr]


@pytest.mark.clock
def test_one_pass_takes_less_than_a_run_for_each_of_a_hundred_sizes() -> None:
    run = corpus.record_of(LAB, {}, corpus.run("eviction_and_stampedes.all_sizes", length=(0.0, 8)))
    assert model.one_pass_ns(run) < 100 * model.one_run_ns(run), "seen: as long as 5 of them"
