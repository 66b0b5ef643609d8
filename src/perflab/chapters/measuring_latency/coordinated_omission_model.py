"""When each request of the two loops was where: what client and server noted of it, on one clock, turn after turn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from perflab.chapters import load_moments
from perflab.measure.http_reply import Reply
from perflab.measure.load import LoadResult
from perflab.systems.http.server_timing import state_of

Turn = Mapping[str, NDArray[np.float64]]
Replies = Mapping[int, tuple[int, Reply]]
"""Of each request, by its number: when the client saw its reply, by the machine's clock (ns), and that reply."""


def turn_of(result: LoadResult, schedule_ns: NDArray[np.int64], replies: Replies, ahead_ns: int) -> Turn:
    """The turn of a loop. The server's clock, by which replies tell, is `ahead_ns` of the machine's.

    A request of the loop that waits is due when it is sent. It is at work while it has the server's turn, stalls included. Those
    that the other loop did not send are gone at once; when it gave up those that it sent in vain is not known.
    """
    has_reply = np.isin(result.numbers, list(replies))
    answered = result.numbers[has_reply]
    seen_ns = np.array([replies[number][0] for number in answered.tolist()], np.int64)
    told = [state_of(replies[number][1]) for number in answered.tolist()]
    server_ns = [(each["concurrency"][0], each["stall"][0], each["concurrency"][1]) for each in told]
    due_ns = seen_ns - result.response_ns[has_reply]
    stages = np.array([due_ns, *(np.array(server_ns, np.int64).reshape(-1, 3) - ahead_ns).T, seen_ns])
    if result.closed or not answered.size:
        return load_moments.turn_of(stages)
    begins_ns = due_ns[0] - schedule_ns[answered[0]]
    lost = np.setdiff1d(np.arange(schedule_ns.size), answered)
    vain = np.full((len(stages), lost.size), np.nan)
    vain[0] = schedule_ns[lost]
    vain[-1] = np.where(np.isin(lost, result.numbers), np.nan, schedule_ns[lost])
    return load_moments.turn_of(np.column_stack([stages - begins_ns, vain]))


moments = load_moments.moments_of_turns(least_s=lambda run: run.parameters["every"] / 1e3)
"""Each turn is as long as the period of the stalls."""
