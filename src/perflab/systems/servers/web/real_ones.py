"""Node.js, Apache and nginx with the paths of our own servers: "/", "/wait?ms=" and "/compute?ms="."""

from __future__ import annotations

from pathlib import Path

from perflab.systems.process.child import ChildServer
from perflab.systems.process.installed import Installable
from perflab.systems.servers.real.apache import APACHE, module_folder
from perflab.systems.servers.real.nginx import NGINX
from perflab.systems.servers.real.node import NODE
from perflab.systems.servers.web.answers import COMPUTE, WAIT
from perflab.systems.servers.web.settings import Settings

REAL: dict[str, Installable] = {each.name: each for each in (NODE, APACHE, NGINX)}
NODE_COMPUTE = """
const used = () => { const { user, system } = process.cpuUsage(); return user + system; };
const until = used() + 1000 * Number(request.url.split("ms=")[1] || 0);
let state = 1;
do { for (let i = 0; i < 20000; i++) state = (state * 69069 + 1) >>> 0; } while (used() < until);
response.end("ok");
"""
NODE_WAIT = "setTimeout(() => response.end('ok'), Number(request.url.split('ms=')[1] || 0));"
NODE_PROXY = """
const http = require("http");
globalThis.agent = globalThis.agent || new http.Agent({ keepAlive: true, maxFreeSockets: 4096 });
const fail = () => { response.statusCode = 503; response.end("The server behind does not answer."); };
http.get({ host: "127.0.0.1", port: PORT, path: request.url, agent }, (reply) => {
  const parts = [];
  reply.on("data", (part) => parts.push(part));
  reply.on("end", () => { response.statusCode = reply.statusCode; response.end(Buffer.concat(parts)); });
  reply.on("error", fail);
}).on("error", fail);
"""
LUA_MS = 'local ms = tonumber(string.match(r.args or "", "ms=([%d.]+)")) or 0'
LUA_COMPUTE = f"""
{LUA_MS}
local stop, state = os.clock() + ms / 1000, 1
repeat
  for i = 1, 2000 do state = (state * 69069 + 1) % 4294967296 end
until os.clock() >= stop
r:puts("ok")
"""
LUA_WAIT = f'{LUA_MS}\nr.usleep(1000 * ms)\nr:puts("ok")'
NGINX_PROXY = 'proxy_pass http://waits; proxy_http_version 1.1; proxy_set_header Connection "";'
NGINX_UPSTREAM = "upstream waits {{ server 127.0.0.1:{port}; keepalive 1024; }}"


def why_not(architecture: str) -> str:
    """One sentence for where this server cannot be started; empty where it can."""
    program = REAL[architecture].find()
    if program is None:
        return REAL[architecture].why_missing()
    if architecture == APACHE.name and not Path(module_folder(program), "mod_lua.so").exists():
        return "Apache is not measured here: its module mod_lua is missing, in which it would compute."
    return ""


def start_real(architecture: str, settings: Settings, compute_port: int) -> ChildServer:
    """Start it; nginx, which runs no code, passes what is to be computed on to `compute_port`."""
    starts = {NODE.name: _start_node, APACHE.name: _start_apache}
    return starts[architecture](settings) if architecture in starts else _start_nginx(settings, compute_port)


def _start_node(settings: Settings) -> ChildServer:
    wait = NODE_PROXY.replace("PORT", str(settings.backend_port)) if settings.backend_port else NODE_WAIT
    return NODE.start(keep_alive_s=settings.keep_alive_s, paths={WAIT: wait, COMPUTE: NODE_COMPUTE})


def _start_apache(settings: Settings) -> ChildServer:
    how = {"workers": settings.workers, "keep_alive_s": settings.keep_alive_s, "backlog": settings.backlog}
    if not settings.backend_port:
        return APACHE.start(**how, paths={COMPUTE: LUA_COMPUTE, WAIT: LUA_WAIT})
    proxy = f"ProxyPass {WAIT} http://127.0.0.1:{settings.backend_port}{WAIT}"
    return APACHE.start(**how, paths={COMPUTE: LUA_COMPUTE}, lines=proxy, modules=["proxy", "proxy_http"])


def _start_nginx(settings: Settings, compute_port: int) -> ChildServer:
    # What computes gets a connection for each request: whichever process is free takes the next one.
    computes = f"proxy_pass http://127.0.0.1:{compute_port};"
    upstream = NGINX_UPSTREAM.format(port=settings.backend_port) if settings.backend_port else ""
    waits = NGINX_PROXY if settings.backend_port else computes
    return NGINX.start(keep_alive_s=settings.keep_alive_s, lines=upstream, paths={WAIT: waits, COMPUTE: computes})
