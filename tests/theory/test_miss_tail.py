"""The slowest reads through a cache: known answers, exact sums in many digits, and queues simulated by brute force."""

from __future__ import annotations

from fractions import Fraction
from math import factorial

import numpy as np
import pytest

from perflab.theory import miss_tail as tail
from perflab.theory.queues import mean_wait, mmc
from perflab.theory.simulate import lindley


def exact(wait: Fraction, busy: Fraction) -> float:
    """P(W > w) in M/D/1 in rational numbers."""

    def power_of_e(of: Fraction) -> Fraction:
        return sum((of**number / factorial(number) for number in range(80)), Fraction(0))

    past = [busy * (wait - number) for number in range(int(wait) + 1)]
    return float(
        1
        - (1 - busy) * sum((-each) ** number / factorial(number) * power_of_e(each) for number, each in enumerate(past))
    )


@pytest.mark.parametrize("busy", [Fraction(1, 20), Fraction(1, 2), Fraction(9, 10)])
def test_waits_of_a_few_constant_services_are_exact(busy: Fraction) -> None:
    waits = [Fraction(each, 4) for each in range(13)]
    found = tail.exceeds_constant(np.array(waits, float), float(busy))
    assert found == pytest.approx([exact(wait, busy) for wait in waits], abs=1e-12)
    assert found[0] == pytest.approx(float(busy)), "as many wait at all"


@pytest.mark.parametrize(("busy", "wait"), [(0.2, 4.5), (0.5, 7.0), (0.8, 9.0), (0.9, 12.0)])
def test_longer_waits_are_exact_to_three_digits(busy: float, wait: float) -> None:
    share = exact(Fraction(wait), Fraction(str(busy)))
    assert tail.wait_exceeded_by(np.array([share]), np.array([busy])) == pytest.approx(wait, rel=1e-3)


def test_short_waits_are_found_and_none_where_less_wait_than_that() -> None:
    share = exact(Fraction(3, 2), Fraction(1, 2))
    found = tail.wait_exceeded_by(np.array([share, 0.5, 0.7]), np.full(3, 0.5))
    assert found == pytest.approx([1.5, 0, 0], abs=1e-3)


def test_the_decay_solves_its_equation() -> None:
    busy = np.array([1e-4, 0.01, 0.3, 0.9, 0.999])
    theta = tail.decay_constant(busy)
    assert busy * np.expm1(theta) == pytest.approx(theta, rel=1e-9) and (theta > 0).all()
    assert tail.decay_constant(np.array([0.5])) == pytest.approx(1.2564312086261697)


def test_means_are_those_of_known_queues() -> None:
    for busy in (0.1, 0.5, 0.9):
        assert tail.mean_response(busy, 2.0) == pytest.approx(mmc(busy, 1.0).response)
        assert tail.mean_response(busy, 1.0) == pytest.approx(1 + mean_wait(busy, 1.0, 1.0))
    assert tail.mean_response([0.5, 1.0, 1.5], 1.0).tolist() == [1.5, np.inf, np.inf]


def test_exponential_percentiles_by_hand() -> None:
    found = tail.percentile_exponential(0.99, [0.9, 0.95, 0.99, 0.999, 0.5], [0.5, 0.25, 0.1, 0.1, 1.2])
    assert found == pytest.approx([2 * np.log(10), np.log(5) / 0.75, 0, 0, np.inf])


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize(("hits", "rate"), [(0.0, 0.7), (0.6, 2.0), (0.9, 3.0), (0.95, 6.0), (0.985, 10.0)])
def test_percentiles_are_those_of_reads_drawn_at_random(constant: bool, hits: float, rate: float) -> None:
    random = np.random.default_rng(7)
    number = 400_000
    misses = random.random(number) >= hits
    arrivals = np.cumsum(random.exponential(1 / rate, number))[misses]
    services = np.ones(arrivals.size) if constant else random.exponential(1, arrivals.size)
    times = np.zeros(number)
    times[misses] = lindley(arrivals, services) + services
    formula = tail.percentile_constant if constant else tail.percentile_exponential
    found = formula(0.99, np.array([hits]), np.array([rate * (1 - hits)]))
    assert np.quantile(times, 0.99) == pytest.approx(float(found[0]), rel=0.06)


def test_constant_services_have_a_plateau_and_a_cliff() -> None:
    hits = np.array([0.96, 0.98, 0.9899, 0.99, 0.995])
    assert tail.percentile_constant(0.99, hits, 3 * (1 - hits)).tolist() == [1, 1, 1, 0, 0]
    assert tail.percentile_constant(0.99, np.array([0.5, 0.995]), np.array([1.0, 2.0])).tolist() == [np.inf, 0]
