"""Labels on the lines: where they stand, that they are readable, and what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perflab.lab import labels, palette
from perflab.lab.chart import Axis, Chart
from perflab.lab.labels import CONTRAST, MAX_KEPT, Beside, readable
from perflab.lab.marks import Label, Line
from perflab.lab.picture import CRISP, DRAFT, Picture

X, Y = Axis("x", 0, 10), Axis("y", 0, 10)
RISING, FALLING, FLAT = ([0, 10], [0, 10]), ([0, 10], [10, 0]), ([0, 10], [5, 5])


def placed(*marks: Any, x: Axis = X, y: Axis = Y) -> tuple[Picture, list[Any]]:
    """A picture of marks that show what `model` 1 gives, and the place of each label in data: left, bottom, right, top."""
    picture = Picture(Chart("", x, y, *marks), 500, 300, lambda png: None)
    picture.show_model({}, 1)
    return picture, places(picture)


def places(picture: Picture) -> list[Any]:
    axes: Any = picture._axes
    boxes = [text._box for text in axes.texts if isinstance(text, Beside)]
    to_data = axes.transData.inverted().transform
    return [None if box is None else (*to_data(box[:2]), *to_data(box[2:])) for box in boxes]


def named(curve: Any, at: Any, side: Any = "above", **style: Any) -> Line:
    return Line("the name of it", model=lambda _: curve, at=at, side=side, color="k", **style)


@pytest.mark.long
@pytest.mark.parametrize("curve", [RISING, FALLING, FLAT])
@pytest.mark.parametrize("at", [3, 5, 7])
def test_a_label_stands_above_or_below_all_of_its_line_there(curve: Any, at: float) -> None:
    _, [(left, bottom, right, _)] = placed(named(curve, at))
    assert left < at < right
    assert bottom > max(np.interp([left, right], *curve))
    _, [(left, _, right, top)] = placed(named(curve, at, "below"))
    assert top < min(np.interp([left, right], *curve))


@pytest.mark.long
@pytest.mark.parametrize("at", [0, 10, "end"])
@pytest.mark.parametrize("side", ["above", "below", "left", "right"])
@pytest.mark.parametrize(
    "curve", [RISING, FALLING, ([0, 10], [0, 0]), ([0, 10], [10, 10]), ([-50, 70], [3, 3]), (2, 9.9)]
)
def test_no_label_leaves_the_axes(at: Any, side: Any, curve: Any) -> None:
    _, [(left, bottom, right, top)] = placed(named(curve, at, side))
    assert -1e-6 <= left < right <= 10 + 1e-6
    assert -1e-6 <= bottom < top <= 10 + 1e-6


def test_at_the_end_of_a_line_is_right_of_it_where_there_is_room_and_above_it_otherwise() -> None:
    _, [(left, bottom, _, top)] = placed(named(([0, 4], [2, 7]), "end", "right"))
    assert left > 4 and bottom < 7 < top
    _, [(_, bottom, right, _)] = placed(named(([0, 9], [2, 7]), "end", "right"))
    assert right <= 10 and bottom > 7
    _, [(_, bottom, right, top)] = placed(named(([0, 9], [2, 7]), "end", "left"))
    assert right < 9 and bottom < 7 < top


def test_beside_a_place_on_the_line_means_at_its_height_there() -> None:
    _, [(left, bottom, _, top)] = placed(named(RISING, 2, "right"))
    assert left > 2 and bottom < 2 < top


@pytest.mark.long
def test_what_is_outside_the_axes_or_not_a_number_has_no_label() -> None:
    for curve in (([0, 10], [20, 30]), ([11, 12], [5, 5]), (np.nan, 5), ([], [])):
        assert placed(named(curve, "end"))[1] == [None]
    log = Axis("y", 1, 100, log=True)
    assert placed(named(([0, 5], [0, -3]), "end"), y=log)[1] == [None]


def test_a_line_that_leaves_the_axes_is_labelled_where_it_is_seen() -> None:
    curve = [0, 5, 10], [2, 4, 90]
    _, [(left, _, right, top)] = placed(named(curve, "end"))
    assert 2 < left < right < 8 and top < np.interp(left, *curve), "above it there is no room"


def test_the_label_made_first_keeps_its_place_and_the_next_one_goes_elsewhere() -> None:
    _, [first, second] = placed(named(FLAT, 5), named(FLAT, 5))
    assert first[1] > 5 and second[3] < 5
    _, [first, second, third] = placed(named(FLAT, 5), named(FLAT, 5), named(FLAT, 5))
    assert third == first, "where all places are taken, it stands where it should"


def test_a_label_follows_its_line_the_limits_and_the_resolution() -> None:
    growing = Axis("y", 0, 10, ends=(10, 100), run_reach=lambda run: run.parameters["rows"])
    picture, [(_, bottom, *_)] = placed(Line("l", model=lambda at: ([0, 10], [at, at]), at=5), y=growing)
    assert 1 < bottom < 3
    picture.show_model({}, 6)
    assert 6 < places(picture)[0][1] < 8
    draft = places(picture)[0]
    picture.draw(CRISP)
    assert places(picture)[0] == pytest.approx(draft, abs=0.2)
    picture._axes.set_ylim(0, 100)
    picture.draw(DRAFT)
    assert 6 < places(picture)[0][1] < 20


def test_a_label_of_a_point_shows_its_text_and_nothing_without_one() -> None:
    for found in ((5, 5, "27%"), (5, 5, ""), None):
        _, [place] = placed(Label(model=lambda _, found=found: found))
        assert (place is not None) == (found == (5, 5, "27%"))


def test_a_text_of_another_length_at_the_same_point_gets_a_place_of_its_own() -> None:
    picture, [short] = placed(Label(model=lambda number: (5, 5, "1" * number)))
    picture.show_model({}, 12)
    assert places(picture)[0][2] - places(picture)[0][0] > 4 * (short[2] - short[0])


def test_a_label_that_stays_is_not_placed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a slider is dragged only what follows the model moves."""
    count: list[int] = []
    find = Beside._find_places
    monkeypatch.setattr(Beside, "_find_places", lambda self, *size: count.append(1) or find(self, *size))
    stays = Line("stays", setting=lambda _: FLAT, at="end")
    picture, _ = placed(stays, Line("moves", model=lambda at: ([0, 10], [at, at]), at=5))
    count.clear()
    picture.show_model({}, 6)
    picture.show_model({}, 7)
    assert len(count) == 2


