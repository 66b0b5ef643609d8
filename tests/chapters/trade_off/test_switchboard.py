"""The switchboard: what is said of a setting beside two presets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from lever_runs import CONSTANTS, one_load
from predictions import assert_each_comment_fits
from relations import assert_more
from switchboard_runs import board

from perflab.chapters.trade_off import service_loads, switchboard
from perflab.chapters.trade_off.plane import ALONE, PER_S
from perflab.chapters.trade_off.service_loads import Measure
from perflab.chapters.trade_off.switchboard_model import (
    ALL_OFF,
    CLIENTS,
    FAST,
    MANY,
    PRESETS,
    SETTINGS,
    UNTIMED,
    settings_of,
)
from perflab.systems.clients.service import Service, service

LAB = switchboard.lab()
PREDICTION = switchboard.PREDICTION


def test_the_words_tell_both_numbers_and_both_presets() -> None:
    assert LAB.verdict_of(board(1_200, 7.0), None).text == (
        "Alone, a request takes 7.00 ms [6.95–7.05 ms]; the capacity is 1,200/s [1,191–1,209]. Against the preset “for latency”: "
        "capacity 4.00× (3.97–4.03), latency alone 0.875× (0.868–0.882). Against the preset “for throughput”: capacity 2.00× "
        "(1.99–2.02), latency alone 0.250× (0.248–0.252)."
    )


@pytest.mark.parametrize(
    ("per_s", "alone_ms", "spread", "found"),
    [
        (
            1_200,
            7.0,
            0.01,
            "Better than both presets: 2.0× the capacity of “for throughput”, 0.88× the latency of “for latency”.",
        ),
        (
            1_200,
            8.0,
            0.01,
            "More than both presets, and no later: 2.0× the capacity of “for throughput”, 1.0× the latency of “for latency”.",
        ),
        (1_200, 30.0, 0.01, "2.0× the capacity of “for throughput”, 3.8× the latency of “for latency”."),
        (600, 7.0, 0.2, ""),
    ],
)
def test_the_headline_claims_what_the_run_can_tell(per_s: float, alone_ms: float, spread: float, found: str) -> None:
    assert LAB.found(board(per_s, alone_ms, spread), None) == found


@pytest.mark.parametrize(
    ("per_s", "alone_ms", "spread", "choice"),
    [
        (1_200, 7.0, 0.01, switchboard.BETTER),
        (1_200, 8.0, 0.01, switchboard.BETTER),
        (1_200, 12.0, 0.01, switchboard.DEARER),
        (600, 7.0, 0.01, switchboard.BETWEEN),
        (450, 20.0, 0.2, switchboard.BETWEEN),
        (650, 7.0, 0.2, None),
        (1_200, 8.0, 0.2, None),
    ],
)
def test_the_question_is_settled_on_both_axes(per_s: float, alone_ms: float, spread: float, choice: str | None) -> None:
    found = PREDICTION.find(board(per_s, alone_ms, spread))
    assert (found.choice if found else None) == choice
    if found:
        assert_each_comment_fits(PREDICTION, found)


def test_the_first_chart_has_the_setting_the_presets_and_the_front_of_what_was_tried() -> None:
    chart, artists = drawn(LAB.charts[0])
    runs = [board(288, 15.0, **ALL_OFF), board(1_200, 7.0)]
    chart.show_run(runs[-1], runs)
    assert points(artists["measured"]) == [pytest.approx((1_200, 7e6))]
    assert len(points(artists["measured before"])) == 4
    assert points(artists["Pareto front"]) == [pytest.approx((1_200, 7e6))], "it beats all others"
    texts = [artist.get_text() for artist in artists.values() if hasattr(artist, "get_text")]
    assert {FAST, MANY, "your setting", "on the front: 1 of 4 settings"} <= set(texts)


@pytest.mark.parametrize("number", range(2))
def test_each_chart_shows_run_and_model(number: int) -> None:
    chart, record = LAB.charts[number], board(1_200, 7.0)
    if number == 0:
        check_shows_all_and_can_be_emptied(
            chart, record, board(900, 9.0, cache=False), record.parameters, LAB.model(UNTIMED, CONSTANTS)
        )
    assert chart.follows("model") and chart.follows("run")


def test_the_table_has_both_numbers_of_all_three() -> None:
    rows = dict(LAB.table(board(1_200, 7.0), None)[1:])  # type: ignore[arg-type]
    assert rows["capacity"] == "1,200/s [1,191–1,209]" and rows["capacity, preset “for throughput”"].startswith("600/s")
    assert rows["latency alone, p50, preset “for latency”"].startswith("8.00 ms") and len(rows) == 6
    assert LAB.trust(board(1_200, 7.0), None)[1] == ("rounds", "9")


def test_setting_and_presets_are_measured_in_turns_on_one_service(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Any] = []

    def fake(served: object, settings: dict[str, Any], clients: int, of: str) -> Measure:
        measured.append((of, settings, clients))
        yield from ()
        return {of + ALONE: np.array([1.0]), of + PER_S: np.array([2.0])}, 3

    monkeypatch.setattr(switchboard, "service", lambda *_, **__: nullcontext(None))
    monkeypatch.setattr(switchboard, "warm_up", lambda *_: None)
    monkeypatch.setattr(switchboard, "both_loads", fake)
    frames = list(LAB.experiment(**UNTIMED))
    assert len(frames) == 3 * switchboard.ROUNDS
    sides = {"": UNTIMED, **PRESETS}
    assert measured[:3] == [(of, settings_of(chosen), CLIENTS) for of, chosen in sides.items()]
    assert [of for of, *_ in measured[3:6]] == [FAST, MANY, ""]


@pytest.fixture(scope="module")
def served() -> Iterator[Service]:
    with service(CLIENTS, **settings_of(ALL_OFF)) as running:
        service_loads.warm_up(running, {str(place): settings_of(each) for place, each in enumerate(SETTINGS[::21])}, 8)
        yield running


@pytest.mark.clock
def test_what_waits_has_more_capacity_than_everything_off_and_a_batch_with_a_timer_takes_longer_alone(
    served: Service,
) -> None:
    def column(chosen: Any, name: str) -> float:
        return one_load(served, settings_of(chosen), CLIENTS, name)

    assert_more(lambda: column(UNTIMED, PER_S), lambda: column(ALL_OFF, PER_S), 1.4)
    assert_more(lambda: column(PRESETS[MANY], ALONE), lambda: column(UNTIMED, ALONE), 1.5)
