"""PostgreSQL: a new cluster in a folder of its own, on a unix socket that only its user and root may open."""

from __future__ import annotations

import signal
import struct
from collections.abc import Mapping
from pathlib import Path

from perflab.systems.process.installed import Installable, Packages
from perflab.systems.process.keeper import Launch, Place, keep

POSTGRESQL = Installable(
    "PostgreSQL",
    ("postgres",),
    Packages(apt="postgresql", conda="postgresql", brew="postgresql@17"),
    "perflab.systems.servers.real.postgresql",
)
USER = "perflab"
PORT = "5432"
"""Part of the socket's name; it listens on no port."""
PROTOCOL = 3 << 16


def startup(user: str = USER, database: str = "postgres") -> bytes:
    """The first message of a connection (PostgreSQL documentation, "Message Formats": StartupMessage)."""
    words = b"".join(word.encode() + b"\0" for word in ("user", user, "database", database)) + b"\0"
    return struct.pack("!ii", 8 + len(words), PROTOCOL) + words


def launch(place: Place, options: Mapping[str, str] | None = None) -> Launch:
    """`options` are settings of its configuration, such as {"max_connections": "50"}."""
    data = str(place.folder / "data")
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
    return Launch(
        (place.program, "-D", data, "-p", PORT, *flags),
        ask=startup(),
        ready=b"R",
        socket_path=str(place.folder / f".s.PGSQL.{PORT}"),
        stop=signal.SIGQUIT,  # at once: nothing has to be kept. SIGTERM waits for clients, SIGINT for the disk
        before=((str(initdb), "-D", data, *cluster),),
        as_user=True,
    )


if __name__ == "__main__":
    keep(launch)
