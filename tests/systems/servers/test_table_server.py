"""The table in PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_servers import require

from perflab.systems.databases.tables import COLUMNS, tables
from perflab.systems.process.installed import NotInstalled
from perflab.systems.servers.real.postgresql import POSTGRESQL
from perflab.systems.servers.table_server import pages

pytestmark = pytest.mark.process
ROWS = 3_000


def test_it_gives_the_sums_that_the_other_engines_give_and_its_server_ends_with_it() -> None:
    require(POSTGRESQL)
    with tables(rows=ROWS) as others, pages(ROWS) as table:
        for first, rows, columns in ((0, ROWS, COLUMNS), (17, 1, 1), (2_500, 500, 7)):
            answers = {name: other.sums(first, rows, columns) for name, other in others.items()}
            assert {*answers.values(), table.sums(first, rows, columns)} == {answers["SQLite"]}
        host = table._connection.info.host
    assert table._connection.closed
    with pytest.raises(Exception, match="connection"):
        table.sums(0, 1, 1)
    assert not Path(host).exists()


def test_one_process_answers_and_the_statement_is_kept_and_planned_for_its_rows() -> None:
    require(POSTGRESQL)
    with pages(100) as table:
        ask = table._connection.execute
        shown = [ask(f"show {name}").fetchone() for name in ("max_parallel_workers_per_gather", "jit", "autovacuum")]
        assert shown == [("0",), ("off",), ("off",)]
        table.sums(3, 5, 2)
        kept = ask("select count(*) from pg_prepared_statements where statement like 'select sum(c1), sum(c2) from%'")
        assert kept.fetchone() == (1,)
        for _ in range(10):
            table.sums(3, 5, 2)
        plans = ask("select generic_plans, custom_plans from pg_prepared_statements where statement like 'select sum%'")
        assert plans.fetchone() == (0, 11)


def test_where_it_is_missing_the_error_says_how_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(POSTGRESQL), "find", lambda self: None)
    with pytest.raises(NotInstalled, match="apt install postgresql"), pages(100):
        raise AssertionError("it began")
