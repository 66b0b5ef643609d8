"""A rule that reads a mean response time: what it advises, and whether the preset that it names is the better one."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from lever_runs import CONSTANTS
from predictions import assert_each_comment_fits
from switchboard_runs import MEANS_MS, ruled

from perflab.chapters.trade_off import advice
from perflab.chapters.trade_off.advice_model import (
    CLIENTS,
    COMMITS,
    MEAN,
    NO_LEVER,
    ROWS,
    SIDES,
    advice_for,
    advice_in_rows,
    advised,
    changes_of,
    clients_said,
    commits_said,
    other_than,
    predict,
)
from perflab.chapters.trade_off.plane import PER_S
from perflab.chapters.trade_off.service_loads import FEWEST
from perflab.chapters.trade_off.switchboard_model import FAST, MANY
from perflab.measure import Frame, merge
from perflab.systems.clients.service import Answered

LAB = advice.lab()
PREDICTION = advice.PREDICTION
ONE = dict(zip(SIDES, (16.4, 10.1, 29.1, 8.6), strict=True))


def test_the_rule_reads_the_mean_and_nothing_else() -> None:
    assert advice_for(201e6) == FAST and advice_for(200e6) == MANY
    assert other_than(FAST) == MANY and other_than(MANY) == FAST
    assert advised(ruled()) == FAST and advised(ruled(ONE, clients=1)) == MANY
    assert advised(ruled({**MEANS_MS, NO_LEVER: 200.0})) is None, "too close to its limit"
    assert advised(ruled(rounds=0)) is None and advised(ruled(rounds=3)) == FAST


@pytest.mark.parametrize(
    ("means", "clients", "found"),
    [
        (
            MEANS_MS,
            100,
            "With 100 clients the mean is 306 ms, so the rule says “latency”; the other preset is 1.8× as fast.",
        ),
        (ONE, 1, "With 1 client the mean is 16 ms, so the rule says “throughput”; the other preset is 2.9× as fast."),
        (
            {**ONE, MANY: 5.0},
            1,
            "With 1 client the mean is 16 ms, so the rule says “throughput”, and that preset is 2.0× as fast as the other.",
        ),
        (
            {**ONE, MANY: 10.1},
            1,
            "With 1 client the mean is 16 ms, so the rule says “throughput”; both presets are practically the same.",
        ),
    ],
)
def test_the_headline_says_whether_the_advice_was_the_wrong_way_round(
    means: dict[str, float], clients: int, found: str
) -> None:
    assert LAB.found(ruled(means, 0.001, clients=clients), None) == found
    assert len(found) <= 120


def test_the_words_tell_the_mean_the_advice_and_both_presets() -> None:
    assert LAB.verdict_of(ruled(), None).text == (
        "100 clients: mean 306 ms [303–309 ms] with everything off, so the rule says “latency”. The preset “for latency” against "
        "the other one: requests/s 0.560× (0.549–0.571), mean response time 1.79× (1.75–1.82)."
    )
    assert "too close to the limit" in LAB.verdict_of(ruled({**MEANS_MS, NO_LEVER: 200.0}), None).text
    rows = LAB.table(ruled(), None)
    assert rows[1][1] == "“latency”" and len(rows) == 2 + len(SIDES)
    assert clients_said(ruled()) == "100; 100; 100; 100"
    assert commits_said(ruled()) == "8.0; 8.0; 0.020; 0.040"
    assert commits_said(ruled()) in dict(LAB.trust(ruled(), None)).values()


@pytest.mark.parametrize(
    ("many", "spread", "choice"),
    [(168.0, 0.01, MANY), (600.0, 0.01, FAST), (300.0, 0.001, advice.SAME), (290.0, 0.2, None)],
)
def test_the_question_is_settled_by_the_shorter_mean(many: float, spread: float, choice: str | None) -> None:
    found = PREDICTION.find(ruled({**MEANS_MS, MANY: many}, spread))
    assert (found.choice if found else None) == choice
    if found:
        assert_each_comment_fits(PREDICTION, found)


def test_charts_show_the_means_their_changes_and_the_advice() -> None:
    chart, artists = drawn(LAB.charts[0])
    chart.show_run(ruled(), [ruled(ONE, clients=1), ruled()])
    assert points(artists["for throughput"]) == [pytest.approx((100, 168e6), rel=0.01)]
    changed = changes_of(ruled())
    assert list(changed) == list(ROWS) and changed["for throughput · requests/s"].value == pytest.approx(
        306 / 168, rel=0.01
    )
    assert advice_in_rows([ruled()]) == ["advised", "advised", "", "", "", ""] and set(advice_in_rows([])) == {""}


def test_the_model_is_a_closed_loop() -> None:
    """X · R = N, and with one client R is that of a request alone."""
    for clients in (1, 100):
        model = predict(clients, 8, CONSTANTS)
        for name in ("for latency", "for throughput", "without a timer"):
            mean, rate = (model.changes[f"{name} · {what}"].value for what in ("mean", "requests/s"))
            assert mean * rate == pytest.approx(1)
    assert model.means[NO_LEVER][-1] == pytest.approx(10 * np.interp(10, CLIENTS, model.means[NO_LEVER]), rel=0.25)
    few = predict(1, 8, CONSTANTS)
    assert few.changes["for throughput · mean"].value > few.changes["for latency · mean"].value, (
        "alone a timer is a loss"
    )
    assert model.changes["for throughput · mean"].value < model.changes["for latency · mean"].value


class Scripted:
    """A service on which each of the clients gets a reply every 10 ms."""

    def __init__(self) -> None:
        self.loads: list[tuple[int, int]] = []
        self.replies = 0

    def set(self, **settings: Any) -> None:
        self.settings = settings

    def load(self, clients: int, seconds: float) -> None: ...

    def commits(self) -> int:
        return self.settings["rows"] * self.replies

    def load_in_slices(self, clients: int, seconds: float, fewest: int) -> Generator[Frame, None, Answered]:
        self.loads.append((clients, fewest))
        yield Frame()
        turns = np.repeat(np.arange(1, 5) * 10_000_000, clients)
        self.replies += turns.size
        return Answered(turns, np.full(turns.size, 10_000_000), 10**9)


def test_the_first_turn_of_the_clients_is_left_out_and_all_settings_are_measured_in_each_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted = Scripted()
    monkeypatch.setattr(advice, "service", lambda *_, **__: nullcontext(scripted))
    frames = [frame for frame in LAB.experiment(clients=100, commits=8) if frame.counts]
    assert len(frames) == len(SIDES) * advice.ROUNDS
    first = merge(frames[: len(SIDES)])
    assert first.samples[NO_LEVER + MEAN].tolist() == [1e7]
    assert first.samples[MANY + PER_S].tolist() == [pytest.approx(10_000)]
    assert first.samples[NO_LEVER + COMMITS].tolist() == [8]
    assert scripted.loads[:4] == [(100, 108 + FEWEST), (100, 108 + FEWEST), (100, 200 + FEWEST), (100, 200 + FEWEST)]
