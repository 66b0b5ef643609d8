"""What a reader sees of a write that is not committed."""

from __future__ import annotations

import sqlite3

import pytest
from real_servers import require

from perflab.systems.databases.counters import OPTIONS, fill
from perflab.systems.databases.dirty_reads import LEVEL, in_sqlite, seen_uncommitted
from perflab.systems.servers.cluster import cluster, connect
from perflab.systems.servers.real.postgresql import POSTGRESQL


def has_shared_cache() -> bool:
    with sqlite3.connect(":memory:") as connection:
        return ("OMIT_SHARED_CACHE",) not in connection.execute("pragma compile_options").fetchall()


def test_in_sqlite_it_is_seen_through_a_shared_cache_only() -> None:
    assert in_sqlite(shared=False) == 0
    assert in_sqlite(shared=True) == has_shared_cache()


@pytest.mark.process
def test_in_postgresql_it_is_never_seen_and_nothing_of_it_stays() -> None:
    require(POSTGRESQL)
    with (
        cluster("counters", fill, OPTIONS) as server,
        connect(server.folder) as writer,
        connect(server.folder) as reader,
    ):
        assert seen_uncommitted(writer, reader, LEVEL) == 0
        assert reader.execute("select sum(value) from counters").fetchone() == (0,)
