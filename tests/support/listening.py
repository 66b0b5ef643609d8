"""Jupyter tells its address before it listens there."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

PATIENCE_S = 30.0


def wait_until_it_listens(url: str) -> None:
    """Until the server at `url` takes connections; raises the last refusal when none has been taken in time."""
    place = urlsplit(url)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection((place.hostname, place.port), PATIENCE_S).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)
