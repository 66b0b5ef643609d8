"""PostgreSQL: a new cluster in a folder of its own, on a unix socket that only its user and root may open."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Mapping
from pathlib import Path

from perflab.systems.process.installed import Installable, Packages
from perflab.systems.process.keeper import Launch, Place, keep


def nameless() -> str:
    """It looks up the name of its user, whom some containers do not name."""
    import pwd  # not on Windows

    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return "it does not start for a user who has no name"
    return ""


POSTGRESQL = Installable(
    "PostgreSQL",
    ("postgres",),
    Packages(apt="postgresql", conda="postgresql", brew="postgresql@17"),
    "perflab.systems.servers.real.postgresql",
    obstacle=nameless,
)
USER = "perflab"
PORT = "5432"
"""Part of the socket's name; it listens on no port."""
PROTOCOL = 3 << 16


def startup(user: str = USER, database: str = "postgres") -> bytes:
    """The first message of a connection (PostgreSQL documentation, "Message Formats": StartupMessage)."""
    words = b"".join(word.encode() + b"\0" for word in ("user", user, "database", database)) + b"\0"
    return struct.pack("!ii", 8 + len(words), PROTOCOL) + words


def launch(
    place: Place, options: Mapping[str, str] | None = None, data: str | None = None, kept: str | None = None
) -> Launch:
    """`options` are settings of its configuration, such as {"max_connections": "50"}.

    `kept` is where a new cluster is made that outlives the server; with `data`, the server works on a copy of such a cluster.
    Both belong to the server's user.
    """
    folder = kept or str(place.folder / "data")
    initdb = Path(place.program).resolve().with_name("initdb")
    given = {
        "listen_addresses": "",
        "unix_socket_directories": str(place.folder),
        "unix_socket_permissions": "0700",
        "shared_buffers": "32MB",
        "dynamic_shared_memory_type": "mmap",  # files in the folder, and none in /dev/shm
        **(options or {}),
    }
    flags = [word for name, value in given.items() for word in ("-c", f"{name}={value}")]
    cluster = ("-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1")
    new = (str(initdb), "-D", folder, *cluster)
    return Launch(
        (place.program, "-D", folder, "-p", PORT, *flags),
        ask=startup(),
        ready=b"R",
        socket_path=str(place.folder / f".s.PGSQL.{PORT}"),
        # SIGQUIT ends it at once, SIGINT once all is in the files; SIGTERM waits for clients.
        stop=signal.SIGINT if kept else signal.SIGQUIT,
        before=(("cp", "-a", data, folder) if data else new,),
        as_user=True,
    )


if __name__ == "__main__":
    keep(launch)
