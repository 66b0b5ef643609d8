"""The API with a cache."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from labs import measure

from perflab.chapters.where_latency_comes_from import api_cache
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.theory.ttl import hit_ratio_of_window, zipf

START = {"ttl": 0.5, "keys": 50, "skew": 0.8, "database": 5, "logic": 0.5, "rate": 100}
CONSTANTS = {
    "hit inside": 5e4,
    "hit whole": 5e5,
    "miss inside": 4.05e6,
    "miss whole": 4.5e6,
    "logic inside": 4.05e6,
    "logic whole": 4.5e6,
}


def expected(**changes: Any) -> api_cache.Expected:
    return api_cache.predict(**{**START, **changes}, constants=CONSTANTS)


def record(frame: Frame, **changes: Any) -> Record:
    return Record("api_cache", {**START, **changes}, 1, "", frame, 2.0, "complete")


def run(hits: int, misses: int, **counts: int) -> Frame:
    size = hits + misses
    samples = {"latency_ns": np.full(size, 1e6), "at_s": np.arange(size) / 100, "hit": np.arange(size) < hits}
    return Frame(samples, {"calls": size, **counts})


def test_without_a_time_to_live_every_read_goes_to_the_database() -> None:
    model = expected(ttl=0)
    assert model.steady == model.ratio_so_far[-1] == 0
    assert model.mean > model.miss


def test_one_key_follows_the_formula_and_a_run_that_begins_empty_stays_below_it() -> None:
    model = expected(keys=1, ttl=0.1, rate=50)
    assert model.steady == pytest.approx(50 * 0.1 / (1 + 50 * 0.1))
    assert model.ratio_so_far[-1] <= model.steady + 0.01


def test_more_than_the_thread_can_do_has_no_mean() -> None:
    model = expected(ttl=0, rate=400)
    assert model.utilisation > 1
    assert model.mean == math.inf


def test_a_real_cache_hits_as_often_as_predicted_and_hits_are_quicker() -> None:
    frame = measure(api_cache.lab(), 2.0, ttl=0.2, keys=10, skew=0, rate=100, database=2, logic=0)
    hits = frame.samples["hit"].astype(bool)
    predicted = hit_ratio_of_window(100, zipf(10, 0), 0.2, api_cache.window_s(record(frame)))
    assert hits.mean() == pytest.approx(predicted, abs=0.15)
    assert np.median(frame.samples["latency_ns"][~hits]) > 1.5 * np.median(frame.samples["latency_ns"][hits])


def test_a_saturated_api_is_called_so_and_gets_no_mean() -> None:
    verdict = api_cache.verdict(record(run(1, 20, rejected=10)), None)
    assert verdict.text.startswith("Saturated")
    assert "mean" not in verdict.text


def test_a_generator_that_was_late_makes_the_run_invalid() -> None:
    frame = run(10, 10)
    late = Frame({**frame.samples, "lateness_ns": np.full(20, 5e7)}, frame.counts)
    assert api_cache.verdict(record(late), None).kind == "invalid"


def test_the_prediction_is_settled_by_two_runs_that_differ_in_the_time_to_live_alone() -> None:
    early, late = record(run(50, 50)), record(run(63, 37), ttl=1)
    assert api_cache.what_twice_the_time_to_live_brings([early]) is None
    assert api_cache.what_twice_the_time_to_live_brings([early, late]) == "three quarters"
    assert api_cache.what_twice_the_time_to_live_brings([early, record(run(63, 37), ttl=1, keys=10)]) is None


def test_the_pinned_run_is_compared_by_hits_and_median() -> None:
    text = api_cache.verdict(record(run(90, 10)), record(run(10, 90))).text
    assert "90%" in text and "10% hits" in text and "the pinned run" in text
