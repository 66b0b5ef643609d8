"""Lindley's recursion by the learner: right ways are accepted, wrong ones are told a queue at which they fail."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from labs import measure

from perflab.chapters.highway import lindley
from perflab.lab import Record
from perflab.measure import Frame
from perflab.theory.simulate import simulate

Numbers = list[float]


def loop(arrivals: Numbers, services: Numbers) -> Numbers:
    found = [0.0]
    for n in range(1, len(arrivals)):
        found.append(max(0.0, found[n - 1] + services[n - 1] - (arrivals[n] - arrivals[n - 1])))
    return found


def by_when_the_server_is_free(arrivals: Numbers, services: Numbers) -> Numbers:
    free, found = 0.0, []
    for arrival, service in zip(arrivals, services, strict=True):
        start = max(arrival, free)
        found.append(start - arrival)
        free = start + service
    return found


def of_numpy(arrivals: Numbers, services: Numbers) -> Any:
    walk = np.concatenate([[0], np.cumsum(np.array(services[:-1]) - np.diff(arrivals))])
    return walk - np.minimum.accumulate(walk)


def yielding(arrivals: Numbers, services: Numbers) -> Iterator[float]:
    yield from loop(arrivals, services)


def consuming(arrivals: Numbers, services: Numbers) -> Numbers:
    found, wait = [], 0.0
    last = arrivals.pop(0)
    found.append(wait)
    while arrivals:
        wait = max(0.0, wait + services.pop(0) - arrivals[0] + last)
        last = arrivals.pop(0)
        found.append(wait)
    return found


def departures(arrivals: Numbers, services: Numbers) -> tuple[float, ...]:
    left: Numbers = []
    for arrival, service in zip(arrivals, services, strict=True):
        left.append(max([arrival, *left]) + service)
    return tuple(end - service - arrival for end, arrival, service in zip(left, arrivals, services, strict=True))


def a_column(arrivals: Numbers, services: Numbers) -> Any:
    return np.array(loop(arrivals, services)).reshape(-1, 1)


def decimals(arrivals: Numbers, services: Numbers) -> Any:
    return [Decimal(repr(float(wait))) for wait in loop(arrivals, services)]


RIGHT = [loop, by_when_the_server_is_free, of_numpy, yielding, consuming, departures, a_column, decimals]


@pytest.mark.parametrize("waits", RIGHT)
def test_every_right_way_is_accepted_and_gets_its_lab(waits: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert lindley.check_waits(waits) is not None
    assert capsys.readouterr().out.startswith("Right")


def step(wait: float, arrivals: Numbers, services: Numbers, n: int) -> float:
    return wait + services[n - 1] - (arrivals[n] - arrivals[n - 1])


def recursion(one: Any) -> Any:
    def waits(arrivals: Numbers, services: Numbers) -> Numbers:
        found = [0.0]
        for n in range(1, len(arrivals)):
            found.append(one(found, arrivals, services, n))
        return found

    return waits


WRONG = {
    "open": recursion(lambda found, a, s, n: 0.0),
    "never empty": recursion(lambda found, a, s, n: step(found[n - 1], a, s, n)),
    "of the request before only": recursion(lambda found, a, s, n: max(0.0, step(0.0, a, s, n))),
    "its own service": recursion(lambda found, a, s, n: max(0.0, found[n - 1] + s[n] - (a[n] - a[n - 1]))),
    "the arrival for the gap": recursion(lambda found, a, s, n: max(0.0, found[n - 1] + s[n - 1] - a[n])),
    "the gap before": recursion(lambda found, a, s, n: max(0.0, found[n - 1] + s[n - 1] - (a[n - 1] - a[n - 2]))),
    "absolute": recursion(lambda found, a, s, n: abs(step(found[n - 1], a, s, n))),
    "response": lambda a, s: [wait + service for wait, service in zip(loop(a, s), s, strict=True)],
    "in ms": lambda a, s: [1_000 * wait for wait in loop(a, s)],
    "one too few": lambda a, s: loop(a, s)[1:],
    "nothing": lambda a, s: None,
    "nan": lambda a, s: [float("nan")] * len(a),
    "text": lambda a, s: ["long"] * len(a),
    "a number": lambda a, s: sum(loop(a, s)),
    "raises": lambda a, s: 1 / 0,
    "one argument": lambda a: a,
    "no function": [0.0, 1.0],
    "two servers": lambda a, s: simulate(a, s, 2).waits,
}


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_way_is_refused_with_what_is_wrong(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert lindley.check_waits(WRONG[name]) is None
    said = capsys.readouterr().out
    assert said.startswith("Not") and "Traceback" not in said and len(said) < 500


def record(seed: int = 1, rate: int = 50, trip: int = 10, stretch: float = 1.0) -> Record:
    generator = np.random.default_rng(seed)
    came = np.sort(generator.uniform(0, 3, 3 * rate))
    run = simulate(came, generator.exponential(trip / 1e3, came.size))
    late = np.argsort(-run.departures)
    ns = {"arrived_ns": came, "started_ns": came + stretch * (run.starts - came), "done_ns": run.departures}
    samples = {name: 5e12 + 1e9 * moments[late] for name, moments in ns.items()}
    samples |= {"latency_ns": 1e9 * run.responses[late], "lateness_ns": np.zeros(came.size)}
    return Record("lindley", {"rate": rate, "trip": trip}, 1, "", Frame(samples), 3.0, "complete")


def test_the_lab_lays_the_learners_waits_over_the_measured_ones() -> None:
    lab, run = lindley.waits_lab(loop), record()
    chart, artists = drawn(lab.charts[0])
    chart.show_model(run.parameters, lab.model(run.parameters))
    chart.show_run(run)
    real, mine = points(artists["measured"]), points(artists["yours"])
    assert len(real) == len(mine) == 150
    assert np.allclose(real, mine, atol=1e-2), "ms"
    assert artists["model: mean in the long run"].get_ydata()[0] == pytest.approx(10)
    verdict = lab.verdict(run, None)
    assert "0% apart" in verdict.text and "M/M/1" in verdict.text
    assert dict(row[:2] for row in lab.table(run, None))["requests"] == "150"


def test_where_requests_wait_for_something_else_both_part() -> None:
    run = record(stretch=0.5)
    assert "0% apart" not in lindley.waits_lab(loop).verdict(run, None).text


def test_without_an_answer_there_is_nothing_to_lay_over() -> None:
    lab, empty = lindley.waits_lab(loop), Record("lindley", {"rate": 50, "trip": 10}, 1, "")
    assert lab.verdict(empty, None).kind == "invalid" and lab.table(empty, None) == []
    chart, artists = drawn(lab.charts[0])
    chart.show_run(empty)
    assert points(artists["measured"]) == []


def test_the_model_is_silent_where_the_queue_grows() -> None:
    assert np.isnan(lindley.predict(90, 20)) and lindley.predict(50, 10) == pytest.approx(10)


@pytest.mark.clock
def test_a_real_server_waits_as_the_recursion_says() -> None:
    lab = lindley.waits_lab(loop)
    run = Record("lindley", {"rate": 50, "trip": 10}, 1, "", measure(lab, 5.0), 3.0, "complete")
    _, real, _ = lindley.measured(run)
    mine = np.array(loop(*(column.tolist() for column in lindley.measured(run)[::2])))
    assert real.mean() == pytest.approx(mine.mean(), rel=0.1, abs=5e-4)
