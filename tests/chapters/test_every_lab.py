"""What is promised of every lab: each control changes the model and the measurement, each stays within its limits."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import corpus
import numpy as np
import pytest
from corpus import CONTROLS, LABS, READ, constants, record_of
from effects import PAIRS, SAYS, changes, is_effect
from headlines import FINDING_LETTERS, SCENARIO_LETTERS
from labs import SEED, calibrations_of
from relations import late_wakeups_ms, two_of_three
from scripted import Stage

from perflab.lab import new_run
from perflab.lab.controls import Slider
from perflab.lab.guesses import Guesses
from perflab.lab.measuring import STOP_S
from perflab.lab.picture import Picture, align
from perflab.lab.protocol import Ended, Finished
from perflab.lab.session import REST_S
from perflab.lab.verdict import INVALID
from perflab.lab.view import HEIGHT, WIDTH
from perflab.measure.frame import Frame

ASKING = [name for name, lab in LABS.items() if lab().prediction is not None]
MEASURED = [each for each in CONTROLS if each not in READ]
SLICE_LIMIT_S = STOP_S + 0.1
LATE_MS = 2.0
"""A third of what a question bears (a fifth of its shortest delay): a generator has work of its own besides."""
STEPS, STEP_LIMIT = 6, 10.0
LEAST_OF_THE_HEIGHT = 0.45
"""For the axes, where a legend of three rows stands below."""
QUESTION_LETTERS = 240
"""Two lines, one and one at 1280 × 720, counted in the browser."""


def test_there_are_labs_with_controls() -> None:
    assert len(LABS) >= 5
    assert len(CONTROLS) >= 11


@pytest.mark.parametrize("name", LABS)
def test_questions_and_labels_are_there(name: str) -> None:
    lab = LABS[name]()
    assert lab.question.endswith("?")
    assert lab.code.startswith("def ")
    for control in lab.controls.values():
        assert len(control.values) >= 2
        if isinstance(control, Slider):
            assert control.unit, "a number without a unit says nothing"


@pytest.mark.long
@pytest.mark.parametrize("name", LABS)
def test_axes_have_room_and_no_text_of_an_empty_chart_is_cut_off(name: str) -> None:
    """What may stand on a chart later, such as the rings of a question, takes no room away."""
    charts = LABS[name]().charts
    height = round(HEIGHT * max(each.height for each in charts))
    widths = [round(WIDTH * chart.width / sum(each.width for each in charts)) for chart in charts]
    pictures = [Picture(chart, width, height, lambda png: None) for chart, width in zip(charts, widths, strict=True)]
    align(pictures)
    for picture in pictures:
        shown: Any = picture._panel
        axes, (right, top) = picture._axes, picture._figure.bbox.max
        assert picture._frame.height >= LEAST_OF_THE_HEIGHT
        for label in (axes.xaxis.label, axes.yaxis.label):
            if label.get_text():
                place = label.get_window_extent()
                assert place.x0 >= -1 and place.y0 >= -1 and place.x1 <= right + 1 and place.y1 <= top + 1, label
        for text in (shown.title, shown.empty):
            shown._text.set_text(text)
            assert shown._text.get_window_extent().x1 <= right, text


@pytest.mark.parametrize("name", LABS)
def test_a_lab_has_headlines_of_which_a_question_is_two_lines_at_most_and_what_is_done_one(name: str) -> None:
    lab = LABS[name]()
    assert lab.finding is not None and lab.scenario is not None
    question = lab.question if lab.prediction is None else lab.prediction.question
    assert len(question) <= QUESTION_LETTERS, question
    for control, values in ((name, control.values) for name, control in lab.controls.items()):
        for value in values:
            said = lab.scenario({**lab.first, control: value})
            assert said.endswith(".") and len(said) <= SCENARIO_LETTERS, said


@pytest.mark.clock
@pytest.mark.parametrize(("name", "control"), MEASURED)
def test_each_control_changes_the_measurement(name: str, control: str) -> None:
    says = SAYS.get((name, control))
    pairs = [changes(corpus.pair(name, control), says)]
    # Where one pair does not say it, the machine may have become quicker or slower in between: more of them do.
    while not is_effect(pairs):
        assert len(pairs) < PAIRS, [
            max(pair.items(), key=lambda item: abs(np.log(item[1])), default=None) for pair in pairs
        ]
        pairs.append(changes(corpus.pair_again(name, control), says))


@pytest.mark.clock
@pytest.mark.parametrize("name", LABS)
def test_each_control_moves_model_picture_and_words(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the browser, through the widgets; the worker's part is a run of the corpus, hence with its seed."""
    monkeypatch.setattr(new_run.secrets, "randbits", lambda _: SEED)
    stage, lab = Stage(LABS[name]), LABS[name]()
    session, view = stage.shown(lab)
    for arguments in calibrations_of(lab):
        session.calibration.learn(arguments, constants(name) or {})
    session.predict(None)
    stage.settle()
    play(stage, corpus.run(name).frame)
    for control in lab.controls:
        near, far = corpus.settings(name, control)
        session.run(near)
        stage.settle()
        play(stage, corpus.pair(name, control).near.frame)
        session.redraw_model()  # a draft, as the next picture is: what differs then is what it shows
        before = pictures(view)
        view._controls[control].value = far[control]
        stage.settle()
        assert pictures(view) != before, f"{control}: the model does not follow"
        drawn, words = pictures(view), said(view)
        if lab.starts_by_button:
            view._buttons.children[0].click()
        stage.wait(REST_S)
        assert stage.starts()[-1].parameters == far
        play(stage, corpus.pair(name, control).far.frame)
        assert pictures(view) != drawn, f"{control}: the run is not shown"
        assert said(view) != words, f"{control}: the words do not follow"
        assert view._fault.value == "", view._fault.value
    session.close()
    stage.settle()


