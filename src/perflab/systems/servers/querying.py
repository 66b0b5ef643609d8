"""Connections that query one database, in a process of their own.

In the process that measures they would take the CPU from one another, and a run would be called noisy for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from perflab.measure.guards import BadInput, check_number, machine_limits
from perflab.systems.databases.closed_loop import Queried
from perflab.systems.process.child import ChildServer, announce, answer_requests, read_config
from perflab.systems.servers.query_kinds import KINDS, MAX_CONNECTIONS, POSTGRES, SQLITE, Database, Sqlite

WAIT_MS = 5.0
"""How long a query waits that waits."""
MAX_S = 1.0


class Querying(ChildServer):
    """The process, for as long as its block lasts; it has its database in this folder."""

    def __init__(self, database: str, folder: Path) -> None:
        super().__init__("perflab.systems.servers.querying", {"database": database, "folder": str(folder)})
        self.folder = folder

    def load(self, kind: str, connections: int, seconds: float, wait_ms: float = WAIT_MS) -> Queried:
        """So many connections with queries of that kind for so long. Raises `BadInput` for more than are allowed."""
        if kind not in KINDS:
            raise BadInput(f"kind must be one of {', '.join(KINDS)}; got {kind!r}.")
        check_number("connections", connections, 1, MAX_CONNECTIONS, whole=True)
        check_number("seconds", seconds, 0.001, MAX_S)
        machine_limits().check(threads=connections)
        return Queried(**self.ask("load", kind=kind, connections=connections, seconds=seconds, wait_ms=wait_ms))

    @property
    def stored(self) -> int:
        """How many durable commits the database holds: rows of their own, and what was added to the hot row."""
        return int(self.ask("count")["stored"])


@contextmanager
def querying(database: str = SQLITE) -> Iterator[Querying]:
    """The process, and a database of its own. Raises `NotInstalled` where that is not here, `ServerFailed` where it dies."""
    if database not in (SQLITE, POSTGRES):
        raise BadInput(f"database must be {SQLITE} or {POSTGRES}; got {database!r}.")
    with ExitStack() as opened:
        if database == POSTGRES:
            from perflab.systems.servers.cluster import cluster
            from perflab.systems.servers.query_postgresql import NAME, OPTIONS, fill

            folder = opened.enter_context(cluster(NAME, fill, OPTIONS)).folder
        else:
            folder = Path(
                opened.enter_context(
                    tempfile.TemporaryDirectory(prefix="perflab-querying-", ignore_cleanup_errors=True)
                )
            )
        yield opened.enter_context(Querying(database, folder))


def _opened(database: str, folder: str) -> Database:
    if database == SQLITE:
        return Sqlite(Path(folder))
    from perflab.systems.servers.query_postgresql import Postgresql

    return Postgresql(folder)


def _main(database: str, folder: str) -> None:
    with closing(_opened(database, folder)) as asked:

        def load(**setting: Any) -> dict[str, Any]:
            return vars(asked.load(**setting))

        announce(0)  # it listens on no port
        answer_requests({"load": load, "count": lambda: {"stored": asked.stored()}})


if __name__ == "__main__":
    _main(**read_config())
