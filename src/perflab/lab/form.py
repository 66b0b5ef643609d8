"""The controls of a lab, in up to two columns: at first the first ones, with a button in the place of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from perflab.lab.control_widgets import button, set_value, widget_of
from perflab.lab.controls import Control, Slider

AT_FIRST = 2
MORE = "More controls"
SLIDER_PX, OTHER_PX = 420, 300
"""The least width of a column."""


class Form:
    """`widget` shows them; `controls` are their widgets, by name, also of those that are not shown yet."""

    def __init__(self, controls: Mapping[str, Control], at_first: int) -> None:
        self._declared = controls
        self.controls = {name: widget_of(name, control) for name, control in controls.items()}
        more = button(MORE, "Show all controls of this lab")
        more.on_click(lambda _: self.show_all())
        self._more = widgets.HBox([more])  # not as wide as a column
        narrowest = SLIDER_PX if any(isinstance(control, Slider) for control in controls.values()) else OTHER_PX
        columns = f"repeat(auto-fit, minmax(min({narrowest}px, 100%), 1fr))"
        self.widget = widgets.GridBox(layout=widgets.Layout(grid_template_columns=columns, grid_gap="0 24px"))
        self._show(at_first)

    @property
    def all(self) -> list[widgets.Widget]:
        """What is to be closed, shown or not."""
        return [self.widget, self._more, *self.controls.values()]

    def show_all(self) -> None:
        """All controls, and the button no longer."""
        self._show(len(self.controls))

    def values(self) -> dict[str, Any]:
        """The value of each control."""
        return {name: control.value for name, control in self.controls.items()}

    def set(self, parameters: Mapping[str, Any]) -> None:
        """Show these values."""
        for name, value in parameters.items():
            set_value(self.controls[name], self._declared[name], value)

    def _show(self, number: int) -> None:
        shown = list(self.controls.values())[:number]
        self.widget.children = shown if len(shown) == len(self.controls) else [*shown, self._more]