def play(stage: Stage, frame: Frame) -> None:
    """The worker brings a whole run in one slice, and ends it."""
    number = stage.starts()[-1].run
    stage.slice(frame=frame)
    stage.answer(Ended(number))
    stage.answer(Finished(number, None))


def pictures(view: Any) -> list[bytes]:
    return [image.png for image in view._images]


def said(view: Any) -> tuple[str, str, str]:
    return view._verdict.value, view._table.value, view._trust.value


@cache
def pictures_of(name: str) -> tuple[list[Picture], list[bytes]]:
    """A picture of each chart, and what they delivered: to lay one out takes far longer than to redraw it."""
    drawn: list[bytes] = []
    return [Picture(panel, 400, 250, drawn.append) for panel in LABS[name]().charts], drawn


@pytest.mark.clock
@pytest.mark.parametrize(("name", "control"), sorted(READ))
def test_a_control_of_how_a_run_is_read_changes_the_picture_of_one_and_the_same_run(name: str, control: str) -> None:
    pictures, drawn = pictures_of(name)
    lab = LABS[name]()
    measured = corpus.run(name, length=(1.2, 2))
    seen = []
    for value in (lab.controls[control].values[0], lab.controls[control].values[-1]):
        drawn.clear()
        record = record_of(lab, {control: value}, measured)
        for picture in pictures:
            picture.show_run(record, [record])
            picture.draw()
        seen.append(list(drawn))
    assert seen[0] != seen[1]


def test_what_counts_as_an_effect() -> None:
    calm = {"calls": 1.1, "latency_ns at 0.5": 0.9}
    assert not is_effect([calm])
    assert is_effect([{**calm, "calls": 6.0}]) and is_effect([{**calm, "calls": 0.15}])
    slow, quick = {"latency_ns at 0.5": 1.6}, {"latency_ns at 0.5": 0.7}
    assert not is_effect([slow]), "a machine does that by itself"
    assert not is_effect([slow, slow, quick]) and not is_effect([slow, slow, calm])
    assert is_effect([slow, slow, slow]) and is_effect([quick, quick, quick])
    assert is_effect([slow, quick, slow, slow, slow]) and is_effect([quick, calm, quick, quick, quick])
    assert not is_effect([slow, quick, slow, calm, slow]) and not is_effect([slow, slow, calm, slow])
    large = {"latency_ns at 0.5": 2.6}
    assert is_effect([large, large]) and not is_effect([large]) and not is_effect([large, slow])


