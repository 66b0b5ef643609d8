"""Apache with prefork: a process per connection. Code runs inside these processes, in Lua as elsewhere in PHP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from perflab.measure.guards import check_number
from perflab.systems.process.installed import Installable, Packages
from perflab.systems.process.keeper import BACKLOG, Launch, Place, keep
from perflab.systems.servers.real.http import ASK, PAGE, READY

APACHE = Installable(
    "Apache",
    ("apache2", "httpd"),
    Packages(apt="apache2-bin", apt_starts_it=False, brew="httpd"),
    "perflab.systems.servers.real.apache",
    version_flag="-v",
)
MODULES = ("lib/apache2/modules", "lib64/httpd/modules", "lib/httpd/modules", "libexec/apache2", "modules")
"""Below the folder that holds the program's folder: Debian, Fedora, Homebrew, macOS, Apache's own."""
MAX_WORKERS = 400
"""Each is a process of 0.2 MB."""
NEEDED = ("mpm_prefork", "unixd", "authz_core", "dir")
CONFIG = """\
ServerRoot "{folder}"
ServerName 127.0.0.1
DefaultRuntimeDir "{folder}"
PidFile "{folder}/apache.pid"
ErrorLog /dev/stderr
LogLevel warn
Listen 127.0.0.1:{port}
ListenBacklog {backlog}
{loaded}
{user}
DocumentRoot "{folder}/www"
DirectoryIndex index.html
ServerLimit {workers}
MaxRequestWorkers {workers}
StartServers {workers}
MinSpareServers 1
MaxSpareServers {workers}
MaxConnectionsPerChild 0
KeepAlive {keep_alive}
MaxKeepAliveRequests 0
KeepAliveTimeout {keep_alive_ms}ms
Timeout 30
{scripts}
{lines}
"""
LOAD = """\
<IfModule !{name}_module>
LoadModule {name}_module "{folder}/mod_{name}.so"
</IfModule>"""
SCRIPT = 'LuaMapHandler "^{path}$" "{file}" handle'


def launch(
    place: Place,
    workers: int = 10,
    keep_alive_s: float = 5,
    backlog: int = BACKLOG,
    paths: Mapping[str, str] | None = None,
    lines: str = "",
    modules: Sequence[str] = (),
) -> Launch:
    """`paths` says for each path the Lua that answers the request `r`, `lines` is added at the end; "/" is a page of 1 KB.

    In Lua, `r:puts("ok")` answers and `r.usleep(50000)` waits. `keep_alive_s` of 0 closes each connection after its reply.
    """
    check_number("workers", workers, 1, MAX_WORKERS, whole=True)
    place.write("www/index.html", PAGE)
    wanted = (*NEEDED, *(("lua",) if paths else ()), *modules)
    scripts = [
        SCRIPT.format(path=path, file=place.write(f"lua/{number}.lua", f"function handle(r)\n{said}\nreturn 0\nend\n"))
        for number, (path, said) in enumerate((paths or {}).items())
    ]
    port = place.free_port()
    config = CONFIG.format(
        folder=place.folder,
        port=port,
        backlog=backlog,
        loaded="\n".join(LOAD.format(name=name, folder=module_folder(place.program)) for name in wanted),
        user=f"User {place.user}\nGroup {place.group}" if place.user else "",
        workers=workers,
        keep_alive="On" if keep_alive_s else "Off",
        keep_alive_ms=max(1, round(keep_alive_s * 1_000)),
        scripts="\n".join(["LuaScope thread", *scripts] if scripts else []),
        lines=lines,
    )
    return Launch((place.program, "-f", place.write("apache.conf", config), "-DFOREGROUND"), ASK, READY, port=port)


def module_folder(program: str) -> Path:
    above = Path(program).resolve().parents[1]
    return next((found for each in MODULES if (found := above / each).is_dir()), above / MODULES[0])


if __name__ == "__main__":
    keep(launch)
