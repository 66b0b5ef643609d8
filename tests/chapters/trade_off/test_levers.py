"""The lab on levers: what is said of pairs on two loads, and what really happens on both axes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn
from lever_runs import CONSTANTS, one_load, run
from predictions import assert_each_comment_fits
from relations import assert_more, two_of_three

from perflab.chapters.trade_off import levers, service_loads
from perflab.chapters.trade_off.levers_model import AT_ONCE, CACHING, COMPRESSION, POOLING, SWITCHES, TIMED
from perflab.chapters.trade_off.plane import ALONE, BASE, PER_S
from perflab.chapters.trade_off.service_loads import FEWEST, OFF, clients_of
from perflab.measure import Frame
from perflab.systems.clients.service import Answered, Service, service

LAB = levers.lab()
PREDICTION = levers.PREDICTION


def test_the_words_tell_both_changes_both_claims_and_the_bottlenecks() -> None:
    verdict = LAB.verdict_of(run(0.3, 1.0), None)
    assert verdict.text == (
        "Caching: latency alone 0.300× (0.297–0.303), capacity practically the same. Claimed of latency: “down”, holds; of "
        "throughput: “up”, no change. Bottleneck by the model: commits (113/s) without it, commits (113/s) with it."
    )
    without_a_model = LAB.verdict_of(replace(run(0.3, 1.0), constants={}), None)
    assert "no change." in without_a_model.text and "model" not in without_a_model.text


def test_the_headline_claims_what_the_run_can_tell() -> None:
    assert LAB.found(run(0.3, 1.0), None) == "Caching: 30% of the latency alone, the same requests per second."
    assert LAB.found(run(0.3, 1.1, spread=0.2), None) == "Caching: 30% of the latency alone."
    assert LAB.found(run(1.0, 1.1, spread=0.3), None) == ""


def test_a_run_is_described_by_its_conditions() -> None:
    assert LAB.scenario is not None
    assert LAB.scenario(run(1, 1, lever=POOLING, commits=1, link=20, threads=2).parameters) == (
        "A request waits 8 ms for a database, commits once, sends 10 kB over 20 Mb/s. One client alone, then 16, without "
        "pooling and with it, in turns."
    )


def test_the_second_chart_gathers_the_levers_of_these_conditions() -> None:
    chart, artists = drawn(LAB.charts[1])
    runs = [run(2.0, 3.0, lever=TIMED), run(0.6, 3.0, lever=COMPRESSION, link=20), run(0.3, 1.0)]
    chart.show_run(runs[-1], runs)
    x, rows = artists["measured, 95%"].get_data()
    assert np.round(x, 2).tolist() == [2.0, 3.0, 0.3, 1.0]
    assert list(rows) == [0, 1, 4, 5]
    texts = [artist.get_text() for artist in artists.values() if hasattr(artist, "get_text")]
    assert texts == ["holds", "holds", "", "", "holds", "no change", *[""] * 6]


@pytest.mark.parametrize("number", range(2))
def test_each_chart_shows_run_pinned_run_and_model_and_can_be_emptied(number: int) -> None:
    chart, record = LAB.charts[number], run(0.3, 1.5)
    model = LAB.model(record.parameters, CONSTANTS)
    if number == 0:
        check_shows_all_and_can_be_emptied(chart, record, run(0.5, 2.0), record.parameters, model)
    assert chart.follows("model") and chart.follows("run")


@pytest.mark.parametrize(
    ("capacity", "spread", "outcome"),
    [
        (1.05, 0.2, levers.HARDLY),
        (0.9, 0.02, levers.HARDLY),
        (2.8, 0.1, levers.THRICE),
        (4.8, 0.05, levers.FIVE),
        (1.7, 0.2, None),
        (3.9, 0.2, None),
    ],
)
def test_the_question_is_settled_by_an_interval_that_lies_in_one_choice(
    capacity: float, spread: float, outcome: str | None
) -> None:
    found = PREDICTION.find(run(0.3, capacity, spread))
    assert (found.choice if found else None) == outcome
    if found:
        assert "latency alone 0." in found.measured
        assert_each_comment_fits(PREDICTION, found)


def test_too_few_pairs_settle_nothing() -> None:
    assert PREDICTION.find(run(0.3, 1.0, pairs=5)) is None
    assert PREDICTION.find(run(0.3, 1.0, pairs=0)) is None


def test_the_question_is_put_where_commits_are_the_bottleneck() -> None:
    (settings,) = PREDICTION.runs
    assert LAB.check({}) == settings, "and the lab starts with it"


class Scripted:
    """A service on which a request takes 10 ms without a lever, and 5 ms with one."""

    def __init__(self) -> None:
        self.is_switched: list[bool] = []
        self.loads: list[tuple[int, int]] = []

    def set(self, **settings: Any) -> None:
        self.is_switched.append(bool(settings["ttl_s"]))

    def load_in_slices(self, clients: int, seconds: float, fewest: int = 1) -> Generator[Frame, None, Answered]:
        yield from ()
        return self.load(clients, seconds, fewest)

    def load(self, clients: int, seconds: float, fewest: int = 1) -> Answered:
        self.loads.append((clients, fewest))
        took = np.full(100, 5_000_000 if self.is_switched[-1] else 10_000_000)
        return Answered(np.cumsum(took), took, 10**12)


def test_pairs_are_measured_on_both_loads_and_neither_side_always_first(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = Scripted()
    monkeypatch.setattr(levers, "service", lambda *_, **__: nullcontext(scripted))
    frames = list(LAB.experiment(lever=CACHING, commits=20, link=500, threads=8))
    assert len(frames) == 2 * levers.ROUNDS and all(frame.counts == {"calls": 200} for frame in frames)
    assert all(frames[at].samples.keys() == frames[at + 1].samples.keys() for at in range(1, len(frames) - 1, 2))
    assert {name: column.tolist() for frame in frames[:2] for name, column in frame.samples.items()} == {
        ALONE: [5e6],
        BASE + ALONE: [1e7],
        PER_S: [pytest.approx(200)],
        BASE + PER_S: [pytest.approx(100)],
    }
    warm_up, measured = scripted.is_switched[:2], scripted.is_switched[2:]
    assert warm_up == [False, True], "and nothing of it is counted"
    assert measured[:8] == [False, True, True, False] * 2
    assert scripted.loads[2:4] == [(1, FEWEST), (16, 8 + FEWEST)], "alone, then 16 clients for 8 threads"


COMMITS, LINK, SLOW_LINK, THREADS = (
    {"commits": 20, "link": 500, "threads": 16},
    {"commits": 1, "link": 10, "threads": 8},
    {"commits": 1, "link": 4, "threads": 8},
    {"commits": 1, "link": 500, "threads": 2},
)
"""The lab's own, but for the slow link: what is compressed for 10 Mb/s takes two thirds of a CPU, which others may need."""


