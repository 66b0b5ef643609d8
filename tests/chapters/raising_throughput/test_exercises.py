"""The checks of notebook 05 say what is wrong, and accept what is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from perflab.chapters.raising_throughput import exercises
from perflab.systems.clients.routing import at_random, least_outstanding, round_robin, two_choices
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
        (np.int64(14), "Right"),
        (np.float32(13.6), "Right"),
        (True, "at least 1"),
        (np.True_, "at least 1"),
        (10**400, "at most a million"),
        ("many" * 100, "..."),
    ],
)
def test_peak(answer: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_peak(answer)
    assert said in capsys.readouterr().out


def test_the_law_through_the_three_points_has_the_peak_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    law = through(list(exercises.POINTS), list(exercises.POINTS.values()))
    exercises.check_peak(law.peak)
    assert "Right" in capsys.readouterr().out


def first_of_the_fewest(outstanding: Sequence[int], number: int, random: object) -> int:
    return outstanding.index(min(outstanding))


def numpys_fewest(outstanding: Sequence[int], number: int, random: object) -> Any:
    return np.argmin(outstanding)


@pytest.mark.parametrize("route", [least_outstanding, two_choices, first_of_the_fewest, numpys_fewest])
def test_counting_outstanding_requests_beats_chance_and_gets_a_lab(
    route: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = exercises.check_route(route)
    assert "Right" in capsys.readouterr().out
    assert lab is not None


@pytest.mark.clock
def test_the_lab_sends_where_the_learner_says(capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_route(lambda outstanding, number, random: 1 + number % 3)
    capsys.readouterr()
    assert lab is not None
    assert lab.name == "more_machines" and lab.prediction is None
    assert lab.model(lab.check({})).rates.size, "the model is that of the chosen routing"
    record = lab.run(servers=4, kind="one 4 times as slow", rate=100)
    assert set(np.unique(record.column("server"))) == {1, 2, 3}


def blind(*servers: int) -> Any:
    """Deal in turn to these servers only."""
    return lambda outstanding, number, random: servers[number % len(servers)]


@pytest.mark.parametrize("route", [at_random, round_robin, blind(1, 2, 3), blind(2, 3), blind(0, 1, 2), blind(0, 1, 3)])
def test_a_route_that_does_not_count_meets_the_slow_server_wherever_it_is(
    route: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exercises.check_route(route) is not None
    said = capsys.readouterr().out
    assert "Not done yet" in said and "Right" not in said


@pytest.mark.parametrize(
    "route",
    [
        lambda outstanding: 0,
        lambda outstanding, number, random: 4,
        lambda outstanding, number, random: None,
        lambda outstanding, number, random: outstanding[number],
        lambda outstanding, number, random: True,
        lambda outstanding, number, random: 1.0,
        lambda outstanding, number, random: outstanding.smallest(),
        lambda outstanding, number, random: number // min(outstanding),
        lambda outstanding, number, random: [number] * 10_000,
    ],
)
def test_a_route_that_cannot_be_followed_is_told_how(route: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_route(route) is None
    said = capsys.readouterr().out
    assert "returns a server's number" in said and len(said) < 300


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


def greatest_of_those_that_count(servers: Sequence[Sequence[float]]) -> float:
    total = sum(map(len, servers))
    return max(p99(each) for each in servers if len(each) >= 0.01 * total)


@pytest.mark.parametrize("function", [lie, weighted, greatest, greatest_of_those_that_count])
def test_no_arithmetic_with_percentiles_will_do(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(function)
    assert "Still wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    "function",
    [
        lambda servers: None,
        lambda servers: servers,
        lambda servers: True,
        lambda servers: float("nan"),
        lambda servers: servers + 1,
        lambda servers: servers.p99(),
        lambda: 0,
    ],
)
def test_what_is_no_answer_is_said_in_few_words(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(function)
    said = capsys.readouterr().out
    assert "Still wrong" in said and len(said) < 300


@pytest.mark.parametrize(
    "function",
    [
        mended,
        lambda servers: np.percentile(np.concatenate(servers), 99, method="inverted_cdf"),
        lambda servers: np.float32(mended(servers)),
        lambda servers: float(np.percentile(np.concatenate(servers), 99, method="nearest")),
    ],
)
def test_pooled_samples_will(function: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(function)
    assert "Right" in capsys.readouterr().out
