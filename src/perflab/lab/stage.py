"""Where labs appear: makes the session and widgets of a lab, and clears away those that a re-run cell has replaced."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

from perflab.lab.conductor import Conductor
from perflab.lab.interrupt import stop_runs_on_interrupt
from perflab.lab.record import Record
from perflab.lab.session import Session

if TYPE_CHECKING:
    from perflab.lab.spec import LabSpec


def open_session(lab: LabSpec) -> Session:
    """A session of `lab` on this kernel's conductor. One made earlier by the same cell for the same lab is closed."""
    from perflab.lab.view import View

    conductor = this_kernels_conductor()
    conductor.post(conductor.warm_up)
    view = View(lab)
    session = Session(lab, conductor, view)
    view.connect(session)
    stop_runs_on_interrupt(conductor)
    _replace((_this_cell(), lab.name), session)
    return session


def show(session: Session) -> None:
    """Display the session's widgets as the output of the running cell."""
    from IPython.display import display

    view: Any = session.display
    display(view.widget)
    if session.lab.prediction is None:  # there is nothing to guess first
        this_kernels_conductor().post(session.redraw_model)


def records_of(lab_name: str) -> list[Record]:
    """The finished runs of all labs of this name in this kernel, oldest first; without those with a learner's `policy`."""
    labs = (session for session in _sessions_by_cell().values() if session.lab.name == lab_name)
    sessions = [session for session in labs if not session.lab.policy]
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
def _sessions_by_cell() -> dict[tuple[str, str], Session]:
    return {}


def _replace(key: tuple[str, str], session: Session) -> None:
    sessions = _sessions_by_cell()
    earlier = sessions.get(key)
    sessions[key] = session
    if earlier is not None:
        earlier.close()


def _this_cell() -> str:
    """The front end's identifier of the running cell, or nothing where it sends none."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    header = getattr(shell, "parent_header", None) or {}
    return str(header.get("metadata", {}).get("cellId", "")) if isinstance(header, dict) else ""