@pytest.fixture(scope="module")
def served() -> Iterator[Service]:
    with service(clients_of(16), **OFF) as running:
        yield running


def measured(served: Service, lever: str, what: str, conditions: dict[str, int]) -> Callable[[], float]:
    """A load of the lab, on the service with a lever or, for "", without any."""
    settings = {**OFF, **service_loads.conditions(**conditions), **SWITCHES.get(lever, {})}
    return lambda: one_load(served, settings, clients_of(conditions["threads"]), what)


@pytest.mark.clock
@pytest.mark.parametrize(
    ("conditions", "what", "more", "less", "times"),
    [
        (COMMITS, PER_S, AT_ONCE, "", 1.4),
        (THREADS, ALONE, TIMED, "", 2),
        (THREADS, ALONE, "", CACHING, 2),
        (SLOW_LINK, PER_S, COMPRESSION, "", 2),
        (THREADS, PER_S, CACHING, "", 1.5),
        (THREADS, PER_S, "", TIMED, 1.5),
    ],
)
def test_the_sure_signs(
    served: Service, conditions: dict[str, int], what: str, more: str, less: str, times: float
) -> None:
    assert_more(measured(served, more, what, conditions), measured(served, less, what, conditions), times)


@pytest.mark.clock
def test_a_lever_on_what_is_not_the_bottleneck_does_nothing(served: Service) -> None:
    cached, plain = (measured(served, lever, PER_S, LINK) for lever in (CACHING, ""))
    two_of_three(
        lambda: cached() / plain(), lambda ratio: 0.8 < ratio < 1.2, "over a slow link a cache changes nothing"
    )
