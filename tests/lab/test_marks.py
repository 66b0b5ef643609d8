"""Marks show their data, and nothing without data."""

from __future__ import annotations

from matplotlib.figure import Figure

from perflab.lab import Note


def test_a_note_is_the_text_that_its_function_returns() -> None:
    note = Note(0.1, 0.9, model=lambda model: f"{model} is the limit")
    (text,) = note.build(Figure().subplots())
    note.show_model({}, "disk")
    assert text.get_text() == "disk is the limit"
    note.clear()
    assert text.get_text() == ""
