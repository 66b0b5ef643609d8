"""One request to a server of ours, with the standard library's client."""

from __future__ import annotations

import http.client
from contextlib import closing

from patience import PATIENCE_S


def ask(port: int, query: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        connection.request("GET", f"/work?{query}")
        reply = connection.getresponse()
        return reply.status, reply.read()
