"""One service with a lever for everything: pages of JSON from a database, with rows written to the disk for each of them.

A request passes its link, gets a thread (or the event loop), has its rows stored, and finds its page in the cache or asks the
database for it over a connection. Every setting of these stages can be changed while it runs: `ask("set", batch="what waits")`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from perflab.measure.guards import BadInput
from perflab.systems.process.pausable import PausableServer
from perflab.systems.servers.staged_server import kind_of, staged_server

STAGES = ("link", "threads", "compression", "batching", "cache", "pool", "database", "pages")


def configurable_service(**settings: Any) -> PausableServer:
    """The service in a process of its own, for as long as its block lasts; with these settings at first.

    Raises `BadInput` for settings that there are not or that are not allowed.
    """
    known = {stage: [field.name for field in fields(kind_of(stage).settings_type)] for stage in STAGES}
    names = [name for its_names in known.values() for name in its_names]
    for name in settings:
        if name not in names:
            raise BadInput(f"There is no setting {name!r}; there are {', '.join(names)}.")
    given = [(stage, {name: settings[name] for name in known[stage] if name in settings}) for stage in STAGES]
    return staged_server(*given, precise=True, name="configurable")
