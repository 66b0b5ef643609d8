from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from real_servers import connected, query, require

from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.real.postgresql import POSTGRESQL, startup

pytestmark = pytest.mark.process


def test_the_first_message_names_user_and_database() -> None:
    """Its bytes as in the documentation: the length, protocol 3.0, and pairs of words, ended by an empty one."""
    assert startup("a", "b") == b"\0\0\0\x1b\0\3\0\0user\0a\0database\0b\0\0"


def test_it_is_not_measured_for_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in some containers: it would end with "could not look up effective user ID"."""
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    assert POSTGRESQL.find() is None
    assert POSTGRESQL.why_missing() == "PostgreSQL is not measured here: it does not start for a user who has no name."


def test_it_runs_as_configured_and_lets_nobody_else_in() -> None:
    require(POSTGRESQL)
    with POSTGRESQL.start(options={"max_connections": "7", "synchronous_commit": "off"}) as server:
        assert server.socket_path is not None
        assert stat.S_IMODE(Path(server.socket_path).stat().st_mode) == 0o700
        for setting, value in (("max_connections", "7"), ("synchronous_commit", "off"), ("listen_addresses", "")):
            with connected(0, server.socket_path) as connection:
                assert query(connection, f"show {setting}") == [value]
        with connected(0, server.socket_path) as connection:
            assert query(connection, "create table t(n int); insert into t values (1), (2); select sum(n) from t") == [
                "3"
            ]


def test_a_setting_that_it_does_not_know_is_told_with_the_end_of_its_log() -> None:
    require(POSTGRESQL)
    with pytest.raises(
        ServerFailed,
        match=r"^PostgreSQL does not start, so it is not measured here\.\n(.|\n)*unrecognized configuration parameter",
    ):
        POSTGRESQL.start(options={"no_such_option": "1"})
