"""The prediction on the chart: rings for all choices, then the one that was chosen, never beyond the axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perflab.lab.chart import Axis, Chart
from perflab.lab.guesses import Guesses, times_the_first
from perflab.lab.picture import Picture
from perflab.lab.record import Record
from perflab.measure.frame import Frame

PLACES = {"1 ms": (2.0, 1.0), "5 ms": (2.0, 5.0), "50 ms": (2.0, 50.0)}
RUN = Record("any", {"x": 1}, 1, "", Frame({"latency_ns": np.array([3.0])}, {"calls": 1}), status="complete")


def chart(*marks: Guesses, y: Axis | None = None, **how: Any) -> Chart:
    return Chart("T", Axis("x", 0, 10), y or Axis("y", 0, 10), *marks, **how)


def shown(made: Picture) -> dict[str, tuple[float, float]]:
    """The rings by their texts."""
    panel: Any = made._panel
    guesses = panel._marks[-1]
    texts = [text.get_text() for text in guesses._texts if text.get_text()]
    return dict(zip(texts, zip(*guesses._rings.get_data(), strict=True), strict=True))


def picture(panel: Chart) -> Picture:
    made = Picture(panel, 500, 300, lambda png: None)
    made.show_setting({})
    return made


def test_before_the_click_each_choice_has_its_ring() -> None:
    panel = chart(Guesses(3, setting=lambda _: PLACES), empty="Something will appear here.")
    made = picture(panel)
    assert shown(made) == {"1 ms": (2, 1), "5 ms": (2, 5), "50 ms ↑": (2, 10)}, "the last one is beyond the axis"


def test_after_it_the_chosen_ring_stays_and_none_where_the_question_was_skipped() -> None:
    panel = chart(Guesses(3, setting=lambda _: PLACES), empty="Something will appear here.")
    made = picture(panel)
    made.show_answer("5 ms")
    assert shown(made) == {"you said 5 ms": (2, 5)}
    made.show_answer(None)
    assert shown(made) == {}


def test_where_the_answers_are_multiples_they_wait_for_the_first_setting() -> None:
    panel = chart(times_the_first({"twice": 2.0, "half": 0.5}, 8, lambda run: float(run.column("latency_ns")[0])))
    made = picture(panel)
    made.show_answer("twice")
    assert shown(made) == {}
    made.show_pinned(RUN)
    assert shown(made) == {"you said twice": (8, 6)}
    made.show_pinned(None)
    assert shown(made) == {}


def test_an_axis_that_grows_takes_them_along() -> None:
    y = Axis("y", 0, 10, ends=(10, 100), run_reach=lambda run: 60.0)
    panel = chart(Guesses(3, setting=lambda _: PLACES), y=y, empty="Something will appear here.")
    made = picture(panel)
    made.show_answer("50 ms")
    assert shown(made) == {"you said 50 ms ↑": (2, 10)}
    made.show_run(RUN, [RUN])
    assert shown(made) == {"you said 50 ms": (2, 50)}


@pytest.mark.parametrize(
    ("place", "arrow", "at"),
    [((-1, 5), "←", (0, 5)), ((11, 5), "→", (10, 5)), ((5, 12), "↓", (5, 10)), ((5, -3), "↑", (5, 0))],
)
def test_on_an_axis_that_begins_at_the_top_arrows_point_the_other_way(
    place: tuple[float, float], arrow: str, at: tuple[float, float]
) -> None:
    panel = chart(Guesses(1, setting=lambda _: {"it": place}), y=Axis("y", 10, 0), empty="Something will appear here.")
    made = picture(panel)
    assert shown(made) == {f"it {arrow}": at}


def test_a_chart_without_them_is_not_drawn_again_for_an_answer() -> None:
    panel = chart()
    assert not panel.follows("answer")
    assert panel.plus(Guesses(1)).follows("answer") and not panel.follows("answer")
