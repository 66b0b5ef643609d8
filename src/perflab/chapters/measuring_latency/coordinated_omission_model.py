"""When each request of the two loops was where: what client and server noted of it, on one clock, turn after turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.lab.moments import SERVED, Moments
from perflab.measure.http_reply import Reply
from perflab.measure.load import LoadResult
from perflab.systems.http.server_timing import state_of

STAGES = ("due_s", "queued_s", "started_s", "done_s", "gone_s")
Turn = Mapping[str, NDArray[Any]]
Replies = Mapping[int, tuple[int, Reply]]
"""Of each request, by its number: when the client saw its reply, by the machine's clock (ns), and that reply."""


def turn_of(result: LoadResult, replies: Replies, ahead_ns: int) -> Turn:
    """Columns of a turn, from its first request on: `STAGES` of each request that was answered; "requests", how many these are,
    and "turn_s", when the last one was answered. The server's clock, by which replies tell, is `ahead_ns` of the machine's.

    A request of the loop that waits is due when it is sent. It is at work while it has the server's turn, stalls included.
    """
    numbers = [number for number in result.numbers.tolist() if number in replies]
    seen_ns = np.array([replies[number][0] for number in numbers], np.int64)
    answered = np.isin(result.numbers, numbers)
    told = [state_of(replies[number][1]) for number in numbers]
    server_ns = (
        np.array([(*each["concurrency"], each["stall"][0]) for each in told], np.int64).reshape(-1, 3) - ahead_ns
    )
    due_ns = seen_ns - result.response_ns[answered]
    queued_ns, done_ns, started_ns = server_ns.T
    since_ns = due_ns.min(initial=2**62)
    moments = dict(zip(STAGES, (due_ns, queued_ns, started_ns, done_ns, seen_ns), strict=True))
    columns = {name: (moment - since_ns) / 1e9 for name, moment in moments.items()}
    return {**columns, "requests": np.array([len(numbers)]), "turn_s": np.array([columns["gone_s"].max(initial=0.0)])}


def moments(record: Record) -> Moments | None:
    """One turn after the other, each as long as the period of the stalls. None where a request was not answered: when it was
    given up is not recorded.
    """
    requests, lost = record.column("requests").astype(int), ("failures", "timeouts", "not_sent")
    if not requests.sum() or any(record.count(name) for name in lost):
        return None
    lasts_s = np.maximum(record.column("turn_s"), record.parameters["every"] / 1e3)
    begins_s = np.repeat(np.cumsum(lasts_s) - lasts_s, requests)
    stages = {name: begins_s + record.column(name) for name in STAGES}
    became = np.full(begins_s.size, SERVED)
    return Moments(**stages, became=became, server=0 * became, until_s=float(lasts_s.sum()))
