"""The settings of the switchboard, and which of those that were measured are on the front."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lever_runs import CONSTANTS
from switchboard_runs import board

from perflab.chapters.trade_off.switchboard_model import (
    ALL_OFF,
    CONTROLS,
    ENDS,
    FAST,
    MANY,
    PRESETS,
    RESOURCES,
    SETTINGS,
    TWENTY,
    UNTIMED,
    Place,
    across,
    bars,
    dots,
    front_of,
    front_said,
    limits_of,
    mean_ns,
    name_of,
    places,
    predict,
    settings_of,
    upright,
    ways,
)
from perflab.measure import Frame, Ratio
from perflab.systems.servers.configurable import STAGES
from perflab.systems.servers.staged_server import kind_of


def test_there_are_64_settings_each_with_a_name_of_its_own_that_the_service_takes() -> None:
    assert len(SETTINGS) == len({name_of(chosen) for chosen in SETTINGS}) == 64
    for chosen in (*SETTINGS, *PRESETS.values(), UNTIMED):
        assert {name: control.check(name, chosen[name]) for name, control in CONTROLS.items()} == chosen
        settings = settings_of(chosen)
        for stage in STAGES:
            kind = kind_of(stage).settings_type
            kind(**{name: settings[name] for name in settings.keys() & kind.__dataclass_fields__.keys()})


def test_names_say_what_is_on() -> None:
    assert name_of(ALL_OFF) == "everything off"
    assert name_of(UNTIMED) == "what waits + cache + async + pool + compression"
    assert name_of(PRESETS[FAST]) == "cache + pool"
    assert name_of(PRESETS[MANY]) == "batches of 50 + cache + async + pool + compression"


def place(name: str, more: tuple[float, float], later: tuple[float, float]) -> Place:
    return Place(name, board(900, 9.0), "", *(Ratio(sum(ends) / 2, *ends) for ends in (more, later)))  # type: ignore[arg-type]


def test_a_setting_leaves_the_front_only_where_another_is_ahead_on_both_axes_beyond_chance() -> None:
    best, worse = place("best", (2.0, 2.2), (0.5, 0.6)), place("worse", (1.0, 1.2), (0.7, 0.8))
    alike, other = place("alike", (1.9, 2.1), (0.55, 0.65)), place("other", (3.0, 3.2), (0.9, 1.0))
    assert [each.name for each in front_of([other, worse, best, alike])] == ["alike", "best", "other"]
    assert front_of([]) == []


def test_settings_are_placed_beside_the_preset_of_their_own_run() -> None:
    """A machine that was slow during one run moves no setting on the front."""
    quick, slow = board(900, 9.0), board(897, 9.04, speed=0.5, **{**UNTIMED, "cache": False})
    found = {each.name: each for each in places([quick, slow])}
    assert set(found) == {
        *map(name_of, PRESETS.values()),
        "what waits + cache + async + pool + compression",
        "what waits + async + pool + compression",
    }
    assert found["what waits + async + pool + compression"].more.value == pytest.approx(897 / 300, rel=0.01)
    assert {each.name for each in front_of(places([quick, slow]))} == {
        "cache + pool",
        "what waits + cache + async + pool + compression",
        "what waits + async + pool + compression",
    }
    xs, ys = dots([quick, slow])
    assert max(xs) == pytest.approx(450, rel=0.02) and min(ys) == pytest.approx(16e6, rel=0.02), "beside the newest run"
    assert len(across([quick, slow])[0]) == 3 * len(xs) and len(upright([quick, slow])[0]) == len(xs)
    assert front_said([quick, slow]) == "on the front: 3 of 4 settings"


def test_what_disturbed_a_whole_round_takes_no_setting_from_the_front_or_to_it() -> None:
    """The presets were measured in the same rounds, so they are compared round by round, not by intervals that are wide."""
    disturbed = np.exp(0.5 * np.linspace(-1, 1, 9))
    quiet = board(1_000, 7.0, spread=0.0)
    columns = {
        name: column * (disturbed if name.startswith(FAST) else 1.0) for name, column in quiet.frame.samples.items()
    }
    run = replace(quiet, frame=Frame(columns))
    assert places([run])[1].more.low < 600 / 300 < places([run])[1].more.high, (
        "wide, beside a preset that was disturbed"
    )
    assert name_of(PRESETS[MANY]) not in {each.name for each in front_of(places([run]))}


def test_without_rounds_enough_nothing_is_placed() -> None:
    assert places([board(900, 9.0, rounds=5)]) == [] and front_said([]) == ""
    assert dots([]) == ([], [])


def test_a_preset_that_was_chosen_is_one_place() -> None:
    assert len(places([board(300, 8.0, **PRESETS[FAST])])) == 2
    assert len(places([board(600, 28.0, **PRESETS[MANY])])) == 2


def test_ways_are_told_against_each_preset() -> None:
    assert ways(board(1_200, 7.0)) == ([1, 1], [-1, -1])
    assert ways(board(450, 8.0)) == ([1, -1], [0, -1])
    assert ways(board(600, 20.0, spread=0.2))[0] == [1, None]


def test_the_model_has_places_for_setting_and_presets_and_a_bar_for_each_resource() -> None:
    expected = predict(**UNTIMED, constants=CONSTANTS)
    assert expected.here == limits_of(UNTIMED, CONSTANTS).point
    assert expected.presets == {name: limits_of(chosen, CONSTANTS).point for name, chosen in PRESETS.items()}
    ends, rows = bars(expected)
    assert set(rows) == set(range(len(RESOURCES))) and np.nanmax(ends) <= ENDS[1]
    assert set(bars(predict(**ALL_OFF, constants=CONSTANTS))[1]) == {0, 1, 2, 3}, "no pool"


def test_by_the_model_what_waits_beats_the_preset_for_throughput_and_a_batch_of_20_does_not_fill_8_threads() -> None:
    untimed, many = (limits_of(chosen, CONSTANTS) for chosen in (UNTIMED, PRESETS[MANY]))
    assert untimed.per_s > many.per_s and untimed.alone_ns < many.alone_ns / 2
    assert limits_of({**ALL_OFF, "batching": TWENTY}, CONSTANTS).bottleneck == "threads"


def test_the_mean_of_a_closed_loop_is_that_alone_or_n_over_x() -> None:
    """Known answer: 100 clients and 327/s make 306 ms."""
    limits = limits_of(ALL_OFF, CONSTANTS)
    assert mean_ns(limits._replace(per_s=327.0), 100) == pytest.approx(306e6, rel=0.001)
    assert mean_ns(limits, 1) == limits.mean_alone_ns