def test_what_is_compared() -> None:
    low = Frame({"latency_ns": np.full(10, 4.0), "lateness_ns": np.ones(10), "busy": np.zeros(3)}, {"failed": 0})
    high = Frame({"latency_ns": np.full(30, 2.0), "lateness_ns": np.ones(90), "x2": np.ones(7)}, {"failed": 5})
    measured = [corpus.Measured(frame, (0.1,)) for frame in (low, high)]
    assert changes(corpus.Pair(*measured)) == {
        "failed": 5,
        "number of latency_ns": 3,
        "latency_ns at 0.25": 0.5,
        "latency_ns at 0.5": 0.5,
        "latency_ns at 0.9": 0.5,
        "number of busy": 1 / 3,
        "hits or numbers above 0 of latency_ns": 3,
        "hits or numbers above 0 of busy": 1.0,
        "hits or numbers above 0 of x2": 7,
        "zeros of latency_ns": 1,
        "zeros of busy": 1 / 3,
        "zeros of x2": 1,
        "busy": 1 / 3,
        "number of x2": 7,
        "x2": 3,
    }
    assert changes(corpus.Pair(*measured), lambda frame: frame.samples["latency_ns"].max())["<lambda>"] == 0.5


@pytest.mark.clock
@pytest.mark.parametrize("name", LABS)
def test_a_models_step_is_cheap_while_any_control_is_dragged(name: str) -> None:
    """CPU time, beside that of a loop which takes a few ms everywhere: no wall time is judged."""
    two_of_three(
        lambda: dearest_step(name), lambda found: found[0] < STEP_LIMIT, "a model's step in times of the loop's"
    )


def dearest_step(name: str) -> tuple[float, str]:
    """Of the controls the one with the dearest median step, its model computed anew at several values; and which it is."""
    lab, known = LABS[name](), constants(name)
    module, loop_s, found = sys.modules[lab.predict.__module__], cpu_s(a_short_loop), []
    for control in lab.controls:
        for cached in vars(module).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()
        values = lab.controls[control].values
        places = np.linspace(0, len(values) - 1, min(STEPS, len(values))).astype(int)
        settings = [lab.check({control: values[place]}) for place in places]
        steps_s = [cpu_s(partial(lab.model, setting, known)) for setting in settings]
        found.append((float(np.median(steps_s)) / loop_s, control))
    return max(found)


def a_short_loop() -> None:
    """What no model's step should take many times longer than: some milliseconds of plain Python."""
    left = 0.0
    for number in range(40_000):
        left = left + 1.0 if left < number else 0.0


def cpu_s(do: Callable[[], object]) -> float:
    """CPU time of doing it once."""
    started = time.process_time()
    do()
    return time.process_time() - started


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name, lab in LABS.items() if any(calibrations_of(lab()))])
def test_what_is_not_calibrated_yet_can_be_drawn(name: str) -> None:
    lab = LABS[name]()
    for arguments in calibrations_of(lab):
        chosen = lab.check(arguments)
        unknown = lab.model(chosen, {})
        for chart in lab.charts:
            Picture(chart, WIDTH, HEIGHT, lambda _: None).show_model(chosen, unknown)


def test_some_labs_calibrate_what_is_chosen() -> None:
    assert sum(any(calibrations_of(lab())) for lab in LABS.values()) >= 2


@pytest.mark.clock
@pytest.mark.parametrize("name", LABS)
def test_slices_are_short_enough_to_be_stopped_between(name: str) -> None:
    for control in (control for lab, control in MEASURED if lab == name):
        pairs = [corpus.pair(name, control)]
        # The shortest slice of a run, and of three runs: what a busy machine adds to a slice is not the lab's doing.
        while (
            longest_s := max(min(runs) for runs in zip(*map(shortest_slices_s, pairs), strict=True))
        ) >= SLICE_LIMIT_S:
            assert len(pairs) < PAIRS, f"{control}: a slice takes {longest_s:.2f} s"
            pairs.append(corpus.pair_again(name, control))


def shortest_slices_s(pair: corpus.Pair) -> tuple[float, float]:
    """Of the run at the start and of the far one, without the first slice, which has the preparations."""
    near, far = (min(run.slices_s[1:], default=0.0) for run in (pair.near, pair.far))
    return near, far


