"""The saturation law: a line up to a ceiling, found again from points on it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perflab.theory.saturation import SaturationLaw, fit_saturation

N = np.array([1, 2, 4, 8, 16, 32, 64])


def closed_system(workers: int, alone_s: float, held_s: float, cycles: int = 400) -> float:
    """Operations per second of workers that need one lock for `held_s` of the `alone_s` that an operation takes, one by one."""
    ready = [held_s * number for number in range(workers)]
    lock_free = 0.0
    for _ in range(cycles * workers):
        number = min(range(workers), key=ready.__getitem__)
        lock_free = max(lock_free, ready[number]) + held_s
        ready[number] = lock_free + alone_s - held_s
    return cycles * workers / lock_free


@pytest.mark.parametrize("held_s", [0.0008, 0.002, 0.004])
def test_workers_that_need_one_lock_follow_it(held_s: float) -> None:
    law = SaturationLaw(1 / 0.004, 1 / held_s)
    for workers in (1, 2, 4, 8, 16):
        assert closed_system(workers, 0.004, held_s) == pytest.approx(float(law.throughput(workers)), rel=0.02)


@pytest.mark.parametrize(
    "law", [SaturationLaw(250.0, 1_250.0), SaturationLaw(250.0, 250.0), SaturationLaw(10.0, 500.0)]
)
def test_points_on_a_law_give_it_back(law: SaturationLaw) -> None:
    found = fit_saturation(N, law.throughput(N))
    np.testing.assert_allclose(found.throughput(N), law.throughput(N))
    assert found == fit_saturation(N[::-1], law.throughput(N)[::-1])


def test_it_is_the_best_of_all_lines_with_a_ceiling() -> None:
    noisy = SaturationLaw(250.0, 1_250.0).throughput(N) * np.random.default_rng(1).normal(1, 0.1, N.size)
    found = fit_saturation(N, noisy)

    def error(law: SaturationLaw) -> float:
        return float(((law.throughput(N) - noisy) ** 2).sum())

    best = min(error(SaturationLaw(g, c)) for g in np.linspace(150, 350, 201) for c in np.linspace(500, 2_000, 301))
    assert error(found) <= 1.001 * best


def test_what_only_grows_has_a_ceiling_where_it_was_last_measured_or_none() -> None:
    assert fit_saturation(N, 5.0 * N).ceiling in (math.inf, pytest.approx(320.0))


@pytest.mark.parametrize(
    ("workers", "rates", "said"),
    [
        ([1], [1], "two different"),
        ([1, 1], [1, 1], "two different"),
        ([0, 1], [1, 1], "one worker"),
        ([1, 2], [1, 0], "above 0"),
    ],
)
def test_points_that_decide_nothing_are_refused(workers: list[int], rates: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fit_saturation(workers, rates)
