"""Where labs appear: makes the session and widgets of a lab, and clears away those that a re-run cell has replaced."""

from __future__ import annotations

import copy
import functools
import threading
import weakref
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from perflab.lab.conductor import Conductor
from perflab.lab.front_end import shows_cells
from perflab.lab.interrupt import stop_runs_on_interrupt
from perflab.lab.record import Record
from perflab.lab.session import Session
from perflab.lab.source_text import text_of
from perflab.lab.sources import sources_of_this_process

if TYPE_CHECKING:
    from perflab.lab.spec import LabSpec


RUN_ALL_S, SCROLLED_S = 120.0, 0.7
"""All cells of a notebook are run within the first; the page has come to rest at the last one after the second."""


@dataclass(frozen=True)
class Place:
    """A cell, and which time it runs. Outside a notebook there is no cell."""

    cell: str = ""
    execution: str = ""

    def was_run_again_as(self, now: Place) -> bool:
        """Whether what was shown here is gone from the screen because its cell runs once more."""
        return self.cell == now.cell != "" and self.execution != now.execution


@dataclass
class Opening:
    """Where a lab was opened, whether it was shown, and the learner's lab itself for as long as something holds it."""

    place: Place
    lab: weakref.ref[LabSpec]
    is_shown: bool = False
    opened_s: float = field(default_factory=monotonic)

    def is_over(self, now: Place) -> bool:
        """Whether nobody sees or holds this lab, now that another of its name is opened here."""
        lab = self.lab()
        if lab is None and not self.is_shown:
            return True
        return self.place.was_run_again_as(now) and (lab is None or not _is_held(lab))


def session_of(lab: LabSpec) -> Session:
    """The session of `lab` on this kernel's conductor; a new one where there is none or it was closed."""
    found = next((session for session, opening in opened().items() if opening.lab() is lab), None)
    return found or _open(lab)


def _open(lab: LabSpec) -> Session:
    place = running_cell()
    for session, opening in list(opened().items()):
        if session.lab.name == lab.name and opening.is_over(place):
            del opened()[session]
            session.close()
    session = _new_session(copy.copy(lab))  # which does not keep the learner's lab alive
    opened()[session] = Opening(place, weakref.ref(lab))
    return session


def _new_session(lab: LabSpec) -> Session:
    from perflab.lab.view import View

    conductor = this_kernels_conductor()
    conductor.post(conductor.warm_up)
    view = View(lab)
    session = Session(lab, conductor, view)
    view.connect(session)
    sources_of_this_process().look()
    text_of(lab.experiment)  # in case its file is edited
    stop_runs_on_interrupt(conductor)
    return session


def show(session: Session) -> None:
    """Display the session's widgets as the output of the running cell."""
    view: Any = session.display
    if session in opened():
        opened()[session].is_shown = True
    view.still.show(view.widget, bool(session.results.records))
    if session.lab.prediction is None:  # there is nothing to guess first
        this_kernels_conductor().post(session.redraw_model)


def return_to_the_first_question() -> None:
    """Called by the last cell. After *Run All* the page stands there: have it stand at the first question instead.

    Who has answered one, or has taken time to come here, stays.
    """
    labs = [(session, opening) for session, opening in opened().items() if opening.is_shown and session.lab.prediction]
    if not labs or not shows_cells() or monotonic() - labs[0][1].opened_s > RUN_ALL_S:
        return
    views: list[Any] = [session.display for session, _ in labs]
    conductor = this_kernels_conductor()

    def ask() -> None:
        if all(view.asks for view in views):
            views[0].ask()

    conductor.post(lambda: conductor.loop.set_timer(ask, SCROLLED_S, ask))


def records_of(lab_name: str) -> list[Record]:
    """The finished runs of all labs of this name in this kernel, oldest first; without those with a learner's `policy`."""
    sessions = [each for each in opened() if each.lab.name == lab_name and not each.lab.policy]
    return sorted(
        (record for session in sessions for record in session.results.finished), key=lambda record: record.started
    )


@functools.cache
def this_kernels_conductor() -> Conductor:
    """The one conductor of this process, started when it is first needed."""
    conductor = Conductor()
    threading.Thread(target=conductor.run_forever, name="perflab-conductor", daemon=True).start()
    return conductor


@functools.cache
def opened() -> dict[Session, Opening]:
    """The labs in use."""
    return {}


def _is_held(lab: LabSpec) -> bool:
    # Names with an underscore are IPython's own, which hold the last results.
    variables = getattr(_shell(), "user_ns", {})
    return any(value is lab for name, value in list(variables.items()) if not name.startswith("_"))


def running_cell() -> Place:
    """By the front end's identifier. One that sends none (nbclassic, nbclient, Voilà) is known by its text: cells with the same
    text are taken for one.
    """
    message = getattr(_shell(), "parent_header", None)
    if not isinstance(message, dict) or "msg_id" not in message.get("header", {}):
        return Place()
    text = message.get("content", {}).get("code", "")
    return Place(str(message.get("metadata", {}).get("cellId") or text), str(message["header"]["msg_id"]))


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()