@pytest.mark.clock
@pytest.mark.parametrize("name", LABS)
def test_verdict_and_tables_speak_about_a_real_run(name: str) -> None:
    lab = LABS[name]()
    record = record_of(lab, {}, corpus.run(name))
    assert len(lab.verdict_of(record, None).text) > 20
    assert lab.verdict_of(record, record).text
    assert len(lab.found(record, None)) <= FINDING_LETTERS
    rows = lab.table(record, None)
    assert len(rows) >= 2
    assert all(isinstance(cell, str) for row in (*rows, *lab.trust(record, None)) for cell in row)


@pytest.mark.parametrize("name", ASKING)
def test_each_choice_is_an_outcome_or_is_said_to_be_impossible(name: str) -> None:
    lab, prediction = LABS[name](), corpus.question(name)
    assert prediction.question.rstrip(" …").endswith(("?", "about", "is")), "it is answered by one of the choices"
    assert 1 <= len(prediction.runs) <= 2
    for settings in prediction.runs:
        lab.check(settings)
    assert len(prediction.choices) >= 2
    possible = [choice for choice, answer in prediction.choices.items() if answer.reason]
    assert possible
    for choice, answer in prediction.choices.items():
        assert answer.reason == "" or answer.reason.endswith(".")
        if possible != [choice]:  # where nothing else can be measured, it is never wrong
            assert answer.misconception.endswith((".", "?")), choice


@pytest.mark.long
@pytest.mark.parametrize("name", ASKING)
def test_rings_are_choices_of_the_question_and_their_texts_stand_apart(name: str) -> None:
    lab = LABS[name]()
    for chart in lab.charts:
        rings: list[Any] = [mark for mark in getattr(chart, "_marks", ()) if isinstance(mark, Guesses)]
        if not any(mark._setting for mark in rings):
            continue
        width = round(WIDTH * chart.width / sum(each.width for each in lab.charts))
        picture: Any = Picture(chart, width, HEIGHT, lambda png: None)
        picture.show_setting(lab.first)
        if lab.calibrate is None:
            picture.show_model(lab.first, lab.model(lab.first))
        picture.draw()
        texts = [text for mark in picture._panel._marks if isinstance(mark, Guesses) for text in mark._texts]
        said = [text.get_text().rstrip(" ←→↑↓") for text in texts if text._box is not None]
        assert said or lab.calibrate is not None, "a chart that is not empty before a run begins with its model"
        assert sorted(said) == sorted(set(said) & set(corpus.question(name).choices))
        boxes = [text._box for text in texts if text._box is not None]
        for (left, bottom, right, top), other in itertools.combinations(boxes, 2):
            assert right <= other[0] or other[2] <= left or top <= other[1] or other[3] <= bottom, said


@pytest.mark.clock
@pytest.mark.parametrize("name", ASKING)
def test_a_click_on_any_choice_settles_the_question(name: str) -> None:
    lab, prediction, click = LABS[name](), corpus.question(name), corpus.click(name)
    outcome = click.outcome
    if outcome is None and any(lab.verdict_of(each, None).kind == INVALID for each in click.records):
        late_ms = late_wakeups_ms()
        if late_ms > LATE_MS:
            pytest.skip(f"this machine is too busy to send anything in time: a sleep ends {late_ms:.1f} ms late (p99)")
    assert outcome is not None, [str(lab.verdict_of(record, None)) for record in click.records]
    assert prediction.choices[outcome.choice].reason, f"{outcome.choice} was measured, and is said to be impossible"
    for answer in (*prediction.choices, None):
        assert outcome.measured in prediction.comment(answer, outcome)


@pytest.mark.clock
@pytest.mark.parametrize("name", LABS)
def test_a_run_that_was_stopped_before_its_first_sample_borrows_no_numbers_from_the_pinned_run(name: str) -> None:
    lab = LABS[name]()
    pinned = record_of(lab, {}, corpus.run(name))
    stopped = replace(pinned, frame=Frame(), measured_s=0.0, status="stopped", sizes={})
    assert lab.verdict_of(stopped, pinned).text
    for table in (lab.table, lab.trust):
        rows = table(stopped, pinned)
        assert rows == table(stopped, None) or rows[0] == ("", "pinned run"), (
            "a number of the pinned run without its name"
        )
