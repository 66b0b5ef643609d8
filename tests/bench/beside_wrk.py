"""What our generator adds to a response time: the same nginx, asked by us and by wrk in turns, over one connection."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
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
from perflab.systems.servers.real.nginx import NGINX

PAIRS, REQUESTS = 9, 20_000
WHAT, MUST = "p50 of the same nginx over one connection, ours ÷ wrk's", "≤ 1.1×"
UNITS_NS = {"us": 1e3, "ms": 1e6, "s": 1e9}


def rows() -> Iterator[tuple[str, str, str]]:
    """One row; it says so where one of the two is not installed."""
    wrk = shutil.which("wrk")
    if NGINX.find() is None or wrk is None:
        yield WHAT, MUST, "not measured here: it needs nginx and wrk"
        return
    ours, theirs = [], []
    with NGINX.start(workers=1, paths={"/": 'return 200 "hello";'}) as server:
        for _ in range(PAIRS):
            ours.append(_ours(server.port))
            theirs.append(_theirs(wrk, server.port))
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
