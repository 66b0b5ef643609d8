"""Coordinated omission: formulas against the known table and a request-by-request simulation."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.theory import omission

RATE, SERVICE, STALL, EVERY = 100.0, 0.001, 1.0, 10.0
ARRIVALS = np.arange(1_000) / RATE


def at_rank(values: np.ndarray, share: float) -> float:
    return float(np.quantile(values, share, method="inverted_cdf"))


def test_the_recursion_gives_the_known_table_to_the_digit() -> None:
    responses = omission.recursion(ARRIVALS, SERVICE, stall_start=5.0, stall=STALL) * 1e3
    for share, milliseconds in {0.9: 101, 0.95: 551, 0.99: 911, 0.999: 992, 1.0: 1001}.items():
        assert at_rank(responses, share) == pytest.approx(milliseconds, abs=1e-6)
    assert responses.mean() == pytest.approx(57.056, abs=1e-3)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99])
def test_the_open_loop_formula_is_the_recursions_limit(share: float) -> None:
    formula = omission.open_loop([share], RATE, SERVICE, STALL, EVERY, base=SERVICE)[0]
    simulated = at_rank(omission.recursion(ARRIVALS, SERVICE, 5.0, STALL), share)
    assert formula == pytest.approx(simulated, abs=1.1 / RATE)


@pytest.mark.parametrize(("rate", "service", "stall"), [(300, 0.001, 0.2), (50, 0.01, 0.1), (800, 0.0005, 0.3)])
def test_the_open_loop_formula_holds_for_other_servers(rate: float, service: float, stall: float) -> None:
    arrivals = np.arange(int(rate * 2)) / rate
    simulated = omission.recursion(arrivals, service, 0.5, stall)
    for share in (0.9, 0.95, 0.99):
        formula = omission.open_loop([share], rate, service, stall, 2.0, base=service)[0]
        assert formula == pytest.approx(at_rank(simulated, share), abs=2.5 / rate)


def test_without_a_stall_every_response_is_the_base() -> None:
    shares = np.linspace(0, 0.999, 50)
    assert omission.open_loop(shares, RATE, SERVICE, 0.0, EVERY, SERVICE) == pytest.approx(np.full(50, SERVICE))


def test_a_saturated_server_has_no_answer() -> None:
    with pytest.raises(ValueError, match="saturated"):
        omission.open_loop([0.5], 1_000, 0.001, STALL, EVERY, SERVICE)


def test_a_server_that_does_not_catch_up_between_two_stalls_has_no_answer_either() -> None:
    assert omission.open_loop([0.5], 500, 0.001, 0.2, 0.4, SERVICE)[0] == pytest.approx(0.101), "it just does"
    with pytest.raises(ValueError, match="catch up"):
        omission.open_loop([0.5], 500, 0.001, 0.201, 0.4, SERVICE)
