"""The checks of notebook 05 say what is wrong, and accept what is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from perflab.chapters.raising_throughput import exercises
from perflab.systems.routing import at_random, least_outstanding, round_robin, two_choices
from perflab.theory.scaling import through


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Not done yet"),
        (0, "at least 1"),
        (float("nan"), "at least 1"),
        ("many", "at least 1"),
        (8, "it still rises"),
        (11, "with a few more"),
        (40, "with a few less"),
        (14, "Right: about 14 workers"),
        (13.6, "Right"),
    ],
)
def test_peak(answer: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_peak(answer)
    assert said in capsys.readouterr().out


def test_the_law_through_the_three_points_has_the_peak_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    law = through(list(exercises.POINTS), list(exercises.POINTS.values()))
    exercises.check_peak(law.peak)
    assert "Right" in capsys.readouterr().out


@pytest.mark.parametrize("route", [least_outstanding, two_choices])
def test_who_looks_beats_chance_and_gets_a_lab(route: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_route(route)
    assert "Right" in capsys.readouterr().out
    assert lab is not None


def test_the_lab_sends_where_the_learner_says(capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_route(lambda outstanding, number, random: 1 + number % 3)
    assert "Right" in capsys.readouterr().out
    assert lab is not None
    record = lab.run(servers=4, skew=4, rate=100)
    assert set(np.unique(record.column("server"))) == {1, 2, 3}


@pytest.mark.parametrize("route", [at_random, round_robin])
def test_who_does_not_look_is_no_better_than_chance(route: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_route(route) is not None
    assert "no better than chance" in capsys.readouterr().out


@pytest.mark.parametrize(
    "route",
    [
        lambda outstanding: 0,
        lambda outstanding, number, random: 4,
        lambda outstanding, number, random: None,
        lambda outstanding, number, random: outstanding[number],
    ],
)
def test_a_route_that_cannot_be_followed_is_told_how(route: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_route(route) is None
    assert "returns a server's number" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Not done yet"),
        ("magic", "is none of"),
        ("an index", "Not yet"),
        ("a cache", "Not yet"),
        ("a faster CPU", "Not yet"),
        ("more servers", "Not yet"),
        ("async", "Right"),
    ],
)
def test_design(answer: str | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_design(answer)
    assert said in capsys.readouterr().out


def p99(times: Sequence[float]) -> float:
    return sorted(times)[int(0.99 * len(times))]


def lie(servers: Sequence[Sequence[float]]) -> float:
    return sum(map(p99, servers)) / len(servers)


def weighted(servers: Sequence[Sequence[float]]) -> float:
    return sum(p99(each) * len(each) for each in servers if each) / sum(map(len, servers))


def greatest(servers: Sequence[Sequence[float]]) -> float:
    return max(p99(each) for each in servers if each)


def mended(servers: Sequence[Sequence[float]]) -> float:
    return p99([time for each in servers for time in each])


@pytest.mark.parametrize("function", [lie, weighted, greatest, lambda servers: None])
def test_no_arithmetic_with_percentiles_will_do(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(function)
    assert "Still wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    "function", [mended, lambda servers: float(np.percentile(np.concatenate(servers), 99, method="nearest"))]
)
def test_pooled_samples_will(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(function)
    assert "Right" in capsys.readouterr().out
