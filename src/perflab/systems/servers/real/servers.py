"""The real servers that labs can start where they are installed."""

from __future__ import annotations

from perflab.systems.servers.real.apache import APACHE
from perflab.systems.servers.real.nginx import NGINX
from perflab.systems.servers.real.node import NODE
from perflab.systems.servers.real.postgresql import POSTGRESQL
from perflab.systems.servers.real.redis import REDIS

SERVERS = (REDIS, POSTGRESQL, NGINX, APACHE, NODE)
