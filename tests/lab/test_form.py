"""The controls of a lab: two at first, all of them once the question is answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scripted import Stage

from perflab.lab import Answer, Lab, Prediction
from perflab.lab.control_widgets import tree
from perflab.lab.controls import Control, choice, slider
from perflab.lab.form import MORE, Form
from perflab.measure import Frame

CONTROLS: Mapping[str, Control] = {
    "rows": slider(1, 9, start=5),
    "kind": choice(("a", "b")),
    "size": slider(1, 3, start=1),
}


def shown(form: Form) -> list[str]:
    return [part.description for each in form.widget.children for part in getattr(each, "children", (each,))]


def test_two_are_shown_at_first_and_the_others_behind_a_button() -> None:
    form = Form(CONTROLS, 2)
    assert shown(form) == ["rows", "kind", MORE]
    form.widget.children[-1].children[0].click()
    assert shown(form) == ["rows", "kind", "size"]


def test_without_others_there_is_no_button() -> None:
    assert shown(Form(CONTROLS, 3)) == ["rows", "kind", "size"]
    assert shown(Form({"rows": CONTROLS["rows"]}, 2)) == ["rows"]


def test_values_are_those_of_hidden_controls_too() -> None:
    form = Form(CONTROLS, 2)
    form.set({"size": 3, "kind": "b"})
    assert form.values() == {"rows": 5, "kind": "b", "size": 3}


def test_what_is_to_be_closed_holds_hidden_controls_and_the_button() -> None:
    form = Form(CONTROLS, 2)
    found = {part for each in form.all for part in tree(each)}
    assert {form.controls["size"], form.controls["size"].layout, form.widget.children[-1].children[0]} <= found


def make_lab(prediction: Prediction | None = None) -> Lab:
    def experiment(rows: int, kind: str, size: int) -> Iterator[Frame]:
        yield Frame()

    return Lab("Why?", experiment, CONTROLS, charts=(), prediction=prediction)


def test_a_lab_shows_all_of_them_once_its_question_is_answered() -> None:
    asked = Prediction("Why?", {"so": Answer("", "So.")}, [{"size": 2}], lambda run: None)
    _, view = Stage(make_lab).shown(make_lab(asked))
    assert shown(view._form) == ["rows", "kind", MORE]
    view._choices[-1].click()
    assert shown(view._form) == ["rows", "kind", "size"]


def test_a_lab_without_a_question_shows_all_of_them() -> None:
    _, view = Stage(make_lab).shown(make_lab())
    assert shown(view._form) == ["rows", "kind", "size"]
