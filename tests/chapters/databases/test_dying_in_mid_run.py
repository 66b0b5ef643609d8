"""A server that dies in the middle of a run is told in a sentence with the end of its log, whichever lab it belongs to."""

from __future__ import annotations

import os
from itertools import islice
from typing import Any

import pytest
from real_servers import require

from perflab.chapters.databases import connections, lost_updates, profiles, rows_or_columns
from perflab.lab import Lab
from perflab.lab.fault import told_of
from perflab.systems.databases.counters import COMMITTED
from perflab.systems.databases.order_work import FIND
from perflab.systems.process.child import ServerFailed
from perflab.systems.process.installed import KeptServer
from perflab.systems.servers.query_kinds import COMMITS, POSTGRES
from perflab.systems.servers.real.postgresql import POSTGRESQL

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(os.name == "nt", reason="real servers are started on Linux and macOS only"),
]
SOON = 20
"""Slices after which it must have been noticed."""


@pytest.mark.parametrize(
    ("module", "chosen"),
    [
        (rows_or_columns, {"rows": 1}),
        (profiles, {"work": FIND}),
        (connections, {"kind": COMMITS, "connections": 2, "database": POSTGRES}),
        (lost_updates, {"way": COMMITTED}),
    ],
)
def test_one_that_dies_in_mid_run_is_told(module: Any, chosen: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    require(POSTGRESQL)
    started, begin = list[KeptServer](), KeptServer.__init__

    def noted(server: KeptServer, *given: Any) -> None:
        begin(server, *given)
        started.append(server)

    monkeypatch.setattr(KeptServer, "__init__", noted)
    lab: Lab = module.lab()
    seed = {} if module is connections else {"seed": 1}
    slices = lab.experiment(**lab.check(chosen), **seed)
    next(slices)
    started[-1].kill()
    with pytest.raises(ServerFailed) as failed:
        list(islice(slices, SOON))
    message, trace, _ = told_of(failed.value)
    assert message == "ServerFailed: The PostgreSQL server died." and "The end of its log:\n" in trace
    assert not started[-1].folder.exists()
