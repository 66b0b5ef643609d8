"""The same kinds of queries to PostgreSQL: acknowledged means stored, and connections are opened when they are needed."""

from __future__ import annotations

import os
from contextlib import closing

import pytest
from real_servers import require

from perflab.systems.servers.cluster import cluster, connect
from perflab.systems.servers.query_kinds import COMMITS, HOT, KINDS
from perflab.systems.servers.query_postgresql import NAME, OPTIONS, Postgresql, fill
from perflab.systems.servers.real.postgresql import POSTGRESQL

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(os.name == "nt", reason="real servers are started on Linux and macOS only"),
]
CONNECTIONS = "select count(*) from pg_stat_activity where backend_type = 'client backend'"


def test_all_kinds_are_answered_and_only_commits_are_stored() -> None:
    require(POSTGRESQL)
    with (
        cluster(NAME, fill, OPTIONS) as server,
        connect(server.folder) as watching,
        closing(Postgresql(str(server.folder))) as database,
    ):
        for kind in KINDS:
            before = database.stored()
            found = database.load(kind, 3, 0.02, wait_ms=1.0)
            assert found.done >= 3 and len(found.response_ns) <= found.done
            assert database.stored() - before == (found.done if kind in (COMMITS, HOT) else 0)
        assert watching.execute(CONNECTIONS).fetchone() == (3 + 1,), "as many as were needed"
        assert watching.execute("show synchronous_commit").fetchone() == ("on",)
        assert watching.execute("show fsync").fetchone() == ("on",)
