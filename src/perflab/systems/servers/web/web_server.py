"""A web server of any architecture for a `with` block: `with web_server(PREFORK, workers=4) as server: … server.port …`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from perflab.measure.guards import BadInput
from perflab.systems.process.child import ChildServer, ServerFailed
from perflab.systems.process.installed import KeptServer
from perflab.systems.servers.pickled import packed
from perflab.systems.servers.real.apache import APACHE as APACHE_SERVER
from perflab.systems.servers.real.nginx import NGINX as NGINX_SERVER
from perflab.systems.servers.real.node import NODE as NODE_SERVER
from perflab.systems.servers.web.handling import Handle
from perflab.systems.servers.web.own import LOOP as LOOP
from perflab.systems.servers.web.own import MAX_PROCESSES, NEED_FORK
from perflab.systems.servers.web.own import PREFORK as PREFORK
from perflab.systems.servers.web.own import PROCESS_EACH as PROCESS_EACH
from perflab.systems.servers.web.own import THREADS as THREADS
from perflab.systems.servers.web.real_ones import start_real, why_not
from perflab.systems.servers.web.settings import Settings

NODE, APACHE, NGINX = NODE_SERVER.name, APACHE_SERVER.name, NGINX_SERVER.name
OURS = (PROCESS_EACH, PREFORK, THREADS, LOOP)
ARCHITECTURES = (*OURS, NODE, APACHE, NGINX)
YOURS = "your handler"
"""An event loop with a handler of the learner's: see `handled_server`."""
MAX_CONNECTIONS = dict.fromkeys(ARCHITECTURES, 1_000) | {PROCESS_EACH: MAX_PROCESSES - 1}
"""How many a lab may keep open, and one more that asks."""
MAX_WORKERS = {PREFORK: 100, APACHE: 400}
"""Processes of 3 and of 0.2 MB. The others have no fixed number of workers."""
BEHIND = Settings(workers=2, keep_alive_s=0)
COMPUTES_BEHIND = f"{BEHIND.workers} Python processes behind it compute"
MODULE = "perflab.systems.servers.web.own"
HANDLING = "perflab.systems.servers.web.handling"
READY_S, LOOK_S = 10.0, 0.01


@dataclass(frozen=True)
class WebServer:
    """A running server; `behind` says what computes for it where it does not do so itself, else ""."""

    architecture: str
    port: int
    behind: str
    _server: ChildServer
    _computing: ChildServer | None

    def pids(self) -> list[int]:
        """The processes that hold its connections now; neither its keeper nor what stands behind it."""
        first = self._server.main_pid if isinstance(self._server, KeptServer) else self._server.pid
        return [first, *_children(first)]

    def check(self, within_s: float = 0.0) -> None:
        """Raise `ServerFailed`, with the end of its log, when it no longer runs."""
        for each in filter(None, (self._server, self._computing)):
            each.check(within_s)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._server.kill()


def why_missing(architecture: str) -> str:
    """One sentence for where this architecture cannot be started, such as how to install it; empty where it can."""
    if architecture in OURS:
        needs_fork = architecture in NEED_FORK and not hasattr(os, "fork")
        return f"{architecture.capitalize()} is not measured here: this system cannot fork." if needs_fork else ""
    return why_not(architecture)


def found() -> tuple[str, ...]:
    """All that can be started here, ours first."""
    return tuple(each for each in ARCHITECTURES if not why_missing(each))


@contextmanager
def web_server(architecture: str, **settings: Any) -> Iterator[WebServer]:
    """Start one, with all of its processes ready, and end it with the block; for the settings see `Settings`."""
    if architecture not in ARCHITECTURES:
        raise BadInput(f"architecture must be one of {', '.join(ARCHITECTURES)}; got {architecture!r}.")
    chosen = Settings(**settings)
    if chosen.workers > (most := MAX_WORKERS.get(architecture, chosen.workers)):
        raise BadInput(
            f"workers must be a number from 1 to {most} for {architecture}, to spare memory; got {chosen.workers}."
        )
    if said := why_missing(architecture):
        raise BadInput(said)
    with ExitStack() as stack:
        computing = stack.enter_context(_own(PREFORK, BEHIND)) if architecture == NGINX else None
        if architecture in OURS:
            server = _own(architecture, chosen)
        else:
            server = start_real(architecture, chosen, computing.port if computing else 0)
        stack.enter_context(server)
        behind = COMPUTES_BEHIND if computing else ""
        running = WebServer(architecture, server.port, behind, server, computing)
        if architecture == APACHE:
            _wait_for(lambda: len(running.pids()) > chosen.workers, running)
        yield running


@contextmanager
def handled_server(handle: Handle) -> Iterator[WebServer]:
    """An event loop that has each request handled by a function of the learner's, with two processes behind it that compute."""
    can_fork = not why_missing(PREFORK)
    with (
        _own(*((PREFORK, BEHIND) if can_fork else (LOOP, Settings()))) as computing,
        ChildServer(HANDLING, {"handle": packed(handle), "compute_port": computing.port}, YOURS) as server,
    ):
        yield WebServer(YOURS, server.port, COMPUTES_BEHIND, server, computing)


def _own(architecture: str, settings: Settings) -> ChildServer:
    return ChildServer(MODULE, {"architecture": architecture, **asdict(settings)}, f"{architecture} web")


def _wait_for(condition: Callable[[], bool], running: WebServer) -> None:
    """Apache listens before all of its processes are there."""
    deadline = time.monotonic() + READY_S
    while not condition():
        running.check()
        if time.monotonic() > deadline:
            raise ServerFailed(f"The {running.architecture} server did not get ready within {READY_S:g} s.")
        time.sleep(LOOK_S)


def _children(pid: int) -> list[int]:
    import psutil  # late: the servers need none of it

    try:
        return [
            each.pid for each in psutil.Process(pid).children(recursive=True) if each.status() != psutil.STATUS_ZOMBIE
        ]
    except psutil.NoSuchProcess:
        return []
