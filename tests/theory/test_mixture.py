"""The mixture of fast and slow calls, against a brute-force simulation."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.theory.mixture import Kind, cdf, mean, quantile

KINDS = [Kind(0.97, 10.0, 0.2), Kind(0.03, 500.0, 0.4)]


@pytest.fixture(scope="module")
def simulated() -> np.ndarray:
    generator = np.random.default_rng(11)
    slow = generator.random(400_000) < KINDS[1].share
    return np.where(
        slow,
        generator.lognormal(np.log(KINDS[1].median), KINDS[1].sigma, slow.size),
        generator.lognormal(np.log(KINDS[0].median), KINDS[0].sigma, slow.size),
    )


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.98, 0.99, 0.999])
def test_quantiles_match_the_simulation(simulated: np.ndarray, share: float) -> None:
    assert quantile([share], KINDS)[0] == pytest.approx(np.quantile(simulated, share), rel=0.03)


def test_the_mean_matches_the_simulation(simulated: np.ndarray) -> None:
    assert mean(KINDS) == pytest.approx(simulated.mean(), rel=0.01)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.96, 0.995])
def test_the_quantile_is_the_inverse_of_the_distribution_function(share: float) -> None:
    assert cdf(quantile([share], KINDS), KINDS)[0] == pytest.approx(share, abs=1e-3)


def test_one_kind_alone_is_a_plain_lognormal() -> None:
    alone = [Kind(1.0, 10.0, 0.3), Kind(0.0, 1_000.0, 0.3)]
    assert quantile([0.5], alone)[0] == pytest.approx(10.0, rel=0.005)
