"""How often a hot key is computed: known answers, and each formula against a simulation, read by read."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory import stampede


def test_shared_cpus_let_the_first_computation_last_exponentially() -> None:
    assert stampede.first_end_s(200, 0.04, 2) == pytest.approx(0.2008553692)
    assert stampede.computations_sharing(200, 0.04, 2) == pytest.approx(41.17107)
    assert stampede.first_end_s(200, 0.06, 2) == pytest.approx(1.4841315910)
    assert stampede.computations_sharing(200, 0.06, 2) == pytest.approx(297.82632)


def test_threads_are_a_limit() -> None:
    # 64 threads compute after 0.32 s, when the first has done 0.01 (1 + ln 32); the rest proceeds at 1/32.
    assert stampede.first_end_s(200, 0.06, 2, 64) == pytest.approx(0.32 + 32 * (0.06 - 0.01 * (1 + math.log(32))))
    assert stampede.computations_sharing(200, 0.06, 2, 64) == 64
    assert stampede.first_end_s(200, 0.04, 2, 64) == stampede.first_end_s(200, 0.04, 2)
    assert stampede.first_end_s(200, 0.04, 2, threads=2) == 0.04, "a pool no larger than the CPUs"


@given(st.floats(1, 400), st.floats(0.001, 0.06), st.floats(0.5, 16), st.integers(1, 64))
def test_more_cpus_never_make_it_later_and_nothing_ends_before_its_time(
    rate: float, query_s: float, cpus: float, threads: int
) -> None:
    ends = stampede.first_end_s(rate, query_s, cpus, threads)
    assert ends >= query_s - 1e-12
    assert ends >= stampede.first_end_s(rate, query_s, 2 * cpus, threads) - 1e-9
    assert stampede.first_end_s(rate, query_s, cpus) >= ends - 1e-9


def evenly(rate: float, query_s: float, cpus: float, threads: float) -> float:
    """When the first of computations ends that begin in a steady flow and share the CPUs: small steps of time."""
    now = done = 0.0
    step = query_s / 10_000
    while done < query_s:
        done += step * min(1.0, cpus / min(threads, max(rate * now, cpus)))
        now += step
    return now


@pytest.mark.parametrize(
    ("rate", "query_s", "cpus", "threads"),
    [(200, 0.04, 2, 64), (400, 0.03, 2, 64), (100, 0.05, 1, 20), (50, 0.01, 2, 64), (300, 0.04, 4, 8)],
)
def test_the_closed_form_is_what_small_steps_of_time_give(
    rate: float, query_s: float, cpus: float, threads: float
) -> None:
    assert stampede.first_end_s(rate, query_s, cpus, threads) == pytest.approx(
        evenly(rate, query_s, cpus, threads), rel=1e-2
    )


def test_where_each_has_a_cpu_there_are_one_and_lambda_d() -> None:
    assert stampede.computations_apart(200, 0.04) == 9
    assert stampede.computations_sharing(200, 0.04, 8, 64) == 9


def test_early_computations_cost_e_to_the_one_over_beta() -> None:
    found = [stampede.computations_early(beta) for beta in (1, 2, 4)]
    assert found == pytest.approx([2.718282, 1.648721, 1.284025], abs=1e-6)
    assert [stampede.computations_early_of(1e4, beta) for beta in (1, 2, 4)] == pytest.approx(found, rel=1e-4)
    assert stampede.computations_early_of(2, 1) == pytest.approx(2.152297, abs=1e-5)
    assert stampede.computations_early_of(0, 1) == 1


def earliness_s(rate: float, beta: float, took_s: float) -> float:
    """βδ · (ln(λβδ) + γ): how long before the expiry the first one begins on average, where reads are many."""
    return float(beta * took_s * (math.log(rate * beta * took_s) + np.euler_gamma))


def xfetch(rate: float, beta: float, took_s: float, cycles: int, seed: int) -> tuple[float, float, float]:
    """Computations per expiry, the share of expiries before which none began, and how early the first began on average (s)."""
    random = np.random.default_rng(seed)
    found, early_s = [], []
    for _ in range(cycles):
        left_s, first_s, number = took_s * beta * 9 + 5 / rate, math.nan, 0
        while not left_s < first_s - took_s:
            left_s -= random.exponential(1 / rate)
            if left_s < first_s - took_s:
                break
            if left_s <= 0 or -took_s * beta * math.log(1 - random.random()) >= left_s:
                first_s = left_s if math.isnan(first_s) else first_s
                number += 1
        found.append(number)
        early_s.append(first_s)
    early = np.array(early_s)
    return float(np.mean(found)), float((early <= 0).mean()), float(early.mean())


def test_how_early_the_first_one_begins() -> None:
    assert earliness_s(200, 1, 0.1) == pytest.approx(0.357, abs=5e-4)
    assert xfetch(200, 1, 0.1, 300, seed=3)[2] == pytest.approx(0.357, rel=0.07)


@pytest.mark.long
@pytest.mark.parametrize(("beta", "expected"), [(1, 2.710), (2, 1.653), (4, 1.284)])
def test_reads_one_by_one_give_the_same(beta: float, expected: float) -> None:
    number, _, early_s = xfetch(200, beta, 0.1, 1_000, seed=1)
    assert early_s == pytest.approx(earliness_s(200, beta, 0.1), rel=0.05)
    assert number == pytest.approx(expected, abs=0.2)
    assert number == pytest.approx(stampede.computations_early(beta), abs=0.2)


def test_few_reads_compute_less_often_and_miss_now_and_then() -> None:
    number, missed, _ = xfetch(20, 1, 0.1, 6_000, seed=2)
    assert number == pytest.approx(stampede.computations_early_of(2, 1), abs=0.06)
    assert missed == pytest.approx(math.exp(-2), abs=0.015), "e^(−λβδ)"
