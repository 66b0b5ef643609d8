"""Records of a queue with everything that may become of a request, made on a virtual clock and told by two clocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.lab.moments import FAILED, OPEN, REJECTED, SERVED, Moments
from perflab.measure.frame import Frame
from perflab.measure.schedule import poisson
from perflab.systems.clients.attempts import Attempts, Patience
from perflab.systems.clients.virtual_servers import play
from perflab.systems.servers.waiting_line import LineRules

RUN_S = 2.0
WORKERS = 3
READ_S = (0.5, 1.0, 1.5, 2.0)
AHEAD_NS = (7_000_000_000, 7_000_020_000, 7_000_500_000, 7_001_000_000)
"""When both clocks are read, and by how much the server's is ahead then, and was since the reading before."""


def queue_record(seed: int = 1, rate: float = 330, places: int = 12, timeout_s: float = 0.04) -> Record:
    """A line with few places before workers that need 10 ms on average, and clients that wait no longer than that."""
    schedule = poisson(rate, RUN_S, seed)
    services_us = np.random.default_rng(seed).exponential(10_000, schedule.size).astype(np.int64)
    client = Patience(timeout_s=timeout_s, retry=lambda tries, _: 0.0 if tries < 2 else None)
    rules = LineRules(workers=WORKERS, places=places)
    frame = play(Attempts(schedule, client), schedule, services_us, rules, RUN_S)
    columns: dict[str, Any] = {name: on_servers_clock(each) for name, each in frame.samples.items()}
    columns |= {name: each for name, each in frame.samples.items() if not is_the_servers(name)}
    columns |= {"paused_s": np.array(READ_S), "paused_ns": np.round(1e9 * np.array(READ_S)) + AHEAD_NS}
    return Record("any", {}, seed, "", Frame(columns, frame.counts, frame.facts), RUN_S, "complete")


def is_the_servers(name: str) -> bool:
    """Whether a column has moments of the server's clock."""
    return name.endswith(("arrived_ns", "started_ns", "done_ns"))


def on_servers_clock(moments_ns: NDArray[Any]) -> NDArray[Any]:
    """Moments of the client's clock, as the server's has them."""
    ahead = np.array(AHEAD_NS)[np.minimum(np.searchsorted(READ_S, moments_ns / 1e9), len(READ_S) - 1)]
    return moments_ns + ahead


def few_moments(**changes: Any) -> Moments:
    """Four requests at one worker, one that was rejected, one that failed, and one without an answer."""
    nan = np.nan
    columns = {
        "due_s": [0.0, 0.1, 0.2, 0.3, 0.35, 0.4, 0.5],
        "queued_s": [0.01, 0.11, 0.21, 0.31, nan, nan, nan],
        "started_s": [0.01, 0.26, 0.51, 0.76, nan, nan, nan],
        "done_s": [0.26, 0.51, 0.76, 0.9, nan, nan, nan],
        "gone_s": [0.27, 0.52, 0.77, 0.91, 0.36, 0.6, nan],
    }
    became = [SERVED, SERVED, SERVED, SERVED, REJECTED, FAILED, OPEN]
    made: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    made |= {"became": np.array(became), "server": np.zeros(7, int), "until_s": 1.0}
    return Moments(**{**made, **changes})
