"""The widgets of one lab: question, controls, pictures, progress, buttons, words.

Callbacks only hand on what happened; everything is shown by the conductor's thread.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from traceback import format_exception
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from perflab.lab.budget import rehearsal_s
from perflab.lab.control_widgets import button, full_width, tree
from perflab.lab.display import Words
from perflab.lab.form import AT_FIRST, Form
from perflab.lab.guesses import ASKED
from perflab.lab.headline import Headline
from perflab.lab.image import Image, told
from perflab.lab.page import lab_box, read_out
from perflab.lab.palette import GRID
from perflab.lab.picture import Picture, align
from perflab.lab.record import Record
from perflab.lab.replay import Replay
from perflab.lab.still import Still
from perflab.lab.table import table_html

if TYPE_CHECKING:
    from perflab.lab.session import Session
    from perflab.lab.spec import LabSpec

WIDTH, HEIGHT = 1100, 350
SKIP, MEASURE, PIN, UNPIN = "skip", "Measure", "Pin", "Unpin"
TRUST = "How far this run can be trusted"


class View:
    """Implements `Display` with ipywidgets."""

    def __init__(self, lab: LabSpec) -> None:
        self._lab = lab
        self._session: Session | None = None
        self._following = True
        self._form = Form(lab.controls, len(lab.controls) if lab.prediction is None else AT_FIRST)
        self._controls = self._form.controls
        self._images, self._pictures = self._make_pictures()
        self._bar = widgets.FloatProgress(min=0.0, max=1.0, layout=widgets.Layout(width="140px"))
        self._status = widgets.Label(f"{lab.how_to_start} to measure.", layout=widgets.Layout(flex="1 1 200px"))
        self._headline = None if lab.finding is None else Headline(lab)
        self._verdict = widgets.HTML(layout=full_width())
        self._comment = widgets.HTML(layout=full_width())
        self._table = widgets.HTML(layout=full_width())
        self._trust = widgets.HTML()
        self._folded = widgets.Accordion([self._trust], titles=(TRUST,), layout=widgets.Layout(display="none"))
        self._fault = widgets.HTML(layout=full_width())
        self._faults: dict[str, str] = {}
        self._details = widgets.Output()  # of any height: nobody could scroll it with the keyboard
        self._replay = Replay(lab.moments)
        self.still = Still(lab.question)
        self._code_shown = False
        self._answer: str | None = None
        self._shown: str | None = ASKED
        self._choices = self._make_choices()
        self._again = button("Measure it again", "Set the controls as the question has them, and measure")
        self._again.on_click(lambda _: self._session and self._session.predict(self._answer))
        self._again.layout.display = "none"
        self._buttons = self._make_buttons()
        self._pin = next(each for each in self._buttons.children if each.description == PIN)
        self.widget = self._arrange()
        self._draw("model", lambda picture: picture.show_setting(lab.first))

    def connect(self, session: Session) -> None:
        """Let the widgets speak to `session`."""
        self._session = session
        for control in self._controls.values():
            control.observe(self._on_change, "value")
        if self._lab.prediction is not None:
            self._enable(False)
            self._status.value = "First choose what you expect. Then the lab measures."

    @property
    def asks(self) -> bool:
        """Whether its question waits for an answer."""
        return any(not choice.disabled for choice in self._choices)

    def ask(self) -> None:
        """Have the page stand at the question: the focus is on its first answer."""
        self._choices[0].focus()

    # --- what the learner does ----------------------------------------------------------------------------------------

    def _on_change(self, _: Any) -> None:
        if self._session is not None and self._following:
            self._session.change(self._form.values())

    def _on_choice(self, pressed: widgets.Button) -> None:
        assert self._session is not None
        self._answer = None if pressed.description == SKIP else pressed.description
        for choice in self._choices:
            choice.disabled = True
        pressed.button_style = "info"
        pressed.icon = "check"
        self._enable(True)
        self._form.show_all()
        self._again.layout.display = ""
        self._session.predict(self._answer)

    def _toggle_code(self) -> None:
        self._code_shown = not self._code_shown
        measured = self._session.results.records[-1:] if self._session is not None else []
        code = measured[0].code if measured else self._lab.code
        self.show_details(code if self._code_shown else "")

    # --- what the conductor shows -------------------------------------------------------------------------------------

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._draw("model", lambda picture: picture.show_model(parameters, model))

    def show_run(self, record: Record | None, runs: Sequence[Record]) -> None:
        self._replay.follow(record)
        self._draw("run", lambda picture: picture.show_run(record, runs))

    def show_pinned(self, record: Record | None) -> None:
        self._draw("pinned", lambda picture: picture.show_pinned(record))
        self._pin.description = PIN if record is None else UNPIN

    def show_answer(self, answer: str | None) -> None:
        if answer != self._shown:
            self._shown = answer
            self._draw("answer", lambda picture: picture.show_answer(answer))

    def _draw(self, what: str, show: Callable[[Picture], None]) -> None:
        """On all pictures. What a chart raises is said above it; the run goes on, and the other charts show it."""
        faults: list[Exception] = []
        for picture in self._pictures:
            try:
                show(picture)
            except Exception as error:
                faults.append(error)
        self._faults[what] = (
            f"{str(faults[0]).rstrip('. ')}. Details are below; the measurement goes on." if faults else ""
        )
        self._fault.value = html.escape(next(filter(None, self._faults.values()), ""))
        if faults:
            self.show_details("".join(format_exception(faults[0])))
            if rehearsal_s() is not None:
                raise faults[0]

    def show_progress(self, share: float, text: str) -> None:
        self._bar.value = share
        self._bar.style.bar_color = GRID if share >= 1 else None  # quiet when done
        self._status.value = text

    def show_words(self, words: Words) -> None:
        if self._headline is not None:
            self._headline.show(words)
        # The pictures to those who do not see them: the numbers stand in the table.
        for panel, image in zip(self._lab.charts, self._images, strict=True):
            image.describe(told(panel.title, words.headline or self._lab.question))
        self._verdict.value = read_out(html.escape(words.verdict)) if words.verdict else ""
        self._comment.value = read_out(html.escape(words.comment)) if words.comment else ""
        self._table.value = table_html(words.table)
        self._trust.value = table_html(words.trust)
        self._folded.layout.display = "" if words.trust else "none"

    def show_details(self, text: str) -> None:
        self._details.outputs = ({"output_type": "stream", "name": "stdout", "text": text},) if text else ()

    def keep(self, is_measured: bool) -> None:
        self.still.keep(self.widget, is_measured)

    def set_controls(self, parameters: Mapping[str, Any]) -> None:
        self._following = False
        try:
            self._form.set(parameters)
        finally:
            self._following = True

    def close(self) -> None:
        """Take the widgets away, from the kernel's memory too."""
        for picture in self._pictures:
            picture.close()
        self._pictures = []
        self._replay.close()
        parts = [part for each in (self.widget, self._again, *self._form.all) for part in tree(each)]
        for widget in {id(part): part for part in parts}.values():  # not all of them are shown all the time
            widget.close()

    def _make_pictures(self) -> tuple[list[Image], list[Picture]]:
        total = sum(panel.width for panel in self._lab.charts)
        height = round(HEIGHT * max((panel.height for panel in self._lab.charts), default=1.0))
        images, pictures = [], []
        for panel in self._lab.charts:
            share = panel.width / total
            images.append(image := Image(share, told(panel.title, self._lab.question)))
            pictures.append(Picture(panel, round(WIDTH * share), height, image.show))
        align(pictures)
        return images, pictures

    def _make_choices(self) -> list[widgets.Button]:
        texts = () if self._lab.prediction is None else (*self._lab.prediction.choices, SKIP)
        buttons = [button(text) for text in texts]
        for choice in buttons:
            choice.on_click(self._on_choice)
        return buttons

    def _make_buttons(self) -> widgets.HBox:
        actions: dict[str, tuple[str, Callable[[Session], Any]]] = {
            PIN: (
                "Measure this setting in turns with the next ones, and compare; or no longer",
                lambda session: session.pin(),
            ),
            "Stop": ("End this run and keep what it has measured", lambda session: session.stop()),
            "Code": ("Show or hide the code that is measured", lambda _: self._toggle_code()),
            "Save": ("Write this run to files: its story as JSON, its samples as CSV", lambda session: session.save()),
            "Reset": ("Start again: controls, chart and pinned run", lambda session: session.reset()),
            **self._replay.actions,
        }
        if self._lab.starts_by_button:
            actions = {
                MEASURE: ("Measure as the controls stand", lambda session: session.run(self._form.values()))
            } | actions
        buttons = []
        for text, (tip, action) in actions.items():
            made = button(text, tip)
            made.on_click(lambda _, action=action: action(self._session))
            buttons.append(made)
        return widgets.HBox(buttons, layout=widgets.Layout(flex_flow="row wrap"))

    def _arrange(self) -> widgets.VBox:
        progress = widgets.HBox([self._bar, self._status, self._buttons], layout=widgets.Layout(flex_flow="row wrap"))
        charts = widgets.HBox(
            [image.widget for image in self._images], layout=widgets.Layout(width="100%", flex_flow="row wrap")
        )
        words = (self._verdict, self._comment, self._table, self._folded, self._details)
        rows = [self._form.widget, self._fault, charts, progress, self._replay.widget, *words]
        if self._lab.prediction is not None:
            choices = widgets.HBox([*self._choices, self._again], layout=widgets.Layout(flex_flow="row wrap"))
            rows.insert(0, choices)
        if self._headline is not None:
            rows.insert(0, self._headline.widget)
        elif self._lab.prediction is not None:
            rows.insert(0, widgets.HTML(html.escape(self._lab.prediction.question), layout=full_width()))
        return lab_box(rows, self.still.styles)

    def _enable(self, enabled: bool) -> None:
        for widget in (*self._controls.values(), *self._buttons.children):
            widget.disabled = not enabled
