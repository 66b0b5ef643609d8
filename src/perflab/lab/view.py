"""The widgets of one lab: question, controls, pictures, progress, buttons, words.

Callbacks only hand on what happened; everything is shown by the conductor's thread.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from perflab.lab.controls import Control, Slider
from perflab.lab.picture import Picture
from perflab.lab.record import Record

if TYPE_CHECKING:
    from perflab.lab.session import Session
    from perflab.lab.spec import LabSpec

WIDTH = 1100
HEIGHT = 350
SKIP = "skip"


class View:
    """Implements `session.Face` with ipywidgets."""

    def __init__(self, lab: LabSpec) -> None:
        self._lab = lab
        self._session: Session | None = None
        self._following = True
        self._controls = {name: _widget_of(name, control) for name, control in lab.controls.items()}
        self._images, self._pictures = self._make_pictures()
        self._bar = widgets.FloatProgress(min=0.0, max=1.0, layout=widgets.Layout(width="140px"))
        self._status = widgets.Label("Move a slider to measure.", layout=widgets.Layout(flex="1 1 200px"))
        self._verdict = widgets.HTML(layout=_full_width())
        self._comment = widgets.HTML(layout=_full_width())
        self._table = widgets.GridBox(layout=widgets.Layout(grid_gap="0 24px"))
        self._details = widgets.Output(layout=widgets.Layout(max_height="300px", overflow="auto"))
        self._code_shown = False
        self._choices = self._make_choices()
        self._buttons = self._make_buttons()
        self.widget = self._arrange()

    def connect(self, session: Session) -> None:
        """Let the widgets speak to `session`."""
        self._session = session
        for control in self._controls.values():
            control.observe(self._on_change, "value")
        if self._lab.prediction is not None:
            self._enable(False)
            self._status.value = "First choose what you expect. Then the lab measures."

    # --- what the learner does ----------------------------------------------------------------------------------------

    def _on_change(self, _: Any) -> None:
        if self._session is not None and self._following:
            self._session.change({name: control.value for name, control in self._controls.items()})

    def _on_choice(self, pressed: widgets.Button) -> None:
        assert self._session is not None
        answer = None if pressed.description == SKIP else pressed.description
        for button in self._choices:
            button.disabled = True
        pressed.button_style = "info"
        pressed.icon = "check"
        self._enable(True)
        self._session.predict(answer)

    def _toggle_code(self) -> None:
        self._code_shown = not self._code_shown
        self.show_details(self._lab.code if self._code_shown else "")

    # --- what the conductor shows -------------------------------------------------------------------------------------

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        for picture in self._pictures:
            picture.show_model(parameters, model)

    def show_run(self, record: Record | None) -> None:
        for picture in self._pictures:
            picture.show_run(record)

    def show_pinned(self, record: Record | None) -> None:
        for picture in self._pictures:
            picture.show_pinned(record)

    def show_progress(self, share: float, text: str) -> None:
        self._bar.value = share
        self._status.value = text

    def show_words(self, verdict: str, table: list[tuple[str, ...]], comment: str) -> None:
        self._verdict.value = html.escape(verdict)
        self._comment.value = html.escape(comment)
        self._show_table(table)

    def show_details(self, text: str) -> None:
        self._details.outputs = ({"output_type": "stream", "name": "stdout", "text": text},) if text else ()

    def set_controls(self, parameters: Mapping[str, Any]) -> None:
        self._following = False
        try:
            for name, value in parameters.items():
                _set_value(self._controls[name], self._lab.controls[name], value)
        finally:
            self._following = True

    def close(self) -> None:
        """Take the widgets away, from the kernel's memory too."""
        for picture in self._pictures:
            picture.close()
        self._pictures = []
        for widget in _tree(self.widget):
            widget.close()

    # --- making the widgets -------------------------------------------------------------------------------------------

    def _make_pictures(self) -> tuple[list[widgets.Image], list[Picture]]:
        total = sum(panel.width for panel in self._lab.panels)
        images, pictures = [], []
        for panel in self._lab.panels:
            share = panel.width / total
            layout = widgets.Layout(width=f"{100 * share:.1f}%", object_fit="contain")
            image = widgets.Image(format="png", layout=layout)
            images.append(image)
            pictures.append(Picture(panel, round(WIDTH * share), HEIGHT, _deliver_to(image)))
        return images, pictures

    def _make_choices(self) -> list[widgets.Button]:
        if self._lab.prediction is None:
            return []
        buttons = [_button(text, "") for text in (*self._lab.prediction.choices, SKIP)]
        for button in buttons:
            button.on_click(self._on_choice)
        return buttons

    def _make_buttons(self) -> widgets.HBox:
        actions: dict[str, tuple[str, Callable[[Session], None]]] = {
            "Pin": ("Keep this run on the chart to compare the next one with it", lambda session: session.pin()),
            "Stop": ("End this run and keep what it has measured", lambda session: session.stop()),
            "Code": ("Show or hide the code that is measured", lambda _: self._toggle_code()),
            "Save": ("Write this run to files: its story as JSON, its samples as CSV", lambda session: session.save()),
            "Reset": ("Start again: controls, chart and pinned run", lambda session: session.reset()),
        }
        buttons = []
        for text, (tip, action) in actions.items():
            button = _button(text, tip)
            button.on_click(lambda _, action=action: action(self._session))
            buttons.append(button)
        return widgets.HBox(buttons)

    def _arrange(self) -> widgets.VBox:
        has_sliders = any(isinstance(control, Slider) for control in self._lab.controls.values())
        columns = f"repeat(auto-fit, minmax({420 if has_sliders else 300}px, 1fr))"
        controls = widgets.GridBox(
            list(self._controls.values()), layout=widgets.Layout(grid_template_columns=columns, grid_gap="0 24px")
        )
        progress = widgets.HBox([self._bar, self._status, self._buttons], layout=widgets.Layout(flex_flow="row wrap"))
        charts = widgets.HBox(self._images, layout=_full_width())
        rows = [controls, charts, progress, self._verdict, self._comment, self._table, self._details]
        if self._lab.prediction is not None:
            question = widgets.HTML(html.escape(self._lab.prediction.question), layout=_full_width())
            rows[:0] = [question, widgets.HBox(self._choices, layout=widgets.Layout(flex_flow="row wrap"))]
        return widgets.VBox(rows, layout=_full_width())

    def _show_table(self, table: list[tuple[str, ...]]) -> None:
        columns = max((len(row) for row in table), default=0)
        cells = [text for row in table for text in (*row, *[""] * (columns - len(row)))]
        labels = list(self._table.children)[: len(cells)]
        labels += [widgets.HTML(layout=widgets.Layout(min_height="22px")) for _ in range(len(cells) - len(labels))]
        for label, text in zip(labels, cells, strict=True):
            label.value = html.escape(text)
        if len(labels) != len(self._table.children):
            for extra in self._table.children[len(labels) :]:
                extra.close()
            self._table.children = labels
            self._table.layout.grid_template_columns = f"repeat({columns}, fit-content(340px))"

    def _enable(self, enabled: bool) -> None:
        for widget in (*self._controls.values(), *self._buttons.children):
            widget.disabled = not enabled


def _full_width() -> widgets.Layout:
    # A new one each time: a layout is closed together with its widget.
    return widgets.Layout(width="100%")


def _widget_of(name: str, control: Control) -> widgets.Widget:
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


def _set_value(widget: Any, control: Control, value: Any) -> None:
    """Show `value`. A slider has one step more for what code has chosen between its own, as long as that is shown."""
    if isinstance(control, Slider):
        options = tuple(control.options(value))
        if tuple(widget.options) != options:
            widget.options = options
    if widget.value != value:
        widget.value = value


def _button(text: str, tooltip: str) -> widgets.Button:
    return widgets.Button(description=text, tooltip=tooltip, layout=widgets.Layout(width="auto", min_width="64px"))


def _deliver_to(image: widgets.Image) -> Any:
    def deliver(png: bytes) -> None:
        image.value = png

    return deliver


def _tree(widget: Any) -> list[Any]:
    """A widget and all below it, with their layouts and styles, which live as long as nobody closes them."""
    children = [found for child in getattr(widget, "children", ()) for found in _tree(child)]
    parts = [part for part in (getattr(widget, "layout", None), getattr(widget, "style", None)) if part is not None]
    return [widget, *children, *parts]
