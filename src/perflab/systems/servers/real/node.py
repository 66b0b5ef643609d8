"""Node.js: one event loop in one process, and JavaScript that runs on it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from perflab.systems.process.installed import Installable, Packages
from perflab.systems.process.keeper import BACKLOG, Launch, Place, keep
from perflab.systems.servers.real.http import ASK, PAGE, READY

NODE = Installable(
    "Node.js",
    ("node", "nodejs"),
    Packages(apt="nodejs", apt_starts_it=False, conda="nodejs", brew="node"),
    "perflab.systems.servers.real.node",
)
SCRIPT = """\
const page = {page};
const paths = {{
{paths}
}};
const server = require("http").createServer((request, response) => {{
  const path = request.url.split("?")[0];
  if (path in paths) paths[path](request, response);
  else response.end(page);
}});
server.keepAliveTimeout = {keep_alive_ms};
server.listen({{fd: {descriptor}, backlog: {backlog}}});
"""


def launch(place: Place, keep_alive_s: float = 75, paths: Mapping[str, str] | None = None) -> Launch:
    """`paths` says for each path the JavaScript that answers the `request`: `response.end("ok")`; others get 1 KB."""
    listening = place.listening_socket()
    functions = [f"{json.dumps(path)}: (request, response) => {{ {said} }}," for path, said in (paths or {}).items()]
    script = SCRIPT.format(
        page=json.dumps(PAGE),
        paths="\n".join(functions),
        keep_alive_ms=round(keep_alive_s * 1_000),
        descriptor=listening.fileno(),
        backlog=BACKLOG,
    )
    command = (place.program, "--stack-trace-limit=3", place.write("server.js", script))
    return Launch(command, ASK, READY, port=listening.getsockname()[1], inherited=listening)


if __name__ == "__main__":
    keep(launch)
