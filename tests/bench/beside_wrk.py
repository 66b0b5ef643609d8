"""What our generator adds to a response time: the same nginx, asked by us and by wrk in turns, over one connection."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np

from perflab.lab.verdict import ratio_text
from perflab.measure.clock import SYSTEM_CLOCK
from perflab.measure.compare import paired_ratio
from perflab.measure.http_target import HttpTarget
from perflab.measure.load import Book
from perflab.measure.percentiles import percentile
from perflab.measure.units import duration
from perflab.systems.http.connection import request_bytes

PAIRS, REQUESTS = 9, 20_000
WHAT, MUST = "p50 of the same nginx over one connection, ours ÷ wrk's", "≤ 1.1×"
UNITS_NS = {"us": 1e3, "ms": 1e6, "s": 1e9}
CONFIG = """
daemon off; pid {folder}/pid; error_log stderr warn; {user}
events {{ worker_connections 64; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello"; }} }}
}}
"""


def rows() -> Iterator[tuple[str, str, str]]:
    """One row; it says so where one of the two is not installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    nginx, wrk = shutil.which("nginx", path=path), shutil.which("wrk", path=path)
    if nginx is None or wrk is None:
        yield WHAT, MUST, "not measured here: it needs nginx and wrk"
        return
    ours, theirs = [], []
    with _server(nginx) as port:
        for _ in range(PAIRS):
            ours.append(_ours(port))
            theirs.append(_theirs(wrk, port))
    times = f"{duration(median(ours), 3)} against {duration(median(theirs), 3)}"
    # wrk counts whole microseconds: the ratio has steps of a few percent.
    yield WHAT, MUST, f"{ratio_text(paired_ratio(ours, theirs))} ({times})"


def _ours(port: int) -> float:
    """Median (ns) of a client that sends its next request as soon as it has the reply, as wrk does."""
    with HttpTarget(port, request_bytes("/"), 1) as target:
        book = Book(np.zeros(REQUESTS, np.int64), SYSTEM_CLOCK)
        while book.position < REQUESTS:
            book.send(target)
            book.wait_for_rest(target, 1.0)
    return percentile(book.done - book.sent, 0.5)


def _theirs(wrk: str, port: int) -> float:
    command = [wrk, "-t1", "-c1", "-d1s", "--latency", f"http://127.0.0.1:{port}/"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"50%\s+([\d.]+)(us|ms|s)", text)
    assert found is not None, text
    return float(found[1]) * UNITS_NS[found[2]]


@contextmanager
def _server(nginx: str) -> Iterator[int]:
    """The port of an nginx of our own."""
    with tempfile.TemporaryDirectory(prefix="perflab-bench-") as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        config = Path(folder, "nginx.conf")
        user = "user nobody nogroup;" if os.geteuid() == 0 else ""
        config.write_text(CONFIG.format(folder=folder, port=port, user=user))
        with subprocess.Popen([nginx, "-p", folder, "-e", "stderr", "-c", str(config)]) as running:
            try:
                _wait_for(port)
                yield port
            finally:
                running.terminate()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            time.sleep(0.05)
    raise OSError("nginx does not listen")
