"""One request to a server of ours, with the standard library's client."""

from __future__ import annotations

import http.client

from patience import PATIENCE_S


def ask(port: int, query: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", f"/work?{query}")
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply.status, body
