"""A number and its ends."""

from __future__ import annotations

import math

from perflab.measure.estimate import Estimate


def test_without_ends_there_is_no_interval() -> None:
    assert not Estimate(1.0).has_interval
    assert not Estimate(1.0, low=0.5).has_interval
    assert not Estimate(1.0, 0.0, math.inf).has_interval, "an end at infinity says nothing"
    assert Estimate(1.0, 0.5, 2.0).has_interval
