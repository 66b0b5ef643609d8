"""Redis: it keeps everything in memory, listens on a unix socket only, and saves nothing."""

from __future__ import annotations

from collections.abc import Mapping

from perflab.systems.process.installed import Installable, Packages
from perflab.systems.process.keeper import Launch, Place, keep

REDIS = Installable(
    "Redis",
    ("redis-server",),
    Packages(apt="redis-server", conda="redis-server", brew="redis"),
    "perflab.systems.servers.real.redis",
)


def launch(place: Place, options: Mapping[str, str] | None = None) -> Launch:
    """`options` are lines of its configuration, such as {"maxmemory": "10mb"}."""
    socket = str(place.folder / "redis.sock")
    given = {
        "port": "0",
        "unixsocket": socket,
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "dir": str(place.folder),
        "loglevel": "warning",
        **(options or {}),
    }
    flags = [word for name, value in given.items() for word in (f"--{name}", value)]
    return Launch((place.program, *flags), b"PING\r\n", b"+PONG", socket_path=socket)


if __name__ == "__main__":
    keep(launch)
