"""The lab on eviction: its model against policies that run, its words, and a real cache in front of a real database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from eviction_records import evict_record
from predictions import assert_each_comment_fits
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.eviction_and_stampedes import policy_runs as runs
from perflab.chapters.eviction_and_stampedes import what_to_evict
from perflab.chapters.eviction_and_stampedes import what_to_evict_model as model
from perflab.chapters.eviction_and_stampedes.policy_runs import (
    COUNTED,
    FIFO,
    IN_LOOP,
    LRU,
    MIXTURE,
    OPTIMUM,
    POLICIES,
    RANDOM,
    SCANS,
    SHIFTS,
    SIZES,
    TRACES,
    WARM_UP,
    ZIPF,
)
from perflab.lab import Record
from perflab.measure.frame import Frame
from perflab.theory.eviction import HIT, decisions
from perflab.theory.stack_distances import lru_hits, stack_distances

LAB = what_to_evict.lab()
START = LAB.check({})


def expected(**parameters: Any) -> model.Expected:
    return LAB.model({**START, **parameters})  # type: ignore[no-any-return]


@pytest.mark.long
@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize("skew", [0.0, 0.8, 1.0, 1.5])
def test_the_model_of_lru_is_what_such_traces_come_to_at_every_size(trace: str, skew: float) -> None:
    curves = []
    for seed in range(3):
        distances = stack_distances(runs.keys_of(trace, skew, seed))[WARM_UP:]
        curves.append(1 - lru_hits(distances, SIZES) / COUNTED)
    off = np.abs(np.mean(curves, axis=0) - expected(trace=trace, skew=skew).lru)
    # Where the loop of the mixture begins to fit, the curve falls so steeply that a place more or less decides.
    assert np.quantile(off, 0.97) < 0.012 and off.max() < (0.05 if trace == MIXTURE else 0.015)


@pytest.mark.parametrize("policy", [FIFO, RANDOM])
@pytest.mark.parametrize(("skew", "size"), [(0.0, 1_000), (1.0, 100), (1.0, 3_000), (1.0, 10_000), (1.5, 300)])
def test_the_model_of_fifo_and_random_is_what_they_come_to(policy: str, skew: float, size: int) -> None:
    keys = runs.keys_of(ZIPF, skew, 5).tolist()
    found = np.mean(decisions(POLICIES[policy], keys, size)[WARM_UP:] != HIT)
    assert found == pytest.approx(expected(skew=skew, capacity=size).at_capacity[policy], abs=0.012)


@pytest.mark.parametrize("policy", [*model.HELPLESS_IN_A_LOOP, RANDOM, OPTIMUM])
@pytest.mark.parametrize("size", [100, 1_000, 2_000])
def test_the_model_of_a_loop_is_what_it_comes_to(policy: str, size: int) -> None:
    found = np.mean(decisions(POLICIES[policy], runs.keys_of(IN_LOOP, 1.0, 1).tolist(), size)[WARM_UP:] != HIT)
    assert found == pytest.approx(expected(trace=IN_LOOP, capacity=size).at_capacity[policy], abs=0.012)


def test_what_has_no_formula_has_no_model() -> None:
    assert set(expected(trace=SHIFTS).at_capacity) == {LRU}
    assert np.isnan(expected(trace=SCANS).fifo).all()


def test_random_beats_lru_in_a_loop_and_lfu_is_bad_after_a_shift() -> None:
    loop = runs.misses_at(evict_record(trace=IN_LOOP))
    assert loop[LRU] == 1 and loop[RANDOM] == pytest.approx(0.37, abs=0.02)
    shifted = runs.misses_at(evict_record(("LFU", LRU, "CLOCK"), trace=SHIFTS))
    assert shifted["LFU"] > 1.4 * shifted[LRU] > 1.3 * shifted["CLOCK"]


def test_the_words_name_the_policy_the_best_of_the_others_and_the_optimum() -> None:
    run = evict_record(("LFU", RANDOM, OPTIMUM))
    found = {name: f"{100 * ratio:.0f}%" for name, ratio in runs.misses_at(run).items()}
    assert LAB.found(run, None) == (
        f"1,000 places: LRU misses {found[LRU]} of the reads; LFU {found['LFU']}, the optimum {found[OPTIMUM]}."
    )
    said = LAB.verdict(run, None).text
    assert f"LRU misses {found[LRU]} of 20,000 reads, LFU {found['LFU']}, the optimum {found[OPTIMUM]}." in said
    assert "a hit 500 ns (p50), a miss 10 µs (p50)" in said
    best = evict_record(("LFU", LRU), policy=OPTIMUM)
    assert "the optimum" not in LAB.found(best, None)
    assert "40,000 keys (Zipf, skew 1) are drawn now" in LAB.scenario(START)  # type: ignore[misc]


def test_the_tables_show_that_policy_and_cache_agree() -> None:
    run = evict_record()
    rows = dict(LAB.trust(run, None))
    policy, _, cache = rows["misses: by the policy; by the real cache"].partition("; ")
    assert cache.startswith(f"{policy} of 20,000")
    by_run, by_pass = rows["LRU's misses: by its run; by one pass for all sizes"].split("; ")
    assert by_run == by_pass
    assert "measured" in rows["mean read: by hit ratio and times; measured"]
    assert dict(LAB.trust(evict_record(trace=IN_LOOP), None))["mean read: by hit ratio and times; measured"] == ""


def test_two_policies_are_compared_by_their_misses() -> None:
    sieve, lru = side_by_side(evict_record(policy="SIEVE"), evict_record())
    assert "Pinned run: LRU misses 3" in LAB.verdict_of(sieve, lru).text
    assert LAB.found(sieve, lru).startswith("1,000 places: LRU misses 3")


def test_two_runs_that_differ_in_more_than_the_policy_are_not_compared_in_the_headline() -> None:
    lru = evict_record(())
    for changes in ({"capacity": 100}, {"trace": IN_LOOP}, {"skew": 0.5}):
        now, pinned = side_by_side(evict_record((), policy="SIEVE", **changes), lru)
        assert LAB.found(now, pinned) == LAB.found(now, None) != ""


def test_the_chosen_size_is_a_ring_on_the_curves_of_both_runs() -> None:
    now, pinned = evict_record((), policy="SIEVE"), evict_record((), capacity=100)
    chart, artists = drawn(LAB.charts[0])  # type: ignore[arg-type]
    rings = [each for each in artists.values() if getattr(each, "get_fillstyle", lambda: "")() == "none"]
    chart.show_run(now, (now,))
    chart.show_pinned(pinned)
    shown = [points(ring) for ring in rings if len(points(ring)) == 1]
    assert shown[-2:] == [[(100, runs.misses_of_chosen(pinned))], [(1_000, runs.misses_of_chosen(now))]]


def test_a_run_that_was_stopped_early_says_what_it_has() -> None:
    run = evict_record()
    only = {name: run.column(name) for name in ("lru_misses",)}
    begun = replace(run, frame=Frame(only))
    assert LAB.verdict(begun, None).kind == "invalid"
    first = {name: run.column(name)[:1] for name in ("policy", "size", "misses", "took_ns")}
    assert LAB.verdict(replace(run, frame=Frame({**only, **first})), None).text.endswith("of 20,000 reads.")


@pytest.mark.long
def test_the_charts_show_it() -> None:
    run, pinned = evict_record(policy="CLOCK"), evict_record(policy="LFU", skew=0.8)
    for chart in LAB.charts:
        check_shows_all_and_can_be_emptied(chart, run, pinned, START, expected())  # type: ignore[arg-type]
    curves, artists = drawn(LAB.charts[0])  # type: ignore[arg-type]
    curves.show_run(run, (run,))
    assert [x for x, _ in points(artists["chosen policy"])] == [300, 1_000]
    assert len(points(artists["LRU: measured"])) == SIZES.size
    rows, artists = drawn(LAB.charts[1])  # type: ignore[arg-type]
    rows.show_run(run, (run,))
    assert [y for _, y in points(artists["measured"])] == [0, 2, 4], "LRU, CLOCK, random"


def outcome(record: Record) -> Any:
    return LAB.prediction.outcome([record], LAB.check)  # type: ignore[union-attr]


def test_the_question_is_settled_by_the_loop() -> None:
    found = outcome(evict_record(trace=IN_LOOP))
    assert found.choice == what_to_evict.NOTHING and found.measured.startswith("LRU hits 0% of the reads, random 6")
    assert_each_comment_fits(what_to_evict.PREDICTION, found)
    assert outcome(evict_record()) is None, "another trace"


@pytest.mark.clock
def test_a_real_cache_reads_as_often_as_the_policy_misses_and_a_hit_is_quicker() -> None:
    def times() -> tuple[float, float]:
        run = corpus.record_of(LAB, {}, corpus.run("eviction_and_stampedes.what_to_evict", length=(0.0, 15)))
        hit, took_ns = run.column("hit").astype(bool), run.column("latency_ns")
        assert hit.size == COUNTED and (~hit).sum() == runs.misses_of_chosen(run) * COUNTED
        return float(np.median(took_ns[hit])), float(np.median(took_ns[~hit]))

    two_of_three(times, lambda found: found[1] > 3 * found[0], "a miss takes longer")
