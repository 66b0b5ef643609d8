"""Retries: the condition under which a server stays down, and an event simulation as the second computation."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest

from perflab.theory.retries import offered_load, stays_down


def test_three_retries_keep_a_server_down_from_a_quarter_of_its_capacity_on() -> None:
    assert offered_load(0.5, 3) == 2.0
    assert stays_down(0.26, 3) and not stays_down(0.25, 3)
    assert stays_down(0.51, 1) and not stays_down(0.99, 0)


@pytest.mark.parametrize(("offered", "retries"), [(-0.1, 0), (0.5, -1), (math.inf, 0), (math.nan, 0)])
def test_what_cannot_be_is_refused(offered: float, retries: int) -> None:
    for formula in (offered_load, stays_down):
        with pytest.raises(ValueError, match="negative"):
            formula(offered, retries)


def share_in_time(offered: float, retries: int, stall: float, seconds: float, timeout: float, seed: int) -> float:
    """Requests that an attempt answers within the time-out, of the last third of a run; times in mean services.

    One server, first come first served, which knows nothing of time-outs; each attempt that has timed out is tried again at once.
    """
    generator = np.random.default_rng(seed)
    arrivals = np.sort(generator.uniform(0, seconds, generator.poisson(offered * seconds))).tolist()
    begins, free, good, last = seconds / 5, 0.0, 0, 0
    attempts = [(moment, 0, moment) for moment in arrivals]
    heapq.heapify(attempts)
    while attempts and attempts[0][0] < seconds:
        sent, number, first = heapq.heappop(attempts)
        start = max(free, sent)
        if begins <= start < begins + stall:
            start = begins + stall
        free = start + generator.exponential()
        if free - sent <= timeout:
            good += first > seconds * 2 / 3
        elif number < retries:
            heapq.heappush(attempts, (sent + timeout, number + 1, first))
        last += (first > seconds * 2 / 3) * (number == 0)
    return good / last


@pytest.mark.long
@pytest.mark.parametrize(
    ("offered", "retries"), [(0.5, 0), (0.5, 3), (0.15, 3), (0.35, 3), (0.3, 1), (0.7, 1), (0.8, 0)]
)
def test_the_condition_tells_a_storm_from_a_recovery(offered: float, retries: int) -> None:
    """Each 2 ms of service, time-out 40 ms, a stall of 0.3 s, 6 s in all, and away from the edge."""
    found = [share_in_time(offered, retries, 150, 3_000, 20, seed) for seed in range(10)]
    right = [share < 0.1 if stays_down(offered, retries) else share > 0.9 for share in found]
    assert sum(right) >= 9, found
