"""The Interrupt button while a lab measures and no cell runs.

ipykernel ignores the signal between cells. A handler put in place then, on the main thread, stays: the kernel saves it before
each cell and restores it afterwards.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perflab.lab.conductor import Conductor

ASK_AGAIN_S = 0.2


def stop_runs_on_interrupt(conductor: Conductor) -> None:
    """From now on an interrupt between two cells stops the run in progress. Does nothing outside a notebook kernel."""
    if threading.current_thread() is not threading.main_thread():
        return
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return

    def install() -> None:
        current: Any = signal.getsignal(signal.SIGINT)
        if current is signal.SIG_IGN:
            signal.signal(signal.SIGINT, lambda *_: conductor.post(conductor.interrupt))
        elif current is signal.default_int_handler:  # a cell is still running, in which an interrupt is Python's own
            loop.call_later(ASK_AGAIN_S, install)

    loop.call_soon(install)
