"""The trail: one point for each setting, the newest."""

from __future__ import annotations

from dataclasses import replace

from perflab.lab.panels.trail import Trail
from perflab.lab.record import Record
from perflab.measure.frame import Frame

ONE = Record("any", {"workers": 1}, 1, "", Frame(), status="complete")


def test_a_setting_measured_again_moves_its_point_and_another_adds_one() -> None:
    trail = Trail()
    trail.follow(ONE, (1, 10))
    trail.follow(ONE, (1, 12))
    assert trail.follow(replace(ONE, parameters={"workers": 2}), (2, 20)) == ([1, 2], [12, 20])


def test_a_run_that_goes_on_or_has_no_point_leaves_none_and_nothing_empties_it() -> None:
    trail = Trail()
    assert trail.follow(replace(ONE, status="running"), (1, 10)) == ([], [])
    assert trail.follow(ONE, None) == ([], [])
    trail.follow(ONE, (1, 10))
    assert trail.follow(None, (1, 10)) == ([], [])


def test_with_some_parameters_free_a_change_of_another_begins_anew() -> None:
    trail = Trail(free=("workers",))
    first = replace(ONE, parameters={"workers": 1, "rate": 5})
    trail.follow(first, (1, 10))
    assert trail.follow(replace(first, parameters={"workers": 2, "rate": 5}), (2, 20)) == ([1, 2], [10, 20])
    assert trail.follow(replace(first, parameters={"workers": 2, "rate": 6}), (2, 30)) == ([2], [30])
