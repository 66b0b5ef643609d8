"""The run that has just been measured, in slow motion: a group of widgets that opens below the chart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from perflab.lab.control_widgets import button, full_width, tree, widget_of
from perflab.lab.controls import values_slider
from perflab.lab.image import Image
from perflab.lab.moments import Moments
from perflab.lab.picture import CRISP, DRAFT, Picture
from perflab.lab.record import Record
from perflab.lab.replay_chart import replay_chart
from perflab.lab.scene import Film, Scene

if TYPE_CHECKING:
    from perflab.lab.conductor import Conductor
    from perflab.lab.session import Session

REPLAY, PLAY, PAUSE = "Replay", "Play", "Pause"
WIDTH, HEIGHT = 1100, 320
SLOWER, START = (5, 20, 100), 20
STEPS = 500
TICK_S = 0.04
"""Between two pictures, beside the time that drawing takes."""
NOTHING = "Nothing to replay: no run was measured yet, or its record does not tell when each request was where."
MEASURING = "A run is being measured. Press {} again when it is over."


class Replay:
    """Opened and closed by `toggle`. No picture exists before it is opened, and none is drawn while anything is measured.

    All methods but `toggle` belong to the conductor's thread; widgets only post to it.
    """

    def __init__(self, moments_of: Callable[[Record], Moments | None] | None) -> None:
        self._moments_of = moments_of
        self._record: Record | None = None
        self.player: Player | None = None
        """What is open."""
        self.widget = widgets.VBox([], layout=full_width())

    @property
    def actions(self) -> dict[str, tuple[str, Callable[[Session], None]]]:
        """The button that opens and closes it, where records tell the moments of requests."""
        if self._moments_of is None:
            return {}
        return {REPLAY: ("Show this run in slow motion, request by request; or hide it", self.toggle)}

    def toggle(self, session: Session) -> None:
        """Open it, or close it; from any thread."""
        session.conductor.post_for(session, lambda: self._toggle(session))

    def follow(self, record: Record | None) -> None:
        """Another run is shown above: what is open is over; of a run in progress there is nothing to see yet."""
        self.close()
        self._record = None if record is None or record.status == "running" else record

    def close(self) -> None:
        """Take the widgets away, from the kernel's memory too."""
        if self.player is not None:
            self.player.close()
        children, self.player, self.widget.children = self.widget.children, None, ()
        for widget in (each for child in children for each in tree(child)):
            widget.close()

    def _toggle(self, session: Session) -> None:
        if self.widget.children:
            self.close()
            return
        moments = None
        if session.conductor.is_measuring:
            said = MEASURING.format(REPLAY)
        else:
            said, moments = NOTHING, self._moments_of(self._record) if self._moments_of and self._record else None
        if moments is None:
            self.widget.children = (widgets.HTML(said),)
        else:
            self.player = Player(Film(moments), session)
            self.widget.children = (self.player.widget,)


class Player:
    """One run: a picture, and what moves it."""

    def __init__(self, film: Film, session: Session) -> None:
        self._film, self._session = film, session
        self._conductor: Conductor = session.conductor
        self._at_s, self._now_s = film.first_s, 0.0
        self._wanted: int | None = None
        self._follows = True
        self.is_playing = self._is_closed = False
        self.image = Image()
        self.image.describe("Each request of the run as a dot. How many are where, the line below says.")
        self.play = button(PLAY, "Play this run in slow motion, or pause")
        self.moment = widgets.IntSlider(
            0, 0, STEPS, description="moment", readout=False, layout=widgets.Layout(width="auto", flex="1 1 300px")
        )
        slower: Any = values_slider(SLOWER, START, unit="times", label="slower by")
        self.slowness = widget_of("slower", slower)
        self.slowness.layout.width, self.slowness.style.description_width = "280px", "80px"
        self.text = widgets.Label(layout=full_width())
        self._picture = Picture(replay_chart(film), WIDTH, HEIGHT, self.image.show)
        self.play.on_click(lambda _: self._post(self._toggle))
        self.moment.observe(self._on_moment, "value")
        controls = widgets.HBox([self.play, self.moment, self.slowness], layout=widgets.Layout(flex_flow="row wrap"))
        self.widget = widgets.VBox(
            [self.image.widget, controls, self.text, widgets.HTML(areas_text(film))], layout=full_width()
        )
        self._draw(CRISP)

    def close(self) -> None:
        """Stop, and let go of the picture."""
        self.is_playing, self._is_closed = False, True
        self._conductor.loop.clear_timer(self)
        self._picture.close()

    # --- what the learner does, on any thread -------------------------------------------------------------------------

    def _post(self, action: Callable[[], None]) -> None:
        self._conductor.post_for(self._session, action)

    def _on_moment(self, change: Any) -> None:
        if self._follows:
            first, self._wanted = self._wanted is None, int(change["new"])
            if first:  # only the newest place counts
                self._post(self._scrub)

    # --- on the conductor's thread ------------------------------------------------------------------------------------

    def _toggle(self) -> None:
        if self.is_playing:
            self._pause()
        elif not self._is_held():
            if self._at_s >= self._film.last_s:
                self._at_s = self._film.first_s
            self.is_playing, self._now_s = True, self._conductor.loop.now()
            self.play.description = PAUSE
            self._conductor.loop.set_timer(self, 0.0, lambda: self._post(self._tick))

    def _pause(self) -> None:
        self.is_playing, self.play.description = False, PLAY
        self._conductor.loop.clear_timer(self)
        if not self._is_held():
            self._draw(CRISP)

    def _scrub(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is None or self._is_held():
            return
        self.is_playing, self.play.description = False, PLAY
        self._conductor.loop.clear_timer(self)
        self._at_s = self._film.first_s + wanted / STEPS * (self._film.last_s - self._film.first_s)
        self._draw(CRISP)

    def _tick(self) -> None:
        if self._is_held() or not self.is_playing:
            return
        now_s = self._conductor.loop.now()
        self._at_s = min(self._at_s + (now_s - self._now_s) / self.slowness.value, self._film.last_s)
        self._now_s = now_s
        if self._at_s >= self._film.last_s:
            self._pause()
        else:
            self._draw(DRAFT)
            self._conductor.loop.set_timer(self, TICK_S, lambda: self._post(self._tick))
        self._move_slider()

    def _is_held(self) -> bool:
        """Nothing is drawn while anything is measured: it would be in the numbers. Nor after the end."""
        if self._is_closed:
            return True
        if self._conductor.is_measuring:
            self.is_playing, self.play.description = False, PLAY
            self.text.value = MEASURING.format(PLAY)
        return self._conductor.is_measuring

    def _move_slider(self) -> None:
        share = (self._at_s - self._film.first_s) / (self._film.last_s - self._film.first_s)
        self._follows = False
        try:
            self.moment.value = round(STEPS * share)
        finally:
            self._follows = True

    def _draw(self, scale: int) -> None:
        scene = Scene(self._film, self._at_s)
        self._picture.show_model({}, scene, scale)
        self.text.value = scene.text()


def areas_text(film: Film) -> str:
    """L = λW of what is shown: the area under the number inside, cut by time and cut by request."""
    moments, first_s, last_s = film.moments, film.first_s, film.last_s
    by_time, by_request = moments.area_by_time(first_s, last_s), moments.area_by_request(first_s, last_s)
    said = f"The area under “requests inside”, in request-seconds: {by_time:.4g} cut by time, {by_request:.4g} cut by request. "
    return (
        said
        + f"Over {last_s - first_s:.3g} s that is L = λW = {by_time / (last_s - first_s):.3g} requests, on average."
    )
