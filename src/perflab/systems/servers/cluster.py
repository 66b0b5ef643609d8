"""PostgreSQL for a `with` block, ready soon: its data folder is made once, kept for the life of this process, and copied."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.systems.process.child import DEATH_S
from perflab.systems.process.installed import KeptServer, NotStarted
from perflab.systems.process.keeper import UNPRIVILEGED
from perflab.systems.process.private_folder import private_folder
from perflab.systems.servers.real.postgresql import PORT, POSTGRESQL, USER

if TYPE_CHECKING:
    from psycopg import Connection

Fill = Callable[["Connection[Any]"], object]
UNSYNCED = {"fsync": "off", "full_page_writes": "off"}
"""For what need not outlive the machine."""
VARIABLES = "PG"
"""How all names of variables begin that libpq goes by, PGHOSTADDR among them."""
_connecting = threading.Lock()
"""One thread at a time: another one would put the variables back too early."""


@contextmanager
def cluster(name: str, fill: Fill, options: Mapping[str, str] | None = None) -> Iterator[KeptServer]:
    """A server of its own for this block, on a copy of the cluster of this name, to which one may `connect`.

    The first time in a process, the cluster is made and `fill(connection)` called; that takes some seconds, and a copy half a
    second. `options` are settings of the server. Not thread-safe. Raises `NotInstalled`, `NotStarted` also where it
    cannot do what `fill` asks, and what else `fill` raises; `ServerFailed` where the block lost its connection as it died.
    """
    with POSTGRESQL.start(options=options, data=str(_made(name, fill))) as server:
        try:
            yield server
        except Exception as error:
            from psycopg import OperationalError  # late: it takes as long as everything else here

            if isinstance(error, OperationalError):
                server.check(DEATH_S)
            raise


def connect(folder: Path | str) -> Connection[Any]:
    """A connection to the server whose folder this is, also from another process: each statement is a transaction of its own
    unless it begins one, and is prepared when it is first sent. Variables of the environment lead to no other server, and change
    nothing.
    """
    import psycopg

    with _connecting, _without(VARIABLES):
        return psycopg.connect(
            host=str(folder), port=PORT, user=USER, dbname="postgres", autocommit=True, prepare_threshold=0
        )


@contextmanager
def _without(prefix: str) -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith(prefix)}
    try:
        yield
    finally:
        os.environ.update(kept)


def _made(name: str, fill: Fill) -> Path:
    if POSTGRESQL.find() is None:
        return Path(name)  # it is not started either
    from psycopg import Error  # late, as above

    made = _kept() / name
    unfinished = made.with_suffix(".part")
    if not made.exists():
        try:
            with (
                POSTGRESQL.start(options=UNSYNCED, kept=str(unfinished)) as server,
                connect(server.folder) as connection,
            ):
                fill(connection)
            unfinished.rename(made)
        except Error as error:  # such as no space left on the drive
            raise NotStarted(POSTGRESQL.name, str(error)) from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return made


@functools.cache
def _kept() -> Path:
    """Locked as long as this process lives. Where this process is killed, the next one that makes such a folder removes it."""
    import pwd  # not on Windows

    is_root = os.geteuid() == 0
    folder = private_folder(for_others=is_root)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if is_root:
        user = pwd.getpwnam(UNPRIVILEGED)
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder
