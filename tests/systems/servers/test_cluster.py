"""A cluster of PostgreSQL that is made once, copied for each block, and gone with its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dying_servers import LAST_WORDS
from patience import wait_until
from real_servers import ORDINARY, ROOT, as_user, require

from perflab.systems.process.child import ServerFailed
from perflab.systems.process.installed import NotInstalled, NotStarted
from perflab.systems.process.private_folder import private_folder
from perflab.systems.servers import cluster as module
from perflab.systems.servers.cluster import UNSYNCED, cluster, connect
from perflab.systems.servers.real.postgresql import POSTGRESQL

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(os.name == "nt", reason="real servers are started on Linux and macOS only"),
]
KEEPS = """
import sys
from perflab.systems.servers import cluster as module
from perflab.systems.servers.cluster import cluster, connect
with cluster("one", lambda connection: connection.execute("create table t as select 42 as n")) as server:
    with connect(server.folder) as connection:
        print(module._kept(), server.folder, connection.execute("select n from t").fetchone()[0], flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def installed(request: pytest.FixtureRequest) -> None:
    if "it_is_missing" not in request.node.name:
        require(POSTGRESQL)


def test_it_is_made_once_and_each_block_has_a_copy() -> None:
    filled = []

    def fill(connection: Any) -> None:
        filled.append(connection.execute("create table t as select 1 as n"))

    for _ in range(2):
        with cluster("copied", fill, {"max_connections": "7"}) as server:
            assert server.folder.is_dir()
            with connect(server.folder) as connection:
                assert connection.execute("show max_connections").fetchone() == ("7",)
                assert connection.execute("update t set n = n + 1 returning n").fetchall() == [(2,)], "not the same one"
        assert not server.folder.exists()
    assert len(filled) == 1
    assert [each.name for each in module._kept().glob("copied*")] == ["copied"]


def test_a_statement_is_a_transaction_and_prepared() -> None:
    with cluster("prepared", lambda _: None, UNSYNCED) as server, connect(server.folder) as connection:
        for _ in range(2):
            connection.execute("select %s + 1", (1,))
        assert connection.info.transaction_status.name == "IDLE"
        assert connection.execute(
            "select count(*) from pg_prepared_statements where statement = 'select $1 + 1'"
        ).fetchone() == (1,)


VARIABLES = {
    "PGHOST": "127.0.0.9",
    "PGHOSTADDR": "127.0.0.9",
    "PGPORT": "1",
    "PGUSER": "another",
    "PGDATABASE": "another",
    "PGOPTIONS": "-c search_path=another",
    "PGSERVICE": "another",
    "PGSSLMODE": "verify-full",
    "PGCONNECT_TIMEOUT": "soon",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "gss",
    "PGCLIENTENCODING": "latin1",
    "PGDATA": "/nowhere",
}


def test_no_variable_leads_to_another_server_or_changes_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    with cluster("of-our-own", lambda _: None, UNSYNCED) as server:
        for names in ({*VARIABLES}, *({name} for name in VARIABLES)):
            for name in {*VARIABLES} - names:
                monkeypatch.delenv(name, raising=False)
            for name in names:
                monkeypatch.setenv(name, VARIABLES[name])
            with connect(server.folder) as connection:
                assert connection.execute("show unix_socket_directories").fetchone() == (str(server.folder),)
                assert connection.execute("show search_path").fetchone() == ('"$user", public',)
            assert {name: value for name, value in os.environ.items() if name in VARIABLES} == {
                name: VARIABLES[name] for name in names
            }


def test_what_cannot_be_filled_leaves_nothing_and_is_tried_again() -> None:
    def fails(connection: Any) -> None:
        connection.execute("create table half (n int)")
        raise ValueError("no rows")

    with pytest.raises(ValueError, match="no rows"), cluster("half", fails):
        raise AssertionError("it began")
    assert not [*module._kept().glob("half*")]
    with cluster("half", lambda _: None) as server, connect(server.folder) as connection:
        assert connection.execute("select count(*) from pg_class where relname = 'half'").fetchone() == (0,)


def test_what_the_server_cannot_do_is_told_as_one_that_does_not_start() -> None:
    def fails(connection: Any) -> None:
        connection.execute("create table full (n int")

    with pytest.raises(NotStarted, match=r"^PostgreSQL does not start(.|\n)*syntax error"), cluster("full", fails):
        raise AssertionError("it began")
    assert not [*module._kept().glob("full*")]


@pytest.mark.parametrize("program", ["postgres", "initdb"])
def test_one_that_dies_is_told_and_leaves_nothing(
    program: str, dying: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    dying("postgres", *([] if program == "postgres" else ["initdb"]))
    kept = module._kept()  # outlives this test
    own = private_folder(for_others=True)  # in a common one, other tests begin and end
    monkeypatch.setenv("TMPDIR", str(own))
    monkeypatch.setattr("tempfile.tempdir", str(own))
    words = LAST_WORDS if program == "initdb" else "initdb"
    with (
        pytest.raises(NotStarted, match=rf"^PostgreSQL does not start, so it is not measured here\.(.|\n)*{words}"),
        cluster("dies", lambda _: None),
    ):
        raise AssertionError("it began")
    assert not [*kept.glob("dies*")] and not [*own.iterdir()]
    own.rmdir()


def test_one_that_dies_in_mid_run_is_told_in_a_sentence_with_the_end_of_its_log() -> None:
    require(POSTGRESQL)
    with (
        pytest.raises(ServerFailed, match=r"^The PostgreSQL server died\."),
        cluster("dies", lambda connection: None) as server,
        connect(server.folder) as connection,
    ):
        server.kill()
        connection.execute("select 1")
    assert not server.folder.exists()


@pytest.mark.parametrize("user", [ROOT, ORDINARY])
def test_all_is_gone_with_the_process(user: str) -> None:
    with subprocess.Popen(
        [*as_user(user), sys.executable, "-c", KEEPS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": "/tmp", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd="/",
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        kept, folder, number = process.stdout.readline().split()
        assert number == "42" and Path(kept).is_dir() and Path(folder).is_dir()
        process.stdin.close()
    assert process.returncode == 0 and not Path(kept).exists() and not Path(folder).exists()


def test_what_a_killed_process_keeps_is_removed_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {**os.environ, "TMPDIR": "/tmp", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", KEEPS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        kept, folder, _ = map(Path, process.stdout.readline().split())
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: not folder.exists(), "the end of the server's folder")
    assert kept.is_dir()
    os.utime(kept, (0, 0))
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    private_folder(for_others=False).rmdir()
    assert not kept.exists()


def test_where_it_is_missing_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(POSTGRESQL), "find", lambda _: None)
    with (
        pytest.raises(NotInstalled, match="PostgreSQL is not installed, so it is not measured here"),
        cluster("missing", lambda _: None),
    ):
        raise AssertionError("it began")