def test_letters_are_drawn_once_for_each_text_and_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    renderer = labels.RendererAgg
    monkeypatch.setattr(labels, "RendererAgg", lambda *size: made.append(1) or renderer(*size))
    picture, _ = placed(Label(model=lambda number: (number % 9, 5, "same")))
    for number in range(5):
        picture.show_model({}, number)
    picture.draw(CRISP)
    assert len(made) == 2
    picture, _ = placed(Label(model=lambda number: (5, 5, str(number))))
    for number in range(3 * MAX_KEPT):
        picture.show_model({}, number)
    assert len(picture._axes.texts[0]._kept) <= MAX_KEPT


def test_a_label_at_the_edge_goes_to_the_side_on_which_it_has_room() -> None:
    _, [(_, bottom, _, _)] = placed(named(([0, 10], [0.1, 0.1]), 5, "below"))
    assert bottom > 0.1
    _, [(_, _, _, top)] = placed(named(([0, 10], [9.9, 9.9]), 5, "above"))
    assert top < 9.9


def test_no_letter_is_cut_off() -> None:
    picture, _ = placed(Label(model=lambda _: (5, 5, "Ågjpq|"), color="k"))
    ((pixels, *_),) = [list(text._kept.values()) for text in picture._axes.texts]
    dark = (pixels[..., :3] < 128).all(axis=2) & (pixels[..., 3] > 0)
    assert dark.any()
    for edge in (dark[0], dark[-1], dark[:, 0], dark[:, -1]):
        assert not edge.any()


def test_a_halo_keeps_a_line_off_the_letters() -> None:
    pixels = np.zeros((9, 9, 4), np.uint8)
    pixels[4, 4] = (10, 20, 30, 255)
    haloed = labels._with_halo(pixels, 2)
    assert haloed[4, 4].tolist() == [10, 20, 30, 255]
    assert haloed[4, 6].tolist() == haloed[3, 3].tolist() == [255] * 4
    assert haloed[4, 7, 3] == haloed[2, 2, 3] == 0


def test_a_label_has_the_colour_of_its_line_as_dark_as_a_text_has_to_be() -> None:
    colors = [value for name, value in vars(palette).items() if isinstance(value, str) and value.startswith("#")]
    assert len(colors) > 8
    for color in colors:
        light = labels._luminance(np.array(readable(color)))
        assert 1.05 / (light + 0.05) >= CONTRAST
    assert readable(palette.MODEL) == pytest.approx(labels.to_rgb(palette.MODEL)), "what is dark enough stays as it is"
    assert labels._luminance(np.array([1.0, 1.0, 1.0])) == pytest.approx(1)
    picture, _ = placed(named(FLAT, 5))
    assert picture._axes.texts[0].get_color() == readable("k")
