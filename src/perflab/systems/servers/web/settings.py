"""What can be set of a web server, whatever its architecture."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.measure.guards import check_number

MAX_WORKERS = 400
MAX_BACKLOG = 4_096
MAX_KEEP_ALIVE_S = 600.0


@dataclass(frozen=True)
class Settings:
    """`workers` are the processes of prefork and Apache; each serves one connection until that is closed, or idle for
    `keep_alive_s`. With 0 s, a connection is closed after its reply. `backlog` is for ours and Apache. "/wait?ms=" is passed on
    to the server on `backend_port`; without one, the server waits itself.
    """

    workers: int = 10
    keep_alive_s: float = 75.0
    backlog: int = MAX_BACKLOG
    backend_port: int = 0

    def __post_init__(self) -> None:
        check_number("workers", self.workers, 1, MAX_WORKERS, whole=True)
        check_number("keep_alive_s", self.keep_alive_s, 0, MAX_KEEP_ALIVE_S)
        check_number("backlog", self.backlog, 1, MAX_BACKLOG, whole=True)
        check_number("backend_port", self.backend_port, 0, 65_535, whole=True)
