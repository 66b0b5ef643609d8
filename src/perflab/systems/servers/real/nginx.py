"""nginx: an event loop in each worker process. It runs no code of ours: paths are answered from files, by modules or by proxy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perflab.measure.guards import check_number
from perflab.systems.process.installed import Installable, Packages
from perflab.systems.process.keeper import BACKLOG, Launch, Place, keep
from perflab.systems.servers.real.http import ASK, PAGE, READY

NGINX = Installable(
    "nginx",
    ("nginx",),
    Packages(apt="nginx-light", conda="nginx", brew="nginx"),
    "perflab.systems.servers.real.nginx",
    version_flag="-v",
)
MODULES = "/usr/lib/nginx/modules"
"""Where Debian and Ubuntu keep those that can be loaded, such as echo."""
EARLY_LOG_SINCE = (1, 19, 5)
MAX_WORKERS = 64
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
CONFIG = """\
{modules}
daemon off;
{user}
worker_processes {workers};
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    {temporary}
    keepalive_timeout {keep_alive_ms}ms;
    keepalive_requests 1000000;
    {lines}
    server {{
        listen 127.0.0.1:{port} backlog={backlog};
        root www;
        {locations}
    }}
}}
"""


def version_of(text: str | None) -> tuple[int, ...]:
    """A version as numbers; () where it is not known."""
    return tuple(map(int, text.split("."))) if text else ()


def launch(
    place: Place,
    workers: int = 2,
    keep_alive_s: float = 75,
    paths: Mapping[str, str] | None = None,
    lines: str = "",
    modules: Sequence[str] = (),
) -> Launch:
    """`paths` says for each path what stands in its `location`, `lines` is added to `http`; "/" is a page of 1 KB.

    `modules` are names such as "echo", with which {"/wait": "echo_sleep 0.05; echo -n ok;"} answers without a server behind.
    """
    check_number("workers", workers, 1, MAX_WORKERS, whole=True)
    place.write("www/index.html", PAGE)
    listening = place.listening_socket()
    port = listening.getsockname()[1]
    config = CONFIG.format(
        modules="\n".join(f"load_module {MODULES}/ngx_http_{name}_module.so;" for name in modules),
        user=f"user {place.user} {place.group};" if place.user else "",
        workers=workers,
        temporary=" ".join(f"{name}_temp_path {name};" for name in TEMPORARY),
        keep_alive_ms=round(keep_alive_s * 1_000),
        lines=lines,
        port=port,
        backlog=BACKLOG,
        locations="\n".join(f"location {path} {{ {said} }}" for path, said in (paths or {}).items()),
    )
    # Before it reads its configuration it opens the system's log, unless it is told of another one.
    early_log = ("-e", "stderr") if version_of(NGINX.version()) >= EARLY_LOG_SINCE else ()
    return Launch(
        (place.program, "-p", str(place.folder), *early_log, "-c", place.write("nginx.conf", config)),
        ASK,
        READY,
        port=port,
        environment={"NGINX": f"{listening.fileno()};"},  # as nginx tells itself when it is replaced while it runs
        inherited=listening,
    )


if __name__ == "__main__":
    keep(launch)
