"""The scalability law: published fits, exact points, and intervals that hold what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perflab.theory.scaling import MIN_ROUNDS, ScalabilityLaw, fit, fit_rounds

# The data set specsdm91 of the R package usl (smoeding/usl), and its published fit.
LOADS = [1, 18, 36, 72, 108, 144, 216]
RATES = [64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2]


def test_the_published_fit() -> None:
    law = fit(LOADS, RATES)
    assert law.alpha == pytest.approx(0.0277285, rel=1e-4)
    assert law.beta == pytest.approx(0.0001044, rel=1e-3)
    assert law.gamma == pytest.approx(89.9952, rel=1e-5)
    assert law.peak == pytest.approx(math.sqrt((1 - law.alpha) / law.beta))


def test_amdahls_law() -> None:
    np.testing.assert_allclose(ScalabilityLaw(0.05, 0.0, 1.0).throughput([8, 64]), [5.92593, 15.42169], rtol=1e-6)


@pytest.mark.parametrize(
    "law", [ScalabilityLaw(0.02, 0.001, 50.0), ScalabilityLaw(0.3, 0.0, 7.0), ScalabilityLaw(0.0, 0.0, 1.0)]
)
def test_points_on_a_law_give_it_back(law: ScalabilityLaw) -> None:
    n = np.array([1, 2, 4, 8, 16, 32])
    found = fit(n, law.throughput(n))
    np.testing.assert_allclose(found.throughput(n), law.throughput(n), rtol=1e-6)
    assert (found.alpha, found.beta) == (pytest.approx(law.alpha, abs=1e-6), pytest.approx(law.beta, abs=1e-7))


def test_three_points_decide_the_peak() -> None:
    law = ScalabilityLaw(0.05, 0.002, 100.0)
    assert fit([1, 4, 16], law.throughput([1, 4, 16])).peak == pytest.approx(law.peak)


def test_better_than_linear_is_fitted_by_a_line_and_not_by_negative_contention() -> None:
    found = fit([1, 2, 4, 8], [1.0, 2.2, 4.8, 10.5])
    assert (found.alpha, found.beta) == (0.0, 0.0)
    assert found.peak == math.inf


def test_the_peak_is_where_the_curve_is_highest() -> None:
    law = ScalabilityLaw(0.1, 0.004, 10.0)
    n = np.linspace(1, 100, 9_901)
    assert n[np.argmax(law.throughput(n))] == pytest.approx(law.peak, abs=0.01)


@pytest.mark.long
@pytest.mark.parametrize("rounds", [MIN_ROUNDS, 20])
def test_intervals_hold_the_truth_as_often_as_they_say(rounds: int) -> None:
    law, n, runs = ScalabilityLaw(0.2, 0.002, 100.0), np.array([1, 4, 16, 64]), 60
    held = dict.fromkeys(("alpha", "beta", "peak", "prediction"), 0)
    for seed in range(runs):
        generator = np.random.default_rng(seed)
        # A round may be slow in all of its points; each point scatters too.
        noise = generator.normal(1, 0.02, (rounds, n.size)) * generator.normal(1, 0.02, (rounds, 1))
        found = fit_rounds(n, law.throughput(n) * noise, seed, draws=60)
        for name in ("alpha", "beta", "peak"):
            low, high = found.interval(name)
            held[name] += low <= getattr(law, name) <= high
        low, high = found.prediction(24)
        held["prediction"] += low <= float(law.throughput(24)) <= high
    # 93 to 98%; of 60 runs, give or take 3%.
    assert min(held.values()) / runs >= 0.9, held


@pytest.mark.parametrize(
    ("workers", "rates", "said"),
    [
        ([1, 2], [1, 2], "three different"),
        ([1, 1, 2], [1, 1, 2], "three different"),
        ([0, 1, 2], [1, 1, 1], "at least one"),
        ([1, 2, 3], [1, 0, 1], "above 0"),
    ],
)
def test_points_that_decide_nothing_are_refused(workers: list[int], rates: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fit(workers, rates)


def test_rounds_have_two_dimensions_and_are_enough() -> None:
    for few in ([1, 2, 3], np.ones((MIN_ROUNDS - 1, 3))):
        with pytest.raises(ValueError, match="at least 8"):
            fit_rounds([1, 2, 3], few)


def test_a_peak_that_some_draws_do_not_have_has_no_upper_end() -> None:
    noise = np.random.default_rng(1).normal(1, 0.05, (8, 5))
    assert (
        fit_rounds([1, 2, 4, 8, 16], ScalabilityLaw(0.1, 0.0, 10.0).throughput([1, 2, 4, 8, 16]) * noise).interval(
            "peak"
        )[1]
        == math.inf
    )
