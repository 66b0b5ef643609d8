"""A replay opens below the chart, plays on the conductor's clock, and never draws while anything is measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from replayed import few_moments
from scripted import Stage

from perflab.lab import Lab, log_slider
from perflab.lab.protocol import Ended, Finished
from perflab.lab.replay import MEASURING, NOTHING, PAUSE, PLAY, REPLAY, STEPS, TICK_S, Player, Replay, areas_text
from perflab.lab.scene import Film, Scene
from perflab.lab.session import REST_S
from perflab.lab.view import View
from perflab.measure.frame import Frame

FILM = Film(few_moments())
SLOWER = 20


def experiment(rows: int) -> Iterator[Frame]:
    yield Frame({"latency_ns": np.full(5, 100.0 * rows)})


def make_lab(**changes: Any) -> Lab:
    parts: dict[str, Any] = {
        "question": "How long do they wait?",
        "experiment": experiment,
        "controls": {"rows": log_slider(1, 1000, 10)},
        "charts": (),
        "moments": lambda record: few_moments(),
    }
    return Lab(**{**parts, **changes})


@pytest.fixture
def stage() -> Stage:
    return Stage(make_lab)


def begin(stage: Stage, view: View, rows: int = 20) -> None:
    view._controls["rows"].value = rows
    stage.settle()
    stage.wait(REST_S)


def measure(stage: Stage, view: View, rows: int = 20) -> None:
    begin(stage, view, rows)
    stage.slice()
    stage.answer(Ended(stage.starts()[-1].run))
    stage.answer(Finished(stage.starts()[-1].run, None))


def press_replay(stage: Stage, view: View) -> Replay:
    next(button for button in view._buttons.children if button.description == REPLAY).click()
    stage.settle()
    return view._replay


def opened(stage: Stage) -> tuple[View, Replay, Player]:
    """The replay of a run that has just been measured."""
    _, view = stage.shown(make_lab())
    measure(stage, view)
    replay = press_replay(stage, view)
    assert replay.player is not None
    return view, replay, replay.player


def press(stage: Stage, player: Player) -> None:
    player.play.click()
    stage.settle()


def said_at(at_s: float) -> str:
    return Scene(FILM, at_s).text()


def test_a_lab_whose_records_tell_no_moments_has_no_replay(stage: Stage) -> None:
    _, view = stage.shown(make_lab(moments=None))
    assert view._replay.actions == {}
    assert REPLAY not in [button.description for button in view._buttons.children]


def test_nothing_is_made_before_it_is_opened_and_nothing_is_left_when_it_is_closed(stage: Stage) -> None:
    read: list[Any] = []
    _, view = stage.shown(make_lab(moments=lambda record: read.append(record) or few_moments()))  # type: ignore[func-returns-value]
    measure(stage, view)
    assert view._replay.widget.children == () and not read
    replay = press_replay(stage, view)
    assert len(read) == 1 and len(replay.widget.children) == 1
    (shown,) = replay.widget.children
    press_replay(stage, view)
    assert replay.widget.children == () and replay.player is None
    assert shown.comm is None and all(child.comm is None for child in shown.children)


def test_before_the_first_run_and_of_a_record_without_moments_there_is_nothing_to_see(stage: Stage) -> None:
    _, view = stage.shown(make_lab(moments=lambda record: None))
    for _ in range(2):
        (said,) = press_replay(stage, view).widget.children
        assert said.value == NOTHING
        press_replay(stage, view)
        measure(stage, view, rows=50)


def test_it_opens_at_the_first_moment_and_says_it_in_words(stage: Stage) -> None:
    _, _, player = opened(stage)
    assert player.text.value == said_at(0.0) and player.moment.value == 0
    assert player.image.png.startswith(b"\x89PNG") and not player.is_playing
    assert all(widget.description for widget in (player.play, player.moment, player.slowness))


@pytest.mark.long
def test_it_plays_so_many_times_slower_than_it_was(stage: Stage) -> None:
    _, _, player = opened(stage)
    press(stage, player)
    assert player.play.description == PAUSE
    pictures = []
    for _ in range(199):
        stage.wait(TICK_S)
        pictures.append(player.image.png)
    assert player.text.value == said_at(199 * TICK_S / SLOWER)
    assert player.moment.value == round(STEPS * 199 * TICK_S / SLOWER)
    assert len(set(pictures)) > 100
    player.slowness.value = 5
    stage.wait(TICK_S)
    assert player.text.value == said_at(199 * TICK_S / SLOWER + TICK_S / 5)


def test_a_late_picture_does_not_make_it_slower_still(stage: Stage) -> None:
    _, _, player = opened(stage)
    press(stage, player)
    stage.wait(4.6)
    assert player.text.value == said_at(4.6 / SLOWER)


def test_pause_keeps_the_moment_and_play_goes_on_from_it(stage: Stage) -> None:
    _, _, player = opened(stage)
    press(stage, player)
    stage.wait(2.4)
    press(stage, player)
    assert player.play.description == PLAY
    stage.wait(60.0)
    assert player.text.value == said_at(0.12)
    press(stage, player)
    stage.wait(2.4)
    assert player.text.value == said_at(0.24)


def test_the_slider_goes_to_any_moment_and_pauses(stage: Stage) -> None:
    _, _, player = opened(stage)
    press(stage, player)
    stage.wait(2.4)
    for value in (50, 150, 275):
        player.moment.value = value
    stage.settle()
    assert player.text.value == said_at(0.55) and not player.is_playing
    stage.wait(60.0)
    assert player.text.value == said_at(0.55)


def test_it_ends_with_the_run_and_begins_anew(stage: Stage) -> None:
    _, _, player = opened(stage)
    press(stage, player)
    stage.wait(60.0)
    assert player.text.value == said_at(1.0) and player.moment.value == STEPS and player.play.description == PLAY
    press(stage, player)
    stage.wait(TICK_S)
    assert player.text.value == said_at(TICK_S / SLOWER)


def test_nothing_is_drawn_while_another_lab_measures(stage: Stage) -> None:
    _, _, player = opened(stage)
    _, other = stage.shown(make_lab())
    press(stage, player)
    begin(stage, other)
    drawn = player.image.png
    stage.wait(1.0)
    assert player.image.png is drawn and not player.is_playing
    assert player.text.value == MEASURING.format(PLAY) and player.play.description == PLAY
    press(stage, player)
    player.moment.value = 350
    stage.settle()
    assert player.image.png is drawn and not player.is_playing
    stage.slice()
    stage.answer(Ended(stage.starts()[-1].run))
    stage.answer(Finished(stage.starts()[-1].run, None))
    press(stage, player)
    assert player.is_playing and player.image.png is not drawn


def test_a_new_run_closes_it_and_it_does_not_open_before_that_is_over(stage: Stage) -> None:
    view, replay, player = opened(stage)
    press(stage, player)
    begin(stage, view, rows=50)
    stage.slice()
    assert replay.player is None and replay.widget.children == () and not player.is_playing
    (said,) = press_replay(stage, view).widget.children
    assert said.value == MEASURING.format(REPLAY)
    stage.answer(Ended(stage.starts()[-1].run))
    stage.answer(Finished(stage.starts()[-1].run, None))
    assert replay.widget.children == ()
    assert press_replay(stage, view).player is not None


@pytest.mark.long
def test_reset_and_close_take_it_away(stage: Stage) -> None:
    session, view = stage.shown(make_lab())
    measure(stage, view)
    replay = press_replay(stage, view)
    session.reset()
    stage.settle()
    assert replay.widget.children == ()
    measure(stage, view, rows=50)
    player = press_replay(stage, view).player
    assert player is not None
    press(stage, player)
    session.close()
    stage.settle()
    assert player.image.widget.comm is None and replay.player is None
    stage.wait(1.0)


def test_the_areas_are_said() -> None:
    assert "2.58 cut by time, 2.58 cut by request" in areas_text(FILM)
    assert "L = λW = 2.58 requests" in areas_text(FILM)


def test_what_was_wished_before_it_closed_is_not_done_after_it(stage: Stage) -> None:
    view, _, player = opened(stage)
    press(stage, player)
    stage.wait(2.4)
    next(button for button in view._buttons.children if button.description == REPLAY).click()
    player.play.click()
    player.moment.value = 450
    drawn = player.image.png
    stage.settle()
    stage.wait(1.0)
    assert player.image.png is drawn and not player.is_playing


def test_what_goes_wrong_in_a_picture_is_said_in_the_lab(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    view, _, player = opened(stage)
    press(stage, player)
    monkeypatch.setattr(Scene, "text", lambda scene: 1 / 0)
    stage.wait(TICK_S)
    assert "division by zero" in view._details.outputs[0]["text"]
    stage.wait(1.0)
