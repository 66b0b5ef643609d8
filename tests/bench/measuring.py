"""What measuring itself costs: recording one latency, sending on schedule, importing, encoding a picture."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram
from PIL import Image

from perflab.chapters.measuring_latency import stopwatch
from perflab.lab.picture import Picture
from perflab.lab.png import encode
from perflab.lab.verdict import ratio_text
from perflab.measure.compare import paired_ratio
from perflab.measure.http_target import HttpTarget
from perflab.measure.load import open_loop
from perflab.measure.percentiles import percentile
from perflab.measure.schedule import constant
from perflab.measure.timing import time_calls
from perflab.measure.units import count, duration
from perflab.systems.http.connection import request_bytes
from perflab.systems.process.child import ChildServer, serve
from perflab.systems.servers.real.nginx import NGINX

CALLS = 50_000
ROUNDS = 15
RATES = (1_000, 2_000, 5_000, 7_000, 10_000, 15_000, 20_000)
LOAD_S, CONNECTIONS = 2.0, 128
CHAPTERS = (
    "start_here.first_lab",
    "measuring_latency.coordinated_omission",
    "where_latency_comes_from.make_it_fast",
    "where_latency_comes_from.exercises",
)


def rows() -> Iterator[tuple[str, str, str]]:
    """All rows of this file."""
    yield from recording()
    yield from sending()
    yield from importing()
    yield from encoding()


def recording() -> Iterator[tuple[str, str, str]]:
    """Nanoseconds per recorded call of an empty operation, interleaved."""
    contenders: dict[str, Callable[[], Any]] = {"floor": _floor, "time_calls": _ours, "hdrhistogram": _hdr()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            started = time.perf_counter_ns()
            contender()
            times[name].append((time.perf_counter_ns() - started) / CALLS)
    cost = {name: median(values) for name, values in times.items()}
    ratios = {name: paired_ratio(values, times["floor"]) for name, values in times.items()}
    yield (
        "recording one latency: time_calls ÷ (two clock readings + list append)",
        "≤ 1.5×",
        f"{ratio_text(ratios['time_calls'])}, {cost['time_calls']:.0f} ns",
    )
    yield (
        "beside it: two clock readings + hdrhistogram's record_value",
        "—",
        f"{ratio_text(ratios['hdrhistogram'])}, {cost['hdrhistogram']:.0f} ns",
    )


def _operation() -> None:
    pass


def _floor() -> None:
    now_ns, operation, times = time.perf_counter_ns, _operation, []
    for _ in range(CALLS):
        started = now_ns()
        operation()
        times.append(now_ns() - started)


def _ours() -> None:
    time_calls(_operation, repeats=CALLS, generation=0)


def _hdr() -> Callable[[], None]:
    histogram = HdrHistogram(1, 3_600_000_000_000, 3)

    def record() -> None:
        now_ns, operation = time.perf_counter_ns, _operation
        for _ in range(CALLS):
            started = now_ns()
            operation()
            histogram.record_value(now_ns() - started)

    return record


def sending() -> Iterator[tuple[str, str, str]]:
    """The open-loop generator, before a server that costs less than itself where there is one: what is lost is then its doing."""
    held = 0
    for rate in RATES:
        with _server() as server, HttpTarget(server.port, request_bytes("/"), CONNECTIONS) as target:
            result = open_loop(constant(rate, LOAD_S), target)
        late = percentile(result.lateness_ns, 0.99)
        lost = result.not_sent + result.failures + result.timeouts
        held = rate if late <= 1e6 and not lost else held
        if rate == 5_000:
            yield ("open loop at 5,000 requests/s: p99 lateness", "≤ 1 ms", f"{duration(late)}, {lost} lost")
    yield (
        "highest rate the open loop holds (p99 lateness ≤ 1 ms, nothing lost)",
        "≥ 20,000/s",
        f"{count(held)}/s",
    )


def _server() -> ChildServer:
    if NGINX.find() is None:
        return serve("perflab.systems.servers.echo", http=True)
    return NGINX.start(workers=1, paths={"/": 'return 200 "hello";'})


def importing() -> Iterator[tuple[str, str, str]]:
    """Seconds to import, over an empty interpreter, best of a few."""
    empty = _best_s("pass")
    yield ("`import perflab`", "≤ 0.1 s", f"{_best_s('import perflab') - empty:.3f} s")
    for chapter in CHAPTERS:
        yield (f"import {chapter}", "≤ 0.6 s", f"{_best_s(f'import perflab.chapters.{chapter}') - empty:.2f} s")


def _best_s(code: str) -> float:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(time.perf_counter() - started)
    return min(times)


def encoding() -> Iterator[tuple[str, str, str]]:
    """Our PNG encoder against Pillow's fastest level, on a real chart."""
    drawn: list[bytes] = []
    Picture(stopwatch.CHARTS[0], 550, 350, drawn.append).draw()
    with Image.open(io.BytesIO(drawn[-1])) as image:
        pixels = np.asarray(image)
    ours, pillow = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        mine = len(encode(pixels))
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)
        pillow.append(time.perf_counter() - started)
    size = f"{mine / 1000:.0f} kB against {file.tell() / 1000:.0f} kB"
    yield ("PNG of a chart, ours against Pillow's fastest", "faster", f"{median(pillow) / median(ours):.1f}×, {size}")
