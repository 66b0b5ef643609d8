"""The ipywidgets of controls, and their buttons; all built here, so that every lab looks and behaves alike."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from perflab.lab.controls import Control, Slider


def widget_of(name: str, control: Control) -> widgets.Widget:
    """The widget of a control, labelled with its name."""
    label = control.label or name.replace("_", " ")
    common: dict[str, Any] = {
        "options": control.options(),
        "value": control.start,
        "description": label,
        "style": {"description_width": "150px"},
        "layout": widgets.Layout(width="auto"),
    }
    if isinstance(control, Slider):
        return widgets.SelectionSlider(**common, continuous_update=True)
    if control.menu:
        return widgets.Dropdown(**common)
    common["style"] = {"description_width": "150px", "button_width": "auto"}  # in a row with its label, as sliders are
    common["layout"] = widgets.Layout(width="auto", display="flex", align_items="center")
    return widgets.ToggleButtons(**common)


def set_value(widget: Any, control: Control, value: Any) -> None:
    """Show `value`. A slider has one step more for what code has chosen between its own, as long as that is shown."""
    if isinstance(control, Slider):
        options = tuple(control.options(value))
        if tuple(widget.options) != options:
            widget.options = options
    if widget.value != value:
        widget.value = value


def button(text: str, tooltip: str = "") -> widgets.Button:
    """A button as wide as its text."""
    return widgets.Button(description=text, tooltip=tooltip, layout=widgets.Layout(width="auto", min_width="64px"))


def full_width() -> widgets.Layout:
    """A new layout each time: it is closed together with its widget."""
    return widgets.Layout(width="100%")


def tree(widget: Any) -> list[Any]:
    """A widget and all below it, with their layouts and styles, which live until they are closed."""
    children = [found for child in getattr(widget, "children", ()) for found in tree(child)]
    parts = [part for part in (getattr(widget, "layout", None), getattr(widget, "style", None)) if part is not None]
    return [widget, *children, *parts]
